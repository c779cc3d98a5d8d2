//! What must hold after every event, whatever it was.

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
use moxnas_raid::{Array, Level, Role, Step, health};

/// What was tried.
pub(super) enum Attempt {
    /// Something that leaves the devices alone.
    Call,
    /// A change, with the plan that was agreed to, if there was one.
    Change(Option<Plan<AppStep>>),
}

/// What was there before the event.
pub(super) struct Checkers {
    seen: Arc<Seen>,
    contents: BTreeMap<String, Contents>,
    audited: i64,
    app: Arc<App>,
}

impl Checkers {
    pub(super) fn new(app: &Arc<App>) -> Checkers {
        Checkers {
            seen: app.seen(),
            contents: contents(app),
            audited: 0,
            app: Arc::clone(app),
        }
    }

    /// Somebody looked in the middle of an event.
    pub(super) fn look(&mut self) {
        let seen = self.app.seen();
        serial_grows(&self.seen, &seen);
        self.seen = seen;
    }

    /// Hold everything against what was there before. The state in words.
    pub(super) async fn check(
        &mut self,
        app: &Arc<App>,
        actor: &Actor,
        attempt: &Attempt,
        done: &Result<(), Error>,
    ) -> String {
        if let Err(err) = done {
            assert_ne!(err.kind(), Kind::Internal, "{err:?}");
        }
        let after = contents(app);
        devices_are_left_alone(&self.contents, &after, attempt);
        self.contents = after;
        self.audit_is_complete(app, actor, attempt, done).await;
        // As the loop would.
        let seen = app.look().await.unwrap();
        serial_grows(&self.seen, &seen);
        self.seen = Arc::clone(&seen);
        if let (Attempt::Change(Some(plan)), Ok(())) = (attempt, done) {
            what_was_promised_is_there(plan, &seen);
        }
        broken_is_never_green(app, &seen).await;
        words(&seen)
    }

    /// Every change has its intent and its outcome, every refusal its record, and nothing else has
    /// any.
    async fn audit_is_complete(
        &mut self,
        app: &App,
        actor: &Actor,
        attempt: &Attempt,
        done: &Result<(), Error>,
    ) {
        let news = app.store.audit(self.audited, 100).await.unwrap();
        self.audited = news.last().map_or(self.audited, |it| it.id);
        let foreign = news
            .iter()
            .find(|it| it.entry.request_id != actor.request_id);
        assert!(foreign.is_none(), "nobody asked for {foreign:?}");
        let story: Vec<(Phase, Option<Outcome>)> = news
            .iter()
            .map(|it| (it.entry.phase, it.entry.result))
            .collect();
        let intent = (Phase::Intent, None);
        let refused = vec![(Phase::Refused, Some(Outcome::Failed))];
        let expected = match (attempt, done) {
            (_, Ok(())) => vec![intent, (Phase::Outcome, Some(Outcome::Ok))],
            (Attempt::Change(_), Err(Error::ConfirmationRequired(_))) => Vec::new(),
            (Attempt::Change(_), Err(Error::Stopped(_) | Error::NotVerified(_)))
            | (Attempt::Call, Err(_)) => {
                vec![intent, (Phase::Outcome, Some(Outcome::Failed))]
            }
            (Attempt::Change(_), Err(Error::Resolve(_))) => {
                // A device that is not there once all is done was there when it began.
                if story.len() == 2 {
                    vec![intent, (Phase::Outcome, Some(Outcome::Failed))]
                } else {
                    refused
                }
            }
            (Attempt::Change(_), Err(Error::Refused(_))) if story.len() == 2 => {
                vec![intent, (Phase::Outcome, Some(Outcome::Failed))]
            }
            (Attempt::Change(_), Err(_)) => refused,
        };
        assert_eq!(story, expected, "{done:?}");
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
        for AppStep::Raid(step) in &plan.steps {
            agreed.extend(step.touches().into_iter().map(DeviceId::to_string));
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
    assert_eq!(
        after.serial == before.serial,
        after.raid == before.raid,
        "the same serial is the same facts"
    );
}

/// An array that was made is there, of these members and of no others.
fn what_was_promised_is_there(plan: &Plan<AppStep>, seen: &Seen) {
    for AppStep::Raid(step) in &plan.steps {
        let Step::Create {
            name,
            level,
            members,
            spares,
            ..
        } = step
        else {
            continue;
        };
        let array = seen
            .raid
            .find(name.as_str())
            .unwrap_or_else(|| panic!("there is no {name}"));
        assert_eq!(array.level, *level);
        assert_eq!(array.slots as usize, members.len());
        let is: BTreeSet<&DeviceId> = array.members.iter().map(|it| &it.device).collect();
        let promised: BTreeSet<&DeviceId> = members.iter().chain(spares).collect();
        assert_eq!(is, promised, "{name}");
        let uuid = array.uuid.as_ref().unwrap();
        assert!(seen.raid.conf.names(uuid), "mdadm.conf names {name}");
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
