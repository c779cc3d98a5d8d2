//! What the crate promises to those above it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod audit;
mod auth;
mod call;
mod database;
mod engines;
mod seal;
mod store;
