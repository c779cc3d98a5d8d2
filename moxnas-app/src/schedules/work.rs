//! What schedules do that somebody has made.

use std::{borrow::Cow, time::Duration};

use moxnas_pool::prune::Keep;
use serde_json::Value;

use super::{Rule, Scheduled};
use crate::{
    jobs::{Job, dataset_replicate::Replication, dataset_snapshots::KeepSnapshots},
    operation::Moved,
    store::MadeSchedule,
};

/// What a schedule does: a job, with all that it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Take a snapshot of a dataset, and delete those that are not to be kept.
    Snapshots(KeepSnapshots),
    /// Bring a replica of a dataset up to date.
    Replica(Replication),
}

impl Work {
    /// The name of the schedule that does it: it is made again when it is set anew.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Work::Snapshots(it) => format!("snapshots:{}:{}:{}", it.pool, it.dataset, it.prefix),
            Work::Replica(it) => {
                let Replication { pool, dataset, .. } = it;
                let target = it.target.as_ref().map(|it| format!("{it}:"));
                let target = target.unwrap_or_default();
                format!("replica:{pool}:{dataset}:{target}{}:{}", it.to_pool, it.to)
            }
        }
    }

    /// The pool and the dataset that it is about.
    #[must_use]
    pub fn dataset(&self) -> (&str, &str) {
        match self {
            Work::Snapshots(it) => (&it.pool, &it.dataset),
            Work::Replica(it) => (&it.pool, &it.dataset),
        }
    }

    /// The same after a dataset got another name or is gone; `None`: there is nothing left to do it
    /// with. A replica that is gone is made anew.
    pub(crate) fn after(mut self, moved: &Moved) -> Option<Work> {
        match moved {
            Moved::Gone { pool, dataset } => {
                let (of, name) = self.dataset();
                let is_gone = of == pool && dataset.as_deref().is_none_or(|it| it == name);
                (!is_gone).then_some(self)
            }
            Moved::Renamed { pool, from, to } => {
                if self.dataset() == (pool.as_str(), from.as_str()) {
                    match &mut self {
                        Work::Snapshots(it) => to.as_str().clone_into(&mut it.dataset),
                        Work::Replica(it) => to.as_str().clone_into(&mut it.dataset),
                    }
                }
                if let Work::Replica(it) = &mut self
                    && it.target.is_none()
                    && (it.to_pool.as_str(), it.to.as_str()) == (pool.as_str(), from.as_str())
                {
                    it.to = to.clone();
                }
                Some(self)
            }
        }
    }

    /// The kind of its jobs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Work::Snapshots(_) => KeepSnapshots::KIND,
            Work::Replica(_) => Replication::KIND,
        }
    }

    /// As the database has it.
    pub(crate) fn stored(&self) -> Value {
        let plain = "jobs are plain data";
        match self {
            Work::Snapshots(it) => serde_json::to_value(it).expect(plain),
            Work::Replica(it) => serde_json::to_value(it).expect(plain),
        }
    }

    fn read(kind: &str, args: &Value) -> Result<Work, NotRead> {
        Ok(match kind {
            KeepSnapshots::KIND => Work::Snapshots(serde_json::from_value(args.clone())?),
            Replication::KIND => Work::Replica(serde_json::from_value(args.clone())?),
            other => return Err(NotRead::Kind(other.to_owned())),
        })
    }

    /// What a job of it takes that begins now.
    pub(super) fn args(&self, rule: &Rule) -> Value {
        match self {
            // Days are those by whose clock it runs.
            Work::Snapshots(it) => {
                let mut it = it.clone();
                it.timezone = rule
                    .calendar
                    .zone(&rule.zone)
                    .iana_name()
                    .map(str::to_owned);
                Work::Snapshots(it).stored()
            }
            Work::Replica(_) => self.stored(),
        }
    }

    fn title(&self) -> String {
        let (pool, dataset) = self.dataset();
        match self {
            Work::Snapshots(it) if it.takes => format!("Snapshots of {pool}/{dataset}"),
            Work::Snapshots(_) => format!("Snapshots of {pool}/{dataset} that go"),
            Work::Replica(it) => format!("Replica of {pool}/{dataset} in {}", it.end()),
        }
    }

    fn about(&self) -> String {
        let (pool, dataset) = self.dataset();
        match self {
            Work::Snapshots(it) => {
                let taken = match it.takes {
                    true => format!(
                        "Takes a snapshot of {pool}/{dataset} named {}-TIME",
                        it.prefix
                    ),
                    false => format!("Takes no snapshot of {pool}/{dataset}"),
                };
                let kept = match in_words(&it.keep) {
                    Some(kept) => format!("deletes those that are not {kept}"),
                    None => "deletes none, so that they take more and more".to_owned(),
                };
                format!("{taken}, and {kept}")
            }
            Work::Replica(it) => {
                let compared = match it.compare {
                    true => ", and compares what arrived",
                    false => "",
                };
                format!(
                    "Sends what is new of {pool}/{dataset} to {}{compared}",
                    it.end()
                )
            }
        }
    }

    /// Two at a time to the same disks are slower than one after the other.
    fn group(&self) -> Option<String> {
        match self {
            Work::Snapshots(_) => None,
            Work::Replica(it) => Some(match &it.target {
                Some(target) => format!("to {target}"),
                None => format!("to {}", it.to_pool),
            }),
        }
    }
}

