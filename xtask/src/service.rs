//! A simulated service in a process of its own.

use std::{
    fs::{self, File},
    io::{self, BufRead as _, BufReader, Read as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use moxnas_tests::lab::workspace;

/// The settings that it is started with, in place of those of this machine.
///
/// A limit of requests per second belongs here, lifted: chores ask more than any client may.
const SETTINGS: &str = include_str!("bench/unlimited.toml");

/// Ended when dropped.
pub(crate) struct Service {
    child: Child,
    /// Kept open, so that what it prints later does not end it.
    _output: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
    /// Where whoever runs it is root to it.
    pub(crate) socket: PathBuf,
    /// A file, as on any machine.
    database: PathBuf,
    /// What it says while it runs.
    pub(crate) log: PathBuf,
    /// Of the login `admin`.
    pub(crate) password: String,
}

impl Service {
    /// Starts it, and waits until it says where it listens.
    pub(crate) fn start(product: &Path, scenario: &str) -> Result<Service> {
        let password = random_hex()?;
        let folder = workspace().join("target/xtask-service");
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let name = format!("{}-{}", std::process::id(), &password[..8]);
        let place = |end: &str| folder.join(format!("{name}.{end}"));
        let (settings, socket, log) = (place("toml"), place("sock"), place("log"));
        let database = place("db");
        fs::write(&settings, SETTINGS)?;
        let mut child = Command::new(product)
            .args(["serve", &format!("--sim={scenario}")])
            .args(["--listen", "127.0.0.1:0"])
            .arg("--config")
            .arg(&settings)
            .arg("--socket")
            .arg(&socket)
            .env("MOXNAS_ADMIN_PASSWORD", &password)
            .env("DATABASE_URL", format!("sqlite://{}", database.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .spawn()
            .with_context(|| format!("cannot start {}", product.display()))?;
        let mut output = BufReader::new(child.stdout.take().context("it has no output")?);
        let address = listening(&mut output);
        // It has read them by now.
        let _ = fs::remove_file(&settings);
        match address {
            Ok(address) => Ok(Service {
                child,
                _output: output,
                address,
                socket,
                database,
                log,
                password,
            }),
            Err(err) => {
                // It may have ended by itself.
                let _ = child.kill();
                let _ = child.wait();
                Err(err).with_context(|| fs::read_to_string(&log).unwrap_or_default())
            }
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended by itself.
    pub(crate) fn is_running(&mut self) -> io::Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Bytes of memory, by its name in proc_pid_status(5).
    pub(crate) fn memory(&self, name: &str) -> Result<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        let text = fs::read_to_string(&path).context(path)?;
        let line = text
            .lines()
            .find_map(|it| it.strip_prefix(name)?.strip_prefix(':'));
        let kibibytes = line.and_then(|it| it.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        Ok(kibibytes.with_context(|| format!("the kernel tells no {name}"))? * 1024)
    }
}

/// The address, which it prints.
fn listening(output: &mut impl io::BufRead) -> Result<SocketAddr> {
    for line in output.by_ref().lines() {
        let line = line?;
        let url = line.split_once("listening on http://").map(|(_, url)| url);
        if let Some(address) = url.and_then(|it| it.split([' ', ',']).next()) {
            return address.parse().context("it listens at no address");
        }
    }
    bail!("the service ended before it listened");
}

/// 32 digits that nobody guesses.
pub(crate) fn random_hex() -> Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.socket);
        let _ = fs::remove_file(&self.log);
        for end in ["db", "db-wal", "db-shm"] {
            let _ = fs::remove_file(self.database.with_extension(end));
        }
    }
}
