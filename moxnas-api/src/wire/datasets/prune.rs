//! Which snapshots stay.

use clap::Args;
use moxnas_app::ops::datasets::{PrunedView, SnapshotPrune};
use moxnas_core::names::BadName;
use moxnas_pool::{
    dataset::Retention,
    prune::{Keep, TimeZone},
};
use poem_openapi::Object;

use super::Snapshot;

/// Delete the snapshots of a dataset that the rules do not keep
#[derive(Clone, Debug, PartialEq, Object, Args)]
#[oai(deny_unknown_fields)]
pub struct PruneSnapshots {
    /// Its pool
    #[oai(validator(max_length = 32))]
    pub pool: String,
    /// The dataset
    #[oai(validator(max_length = 64))]
    pub dataset: String,
    /// Only those that a schedule of this prefix took; left out: all
    #[arg(long, value_name = "WORD")]
    #[oai(validator(max_length = 40))]
    pub prefix: Option<String>,
    /// What to keep
    #[command(flatten)]
    pub keep: KeepRules,
}

/// How many snapshots stay. Without any count everything does
#[derive(Clone, Debug, PartialEq, Object, Args)]
#[oai(deny_unknown_fields)]
pub struct KeepRules {
    /// Keep the newest N snapshots
    #[arg(long = "keep-last", value_name = "N", value_parser = count())]
    #[oai(validator(minimum(value = "1")))]
    pub last: Option<u32>,
    /// Keep the newest snapshot of each of N hours
    #[arg(long = "keep-hourly", value_name = "N", value_parser = count())]
    #[oai(validator(minimum(value = "1")))]
    pub hourly: Option<u32>,
    /// Keep the newest snapshot of each of N days
    #[arg(long = "keep-daily", value_name = "N", value_parser = count())]
    #[oai(validator(minimum(value = "1")))]
    pub daily: Option<u32>,
    /// Keep the newest snapshot of each of N weeks, which begin on Monday
    #[arg(long = "keep-weekly", value_name = "N", value_parser = count())]
    #[oai(validator(minimum(value = "1")))]
    pub weekly: Option<u32>,
    /// Keep the newest snapshot of each of N months
    #[arg(long = "keep-monthly", value_name = "N", value_parser = count())]
    #[oai(validator(minimum(value = "1")))]
    pub monthly: Option<u32>,
    /// Keep the newest snapshot of each of N years
    #[arg(long = "keep-yearly", value_name = "N", value_parser = count())]
    #[oai(validator(minimum(value = "1")))]
    pub yearly: Option<u32>,
}

fn count() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..)
}

/// What is left of the snapshots of a dataset
#[derive(Clone, Debug, PartialEq, Object)]
pub struct PrunedSnapshots {
    /// The snapshots that stayed, the oldest first
    pub items: Vec<Snapshot>,
}

impl From<KeepRules> for Keep {
    fn from(it: KeepRules) -> Keep {
        Keep {
            last: it.last,
            hourly: it.hourly,
            daily: it.daily,
            weekly: it.weekly,
            monthly: it.monthly,
            yearly: it.yearly,
        }
    }
}

impl From<Keep> for KeepRules {
    fn from(it: Keep) -> KeepRules {
        KeepRules {
            last: it.last,
            hourly: it.hourly,
            daily: it.daily,
            weekly: it.weekly,
            monthly: it.monthly,
            yearly: it.yearly,
        }
    }
}

/// Days are those of the machine that serves.
impl TryFrom<PruneSnapshots> for SnapshotPrune {
    type Error = BadName;

    fn try_from(it: PruneSnapshots) -> Result<SnapshotPrune, BadName> {
        Ok(SnapshotPrune {
            pool: it.pool,
            dataset: it.dataset,
            retention: Retention {
                prefix: it.prefix.map(|it| it.parse()).transpose()?,
                keep: it.keep.into(),
            },
            zone: TimeZone::system(),
        })
    }
}

impl From<PrunedView> for PrunedSnapshots {
    fn from(view: PrunedView) -> PrunedSnapshots {
        let left = view.left.into_iter();
        let items = left.map(|(it, sight)| Snapshot::new(&view.pool, &it, sight, view.as_of));
        PrunedSnapshots {
            items: items.collect(),
        }
    }
}
