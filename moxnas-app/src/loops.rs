//! What goes on by itself: looking at the machine, marking how long the audit
//! log is, sending it elsewhere.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::Duration,
};

use moxnas_core::{chain::chain, clock::Stopwatch, root::Root, watch::MachineWatch};
use moxnas_pool::model::{Pool, PoolName};
use tokio::{sync::Notify, task::JoinHandle};

use crate::{
    answers::Question,
    app::{App, LOOK_EVERY},
    audit::{MARK_EVERY, forward::Forwarder},
};

/// How often a simulated machine is looked at: its time runs by itself.
const LOOK_AT_SIMULATION_EVERY: Duration = Duration::from_secs(1);
/// After a first change more of them follow; they are looked at together.
const GATHER: Duration = Duration::from_millis(50);
/// So many times longer than a look took there is none: whatever happens to the machine, to look at
/// it takes a fifth of a processor at most.
const REST: u32 = 4;
/// Where a look takes long, what happens is to be heard within a second all the same.
const REST_AT_MOST: Duration = Duration::from_millis(500);

/// Keep the snapshot fresh until the app is dropped.
///
/// The kernel wakes the loop when an array, a disk or a mount changes; without being woken it looks
/// every [`LOOK_EVERY`].
pub fn keep_looking(app: &Arc<App>) {
    let woken = Arc::new(Notify::new());
    let every = match &app.simulation {
        Some(_) => LOOK_AT_SIMULATION_EVERY,
        None => {
            watch_machine(Arc::downgrade(app), Arc::clone(&woken));
            LOOK_EVERY
        }
    };
    let app = Arc::downgrade(app);
    tokio::spawn(async move {
        loop {
            // Elapsed or woken: either way it is time to look.
            let _ = tokio::time::timeout(every, woken.notified()).await;
            tokio::time::sleep(GATHER).await;
            let took = {
                let Some(app) = app.upgrade() else { return };
                let watch = Stopwatch::start();
                if let Err(err) = app.look().await {
                    tracing::warn!("{}", chain(&err));
                }
                let took = watch.elapsed();
                if let Err(err) = app.expect_since_boot().await {
                    tracing::warn!("{}", chain(&err));
                }
                took
            };
            tokio::time::sleep((took * REST).min(REST_AT_MOST)).await;
        }
    });
}

/// How often it is looked whether somebody has written an initramfs.
const ASK_INITRAMFS_EVERY: Duration = Duration::from_secs(600);
/// How often it is asked which users and groups there are. A change asks by itself.
const ASK_PEOPLE_EVERY: Duration = Duration::from_secs(60);
/// How often systemd is asked how the daemons are, and those who is connected.
const ASK_SERVICES_EVERY: Duration = Duration::from_secs(30);
/// So many times longer than the answers took nothing is asked: on a slow machine they come less
/// often, and do not keep it from its work.
const ASK_REST: u32 = 15;

/// Know what is asked of the machine again and again, until the app is dropped: what the images
/// name that its kernels start with, which users and groups there are, how the daemons are and who
/// is connected to them.
pub fn keep_asking(app: &Arc<App>) {
    keep_known(app, ASK_INITRAMFS_EVERY, &[Question::Initramfs]);
    keep_known(app, ASK_PEOPLE_EVERY, &[Question::People]);
    let services = [Question::Services, Question::Sessions];
    keep_known(app, ASK_SERVICES_EVERY, &services);
}

fn keep_known(app: &Arc<App>, every: Duration, questions: &[Question]) {
    let app = Arc::downgrade(app);
    let questions = questions.to_vec();
    tokio::spawn(async move {
        loop {
            let watch = Stopwatch::start();
            {
                let Some(app) = app.upgrade() else { return };
                for question in &questions {
                    if let Err(err) = app.ask(question.clone()).await {
                        tracing::warn!("{}", chain(&err));
                    }
                }
            }
            tokio::time::sleep(every.max(watch.elapsed() * ASK_REST)).await;
        }
    });
}

/// How often a pool is asked what is in it. A change asks by itself.
const ASK_POOLS_EVERY: Duration = Duration::from_secs(60);

