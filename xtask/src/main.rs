//! Chores of the MoxNAS workspace: `cargo xtask <chore>`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a chore talks to a terminal"
)]

mod api_check;
mod bench;
mod binaries;
mod ci;
mod conformance;
mod gen_files;
mod http;
mod lab;
mod postgres;
mod sdk;
mod service;
mod soak;
mod tools;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

#[derive(Parser)]
#[command(name = "cargo xtask", about, max_term_width = 100)]
enum Chore {
    /// Everything that has to hold before a change lands, in order; ends at the first failure.
    Ci(ci::Ci),
    /// Write the golden files of the contract: the OpenAPI documents and the command tree.
    Gen(gen_files::Gen),
    /// Generate a client from the OpenAPI document and use it on a simulated service.
    Sdk(sdk::Sdk),
    /// Ask the service what its OpenAPI documents allow and what they forbid, and lint them.
    ApiCheck(api_check::ApiCheck),
    /// Measure the service: how soon it answers, how small it is, how fast its lists are.
    Bench(bench::Bench),
    /// Whole simulated machines over thousands of seeds, for an hour rather than a minute.
    Soak(soak::Soak),
    /// Hold the simulation against real machines, scenario by scenario.
    Conformance(conformance::Conformance),
    /// Run a command beside a PostgreSQL server that lives as long as the command.
    Postgres(postgres::Postgres),
    /// Virtual machines with real disks and arrays, for tests that may destroy them.
    #[command(subcommand)]
    Lab(lab::Lab),
}

fn main() -> Result<ExitCode> {
    match Chore::parse() {
        Chore::Ci(ci) => ci.run(),
        Chore::Gen(golden) => golden.run(),
        Chore::Sdk(sdk) => sdk.run(),
        Chore::ApiCheck(check) => check.run(),
        Chore::Bench(bench) => bench.run(),
        Chore::Soak(soak) => soak.run(),
        Chore::Conformance(conformance) => conformance.run(),
        Chore::Postgres(postgres) => postgres.run(),
        Chore::Lab(lab) => lab.run(),
    }
}
