//! What a btrfs says of its devices when it is asked, and what it is at.

use moxnas_core::units::Bytes;
use serde::{Deserialize, Serialize};

/// One of the devices of a filesystem, see btrfs-device(8), `usage`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnDevice {
    /// Its number, which commands know it by also when it is not there.
    pub number: u64,
    /// Its name below `/dev`, as the kernel knew it last; `None`: the kernel calls it missing. One that
    /// was pulled while it was in use keeps its name.
    pub name: Option<String>,
    /// How much of it the filesystem may use: less than all of it, if it became larger.
    pub size: Bytes,
    /// How much of it is given to data and metadata.
    pub allocated: Bytes,
}

/// Something that a btrfs does as a whole, and that takes long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// It is read and compared with its checksums, btrfs-scrub(8).
    Scrub,
    /// What a device has is written to another one, btrfs-replace(8).
    Replace,
    /// What a device has is moved to the others, btrfs-device(8).
    Remove,
    /// What there is is written anew, btrfs-balance(8).
    Balance,
}

impl Task {
    /// Of what stands in `/sys/fs/btrfs/UUID/exclusive_operation`.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Task> {
        match word {
            "device replace" => Some(Task::Replace),
            "device remove" => Some(Task::Remove),
            "balance" | "balance paused" => Some(Task::Balance),
            _ => None,
        }
    }

    /// In words.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Task::Scrub => "scrub",
            Task::Replace => "replacement of a device",
            Task::Remove => "removal of a device",
            Task::Balance => "balance",
        }
    }
}

/// What a btrfs is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Underway {
    /// What.
    pub task: Task,
    /// How much of it is done, of 1000; `None`: it does not say.
    pub permille: Option<u16>,
}

impl Underway {
    /// How much of it is done, from 0 to 1.
    #[must_use]
    pub fn share(self) -> Option<f64> {
        self.permille.map(|it| f64::from(it) / 1000.0)
    }
}
