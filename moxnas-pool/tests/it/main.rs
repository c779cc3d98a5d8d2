//! The crate as its users see it.
#![expect(clippy::unwrap_used, reason = "what fails here is a test")]

mod clocks;
mod datasets;
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
mod wishes;
mod world;
