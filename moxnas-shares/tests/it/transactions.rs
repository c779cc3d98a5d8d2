//! A change is made as a whole or not at all, whatever fails on the way.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};

use moxnas_core::{
    chain::chain,
    sim::{Fault, SimMachine},
};
use moxnas_shares::{
    backend::{BackendError, Offer, Served, ShareBackend},
    generation::Generation,
    model::{Intent, TlsFiles},
    plan::{FileChange, NoPlan, Step, plan, revert},
    render::{Places, Service},
    sim::SimShares,
    standing::{Standing, standings},
    transaction::{At, NotServed, serve},
};

use crate::intents::{everything, smb};

fn machine() -> SimShares {
    SimShares::new(SimMachine::new(1), Places::default())
}

/// Make the machine offer this, step by step.
fn offer(backend: &dyn ShareBackend, intent: &Intent) -> Result<usize, NotServed> {
    let places = Places::default();
    let plan = plan(&backend.observe(&places).unwrap(), intent, &places).unwrap();
    for step in &plan.steps {
        serve(backend, &places, step)?;
    }
    Ok(plan.steps.len())
}

fn steps(backend: &dyn ShareBackend, intent: &Intent) -> Vec<Step> {
    let places = Places::default();
    let served = backend.observe(&places).unwrap();
    plan(&served, intent, &places).unwrap().steps
}

fn refused(backend: &dyn ShareBackend, intent: &Intent) -> NoPlan {
    let places = Places::default();
    let served = backend.observe(&places).unwrap();
    plan(&served, intent, &places).unwrap_err()
}

/// Files and what was read of them, without what is kept of former ones.
type Seen = (
    BTreeMap<String, String>,
    Vec<Option<BTreeMap<String, String>>>,
);

fn seen(sim: &SimShares) -> Seen {
    let files = sim.observe(&Places::default()).unwrap().files;
    let read = Service::ALL.into_iter().map(|it| sim.read(it));
    (files, read.collect())
}

/// A machine of which one call fails, or all from one on.
struct Fails<'a> {
    machine: &'a SimShares,
    calls: AtomicUsize,
    at: usize,
    for_ever: bool,
}

impl Fails<'_> {
    fn call(&self) -> Result<(), BackendError> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let fails = call == self.at || (self.for_ever && call > self.at);
        match fails {
            true => Err(BackendError::Injected(format!("call {call}"))),
            false => Ok(()),
        }
    }
}

impl ShareBackend for Fails<'_> {
    fn observe(&self, places: &Places) -> Result<Served, BackendError> {
        self.call()?;
        self.machine.observe(places)
    }

    fn certify(&self, files: &TlsFiles) -> Result<(), BackendError> {
        self.call()?;
        self.machine.certify(files)
    }

    fn check(
        &self,
        places: &Places,
        service: Service,
        changes: &[FileChange],
    ) -> Result<(), BackendError> {
        self.call()?;
        self.machine.check(places, service, changes)
    }

    fn replace(&self, path: &str, text: Option<&str>, mode: u32) -> Result<(), BackendError> {
        self.call()?;
        self.machine.replace(path, text, mode)
    }

    fn reload(&self, service: Service) -> Result<(), BackendError> {
        self.call()?;
        self.machine.reload(service)
    }

    fn probe(&self, service: Service, offers: &[Offer]) -> Result<(), BackendError> {
        self.call()?;
        self.machine.probe(service, offers)
    }
}

#[test]
fn what_is_meant_is_offered_and_then_nothing_is_left_to_do() {
    let sim = machine();
    assert_eq!(
        offer(&sim, &Intent::default()).unwrap(),
        0,
        "nothing is meant"
    );
    assert_eq!(sim.observe(&Places::default()).unwrap().files.len(), 1);
    assert_eq!(offer(&sim, &everything()).unwrap(), 6);
    let read = sim.read(Service::Samba).unwrap();
    assert!(read["/etc/samba/moxnas.conf"].contains("[films]"));
    assert_eq!(steps(&sim, &everything()), []);
    let main = &sim.observe(&Places::default()).unwrap().files["/etc/samba/smb.conf"];
    assert_eq!(
        main,
        "[global]\n\tlog level = 1\ninclude = /etc/samba/moxnas.conf\n"
    );

    // Nobody named a certificate, so that one was made, and stays.
    let certificate = sim.observe(&Places::default()).unwrap().files;
    assert!(certificate.contains_key("/etc/moxnas/tls/ftp.crt"));

    // What nobody is offered any more is not left behind.
    offer(&sim, &Intent::default()).unwrap();
    let files = sim.observe(&Places::default()).unwrap().files;
    assert!(!files["/etc/samba/moxnas.conf"].contains("[films]"));
    let is_of_a_user = |it: &&String| it.contains("alice");
    assert_eq!(files.keys().find(is_of_a_user), None);
    assert_eq!(steps(&sim, &Intent::default()), []);
}

