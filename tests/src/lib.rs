//! Building blocks.

#[cfg(feature = "product")]
pub mod conformance;
pub mod disk_work;
pub mod lab;
