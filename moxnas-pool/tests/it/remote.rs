//! Replicas on another machine: what is asked of it, what it refuses, and what becomes of a connection
//! that breaks.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::Arc,
};

use moxnas_core::{
    plan::{Danger, Plan},
    sim::{Fault, SimMachine},
    units::Bytes,
};
use moxnas_pool::{
    backend::{BackendError, PoolBackend, execute},
    dataset::{self, Change, Contents, SnapshotName},
    model::{Filesystem, PoolName, Pools},
    plan::{Refusal, Step},
    remote::{
        self, Address, Answer, RemoteError, Request, SIM_FINGERPRINT, SIM_HOST, SimTargets, Target,
        TargetBackend, scanned, serve,
    },
    replica::{self, Replicate, Side},
    sim::SimPools,
};
use proptest::prelude::*;

use crate::{
    datasets::{MB, create, snapshot},
    world::World,
};

/// The pool `tank` with a dataset `data`, and the machine next to it.
pub(crate) struct Two {
    machine: Arc<SimMachine>,
    pools: Arc<SimPools>,
    targets: SimTargets,
}

pub(crate) fn name(pool: &str) -> PoolName {
    pool.parse().unwrap()
}

pub(crate) fn target() -> Target {
    let address = Address {
        host: SIM_HOST.parse().unwrap(),
        port: 22,
    };
    let there = SimTargets::new(Arc::new(SimPools::new(moxnas_core::sim::SimMachine::new(
        1,
    ))));
    let host_key = there.host_keys(&address).unwrap().remove(0);
    assert_eq!(host_key.fingerprint(), SIM_FINGERPRINT);
    Target {
        name: "attic".parse().unwrap(),
        address,
        user: "root".parse().unwrap(),
        pools: BTreeSet::from([name("backup")]),
        host_key,
    }
}

pub(crate) fn data() -> Replicate {
    Replicate {
        dataset: "data".to_owned(),
        to: None,
        compare: true,
        target: Some("attic".parse().unwrap()),
    }
}

fn inside(plan: &Plan<dataset::Step>) -> Vec<Step> {
    let step = |step: &dataset::Step| Step::Inside {
        pool: name("tank"),
        step: step.clone(),
    };
    plan.steps.iter().map(step).collect()
}

impl Two {
    fn of(filesystem: Filesystem) -> Two {
        let world = World::new();
        world.run(&world.create("tank", "A", filesystem));
        let World { machine, pools } = world;
        let pools = Arc::new(pools);
        let two = Two {
            targets: SimTargets::new(Arc::clone(&pools)),
            machine,
            pools,
        };
        two.run(&create("data", None));
        two.write("file", 10);
        two
    }

    /// With two snapshots that differ.
    pub(crate) fn with_snapshots() -> Two {
        let two = Two::of(Filesystem::Btrfs);
        two.run(&snapshot("data", "monday"));
        two.write("more", 20);
        two.run(&snapshot("data", "tuesday"));
        two
    }

    fn look(&self) -> Pools {
        let devices = self.machine.state().block_devices();
        self.pools.observe(&devices).unwrap()
    }

    pub(crate) fn contents(&self) -> Contents {
        let pools = self.look();
        self.pools.contents(pools.find("tank").unwrap()).unwrap()
    }

    fn run(&self, change: &Change) {
        let pools = self.look();
        let plan = dataset::plan(pools.find("tank").unwrap(), &self.contents(), change).unwrap();
        execute(&*self.pools, &inside(&plan)).unwrap();
    }

    fn write(&self, file: &str, mb: u64) {
        let written = self
            .pools
            .write(&name("tank"), "data", file, Bytes(mb * MB));
        written.unwrap();
    }

