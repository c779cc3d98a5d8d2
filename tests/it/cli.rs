//! The command line, as people and scripts meet it.

mod access;
mod broken_pools;
mod consequences;
mod database;
mod offline;
mod one_step;
mod prune;
mod refusals;
mod same;
mod service;
mod shares;
