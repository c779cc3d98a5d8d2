//! `cargo xtask conformance`: every scenario on the simulation and on a real machine, side by side.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use moxnas_tests::lab::Suite;

use crate::{
    binaries::{Agent, build_agent, cargo, exit_code},
    lab::template,
};

#[derive(clap::Args)]
pub(crate) struct Conformance {
    /// Only the scenarios whose names contain one of these.
    filter: Vec<String>,
    /// The Debian releases that they are held against.
    #[arg(long, value_delimiter = ',', default_values_t = [Suite::Bookworm, Suite::Trixie])]
    suite: Vec<Suite>,
    /// Machines at a time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Print what each scenario saw.
    #[arg(long)]
    values: bool,
}

impl Conformance {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let mut command = cargo();
        command.args([
            "run",
            "--quiet",
            "-p",
            "moxnas-tests",
            "--bin",
            "side-by-side",
            "--",
        ]);
        command.arg("--agent").arg(build_agent(Agent::WithProduct)?);
        command.args(["--jobs", &self.jobs.to_string()]);
        for suite in self.suite {
            let folder = template(suite)?.image.folder;
            command.arg(format!("--on={suite}={}", folder.display()));
        }
        if self.values {
            command.arg("--values");
        }
        command.args(self.filter);
        Ok(exit_code(command.status().context("cannot start cargo")?))
    }
}
