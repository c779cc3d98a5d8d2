//! What no single crate of MoxNAS can prove.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod access;
mod architecture;
mod attacks;
mod audit_log;
mod cli;
mod contract;
mod disk_work;
mod injection;
mod nas;
mod operations;
mod product;
mod rest;
mod source;
mod tidy;
mod whole_box;
