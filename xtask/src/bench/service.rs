//! A simulated service in a process of its own.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};

use super::client::Connection;

const UNLIMITED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/bench/unlimited.toml");

/// Ended when dropped.
pub(super) struct Service {
    child: Child,
    /// Kept open, so that what it prints later does not end it.
    _output: BufReader<ChildStdout>,
    pub(super) address: SocketAddr,
    password: String,
}

impl Service {
    /// Starts it, and waits until it says where it listens.
    pub(super) fn start(product: &Path, scenario: &str) -> Result<Service> {
        let mut child = Command::new(product)
            .args(["serve", "--sim", scenario, "--listen", "127.0.0.1:0"])
            .args(["--config", UNLIMITED])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", product.display()))?;
        let mut output = BufReader::new(child.stdout.take().context("it has no output")?);
        match listening(&mut output) {
            Ok((address, password)) => Ok(Service {
                child,
                _output: output,
                address,
                password,
            }),
            Err(err) => {
                // It may have ended by itself.
                let _ = child.kill();
                let _ = child.wait();
                Err(err)
            }
        }
    }

    pub(super) fn connect(&self) -> Result<Connection> {
        Connection::open(self.address)
    }

    /// Logs in.
    pub(super) fn token(&self) -> Result<String> {
        let login = serde_json::json!({ "username": "admin", "password": self.password });
        let answer = self
            .connect()?
            .post("/api/auth/login", &login.to_string())?;
        ensure!(
            answer.status == 200,
            "the login is answered {}",
            answer.status
        );
        let tokens: serde_json::Value = serde_json::from_slice(&answer.body)?;
        Ok(tokens["token"]
            .as_str()
            .context("there is no token")?
            .to_owned())
    }

    /// Bytes of memory, by its name in proc_pid_status(5).
    pub(super) fn memory(&self, name: &str) -> Result<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        let text = fs::read_to_string(&path).context(path)?;
        let line = text
            .lines()
            .find_map(|it| it.strip_prefix(name)?.strip_prefix(':'));
        let kibibytes = line.and_then(|it| it.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        Ok(kibibytes.with_context(|| format!("the kernel tells no {name}"))? * 1024)
    }
}

/// The address and the password, which it prints before.
fn listening(output: &mut impl std::io::BufRead) -> Result<(SocketAddr, String)> {
    let mut password = String::new();
    for line in output.by_ref().lines() {
        let line = line?;
        if let Some(word) = after(&line, "password: ") {
            password = word;
        }
        if let Some(url) = after(&line, "listening on ") {
            let address = url.strip_prefix("http://").unwrap_or(&url);
            return Ok((
                address.parse().context("it listens at no address")?,
                password,
            ));
        }
    }
    bail!("the service ended before it listened");
}

/// The word after `mark`.
fn after(line: &str, mark: &str) -> Option<String> {
    let (_, rest) = line.split_once(mark)?;
    Some(rest.split([' ', ',']).next()?.to_owned())
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
