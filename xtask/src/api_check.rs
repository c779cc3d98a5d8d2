//! `cargo xtask api-check`: whether the service does what its OpenAPI documents say, and whether the
//! documents are in good order.
//!
//! schemathesis asks a simulated service what the documents allow and what they forbid, and compares
//! each answer with them; redocly and spectral read the documents. What none of them insists on stands
//! in `xtask/api-check/exclusions.txt`, with reasons, and nowhere else.

mod exclusions;
mod fuzz;
mod lint;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result, ensure};
use moxnas_tests::lab::workspace;
use serde_json::Value;

use self::{exclusions::Exclusions, fuzz::Fuzz};
use crate::{binaries::build_product, tools};

/// The committed documents, and where a simulated service shows its own.
const DOCUMENTS: [(&str, &str); 2] = [
    ("moxnas-api/openapi.json", "/api/openapi.json"),
    (
        "moxnas-api/openapi-simulation.json",
        "/api/sim/openapi.json",
    ),
];

#[derive(clap::Args)]
pub(crate) struct ApiCheck {
    /// How many requests to make at least; 20000 for a full run.
    #[arg(long, default_value_t = 1500)]
    cases: u64,
    /// Where the making of requests begins; the same seed makes the same ones.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Check this program, instead of building it.
    #[arg(long, value_name = "FILE")]
    product: Option<PathBuf>,
    /// Only read the documents.
    #[arg(long)]
    lint: bool,
}

/// How much was right, and how much was not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl ApiCheck {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let ours = workspace().join("xtask/api-check");
        let exclusions = Exclusions::read(&ours.join("exclusions.txt"))?;
        exclusions.are_of_operations(&operations()?)?;
        println!("left out:\n{exclusions}");
        let made = workspace().join("target/api-check");
        fs::create_dir_all(&made)?;

        let mut tally = lint::lint(&ours, &made, &exclusions)?;
        if !self.lint {
            let product = match self.product {
                Some(product) => product,
                None => build_product()?,
            };
            let fuzz = Fuzz {
                product: &product,
                programs: tools::python("api-check/python", &ours.join("requirements.txt"))?,
                config: fuzz::config(&ours, &exclusions)?,
                codes: exclusions.codes(),
                reports: made,
            };
            tally += fuzz.run(self.cases, self.seed, operations()?.len() as u64)?;
        }
        let Tally { passed, failed } = tally;
        println!("\napi-check: {passed} passed, {failed} failed");
        Ok(if failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

/// The ids of all operations.
fn operations() -> Result<Vec<String>> {
    let mut ids = Vec::new();
    for (document, _) in DOCUMENTS {
        let document: Value = serde_json::from_str(&read(&workspace().join(document))?)?;
        let paths = document["paths"].as_object().context("no paths")?;
        let operations = paths.values().filter_map(Value::as_object).flatten();
        ids.extend(operations.filter_map(|(_, it)| it["operationId"].as_str().map(str::to_owned)));
    }
    ensure!(!ids.is_empty(), "the documents have no operations");
    Ok(ids)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| path.display().to_string())
}
