//! What mdadm prints: `--detail`, `--examine`, both with `--export`, and the `ARRAY` lines of
//! `--detail --scan` and `--examine --scan`.
//!
//! The formats are those of mdadm 3.x to 4.4 (`Detail.c`, `super0.c`, `super1.c`, `super-intel.c`,
//! `super-ddf.c`, `super-mbr.c`, `super-gpt.c` in [mdadm's source][src]). A `Key : Value` line of a key
//! that has no field of its own is kept verbatim in `other`, in order; what is no such line is a
//! [`ParseError`](crate::parsed::ParseError).
//!
//! Times are as mdadm prints them, in the local time of whoever ran it and without a zone; the
//! `--export` forms have seconds since 1970.
//!
//! [src]: https://git.kernel.org/pub/scm/utils/mdadm/mdadm.git
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod blocks;
mod ddf;
mod examine;
mod export;
mod imsm;
mod member_table;
mod native;
mod partition_table;
mod platform;
mod report;
mod scan;
mod values;

pub use blocks::Message;
pub use ddf::{Ddf, DdfGuid, DdfPhysicalDisk, DdfVirtualDisk};
pub use examine::{Examine, Examined, Superblock, parse_examine};
pub use export::{Export, ExportMember, ExportRole, parse_export};
pub use imsm::{Imsm, ImsmDisk, ImsmSection, ImsmVolume, Migrating};
pub use member_table::{MemberRow, MemberWord};
pub use native::{
    BadBlockLog, DeviceRole, InternalBitmap, Native, NativeRow, Ppl, RoleEntry, RowName,
    UnusedSpace,
};
pub use partition_table::{Partition, PartitionTable};
pub use platform::{Platform, parse_platform};
pub use report::{
    ContainerPlace, Detail, Details, IntentBitmap, Persistence, SyncStatus, parse_detail,
};
pub use scan::{Scan, ScanArray, parse_scan};
pub use values::{Checksum, DeltaDevices, Name};

#[cfg(test)]
mod tests;
