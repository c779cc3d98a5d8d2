//! Pools that are a folder of somebody else's filesystem: in a container, what the host mounts into it.
//!
//! There is no device, nothing is formatted and nothing mounted: all of that is the host's. What is
//! written down is which folder it is, on what it was when it became a pool, and a UUID; the same UUID
//! is in a file in the folder (`.moxnas-pool`), so that the empty mount point of a folder that the host
//! has not mounted is never taken for the pool. `/srv/POOL` is a link to it: whatever is done in a pool
//! is done there, and a link needs no right to mount, which an unprivileged container may not have.
//!
//! A look asks the kernel only what is mounted where; the file in the folder is read with what is in the
//! pool, as a filesystem of a network may hang.
//!
//! Datasets are plain folders. What needs a filesystem of one's own (quotas, snapshots, growing,
//! checking) is refused, with what does it on the host.

mod model;
mod note;
mod plan;
mod refusal;
mod step;

pub use model::{Directory, Folder, Is, Mark, Place};
pub use moxnas_core::folder::FolderPath;
pub use note::{MARK_FILE, NOTE_FOLDER, note_file, note_of};
pub(crate) use note::{Note, parse_mark, render_mark};
pub use plan::CreateDirectory;
pub(crate) use plan::{create, export, mount};
pub use refusal::Refusal;
pub use step::DirectoryStep;
