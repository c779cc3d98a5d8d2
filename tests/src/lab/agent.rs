//! The guest's side of the lab: listens, and does what the host asks.

#[cfg(feature = "product")]
mod clients;
mod exec;
mod gather;
mod guard;
#[cfg(feature = "product")]
mod pools;
#[cfg(feature = "product")]
mod raid;
#[cfg(feature = "product")]
mod shares;
mod spawned;
mod watch_md;

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    thread,
};

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::Value;

pub use self::guard::lab_disk;
use super::wire::{AGENT_PORT, Reply, Request};

/// Answers requests for ever. Says `listening` on standard output once it can be reached.
pub fn serve() -> Result<()> {
    guard::require_lab()?;
    let listener = TcpListener::bind(("0.0.0.0", AGENT_PORT))?;
    let mut out = std::io::stdout();
    writeln!(out, "listening")
        .and_then(|()| out.flush())
        .context("nobody waits for the agent")?;
    for stream in listener.incoming().flatten() {
        thread::spawn(move || {
            // The host went away: nobody is left to tell.
            let _ = converse(&stream);
        });
    }
    Ok(())
}

/// A line is a request; every request gets a line.
fn converse(stream: &TcpStream) -> Result<()> {
    let mut writer = stream;
    for line in BufReader::new(stream).lines() {
        let reply = match serde_json::from_str(&line?)
            .map_err(Into::into)
            .and_then(answer)
        {
            Ok(value) => Reply::Ok(value),
            Err(err) => Reply::Error(format!("{err:#}")),
        };
        let mut line = serde_json::to_vec(&reply)?;
        line.push(b'\n');
        writer.write_all(&line)?;
    }
    Ok(())
}

fn answer(request: Request) -> Result<Value> {
    match request {
        Request::Ping => Ok(Value::Null),
        Request::Exec(exec) => json(exec::run(&exec)?),
        Request::Spawn { argv, env } => json(spawned::start(&argv, &env)?),
        Request::Status { pid } => json(spawned::status(pid)?),
        Request::Kill { pid, signal } => json(spawned::kill(pid, signal)?),
        Request::ReadFile { path } => json(read_text(&path)?),
        Request::WriteFile {
            path,
            content,
            mode,
        } => json(write_file(&path, &content, mode)?),
        Request::CheckDisk { kernel_name } => json(lab_disk(&kernel_name)?),
        Request::Disks => json(guard::disks_by_serial()?),
        Request::WatchMd(watch) => json(watch_md::follow(&watch)?),
        Request::Gather { patterns } => json(gather::gather(&patterns)),
        #[cfg(feature = "product")]
        Request::Observe => json(raid::observe()?),
        #[cfg(feature = "product")]
        Request::Apply { step } => json(raid::apply(&step)?),
        #[cfg(feature = "product")]
        Request::ObservePools => json(pools::observe()?),
        #[cfg(feature = "product")]
        Request::PoolContents { pool } => json(pools::contents(&pool)?),
        #[cfg(feature = "product")]
        Request::ApplyToPool { step } => json(pools::apply(&step)?),
        #[cfg(feature = "product")]
        Request::CheckPool { step } => json(pools::check(&step)?),
        #[cfg(feature = "product")]
        Request::ObserveShares => json(shares::observe()?),
        #[cfg(feature = "product")]
        Request::ObserveVisited => json(shares::visited()?),
        #[cfg(feature = "product")]
        Request::ServeShares { step } => json(shares::serve(&step)),
        #[cfg(feature = "product")]
        Request::ApplyToAccounts { order } => json(shares::account(order)?),
        #[cfg(feature = "product")]
        Request::ApplyToServices { step } => json(shares::service(&step)),
        #[cfg(feature = "product")]
        Request::Disconnect { session } => json(shares::disconnect(session)?),
        #[cfg(feature = "product")]
        Request::Visit { visit } => json(clients::visit(&visit)?),
        #[cfg(feature = "product")]
        Request::Passwd { user, key } => json(clients::passwd(&user, key)?),
    }
}

fn json(value: impl Serialize) -> Result<Value> {
    Ok(serde_json::to_value(value)?)
}

fn read_text(path: &str) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {path}"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn write_file(path: &str, content: &str, mode: u32) -> Result<()> {
    if let Some(folder) = Path::new(path).parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, content).with_context(|| format!("cannot write {path}"))?;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(mode))?)
}
