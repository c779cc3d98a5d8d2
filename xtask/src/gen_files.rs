//! `cargo xtask gen`: the committed files that say what clients can rely on.
//!
//! The contract test compares them with what the code says; told to, it writes them instead.

use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::binaries::{build_product, cargo, exit_code};

/// Told the contract test to write what it would compare.
const BLESS: &str = "MOXNAS_BLESS";

#[derive(clap::Args)]
pub(crate) struct Gen {
    /// Only compare, and fail where a file is not as the code says.
    #[arg(long)]
    check: bool,
}

impl Gen {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let mut test = cargo();
        test.args([
            "test",
            "--quiet",
            "--package",
            "moxnas-tests",
            "--test",
            "it",
            "contract",
        ]);
        // It asks the product for its command tree.
        test.env("MOXNAS_BIN", build_product()?);
        if self.check {
            test.env_remove(BLESS);
        } else {
            test.env(BLESS, "1");
        }
        Ok(exit_code(test.status().context("cannot start cargo")?))
    }
}
