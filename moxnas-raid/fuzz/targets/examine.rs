//! `cargo +nightly fuzz run examine`
#![no_main]

#[path = "../checks.rs"]
#[expect(dead_code, reason = "the checks of the other targets")]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::examine(bytes));
