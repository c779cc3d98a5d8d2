//! The seam between judgement and machine.

use moxnas_core::{
    cmd::CmdError,
    disk::{BlockDevices, DeviceId, ObserveError},
    root::FileError,
    units::Bytes,
};

use crate::{
    check::{Checked, NotChecked, Outcome},
    dataset::{AccountKind, AccountName, Contents},
    directory::{Folder, FolderPath, MARK_FILE},
    model::{Filesystem, Pool, PoolName, Pools},
    plan::Step,
    real::btrfs::Odd,
    remote::TargetName,
    replica::{self, Route},
};

/// What this crate needs from a machine that has pools.
///
/// A backend reports and obeys. It never decides whether a step is wise: that was settled by
/// [`plan`](crate::plan::plan()), and is the same for every backend.
pub trait PoolBackend: Send + Sync {
    /// The pools, on the devices of the same look. It opens no device, starts no program, and asks no
    /// filesystem: none that hangs can delay it. What could not be read is named in
    /// [`Pools::errors`], beside all that could.
    fn observe(&self, devices: &BlockDevices) -> Result<Pools, BackendError>;

    /// What is in a pool that is mounted. It asks the filesystem, and takes as long as that takes to
    /// answer: for ever on a disk that hangs.
    fn contents(&self, pool: &Pool) -> Result<Contents, BackendError>;

    /// The number of the user or the group of this name; `None`: this machine knows none.
    fn account(&self, kind: AccountKind, name: &AccountName) -> Result<Option<u32>, BackendError>;

    /// What is at a path that may become a pool. It asks the filesystem, and takes as long as that takes
    /// to answer.
    fn folder(&self, path: &FolderPath) -> Result<Folder, BackendError>;

    /// Do one step. When this returns `Ok`, the next look shows the effect. A filesystem that is gone
    /// over and has errors still is an error.
    fn apply(&self, step: &Step) -> Result<(), BackendError>;

    /// Go over a filesystem, by [`Step::Check`] or [`Step::Scrub`]: for hours, if it is large, or for
    /// as long as it is wanted. What is not wanted any more ends with [`BackendError::Ended`].
    fn check(&self, step: &Step, is_wanted: &dyn Fn() -> bool) -> Result<Checked, BackendError>;

