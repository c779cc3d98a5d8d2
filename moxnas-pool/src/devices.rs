//! Pools of one btrfs over several devices, see btrfs-device(8).
//!
//! Each device has the UUID of the filesystem and one of its own, by which members are told from copies
//! of a disk. The unit of the pool notes those of all members: so a look that asks no filesystem knows
//! which are not there. What the kernel works with is read off what is mounted.
//!
//! Seen with systemd 252: a `.mount` unit ends when the device goes that the kernel names for it, though
//! the filesystem could go on; `x-systemd.device-bound=no` does not keep it. While a member is away udev
//! calls none of the others ready, so that systemd waits for it in vain. A pool that lacks a member is
//! therefore mounted by mount(8), once, by somebody who agrees to have fewer copies (`degraded`).
//!
//! Seen with Linux 6.1: a device that replaces another one gets its number and its UUID, so that the unit
//! need not be changed; a device that comes back after it was replaced may be taken for the new one when
//! the filesystem is mounted, however old it is. While devices are missing, some of what is written has
//! one copy, and gets the other one only when it is balanced.

mod changes;
mod look;
mod model;
mod plan;
mod profile;
mod refusal;
mod step;
mod usage;

pub use changes::{Change, Old, plan};
pub(crate) use look::{noted, pool};
pub use model::{Devices, DevicesUnit, Member};
pub use plan::CreateOnDevices;
pub(crate) use plan::{create, delete, grow, import, mount};
pub use profile::{OtherProfile, Profile};
pub use refusal::Refusal;
pub use step::DevicesStep;
pub use usage::{OnDevice, Task, Underway};
