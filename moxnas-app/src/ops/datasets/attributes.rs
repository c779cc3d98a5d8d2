//! What is said of the folder of a dataset, when it is made and later.

use moxnas_core::plan::Plan;
use moxnas_pool::dataset::{
    Account, AccountKind, Attributes, Change as Wish, CreateDataset, Refusal, Who,
};

use super::{DatasetCreate, DatasetView, dataset_view, limited, not, plan_in, refused};
use crate::{
    answers::Question,
    error::Error,
    machine::AppStep,
    operation::{Change, Lane},
    ops::pools::contents_of,
    seen::Seen,
};

/// Say whose a dataset is, who may what in it, how it is compressed, and from when on somebody is told
/// how large it is.
#[derive(Clone, Debug)]
pub struct DatasetSet {
    /// Its pool.
    pub pool: String,
    /// Its name.
    pub dataset: String,
    /// What is to be said of its folder.
    pub attributes: Attributes<Who>,
}

/// What has to be asked for it: what is in the pool, and who those are that it names.
fn asks(seen: &Seen, pool: &str, attributes: &Attributes<Who>) -> Vec<Question> {
    let mut all = contents_of(seen, pool);
    let names = attributes.names().into_iter();
    all.extend(names.map(|(kind, name)| Question::Account(kind, name)));
    all
}

/// By number, as files know them.
fn known(seen: &Seen, attributes: &Attributes<Who>) -> Result<Attributes<Account>, Error> {
    let account = |kind: AccountKind, who| match who {
        Who::Id(id) => Ok(Account { id, name: None }),
        Who::Name(name) => match seen.answers.accounts.get(&(kind, name.clone())) {
            Some(Ok(Some(id))) => Ok(Account {
                id: *id,
                name: Some(name.to_string()),
            }),
            Some(Ok(None)) => Err(Refusal::NoSuchAccount { kind, name }),
            Some(Err(why)) => Err(Refusal::AccountNotKnown {
                kind,
                name,
                why: why.clone(),
            }),
            None => Err(Refusal::AccountNotKnown {
                kind,
                name,
                why: "it was not asked yet".to_owned(),
            }),
        },
    };
    attributes.clone().of(&mut { account }).map_err(refused)
}

/// The dataset, if all of it holds of its folder.
fn held(view: DatasetView, wished: &Attributes<Account>) -> Result<DatasetView, Error> {
    let (pool, name) = (&view.pool, &view.dataset.name);
    match &view.dataset.folder {
        _ if *wished == Attributes::default() => Ok(view),
        None => not(format!("the folder of {pool}/{name} cannot be looked at")),
        Some(folder) => match wished.differs(folder) {
            Some(why) => not(format!("{pool}/{name}: {why}")),
            None => Ok(view),
        },
    }
}

impl Change for DatasetCreate {
    const LANE: Lane = Lane::Storage;

    fn asks(&self, seen: &Seen) -> Vec<Question> {
        asks(seen, &self.pool, &self.attributes)
    }

    fn plan(&self, seen: &Seen) -> Result<Plan<AppStep>, Error> {
        let wish = CreateDataset {
            name: self.name.clone(),
            quota: self.quota,
            filesystem: self.filesystem,
        };
        let attributes = known(seen, &self.attributes)?;
        plan_in(seen, &self.pool, &Wish::CreateWith { wish, attributes })
    }

    fn etag(&self, _: &Seen) -> Option<String> {
        None
    }

    fn verify(&self, after: &Seen) -> Result<DatasetView, Error> {
        let view = limited(after, &self.pool, self.name.as_str(), self.quota)?;
        if let (Some(is), Some(wished)) = (view.filesystem, self.filesystem)
            && is != wished
        {
            return not(format!("{}/{} is {is}", self.pool, self.name));
        }
        held(view, &known(after, &self.attributes)?)
    }
}

impl Change for DatasetSet {
    const LANE: Lane = Lane::Storage;

    fn asks(&self, seen: &Seen) -> Vec<Question> {
        asks(seen, &self.pool, &self.attributes)
    }

    fn plan(&self, seen: &Seen) -> Result<Plan<AppStep>, Error> {
        let wish = Wish::Set {
            dataset: self.dataset.clone(),
            attributes: known(seen, &self.attributes)?,
        };
        plan_in(seen, &self.pool, &wish)
    }

    fn etag(&self, _: &Seen) -> Option<String> {
        None
    }

    fn verify(&self, after: &Seen) -> Result<DatasetView, Error> {
        let view = dataset_view(after, &self.pool, &self.dataset)?;
        held(view, &known(after, &self.attributes)?)
    }
}
