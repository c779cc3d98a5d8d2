//! `/proc/mdstat`: every array the kernel has, in the kernel's words.
//!
//! The text is written by `md_seq_show` in [`drivers/md/md.c`][md] and the `status` function of each
//! personality. It is made for people and has changed with every decade; the reader takes what
//! kernels from 2.4 to 6.x print. The kernel's own fields are kept as they are: whether the numbers
//! agree with one another (`[4/3]` with `[UU_U]`) is not judged, for they are printed while they change.
//!
//! [md]: https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git/tree/drivers/md/md.c
//!
//! ```
//! use moxnas_raid::mdstat::{self, SyncAction, SyncState};
//!
//! let parsed = mdstat::parse("\
//! Personalities : [raid1]
//! md0 : active raid1 sdb1[2] sda1[0]
//!       1046528 blocks super 1.2 [2/1] [U_]
//!       [==>..................]  recovery = 12.6% (132096/1046528) finish=0.1min speed=132096K/sec
//!
//! md1 : actve raid1 sdd1[1] sdc1[0]
//!       1046528 blocks super 1.2 [2/2] [UU]
//!
//! unused devices: <none>
//! ");
//!
//! let md0 = parsed.value.array("md0").expect("it is in the text");
//! assert!(md0.is_member("sdb1"));
//! assert_eq!(md0.map.as_deref(), Some("U_"));
//! let sync = md0.sync.as_ref().expect("a recovery runs");
//! assert_eq!(sync.action, SyncAction::Recovery);
//! assert!(matches!(&sync.state, SyncState::Running(progress) if progress.percent == 12.6));
//!
//! // A damaged array does not hide the others, and is not lost in silence.
//! assert_eq!(parsed.errors[0].line, 6);
//! assert_eq!(parsed.errors[0].reason.to_string(), "the word \"actve\" is not understood");
//! ```
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod array_line;
mod bitmap_line;
mod model;
mod reader;
mod status_line;
mod sync_line;

pub use model::{
    Bitmap, ContainerMember, Copies, Layout, Mdstat, MdstatArray, MdstatMember, MemberFlag,
    Metadata, Progress, ReadAhead, ReadOnly, State, Sync, SyncAction, SyncState,
};

use crate::parsed::Parsed;

/// Reads the text of `/proc/mdstat`.
pub fn parse(text: &str) -> Parsed<Mdstat> {
    reader::read(text)
}

#[cfg(test)]
mod tests;
