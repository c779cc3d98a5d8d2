//! What goes on by itself: looking at the machine.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use moxnas_core::{chain::chain, root::Root, watch::Watch};
use tokio::sync::Notify;

use crate::app::{App, LOOK_EVERY};

/// How often a simulated machine is looked at: its time runs by itself.
const LOOK_AT_SIMULATION_EVERY: Duration = Duration::from_secs(1);
/// After a first change more of them follow; they are looked at together.
const GATHER: Duration = Duration::from_millis(50);

/// Keep the snapshot fresh until the app is dropped.
///
/// The kernel wakes the loop when an array changes; without being woken it looks every
/// [`LOOK_EVERY`].
pub fn keep_looking(app: &Arc<App>) {
    let woken = Arc::new(Notify::new());
    let every = match &app.simulation {
        Some(_) => LOOK_AT_SIMULATION_EVERY,
        None => {
            watch_mdstat(Arc::downgrade(app), Arc::clone(&woken));
            LOOK_EVERY
        }
    };
    let app = Arc::downgrade(app);
    tokio::spawn(async move {
        loop {
            // Elapsed or woken: either way it is time to look.
            let _ = tokio::time::timeout(every, woken.notified()).await;
            tokio::time::sleep(GATHER).await;
            let Some(app) = app.upgrade() else { return };
            if let Err(err) = app.look().await {
                tracing::warn!("{}", chain(&err));
            }
        }
    });
}

/// How often it is asked whose time has come.
const TICK: Duration = Duration::from_secs(20);

/// Go on with the jobs that were not over when the service last stopped, and run schedules, until
/// the app is dropped. Only in the process that may change the machine.
pub fn keep_working(app: &Arc<App>) {
    if !app.may_change() {
        return;
    }
    let mut looked = app.looked();
    let app = Arc::downgrade(app);
    tokio::spawn(async move {
        loop {
            {
                let Some(app) = app.upgrade() else { return };
                // Also what could not be written down when it was over.
                if let Err(err) = app.resume_jobs().await {
                    tracing::error!("jobs could not be resumed: {}", chain(&err));
                }
                app.run_due_schedules().await;
            }
            tokio::select! {
                () = tokio::time::sleep(TICK) => (),
                // A simulated machine's time may have been moved.
                _ = looked.changed() => (),
            }
        }
    });
}

/// `/proc/mdstat` is watched on a thread: `poll` with `POLLPRI` is nothing that epoll in the
/// runtime could do for a file.
fn watch_mdstat(app: Weak<App>, woken: Arc<Notify>) {
    std::thread::spawn(move || {
        while app.strong_count() > 0 {
            // The file is not there before md is loaded.
            let Ok(mut watch) = Watch::open(&Root::system(), "/proc/mdstat") else {
                std::thread::park_timeout(LOOK_EVERY);
                continue;
            };
            while app.strong_count() > 0 {
                match watch.changed_within(LOOK_EVERY) {
                    Ok(true) => woken.notify_one(),
                    Ok(false) => (),
                    Err(err) => {
                        tracing::warn!("/proc/mdstat cannot be watched: {err}");
                        std::thread::park_timeout(LOOK_EVERY);
                        break;
                    }
                }
            }
        }
    });
}
