//! Talking to QEMU: its machine protocol over a Unix socket, one JSON object a line, see
//! <https://www.qemu.org/docs/master/interop/qmp-spec.html>.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

/// The longest QEMU may think about one command, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Qmp {
    stream: UnixStream,
    lines: BufReader<UnixStream>,
    /// Events that came while something else was waited for.
    events: Vec<Value>,
}

impl Qmp {
    pub(super) fn new(stream: UnixStream) -> Result<Self> {
        stream.set_read_timeout(Some(PATIENCE))?;
        let lines = BufReader::new(stream.try_clone()?);
        let mut qmp = Self {
            stream,
            lines,
            events: Vec::new(),
        };
        qmp.read().context("QEMU does not greet")?;
        qmp.call("qmp_capabilities", json!({}))?;
        Ok(qmp)
    }

    pub(super) fn call(&mut self, command: &str, arguments: Value) -> Result<Value> {
        let request = json!({"execute": command, "arguments": arguments});
        // In one piece: QEMU acts on the last brace, and after `quit` nobody takes a line's end.
        let line = format!("{request}\n");
        let sent = self.stream.write_all(line.as_bytes());
        sent.with_context(|| format!("cannot send {command}"))?;
        loop {
            let mut answer = self
                .read()
                .with_context(|| format!("QEMU owes {command} an answer"))?;
            if answer.get("event").is_some() {
                self.events.push(answer);
            } else if let Some(error) = answer.get("error") {
                bail!(
                    "QEMU refuses {command}: {}",
                    error["desc"].as_str().unwrap_or("no reason")
                );
            } else {
                return Ok(answer["return"].take());
            }
        }
    }

    /// A command of the human monitor, for what the machine protocol does not offer.
    pub(super) fn human(&mut self, line: &str) -> Result<String> {
        let said = self.call("human-monitor-command", json!({"command-line": line}))?;
        Ok(said.as_str().unwrap_or_default().to_owned())
    }

    /// Waits for the event with this name that says `device`.
    pub(super) fn wait_for(&mut self, event: &str, device: &str) -> Result<()> {
        let fits = |it: &Value| it["event"] == event && it["data"]["device"] == device;
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(at) = self.events.iter().position(fits) {
                self.events.remove(at);
                return Ok(());
            }
            let said = self
                .read()
                .with_context(|| format!("no {event} of {device}"))?;
            self.events.push(said);
        }
        bail!("no {event} of {device} within {} s", PATIENCE.as_secs())
    }

    fn read(&mut self) -> Result<Value> {
        let mut line = String::new();
        if self.lines.read_line(&mut line)? == 0 {
            bail!("QEMU closed the connection");
        }
        serde_json::from_str(&line).with_context(|| format!("QEMU said {line:?}"))
    }
}