    pub(crate) fn plan(&self, wish: &Replicate) -> Result<Plan<Step>, Refusal> {
        let there = self.targets.look(&target(), &name("backup")).unwrap();
        let pools = self.look();
        let from = Side {
            pool: pools.find("tank").unwrap(),
            contents: &self.contents(),
        };
        let to = Side {
            pool: &there.pool,
            contents: &there.contents,
        };
        replica::plan(from, to, wish)
    }

    /// Which step failed, and why.
    fn carry_out(&self, plan: &Plan<Step>) -> Result<(), (usize, RemoteError)> {
        for (number, step) in plan.steps.iter().enumerate() {
            let done = match step {
                Step::Inside { .. } => self.pools.apply(step).map_err(RemoteError::from),
                _ => self.targets.apply(&target(), step, &|| true, &|_| ()),
            };
            done.map_err(|err| (number, err))?;
        }
        Ok(())
    }

    fn replicate(&self) {
        self.carry_out(&self.plan(&data()).unwrap()).unwrap();
    }

    /// The snapshots there, with what they are held for.
    fn there(&self) -> Vec<String> {
        let there = self.targets.look(&target(), &name("backup")).unwrap();
        let shown = there.contents.snapshots.iter().map(|it| {
            let held: Vec<&str> = it.held.iter().map(|it| it.as_str()).collect();
            let whole = if it.read_only { "" } else { " in part" };
            let shown = format!("{}@{}{whole} {}", it.dataset, it.name, held.join(" "));
            shown.trim().to_owned()
        });
        shown.collect()
    }

    fn files_there(&self, place: &str) -> Option<BTreeMap<String, u64>> {
        self.targets.neighbour().pools.files(&name("backup"), place)
    }

    fn is_equal(&self) -> bool {
        let contents = self.contents();
        let mut all = contents.snapshots_of("data");
        all.all(|it| {
            let place = format!(".snapshots/data/{}", it.name);
            let here = self.pools.files(&name("tank"), &place);
            here.is_some() && here == self.files_there(&place)
        })
    }
}

fn words(plan: &Plan<Step>) -> Vec<String> {
    plan.steps.iter().map(ToString::to_string).collect()
}

#[test]
fn a_plan_says_what_is_done_here_and_what_there() {
    let two = Two::with_snapshots();
    let plan = two.plan(&data()).unwrap();
    assert_eq!(
        words(&plan),
        [
            "send all of tank/data@monday to attic:backup/data",
            "send what tank/data@tuesday differs by from monday to attic:backup/data",
            "compare attic:backup/data with tank/data@tuesday, byte by byte",
            "in pool backup on attic: hold the snapshot tuesday of data for source:tank/data",
            "in pool tank: hold the snapshot tuesday of data for replica:attic:backup/data",
        ]
    );
    assert!(plan.dangers.is_empty());
    two.replicate();
    assert_eq!(
        two.there(),
        ["data@monday", "data@tuesday source:tank/data"]
    );
    assert!(two.is_equal());
    // Nothing is left but to compare, if that is wanted.
    let again = two.plan(&data()).unwrap();
    assert_eq!(words(&again).len(), 1, "{:?}", words(&again));
    two.run(&snapshot("data", "friday"));
    two.replicate();
    assert_eq!(
        two.there(),
        [
            "data@monday",
            "data@tuesday",
            "data@friday source:tank/data"
        ]
    );
    let times = |it: &Contents| it.snapshots.iter().map(|it| it.created).collect::<Vec<_>>();
    let there = two.targets.look(&target(), &name("backup")).unwrap();
    assert_eq!(times(&there.contents), times(&two.contents()));
}

