//! Replicas, and the holds that keep what they are sent from.

use clap::Args;
use moxnas_app::ops::datasets::{DatasetReplicate, SnapshotHold, SnapshotRelease};
use moxnas_core::names::BadName;
use poem_openapi::Object;

/// Make a replica of a dataset in another pool, or bring it up to date
#[derive(Clone, Debug, PartialEq, Object, Args)]
#[oai(deny_unknown_fields)]
pub struct ReplicateDataset {
    /// The other pool; on the command line also TARGET:POOL
    #[arg(long = "to", value_name = "POOL")]
    #[oai(validator(max_length = 32))]
    pub to_pool: String,
    /// What it is called there; left out: as it is there already, else as here
    #[arg(long = "as", value_name = "NAME")]
    #[oai(validator(max_length = 64))]
    pub to_dataset: Option<String>,
    /// Read what arrived, and compare it byte by byte with what was sent. What is copied file by file
    /// always is
    #[arg(long)]
    #[oai(default)]
    pub compare: bool,
    /// The machine that has the other pool, by its name as a target; this one if left out
    #[arg(long, value_name = "TARGET")]
    #[oai(validator(max_length = 32))]
    pub target: Option<String>,
}

/// Hold a snapshot, so that it is not deleted
#[derive(Clone, Debug, Default, PartialEq, Object, Args)]
#[oai(deny_unknown_fields)]
pub struct HoldSnapshot {
    /// What it is held for: a word of letters, digits and `-_:/@`, 100 at most; left out: `keep`
    #[arg(long, value_name = "WORD")]
    #[oai(validator(max_length = 100))]
    pub hold: Option<String>,
}

impl ReplicateDataset {
    /// The wish for this dataset.
    pub fn of(self, pool: String, dataset: String) -> Result<DatasetReplicate, BadName> {
        let to = self.to_dataset.map(|it| it.parse()).transpose()?;
        Ok(DatasetReplicate {
            pool,
            dataset,
            to_pool: self.to_pool,
            to,
            compare: self.compare,
            target: self.target.map(|it| it.parse()).transpose()?,
        })
    }
}

/// What a snapshot is held for if nobody says it.
const KEEP: &str = "keep";

impl HoldSnapshot {
    /// The wish to hold this snapshot.
    pub fn hold(
        self,
        pool: String,
        dataset: String,
        snapshot: String,
    ) -> Result<SnapshotHold, BadName> {
        let hold = self.hold.as_deref().unwrap_or(KEEP).parse()?;
        Ok(SnapshotHold {
            pool,
            dataset,
            snapshot,
            hold,
        })
    }

    /// The wish to hold it no more.
    pub fn release(
        self,
        pool: String,
        dataset: String,
        snapshot: String,
    ) -> Result<SnapshotRelease, BadName> {
        let hold = self.hold.as_deref().unwrap_or(KEEP).parse()?;
        Ok(SnapshotRelease {
            pool,
            dataset,
            snapshot,
            hold,
        })
    }
}
