//! The machines that replicas may be sent to, as somebody has agreed to them.
//!
//! They are kept in a file beside the key by which this machine says who it is, as neither is of any use
//! without the other; see `ARCHITECTURE.md`. In a service without a data folder they end with it.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, RwLock},
};

use moxnas_pool::{
    model::PoolName,
    remote::{Address, HostKey, Target},
};
use serde::{Deserialize, Serialize};

use crate::private_file::{self, PrivateFileError};

/// The folder in the data folder that has the key, and what is known of the machines.
const FOLDER: &str = "ssh";
const FILE: &str = "targets.json";

/// Where the key and what belongs to it is, of a service with this data folder.
#[must_use]
pub fn key_folder(data_dir: &Path) -> PathBuf {
    data_dir.join(FOLDER)
}

/// What is known of the machines that replicas may be sent to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The public half of the key of this machine, as it was when a target was added last.
    pub public_key: String,
    /// The machines, by name.
    pub all: Vec<Target>,
    /// Where the key is.
    #[serde(skip)]
    pub folder: PathBuf,
}

impl Known {
    /// The machine of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Target> {
        self.all.iter().find(|it| it.name.as_str() == name)
    }
}

/// Why something about a target is not done.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// There is one.
    #[error("a target named {0} exists already")]
    NameTaken(String),
    /// Nobody has said yet that it is the machine that is meant.
    #[error("the host key of {address} has to be confirmed: {}", shown(.keys))]
    KeyNotConfirmed {
        /// Where it is.
        address: Address,
        /// What it says who it is.
        keys: Vec<HostKey>,
    },
    /// It says that it is another machine.
    #[error("{address} has no host key {confirmed}, but {}", shown(.keys))]
    OtherKey {
        /// Where it is.
        address: Address,
        /// The fingerprint that was confirmed.
        confirmed: String,
        /// What it says who it is.
        keys: Vec<HostKey>,
    },
    /// A replica needs a pool.
    #[error("a target has at least one pool")]
    NoPool,
    /// The pool is none of those that were said.
    #[error("target {target} was not added with pool {pool}")]
    OtherPool {
        /// The machine.
        target: String,
        /// The pool.
        pool: PoolName,
    },
    /// Nobody has looked there yet.
    #[error("what is in pool {pool} on {target} was not asked yet")]
    NotAsked {
        /// The machine.
        target: String,
        /// The pool.
        pool: PoolName,
    },
    /// The file could not be used.
    #[error("the targets could not be kept")]
    File(#[from] PrivateFileError),
    /// The file is none of ours.
    #[error("the file of the targets cannot be read: {0}")]
    Damaged(String),
}

fn shown(keys: &[HostKey]) -> String {
    let keys = keys
        .iter()
        .map(|it| format!("{} {}", it.kind(), it.fingerprint()));
    keys.collect::<Vec<_>>().join(", ")
}

impl TargetError {
    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            TargetError::NameTaken(_) => "target_name_taken",
            TargetError::KeyNotConfirmed { .. } => "host_key_not_confirmed",
            TargetError::OtherKey { .. } => "host_key_differs",
            TargetError::NoPool => "invalid_request",
            TargetError::OtherPool { .. } => "pool_not_of_target",
            TargetError::NotAsked { .. } => "target_not_asked",
            TargetError::File(_) | TargetError::Damaged(_) => "targets_not_kept",
        }
    }

    /// What would help.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            TargetError::NameTaken(name) => {
                format!("choose another name; `moxnas target remove {name}` frees this one")
            }
            TargetError::KeyNotConfirmed { .. } => {
                "compare it on that machine, by `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`; if \
                 it is the same, the command again with `--host-key SHA256:…`"
                    .to_owned()
            }
            TargetError::OtherKey { .. } => {
                "look at the fingerprint again, on that machine itself; if it is not one of these, \
                 somebody may be in between"
                    .to_owned()
            }
            TargetError::NoPool => "name one with `--pool`".to_owned(),
            TargetError::OtherPool { target, .. } => format!(
                "`moxnas target show {target}` shows its pools; to change them remove it and add it \
                 again, and change the line in authorized_keys there"
            ),
            TargetError::NotAsked { target, .. } => format!("`moxnas target check {target}`"),
            TargetError::File(_) | TargetError::Damaged(_) => {
                "look at the folder `ssh` in the data folder: its files belong to root alone".to_owned()
            }
        }
    }
}

/// The targets of a service.
#[derive(Debug, Default)]
pub struct Targets {
    known: RwLock<Arc<Known>>,
    /// `None`: they end with the service.
    file: Option<PathBuf>,
}

impl Targets {
    /// Read them. That there are none is no error.
    pub fn load(data_dir: Option<&Path>) -> Result<Targets, TargetError> {
        let Some(folder) = data_dir.map(key_folder) else {
            return Ok(Targets::default());
        };
        let file = folder.join(FILE);
        let mut known = match private_file::read(&file)? {
            Some(text) => serde_json::from_slice(&text)
                .map_err(|err| TargetError::Damaged(err.to_string()))?,
            None => Known::default(),
        };
        known.folder = folder;
        Ok(Targets {
            known: RwLock::new(Arc::new(known)),
            file: Some(file),
        })
    }

    /// What is known.
    #[must_use]
    pub fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.read().expect("no holder of this lock panics"))
    }

    /// Change what is known. It lasts when this returns.
    pub fn change(
        &self,
        change: impl FnOnce(&mut Known) -> Result<(), TargetError>,
    ) -> Result<Arc<Known>, TargetError> {
        let mut known = self.known.write().expect("no holder of this lock panics");
        let mut new = Known::clone(&known);
        change(&mut new)?;
        new.all.sort_by(|one, other| one.name.cmp(&other.name));
        if let Some(file) = &self.file {
            let text = serde_json::to_vec_pretty(&new).expect("targets are plain data");
            private_file::replace(file, &text)?;
        }
        *known = Arc::new(new);
        Ok(Arc::clone(&known))
    }
}
