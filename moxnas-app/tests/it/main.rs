//! What the crate promises to those above it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod accounts;
mod attributes;
mod audit;
mod auth;
mod calendar;
mod call;
mod database;
mod datasets;
mod disks;
mod engines;
mod expected;
mod growth;
mod hung_pool;
mod initramfs;
mod jobs;
mod made_schedules;
mod one_step;
mod pools;
mod remote;
mod replicas;
mod schedules;
mod seal;
mod services;
mod shares;
mod spares;
mod store;
mod wishes;
