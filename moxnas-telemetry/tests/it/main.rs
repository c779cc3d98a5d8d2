//! Tests of moxnas-telemetry from outside.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod host;
mod sample;
mod sim;
