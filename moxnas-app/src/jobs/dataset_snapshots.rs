//! Taking a snapshot of a dataset by itself, and deleting those that are not to be kept.

use std::time::SystemTime;

use moxnas_pool::{
    dataset::{Retention, SnapshotName, SnapshotPrefix},
    prune::{Keep, TimeZone, Timestamp},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Done, Job, JobError, Run};
use crate::{
    actor::Role,
    operation::Change,
    ops::datasets::{SnapshotCreate, SnapshotPrune, snapshots_of},
    seen::Seen,
    store::Level,
};

/// Take a snapshot of a dataset, then delete those that the rules do not keep, of those that are named
/// so. Others are somebody's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeepSnapshots {
    /// Its pool.
    pub pool: String,
    /// Its name.
    pub dataset: String,
    /// What the names of the snapshots begin with.
    pub prefix: SnapshotPrefix,
    /// Whether it takes one, or only deletes: as where they arrive from elsewhere.
    pub takes: bool,
    /// How many stay. Without any rule all do.
    pub keep: Keep,
    /// Whose days count; `None`: the machine's.
    pub timezone: Option<String>,
}

/// What the job needs to know after a restart.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Noted {
    /// What the snapshot is called that it takes.
    name: SnapshotName,
}

impl Job for KeepSnapshots {
    const KIND: &'static str = "dataset_snapshots";
    const NEEDS: Role = Role::Admin;

    fn object(&self) -> String {
        format!("snapshots:{}/{}:{}", self.pool, self.dataset, self.prefix)
    }

    async fn run(self, run: &mut Run) -> Result<Done, JobError> {
        let noted = run.noted::<Noted>()?;
        let goes_on = noted.is_some();
        let take = match noted {
            Some(noted) => self.named(noted.name),
            None => {
                let take = self.take(run.app().machine.clock.now());
                let name = take.name.clone();
                run.checkpoint(&Noted { name }).await?;
                take
            }
        };
        if self.takes {
            let was_taken = goes_on
                && self
                    .names(&*run.app().look_for(&take).await?)
                    .contains(&take.name);
            if !was_taken {
                run.app().change_within_job(&take).await?;
                run.say(Level::Info, &format!("{} was taken", take.name))
                    .await?;
            }
        }
        let taken = self.takes.then_some(&take.name);
        let deleted = match self.keep.has_rules() {
            true => self.delete(run, taken).await?,
            false => Vec::new(),
        };
        let deleted_words = match deleted.len() {
            0 => "none was deleted".to_owned(),
            1 => "1 was deleted".to_owned(),
            many => format!("{many} were deleted"),
        };
        let message = match taken {
            Some(name) => format!("{name} was taken, {deleted_words}"),
            None => deleted_words,
        };
        let result = json!({
            "pool": self.pool,
            "dataset": self.dataset,
            "taken": taken,
            "deleted": deleted,
        });
        Ok(Done { message, result })
    }
}

impl KeepSnapshots {
    /// The snapshot that it takes at this moment.
    pub(crate) fn take(&self, at: SystemTime) -> SnapshotCreate {
        let at = Timestamp::try_from(at).unwrap_or(Timestamp::UNIX_EPOCH);
        self.named(self.prefix.at(at))
    }

    fn named(&self, name: SnapshotName) -> SnapshotCreate {
        SnapshotCreate {
            pool: self.pool.clone(),
            dataset: self.dataset.clone(),
            name,
        }
    }

    /// What it deletes.
    pub(crate) fn prune(&self) -> SnapshotPrune {
        let named = self.timezone.as_deref();
        let zone = named.and_then(|it| TimeZone::get(it).ok());
        SnapshotPrune {
            pool: self.pool.clone(),
            dataset: self.dataset.clone(),
            retention: Retention {
                prefix: Some(self.prefix.clone()),
                keep: self.keep,
            },
            zone: zone.unwrap_or_else(TimeZone::system),
        }
    }

    fn names(&self, seen: &Seen) -> Vec<SnapshotName> {
        let there = snapshots_of(seen, &self.pool, &self.dataset).iter();
        there.map(|it| it.name.clone()).collect()
    }

    /// The names of those that it deleted.
    async fn delete(
        &self,
        run: &Run,
        taken: Option<&SnapshotName>,
    ) -> Result<Vec<SnapshotName>, JobError> {
        let wish = self.prune();
        let seen = match taken {
            // The pool was asked after it.
            Some(_) => run.app().seen(),
            None => run.app().look_for(&wish).await?,
        };
        let plan = wish.plan(&seen)?;
        for line in &plan.warnings {
            run.say(Level::Info, line).await?;
        }
        if plan.steps.is_empty() {
            return Ok(Vec::new());
        }
        match run.app().change_as_agreed(&wish).await {
            Ok(view) => {
                let left: Vec<&SnapshotName> = view.left.iter().map(|(it, _)| &it.name).collect();
                let before = self.names(&seen).into_iter();
                Ok(before.filter(|it| !left.contains(&it)).collect())
            }
            Err(err) => {
                if let Some(name) = taken {
                    let line = format!("{name} was taken, and those before it were not deleted");
                    run.say(Level::Warning, &line).await?;
                }
                Err(err.into())
            }
        }
    }
}
