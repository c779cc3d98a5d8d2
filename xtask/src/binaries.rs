//! Cargo, and building executables of the workspace that chores start.

use std::{
    env,
    ffi::OsString,
    path::PathBuf,
    process::{Command, ExitCode, ExitStatus, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use moxnas_tests::lab::workspace;
use serde_json::Value;

/// What the agent can do: running commands needs nothing of the product.
#[derive(Clone, Copy)]
pub(crate) enum Agent {
    Plain,
    WithProduct,
}

pub(crate) fn build_agent(agent: Agent) -> Result<PathBuf> {
    let arguments = ["-p", "moxnas-tests", "--bin", "lab-agent"];
    match agent {
        Agent::Plain => build(
            "lab-agent",
            &[&arguments[..], &["--no-default-features"]].concat(),
        ),
        Agent::WithProduct => build("lab-agent", &arguments),
    }
}

pub(crate) fn build_product() -> Result<PathBuf> {
    build("moxnas", &["-p", "moxnas-cli", "--bin", "moxnas"])
}

/// The product as it is shipped.
pub(crate) fn build_release() -> Result<PathBuf> {
    build(
        "moxnas",
        &[
            "-p",
            "moxnas-cli",
            "--bin",
            "moxnas",
            "--release",
            "--locked",
        ],
    )
}

/// What no single crate can prove, as a program.
pub(crate) fn build_test(profile: &str) -> Result<PathBuf> {
    let test = ["-p", "moxnas-tests", "--test", "it", "--profile", profile];
    build("it", &test)
}

/// Whether tests can be run by nextest, which gives each a process and a time limit.
pub(crate) fn has_nextest() -> bool {
    let version = cargo().args(["nextest", "--version"]).output();
    version.is_ok_and(|it| it.status.success())
}

/// What a command's end means for the chore's own.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The cargo that runs this chore.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    cargo.current_dir(workspace());
    cargo
}

/// Builds and returns the path of the executable, which cargo tells in a line of JSON.
fn build(name: &str, arguments: &[&str]) -> Result<PathBuf> {
    let output = cargo()
        .args([
            "build",
            "--quiet",
            "--message-format=json-render-diagnostics",
        ])
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    ensure!(output.status.success(), "cannot build {name}");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|it| it["target"]["name"] == name)
        .find_map(|it| it["executable"].as_str().map(PathBuf::from))
        .with_context(|| format!("cargo does not say where {name} is"))
}
