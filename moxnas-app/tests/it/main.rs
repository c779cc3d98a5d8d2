//! What the crate promises to those above it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod auth;
mod calendar;
mod call;
mod engines;
mod jobs;
mod schedules;
mod store;