    /// Do a step on the way from one pool to another: for hours, if there is much to send, or for as
    /// long as it is wanted. `passed` is told now and then how many bytes went over, where that is
    /// known. What is not wanted any more ends with [`BackendError::Ended`]; what arrived by then can
    /// be told from what arrived as a whole.
    fn transfer(
        &self,
        route: &Route,
        step: &replica::Step,
        is_wanted: &dyn Fn() -> bool,
        passed: &dyn Fn(Bytes),
    ) -> Result<(), BackendError>;
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
    /// The block devices could not be listed.
    #[error(transparent)]
    Observe(#[from] ObserveError),
    /// The device is not there any more, or cannot be named safely.
    #[error("the device {0} is not there")]
    DeviceGone(DeviceId),
    /// A device holds something that was not known when the plan was made.
    #[error("{device} holds something that the plan did not know of: {found}")]
    NotBlank {
        /// The device.
        device: DeviceId,
        /// What libblkid finds.
        found: String,
    },
    /// What was to be mounted is not there.
    #[error("{device} has no {filesystem} with a UUID")]
    NoFilesystem {
        /// The device.
        device: DeviceId,
        /// What should be on it.
        filesystem: Filesystem,
    },
    /// A volume group is not where it should be.
    #[error("{0} is no physical volume of LVM")]
    NotPhysical(DeviceId),
    /// Files would be hidden.
    #[error("{at} is not empty: what is in it would be hidden")]
    FolderNotEmpty {
        /// Where the pool is to be mounted.
        at: String,
    },
    /// systemd could not mount it.
    #[error("{pool} was not mounted: {why}")]
    NotMounted {
        /// The pool.
        pool: PoolName,
        /// The last lines of its unit in the journal.
        why: String,
        /// The command that failed.
        source: CmdError,
    },
    /// A filesystem was not gone over.
    #[error(transparent)]
    NotChecked(#[from] NotChecked),
    /// It was not wanted any more.
    #[error("it was ended before its time")]
    Ended,
    /// A filesystem is not well.
    #[error("there are errors in it: {}", .0.said.last().map_or("", String::as_str))]
    HasErrors(Checked),
    /// A program said what cannot be.
    #[error(transparent)]
    Odd(#[from] Odd),
    /// What is to be moved is not there, or something is where it is to be moved to.
    #[error("{from} could not be moved to {to}")]
    NotMoved {
        /// What.
        from: String,
        /// Where to.
        to: String,
        /// Why.
        source: std::io::Error,
    },
    /// Whoever knows names did not answer.
    #[error("the {} {name} could not be looked up", kind.word())]
    NotLookedUp {
        /// What.
        kind: AccountKind,
        /// The name.
        name: AccountName,
        /// Why.
        source: std::io::Error,
    },
    /// It cannot be asked.
    #[error("pool {0} is not mounted")]
    NotThere(PoolName),
    /// Its files would be deleted with it.
    #[error("{at} is mounted in {folder}")]
    MountedInside {
        /// What is to be deleted.
        folder: String,
        /// Where something is mounted.
        at: String,
    },
    /// It is not what it was when the plan was made.
    #[error("{path} cannot be a pool: {why}")]
    NotThatFolder {
        /// The folder.
        path: FolderPath,
        /// What it is.
        why: String,
    },
    /// The host gives it to somebody else than the root of this machine.
    #[error("nothing can be written to {path} by the root of this machine")]
    NotOurs {
        /// The folder.
        path: FolderPath,
        /// Why.
        source: FileError,
    },
    /// The place of a pool is taken.
    #[error("{at} is there, and is not a link to {path}")]
    PlaceTaken {
        /// The place.
        at: String,
        /// Where it should lead.
        path: FolderPath,
    },
    /// Somebody works in it.
    #[error("{at} is in use by {}", by.join(", "))]
    Busy {
        /// Where the pool is mounted.
        at: String,
        /// Processes, by name and number.
        by: Vec<String>,
    },
    /// What arrived is not what was sent.
    #[error(
        "{count} files of {target} are not those of {source_path}, such as {}",
        first.join(", ")
    )]
    Differs {
        /// What was read.
        source_path: String,
        /// What should be the same.
        target: String,
        /// How many files and folders differ.
        count: usize,
        /// Some of them, as rsync(1) itemizes them.
        first: Vec<String>,
    },
    /// It is not this machine that is to do it.
    #[error("that is to be done on {0}, not here")]
    Elsewhere(TargetName),
    /// The simulation was told to fail here.
    #[error("{0}")]
    Injected(String),
}

impl Checked {
    /// A step that is done, if there is no error left.
    pub(crate) fn done(self) -> Result<(), BackendError> {
        match self.outcome {
            Outcome::Clean | Outcome::Mended => Ok(()),
            Outcome::Errors => Err(BackendError::HasErrors(self)),
        }
    }
}

/// Stopped part way through the steps of this crate.
pub type Stopped = moxnas_core::plan::Stopped<Step, BackendError>;

/// Carry out steps on a backend.
pub fn execute(backend: &dyn PoolBackend, steps: &[Step]) -> Result<(), Box<Stopped>> {
    moxnas_core::plan::execute(steps, |step| backend.apply(step))
}

impl BackendError {
    /// What would make it work, if that can be told.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            BackendError::Command(err) => err.hint(),
            BackendError::NotBlank { device, .. } => Some(format!(
                "`udevadm trigger {device}` lets udev look again; then plan again"
            )),
            BackendError::FolderNotEmpty { at } => {
                Some(format!("move away what is in {at}, or choose another name"))
            }
            BackendError::MountedInside { at, .. } => Some(format!("unmount it: `umount {at}`")),
            BackendError::NotChecked(NotChecked::LogNotReplayed) => Some(
                "`moxnas pool mount` puts them in, or says why not; then `moxnas pool unmount`, and \
                 check again"
                    .to_owned(),
            ),
            BackendError::Differs { .. } => Some(
                "what is written to while it is copied may differ; replicate again, and look at the \
                 disks if they differ still"
                    .to_owned(),
            ),
            BackendError::NotThatFolder { path, .. } => Some(format!(
                "look on the host at what it mounts at {path}; then plan again"
            )),
            BackendError::NotOurs { path, .. } => Some(format!(
                "let it belong to the root of the container, on the host: `chown 100000:100000 FOLDER` \
                 of the folder that is mounted at {path}, if the container is unprivileged and its \
                 users are numbered as usual; {MARK_FILE} has to be made in it"
            )),
            BackendError::PlaceTaken { at, .. } => {
                Some(format!("move {at} away, or choose another name"))
            }
            BackendError::Busy { .. } => Some("end them, or leave the folder".to_owned()),
            _ => None,
        }
    }
}
