//! Tests on a machine with real disks and arrays. Run by `cargo xtask lab test`; without a lab each
//! of them ends at once.

mod conformance;
mod geometry;
mod machine;
mod product;
