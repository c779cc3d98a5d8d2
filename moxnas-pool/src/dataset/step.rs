//! The steps of a plan that stay within a pool.

use std::fmt;

use moxnas_core::units::Bytes;
use serde::{Deserialize, Serialize};

use super::{Access, Compression, DatasetName, HoldName, Names, Owner, SnapshotName};
use crate::lvm::VolumeStep;

/// One thing that a backend can do in a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum Step {
    /// Count from now on what each subvolume takes.
    Count,
    /// Make an empty dataset.
    Create {
        /// The dataset.
        dataset: DatasetName,
    },
    /// Make a dataset of a snapshot, which shares all data with it at first.
    Clone {
        /// Of which dataset the snapshot is.
        dataset: DatasetName,
        /// The snapshot.
        snapshot: SnapshotName,
        /// The new dataset.
        to: DatasetName,
    },
    /// Say how much a dataset may refer to.
    SetQuota {
        /// The dataset.
        dataset: DatasetName,
        /// How much; `None`: as much as the pool has.
        quota: Option<Bytes>,
    },
    /// Make an empty folder that is a project, under a name that is no dataset's yet. What is made in it
    /// belongs to the project too.
    MakeFolder {
        /// The dataset that it is to be.
        dataset: DatasetName,
        /// The number of the project.
        project: u32,
    },
    /// Make an empty folder that is the dataset at once.
    MakeDirectory {
        /// The dataset.
        dataset: DatasetName,
    },
    /// Say how much the files of a project may take.
    LimitProject {
        /// The dataset.
        dataset: DatasetName,
        /// The number of its project.
        project: u32,
        /// How much, in whole blocks of 4 KiB; `None`: as much as the pool has.
        quota: Option<Bytes>,
    },
    /// Give a new folder the name of its dataset.
    NameFolder {
        /// The dataset.
        dataset: DatasetName,
    },
    /// Delete a folder and all that is in it.
    DeleteFolder {
        /// The dataset.
        dataset: DatasetName,
    },
    /// Give the snapshots of a dataset to another name.
    RenameSnapshots {
        /// The dataset.
        dataset: DatasetName,
        /// Its name to be.
        to: DatasetName,
    },
    /// Give a dataset another name.
    Rename {
        /// The dataset.
        dataset: DatasetName,
        /// Its name to be.
        to: DatasetName,
    },
    /// Delete a dataset.
    Delete {
        /// The dataset.
        dataset: DatasetName,
    },
    /// Keep a dataset as it is now.
    TakeSnapshot {
        /// The dataset.
        dataset: DatasetName,
        /// The snapshot.
        snapshot: SnapshotName,
    },
    /// Delete a snapshot.
    DeleteSnapshot {
        /// The dataset.
        dataset: DatasetName,
        /// The snapshot.
        snapshot: SnapshotName,
    },
    /// Let a snapshot not be deleted as long as it is held for this.
    Hold {
        /// The dataset.
        dataset: DatasetName,
        /// The snapshot.
        snapshot: SnapshotName,
        /// What for.
        hold: HoldName,
    },
    /// Hold a snapshot for this no more.
    Release {
        /// The dataset.
        dataset: DatasetName,
        /// The snapshot.
        snapshot: SnapshotName,
        /// What for.
        hold: HoldName,
    },
    /// The first step of a rollback: a writable clone of the snapshot, beside the dataset.
    CloneBeside {
        /// The dataset.
        dataset: DatasetName,
        /// The snapshot.
        snapshot: SnapshotName,
    },
    /// Give the clone that a rollback made the quota of the dataset.
    LimitBeside {
        /// The dataset.
        dataset: DatasetName,
        /// How much; `None`: as much as the pool has.
        quota: Option<Bytes>,
    },
    /// Delete what a rollback had in hand and needs no more.
    DeleteBeside {
        /// The dataset.
        dataset: DatasetName,
    },
    /// The clone and the dataset change places, at once: rename(2) with `RENAME_EXCHANGE`.
    Exchange {
        /// The dataset.
        dataset: DatasetName,
    },
    /// Let nothing be written any more to what was the dataset before a rollback: whoever has files of it
    /// open is told.
    FreezeReplaced {
        /// The dataset.
        dataset: DatasetName,
    },
    /// Take a snapshot of what was the dataset before a rollback.
    KeepReplaced {
        /// The dataset.
        dataset: DatasetName,
        /// The snapshot that it becomes.
        snapshot: SnapshotName,
    },
    /// Say whose the folder of a dataset is.
    SetOwner {
        /// The dataset.
        dataset: DatasetName,
        /// Whose it is until then; `None`: it is new.
        from: Option<Owner>,
        /// Whose it is to be.
        to: Owner,
    },
    /// Say who may what in the folder of a dataset.
    SetAccess {
        /// The dataset.
        dataset: DatasetName,
        /// Who may what until then; `None`: it is new.
        from: Option<Access>,
        /// Who may what from then on.
        to: Access,
        /// What those are called that are named.
        names: Names,
    },
    /// Say how what is made in a dataset is compressed.
    SetCompression {
        /// The dataset.
        dataset: DatasetName,
        /// How until then.
        from: Option<Compression>,
        /// How; `None`: as the pool is mounted.
        to: Option<Compression>,
    },
    /// Say from when on somebody is told how large a dataset is.
    SetSoftQuota {
        /// The dataset.
        dataset: DatasetName,
        /// From when on until then.
        from: Option<Bytes>,
        /// From when on; `None`: never.
        to: Option<Bytes>,
    },
    /// Do something to a thin volume.
    Volume {
        /// What.
        #[serde(rename = "volume")]
        step: VolumeStep,
    },
}

