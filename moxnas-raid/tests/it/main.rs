//! The crate as its users see it: against captured machines, and against the simulation.

mod argv;
mod captured;
mod properties;
mod render;
mod roundtrip;
mod sysfs;
mod world;
