//! Building blocks.

#[cfg(feature = "product")]
pub mod conformance;
pub mod lab;
