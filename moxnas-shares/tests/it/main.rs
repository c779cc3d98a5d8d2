//! The crate as its users have it.
#![expect(clippy::unwrap_used, reason = "what fails here is a test")]
#![expect(clippy::print_stdout, reason = "what is skipped is said")]

mod accounts;
mod checkers;
mod intents;
mod properties;
mod readback;
mod samba;
mod transactions;
mod wishes;
