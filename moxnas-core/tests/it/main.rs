//! Tests of moxnas-core from outside.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod captured;
mod disk;
mod tree;
mod work;
