//! What must hold after every event, whatever it was.

pub(super) mod jobs;
mod logins;
mod schedules;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use moxnas_app::{
    Actor, App, Error, Kind, Seen,
    machine::AppStep,
    ops::system::{HealthDetailed, Status},
    store::{Outcome, Phase},
};
use moxnas_core::{disk::DeviceId, plan::Plan, sim::Contents};
use moxnas_raid::{
    Array, Level, Role, Step,
    conf::{CONF_PATH, Conf, array_line},
    health,
};

use self::{jobs::Jobs, logins::Logins, schedules::Schedules};

/// So many records are asked for at once.
const PAGE: u32 = 100;

/// What was tried.
pub(super) enum Attempt {
    /// Something that leaves the devices alone.
    Call,
    /// The same, and after it was asked whose time has come.
    Tick,
    /// A change, with the plan that was agreed to, if there was one.
    Change(Option<Plan<AppStep>>),
    /// A change that a job of this kind makes.
    Begin(&'static str),
    /// To log in.
    Login,
    /// Something that the audit log does not know.
    Silent,
}

/// What happened.
pub(super) struct Event {
    pub(super) actor: Actor,
    pub(super) attempt: Attempt,
    /// `None`: the process was killed in the middle, and there is another.
    pub(super) done: Option<Result<(), Error>>,
}

/// What was there before the event.
#[derive(Default)]
pub(super) struct Checkers {
    seen: Option<Arc<Seen>>,
    contents: BTreeMap<String, Contents>,
    audited: i64,
    /// How many intents have no outcome because the process was killed.
    pub(super) cut: u64,
    starts: u64,
    pub(super) jobs: Jobs,
    pub(super) schedules: Schedules,
    pub(super) logins: Logins,
}

impl Checkers {
    pub(super) fn new(app: &Arc<App>) -> Checkers {
        Checkers {
            seen: Some(app.seen()),
            contents: contents(app),
            starts: jobs::starts(app),
            ..Checkers::default()
        }
    }

    /// Somebody looked in the middle of an event.
    pub(super) fn looked(&mut self, seen: &Arc<Seen>) {
        if let Some(before) = self.seen.replace(Arc::clone(seen)) {
            serial_grows(&before, seen);
        }
    }

    /// There is a new process: it counts its looks from the start.
    pub(super) fn restarted(&mut self, app: &Arc<App>) {
        self.seen = Some(app.seen());
        self.jobs
            .gap_if(jobs::starts(app) != std::mem::replace(&mut self.starts, jobs::starts(app)));
    }

    /// Hold everything against what was there before. The state in words.
    pub(super) async fn check(
        &mut self,
        app: &Arc<App>,
        event: &Event,
        told: Vec<String>,
    ) -> String {
        let Event {
            actor,
            attempt,
            done,
        } = event;
        if let Some(Err(err)) = done {
            assert_ne!(err.kind(), Kind::Internal, "{err:?}");
        }
        let after = contents(app);
        devices_are_left_alone(&self.contents, &after, attempt);
        self.contents = after;
        let story = self
            .audit_is_complete(app, actor, attempt, done.as_ref())
            .await;
        let seen = app.look().await.unwrap();
        app.jobs.all_rest().await;
        self.looked(&seen);
        let starts = jobs::starts(app);
        let has_stopped = starts != self.starts;
        self.jobs.gap_if(has_stopped);
        // Killed between md's stop and the word that it was paused, a job goes on where it was.
        self.jobs
            .gap_if(matches!(attempt, Attempt::Tick) && done.is_none());
        self.starts = starts;
        if let (Attempt::Change(Some(plan)), Some(Ok(()))) = (attempt, done) {
            what_was_promised_is_there(plan, &seen);
        }
        nothing_is_missing_in_silence(&app.seen(), attempt, done.as_ref());
        configuration_is_whole(app, &seen);
        broken_is_never_green(app, &seen).await;
        let news = self.jobs.check(app, &seen, told).await;
        if let (Attempt::Begin(kind), Some(Ok(()))) = (attempt, done) {
            let begun = |it: &moxnas_app::store::Job| {
                it.new.kind == *kind && it.new.request_id == actor.request_id
            };
            assert!(news.made.iter().any(begun), "there is no job for it");
        }
        let ticked = matches!(attempt, Attempt::Tick);
        // Whoever was killed may have come to the end before the machine stopped.
        if has_stopped && !ticked && done.is_some() {
            Jobs::none_read_to_the_end(&news);
        }
        let schedules = self
            .schedules
            .check(app, &news, ticked, done.is_none())
            .await;
        let logins = self.logins.check(app).await;
        let state = words(&seen);
        format!("  audit {story}\n{state}{}{schedules}{logins}", news.words)
    }

