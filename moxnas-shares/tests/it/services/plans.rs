//! Wishes on a simulated machine: what is planned, what is refused, and that it comes about.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use moxnas_core::{
    chain::chain,
    clock::Clock as _,
    plan::{Danger, Plan},
    sim::{Fault, SimMachine},
};
use moxnas_shares::{
    render::{Places, Service},
    services::{
        Asked, Reason, Refusal, ServiceBackend, ServiceName, Services, Standing, Step, Unit,
        UnitFacts, Verdict, Wish,
        backend::execute,
        model::{Active, AtBoot, Exit, Load, RunResult},
        plan, plan as plan_of,
        plan::{Act, NotSo},
        sim::{SimServices, Trouble},
        verdict, verify,
    },
    sim::SimShares,
};

struct World {
    services: SimServices,
}

impl World {
    fn new() -> World {
        let shares = SimShares::new(SimMachine::new(3), Places::default());
        World {
            services: SimServices::new(Arc::new(shares)),
        }
    }

    fn seen(&self) -> Services {
        self.services.observe().unwrap()
    }

    fn facts(&self, unit: Unit) -> UnitFacts {
        self.seen().units[&unit].clone()
    }

    fn verdict(&self, service: ServiceName) -> Verdict {
        let now = self.services.shares().machine().now();
        verdict(&self.seen(), service, Timestamp::try_from(now).unwrap())
    }

    fn standing(&self, service: ServiceName) -> Standing {
        self.verdict(service).standing
    }

    fn plan(&self, service: &str, wish: Wish) -> Result<Plan<Step>, Refusal> {
        plan_of(&self.seen(), &Asked::new(service, wish))
    }

    fn shown(&self, service: &str, wish: Wish) -> Vec<String> {
        let steps = self.plan(service, wish).unwrap().steps;
        steps.iter().map(ToString::to_string).collect()
    }

    fn refused(&self, service: &str, wish: Wish) -> (&'static str, String) {
        let refusal = self.plan(service, wish).unwrap_err();
        (refusal.code(), refusal.hint())
    }

    /// Do it, and ask whether it came about.
    fn run(&self, service: &str, wish: Wish) -> Result<(), String> {
        let before = self.seen();
        let plan = self.plan(service, wish).map_err(|it| it.to_string())?;
        let done = execute(&self.services, &plan.steps);
        done.map_err(|it| chain(&*it))?;
        let name = service.parse().unwrap();
        let done = verify(&before, &self.seen(), name, wish);
        done.map_err(|it: NotSo| it.to_string())
    }

    fn pass(&self, by: Duration) {
        self.services.shares().machine().advance(by);
    }
}

#[test]
fn a_service_is_stopped_started_and_serves_as_long_as_it_runs() {
    let world = World::new();
    let shares = world.services.shares();
    assert_eq!(world.standing(ServiceName::Samba), Standing::Running);
    assert!(!world.verdict(ServiceName::Samba).is_trouble());
    assert_eq!(
        world.shown("samba", Wish::Stop),
        ["stop nmbd.service", "stop smbd.service"]
    );
    shares.connect(Service::Samba, "alice");
    world.pass(Duration::from_secs(60));
    world.run("samba", Wish::Stop).unwrap();
    assert!(shares.read(Service::Samba).is_none(), "nothing is served");
    assert_eq!(shares.sessions(Service::Samba), Vec::<String>::new());
    let stopped = world.verdict(ServiceName::Samba);
    assert_eq!(stopped.standing, Standing::Stopped);
    // Both are enabled, so that they are missed; and wsdd2 went with smbd.
    assert_eq!(
        stopped.reasons,
        [Unit::Smbd, Unit::Nmbd].map(|unit| Reason::NotRunning { unit })
    );
    assert!(stopped.is_trouble());
    assert_eq!(world.facts(Unit::Wsdd2).active, Active::Inactive);
    let since = world.facts(Unit::Smbd).since.unwrap();
    assert_eq!(since.as_second(), 60);
    assert_eq!(world.shown("samba", Wish::Stop), Vec::<String>::new());

    world.run("samba", Wish::Start).unwrap();
    assert!(shares.read(Service::Samba).is_some());
    assert_eq!(world.standing(ServiceName::Samba), Standing::Running);
    assert_eq!(world.shown("samba", Wish::Start), Vec::<String>::new());
    let log = world.services.log(Unit::Smbd, 1).unwrap();
    assert_eq!(log[0].text, "Started smbd.service.");
    assert_eq!(world.services.log(Unit::Smbd, 9).unwrap().len(), 2);
}