/// Every daemon serves the old or the new files, and so do they lie there; then the same again does it.
#[test]
fn whatever_call_fails_the_old_is_served() {
    for change in [everything(), Intent::default()] {
        for for_ever in [false, true] {
            let mut at = 0;
            loop {
                let sim = machine();
                let mut before = everything();
                before.shares.pop();
                offer(&sim, &before).unwrap();
                for service in Service::ALL {
                    sim.connect(service, "somebody");
                }
                let all = steps(&sim, &change);
                let failing = Fails {
                    machine: &sim,
                    calls: AtomicUsize::new(0),
                    at,
                    for_ever,
                };
                let mut stopped = None;
                for step in &all {
                    let (files, _) = seen(&sim);
                    let read = sim.read(step.service);
                    if let Err(err) = serve(&failing, &Places::default(), step) {
                        let (now, _) = seen(&sim);
                        let is_back = err.not_put_back.is_empty();
                        if is_back {
                            assert_eq!(now, files, "call {at}: {}", chain(&err));
                            assert_eq!(sim.read(step.service), read, "call {at}");
                        } else {
                            // What could not be put back is said, and a daemon reads nothing by half.
                            assert!(for_ever, "{}", chain(&err));
                            assert!(err.to_string().contains("could not all be put back"));
                            let by_now = sim.read(step.service).unwrap();
                            let new: BTreeMap<_, _> = step
                                .changes
                                .iter()
                                .filter(|it| by_now.contains_key(&it.path))
                                .map(|it| (it.path.clone(), it.after.clone().unwrap_or_default()))
                                .collect();
                            let is_new = new.iter().all(|(path, text)| by_now[path] == *text);
                            assert!(read == Some(by_now) || is_new, "call {at}");
                        }
                        stopped = Some(err);
                        break;
                    }
                }
                if stopped.is_none() {
                    assert_eq!(at, failing.calls.into_inner(), "each call failed once");
                    break;
                }
                for service in Service::ALL {
                    assert_eq!(sim.sessions(service), ["somebody"], "call {at}");
                }
                offer(&sim, &change).unwrap();
                assert_eq!(steps(&sim, &change), [], "call {at}");
                at += 1;
            }
        }
    }
}

/// After a power cut between any two files the next plan does what is left.
#[test]
fn a_power_cut_between_two_files_is_got_over() {
    let all = steps(&machine(), &everything());
    let paths = all
        .iter()
        .flat_map(|it| it.changes.iter().map(|it| it.path.clone()));
    for path in paths {
        let sim = machine();
        sim.machine().inject(Fault::PowerCut {
            matching: format!("write {path}"),
        });
        offer(&sim, &everything()).unwrap_err();
        offer(&sim, &everything()).unwrap();
        assert_eq!(steps(&sim, &everything()), [], "{path}");
        assert!(sim.read(Service::Samba).unwrap()["/etc/samba/moxnas.conf"].contains("[photos]"));
    }
}

/// What a template would do that is broken.
#[test]
fn what_the_checker_refuses_is_nowhere_written() {
    let sim = machine();
    offer(&sim, &everything()).unwrap();
    sim.connect(Service::Samba, "alice");
    let before = seen(&sim);
    let mut intent = everything();
    intent.shares.push(smb("more"));
    let mut steps = steps(&sim, &intent);
    let text = steps[0].changes[0].after.as_mut().unwrap();
    text.push_str("\tthis is no line of smb.conf\n");
    let err = serve(&sim, &Places::default(), &steps[0]).unwrap_err();
    assert_eq!(err.at, At::Checking);
    assert_eq!(
        chain(&err),
        "nothing was changed: smbd does not take it: Ignoring badly formed line in configuration file: \
         this is no line of smb.conf"
    );
    assert_eq!(seen(&sim), before);
    assert_eq!(sim.sessions(Service::Samba), ["alice"]);
}

/// A daemon that says it read its files, and did not.
#[test]
fn a_daemon_that_lies_is_found_out() {
    let sim = machine();
    sim.machine().inject(Fault::StepLies {
        matching: "reload smbd".to_owned(),
    });
    let err = offer(&sim, &everything()).unwrap_err();
    assert_eq!(
        chain(&err),
        "all files are what they were: smbd runs, but does not offer photos"
    );
    sim.crash(Service::Samba);
    assert_eq!(
        offer(&sim, &everything()).unwrap(),
        5,
        "it is started again"
    );
    assert!(sim.read(Service::Samba).is_some());
}

