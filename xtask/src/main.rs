//! Chores of the MoxNAS workspace: `cargo xtask <chore>`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a chore talks to a terminal"
)]

mod lab;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

#[derive(Parser)]
#[command(name = "cargo xtask", about, max_term_width = 100)]
enum Chore {
    /// Virtual machines with real disks and arrays, for tests that may destroy them.
    #[command(subcommand)]
    Lab(lab::Lab),
}

fn main() -> Result<ExitCode> {
    match Chore::parse() {
        Chore::Lab(lab) => lab.run(),
    }
}
