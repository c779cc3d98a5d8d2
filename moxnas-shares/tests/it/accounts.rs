//! Users and groups.

mod commands;
mod plans;
mod read;
mod retries;
mod simulated;
mod tools;
mod world;
