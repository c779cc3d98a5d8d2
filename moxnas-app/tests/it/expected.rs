//! What arrays should be there: agreed to at first, followed through changes, told of where it is
//! not so.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use moxnas_app::{
    App, Error, Operation,
    app::Simulation,
    events::Event,
    expected::Expectation,
    machine::Machine,
    operation::{Change, Terms},
    ops::{
        arrays::{ArrayAssemble, ArrayCreate, ArrayDelete, ArrayStop, MemberAdd},
        expected::{Accepted, ExpectedAccept},
        system::{HealthDetailed, Status},
    },
    scenario::Scenario,
    settings::Settings,
    store::{DatabaseUrl, Phase},
};
use moxnas_core::sim::{DiskSpec, SimMachine};
use moxnas_raid::{ExpectedArray, Level, SimRaid, execute, plan};

use crate::{engines::stores, jobs::actor};

/// Any expectation.
pub(crate) fn expectation(name: &str) -> Expectation {
    let device = |it: &str| it.parse().unwrap();
    Expectation {
        array: ExpectedArray {
            uuid: format!("{name}-1:2:3:4"),
            name: name.to_owned(),
            level: Level::Raid5,
            slots: 3,
            members: ["wwn-0x1", "wwn-0x2-part1", "md-uuid-5:6:7:8"]
                .map(device)
                .into(),
            spares: ["nvme-eui.9"].map(device).into(),
            journal: Some(device("wwn-0xa")),
            mounts: ["/srv/a \\ \"b\"".to_owned()].into(),
            degraded_at_boot: true,
        },
        since: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        accepted_by: "somebody".to_owned(),
        boot: Some("start 1".to_owned()),
    }
}

#[tokio::test]
async fn what_is_expected_comes_back_as_it_was_written() {
    for store in stores().await {
        assert_eq!(store.expected().await.unwrap(), None);
        let (one, mut two) = (expectation("one"), expectation("two"));
        let mut write = store.begin_write().await.unwrap();
        write.begin_to_expect(one.since).await.unwrap();
        write.expect_array(&one).await.unwrap();
        write.expect_array(&two).await.unwrap();
        two.array.journal = None;
        two.boot = None;
        write.expect_array(&two).await.unwrap();
        write.commit().await.unwrap();
        let expected = store.expected().await.unwrap().unwrap();
        assert_eq!(expected.since, one.since);
        assert_eq!(expected.arrays, [one, two.clone()]);

        let mut write = store.begin_write().await.unwrap();
        write.expect_no_array("one-1:2:3:4").await.unwrap();
        write.commit().await.unwrap();
        let expected = store.expected().await.unwrap().unwrap();
        assert_eq!(expected.arrays, [two]);
    }
}

