//! Many lives, for `cargo xtask soak`, and the proof that lives are full and checkers see.

use std::time::Instant;

use moxnas_app::{
    App,
    ops::{
        arrays::ArrayCreate,
        simulation::{SimAdvance, SimFault, Trouble},
    },
};
use moxnas_raid::Level;

use super::{
    EVENTS,
    checkers::Attempt,
    engines::Engine,
    life::{Counts, Life},
    process::Kill,
    run_and_repeat,
};

/// What is to be lived: engine, first seed, end of the seeds, events in a life, and which share of
/// them twice.
const SOAK: &str = "MOXNAS_SOAK";

/// Says how it goes on lines that begin with `soak:`; `cargo xtask soak` reads them.
#[test]
#[expect(clippy::print_stdout, reason = "a chore reads it")]
fn soak() {
    let Ok(told) = std::env::var(SOAK) else {
        println!("{SOAK} is not set: `cargo xtask soak` does that");
        return;
    };
    let words: Vec<&str> = told.split(' ').collect();
    let [engine, first, end, events, twice] = words[..] else {
        panic!("{SOAK} is `ENGINE FIRST END EVENTS TWICE`");
    };
    let engine = match engine {
        "sqlite" => Engine::Sqlite,
        "postgres" => Engine::Postgres,
        other => panic!("there is no engine {other}"),
    };
    let number = |text: &str| text.parse::<u64>().unwrap();
    let events = usize::try_from(number(events)).unwrap();
    let began = Instant::now();
    let mut all = Counts::default();
    let (mut seeds, mut repeated) = (0, 0);
    for seed in number(first)..number(end) {
        match run_and_repeat(seed, engine, events, number(twice)) {
            Ok((lived, is_repeated)) => {
                all.add(lived.counts);
                repeated += u64::from(is_repeated);
            }
            Err(err) => println!("soak: failed {seed} {err}"),
        }
        seeds += 1;
        if seeds % 50 == 0 {
            println!("soak: at {seed} after {} s", began.elapsed().as_secs());
        }
    }
    println!(
        "soak: lived {seeds} {} {} {} {} {} {} {} {repeated}",
        all.operations, all.faults, all.kills, all.restarts, all.jobs, all.schedule_runs, all.cut,
    );
}

/// The checkers themselves: a device that no plan names is written.
#[test]
#[should_panic(expected = "was in no plan")]
fn a_foreign_hand_is_seen() {
    let mut life = Life::begin(1, Engine::Sqlite);
    let write = Trouble::Signature {
        device: "BOX1".to_owned(),
        kind: "ext4".to_owned(),
    };
    let what = "a foreign hand".to_owned();
    life.act_until(None, what, Attempt::Call, |app, actor| async move {
        app.call(&actor, SimFault(write)).await.map(drop)
    });
}

/// The checkers themselves: something is done that nobody reports.
#[test]
#[should_panic(expected = "nobody asked for")]
fn an_event_that_nobody_reports_is_seen() {
    let mut life = Life::begin(1, Engine::Sqlite);
    let what = "nothing".to_owned();
    life.act_until(None, what, Attempt::Call, |app, actor| async move {
        let hidden = App::this_process("hidden");
        app.call(&hidden, SimFault(Trouble::Reboot)).await?;
        app.call(&actor, SimAdvance(std::time::Duration::ZERO))
            .await
            .map(drop)
    });
}

/// The kills themselves: each comes at its moment, and what was cut short has its intent alone.
#[test]
fn a_kill_comes_at_its_moment() {
    for (kill, is_cut, is_made) in [
        // What is planned was looked at; the first look of the change comes before its intent.
        (Kill::Look(1), false, false),
        (Kill::Commit(1), true, false),
        (Kill::BeforeStep(1), true, false),
        (Kill::AfterStep(1), true, true),
        // The outcome was written.
        (Kill::Commit(2), false, true),
    ] {
        let mut life = Life::begin(1, Engine::Sqlite);
        let disks = ["BOX0", "BOX1"].map(str::to_owned);
        let create = ArrayCreate::new("alpha".parse().unwrap(), Level::Raid1, disks.to_vec());
        life.change_until(kill, create);
        assert!(life.counts.kills >= 1, "{kill:?}: {:#?}", life.trace);
        assert_eq!(life.counts.cut, u64::from(is_cut), "{kill:?}");
        let arrays = life.app().seen().raid.arrays.len();
        assert_eq!(arrays > 0, is_made, "{kill:?}: {:#?}", life.trace);
    }
}

/// A life in which nothing ever works would keep every rule.
#[test]
fn lives_are_full() {
    let mut trace = String::new();
    let mut counts = Counts::default();
    for seed in 100..170 {
        let mut life = Life::begin(seed, Engine::Sqlite);
        for _ in 0..EVENTS {
            life.event();
        }
        trace.push_str(&life.trace.join("\n"));
        trace.push('\n');
        counts.add(life.counts);
    }
    for kind in [
        "ArrayCreate",
        "ArrayDelete",
        "ArrayStop",
        "ArrayAssemble",
        "ArrayScrub",
        "ArrayGrow",
        "ArraySet",
        "MemberAdd",
        "MemberFail",
        "MemberRemove",
        "MemberReplace",
        "ScheduleChange",
        "cancel",
        "retry",
        "run raid_scrub",
    ] {
        let of_kind = trace
            .lines()
            .filter(|it| it.starts_with(kind))
            .collect::<Vec<_>>();
        let done = of_kind.iter().filter(|it| it.ends_with("-> done")).count();
        assert!(done > 0, "{kind}: none was done: {of_kind:#?}");
        assert!(
            done < of_kind.len(),
            "{kind}: all {} were done",
            of_kind.len()
        );
    }
    for word in [
        "plan_changed",
        "confirmation_required",
        "step_failed",
        "not_verified",
        "failed",
        "degraded",
        "killed at Some(Look",
        "killed at Some(BeforeStep",
        "killed at Some(AfterStep",
        "killed at Some(Commit",
        "killed at rest",
        "restart -> killed",
        "is succeeded",
        "is cancelled",
        "is skipped",
        "interrupted",
    ] {
        assert!(trace.contains(word), "{word} never happened");
    }
    let Counts {
        faults,
        kills,
        restarts,
        jobs,
        schedule_runs,
        cut,
        ..
    } = counts;
    assert!(faults > 50 && kills > 50 && restarts >= kills, "{counts:?}");
    assert!(jobs > 50 && schedule_runs > 50 && cut > 5, "{counts:?}");
}
