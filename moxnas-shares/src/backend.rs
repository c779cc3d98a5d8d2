//! The seam between judgement and machine.

use std::collections::BTreeMap;

use moxnas_core::{cmd::CmdError, root::FileError};
use serde::{Deserialize, Serialize};

use crate::{
    model::{ShareName, TlsFiles},
    plan::FileChange,
    render::{Places, Service},
};

/// What this crate needs from a machine that offers shares.
///
/// A backend reports and obeys. What is to be done is settled by [`plan`](crate::plan::plan()), and how a
/// change is done such that nothing is lost by [`serve`](crate::transaction::serve()); both are the same
/// for every backend.
pub trait ShareBackend: Send + Sync {
    /// What there is at these places: files as they are, and how daemons and generations stand.
    fn observe(&self, places: &Places) -> Result<Served, BackendError>;

    /// Make a key and a certificate for it that nobody else has signed, for the name of the machine. Nobody
    /// reads them yet.
    fn certify(&self, files: &TlsFiles) -> Result<(), BackendError>;

    /// Have the daemon's own checker go over what it would read. Nothing that anybody reads is changed. What
    /// it complains of is [`BackendError::Refused`].
    fn check(
        &self,
        places: &Places,
        service: Service,
        changes: &[FileChange],
    ) -> Result<(), BackendError>;

    /// Replace a file in one step, or remove it.
    fn replace(&self, path: &str, text: Option<&str>, mode: u32) -> Result<(), BackendError>;

    /// Have the daemon read its files again, without ending what it is at. One that is not running is
    /// started, and with the machine from then on.
    fn reload(&self, service: Service) -> Result<(), BackendError>;

    /// Ask the daemon whether it runs and offers this, as a client would.
    fn probe(&self, service: Service, offers: &[Offer]) -> Result<(), BackendError>;
}

/// What a daemon should offer, or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Offer {
    /// An SMB share of this name.
    Share(ShareName),
    /// None of this name.
    NoShare(ShareName),
    /// An export of this folder to these machines, as exportfs(8) shows both.
    Export {
        /// The folder.
        path: String,
        /// The machines.
        client: String,
    },
}

/// What there is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// Files that are ours or lie where ours belong, and those of others that ours hang on. What is not
    /// there is not in it.
    pub files: BTreeMap<String, String>,
    /// The daemons.
    pub daemons: BTreeMap<Service, Daemon>,
    /// The generations that are kept, the newest last.
    pub generations: Vec<u32>,
}

/// How a daemon stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Daemon {
    /// It is on the machine.
    pub is_installed: bool,
    /// It runs.
    pub is_running: bool,
}

/// The machine did not do as it was told.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// A program failed.
    #[error(transparent)]
    Command(#[from] CmdError),
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The checker of a daemon does not take what it would read.
    #[error("{} does not take it: {}", service.daemon(), said.join("; "))]
    Refused {
        /// Whose.
        service: Service,
        /// What it says.
        said: Vec<String>,
    },
    /// A module that a file asks for is not on the machine: smbd would let nobody in.
    #[error("{} has no module {module}", service.daemon())]
    NoModule {
        /// Which daemon.
        service: Service,
        /// The module.
        module: String,
    },
    /// A daemon does not run although it was told to.
    #[error("{} does not run: {why}", service.daemon())]
    NotRunning {
        /// Which.
        service: Service,
        /// What systemd says of it.
        why: String,
    },
    /// A daemon runs and offers something else.
    #[error("{} runs, but {why}", service.daemon())]
    NotOffered {
        /// Which.
        service: Service,
        /// What is not as it should be.
        why: String,
    },
    /// A file is not as it was when the plan was made.
    #[error("{0} was changed since it was looked at")]
    Changed(String),
    /// What was kept of a generation cannot be read.
    #[error("what was kept as generation {0} cannot be read")]
    Generation(u32),
    /// No certificate could be made.
    #[error("the certificate {path} could not be made")]
    Certificate {
        /// Where it belongs.
        path: String,
        /// Why not.
        source: rcgen::Error,
    },
    /// Something was arranged to go wrong.
    #[error("{0}")]
    Injected(String),
}

impl BackendError {
    /// What would help.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            BackendError::Command(err) => err.hint(),
            // There is nobody to ask: it does what it says.
            BackendError::Refused {
                service: Service::Nfs,
                ..
            } => Some("nothing was changed".to_owned()),
            BackendError::Refused { service, .. } => Some(format!(
                "nothing was changed; `{}` says more",
                service.checker()
            )),
            BackendError::NoModule { .. } => {
                Some("install it: apt-get install samba-vfs-modules".to_owned())
            }
            BackendError::NotRunning { service, .. } | BackendError::NotOffered { service, .. } => {
                Some(format!("`journalctl -u {}` says more", service.unit()))
            }
            BackendError::Changed(_) => Some("look again, and agree to a new plan".to_owned()),
            BackendError::Certificate { .. } => {
                Some("name one that is there by the settings of FTP".to_owned())
            }
            BackendError::Generation(_) | BackendError::File(_) | BackendError::Injected(_) => None,
        }
    }
}
