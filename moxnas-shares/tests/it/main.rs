//! The crate as its users have it.
#![expect(clippy::unwrap_used, reason = "what fails here is a test")]
#![expect(clippy::print_stdout, reason = "what is skipped is said")]

mod access;
mod accounts;
mod checkers;
mod discovery;
mod ftp;
mod intents;
mod properties;
mod readback;
mod samba;
mod services;
mod sessions;
mod transactions;
mod wishes;
