//! Why not. Said before anything was touched, with what does it on the host.

use super::FolderPath;
use crate::model::PoolName;

/// Why a wish about a folder of the host is not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is nothing.
    #[error("there is no folder {0}")]
    NotThere(FolderPath),
    /// It does not answer, or could not be looked at.
    #[error("what is at {path} is not known: {why}")]
    NotKnown {
        /// What was wished for.
        path: FolderPath,
        /// Why.
        why: String,
    },
    /// It is something else.
    #[error("{0} is no folder")]
    NotAFolder(FolderPath),
    /// It would be another folder whenever somebody changes the link.
    #[error("{path} is a link, or lies behind one: it is {target} in truth")]
    Link {
        /// What was wished for.
        path: FolderPath,
        /// What it is.
        target: String,
    },
    /// The system works in it.
    #[error("{path} belongs to the system: it is {folder}, or below it")]
    OfTheSystem {
        /// What was wished for.
        path: FolderPath,
        /// What of the system.
        folder: &'static str,
    },
    /// Two pools would have the same files.
    #[error("{path} is in pool {pool} at {at}, or that is in it")]
    Overlaps {
        /// What was wished for.
        path: FolderPath,
        /// The other pool.
        pool: PoolName,
        /// Where that is.
        at: String,
    },
    /// It is one already.
    #[error("{path} is pool {pool} already")]
    IsPool {
        /// What was wished for.
        path: FolderPath,
        /// The pool.
        pool: PoolName,
    },
    /// Nothing could be kept in it.
    #[error("the host lets nothing be written to {0}")]
    ReadOnly(String),
    /// It is not clear what it is on.
    #[error("nothing is known to be mounted above {0}")]
    Nowhere(FolderPath),
    /// The host has to do it.
    #[error("pool {pool} is a folder of the host: nothing is mounted at {mount}, which it is on")]
    NotGiven {
        /// The pool.
        pool: PoolName,
        /// Where something would have to be mounted.
        mount: String,
    },
    /// What is there is not what was made a pool.
    #[error("{path} is not the folder that was made pool {pool}: it does not have its mark")]
    NotItself {
        /// The pool.
        pool: PoolName,
        /// The folder.
        path: FolderPath,
    },
    /// It was not mounted here.
    #[error("pool {0} is a folder of the host, which has mounted it")]
    HostMounts(PoolName),
    /// There is no filesystem of one's own.
    #[error("pool {0} is a folder of the host: it has as much room as the host gives it")]
    HostGrows(PoolName),
    /// There is no filesystem of one's own.
    #[error("pool {0} is a folder of the host, which alone can go over its filesystem")]
    HostChecks(PoolName),
    /// Nothing of it was made here.
    #[error("pool {0} is a folder of the host, whose files are not deleted with it")]
    HostDeletes(PoolName),
    /// Nothing counts what a folder takes.
    #[error("pool {0} is a folder of the host, where nothing limits what a dataset takes")]
    HostLimits(PoolName),
    /// There is no filesystem of one's own.
    #[error("pool {0} is a folder of the host, which alone can take snapshots of it")]
    HostSnapshots(PoolName),
    /// What is compressed is for the filesystem of the host to say.
    #[error("pool {0} is a folder of the host, which alone can compress what is in it")]
    HostCompresses(PoolName),
}

impl Refusal {
    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::NotThere(_) => "folder_not_found",
            Refusal::NotKnown { .. } => "folder_not_known",
            Refusal::NotAFolder(_) => "not_a_folder",
            Refusal::Link { .. } => "folder_is_a_link",
            Refusal::OfTheSystem { .. } => "system_folder",
            Refusal::Overlaps { .. } => "folder_overlaps_pool",
            Refusal::IsPool { .. } => "is_pool_already",
            Refusal::ReadOnly(_) => "host_read_only",
            Refusal::Nowhere(_) => "folder_nowhere",
            Refusal::NotGiven { .. } => "folder_not_given",
            Refusal::NotItself { .. } => "folder_not_itself",
            Refusal::HostMounts(_) => "host_mounts",
            Refusal::HostGrows(_) => "host_grows",
            Refusal::HostChecks(_) => "host_checks",
            Refusal::HostDeletes(_) => "host_deletes",
            Refusal::HostLimits(_) => "host_limits",
            Refusal::HostSnapshots(_) => "host_snapshots",
            Refusal::HostCompresses(_) => "host_compresses",
        }
    }

    /// What would help.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Refusal::NotThere(path) => format!(
                "let the host mount one: on Proxmox VE `pct set ID --mp0 STORAGE:GB,mp={path}`, or \
                 `--mp0 FOLDER,mp={path}` for a folder of the host"
            ),
            Refusal::NotKnown { path, .. } => format!(
                "look on the host whether what it mounts at {path} answers; then try again"
            ),
            Refusal::NotAFolder(_) | Refusal::Nowhere(_) => "name a folder".to_owned(),
            Refusal::Link { target, .. } => format!("name the folder itself: {target}"),
            Refusal::OfTheSystem { .. } => {
                "let the host mount a folder elsewhere, such as below /mnt or at /srv/NAME".to_owned()
            }
            Refusal::Overlaps { pool, .. } => format!(
                "choose a folder beside it; `moxnas dataset create {pool} …` makes a place in that pool"
            ),
            Refusal::IsPool { pool, .. } => format!("`moxnas pool show {pool}` shows it"),
            Refusal::ReadOnly(at) => format!(
                "let the host mount {at} so that it can be written: on Proxmox VE without `ro=1`"
            ),
            Refusal::NotGiven { pool, mount } => format!(
                "let the host mount it: `pct config ID` shows on Proxmox VE what is mounted at {mount}, \
                 and a restart of the container mounts it; `moxnas pool export {pool}` forgets the pool"
            ),
            Refusal::NotItself { pool, path } => format!(
                "look on the host at what it mounts at {path}: an empty folder there says that what \
                 should be mounted is not; `moxnas pool export {pool}` forgets the pool"
            ),
            Refusal::HostMounts(pool) => format!(
                "`moxnas pool export {pool}` forgets it; then the host can take it away: on Proxmox VE \
                 `pct set ID --delete mp0`"
            ),
            Refusal::HostGrows(_) => {
                "give it more on the host: on Proxmox VE `pct resize ID mp0 +10G`, or raise the quota \
                 of the folder there"
                    .to_owned()
            }
            Refusal::HostChecks(_) => {
                "check it on the host: `zpool scrub`, `btrfs scrub`, or `pct fsck ID` of a volume on \
                 Proxmox VE"
                    .to_owned()
            }
            Refusal::HostDeletes(pool) => format!(
                "`moxnas pool export {pool}` forgets it and leaves its files; `moxnas dataset delete \
                 {pool} …` deletes one dataset"
            ),
            Refusal::HostLimits(_) => {
                "leave the quota out, or set one on the host: a volume for the dataset (`pct set ID \
                 --mp1 STORAGE:GB,mp=…`), or `zfs set quota=…` of the folder"
                    .to_owned()
            }
            Refusal::HostCompresses(_) => {
                "set it on the host: `zfs set compression=zstd` of what the folder is on, or `btrfs \
                 property set FOLDER compression zstd`"
                    .to_owned()
            }
            Refusal::HostSnapshots(_) => {
                "take them on the host (`zfs snapshot`, `pct snapshot ID`), or `moxnas dataset \
                 replicate` to a pool of btrfs or of thin volumes, which has them"
                    .to_owned()
            }
        }
    }
}
