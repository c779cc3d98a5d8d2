//! The crate as its users see it.
#![expect(clippy::unwrap_used, reason = "what fails here is a test")]

mod attributes;
mod clocks;
mod datasets;
mod device_changes;
mod devices;
mod directories;
mod folders;
mod foreseen;
mod pools;
mod properties;
mod remote;
mod replicas;
mod spelled_out;
mod ssh;
mod starts;
mod thin;
mod troubles;
mod wishes;
mod world;
