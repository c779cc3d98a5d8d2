//! Building blocks.

pub mod lab;
