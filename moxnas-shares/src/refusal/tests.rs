//! A row for each refusal.

use super::*;
use crate::model::{NfsRule, PassivePorts, PreviousVersions, Settings, TimeMachine, TransferUser};

fn share(name: &str, path: &str) -> Share {
    Share::new(name.parse().unwrap(), path.parse().unwrap())
}

fn smb(smb: Smb) -> Share {
    Share {
        smb: Some(smb),
        ..share("a", "/srv/tank/a")
    }
}

fn nfs(name: &str, path: &str, clients: &[&str], fsid: Option<&str>) -> Share {
    let rules = clients.iter().map(|it| NfsRule {
        client: it.parse().unwrap(),
        options: Default::default(),
    });
    let nfs = Nfs {
        clients: rules.collect(),
        fsid: fsid.map(|it| it.parse().unwrap()),
    };
    Share {
        nfs: Some(nfs),
        ..share(name, path)
    }
}

fn ftp(users: &[&str]) -> Share {
    let users = users.iter().map(|it| TransferUser {
        user: it.parse().unwrap(),
        write: false,
    });
    let transfer = Transfer {
        users: users.collect(),
    };
    Share {
        ftp: Some(transfer),
        ..share("a", "/srv/tank/a")
    }
}

fn codes(shares: Vec<Share>) -> Vec<&'static str> {
    let intent = Intent {
        shares,
        ..Intent::default()
    };
    refusals(&intent).iter().map(Refusal::code).collect()
}

fn settings(change: impl FnOnce(&mut Settings)) -> Vec<&'static str> {
    let mut intent = Intent::default();
    change(&mut intent.settings);
    refusals(&intent).iter().map(Refusal::code).collect()
}

#[test]
fn what_cannot_be_offered_is_refused_with_its_reason() {
    let d = Smb::default;
    let machine = || Some(TimeMachine::default());
    let versions = |of: &str| {
        Some(PreviousVersions {
            snapshots: "/srv/tank/.snapshots/a".parse().unwrap(),
            of: of.parse().unwrap(),
        })
    };
    let rows = [
        (vec![smb(d())], vec![]),
        (
            vec![smb(d()), share("A", "/srv/b")],
            vec!["share_name_taken"],
        ),
        (vec![share("a", "/etc/x")], vec!["share_of_system_folder"]),
        (vec![share("a", "/srv")], vec!["share_of_system_folder"]),
        (
            vec![Share {
                smb: Some(d()),
                ..share("a", "/srv/100%")
            }],
            vec!["share_path_not_for_samba"],
        ),
        (vec![share("a", "/srv/100%")], vec![]),
        (
            vec![smb(Smb {
                force_user: Some("root".parse().unwrap()),
                ..d()
            })],
            vec!["share_forces_root"],
        ),
        (
            vec![smb(Smb {
                time_machine: machine(),
                ..d()
            })],
            vec!["time_machine_needs_apple"],
        ),
        (
            vec![smb(Smb {
                time_machine: machine(),
                apple: true,
                guest: true,
                ..d()
            })],
            vec!["time_machine_for_guests"],
        ),
        (
            vec![smb(Smb {
                previous_versions: versions("/srv/tank/b"),
                ..d()
            })],
            vec!["share_not_in_snapshots"],
        ),
        (
            vec![smb(Smb {
                previous_versions: versions("/srv/tank"),
                ..d()
            })],
            vec![],
        ),
        (
            vec![nfs("a", "/srv/a", &[], None)],
            vec!["nfs_without_clients"],
        ),
        (
            vec![nfs("a", "/srv/a\\060", &["*"], None)],
            vec!["share_path_not_for_nfs"],
        ),
        (
            vec![Share {
                smb: Some(d()),
                ..share("a", "/srv/a  b")
            }],
            vec!["share_path_not_for_samba"],
        ),
        (
            vec![nfs("a", "/srv/a", &["*", "*"], None)],
            vec!["nfs_client_twice"],
        ),
        (
            vec![
                nfs("a", "/srv/a", &["*"], None),
                nfs("b", "/srv/a", &["*"], None),
            ],
            vec!["nfs_client_twice"],
        ),
        (
            vec![
                nfs("a", "/srv/a", &["*"], Some("7")),
                nfs("b", "/srv/b", &["*"], Some("7")),
            ],
            vec!["nfs_fsid_taken"],
        ),
        (
            vec![
                nfs("a", "/srv/a", &["*"], Some("7")),
                nfs("b", "/srv/a", &["pc"], None),
            ],
            vec!["nfs_fsid_differs"],
        ),
        (vec![ftp(&["alice", "bob"])], vec![]),
        (vec![ftp(&["D\\alice"])], vec!["transfer_user_not_local"]),
        (vec![ftp(&["root"])], vec!["transfer_user_is_root"]),
        (vec![ftp(&["bob", "bob"])], vec!["transfer_user_twice"]),
    ];
    for (shares, expected) in rows {
        assert_eq!(codes(shares.clone()), expected, "{shares:#?}");
    }
    assert_eq!(
        settings(|it| it.ftp.passive_ports = PassivePorts { from: 5, to: 4 }),
        ["ftp_passive_ports"]
    );
    assert_eq!(settings(|it| it.nfs.threads = 0), ["nfs_threads"]);
    assert_eq!(
        settings(|it| it.nfs.versions = Vec::new()),
        ["nfs_without_version"]
    );
}

#[test]
fn what_is_dangerous_is_said() {
    let guest = smb(Smb {
        guest: true,
        ..Smb::default()
    });
    let mut open = nfs("b", "/srv/b", &["*"], None);
    if let Some(nfs) = &mut open.nfs {
        nfs.clients[0].options.squash = Squash::None;
        nfs.clients[0].options.access = Access::ReadWrite;
    }
    let intent = Intent {
        shares: vec![guest, open],
        ..Intent::default()
    };
    assert_eq!(
        warnings(&intent),
        [
            "share a: anybody may write to it without logging in",
            "share b for *: root of each of these machines may do everything with its files",
            "share b for *: any machine that reaches this one may write",
        ]
    );
    assert_eq!(warnings(&Intent::default()), [""; 0]);
}
