//! The daemons that serve, who is connected to them, and why somebody may or may not.

use std::sync::Arc;

use moxnas_app::{
    machine::{Host, Machine},
    ops::{
        access::AccessExplain,
        arrays::ArrayCreate,
        capabilities::CapabilityList,
        services::{ServiceGet, ServiceRestart, ServiceStart, ServiceStop},
        share_sessions::{ShareSessionEnd, ShareSessionList},
        shares::{FaceCreate, OfNfs, OfSmb},
        system::{HealthDetailed, Status},
    },
};
use moxnas_core::sim::{DiskSpec, SimMachine};
use moxnas_pool::model::Filesystem;
use moxnas_raid::{Level, SimRaid};
use moxnas_shares::{
    access::{Answer, Protocol, Question, Remedy, Rule, Who, Wish},
    model::{ClientOptions, Nfs, NfsRule, Security, Smb},
    render::{Places, Service},
    services::{model::Unit, sim::SimServices},
    sessions::{
        Session, SessionId,
        model::{Connection, OpenFile, Process},
        sim::SimSessions,
    },
    sim::SimShares,
};
use moxnas_telemetry::capability::{Profile, Verdict, judge};

use crate::{
    expected::make,
    jobs::{Box_, actor},
    wishes,
};

/// A box with a pool and a dataset that SMB offers, its daemons, and who is connected.
async fn serving() -> (Box_, Arc<SimShares>, Arc<SimSessions>) {
    let mut box_ = Box_::with_arrays(&["tank"]).await;
    let shares = SimShares::new(Arc::clone(&box_.sim), Places::default());
    let shares = Arc::new(shares);
    let sessions = Arc::new(SimSessions::new(Arc::clone(&shares)));
    box_.machine.shares = Arc::clone(&shares) as _;
    box_.machine.services = Arc::new(SimServices::new(Arc::clone(&shares)));
    box_.machine.sessions = Arc::clone(&sessions) as _;
    // Folders of the pools that the box has.
    let rest = Machine::simulated_on(&box_.sim, SimRaid::new(Arc::clone(&box_.sim)), &box_.pools);
    box_.machine.paths = rest.paths;
    box_.restart().await;
    make(&box_.app, wishes::pool("data", "tank", Filesystem::Btrfs))
        .await
        .unwrap();
    make(&box_.app, wishes::dataset("data", "photos"))
        .await
        .unwrap();
    let share = FaceCreate::<OfSmb> {
        name: "photos".parse().unwrap(),
        path: Some("/srv/data/photos".parse().unwrap()),
        description: None,
        enabled: None,
        face: Smb::default(),
    };
    make(&box_.app, share).await.unwrap();
    (box_, shares, sessions)
}

#[tokio::test]
async fn a_service_that_should_serve_and_does_not_is_told() {
    let (box_, shares, _) = serving().await;
    let service = || "samba".to_owned();
    let health = async || box_.app.call(&actor(), HealthDetailed).await.unwrap();
    assert_eq!(health().await.services.running, 1);
    shares.crash(Service::Samba);
    box_.app.look().await.unwrap();
    let seen = health().await;
    assert_eq!(seen.services.status, Status::Unhealthy);
    assert_eq!((seen.services.running, seen.services.stopped), (0, 1));
    assert_eq!(
        seen.services.causes[0],
        "smbd does not run, and a share is not served"
    );
    make(&box_.app, ServiceStart { service: service() })
        .await
        .unwrap();
    assert_eq!(health().await.services.status, Status::Healthy);
    let stop = ServiceStop { service: service() };
    let plan = box_.app.plan(&actor(), &stop).await.unwrap();
    assert!(plan.warnings[0].contains("comes back"), "{plan:?}");
    make(&box_.app, stop).await.unwrap();
    let get = ServiceGet { service: service() };
    let view = box_.app.call(&actor(), get).await.unwrap();
    assert!(!view.services.units[&Unit::Smbd].is_running());
    let service = "printer".to_owned();
    let unknown = make(&box_.app, ServiceRestart { service }).await;
    let unknown = unknown.unwrap_err();
    assert_eq!(unknown.code(), "service_unknown");
    assert!(unknown.hint().unwrap().contains("samba"));
}

