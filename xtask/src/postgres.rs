//! A PostgreSQL server for tests: made in a moment, forgotten afterwards, on loopback only.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::binaries::exit_code;

/// Tells tests where the server is. Without it they use SQLite alone, and say so.
pub(crate) const VARIABLE: &str = "MOXNAS_TEST_POSTGRES";
/// Where Debian keeps the versions that are installed.
const VERSIONS: &str = "/usr/lib/postgresql";
/// The server refuses to run as root; the package makes this user.
const USER: &str = "postgres";

#[derive(clap::Args)]
pub(crate) struct Postgres {
    /// The command that runs while the server does; it finds it in MOXNAS_TEST_POSTGRES.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

impl Postgres {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let server = Server::start()?;
        let (program, arguments) = self.command.split_first().context("no command")?;
        let status = Command::new(program)
            .args(arguments)
            .env(VARIABLE, server.url())
            .status()
            .with_context(|| format!("cannot start {program}"))?;
        Ok(exit_code(status))
    }
}

/// A running server. Stopped and removed when dropped.
pub(crate) struct Server {
    bin: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
    as_user: bool,
}

impl Server {
    pub(crate) fn start() -> Result<Server> {
        let bin = newest()?;
        let as_user = nix_is_root()?;
        let folder = tempfile::Builder::new()
            .prefix("moxnas-postgres-")
            .tempdir()?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700))?;
        if as_user {
            let owned = Command::new("chown")
                .arg(USER)
                .arg(folder.path())
                .status()?;
            ensure!(owned.success(), "cannot give the folder to {USER}");
        }
        // Free now; nobody else on loopback is in a hurry to take it.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let server = Server {
            bin,
            folder,
            port,
            as_user,
        };
        let data = server.data();
        server.tool(
            "initdb",
            &[
                "--no-sync",
                "--auth=trust",
                "--username=postgres",
                "-D",
                &data,
            ],
        )?;
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories= \
             -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=200"
        );
        let log = server.folder.path().join("log").display().to_string();
        server.tool(
            "pg_ctl",
            &["-D", &data, "-w", "-l", &log, "-o", &options, "start"],
        )?;
        Ok(server)
    }

    pub(crate) fn url(&self) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/postgres", self.port)
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    fn tool(&self, name: &str, arguments: &[&str]) -> Result<()> {
        let program = self.bin.join(name);
        let mut command = if self.as_user {
            let mut command = Command::new("runuser");
            command.args(["-u", USER, "--"]).arg(&program);
            command
        } else {
            Command::new(&program)
        };
        command
            .args(arguments)
            .env("LC_ALL", "C.UTF-8")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let status = command
            .status()
            .with_context(|| format!("cannot start {name}"))?;
        ensure!(status.success(), "{name} ended with {status}");
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let data = self.data();
        if let Err(err) = self.tool("pg_ctl", &["-D", &data, "-m", "immediate", "stop"]) {
            eprintln!("postgres: {err:#}");
        }
    }
}

fn nix_is_root() -> Result<bool> {
    let id = Command::new("id").arg("-u").output()?;
    Ok(id.stdout.trim_ascii() == b"0")
}

fn newest() -> Result<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    for entry in fs::read_dir(Path::new(VERSIONS)).into_iter().flatten() {
        let entry = entry?;
        let version = entry.file_name().to_string_lossy().parse();
        let bin = entry.path().join("bin");
        if let (Ok(version), true) = (version, bin.join("initdb").exists()) {
            found.push((version, bin));
        }
    }
    match found.into_iter().max() {
        Some((_, bin)) => Ok(bin),
        None => bail!("there is no PostgreSQL server: install the Debian package postgresql"),
    }
}
