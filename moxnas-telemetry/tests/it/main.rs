//! Tests of moxnas-telemetry from outside.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::print_stdout, reason = "what is skipped is said")]

mod capability;
mod host;
mod sample;
mod sim;
