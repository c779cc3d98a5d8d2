//! `cargo xtask lab test`: the lab tests, with all they need.

use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};
use moxnas_tests::lab::{AGENT_VARIABLE, IMAGE_VARIABLE, PRODUCT_VARIABLE};

use super::{Which, template};
use crate::binaries::{Agent, build_agent, build_product, cargo, exit_code, has_nextest};

#[derive(clap::Args)]
pub(crate) struct Test {
    /// Part of the names of the tests to run.
    filter: Option<String>,
    /// Leave out the tests whose names contain this. May be given several times.
    #[arg(long, value_name = "FILTER")]
    without: Vec<String>,
    /// Of the tests only every Nth, from the Kth on. Without cargo-nextest all of them run.
    #[arg(long, value_name = "K/N")]
    part: Option<String>,
    #[command(flatten)]
    which: Which,
    /// Tests at a time. A machine has two processors of its own, so more than the host has is slow.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
}

impl Test {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let image = template(self.which.suite)?.image;
        let (agent, product) = (build_agent(Agent::WithProduct)?, build_product()?);
        let mut tests = self.harness();
        tests.env(IMAGE_VARIABLE, &image.folder);
        tests
            .env(AGENT_VARIABLE, agent)
            .env(PRODUCT_VARIABLE, product);
        eprintln!("lab: running the lab tests on {}", self.which.suite);
        let status = tests.status().context("cannot start cargo")?;
        Ok(exit_code(status))
    }

    /// nextest where it is installed: it gives every test a process and a time of its own.
    fn harness(&self) -> Command {
        let target = ["-p", "moxnas-tests", "--test", "lab"];
        let jobs = self.jobs.to_string();
        let mut command = cargo();
        if has_nextest() {
            command
                .args(["nextest", "run", "--no-fail-fast", "--test-threads", &jobs])
                .args(target);
            command.args(&self.filter);
            let without = self.without.iter().map(|it| format!("not test({it})"));
            let without: Vec<String> = without.collect();
            if !without.is_empty() {
                command.args(["-E", &without.join(" & ")]);
            }
            if let Some(part) = &self.part {
                command.args(["--partition", &format!("count:{part}")]);
            }
        } else {
            command
                .args(["test", "--no-fail-fast"])
                .args(target)
                .args(&self.filter);
            command.args(["--", "--test-threads", &jobs]);
            for without in &self.without {
                command.args(["--skip", without]);
            }
        }
        command
    }
}
