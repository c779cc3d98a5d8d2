//! What the host and the agent in the guest say to each other: one JSON object a line, a connection
//! for every request, so that a request that hangs spoils no other.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The agent's port in the guest.
pub const AGENT_PORT: u16 = 9000;

/// What the host asks of the agent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Request {
    /// Answers `null`.
    Ping,
    /// Runs a command to its end. Answers an [`Output`].
    Exec(Exec),
    /// Starts a command and leaves it running. Answers a [`Spawned`].
    Spawn {
        argv: Vec<String>,
        env: BTreeMap<String, String>,
    },
    /// How a spawned command ended. Answers its status, or `null` while it runs.
    Status { pid: u32 },
    /// Sends a signal by number. Answers `null`.
    Kill { pid: u32, signal: i32 },
    /// Answers the file's text.
    ReadFile { path: String },
    /// Writes a whole file, with its folders. Answers `null`.
    WriteFile {
        path: String,
        content: String,
        mode: u32,
    },
    /// Fails unless a test may destroy this block device. Answers `null`.
    CheckDisk { kernel_name: String },
    /// Answers kernel names by serial, of whole disks that have one.
    Disks,
    /// Follows an array. Answers a list of [`MdSample`].
    WatchMd(WatchMd),
    /// Reads what the patterns name (`*` stands for a part of one name). Answers a [`Tree`].
    Gather { patterns: Vec<String> },
    /// What the product sees of arrays and disks. Answers an [`Inventory`](moxnas_raid::Inventory).
    #[cfg(feature = "product")]
    Observe,
    /// Has the product do one step of a plan. Answers `null`.
    #[cfg(feature = "product")]
    Apply { step: moxnas_raid::Step },
    /// What the product sees of devices and pools. Answers both.
    #[cfg(feature = "product")]
    ObservePools,
    /// What is in a pool. Answers a [`Contents`](moxnas_pool::dataset::Contents).
    #[cfg(feature = "product")]
    PoolContents { pool: moxnas_pool::model::Pool },
    /// Has the product do one step of a plan for pools. Answers [`Told`](crate::conformance::pools::Told).
    #[cfg(feature = "product")]
    ApplyToPool { step: moxnas_pool::plan::Step },
    /// Has the product go over a filesystem. Answers what came of it, or why it was not done.
    #[cfg(feature = "product")]
    CheckPool { step: moxnas_pool::plan::Step },
    /// What the product sees of shares, daemons and users, once none of them is at anything.
    /// Answers a [`Seen`](crate::conformance::shares::Seen).
    #[cfg(feature = "product")]
    ObserveShares,
    /// What of it a visit can have changed. Answers the `sessions` and the `files` of a
    /// [`Seen`](crate::conformance::shares::Seen).
    #[cfg(feature = "product")]
    ObserveVisited,
    /// Has the product give a daemon new files. This and the next four answer
    /// [`Told`](crate::conformance::shares::Told).
    #[cfg(feature = "product")]
    ServeShares { step: moxnas_shares::plan::Step },
    /// Has the product do one step for a user or a group.
    #[cfg(feature = "product")]
    ApplyToAccounts {
        order: crate::conformance::shares::AccountOrder,
    },
    /// Has the product do one step for a unit.
    #[cfg(feature = "product")]
    ApplyToServices { step: moxnas_shares::services::Step },
    /// Has the product end a session.
    #[cfg(feature = "product")]
    Disconnect {
        session: moxnas_shares::sessions::SessionId,
    },
    /// Comes to the guest's daemons as a client. Answers what was got, or why nothing was.
    #[cfg(feature = "product")]
    Visit {
        visit: crate::conformance::shares::Visit,
    },
    /// Gives a user another password in the system alone. Answers `null`.
    #[cfg(feature = "product")]
    Passwd {
        user: String,
        key: crate::conformance::shares::Key,
    },
}

/// The agent's answer to a [`Request`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    Ok(Value),
    /// The error with its causes.
    Error(String),
}

/// A command to be run to its end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Exec {
    pub argv: Vec<String>,
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    #[serde(default)]
    pub stdin: String,
    /// Then it is killed with all it started, and the request fails.
    pub timeout_s: u64,
}

impl Exec {
    /// With an empty input, and time enough for anything but a resync.
    pub fn new<I>(argv: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let argv = argv.into_iter().map(Into::into).collect();
        Self {
            argv,
            env: BTreeMap::new(),
            stdin: String::new(),
            timeout_s: 180,
        }
    }
}

/// How a command ended and what it said; bytes that are no UTF-8 are replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The exit status, or 128 and the signal as shells count.
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// What it printed, if it succeeded.
    pub fn success(self) -> Result<String> {
        ensure!(
            self.status == 0,
            "status {}\n{}{}",
            self.status,
            self.stdout,
            self.stderr
        );
        Ok(self.stdout)
    }
}

/// A command that runs on its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spawned {
    pub pid: u32,
    /// File in the guest with both its outputs.
    pub output: String,
}

/// An array to follow until its files in sysfs have certain values.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WatchMd {
    /// `md127`, or `tank` for `/dev/md/tank`. It need not exist yet.
    pub array: String,
    /// File in the array's `md` folder, and the value to wait for.
    pub until: BTreeMap<String, String>,
    /// When `until` begins to count.
    pub from: WatchFrom,
    pub timeout_ms: u64,
    /// Pause between two looks.
    pub interval_ms: u64,
}

impl WatchMd {
    /// Until the array rests: no resync, recovery, check or reshape runs.
    #[must_use]
    pub fn until_idle(array: &str) -> Self {
        Self::until(array, &[("sync_action", "idle")])
    }

    #[must_use]
    pub fn until(array: &str, values: &[(&str, &str)]) -> Self {
        Self {
            array: array.to_owned(),
            until: values
                .iter()
                .map(|&(k, v)| (k.to_owned(), v.to_owned()))
                .collect(),
            from: WatchFrom::Start,
            timeout_ms: 120_000,
            interval_ms: 5,
        }
    }

    /// The values count only once something has changed since the first look.
    #[must_use]
    pub fn after_change(mut self) -> Self {
        self.from = WatchFrom::FirstChange;
        self
    }
}

/// From when on a watch may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchFrom {
    Start,
    FirstChange,
}

/// An array's state at one look; equal looks that follow each other are told once. A file that is
/// not there reads as an empty text: a raid0 has no `sync_action`, a stopped array has nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MdSample {
    pub array_state: String,
    pub sync_action: String,
    pub degraded: String,
}

/// Files and links by their absolute path.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Tree {
    pub files: BTreeMap<String, String>,
    /// Links that were not followed, with the place they lead to, resolved.
    pub links: BTreeMap<String, String>,
}