/// A daemon that somebody stopped for good is not missed, and comes back with the machine only if
/// it is to.
#[test]
fn what_is_disabled_is_not_missed() {
    let world = World::new();
    let machine = world.services.shares().machine();
    world.run("ftp", Wish::Disable).unwrap();
    assert_eq!(
        world.verdict(ServiceName::Ftp).reasons,
        [Reason::NotAtBoot { unit: Unit::Vsftpd }]
    );
    machine.reboot();
    let verdict = world.verdict(ServiceName::Ftp);
    assert_eq!(
        (verdict.standing, verdict.is_trouble()),
        (Standing::Stopped, false)
    );
    world.run("ftp", Wish::Enable).unwrap();
    assert!(world.verdict(ServiceName::Ftp).is_trouble());
    machine.power_cut();
    assert_eq!(world.standing(ServiceName::Ftp), Standing::Running);
    assert_eq!(world.shown("ftp", Wish::Enable), Vec::<String>::new());
}

/// An administrator who does without nmbd is not given it by starting samba.
#[test]
fn what_does_not_come_with_the_machine_does_not_come_with_a_service() {
    let world = World::new();
    world.run("samba", Wish::Stop).unwrap();
    let disable = Step {
        act: Act::Disable,
        unit: Unit::Nmbd,
    };
    world.services.apply(&disable).unwrap();
    assert_eq!(world.shown("samba", Wish::Start), ["start smbd.service"]);
    world.run("samba", Wish::Start).unwrap();
    assert_eq!(world.facts(Unit::Nmbd).active, Active::Inactive);
    assert!(!world.verdict(ServiceName::Samba).is_trouble());
}

#[test]
fn who_is_cut_off_is_said_before() {
    let world = World::new();
    let seen = world.seen();
    let ask = |service, wish, sessions, through| {
        let asked = Asked {
            sessions,
            through,
            ..Asked::new(service, wish)
        };
        plan(&seen, &asked).unwrap()
    };
    let stop = ask("samba", Wish::Stop, Some(2), None);
    assert_eq!(
        stop.warnings,
        [
            "2 clients are connected to samba, and are cut off",
            "samba comes back when the machine is started anew"
        ]
    );
    assert!(!stop.needs_confirmation());
    assert!(ask("samba", Wish::Stop, Some(0), None).warnings.len() == 1);
    let restart = ask("samba", Wish::Restart, Some(1), None);
    assert_eq!(
        restart.warnings,
        ["1 client is connected to samba, and is cut off"]
    );

    // Who loses the only way in does not get it back.
    let dangers = |it: &Plan<Step>| it.dangers.clone();
    let stops = |object: &str| {
        vec![Danger::Stops {
            object: object.to_owned(),
        }]
    };
    assert_eq!(dangers(&ask("ssh", Wish::Stop, None, None)), stops("ssh"));
    assert_eq!(dangers(&ask("ssh", Wish::Restart, None, None)), []);
    assert_eq!(dangers(&ask("web", Wish::Stop, None, None)), []);
    let through = Some(ServiceName::Web);
    assert_eq!(
        dangers(&ask("web", Wish::Stop, None, through)),
        stops("web")
    );
    let disable = ask("ssh", Wish::Disable, None, None);
    assert_eq!(
        disable.warnings,
        [
            "ssh runs on until it is stopped",
            "nobody can log in by ssh once the machine is started anew"
        ]
    );

    // What starts a daemon again ends with it; of what is nobody's here it is said.
    assert_eq!(
        world.shown("discovery", Wish::Stop),
        [
            "stop wsdd2.service",
            "stop avahi-daemon.socket",
            "stop avahi-daemon.service"
        ]
    );
    let mut seen = world.seen();
    let ssh = seen.units.get_mut(&Unit::Ssh).unwrap();
    ssh.triggered_by = vec!["ssh.socket".to_owned()];
    let stop = plan(&seen, &Asked::new("ssh", Wish::Stop)).unwrap();
    let by = "ssh.socket starts ssh.service again as soon as somebody asks for it";
    assert!(stop.warnings.iter().any(|it| it == by), "{stop:?}");
    world.run("discovery", Wish::Stop).unwrap();
}

