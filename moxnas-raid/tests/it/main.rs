//! The crate as its users see it: against captured machines, and against the simulation.
#![expect(clippy::unwrap_used, reason = "what fails here is a test")]

mod argv;
mod captured;
mod fuzzed;
mod properties;
mod render;
mod roundtrip;
mod sysfs;
mod world;
