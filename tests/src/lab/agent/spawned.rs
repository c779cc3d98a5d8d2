//! Commands that go on running in the guest.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context as _, Result, bail};
use nix::{
    sys::signal::{self, Signal},
    unistd::Pid,
};

use super::exec::status_number;
use crate::lab::wire::Spawned;

const OUTPUT_FOLDER: &str = "/run/lab";

static CHILDREN: Mutex<BTreeMap<u32, Child>> = Mutex::new(BTreeMap::new());

fn children() -> MutexGuard<'static, BTreeMap<u32, Child>> {
    CHILDREN.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn start(argv: &[String], env: &BTreeMap<String, String>) -> Result<Spawned> {
    let [program, arguments @ ..] = argv else {
        bail!("there is no command to start")
    };
    fs::create_dir_all(OUTPUT_FOLDER)?;
    let mut children = children();
    let output = format!("{OUTPUT_FOLDER}/spawned-{}.txt", children.len());
    let file = File::create(&output)?;
    let child = Command::new(program)
        .args(arguments)
        .envs(env)
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn()
        .with_context(|| format!("cannot start {program}"))?;
    let pid = child.id();
    children.insert(pid, child);
    Ok(Spawned { pid, output })
}

/// `None` while it runs.
pub(super) fn status(pid: u32) -> Result<Option<i32>> {
    let mut children = children();
    let child = children
        .get_mut(&pid)
        .with_context(|| format!("{pid} was not started here"))?;
    Ok(child.try_wait()?.map(status_number))
}

pub(super) fn kill(pid: u32, number: i32) -> Result<()> {
    if status(pid)?.is_some() {
        bail!("{pid} has ended already");
    }
    let signal = Signal::try_from(number).with_context(|| format!("{number} is no signal"))?;
    signal::kill(Pid::from_raw(i32::try_from(pid)?), signal)?;
    Ok(())
}
