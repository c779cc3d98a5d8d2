//! What scenarios do beside all plans.

use std::{fmt, time::Duration};

use crate::conformance::Shutdown;

/// Something that a person does, or that befalls a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Somebody who is not root writes a file anew, of so many MiB. What does not go in whole is
    /// taken away again.
    Write {
        pool: &'static str,
        /// A folder in the pool, or `""`.
        place: &'static str,
        file: &'static str,
        mib: u64,
    },
    Remove {
        pool: &'static str,
        place: &'static str,
        file: &'static str,
    },
    /// A file named `fill` gets all that there is space for.
    Fill {
        pool: &'static str,
        place: &'static str,
    },
    /// A process works in a pool.
    Enter {
        pool: &'static str,
    },
    Leave {
        pool: &'static str,
    },
    /// A file below the mount point of a pool that is not mounted.
    Hide {
        pool: &'static str,
    },
    Unhide {
        pool: &'static str,
    },
    Pull {
        serial: &'static str,
    },
    PlugBack {
        serial: &'static str,
    },
    /// Somebody makes a filesystem with a tool of their own, without the features that ours have.
    MakeForeign {
        serial: &'static str,
        kind: &'static str,
    },
    /// All that is on a disk is copied to another one.
    Copy {
        from: &'static str,
        to: &'static str,
    },
    /// A disk becomes larger.
    Enlarge {
        serial: &'static str,
        mib: u64,
    },
    /// Somebody edits the unit of a pool, and tells systemd.
    EditUnit {
        pool: &'static str,
        from: &'static str,
        to: &'static str,
    },
    /// Somebody makes a subvolume by hand.
    Nest {
        pool: &'static str,
        place: &'static str,
    },
    /// Days go by.
    Days {
        days: u64,
    },
    /// The filesystem of a pool of ext4 comes upon an error, and goes on.
    ComeUponError {
        pool: &'static str,
    },
    /// Off and on again, some disks having been taken out meanwhile.
    Restart {
        how: Shutdown,
        without: &'static [&'static str],
    },
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Deed::Write {
                pool,
                place,
                file,
                mib,
            } => write!(f, "{mib} MiB are written to {}", at(pool, place, file)),
            Deed::Remove { pool, place, file } => write!(f, "{} is removed", at(pool, place, file)),
            Deed::Fill { pool, place } => write!(f, "{} gets all", at(pool, place, "fill")),
            Deed::Enter { pool } => write!(f, "a process works in {pool}"),
            Deed::Leave { pool } => write!(f, "the process in {pool} ends"),
            Deed::Hide { pool } => write!(f, "a file is put where {pool} is to be mounted"),
            Deed::Unhide { pool } => write!(f, "the file where {pool} is to be mounted is removed"),
            Deed::Pull { serial } => write!(f, "{serial} is pulled"),
            Deed::PlugBack { serial } => write!(f, "{serial} is plugged back"),
            Deed::MakeForeign { serial, kind } => write!(f, "somebody makes {kind} on {serial}"),
            Deed::Copy { from, to } => write!(f, "{from} is copied to {to}"),
            Deed::Enlarge { serial, mib } => write!(f, "{serial} is enlarged to {mib} MiB"),
            Deed::EditUnit { pool, from, to } => {
                write!(f, "in the unit of {pool} {from:?} becomes {to:?}")
            }
            Deed::Nest { pool, place } => write!(f, "somebody makes the subvolume {pool}/{place}"),
            Deed::Days { days } => write!(f, "{days} days go by"),
            Deed::ComeUponError { pool } => write!(f, "{pool} comes upon an error"),
            Deed::Restart { how, without } => {
                f.write_str(match how {
                    Shutdown::Clean => "the machine reboots",
                    Shutdown::PowerCut => "the power is cut",
                })?;
                match without {
                    [] => Ok(()),
                    gone => write!(f, " and comes back without {}", gone.join(" and ")),
                }
            }
        }
    }
}

fn at(pool: &str, place: &str, file: &str) -> String {
    match place {
        "" => format!("{pool}/{file}"),
        place => format!("{pool}/{place}/{file}"),
    }
}

/// So many days.
pub(super) fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}
