//! `cargo xtask soak`: what takes too long for every change.

use std::{process::ExitCode, time::Instant};

use anyhow::{Context as _, Result};

use crate::binaries::{cargo, exit_code};

/// Tells the whole-box test how many seeds to try.
const SEEDS: &str = "MOXNAS_SEEDS";

#[derive(clap::Args)]
pub(crate) struct Soak {
    /// Seeds of the whole-box test.
    #[arg(long, default_value_t = 5000)]
    seeds: u64,
}

impl Soak {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let mut test = cargo();
        test.args([
            "test",
            "--package",
            "moxnas-tests",
            "--test",
            "it",
            "whole_box",
        ]);
        test.args(["--", "--nocapture"])
            .env(SEEDS, self.seeds.to_string());
        let began = Instant::now();
        let status = test.status().context("cannot start cargo")?;
        let seconds = began.elapsed().as_secs_f64();
        let end = if status.success() { "passed" } else { "FAILED" };
        println!(
            "\n{:<12} {:>8} {:>10} {:>9}  end",
            "test", "seeds", "time", "seeds/s"
        );
        let rate = self.seeds as f64 / seconds;
        println!(
            "{:<12} {:>8} {seconds:>8.1} s {rate:>9.1}  {end}",
            "whole box", self.seeds
        );
        Ok(exit_code(status))
    }
}