/// Know what is in the pools, until the app is dropped. One that hangs keeps nobody from the others.
pub fn keep_pools_known(app: &Arc<App>) {
    let looked = app.looked();
    let mut known = looked.now();
    let app = Arc::downgrade(app);
    tokio::spawn(async move {
        let mut asking: BTreeMap<PoolName, (Stopwatch, JoinHandle<()>)> = BTreeMap::new();
        loop {
            {
                let Some(app) = app.upgrade() else { return };
                let seen = app.seen();
                let mounted = seen.pools.all.iter().filter(|it| it.is_mounted);
                asking.retain(|name, (_, task)| {
                    let is_there = seen
                        .pools
                        .find(name.as_str())
                        .is_some_and(|it| it.is_mounted);
                    is_there || !task.is_finished()
                });
                for pool in mounted {
                    let is_due = asking.get(&pool.name).is_none_or(|(since, task)| {
                        task.is_finished() && since.elapsed() >= ASK_POOLS_EVERY
                    });
                    if is_due {
                        let task = tokio::spawn(ask(Arc::clone(&app), pool.clone()));
                        asking.insert(pool.name.clone(), (Stopwatch::start(), task));
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(ASK_POOLS_EVERY) => (),
                // A pool may have been mounted.
                () = looked.beyond(&mut known) => (),
            }
        }
    });
}

async fn ask(app: Arc<App>, pool: Pool) {
    let asked = app.ask(Question::Contents(Box::new(pool.clone()))).await;
    let noted = match asked {
        Ok(_) => app.note_space(&pool).await,
        Err(err) => Err(err),
    };
    if let Err(err) = noted {
        tracing::warn!("{}", chain(&err));
    }
}

/// How often it is asked whose time has come.
const TICK: Duration = Duration::from_secs(20);

/// Go on with the jobs that were not over when the service last stopped, and run schedules, until
/// the app is dropped. Only in the process that may change the machine.
pub fn keep_working(app: &Arc<App>) {
    if !app.may_change() {
        return;
    }
    let looked = app.looked();
    let mut known = looked.now();
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
                app.move_spares().await;
            }
            tokio::select! {
                () = tokio::time::sleep(TICK) => (),
                // A simulated machine's time may have been moved.
                () = looked.beyond(&mut known) => (),
            }
        }
    });
}

/// The mark of the audit log is not older than this, if anything was appended.
const MARK_AT_LEAST: Duration = Duration::from_secs(3600);

/// Move the mark of the audit log on as it grows, until the app is dropped.
pub fn keep_audit_marked(app: &Arc<App>) {
    let mut grows = app.store.audit_grows();
    let app = Arc::downgrade(app);
    tokio::spawn(async move {
        loop {
            let Some(marked) = marked(&app).await else {
                return;
            };
            let is_due = grows.wait_for(|last| *last >= marked + MARK_EVERY);
            // Grown or elapsed, either way it is time; the app is gone when the store is.
            if let Ok(Err(_)) = tokio::time::timeout(MARK_AT_LEAST, is_due).await {
                return;
            }
            let Some(app) = app.upgrade() else { return };
            match app.audit.move_mark().await {
                Ok(true) => (),
                Ok(false) => {
                    tracing::error!("the audit log does not go on from where it was");
                    tokio::time::sleep(MARK_AT_LEAST).await;
                }
                Err(err) => {
                    tracing::warn!("{}", chain(&err));
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            }
        }
    });
}

/// A receiver that is gone is asked again after this.
const SEND_AGAIN: Duration = Duration::from_secs(30);

/// Send audit records elsewhere as they are written, if the settings say so, until the app is
/// dropped.
pub fn keep_forwarding(app: &Arc<App>) {
    let Some(target) = app.audit_settings.syslog.clone() else {
        return;
    };
    let (store, folder) = (app.store.clone(), app.audit.folder());
    let mut grows = app.store.audit_grows();
    let app = Arc::downgrade(app);
    tokio::spawn(async move {
        let mut forwarder = match Forwarder::new(store, target, folder).await {
            Ok(forwarder) => forwarder,
            Err(err) => return tracing::error!("{}", chain(&err)),
        };
        loop {
            let before = forwarder.state().failure.is_some();
            let done = forwarder.send_all().await;
            match &done {
                // Said once, however long it lasts.
                Err(err) if !before => tracing::warn!("{}", chain(err)),
                _ => (),
            }
            {
                let Some(app) = app.upgrade() else { return };
                app.audit.forwarded(forwarder.state().clone());
            }
            if done.is_err() {
                tokio::time::sleep(SEND_AGAIN).await;
            } else if let Ok(Err(_)) = tokio::time::timeout(SEND_AGAIN, grows.changed()).await {
                return;
            }
        }
    });
}

async fn marked(app: &Weak<App>) -> Option<i64> {
    Some(app.upgrade()?.audit.marked().await)
}

/// The machine is watched on a thread: `poll` with `POLLPRI` is nothing that epoll in the runtime
/// could do for a file.
fn watch_machine(app: Weak<App>, woken: Arc<Notify>) {
    std::thread::spawn(move || {
        let mut watch = MachineWatch::new(Root::system());
        while app.strong_count() > 0 {
            match watch.changed_within(LOOK_EVERY) {
                Ok(true) => woken.notify_one(),
                Ok(false) => (),
                Err(err) => {
                    tracing::warn!("the machine cannot be watched: {err}");
                    std::thread::park_timeout(LOOK_EVERY);
                }
            }
            for what in watch.take_unwatched() {
                let seconds = LOOK_EVERY.as_secs();
                tracing::warn!("looked at every {seconds} s only, it cannot be watched: {what}");
            }
        }
    });
}
