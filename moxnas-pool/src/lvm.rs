//! Pools whose datasets are thin volumes of LVM, see lvmthin(7).
//!
//! Such a pool is a volume group of its own on one device, `moxnas_POOL`. In it are a thin pool that has
//! all of the device (`thin`), a small ext4 that is the folder of the pool (`root`), and a thin volume for
//! each dataset, with a filesystem of its own that is mounted in that folder. What a volume is can be
//! read off its name: `d.DATASET` is a dataset, `s.DATASET.SNAPSHOT` a snapshot of it, `r.DATASET` what a
//! rollback has set aside, `n.DATASET` what is to become a dataset.
//!
//! The unit of the pool mounts its folder, as of any other pool, and says besides on which physical
//! volume the group is: so a look finds the device of a pool also while none of its volumes is there.
//! Each dataset has a unit too, that the unit of the pool wants.
//!
//! The size of a volume is the quota of its dataset, and all of them together may be more than there is.
//! A thin pool that is full refuses whatever needs more of it at once (`--errorwhenfull y`): to let it wait
//! would only help if something made the pool larger, and it has all of its device already.

mod check;
mod look;
mod model;
mod names;
mod plan;
mod refusal;
mod step;
mod unit;

pub(crate) use check::check;
pub(crate) use look::{PHYSICAL, datasets_of, pool};
pub use model::{Fill, Kind, Mounting, Shown, Thin};
pub use names::{
    EXTENT, METADATA, ROOT, ROOT_SIZE, THIN, Volume, group, mapped, path, smallest, whole_extents,
};
pub(crate) use names::{mapped_metadata, named};
pub(crate) use plan::{create, delete, export, grow, hide, import, mount, stop};
pub use refusal::Refusal;
pub use step::{GroupStep, VolumeStep};
pub use unit::{ThinUnit, VolumeUnit, is_physical_uuid};