#[tokio::test]
async fn a_session_is_seen_and_ended() {
    let (box_, _, sessions) = serving().await;
    let process = Process { pid: 7, started: 9 };
    let id = SessionId::Smb {
        process,
        session: 1,
    };
    let mut session = Session::new(id);
    session.user = Some("alice".to_owned());
    session.shares.push(Connection {
        share: "photos".to_owned(),
        since: None,
    });
    session.files.push(OpenFile {
        path: "/srv/data/photos/letter".to_owned(),
        writes: true,
        since: None,
    });
    sessions.connect(session);
    let list = async || {
        let list = ShareSessionList { fresh: true };
        let asked = box_.app.call(&actor(), list).await.unwrap();
        asked.said.unwrap().of_share("PHOTOS").count()
    };
    assert_eq!(list().await, 1);
    let end = ShareSessionEnd { session: id };
    let plan = box_.app.plan(&actor(), &end).await.unwrap();
    assert!(plan.warnings[0].contains("letter"), "{:?}", plan.warnings);
    make(&box_.app, end).await.unwrap();
    assert_eq!(list().await, 0);
    let gone = make(&box_.app, end).await.unwrap_err();
    assert_eq!(gone.code(), "session_not_found");
}

#[tokio::test]
async fn who_may_not_is_told_why_and_what_would_help() {
    let (box_, ..) = serving().await;
    let ask = |who: &str, wish| AccessExplain {
        question: Question {
            who: Who::User(who.parse().unwrap()),
            by: Protocol::Smb,
            from: None,
            security: Security::Sys,
            share: "photos".parse().unwrap(),
            path: "".parse().unwrap(),
            wish,
        },
    };
    let told = box_.app.call(&actor(), ask("alice", Wish::Write)).await;
    let told = told.unwrap();
    assert_eq!(told.answer, Answer::Denied);
    // Who has no account is taken for a guest, and guests are not let in.
    assert_eq!(told.denied_by().unwrap().rule, Rule::Guests);
    make(&box_.app, crate::accounts::create("alice"))
        .await
        .unwrap();
    // The folder is root's, and only root may write there.
    let told = box_.app.call(&actor(), ask("alice", Wish::Write)).await;
    let told = told.unwrap();
    assert_eq!(told.denied_by().unwrap().rule, Rule::Mode, "{told:?}");
    let remedy = told.remedy().unwrap();
    assert!(matches!(remedy, Remedy::Grant { .. }), "{remedy:?}");
    assert!(remedy.to_string().contains("/srv/data/photos"), "{remedy}");
    let told = box_.app.call(&actor(), ask("alice", Wish::List)).await;
    assert_eq!(told.unwrap().answer, Answer::Allowed);
}

/// A machine that is a container.
struct Contained(Arc<SimMachine>, Profile);

impl Host for Contained {
    fn boot_id(&self) -> Option<String> {
        self.0.boot_id()
    }

    fn config_file(&self, path: &str) -> Option<String> {
        self.0.config_file(path)
    }

    fn capabilities(&self) -> Vec<Verdict> {
        judge(&self.1.facts())
    }
}

/// What a container cannot do is refused before anything is tried, with the line that helps.
#[tokio::test]
async fn what_a_container_cannot_do_is_refused_with_its_remedy() {
    let (mut box_, ..) = serving().await;
    let profile = Profile::UnprivilegedContainer;
    box_.machine.host = Arc::new(Contained(Arc::clone(&box_.sim), profile));
    box_.restart().await;
    let told = box_.app.call(&actor(), CapabilityList).await.unwrap();
    assert_eq!(*told, judge(&profile.facts()));
    let rule = NfsRule {
        client: "10.0.0.1".parse().unwrap(),
        options: ClientOptions::default(),
    };
    let nfs = FaceCreate::<OfNfs> {
        name: "photos".parse().unwrap(),
        path: None,
        description: None,
        enabled: None,
        face: Nfs {
            clients: vec![rule],
            fsid: None,
        },
    };
    let refused = make(&box_.app, nfs).await.unwrap_err();
    assert_eq!(refused.code(), "impossible_here", "{refused}");
    assert!(refused.hint().unwrap().contains("on the host"), "{refused}");
    for disk in ["a1", "a2"] {
        box_.sim.plug(DiskSpec::hdd(disk, 100 << 30));
    }
    let disks = vec!["a1".to_owned(), "a2".to_owned()];
    let array = ArrayCreate::new("attic".parse().unwrap(), Level::Raid1, disks);
    let refused = make(&box_.app, array).await.unwrap_err();
    assert_eq!(refused.code(), "impossible_here");
    assert!(refused.hint().unwrap().contains("pct set"), "{refused}");
}