#[test]
fn what_cannot_be_done_is_refused_with_what_can() {
    let world = World::new();
    let (code, hint) = world.refused("smbd", Wish::Start);
    assert_eq!(code, "service_unknown");
    assert_eq!(hint, "there are samba, nfs, ftp, ssh, web, discovery");
    world.run("nfs", Wish::Stop).unwrap();
    assert_eq!(world.refused("nfs", Wish::Reload).0, "service_not_running");
    assert!(world.refused("nfs", Wish::Reload).1.starts_with("start it"));
    world.services.uninstall(Unit::Vsftpd);
    assert_eq!(
        world.refused("ftp", Wish::Start),
        (
            "service_not_installed",
            "install it: apt-get install vsftpd".to_owned()
        )
    );
    assert_eq!(world.standing(ServiceName::Ftp), Standing::NotInstalled);
    world.run("web", Wish::Stop).unwrap();
    world.services.mask(Unit::Nginx);
    for wish in [Wish::Start, Wish::Restart, Wish::Enable] {
        assert_eq!(world.refused("web", wish).0, "service_masked");
    }
    let reasons = world.verdict(ServiceName::Web).reasons;
    assert_eq!(reasons, [Reason::Masked { unit: Unit::Nginx }]);

    // Facts that the simulation does not come to.
    let mut seen = world.seen();
    let ssh = seen.units.get_mut(&Unit::Ssh).unwrap();
    ssh.at_boot = AtBoot::Static;
    ssh.can_reload = false;
    let code = |wish| plan(&seen, &Asked::new("ssh", wish)).unwrap_err().code();
    assert_eq!(code(Wish::Enable), "service_not_by_itself");
    assert_eq!(code(Wish::Disable), "service_not_by_itself");
    assert_eq!(code(Wish::Reload), "service_cannot_reload");
    let mut seen = world.seen();
    seen.units.get_mut(&Unit::Ssh).unwrap().load = Load::BadSetting;
    let refusal = plan(&seen, &Asked::new("ssh", Wish::Start)).unwrap_err();
    assert_eq!(refusal.code(), "service_unit_broken");
    assert!(refusal.to_string().contains("bad-setting"), "{refusal}");
}

#[test]
fn a_daemon_that_does_not_start_is_found_out() {
    let world = World::new();
    world.run("ftp", Wish::Stop).unwrap();

    let trouble = Some(Trouble::RefusesToStart(2));
    world.services.arrange(Unit::Vsftpd, trouble);
    let err = world.run("ftp", Wish::Start).unwrap_err();
    assert!(
        err.ends_with("vsftpd.service did not do as it was told: failed"),
        "{err}"
    );
    let reason = Reason::Failed {
        unit: Unit::Vsftpd,
        result: RunResult::ExitCode,
        exit: Some(Exit::Status(2)),
    };
    let verdict = world.verdict(ServiceName::Ftp);
    assert_eq!(verdict.standing, Standing::Failed);
    assert_eq!(verdict.reasons, [reason]);
    assert_eq!(
        verdict.reasons[0].to_string(),
        "vsftpd.service failed: exit-code, exit status 2"
    );

    // It says that it is there, and is not.
    let trouble = Some(Trouble::EndsAtOnce(3));
    world.services.arrange(Unit::Vsftpd, trouble);
    let err = world.run("ftp", Wish::Start).unwrap_err();
    assert_eq!(
        err,
        "vsftpd.service does not run: failed, exit-code, exit status 3"
    );

    world.services.arrange(Unit::Vsftpd, Some(Trouble::Hangs));
    let err = world.run("ftp", Wish::Start).unwrap_err();
    assert!(
        err.ends_with("vsftpd.service is not done after 190s"),
        "{err}"
    );
    assert_eq!(world.standing(ServiceName::Ftp), Standing::Changing);

    world.services.arrange(Unit::Vsftpd, None);
    world.run("ftp", Wish::Start).unwrap();
    assert!(!world.verdict(ServiceName::Ftp).is_trouble());
}

/// systemd starts sshd again; once is no pattern, five times is the end.
#[test]
fn a_daemon_that_ends_again_and_again_is_told_from_one_that_did_once() {
    let world = World::new();
    world.services.crash(Unit::Ssh, Exit::Signal(11));
    let verdict = world.verdict(ServiceName::Ssh);
    assert_eq!(verdict.standing, Standing::Running);
    assert!(!verdict.is_trouble());
    assert_eq!(verdict.reasons[0].code(), "service_restarted");
    for _ in 0..2 {
        world.services.crash(Unit::Ssh, Exit::Signal(11));
    }
    let verdict = world.verdict(ServiceName::Ssh);
    assert_eq!(verdict.standing, Standing::Restarting);
    assert!(verdict.is_trouble());
    world.pass(Duration::from_secs(3600));
    assert_eq!(world.standing(ServiceName::Ssh), Standing::Running);

    let trouble = Some(Trouble::EndsAtOnce(255));
    world.services.arrange(Unit::Ssh, trouble);
    world.services.crash(Unit::Ssh, Exit::Signal(11));
    assert_eq!(world.standing(ServiceName::Ssh), Standing::Failed);
    assert_eq!(world.facts(Unit::Ssh).restarts, 5);
    // What failed is forgotten before it is started: systemd would refuse it.
    world.services.arrange(Unit::Ssh, None);
    assert_eq!(
        world.shown("ssh", Wish::Start),
        ["forget that ssh.service failed", "start ssh.service"]
    );
    world.run("ssh", Wish::Start).unwrap();
    assert_eq!(world.facts(Unit::Ssh).restarts, 0);
}

