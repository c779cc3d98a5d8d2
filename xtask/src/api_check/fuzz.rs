//! Runs of schemathesis, each on a service of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::{DOCUMENTS, Exclusions, Tally};
use crate::{http::Connection, service::Service};

/// What the service pretends to be, round by round: arrays that are well, that are not, and none.
const SCENARIOS: [&str; 4] = ["small-office", "raid6-two-failed", "blank", "sandbox"];

/// Lists, and the fields of theirs that other requests take.
const NAMED: [(&str, &str, &[&str]); 2] = [
    ("arrays", "/api/storage/arrays", &["name", "uuid"]),
    ("disks", "/api/storage/disks", &["id", "kernel_name"]),
];

/// How many requests of one kind a round makes for an operation.
const EXAMPLES: std::ops::RangeInclusive<u64> = 10..=200;

/// What is needed for a run.
pub(super) struct Fuzz<'a> {
    pub(super) product: &'a Path,
    pub(super) programs: PathBuf,
    pub(super) config: String,
    pub(super) codes: String,
    pub(super) reports: PathBuf,
}

/// What schemathesis told of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Told {
    generated: u64,
    failed: u64,
}

/// The settings: the committed ones, and what is excluded.
pub(super) fn config(ours: &Path, exclusions: &Exclusions) -> Result<String> {
    Ok(format!(
        "hooks = \"{}\"\n{}{}",
        ours.join("hooks.py").display(),
        super::read(&ours.join("schemathesis.toml"))?,
        exclusions.tables()
    ))
}

impl Fuzz<'_> {
    /// Rounds over all documents until `cases` requests were made, or something is wrong.
    pub(super) fn run(&self, cases: u64, seed: u64, operations: u64) -> Result<Tally> {
        let examples = (cases / operations / 2).clamp(*EXAMPLES.start(), *EXAMPLES.end());
        let mut tally = Tally::default();
        let mut seeds = seed..;
        let mut scenarios = SCENARIOS.iter().cycle();
        while tally.passed < cases && tally.failed == 0 {
            let seed = seeds.next().context("there are no more seeds")?;
            let scenario = scenarios.next().context("there are no scenarios")?;
            for (document, path) in DOCUMENTS {
                println!("\n==== {document}, {scenario}, seed {seed} ====");
                let told = self.round(path, scenario, seed, examples)?;
                let Told { generated, failed } = told;
                println!("{document}: {generated} requests, {failed} of them answered wrongly");
                ensure!(generated > 0, "schemathesis made no request");
                tally += Tally {
                    passed: generated.saturating_sub(failed),
                    failed,
                };
            }
        }
        Ok(tally)
    }

    fn round(&self, document: &str, scenario: &str, seed: u64, examples: u64) -> Result<Told> {
        let mut service = Service::start(self.product, scenario)?;
        let report = self.reports.join("report.json");
        let config = self.reports.join("schemathesis.toml");
        fs::write(&config, format!("{}{}", self.config, names(&service)?))?;
        // An old one must not be taken for this run's.
        let _ = fs::remove_file(&report);
        let status = Command::new(self.programs.join("st"))
            .arg("--config-file")
            .arg(&config)
            .arg("run")
            .arg(format!("http://{}{document}", service.address))
            .args(["--mode", "all"])
            .args(["--phases", "examples,coverage,fuzzing,stateful"])
            .args(["--seed", &seed.to_string()])
            .args(["--max-examples", &examples.to_string()])
            .args(["--continue-on-failure", "--no-color"])
            // Tokens of a service that ends with this run are no secret, and repeat its requests.
            .args(["--output-sanitize", "false"])
            .args(["--report", "json", "--report-json-path"])
            .arg(&report)
            .env("API_CHECK_SOCKET", &service.socket)
            .env("API_CHECK_PASSWORD", &service.password)
            .env("API_CHECK_CODES", &self.codes)
            .current_dir(&self.reports)
            .stdin(Stdio::null())
            .status()
            .context("cannot start schemathesis")?;
        let text = super::read(&report).context("schemathesis left no report")?;
        let mut told = Told::parse(&serde_json::from_str(&text)?)?;
        let log = fs::read_to_string(&service.log).unwrap_or_default();
        if !service.is_running()? || log.contains("panic") {
            println!("the service panicked or ended:\n{log}");
            told.failed += 1;
        }
        if !status.success() && told.failed == 0 {
            println!("schemathesis ended with {status}");
            told.failed += 1;
        }
        Ok(told)
    }
}

/// What there is on the machine, so that not all requests are about nothing.
fn names(service: &Service) -> Result<String> {
    let mut connection = Connection::open(service.address)?;
    let token = connection.log_in(&service.password)?;
    let (mut text, mut all) = (String::new(), vec!["admin".to_owned()]);
    for (dictionary, list, fields) in NAMED {
        let page = connection.json(list, &token)?;
        // Something has to be in it, also where there is nothing.
        let mut names = vec!["none".to_owned()];
        for item in page["items"].as_array().into_iter().flatten() {
            let texts = fields.iter().filter_map(|field| item[field].as_str());
            names.extend(texts.map(str::to_owned));
        }
        text += &format!("\n[dictionaries.{dictionary}]\nvalues = {}\n", json!(names));
        all.extend(names);
    }
    text += &format!("\n[dictionaries.names]\nvalues = {}\n", json!(all));
    Ok(text)
}

impl Told {
    fn parse(report: &Value) -> Result<Told> {
        let cases = &report["test_cases"];
        let count = |name: &str| {
            let count = cases[name].as_u64();
            count.with_context(|| format!("the report has no {name}"))
        };
        let is_complete = report["complete"].as_bool().unwrap_or_default();
        Ok(Told {
            generated: count("generated")?,
            failed: count("with_failures")? + count("errored")? + u64::from(!is_complete),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Told, json};

    #[test]
    fn a_run_that_was_cut_short_has_failed() {
        let report = |complete| {
            json!({
                "complete": complete,
                "test_cases": { "generated": 162, "with_failures": 4, "errored": 1 },
            })
        };
        let told = |failed| Told {
            generated: 162,
            failed,
        };
        assert_eq!(Told::parse(&report(true)).unwrap(), told(5));
        assert_eq!(Told::parse(&report(false)).unwrap(), told(6));
        assert!(Told::parse(&json!({})).is_err());
    }
}
