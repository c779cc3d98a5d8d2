//! The documents themselves, read by redocly and by spectral.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result};
use moxnas_tests::lab::workspace;

use super::{DOCUMENTS, Exclusions, Tally};
use crate::tools;

/// One passes or fails for each linter and document.
pub(super) fn lint(ours: &Path, made: &Path, exclusions: &Exclusions) -> Result<Tally> {
    let programs = tools::node("api-check/node", ours)?;
    let rules = made.join("spectral.yaml");
    fs::write(&rules, spectral_rules(ours, exclusions))?;
    let mut tally = Tally::default();
    for (document, _) in DOCUMENTS {
        let mut redocly = Command::new(programs.join("redocly"));
        redocly
            .args(["lint", "--config"])
            .arg(ours.join("redocly.yaml"))
            .args(
                exclusions
                    .of_redocly()
                    .map(|it| format!("--skip-rule={it}")),
            )
            .env("REDOCLY_TELEMETRY", "off")
            .env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
        let mut spectral = Command::new(programs.join("spectral"));
        spectral
            .args(["lint", "--fail-severity=hint", "--ruleset"])
            .arg(&rules);
        for (name, mut linter) in [("redocly", redocly), ("spectral", spectral)] {
            let output = linter.current_dir(workspace()).arg(document).output();
            let output = output.with_context(|| format!("cannot start {name}"))?;
            if output.status.success() {
                println!("{name}, {document}: clean");
                tally.passed += 1;
            } else {
                println!("{name}, {document}: NOT CLEAN");
                print!("{}", String::from_utf8_lossy(&output.stdout));
                print!("{}", String::from_utf8_lossy(&output.stderr));
                tally.failed += 1;
            }
        }
    }
    Ok(tally)
}

/// The committed rules, less what is excluded.
fn spectral_rules(ours: &Path, exclusions: &Exclusions) -> String {
    let mut text = format!(
        "extends: [\"{}\"]\nrules:\n",
        ours.join("spectral.yaml").display()
    );
    for rule in exclusions.of_spectral() {
        text += &format!("  {rule}: off\n");
    }
    text
}