#[test]
fn whatever_step_stops_the_next_try_goes_on_and_loses_nothing() {
    let steps = Two::with_snapshots().plan(&data()).unwrap().steps.len();
    for at in 0..steps {
        let two = Two::with_snapshots();
        let plan = two.plan(&data()).unwrap();
        two.machine.inject(Fault::StepFails {
            matching: plan.steps[at].to_string(),
        });
        let (stopped, err) = two.carry_out(&plan).unwrap_err();
        assert_eq!(stopped, at, "{err}");
        let before: Vec<String> = two.there();
        let again = two.plan(&data()).unwrap();
        for danger in &again.dangers {
            let Danger::DestroysData { device, .. } = danger else {
                panic!("{danger:?}");
            };
            let (_, part) = device.split_once('/').unwrap();
            assert!(
                before.contains(&format!("{part} in part")),
                "{device}: {before:?}"
            );
        }
        two.carry_out(&again).unwrap();
        assert!(two.is_equal());
        assert_eq!(
            two.there(),
            ["data@monday", "data@tuesday source:tank/data"]
        );
    }
}

#[test]
fn what_is_there_as_a_whole_cannot_be_removed_with_the_key() {
    let two = Two::with_snapshots();
    two.replicate();
    let there = &two.targets.neighbour().pools;
    let ask =
        |request: &str| serve::answer(there, &[name("backup")], request, Box::new(io::empty()));
    for (request, code) in [
        (
            "moxnas-replica 1 clear backup data monday",
            "snapshot_is_whole",
        ),
        (
            "moxnas-replica 1 receive backup data monday unknown",
            "replica_snapshot_differs",
        ),
        ("moxnas-replica 1 look other", "pool_not_served"),
        (
            "moxnas-replica 1 release backup data tuesday keep",
            "hold_not_ours",
        ),
        (
            "moxnas-replica 1 hold backup data none source:x",
            "snapshot_not_whole",
        ),
        (
            "moxnas-replica 1 digest backup data none",
            "snapshot_not_whole",
        ),
        ("moxnas-replica 2 look backup", "protocol_differs"),
        ("moxnas-replica 1 look ../backup", "request_not_understood"),
        (
            "moxnas-replica 1 delete backup data monday",
            "request_not_understood",
        ),
        ("sh -c id", "request_not_understood"),
        ("", "request_not_understood"),
    ] {
        let Answer::Refused(refused) = ask(request) else {
            panic!("{request}");
        };
        assert_eq!(refused.code, code, "{request}: {refused:?}");
    }
    let Answer::Refused(refused) = serve::answer(
        there,
        &[name("none")],
        "moxnas-replica 1 look none",
        Box::new(io::empty()),
    ) else {
        panic!("there is no such pool");
    };
    assert_eq!(refused.code, "pool_not_found");
    assert_eq!(
        two.there(),
        ["data@monday", "data@tuesday source:tank/data"]
    );
    // A stream that is none leaves what is known to be no replica.
    let rubbish = Box::new(io::Cursor::new(b"rubbish\n"));
    let request = "moxnas-replica 1 receive backup data new unknown";
    let answer = serve::answer(there, &[name("backup")], request, rubbish);
    assert!(matches!(answer, Answer::Refused(_)), "{answer:?}");
    assert_eq!(two.there().len(), 2);
}

#[test]
fn each_thing_that_can_be_wrong_with_the_other_machine_has_its_word() {
    let two = Two::with_snapshots();
    let there = two.targets.neighbour();
    let refused = || {
        let err = two.targets.look(&target(), &name("backup")).unwrap_err();
        assert!(err.hint().is_some(), "{err}");
        err.code()
    };
    there.answers(false);
    assert_eq!(refused(), "target_unreachable");
    there.answers(true);
    there.lets_into(None);
    assert_eq!(refused(), "target_key_refused");
    there.lets_into(Some(BTreeSet::new()));
    assert_eq!(refused(), "pool_not_served");
    there.lets_into(Some(BTreeSet::from([name("backup")])));
    there.has_moxnas(false);
    assert_eq!(refused(), "target_without_moxnas");
    there.has_moxnas(true);
    two.replicate();
    there.install_anew();
    assert_eq!(refused(), "target_host_key_changed");
}

