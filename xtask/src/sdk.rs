//! `cargo xtask sdk`: a client generated from the OpenAPI document, used on a simulated service.
//!
//! The client is a workspace of its own in `tests/sdk`, so that what its generator needs stays out of
//! the lock file of the product.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use moxnas_tests::lab::workspace;

use crate::binaries::{build_product, cargo, exit_code};

#[derive(clap::Args)]
pub(crate) struct Sdk {}

impl Sdk {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let product = build_product()?;
        let mut client = cargo();
        client
            .current_dir(workspace().join("tests/sdk"))
            .args(["run", "--quiet", "--locked", "--target-dir"])
            .arg(workspace().join("target/sdk"))
            .arg("--")
            .arg(product);
        Ok(exit_code(client.status().context("cannot start cargo")?))
    }
}
