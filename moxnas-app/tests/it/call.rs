//! The one way in: who may, one change at a time, and who did what.

use std::sync::{
    Arc, Condvar, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use moxnas_app::{
    Actor, App, Credential, Error, Role, Via,
    app::Simulation,
    auth::{Browser, Secret, SigningKey},
    error::ReadOnly,
    machine::Machine,
    operation::Terms,
    ops::{
        arrays::{ArrayCreate, ArrayDelete, ArrayList, MemberFail},
        auth::{AuthLogin, AuthRefresh},
        simulation::{SimFault, Trouble},
        users::UserPasswd,
    },
    scenario::Scenario,
    settings::{Right, Settings},
    store::{Outcome, Phase},
};
use moxnas_core::{
    plan::Fingerprint,
    sim::{DiskSpec, Fault, SimMachine},
};
use moxnas_raid::{BackendError, Inventory, Level, RaidBackend, SimRaid, Step, initramfs::Image};

/// A backend whose steps wait until the test lets them go on.
struct Slow {
    raid: SimRaid,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Gate {
    is_open: Mutex<bool>,
    moved: Condvar,
    /// How many steps are being done.
    inside: AtomicUsize,
    /// The most that ever were at a time.
    most: AtomicUsize,
}

impl Gate {
    fn open(&self) {
        *self.is_open.lock().unwrap() = true;
        self.moved.notify_all();
    }

    /// Until a step waits at the gate.
    async fn reached(&self) {
        while self.inside.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    }
}

impl RaidBackend for Slow {
    fn tidy(&self) -> Result<(), BackendError> {
        self.raid.tidy()
    }

    fn observe(&self) -> Result<Inventory, BackendError> {
        self.raid.observe()
    }

    fn initramfs(&self, known: &[Image]) -> Result<Vec<Image>, BackendError> {
        self.raid.initramfs(known)
    }

    fn apply(&self, step: &Step) -> Result<(), BackendError> {
        let inside = self.gate.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.gate.most.fetch_max(inside, Ordering::SeqCst);
        let mut is_open = self.gate.is_open.lock().unwrap();
        while !*is_open {
            is_open = self.gate.moved.wait(is_open).unwrap();
        }
        drop(is_open);
        let done = self.raid.apply(step);
        self.gate.inside.fetch_sub(1, Ordering::SeqCst);
        done
    }
}

/// A service on a simulated machine of six disks, and the gate before its steps.
struct Bench {
    app: Arc<App>,
    gate: Arc<Gate>,
}

fn settings(right: Right) -> Settings {
    let scenario = Scenario::built_in("blank").unwrap();
    Settings {
        right,
        ..Settings::simulated(scenario)
    }
}

async fn bench(right: Option<Right>) -> Bench {
    let machine = SimMachine::new(1);
    for disk in 0..6 {
        machine.plug(DiskSpec::hdd(&format!("D{disk}"), 1 << 40));
    }
    let gate = Arc::new(Gate::default());
    let raid = SimRaid::new(Arc::clone(&machine));
    let slow = Slow {
        raid: SimRaid::new(Arc::clone(&machine)),
        gate: Arc::clone(&gate),
    };
    let on = Machine {
        raid: Arc::new(slow),
        ..Machine::simulated(&machine, raid)
    };
    let simulation = Simulation {
        scenario: "bench".to_owned(),
        machine,
        pools: None,
        shares: None,
    };
    // A machine that says of itself that it is simulated may be changed by anybody.
    let simulation = right.is_none().then_some(simulation);
    let settings = settings(right.unwrap_or(Right::NotRoot));
    Bench {
        app: App::start_on(on, simulation, &settings).await.unwrap(),
        gate,
    }
}

/// A service whose steps do not wait.
async fn fast() -> Bench {
    let bench = bench(None).await;
    bench.gate.open();
    bench
}

fn create(name: &str, disks: [u32; 2]) -> ArrayCreate {
    let disks = disks.iter().map(|it| format!("D{it}"));
    ArrayCreate::new(name.parse().unwrap(), Level::Raid1, disks.collect())
}

fn admin(request: &str) -> Actor {
    App::this_process(request)
}

fn somebody(role: Role) -> Actor {
    Actor {
        name: format!("some-{role}"),
        role: Some(role),
        via: Via::Token,
        address: Some("10.0.0.1".to_owned()),
        request_id: "somebody".to_owned(),
        credential: Credential::None,
    }
}

impl Bench {
    async fn confirm(&self, change: &ArrayCreate) -> Terms {
        let plan = self.app.plan(&admin("plan"), change).await.unwrap();
        agreed(&plan.fingerprint)
    }

    /// Which request got how far, in order.
    async fn story(&self) -> Vec<(String, Phase, Option<Outcome>)> {
        let records = self.app.store.audit(0, 1000).await.unwrap();
        let told = records.into_iter().map(|it| it.entry);
        told.map(|it| (it.request_id, it.phase, it.result))
            .collect()
    }
}

fn agreed(fingerprint: &str) -> Terms {
    let confirm: Fingerprint = fingerprint.parse().unwrap();
    Terms {
        confirm: Some(confirm),
        if_match: None,
    }
}

fn told(request: &str, phase: Phase, result: Option<Outcome>) -> (String, Phase, Option<Outcome>) {
    (request.to_owned(), phase, result)
}

/// An HTTP client that disconnects drops the future that waits for the change.
#[tokio::test]
async fn a_caller_who_goes_away_does_not_stop_a_change() {
    let bench = bench(None).await;
    let wish = create("data", [0, 1]);
    let terms = bench.confirm(&wish).await;
    let app = Arc::clone(&bench.app);
    let caller =
        tokio::spawn(async move { app.change(&admin("gone"), wish, terms).await.map(drop) });
    bench.gate.reached().await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    assert_eq!(bench.story().await, [told("gone", Phase::Intent, None)]);

    bench.gate.open();
    // The next change waits for its turn, which comes when the first one is over.
    let next = bench
        .app
        .change(&admin("next"), create("other", [2, 3]), Terms::default())
        .await;
    assert!(
        matches!(next, Err(Error::ConfirmationRequired(_))),
        "{next:?}"
    );
    let expected = [
        told("gone", Phase::Intent, None),
        told("gone", Phase::Outcome, Some(Outcome::Ok)),
    ];
    assert_eq!(bench.story().await, expected);
    assert_eq!(
        bench.app.seen().raid.arrays[0].name,
        "data",
        "and it is shown without being asked for"
    );
}

#[tokio::test]
async fn changes_are_made_one_after_the_other() {
    let bench = bench(None).await;
    let wishes = [
        create("first", [0, 1]),
        create("second", [2, 3]),
        create("third", [4, 5]),
    ];
    let mut callers = Vec::new();
    for wish in wishes {
        let terms = bench.confirm(&wish).await;
        let (app, request) = (Arc::clone(&bench.app), wish.name.to_string());
        callers.push(tokio::spawn(async move {
            app.change(&admin(&request), wish, terms).await.map(drop)
        }));
    }
    bench.gate.reached().await;
    bench.gate.open();
    for caller in callers {
        caller.await.unwrap().unwrap();
    }
    assert_eq!(
        bench.gate.most.load(Ordering::SeqCst),
        1,
        "never two steps at a time"
    );
    let story = bench.story().await;
    assert_eq!(story.len(), 6);
    for pair in story.chunks(2) {
        assert_eq!(
            (pair[0].1, pair[1].1),
            (Phase::Intent, Phase::Outcome),
            "{story:?}"
        );
        assert_eq!(pair[0].0, pair[1].0, "{story:?}");
    }
    assert_eq!(bench.app.seen().raid.arrays.len(), 3);
}

/// Two who saw the same machine want the same disks: one of them gets them.
#[tokio::test]
async fn of_two_who_race_one_is_told() {
    let bench = fast().await;
    let (first, second) = (create("first", [0, 1]), create("second", [1, 2]));
    let terms = [bench.confirm(&first).await, bench.confirm(&second).await];
    let [one, other] = terms;
    let (this, that) = (admin("a"), admin("b"));
    let (a, b) = tokio::join!(
        bench.app.change(&this, first, one),
        bench.app.change(&that, second, other),
    );
    assert!(a.is_ok() != b.is_ok(), "{a:?} {b:?}");
    assert_eq!(bench.app.seen().raid.arrays.len(), 1);
    let refused = bench
        .story()
        .await
        .into_iter()
        .filter(|it| it.1 == Phase::Refused)
        .count();
    assert_eq!(refused, 1);
}

#[tokio::test]
async fn a_plan_on_another_machine_is_another_plan() {
    let bench = fast().await;
    let wish = create("data", [0, 1]);
    let terms = bench.confirm(&wish).await;
    let signature = Trouble::Signature {
        device: "D1".to_owned(),
        kind: "xfs".to_owned(),
    };
    bench
        .app
        .call(&admin("sim"), SimFault(signature))
        .await
        .unwrap();
    let changed = bench
        .app
        .change(&admin("late"), wish.clone(), terms.clone())
        .await;
    let Err(Error::PlanChanged(plan)) = changed else {
        panic!("{changed:?}")
    };
    assert!(
        plan.dangers.iter().any(|it| it.contains("xfs")),
        "{:?}",
        plan.dangers
    );
    assert_eq!(
        bench.story().await.last(),
        Some(&told("late", Phase::Refused, Some(Outcome::Failed)))
    );
    assert!(bench.app.seen().raid.arrays.is_empty());
    bench
        .app
        .change(&admin("again"), wish, agreed(&plan.fingerprint))
        .await
        .unwrap();
}

#[tokio::test]
async fn what_is_refused_is_recorded() {
    let bench = fast().await;
    let wish = || create("data", [0, 1]);
    // The role.
    let denied = bench
        .app
        .change(&somebody(Role::Operator), wish(), Terms::default())
        .await;
    assert!(
        matches!(
            denied,
            Err(Error::Forbidden {
                needs: Role::Admin,
                ..
            })
        ),
        "{denied:?}"
    );
    let denied = bench.app.plan(&somebody(Role::Viewer), &wish()).await;
    assert!(matches!(denied, Err(Error::Forbidden { .. })), "{denied:?}");
    let denied = bench.app.call(&somebody(Role::User), ArrayList).await;
    assert!(
        matches!(
            denied,
            Err(Error::Forbidden {
                needs: Role::Viewer,
                ..
            })
        ),
        "{denied:?}"
    );
    // The planner.
    let few = ArrayCreate {
        members: vec!["D0".to_owned()],
        ..wish()
    };
    let refused = bench.app.change(&admin("few"), few, Terms::default()).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    let gone = bench
        .app
        .change(
            &admin("none"),
            ArrayDelete {
                array: "none".to_owned(),
            },
            Terms::default(),
        )
        .await;
    assert!(matches!(gone, Err(Error::Refused(_))), "{gone:?}");
    let story = bench.story().await;
    assert_eq!(story.len(), 5, "{story:?}");
    assert!(
        story
            .iter()
            .all(|it| it.1 == Phase::Refused && it.2 == Some(Outcome::Failed)),
        "{story:?}"
    );
    // Nobody at all, and who only asks for the plan, leave no line.
    let nobody = bench
        .app
        .change(&Actor::nobody("x"), wish(), Terms::default())
        .await;
    assert!(matches!(nobody, Err(Error::Unauthenticated)), "{nobody:?}");
    let asked = bench
        .app
        .change(&admin("ask"), wish(), Terms::default())
        .await;
    assert!(
        matches!(asked, Err(Error::ConfirmationRequired(_))),
        "{asked:?}"
    );
    assert_eq!(bench.story().await.len(), 5);
}

#[tokio::test]
async fn who_and_what_is_in_the_record() {
    let bench = fast().await;
    let wish = create("data", [0, 1]);
    let terms = bench.confirm(&wish).await;
    let fingerprint = terms.confirm.as_ref().unwrap().to_string();
    bench
        .app
        .change(&somebody(Role::Admin), wish, terms)
        .await
        .unwrap();
    let records = bench.app.store.audit(0, 10).await.unwrap();
    for record in &records {
        let entry = &record.entry;
        assert_eq!(
            (entry.actor.as_str(), entry.via.as_str()),
            ("some-admin", "token")
        );
        assert_eq!(entry.address.as_deref(), Some("10.0.0.1"));
        assert_eq!(
            (entry.operation.as_str(), entry.object.as_deref()),
            ("array_create", Some("data"))
        );
        assert_eq!(entry.fingerprint.as_ref(), Some(&fingerprint));
    }
    assert!(
        records[0].entry.detail["steps"][0]
            .as_str()
            .unwrap()
            .contains("create raid1 array data")
    );
}

#[tokio::test]
async fn a_step_that_lies_is_not_believed() {
    let bench = fast().await;
    let wish = create("data", [0, 1]);
    let terms = bench.confirm(&wish).await;
    bench.app.change(&admin("make"), wish, terms).await.unwrap();
    let lie = Trouble::Step(Fault::StepLies {
        matching: "as faulty".to_owned(),
    });
    bench.app.call(&admin("sim"), SimFault(lie)).await.unwrap();
    let fail = MemberFail {
        array: "data".to_owned(),
        device: "D0".to_owned(),
    };
    let plan = bench.app.plan(&admin("plan"), &fail).await.unwrap();
    let done = bench
        .app
        .change(&admin("lied"), fail, agreed(&plan.fingerprint))
        .await;
    assert!(matches!(done, Err(Error::NotVerified(_))), "{done:?}");
    assert_eq!(
        bench.story().await.last(),
        Some(&told("lied", Phase::Outcome, Some(Outcome::Failed)))
    );
}

#[tokio::test]
async fn a_process_without_the_right_looks_and_plans_and_changes_nothing() {
    let socket = "/run/moxnas/moxnas.sock";
    for right in [Right::NotRoot, Right::ServiceRuns(socket.into())] {
        let bench = bench(Some(right.clone())).await;
        bench.gate.open();
        let wish = create("data", [0, 1]);
        assert!(bench.app.call(&admin("list"), ArrayList).await.is_ok());
        let terms = bench.confirm(&wish).await;
        let done = bench.app.change(&admin("change"), wish, terms).await;
        let Err(err @ Error::ReadOnly(_)) = done else {
            panic!("{right:?}: {done:?}")
        };
        assert_eq!(err.code(), "read_only");
        match &err {
            Error::ReadOnly(ReadOnly::ServiceRuns { socket: named }) => {
                assert_eq!(named, socket);
                assert!(err.hint().unwrap().contains("--local"));
            }
            _ => assert_eq!(err.hint().as_deref(), Some("run it as root")),
        }
        assert_eq!(
            bench.story().await,
            [told("change", Phase::Refused, Some(Outcome::Failed))]
        );
        assert!(bench.app.look().await.unwrap().raid.arrays.is_empty());
        // And what is not simulated cannot be broken by asking for it.
        let fault = bench
            .app
            .call(&admin("sim"), SimFault(Trouble::PowerCut))
            .await;
        assert!(matches!(fault, Err(Error::NotSimulated)), "{fault:?}");
    }
}

#[tokio::test]
async fn secrets_are_not_printed() {
    let bench = fast().await;
    let word = "correct horse battery";
    bench
        .app
        .auth
        .create_login("ann", Role::Admin, word)
        .await
        .unwrap();
    let login = AuthLogin {
        username: "ann".to_owned(),
        password: Secret::from(word),
        code: None,
        user_agent: None,
        browser: Browser::TokensOnly,
    };
    let printed = format!("{login:?}");
    let session = bench.app.call(&Actor::nobody("x"), login).await.unwrap();
    let refresh = AuthRefresh {
        refresh_token: session.refresh_token.clone(),
    };
    let passwd = UserPasswd {
        username: "ann".to_owned(),
        password: Secret::from(word),
    };
    let settings = Settings {
        admin_password: Some(Secret::from(word)),
        ..settings(Right::NotRoot)
    };
    let all = format!(
        "{printed} {session:?} {refresh:?} {passwd:?} {settings:?} {:?} {:?}",
        SigningKey::random().unwrap(),
        bench.app.auth,
    );
    let wrong = AuthLogin {
        username: "ann".to_owned(),
        password: Secret::from("another horse battery"),
        code: None,
        user_agent: None,
        browser: Browser::TokensOnly,
    };
    let err = bench
        .app
        .call(&Actor::nobody("x"), wrong)
        .await
        .unwrap_err();
    let audit = format!(
        "{all} {err:?} {:?}",
        bench.app.store.audit(0, 100).await.unwrap()
    );
    for secret in [
        word,
        "another horse",
        session.token.expose(),
        session.refresh_token.expose(),
    ] {
        assert!(!audit.contains(secret), "{secret} is in {audit}");
    }
}
