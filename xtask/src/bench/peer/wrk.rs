//! Load by wrk.

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use moxnas_tests::lab::workspace;
use serde_json::Value;

/// Who is asked for what.
pub(super) struct Target {
    pub(super) address: SocketAddr,
    pub(super) path: String,
    pub(super) token: String,
    /// Bytes of the body of each answer.
    pub(super) body: u64,
}

/// How much of it.
#[derive(Clone, Copy)]
pub(super) struct Load {
    pub(super) connections: usize,
    pub(super) time: Duration,
    /// Whether each answer is looked at, which slows the load down.
    pub(super) is_strict: bool,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Measured {
    pub(super) requests: u64,
    pub(super) per_second: f64,
    pub(super) p50: Duration,
    pub(super) p99: Duration,
}

/// Fails where any answer is not 200, is cut short, or does not come.
pub(super) fn run(target: &Target, load: Load) -> Result<Measured> {
    let script: PathBuf = workspace().join("xtask/bench/peer/load.lua");
    let threads = load.connections.min(2);
    let mut wrk = Command::new("wrk");
    wrk.arg(format!("-t{threads}"))
        .arg(format!("-c{}", load.connections))
        .arg(format!("-d{}s", load.time.as_secs()))
        // Longer than any run: a slow answer counts in the percentiles, and is no failure.
        .args(["--timeout", "60s", "-s"])
        .arg(script)
        .arg("-H")
        .arg(format!("Authorization: Bearer {}", target.token))
        .arg(format!("http://{}{}", target.address, target.path));
    if load.is_strict {
        wrk.args(["--", "strict"]);
    }
    let output = wrk.stdin(Stdio::null()).output().context(
        "cannot start wrk, of the Debian package of that name: xtask/host-packages.sh installs it",
    )?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "wrk failed: {text}");
    let told = text.lines().find(|it| it.starts_with('{'));
    Measured::parse(told.context("wrk tells nothing")?, target.body)
}

impl Measured {
    fn parse(told: &str, body: u64) -> Result<Measured> {
        let told: Value = serde_json::from_str(told)?;
        let number = |name: &str| told[name].as_u64().with_context(|| format!("no {name}"));
        let requests = number("requests")?;
        ensure!(requests > 0, "no request was answered");
        let (wrong, broken) = (number("wrong")?, number("broken")?);
        ensure!(wrong == 0, "{wrong} of {requests} answers are not 200");
        ensure!(broken == 0, "{broken} requests had no answer");
        ensure!(
            number("bytes")? >= requests * body,
            "some answers are shorter than {body} bytes"
        );
        let time = |name: &str| Ok::<_, anyhow::Error>(Duration::from_micros(number(name)?));
        Ok(Measured {
            requests,
            per_second: requests as f64 / time("us")?.as_secs_f64(),
            p50: time("p50_us")?,
            p99: time("p99_us")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Measured;

    #[test]
    fn an_answer_that_is_wrong_missing_or_short_fails_the_run() {
        let told = |wrong: u64, broken: u64, bytes: u64| {
            let text = format!(
                r#"{{"requests":10,"us":2000000,"bytes":{bytes},"wrong":{wrong},"broken":{broken},"p50_us":100,"p99_us":900}}"#
            );
            Measured::parse(&text, 50)
        };
        let good = told(0, 0, 600).unwrap();
        assert_eq!((good.requests, good.per_second), (10, 5.0));
        for bad in [told(1, 0, 600), told(0, 1, 600), told(0, 0, 499)] {
            assert!(bad.is_err(), "{bad:?}");
        }
    }
}
