//! The product's own eyes and hands for shares and accounts, in the guest.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use moxnas_core::{cmd::SystemRunner, root::Root};
use moxnas_shares::{
    accounts::{AccountBackend as _, real::SystemAccounts},
    backend::ShareBackend as _,
    generation::Generation,
    plan,
    real::{SMB_PORT, SystemShares},
    render::Places,
    services::{self, ServiceBackend as _, Services, model::Active, real::SystemServices},
    sessions::{SessionBackend as _, SessionId, model::Sessions, real::SystemSessions},
    transaction,
};

use super::clients;
use crate::conformance::shares::{
    AccountOrder, Seen, SeenFile, TOP, Told,
    told::{of_accounts, of_files, of_services, of_sessions},
};

/// Between two looks that must show the same.
const PAUSE: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(60);

fn shares() -> SystemShares {
    let runner = Arc::new(SystemRunner);
    SystemShares::new(Root::system(), runner, Places::default(), SMB_PORT)
}

/// Everything, at a moment when nothing is on its way.
pub(super) fn observe() -> Result<Seen> {
    let services = settled()?;
    let places = Places::default();
    // Each starts programs of its own and waits for them.
    let (served, accounts, sessions) = thread::scope(|scope| {
        let served = scope.spawn(|| shares().observe(&places).context("what is served"));
        let accounts = scope.spawn(|| SystemAccounts::system().observe().context("accounts"));
        let sessions = sessions();
        let panicked = |_| anyhow!("a look panicked");
        (
            served.join().map_err(panicked).flatten(),
            accounts.join().map_err(panicked).flatten(),
            sessions,
        )
    });
    let served = served?;
    let mut kept = BTreeMap::new();
    for number in &served.generations {
        let file = Generation::file(&places.generations, *number);
        kept.insert(*number, fs::read_to_string(file)?);
    }
    Ok(Seen {
        served,
        services,
        accounts: accounts?,
        sessions: sessions?,
        kept,
        files: files()?,
    })
}

/// What a visit can change of it.
pub(super) fn visited() -> Result<(Sessions, BTreeMap<String, SeenFile>)> {
    Ok((sessions()?, files()?))
}

/// Units, once systemd and the daemons have come to their end with what they are at.
fn settled() -> Result<Services> {
    let began = Instant::now();
    let mut before = None;
    loop {
        let mut now = SystemServices::system().observe().context("services")?;
        for it in now.units.values_mut() {
            it.memory = None;
        }
        let is_moving = now.units.values().any(|it| {
            use Active::{Activating, Deactivating, Reloading};
            matches!(it.active, Activating | Deactivating | Reloading)
        });
        if !is_moving && before.as_ref() == Some(&now) {
            return Ok(now);
        }
        ensure!(
            began.elapsed() < PATIENCE,
            "the daemons do not come to rest: {now:?}"
        );
        before = Some(now);
        thread::sleep(PAUSE);
    }
}

/// Sessions, once nobody is left of those who have gone: a daemon takes its time to see that.
fn sessions() -> Result<Sessions> {
    let began = Instant::now();
    loop {
        let now = SystemSessions::system().observe().context("sessions")?;
        if now.sessions.len() <= clients::staying_count() || began.elapsed() > PATIENCE {
            return Ok(now);
        }
        thread::sleep(PAUSE);
    }
}

fn files() -> Result<BTreeMap<String, SeenFile>> {
    let mut files = BTreeMap::new();
    if Path::new(TOP).exists() {
        below(Path::new(TOP), &mut files)?;
    }
    Ok(files)
}

fn below(folder: &Path, files: &mut BTreeMap<String, SeenFile>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is = path.symlink_metadata()?;
        let text = match is.is_dir() {
            true => None,
            false => Some(String::from_utf8_lossy(&fs::read(&path)?).into_owned()),
        };
        let file = SeenFile {
            uid: is.uid(),
            gid: is.gid(),
            mode: is.mode() & 0o7777,
            text,
        };
        let name = path.strip_prefix(TOP)?.to_string_lossy().into_owned();
        files.insert(name, file);
        if is.is_dir() {
            below(&path, files)?;
        }
    }
    Ok(())
}

pub(super) fn serve(step: &plan::Step) -> Told {
    let done = transaction::serve(&shares(), &Places::default(), step);
    done.map_err(|err| of_files(&err))
}

pub(super) fn account(order: AccountOrder) -> Result<Told> {
    let step = order.step()?;
    let done = SystemAccounts::system().apply(&step);
    Ok(done.map_err(|err| of_accounts(&err)))
}

pub(super) fn service(step: &services::Step) -> Told {
    let done = SystemServices::system().apply(step);
    done.map_err(|err| of_services(&err))
}

/// A process ends some time after it was told to.
pub(super) fn disconnect(session: SessionId) -> Result<Told> {
    if let Err(err) = SystemSessions::system().disconnect(session) {
        return Ok(Err(of_sessions(&err)));
    }
    let began = Instant::now();
    loop {
        let now = SystemSessions::system().observe()?;
        let is_there = now.sessions.iter().any(|it| it.id == session);
        if !is_there || began.elapsed() > PATIENCE {
            return Ok(Ok(()));
        }
        thread::sleep(PAUSE);
    }
}
