//! Making a user, and the dataset that is its home.

use moxnas_core::{plan::Plan, units::Bytes};
use moxnas_pool::dataset::{Attributes, DatasetName, Who, dataset_path};
use moxnas_shares::accounts::{
    Change as Wish, Refusal,
    plan::{CreateUser, Step},
};

use super::{planned, verified};
use crate::{
    actor::Role,
    answers::Question,
    error::Error,
    machine::AppStep,
    operation::{Change, Lane, Operation},
    ops::datasets::{DatasetCreate, DatasetQuota, DatasetSet, is_there},
    seen::Seen,
};

/// Make a user, in all databases or in none.
#[derive(Clone, Debug)]
pub struct AccountCreate {
    /// Everything about the user.
    pub wish: CreateUser,
    /// The name, once more.
    pub user: String,
    /// The dataset that is made for the user and is its home; `None`: what `wish` says.
    pub home: Option<HomeDataset>,
}

/// A dataset that is a user's home: it belongs to the user, and nobody else may look into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HomeDataset {
    /// Its pool.
    pub pool: String,
    /// Its name.
    pub name: DatasetName,
    /// How much it may take; `None`: as much as the pool has.
    pub quota: Option<Bytes>,
}

operation!(AccountCreate, "account_create", Some(Role::Admin), (), user);

impl HomeDataset {
    /// Where it is. A pool that is not there has its name at least.
    fn path(&self, seen: &Seen) -> Result<String, Error> {
        let pool = seen.pools.find(&self.pool).map(|it| it.name.clone());
        let pool = pool.map_or_else(|| self.pool.parse(), Ok);
        Ok(dataset_path(&pool?, &self.name))
    }

    /// What is said of its folder.
    fn attributes(uid: u32, gid: u32) -> Attributes<Who> {
        Attributes {
            owner: Some(Who::Id(uid)),
            group: Some(Who::Id(gid)),
            mode: Some(0o700),
            ..Attributes::default()
        }
    }

    fn creation(&self, (uid, gid): (u32, u32)) -> DatasetCreate {
        DatasetCreate {
            pool: self.pool.clone(),
            name: self.name.clone(),
            quota: self.quota,
            filesystem: None,
            attributes: HomeDataset::attributes(uid, gid),
        }
    }

    /// What is left to do of a dataset that an earlier try made.
    fn rest(&self, seen: &Seen, (uid, gid): (u32, u32)) -> Result<Plan<AppStep>, Error> {
        let (pool, dataset) = (self.pool.clone(), self.name.to_string());
        let quota = DatasetQuota {
            pool: pool.clone(),
            dataset: dataset.clone(),
            quota: self.quota,
        };
        let set = DatasetSet {
            pool,
            dataset,
            attributes: HomeDataset::attributes(uid, gid),
        };
        Ok(quota.plan(seen)?.then(set.plan(seen)?))
    }
}

impl AccountCreate {
    /// The wish, with its home.
    fn wish(&self, seen: &Seen) -> Result<CreateUser, Error> {
        let Some(home) = &self.home else {
            return Ok(self.wish.clone());
        };
        let path = home.path(seen)?;
        match &self.wish.home {
            Some(other) => Err(Error::Account(Refusal::BadHome {
                home: other.to_string(),
                why: "the dataset is to be the home",
            })),
            None => Ok(CreateUser {
                home: Some(path.parse()?),
                ..self.wish.clone()
            }),
        }
    }

    /// The account is made first, with the dataset as its home: by that the same again knows that a
    /// dataset of the name is one that it made itself. Nobody can log in before both are there.
    fn with_home(
        &self,
        seen: &Seen,
        account: Plan<AppStep>,
        home: &HomeDataset,
    ) -> Result<Plan<AppStep>, Error> {
        let begun = seen.people()?.user(&self.user);
        let made = account
            .steps
            .iter()
            .position(|it| matches!(it, AppStep::Account(Step::CreateUser { .. })));
        let owner = match (begun, made.map(|at| &account.steps[at])) {
            (_, Some(AppStep::Account(Step::CreateUser { uid, gid, .. }))) => (*uid, *gid),
            (Some(it), _) => (it.uid, it.gid),
            _ => return Err(Error::PeopleNotTold(format!("the number of {}", self.user))),
        };
        let path = home.path(seen)?;
        let is_ours = begun.is_some_and(|it| it.home == path);
        let dataset = match is_ours && is_there(seen, &home.pool, home.name.as_str()) {
            true => home.rest(seen, owner)?,
            false => home.creation(owner).plan(seen)?,
        };
        let mut steps = account.steps;
        let after = steps.split_off(made.map_or(0, |at| at + 1));
        let (before, after) = (
            Plan { steps, ..account },
            Plan {
                steps: after,
                ..Plan::default()
            },
        );
        Ok(before.then(dataset).then(after))
    }
}

impl Change for AccountCreate {
    const LANE: Lane = Lane::Shares;

    fn also(&self) -> Option<Lane> {
        self.home.as_ref().map(|_| Lane::Storage)
    }

    fn asks(&self, seen: &Seen) -> Vec<Question> {
        // By number, so that nobody has to be asked for.
        let home = self.home.as_ref().map(|it| it.creation((0, 0)).asks(seen));
        let mut all = home.unwrap_or_default();
        all.push(Question::People);
        all
    }

    fn plan(&self, seen: &Seen) -> Result<Plan<AppStep>, Error> {
        let account = planned(seen, &[Wish::CreateUser(self.wish(seen)?)])?;
        match &self.home {
            None => Ok(account),
            Some(home) => self.with_home(seen, account, home),
        }
    }

    fn etag(&self, _: &Seen) -> Option<String> {
        None
    }

    fn verify(&self, after: &Seen) -> Result<(), Error> {
        let wish = self.wish(after)?;
        verified(after, &Wish::CreateUser(wish))?;
        let made = after.people()?.user(&self.user);
        if let (Some(home), Some(it)) = (&self.home, made) {
            home.creation((it.uid, it.gid)).verify(after)?;
        }
        Ok(())
    }
}