/// smbd is not started again by itself; what ended it is told.
#[test]
fn what_shares_say_of_a_daemon_and_services_is_the_same() {
    let world = World::new();
    let shares = world.services.shares();
    shares.crash(Service::Samba);
    assert_eq!(world.standing(ServiceName::Samba), Standing::Failed);
    let exit = world.facts(Unit::Smbd).exit;
    assert_eq!(exit, Some(Exit::Signal(11)));
    world.run("samba", Wish::Start).unwrap();
    assert!(shares.read(Service::Samba).is_some());
    let pid = world.facts(Unit::Smbd).main_pid;
    world.pass(Duration::from_secs(1));
    world.run("samba", Wish::Reload).unwrap();
    assert_eq!(world.facts(Unit::Smbd).main_pid, pid, "nobody was cut off");
    world.run("samba", Wish::Restart).unwrap();
    assert_ne!(world.facts(Unit::Smbd).main_pid, pid);
    let facts = world.facts(Unit::NfsServer);
    assert_eq!(
        (facts.main_pid, facts.why_no_memory()),
        (None, Some("it has no process"))
    );
}

/// systemd says done, and nothing was: each wish is found out.
#[test]
fn a_step_that_lies_is_not_verified() {
    for wish in [Wish::Stop, Wish::Restart, Wish::Disable] {
        let world = World::new();
        for act in ["stop", "restart", "have"] {
            world.services.shares().machine().inject(Fault::StepLies {
                matching: format!("{act} ssh.service"),
            });
        }
        let why = world.run("ssh", wish).unwrap_err();
        println!("{wish:?}: {why}");
        assert!(why.starts_with("ssh.service is "), "{wish:?}: {why}");
    }
}

/// Whichever step fails, the same wish again does what is left.
#[test]
fn a_wish_can_be_repeated_after_a_failure_at_any_step() {
    for wish in [Wish::Start, Wish::Stop, Wish::Restart, Wish::Disable] {
        let steps = |world: &World| {
            if wish == Wish::Start {
                world.run("samba", Wish::Stop).unwrap();
            }
            world.shown("samba", wish)
        };
        for step in steps(&World::new()) {
            let world = World::new();
            steps(&world);
            let matching = step.clone();
            world
                .services
                .shares()
                .machine()
                .inject(Fault::StepFails { matching });
            world.run("samba", wish).unwrap_err();
            world
                .run("samba", wish)
                .unwrap_or_else(|it| panic!("{step}: {it}"));
        }
    }
}

/// As they go over the network.
#[test]
fn facts_and_steps_are_the_same_after_a_journey() {
    let world = World::new();
    world.services.crash(Unit::Nginx, Exit::Dumped(11));
    let seen = world.seen();
    let text = serde_json::to_string(&seen).unwrap();
    assert!(
        text.contains(r#""smbd.service":{"load":"loaded","active":"active""#),
        "{text}"
    );
    assert_eq!(serde_json::from_str::<Services>(&text).unwrap(), seen);
    for service in ServiceName::ALL {
        let verdict = world.verdict(service);
        let text = serde_json::to_string(&verdict).unwrap();
        assert_eq!(serde_json::from_str::<Verdict>(&text).unwrap(), verdict);
        for reason in verdict.reasons {
            assert!(!reason.hint().is_empty() && !reason.to_string().is_empty());
        }
    }
    let text = r#"{"act":"forget","unit":"wsdd2.service"}"#;
    let step: Step = serde_json::from_str(text).unwrap();
    assert_eq!(step.to_string(), "forget that wsdd2.service failed");
    // No unit that is none of these can be named.
    assert!(serde_json::from_str::<Step>(&text.replace("wsdd2", "dbus")).is_err());
}

/// What a share needs of a daemon is not there either where that does not start.
#[test]
fn what_does_not_start_is_not_started_for_a_share() {
    use moxnas_shares::backend::ShareBackend as _;
    let world = World::new();
    let shares = world.services.shares();
    let reload = || shares.reload(Service::Samba);
    world.services.mask(Unit::Smbd);
    reload().expect("it runs");
    world.run("samba", Wish::Stop).unwrap();
    reload().unwrap_err();
    assert_eq!(world.facts(Unit::Smbd).active, Active::Inactive);
    world.services.unmask(Unit::Smbd);
    let refuses = Some(Trouble::RefusesToStart(3));
    world.services.arrange(Unit::Smbd, refuses);
    reload().unwrap_err();
    let failed = world.facts(Unit::Smbd);
    assert_eq!(failed.active, Active::Failed);
    assert_eq!(failed.exit, Some(Exit::Status(3)));
    world.services.arrange(Unit::Smbd, None);
    reload().unwrap();
    assert_eq!(world.facts(Unit::Smbd).active, Active::Active);
}
