//! Taking replicas in from another machine.

use std::{
    cell::Cell,
    fs::{File, OpenOptions},
    io::{self, Read},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, SystemTime},
};

use moxnas_core::{
    clock::Stopwatch,
    disk::{DiskBackend as _, SystemDisks},
    root::{FileError, Root},
    units::Bytes,
};
use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};

use super::{SystemPools, argv, transfer};
use crate::{
    backend::{BackendError, PoolBackend as _},
    dataset::{DatasetName, snapshot_folder, snapshot_path},
    model::{Pool, PoolName},
    remote::{
        Digest, Place, digest,
        serve::{IDLE, Receives, Turn},
    },
};

/// Where is written down whose turn it is. It is gone after a restart, as are all who had one.
const TURNS: &str = "/run/moxnas/receive";
/// How long whoever had the turn may take to end: a program that is interrupted has 30 s.
const ENDS_WITHIN: Duration = Duration::from_secs(45);
/// How often it is looked whether it has.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Holds the lock of a replica until somebody else writes down that it is theirs.
struct SystemTurn {
    root: Root,
    note: String,
    mine: String,
    _lock: Flock<File>,
}

impl Turn for SystemTurn {
    fn is_mine(&self) -> bool {
        let now = self.root.read(&self.note).ok().flatten();
        now.as_ref() == Some(&self.mine)
    }
}

/// Another one each time, in this process and among those that are there.
fn new_mark() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{} {count}\n", std::process::id())
}

/// A lock cannot be waited for with a limit.
#[expect(
    clippy::disallowed_methods,
    reason = "another process ends its work meanwhile"
)]
fn wait_a_while() {
    thread::sleep(LOOK_EVERY);
}

impl Receives for SystemPools {
    fn pool(&self, name: &PoolName) -> Result<Option<Pool>, BackendError> {
        let devices = SystemDisks::new(self.root.clone()).devices()?;
        let pools = self.observe(&devices)?;
        Ok(pools.find(name.as_str()).cloned())
    }

    fn take_turn(
        &self,
        pool: &PoolName,
        dataset: &DatasetName,
    ) -> Result<Box<dyn Turn>, BackendError> {
        let at = format!("{TURNS}/{pool}:{dataset}");
        let (note, mine) = (format!("{at}.turn"), new_mark());
        self.root.replace(&note, mine.as_bytes(), 0o600)?;
        let path = self.root.path(format!("{at}.lock"));
        let failed = |cause: io::Error| FileError {
            verb: "locked",
            path: path.clone(),
            cause,
        };
        let since = Stopwatch::start();
        loop {
            let mut options = OpenOptions::new();
            let file = options.create(true).truncate(false).write(true).open(&path);
            match Flock::lock(file.map_err(failed)?, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => {
                    return Ok(Box::new(SystemTurn {
                        root: self.root.clone(),
                        note,
                        mine,
                        _lock: lock,
                    }));
                }
                Err((_, Errno::EWOULDBLOCK)) if since.elapsed() < ENDS_WITHIN => {
                    wait_a_while();
                }
                Err((_, Errno::EWOULDBLOCK)) => {
                    return Err(BackendError::Busy {
                        at: snapshot_folder(pool, dataset),
                        by: vec!["a replication that does not end".to_owned()],
                    });
                }
                Err((_, errno)) => return Err(failed(errno.into()).into()),
            }
        }
    }

    fn receive(
        &self,
        at: &Place,
        taken: Option<SystemTime>,
        stream: Box<dyn Read + Send>,
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<Bytes, BackendError> {
        transfer::announce(&self.root, (&at.pool, &at.dataset, &at.snapshot), taken)?;
        let moved = Cell::new((0, Stopwatch::start()));
        let passed = |it| {
            if it > moved.get().0 {
                moved.set((it, Stopwatch::start()));
            }
        };
        let is_wanted = || is_wanted() && moved.get().1.elapsed() < IDLE;
        let cmd = argv::receive(&at.pool, &at.dataset);
        let done = self.runner.feed(stream, &cmd, &is_wanted, &passed);
        done.map_err(transfer::ended)?;
        transfer::sync(&self.root, &at.pool)?;
        Ok(Bytes(moved.get().0))
    }

    fn digest(&self, at: &Place, is_wanted: &dyn Fn() -> bool) -> Result<Digest, BackendError> {
        let path = snapshot_path(&at.pool, &at.dataset, &at.snapshot);
        let read = digest(&self.root.path(path), is_wanted)?;
        read.ok_or(BackendError::Ended)
    }
}