impl Step {
    /// What of the pool the step destroys, in words.
    #[must_use]
    pub fn destroys(&self) -> Option<String> {
        match self {
            Step::Delete { dataset } | Step::DeleteFolder { dataset } => {
                Some(format!("dataset {dataset}"))
            }
            Step::DeleteSnapshot { dataset, snapshot } => {
                Some(format!("snapshot {snapshot} of {dataset}"))
            }
            Step::Volume { step } => step.destroys(),
            _ => None,
        }
    }
}

fn until_now(f: &mut fmt::Formatter<'_>, what: Option<impl fmt::Display>) -> fmt::Result {
    match what {
        Some(what) => write!(f, ", until now {what}"),
        None => Ok(()),
    }
}

/// What it does, for plans that are shown.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quota_of = |quota: &Option<Bytes>| match quota {
            Some(quota) => format!("at most {quota}"),
            None => "as much as its pool has".to_owned(),
        };
        match self {
            Step::Count => f.write_str("count what each dataset takes"),
            Step::Create { dataset } => write!(f, "make the dataset {dataset}"),
            Step::Clone {
                dataset,
                snapshot,
                to,
            } => write!(
                f,
                "make the dataset {to} of the snapshot {snapshot} of {dataset}"
            ),
            Step::SetQuota { dataset, quota } => {
                write!(f, "let {dataset} take {}", quota_of(quota))
            }
            Step::MakeFolder { dataset, project } => {
                write!(
                    f,
                    "make a folder for the dataset {dataset}, as project {project}"
                )
            }
            Step::MakeDirectory { dataset } => write!(f, "make the folder {dataset}"),
            Step::LimitProject {
                dataset,
                project,
                quota,
            } => {
                let quota = quota_of(quota);
                write!(f, "let {dataset}, project {project}, take {quota}")
            }
            Step::NameFolder { dataset } => write!(f, "name the new folder {dataset}"),
            Step::DeleteFolder { dataset } => {
                write!(f, "delete the folder {dataset} and all that is in it")
            }
            Step::RenameSnapshots { dataset, to } => {
                write!(f, "make the snapshots of {dataset} those of {to}")
            }
            Step::Rename { dataset, to } => write!(f, "rename the dataset {dataset} to {to}"),
            Step::Delete { dataset } => write!(f, "delete the dataset {dataset}"),
            Step::TakeSnapshot { dataset, snapshot } => {
                write!(f, "take the snapshot {snapshot} of {dataset}")
            }
            Step::DeleteSnapshot { dataset, snapshot } => {
                write!(f, "delete the snapshot {snapshot} of {dataset}")
            }
            Step::Hold {
                dataset,
                snapshot,
                hold,
            } => write!(f, "hold the snapshot {snapshot} of {dataset} for {hold}"),
            Step::Release {
                dataset,
                snapshot,
                hold,
            } => write!(
                f,
                "hold the snapshot {snapshot} of {dataset} for {hold} no more"
            ),
            Step::CloneBeside { dataset, snapshot } => {
                write!(f, "clone the snapshot {snapshot} beside {dataset}")
            }
            Step::LimitBeside { dataset, quota } => {
                write!(f, "let the clone beside {dataset} take {}", quota_of(quota))
            }
            Step::DeleteBeside { dataset } => {
                write!(f, "delete what is beside {dataset}")
            }
            Step::Exchange { dataset } => {
                write!(f, "let the clone and {dataset} change places, at once")
            }
            Step::FreezeReplaced { dataset } => {
                write!(f, "let nothing be written to what was {dataset} until now")
            }
            Step::SetOwner { dataset, from, to } => {
                write!(f, "let the folder of {dataset} belong to {to}")?;
                until_now(f, from.as_ref())
            }
            Step::SetAccess {
                dataset,
                from,
                to,
                names,
            } => {
                write!(f, "let {} hold for {dataset}", to.line(names))?;
                until_now(f, from.as_ref().map(|it| it.line(names)))
            }
            Step::SetCompression { dataset, from, to } => {
                let word = |it: &Option<Compression>| it.map_or("default", Compression::word);
                write!(f, "let the compression of {dataset} be {}", word(to))?;
                until_now(f, Some(word(from)))
            }
            Step::SetSoftQuota { dataset, from, to } => {
                let size = |it: &Option<Bytes>| it.map_or("none".to_owned(), |it| it.to_string());
                write!(f, "let the soft quota of {dataset} be {}", size(to))?;
                until_now(f, Some(size(from)))
            }
            Step::Volume { step } => write!(f, "{step}"),
            Step::KeepReplaced { dataset, snapshot } => {
                write!(
                    f,
                    "keep what was {dataset} until now as its snapshot {snapshot}"
                )
            }
        }
    }
}
