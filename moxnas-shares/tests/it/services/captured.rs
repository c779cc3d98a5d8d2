//! What systemd 252 and 257 said of the daemons of Debian 12 and 13, read: at rest, running, and
//! after they were given files that they do not take, killed, masked and broken.

use std::{fs, path::PathBuf};

use jiff::Timestamp;
use moxnas_shares::services::{
    Reason, ServiceName, Services, Standing, Unit,
    model::{Active, AtBoot, Exit, Load, RunResult},
    real::parse,
    verdict,
};

fn fixture(systemd: &str, name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let path = path.join(systemd).join(name);
    fs::read_to_string(&path).unwrap_or_else(|it| panic!("{}: {it}", path.display()))
}

const SYSTEMDS: [&str; 2] = ["systemd-252", "systemd-257"];

fn shown(systemd: &str, state: &str) -> Services {
    parse::shown(&fixture(systemd, &format!("{state}.txt"))).unwrap()
}

/// A moment after all of them were captured.
fn standing(seen: &Services, service: ServiceName) -> (Standing, Vec<&'static str>) {
    let last = seen.units.values().filter_map(|it| it.since).max();
    let now = last.unwrap_or(Timestamp::UNIX_EPOCH);
    let verdict = verdict(seen, service, now);
    let reasons = verdict.reasons.iter().map(Reason::code).collect();
    (verdict.standing, reasons)
}

#[test]
fn daemons_at_rest_and_running_are_told_apart() {
    for systemd in SYSTEMDS {
        let rest = shown(systemd, "at-rest");
        let running = shown(systemd, "running");
        for service in [
            ServiceName::Samba,
            ServiceName::Nfs,
            ServiceName::Ftp,
            ServiceName::Ssh,
        ] {
            let (standing_then, _) = standing(&rest, service);
            assert_eq!(standing_then, Standing::Stopped, "{systemd} {service}");
            let (standing_now, reasons) = standing(&running, service);
            assert_eq!(standing_now, Standing::Running, "{systemd} {service}");
            assert_eq!(reasons, Vec::<&str>::new(), "{systemd} {service}");
        }
        let smbd = &running.units[&Unit::Smbd];
        assert_eq!(smbd.sub, "running");
        assert!(smbd.main_pid.is_some() && smbd.since.is_some() && smbd.can_reload);
        assert!(smbd.memory.is_some_and(|it| it.0 > 1 << 20), "{smbd:?}");
        // Its program did its work: threads of the kernel serve, and belong to no unit.
        let nfs = &running.units[&Unit::NfsServer];
        assert_eq!((nfs.sub.as_str(), nfs.main_pid), ("exited", None));
        assert_eq!(nfs.exit, Some(Exit::Status(0)));
        let avahi = &running.units[&Unit::Avahi];
        assert_eq!(avahi.triggered_by, ["avahi-daemon.socket"]);
        assert_eq!(running.units[&Unit::AvahiSocket].active, Active::Active);
        assert_eq!(running.units[&Unit::Wsdd].load, Load::NotFound);
    }
}

#[test]
fn what_went_wrong_is_told() {
    for systemd in SYSTEMDS {
        let seen = shown(systemd, "failing");
        // Killed as by a fault of its own: smbd notices and ends itself with another signal.
        let smbd = &seen.units[&Unit::Smbd];
        assert_eq!(smbd.active, Active::Failed);
        assert!(
            matches!(smbd.exit, Some(Exit::Signal(_) | Exit::Dumped(_))),
            "{smbd:?}"
        );
        assert_eq!(standing(&seen, ServiceName::Samba).0, Standing::Failed);
        let vsftpd = &seen.units[&Unit::Vsftpd];
        assert_eq!(vsftpd.result, RunResult::ExitCode);
        assert_eq!(vsftpd.exit, Some(Exit::Status(2)));
        // Its file has systemd start it again.
        let ssh = &seen.units[&Unit::Ssh];
        assert!(ssh.is_running() && ssh.restarts == 1);
        assert_eq!(
            standing(&seen, ServiceName::Ssh),
            (Standing::Running, vec!["service_restarted"])
        );
        let avahi = &seen.units[&Unit::Avahi];
        assert!(avahi.is_waiting_to_restart(), "{avahi:?}");
        assert_eq!(avahi.exit, Some(Exit::Signal(9)));
        assert_eq!(seen.units[&Unit::Wsdd].load, Load::Masked);
        assert_eq!(seen.units[&Unit::Wsdd].at_boot, AtBoot::Masked);
        assert_eq!(seen.units[&Unit::Wsdd2].load, Load::BadSetting);
        assert_eq!(
            standing(&seen, ServiceName::Discovery),
            (
                Standing::Restarting,
                vec![
                    "service_restarting",
                    "service_masked",
                    "service_unit_broken"
                ]
            )
        );
        assert_eq!(
            standing(&seen, ServiceName::Web),
            (Standing::Stopped, Vec::new())
        );
        let given_up = shown(systemd, "given-up");
        let vsftpd = &given_up.units[&Unit::Vsftpd];
        assert_eq!((vsftpd.restarts, &vsftpd.active), (5, &Active::Failed));
    }
}

#[test]
fn the_journal_is_read() {
    for systemd in SYSTEMDS {
        let text = fixture(systemd, "vsftpd.journal.json");
        let lines = parse::journal(Unit::Vsftpd, &text).unwrap();
        assert_eq!(lines.len(), text.lines().count());
        assert!(lines.is_sorted_by_key(|it| it.at));
        let failed = "vsftpd.service: Failed with result 'exit-code'.";
        assert!(lines.iter().any(|it| it.text == failed), "{lines:?}");
        let by = |it: &&str| lines.iter().any(|line| line.by.as_deref() == Some(it));
        assert!(["systemd"].iter().all(by));
    }
}

/// journald has bytes for what is no text, and nothing for what is too long.
#[test]
fn lines_that_are_no_text_are_kept() {
    let line = |message: &str| {
        format!(r#"{{"__REALTIME_TIMESTAMP":"1700000000000000","MESSAGE":{message}}}"#)
    };
    let text = [line("[72,105,255]"), line("null"), line("\"a\\nb\"")].join("\n");
    let lines = parse::journal(Unit::Ssh, &text).unwrap();
    let texts: Vec<&str> = lines.iter().map(|it| it.text.as_str()).collect();
    assert_eq!(texts, ["Hi\u{fffd}", "", "a\nb"]);
    assert_eq!(lines[0].at.as_second(), 1_700_000_000);
    let err = parse::journal(Unit::Ssh, "no json").unwrap_err();
    assert_eq!(err.code(), "service_unreadable");
}

#[test]
fn what_cannot_be_read_is_no_fact() {
    let text = fixture("systemd-252", "running.txt");
    for (from, to, why) in [
        ("MainPID=", "MainPID=x", "MainPID is no number"),
        ("ActiveState=", "Active=", "there is no ActiveState"),
        (
            "StateChangeTimestamp=Sun ",
            "StateChangeTimestamp=Sun x",
            "is no time",
        ),
    ] {
        let err = parse::shown(&text.replacen(from, to, 1)).unwrap_err();
        assert!(err.to_string().contains(why), "{err}");
        assert!(err.to_string().contains("smbd.service"), "{err}");
    }
    let err = parse::shown("").unwrap_err();
    assert_eq!(err.code(), "service_unreadable");
}
