//! systemd itself, where it runs: nothing is changed. Elsewhere, that it does not is said.

use std::{path::Path, sync::Arc};

use moxnas_core::{
    cmd::{Output, ScriptedRunner},
    root::Root,
};
use moxnas_shares::services::{
    BackendError, ServiceBackend, Step, Unit, plan::Act, real::SystemServices,
};

#[test]
fn the_bus_and_systemctl_tell_the_same() {
    if !Path::new("/run/systemd/system").exists()
        || !Path::new("/run/dbus/system_bus_socket").exists()
    {
        println!("skipped: there is no systemd here, or no bus");
        return;
    }
    let services = SystemServices::system();
    let told = services.compare().unwrap();
    assert!(told.is_empty(), "{told:#?}");
    let seen = services.observe().unwrap();
    assert_eq!(seen.units.len(), Unit::ALL.len());
    for (unit, facts) in &seen.units {
        println!("{}", facts.evidence(*unit));
    }
}

/// Nothing is asked of a machine that systemd does not run.
#[test]
fn a_machine_without_systemd_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let runner = Arc::new(ScriptedRunner::default());
    let services = SystemServices::new(Root::fixture(folder.path()), runner);
    let step = Step {
        act: Act::Start,
        unit: Unit::Smbd,
    };
    let errors = [
        services.observe().map(drop).unwrap_err(),
        services.apply(&step).unwrap_err(),
        services.log(Unit::Smbd, 5).map(drop).unwrap_err(),
    ];
    for err in errors {
        assert!(matches!(err, BackendError::NoSystemd), "{err}");
        assert_eq!(err.code(), "no_systemd");
        assert!(err.hint().unwrap().contains("container"));
    }
}

/// Where there is no bus, systemctl is asked.
#[test]
fn without_a_bus_systemctl_does_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = Root::fixture(folder.path());
    root.make_folder("/run/systemd/system").unwrap();
    // A socket that nobody listens on is no bus.
    let socket = root.path("/run/dbus/system_bus_socket");
    root.make_folder("/run/dbus").unwrap();
    drop(std::os::unix::net::UnixListener::bind(socket).unwrap());
    let runner = ScriptedRunner::default().expect("systemctl restart -- smbd.service", "");
    let runner = Arc::new(runner);
    let services = SystemServices::new(root, Arc::clone(&runner) as _);
    let step = Step {
        act: Act::Restart,
        unit: Unit::Smbd,
    };
    services.apply(&step).unwrap();
    assert_eq!(runner.left(), 0);
    let why = "Job for smbd.service failed because the control process exited with error code.";
    let failed = Output {
        status: 1,
        stderr: format!("{why}\nSee more.\n").into_bytes(),
        ..Output::default()
    };
    let root = Root::fixture(folder.path());
    let runner = ScriptedRunner::default().answer("systemctl restart -- smbd.service", failed);
    let err = SystemServices::new(root, Arc::new(runner))
        .apply(&step)
        .unwrap_err();
    assert_eq!(
        err.to_string(),
        format!("systemd says of smbd.service: {why}")
    );
    assert!(
        err.hint()
            .unwrap()
            .contains("systemctl status smbd.service")
    );
}