#[test]
fn what_cannot_be_sent_is_refused_before_anything_is() {
    let two = Two::of(Filesystem::Ext4);
    let refusal = two.plan(&data()).unwrap_err();
    assert_eq!(refusal.code(), "replica_needs_btrfs");
    let two = Two::with_snapshots();
    let mut there = two.targets.look(&target(), &name("backup")).unwrap();
    there.contents.space.available = Bytes(MB);
    let pools = two.look();
    let from = Side {
        pool: pools.find("tank").unwrap(),
        contents: &two.contents(),
    };
    let to = Side {
        pool: &there.pool,
        contents: &there.contents,
    };
    let refusal = replica::plan(from, to, &data()).unwrap_err();
    assert_eq!(refusal.code(), "no_room_there");
    assert!(refusal.hint().is_some());
    // What is for another machine is not done here.
    for step in two.plan(&data()).unwrap().steps {
        let done = two.pools.apply(&step);
        let is_here = matches!(step, Step::Inside { .. });
        assert_eq!(is_here, done.is_ok(), "{step}");
        assert!(is_here || matches!(done, Err(BackendError::Elsewhere(_))));
    }
}

fn place() -> impl Strategy<Value = remote::Place> {
    let word = "[a-z][a-z0-9_-]{0,9}";
    (word, word, "[a-z][a-z0-9_:-]{0,9}").prop_map(|(pool, dataset, snapshot)| remote::Place {
        pool: pool.parse().unwrap(),
        dataset: dataset.parse().unwrap(),
        snapshot: snapshot.parse().unwrap(),
    })
}

proptest! {
    #[test]
    fn a_request_is_read_as_it_was_meant(at in place(), nanos in 0..4_000_000_000_000_000_000_u64) {
        let taken = std::time::UNIX_EPOCH + std::time::Duration::from_nanos(nanos);
        for request in [
            Request::Look { pool: at.pool.clone() },
            Request::Receive { at: at.clone(), taken: Some(taken) },
            Request::Receive { at: at.clone(), taken: None },
            Request::Clear { at: at.clone() },
            Request::Digest { at: at.clone() },
            Request::Hold { at: at.clone(), hold: "source:a/b".parse().unwrap() },
            Request::Release { at: at.clone(), hold: "source:a/b".parse().unwrap() },
        ] {
            prop_assert_eq!(request.to_string().parse::<Request>(), Ok(request));
        }
    }

    #[test]
    fn whatever_is_asked_is_answered(text in any::<String>()) {
        let _ = text.parse::<Request>();
        let _ = Answer::parse(&text);
        let _ = scanned(&text);
    }

    /// Wherever connections break, and whatever is written in between.
    #[test]
    fn a_replica_elsewhere_is_what_was_sent(
        days in prop::collection::vec((0..3_u64, prop::option::of(0..900_usize)), 1..5),
    ) {
        let two = Two::of(Filesystem::Btrfs);
        for (number, (file, breaks)) in days.iter().enumerate() {
            two.write(&format!("file{file}"), 1 + file);
            two.run(&snapshot("data", &format!("day{number}")));
            if let Some(bytes) = breaks {
                two.targets.neighbour().break_after(*bytes);
            }
            let plan = two.plan(&data()).unwrap();
            let done = two.carry_out(&plan);
            for it in two.there().iter().filter(|it| !it.contains("in part")) {
                let snapshot = it.split(['@', ' ']).nth(1).unwrap();
                let snapshot: SnapshotName = snapshot.parse().unwrap();
                let at = format!(".snapshots/data/{snapshot}");
                prop_assert_eq!(two.files_there(&at), two.pools.files(&name("tank"), &at));
            }
            if let Err((_, err)) = done {
                prop_assert_eq!(err.code(), "target_connection_broke");
            }
        }
        // One that would break has sent less than that.
        let last = two.plan(&data()).unwrap();
        if two.carry_out(&last).is_err() {
            two.replicate();
        }
        prop_assert!(two.is_equal());
    }
}
