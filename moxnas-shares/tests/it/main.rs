//! The crate as its users see it.
#![expect(clippy::unwrap_used, reason = "what fails here is a test")]

mod accounts;