    /// Every change has its intent and its outcome, every refusal its record, and nothing else has
    /// any. What was cut short may lack its end, and nothing but its end.
    async fn audit_is_complete(
        &mut self,
        app: &App,
        actor: &Actor,
        attempt: &Attempt,
        done: Option<&Result<(), Error>>,
    ) -> String {
        let mut story: Vec<(Phase, Option<Outcome>)> = Vec::new();
        loop {
            let news = app.store.audit(self.audited, PAGE).await.unwrap();
            for it in &news {
                if let Some(job) = it.entry.detail["job"].as_str() {
                    self.jobs.record(job, it);
                    continue;
                }
                let is_ours = it.entry.request_id == actor.request_id;
                assert!(is_ours, "nobody asked for {it:?}");
                story.push((it.entry.phase, it.entry.result));
            }
            let Some(last) = news.last() else { break };
            self.audited = last.id;
        }
        let intent = (Phase::Intent, None);
        let failed = vec![intent, (Phase::Outcome, Some(Outcome::Failed))];
        let well = vec![intent, (Phase::Outcome, Some(Outcome::Ok))];
        let refused = vec![(Phase::Refused, Some(Outcome::Failed))];
        let login = |result| vec![(Phase::Login, Some(result))];
        let Some(done) = done else {
            if story == [intent] {
                self.cut += 1;
            }
            let may = match attempt {
                Attempt::Call | Attempt::Tick | Attempt::Change(_) => {
                    vec![vec![], vec![intent], well, failed, refused]
                }
                Attempt::Begin(_) => vec![vec![], refused],
                Attempt::Login => {
                    vec![vec![], login(Outcome::Ok), login(Outcome::Failed)]
                }
                Attempt::Silent => vec![vec![]],
            };
            assert!(may.contains(&story), "{story:?} of what was killed");
            return format!("{story:?}");
        };
        let expected = match (attempt, done) {
            (Attempt::Silent, _) | (Attempt::Begin(_), Ok(())) => Vec::new(),
            (Attempt::Login, Ok(())) => login(Outcome::Ok),
            (Attempt::Login, Err(_)) => login(Outcome::Failed),
            (_, Ok(())) => well,
            (Attempt::Call | Attempt::Tick, Err(_)) => failed,
            (_, Err(Error::ConfirmationRequired(_))) => Vec::new(),
            (Attempt::Begin(_), Err(_)) => refused,
            (Attempt::Change(_), Err(Error::Stopped(_) | Error::NotVerified(_))) => failed,
            // A device that is not there once all is done was there when it began.
            (Attempt::Change(_), Err(Error::Resolve(_) | Error::Refused(_)))
                if story.len() == 2 =>
            {
                failed
            }
            (Attempt::Change(_), Err(_)) => refused,
        };
        assert_eq!(story, expected, "{done:?}");
        format!("{story:?}")
    }
}

fn contents(app: &App) -> BTreeMap<String, Contents> {
    let state = app.simulation.as_ref().unwrap().machine.state();
    // An entry that says nothing is none.
    let said = |it: &Contents| *it != Contents::default();
    state
        .contents
        .iter()
        .filter(|(_, it)| said(it))
        .map(|(id, it)| (id.clone(), it.clone()))
        .collect()
}

/// Which array a device says it belongs to.
fn belongs_to(contents: Option<&Contents>) -> Option<String> {
    Some(contents?.superblock.as_ref()?["uuid"].to_string())
}

/// Nothing but what an agreed plan names gets other signatures or another array's superblock. What
/// md keeps in the superblocks of the members it has is its own affair.
fn devices_are_left_alone(
    before: &BTreeMap<String, Contents>,
    after: &BTreeMap<String, Contents>,
    attempt: &Attempt,
) {
    let mut agreed = BTreeSet::new();
    if let Attempt::Change(Some(plan)) = attempt {
        for step in &plan.steps {
            let touched = match step {
                AppStep::Raid(step) => step.touches(),
                AppStep::Disk(step) => vec![step.device()],
                AppStep::Pool(step) => step.touches(),
                _ => Vec::new(),
            };
            agreed.extend(touched.into_iter().map(DeviceId::to_string));
        }
    }
    let devices: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for device in devices.into_iter().filter(|it| !agreed.contains(*it)) {
        let (old, new) = (before.get(device), after.get(device));
        let signatures =
            |it: Option<&Contents>| it.map(|it| it.signatures.clone()).unwrap_or_default();
        assert_eq!(signatures(old), signatures(new), "{device} was in no plan");
        assert_eq!(belongs_to(old), belongs_to(new), "{device} was in no plan");
    }
}

fn serial_grows(before: &Seen, after: &Seen) {
    assert!(
        after.serial >= before.serial,
        "{} after {}",
        after.serial,
        before.serial
    );
    assert!(after.as_of >= before.as_of);
    assert!(
        after.serial != before.serial || after.raid == before.raid,
        "the same serial is the same facts"
    );
}

/// An array that was made is there, of these members and of no others.
fn what_was_promised_is_there(plan: &Plan<AppStep>, seen: &Seen) {
    for step in &plan.steps {
        let AppStep::Raid(Step::Create(new)) = step else {
            continue;
        };
        let name = &new.name;
        let array = seen
            .raid
            .find(name.as_str())
            .unwrap_or_else(|| panic!("there is no {name}"));
        assert_eq!(array.level, new.shape.level);
        assert_eq!(array.slots as usize, new.members.len());
        let is: BTreeSet<&DeviceId> = array.members.iter().map(|it| &it.device).collect();
        let promised: BTreeSet<&DeviceId> = new.devices().collect();
        assert_eq!(is, promised, "{name}");
        let uuid = array.uuid.as_ref().unwrap();
        assert!(seen.raid.conf.names(uuid), "mdadm.conf names {name}");
    }
}

/// mdadm.conf is never half-written, and says of an array what the array says.
fn configuration_is_whole(app: &App, seen: &Seen) {
    let state = app.simulation.as_ref().unwrap().machine.state();
    let text = state.files.get(CONF_PATH).cloned().unwrap_or_default();
    drop(state);
    let conf = Conf::parse(&text);
    assert_eq!(conf, seen.raid.conf, "{text}");
    let count = |word: &str| text.lines().filter(|it| it.starts_with(word)).count();
    let blocks = usize::from(!conf.ours.is_empty());
    assert_eq!(count("# BEGIN MoxNAS"), blocks, "{text}");
    assert_eq!(count("# END MoxNAS"), blocks, "{text}");
    for (uuid, device) in &conf.ours {
        let line = array_line(uuid, device, conf.spare_group(uuid));
        let lines = text.lines().filter(|it| *it == line).count();
        assert_eq!(lines, 1, "{line} in {text}");
        if let Some(array) = seen.raid.by_uuid(uuid) {
            assert_eq!(*device, format!("/dev/md/{}", array.name), "{text}");
        }
    }
}

/// Counted here once more, and more simply than the crate does: what works, and what the level
/// needs.
fn needed(array: &Array) -> usize {
    let slots = array.slots as usize;
    match array.level {
        Level::Raid1 => 1,
        Level::Raid4 | Level::Raid5 => slots - 1,
        Level::Raid6 => slots - 2,
        // At least one of every two neighbours.
        Level::Raid10 => slots / 2,
        _ => slots,
    }
}

async fn broken_is_never_green(app: &Arc<App>, seen: &Seen) {
    let checks = app
        .call(&App::this_process("health"), HealthDetailed)
        .await
        .unwrap();
    let mut worst = Status::Healthy;
    for array in &seen.raid.arrays {
        let works = |it: &&moxnas_raid::Member| {
            matches!(it.role, Role::Active { .. }) && !matches!(it.device, DeviceId::Gone(_))
        };
        let working: BTreeSet<_> = array
            .members
            .iter()
            .filter(works)
            .filter_map(|it| it.slot())
            .collect();
        let is = if array.state.is_started() && working.len() < needed(array) {
            Status::Unhealthy
        } else if !array.state.is_started() || working.len() < array.slots as usize {
            Status::Degraded
        } else {
            Status::Healthy
        };
        worst = worst.max(is);
        if is != Status::Healthy {
            let said = checks
                .storage
                .causes
                .iter()
                .any(|it| it.contains(&format!("array {} is ", array.name)));
            assert!(
                said,
                "{} is {is:?}: {:?}",
                array.name, checks.storage.causes
            );
        }
    }
    assert!(
        checks.storage.status >= worst,
        "{:?} although {worst:?}: {}",
        checks.storage.status,
        words(seen)
    );
    assert!(checks.status >= checks.storage.status);
    assert_eq!(checks.storage.arrays as usize, seen.raid.arrays.len());
}

/// The state, without how far anything is.
fn words(seen: &Seen) -> String {
    let disks: Vec<String> = seen
        .raid
        .devices
        .disks()
        .map(|it| format!("{}={}", it.name, it.id))
        .collect();
    let mut text = format!("  disks {}", disks.join(" "));
    for array in &seen.raid.arrays {
        let members: Vec<String> = array
            .members
            .iter()
            .map(|it| format!("{} {} {:?}", it.kernel_name, it.role, it.slot()))
            .collect();
        let word = health(array).0.word();
        let action = array
            .sync
            .action()
            .map(|it| it.to_string())
            .unwrap_or_default();
        text.push_str(&format!(
            "\n  {} {} {} {} {word} {action} [{}]",
            array.kernel_name,
            array.name,
            array.level,
            array.state,
            members.join(", "),
        ));
    }
    text
}

/// What should be there and is not is told, and so is what nobody has agreed to; what a change has
/// made is expected.
fn nothing_is_missing_in_silence(seen: &Seen, attempt: &Attempt, done: Option<&Result<(), Error>>) {
    let expected = seen.expected.as_ref().unwrap();
    let is_told = |uuid: &str, code: &str| {
        let mut told = seen.differences.iter();
        told.any(|it| it.uuid.as_deref() == Some(uuid) && it.code() == code)
    };
    for it in &expected.arrays {
        let uuid = &it.array.uuid;
        let is_there = seen.raid.by_uuid(uuid).is_some();
        assert_eq!(is_told(uuid, "array_missing"), !is_there, "{it:?}");
    }
    for uuid in seen.raid.arrays.iter().filter_map(|it| it.uuid.as_deref()) {
        let is_expected = expected.arrays.iter().any(|it| it.array.uuid == uuid);
        assert_eq!(is_told(uuid, "foreign_array"), !is_expected, "{uuid}");
    }
    let (Attempt::Change(Some(plan)), Some(Ok(()))) = (attempt, done) else {
        return;
    };
    for step in &plan.steps {
        if let AppStep::Raid(Step::Create(new)) = step {
            let mut names = expected.arrays.iter().map(|it| &it.array.name);
            assert!(names.any(|it| *it == *new.name.as_str()), "{new}");
        }
    }
}