/// A machine with disks A to F, and the folder of a service on it.
struct Bench {
    sim: Arc<SimMachine>,
    machine: Machine,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Bench {
        let sim = SimMachine::new(7);
        for serial in ["A", "B", "C", "D", "E", "F"] {
            sim.plug(DiskSpec::hdd(serial, 1 << 30));
        }
        let raid = SimRaid::new(Arc::clone(&sim));
        Bench {
            machine: Machine::simulated(&sim, raid),
            sim,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    async fn start(&self) -> Arc<App> {
        let settings = Settings {
            database: DatabaseUrl::in_folder(self.folder.path()),
            data_dir: Some(self.folder.path().to_owned()),
            ..Settings::simulated(Scenario::built_in("blank").unwrap())
        };
        let simulation = Simulation {
            scenario: "test".to_owned(),
            machine: Arc::clone(&self.sim),
            pools: None,
            shares: None,
        };
        App::start_on(self.machine.clone(), Some(simulation), &settings)
            .await
            .unwrap()
    }

    /// Somebody makes an array without MoxNAS.
    fn by_hand(&self, name: &str, members: &[&str]) {
        let seen = self.machine.raid.observe().unwrap();
        let id = |it: &&str| seen.devices.resolve(it).unwrap().id.clone();
        let members = members.iter().map(id).collect();
        let wish = moxnas_raid::CreateArray::new(name.parse().unwrap(), Level::Raid1, members);
        let plan = plan(&seen, &moxnas_raid::Change::Create(wish)).unwrap();
        let steps = plan.steps.into_iter();
        let steps: Vec<_> = steps
            .filter(|it| !matches!(it, moxnas_raid::Step::Record { .. }))
            .collect();
        execute(&*self.machine.raid, &steps).unwrap();
    }
}

/// Agree to the plan, whatever it is, and make the change.
pub(crate) async fn make<C: Change + Clone>(app: &Arc<App>, change: C) -> Result<C::Output, Error> {
    let terms = match app.change(&actor(), change.clone(), Terms::default()).await {
        Err(Error::ConfirmationRequired(plan)) => Terms {
            confirm: Some(plan.fingerprint.parse().unwrap()),
            ..Terms::default()
        },
        done => return done,
    };
    app.change(&actor(), change, terms).await
}

async fn create(app: &Arc<App>, name: &str, members: &[&str]) {
    let members = members.iter().map(|it| (*it).to_owned()).collect();
    let wish = ArrayCreate::new(name.parse().unwrap(), Level::Raid1, members);
    make(app, wish).await.unwrap();
    app.simulation
        .as_ref()
        .unwrap()
        .machine
        .advance(Duration::from_secs(1 << 20));
    app.look().await.unwrap();
}

async fn accept(app: &Arc<App>, of: Accepted) -> Result<(), Error> {
    app.call(&actor(), ExpectedAccept { of }).await.map(drop)
}

fn told(app: &App) -> Vec<(String, &'static str)> {
    let seen = app.seen();
    let told = seen.differences.iter();
    told.map(|it| (it.array.clone(), it.code())).collect()
}

fn one(name: &str, code: &'static str) -> Vec<(String, &'static str)> {
    vec![(name.to_owned(), code)]
}

async fn health(app: &Arc<App>) -> (Status, Vec<String>) {
    let storage = app.call(&actor(), HealthDetailed).await.unwrap().storage;
    (storage.status, storage.causes)
}

fn of_expectations(app: &App) -> Vec<Event> {
    let (all, _) = app.events.listen(Some(0));
    let mut all = all;
    all.retain(|it| it.change == "differs" || it.change == "agrees");
    all
}

#[tokio::test]
async fn all_that_is_there_at_the_very_first_look_is_agreed_to() {
    let bench = Bench::new();
    bench.by_hand("old", &["A", "B"]);
    let app = bench.start().await;
    assert_eq!(told(&app), []);
    let audit = app.store.audit(0, 100).await.unwrap();
    let record = audit
        .iter()
        .find(|it| it.entry.operation == ExpectedAccept::NAME);
    let detail = &record.unwrap().entry.detail;
    assert_eq!(detail["arrays"], serde_json::json!(["old"]), "{detail}");

    // What comes later is for somebody to agree to, also if it comes while the service is away.
    app.store.close().await;
    drop(app);
    bench.by_hand("new", &["C", "D"]);
    let app = bench.start().await;
    assert_eq!(told(&app), one("new", "foreign_array"));
    let (status, causes) = health(&app).await;
    assert_eq!(status, Status::Healthy, "nothing is lost");
    assert!(
        causes.iter().any(|it| it.contains("array new")),
        "{causes:?}"
    );

    accept(&app, Accepted::Array("new".to_owned()))
        .await
        .unwrap();
    assert_eq!(told(&app), []);
    let audit = app.store.audit(0, 100).await.unwrap();
    let phases: Vec<Phase> = audit
        .iter()
        .filter(|it| it.entry.object.as_deref() == Some("new"))
        .map(|it| it.entry.phase)
        .collect();
    assert_eq!(phases, [Phase::Intent, Phase::Outcome]);
}

#[tokio::test]
async fn what_was_wished_is_never_a_surprise() {
    let bench = Bench::new();
    let app = bench.start().await;
    create(&app, "tank", &["A", "B"]).await;
    assert_eq!(told(&app), []);
    let by = app.seen().expected.as_ref().unwrap().arrays[0]
        .accepted_by
        .clone();
    assert_eq!(by, actor().name);
    let (array, device) = ("tank".to_owned(), "C".to_owned());
    make(
        &app,
        MemberAdd {
            array,
            device,
            as_spare: false,
        },
    )
    .await
    .unwrap();
    assert_eq!(told(&app), []);
    let array = || "tank".to_owned();
    make(&app, ArrayDelete { array: array() }).await.unwrap();
    assert_eq!(told(&app), []);
    assert_eq!(app.seen().expected.as_ref().unwrap().arrays, []);
    assert_eq!(of_expectations(&app), [], "nor is it told while it is made");
}

#[tokio::test]
async fn a_missing_array_is_never_green_and_never_shown() {
    let bench = Bench::new();
    let app = bench.start().await;
    create(&app, "tank", &["A", "B"]).await;
    let array = || "tank".to_owned();
    make(&app, ArrayStop { array: array() }).await.unwrap();
    assert_eq!(told(&app), one("tank", "array_missing"));
    let (status, causes) = health(&app).await;
    assert_eq!(status, Status::Degraded);
    assert!(causes[0].contains("array tank is not there"), "{causes:?}");
    assert_eq!(
        app.seen().raid.arrays,
        [],
        "what is there, only the kernel says"
    );
    // It outlives the service.
    app.store.close().await;
    drop(app);
    let app = bench.start().await;
    assert_eq!(told(&app), one("tank", "array_missing"));

    make(&app, ArrayAssemble { array: array() }).await.unwrap();
    assert_eq!(told(&app), []);
    let changes: Vec<&str> = of_expectations(&app).iter().map(|it| it.change).collect();
    assert_eq!(changes, ["agrees"]);
    make(&app, ArrayStop { array: array() }).await.unwrap();
    accept(&app, Accepted::Array(array())).await.unwrap();
    assert_eq!(told(&app), []);
    assert_eq!(health(&app).await.0, Status::Healthy);
    let none = accept(&app, Accepted::Array(array())).await.unwrap_err();
    assert_eq!(none.code(), "not_found");
}

#[tokio::test]
async fn a_member_that_leaves_is_told_when_it_leaves_and_when_it_is_agreed_to() {
    let bench = Bench::new();
    let app = bench.start().await;
    create(&app, "tank", &["A", "B"]).await;
    bench.sim.pull("B").unwrap();
    app.look().await.unwrap();
    assert_eq!(told(&app), one("tank", "member_missing"));
    app.look().await.unwrap();
    let events = of_expectations(&app);
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!((events[0].kind, &*events[0].object), ("array", "tank"));
    accept(&app, Accepted::All).await.unwrap();
    assert_eq!(told(&app), []);
    assert_eq!(of_expectations(&app).len(), 2);
}

#[tokio::test]
async fn an_array_that_is_degraded_since_the_start_of_the_machine_says_so() {
    let bench = Bench::new();
    let app = bench.start().await;
    create(&app, "tank", &["A", "B"]).await;
    bench.sim.pull("B").unwrap();
    app.look().await.unwrap();
    app.expect_since_boot().await.unwrap();
    assert_eq!(
        told(&app),
        one("tank", "member_missing"),
        "it was whole at the start"
    );
    bench.sim.reboot();
    app.look().await.unwrap();
    if app.seen().raid.find("tank").is_none() {
        let array = "tank".to_owned();
        make(&app, ArrayAssemble { array }).await.unwrap();
    }
    app.expect_since_boot().await.unwrap();
    app.look().await.unwrap();
    let codes: Vec<&str> = told(&app).iter().map(|it| it.1).collect();
    assert_eq!(codes, ["degraded_at_boot", "member_missing"]);
}
