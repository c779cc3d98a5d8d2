//! Running a tool of the host, with an error that shows what it said.

use std::{
    fmt::Write as _,
    io::Write as _,
    process::{Command, Output, Stdio},
    thread,
};

use anyhow::{Context as _, Result, bail};

/// Runs it to its end and returns what it printed.
pub(super) fn run(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("cannot start {}", shown(command)))?;
    succeeded(command, output)
}

/// Runs a filter: bytes in, bytes out.
pub(super) fn filter(command: &mut Command, input: Vec<u8>) -> Result<Vec<u8>> {
    let child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.with_context(|| format!("cannot start {}", shown(command)))?;
    let writer = child
        .stdin
        .take()
        .map(|mut it| thread::spawn(move || it.write_all(&input)));
    let output = child.wait_with_output()?;
    if let Some(Ok(Err(err))) = writer.map(thread::JoinHandle::join)
        && output.status.success()
    {
        bail!("cannot write to {}: {err}", shown(command));
    }
    succeeded(command, output)
}

fn succeeded(command: &Command, output: Output) -> Result<Vec<u8>> {
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.trim_end().lines().collect();
    let tail = lines[lines.len().saturating_sub(30)..].join("\n");
    bail!("{} failed ({}):\n{tail}", shown(command), output.status);
}

/// The command as a person would type it, cut where it gets long.
fn shown(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args().take(6) {
        let _ = write!(text, " {}", argument.to_string_lossy());
    }
    text
}