#[test]
fn each_change_can_be_gone_back_from() {
    let sim = machine();
    let places = Places::default();
    let mut intent = everything();
    offer(&sim, &intent).unwrap();
    let first = seen(&sim);
    intent.shares.pop();
    offer(&sim, &intent).unwrap();
    let served = sim.observe(&places).unwrap();
    let number = *served.generations.last().unwrap();
    assert_eq!(number, 7, "one for each daemon that had changes");
    let file = Generation::file(&places.generations, number);
    let text = sim.machine().state().files[&file].clone();
    let kept = Generation::parse(number, &text).unwrap();
    for step in revert(&served, &kept).steps {
        serve(&sim, &places, &step).unwrap();
    }
    assert_eq!(seen(&sim), first);
    assert!(matches!(
        Generation::parse(8, &text),
        Err(BackendError::Generation(8))
    ));
}

#[test]
fn what_is_not_ours_is_not_overwritten() {
    let sim = machine();
    let exports = "/srv/x *(ro)\n".to_owned();
    let path = Places::default().exports;
    sim.machine().state().files.insert(path.clone(), exports);
    let why = refused(&sim, &everything());
    assert_eq!(why.code(), "file_not_ours");
    assert!(why.hint().unwrap().contains(&path));
    assert_eq!(
        offer(&sim, &Intent::default()).unwrap(),
        0,
        "and needs no change"
    );
}

/// What somebody changed is told line by line, what somebody else offers by its name, and the same plan that
/// makes a change puts right what drifted.
#[test]
fn what_is_offered_is_told_from_what_is_meant() {
    let sim = machine();
    let places = Places::default();
    let theirs = "[global]\n\tlog level = 1\n[old]\n\tpath = /srv/old\n";
    sim.replace("/etc/samba/smb.conf", Some(theirs), 0o644)
        .unwrap();
    sim.replace(&places.exports_main, Some("/srv/old *(ro)\n"), 0o644)
        .unwrap();
    offer(&sim, &everything()).unwrap();
    let text = sim.machine().state().files[&places.samba].clone();
    let changed = text.replace(
        "[films]\n\tpath = /srv/tank/films",
        "[films]\n\tpath = /srv/elsewhere",
    );
    sim.replace(&places.samba, Some(&changed), 0o644).unwrap();
    let told = || {
        let served = sim.observe(&places).unwrap();
        let all = standings(&served, &everything(), &places).unwrap();
        all.into_iter()
            .map(|it| (it.name, it.standing, it.diff))
            .collect::<Vec<_>>()
    };
    let [managed, foreign] = [Standing::Managed, Standing::Foreign]
        .map(|standing| move |name: &str| (name.to_owned(), standing, Vec::new()));
    let diff = ["-\tpath = /srv/elsewhere", "+\tpath = /srv/tank/films"];
    let drifted = |name: &str| {
        let diff = diff.map(str::to_owned).to_vec();
        (name.to_owned(), Standing::Drifted, diff)
    };
    let all = |films| {
        vec![
            films,
            managed("global"),
            managed("photos"),
            foreign("old"),
            managed("/srv/tank/photos"),
            foreign("/srv/old"),
        ]
    };
    assert_eq!(told(), all(drifted("films")));
    offer(&sim, &everything()).unwrap();
    assert_eq!(told(), all(managed("films")));
}

#[test]
fn what_is_not_there_is_said_with_what_brings_it() {
    let sim = machine();
    sim.uninstall(Service::Ftp);
    let why = refused(&sim, &everything());
    assert_eq!(why.hint().unwrap(), "install it: apt-get install vsftpd");
    let sim = machine();
    sim.machine().state().files.clear();
    assert_eq!(refused(&sim, &everything()).code(), "main_file_missing");
}

#[test]
fn what_changed_meanwhile_is_looked_at_again() {
    let sim = machine();
    let step = steps(&sim, &everything()).swap_remove(1);
    assert_eq!(step.service, Service::Samba);
    let main = "/etc/samba/smb.conf";
    sim.replace(main, Some("[global]\n# by hand\n"), 0o644)
        .unwrap();
    let err = serve(&sim, &Places::default(), &step).unwrap_err();
    assert_eq!(
        chain(&err),
        "nothing was changed: /etc/samba/smb.conf was changed since it was looked at"
    );
}