/// Such as "the last of 24 hours and 7 days".
fn in_words(keep: &Keep) -> Option<String> {
    let Keep {
        last,
        hourly,
        daily,
        weekly,
        monthly,
        yearly,
    } = keep;
    let periods = [
        (hourly, "hour"),
        (daily, "day"),
        (weekly, "week"),
        (monthly, "month"),
        (yearly, "year"),
    ];
    let many = |count: u32, what: &str| match count {
        1 => format!("1 {what}"),
        many => format!("{many} {what}s"),
    };
    let periods: Vec<String> = periods
        .into_iter()
        .filter_map(|(count, what)| count.map(|it| many(it, what)))
        .collect();
    let newest = last.map(|it| match it {
        1 => "the newest".to_owned(),
        many => format!("the newest {many}"),
    });
    let of_each = match periods.as_slice() {
        [] => None,
        [one] => Some(format!("the last of each of {one}")),
        [all @ .., last] => Some(format!("the last of each of {} and {last}", all.join(", "))),
    };
    match (newest, of_each) {
        (Some(newest), Some(of_each)) => Some(format!("{newest} or {of_each}")),
        (newest, of_each) => newest.or(of_each),
    }
}

/// What was written down cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum NotRead {
    /// No schedule does this.
    #[error("this release has no schedules of the kind {0}")]
    Kind(String),
    /// Its fields are others.
    #[error("what it does cannot be read")]
    Args(#[from] serde_json::Error),
}

impl Scheduled {
    /// One that somebody has made.
    pub(super) fn made(stored: &MadeSchedule) -> Result<Scheduled, NotRead> {
        let work = Work::read(&stored.kind, &stored.args)?;
        Ok(Scheduled {
            name: Cow::Owned(stored.name.clone()),
            title: Cow::Owned(work.title()),
            about: Cow::Owned(work.about()),
            expression: Cow::Owned(stored.expression.clone()),
            pause_at: None,
            jitter: Duration::ZERO,
            group: work.group().map(Cow::Owned),
            kind: work.kind(),
            work: Some(work),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_said_in_words() {
        let keep = Keep {
            hourly: Some(24),
            daily: Some(7),
            ..Keep::default()
        };
        let said = |keep: Keep| in_words(&keep).unwrap_or_default();
        assert_eq!(said(keep), "the last of each of 24 hours and 7 days");
        let all = Keep {
            last: Some(1),
            yearly: Some(1),
            ..keep
        };
        let words = "the newest or the last of each of 24 hours, 7 days and 1 year";
        assert_eq!(said(all), words);
        let newest = Keep {
            last: Some(3),
            ..Keep::default()
        };
        assert_eq!(said(newest), "the newest 3");
        assert_eq!(said(Keep::default()), "");
    }
}
