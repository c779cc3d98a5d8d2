//! What smbd, nfsd and vsftpd told of sessions, read.

use std::{collections::BTreeMap, fs, path::PathBuf};

use moxnas_shares::sessions::{
    Protocol, Session, SessionId,
    model::{OpenFile, Process, Protection},
    real::{
        nfs,
        processes::{Running, ftp, sftp},
        smb,
    },
};

fn fixture(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(path);
    fs::read_to_string(&path).unwrap_or_else(|it| panic!("{}: {it}", path.display()))
}

fn by<'a>(all: &'a [Session], user: &str) -> &'a Session {
    let mut found = all.iter().filter(|it| it.user.as_deref() == Some(user));
    found.next().unwrap()
}

/// Somebody who writes to an encrypted share, and a guest.
#[test]
fn samba_of_both_debians_is_read() {
    for samba in ["samba-4.17.12", "samba-4.22.11"] {
        let text = fixture(&format!("{samba}/smbstatus-two.json"));
        let all = smb::sessions(&text, |pid| Some(u64::from(pid) + 1)).unwrap();
        assert_eq!(all.len(), 2, "{samba}");
        let root = by(&all, "root");
        assert_eq!(root.address, Some("127.0.0.1".parse().unwrap()));
        assert_eq!(root.client, None, "its address is no name");
        assert_eq!(root.dialect.as_deref(), Some("SMB3_11"));
        assert_eq!(root.encrypted, Some(Protection::Partial));
        assert_eq!(root.signed, Some(Protection::Full));
        assert_eq!(root.shares.len(), 1);
        assert_eq!(root.shares[0].share, "photos");
        assert!(root.since.unwrap() <= root.shares[0].since.unwrap());
        let [
            OpenFile {
                path,
                writes,
                since,
            },
        ] = root.files.as_slice()
        else {
            panic!("{samba}: {:?}", root.files);
        };
        assert!(path.ends_with("/data/photos/held.txt") && *writes);
        assert!(since.unwrap() > root.since.unwrap());
        let SessionId::Smb { process, .. } = root.id else {
            panic!("{}", root.id);
        };
        assert_eq!(process.started, u64::from(process.pid) + 1);

        let guest = by(&all, "nobody");
        assert_eq!(guest.shares[0].share, "my music");
        assert_eq!(guest.encrypted, Some(Protection::None));
        assert_eq!(guest.files, []);

        // Whose process is gone by now is not connected.
        assert_eq!(smb::sessions(&text, |_| None).unwrap(), []);
        let nobody = fixture(&format!("{samba}/smbstatus-nobody.json"));
        assert_eq!(smb::sessions(&nobody, |_| Some(1)).unwrap(), []);
        let odd = text.replacen("\"partial\"", "\"some\"", 1);
        assert!(smb::sessions(&odd, |_| Some(1)).is_err());
        assert!(smb::sessions(&text[..text.len() / 2], |_| Some(1)).is_err());
    }
}

#[test]
fn clients_of_nfs_4_are_read() {
    let info = fixture("linux-6.1/nfsd-client-info.txt");
    let states = fixture("linux-6.1/nfsd-client-states.txt");
    let session = nfs::session(3, &info, &states).unwrap();
    assert_eq!(session.id.to_string(), "nfs-3-909232696b02873b");
    assert_eq!(session.address, Some("127.0.0.1".parse().unwrap()));
    assert_eq!(session.client.as_deref(), Some("Linux NFSv4.2 lab"));
    assert_eq!(session.dialect.as_deref(), Some("4.2"));
    assert_eq!(session.user, None);
    // What is lent to the client beside is no other file.
    let file = OpenFile {
        path: "photos/a.txt".to_owned(),
        writes: true,
        since: None,
    };
    assert_eq!(session.files, [file]);
    let read_only = states.replacen("access: rw", "access: r-", 1);
    assert!(!nfs::session(3, &info, &read_only).unwrap().files[0].writes);
    let six = info.replacen("127.0.0.1:897", "[::1]:897", 1);
    let six = nfs::session(3, &six, "").unwrap();
    assert_eq!(six.address, Some("::1".parse().unwrap()));
    assert!(nfs::session(3, "address: \"x\"\n", "").is_err());
}

fn running(name: &str, title: &str, parent: u32) -> Running {
    Running {
        process: Process {
            pid: 357,
            started: 4086,
        },
        parent,
        name: name.to_owned(),
        title: title.to_owned(),
    }
}

/// Of its three processes one is somebody who logged in.
#[test]
fn vsftpd_tells_who_is_connected_in_its_titles() {
    let text = fixture("vsftpd-3.0.3/processes.txt");
    let titles = text
        .lines()
        .filter_map(|it| Some(&it[it.find("vsftpd: ")?..]));
    let found: Vec<Session> = titles
        .filter_map(|it| ftp(&running("vsftpd", it, 1)))
        .collect();
    assert_eq!(text.lines().count(), 3);
    let [session] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(session.user.as_deref(), Some("alice"));
    assert_eq!(session.address, Some("127.0.0.1".parse().unwrap()));
    assert_eq!(session.id.to_string(), "ftp-357-4086");
    assert_eq!(session.id.protocol(), Protocol::Ftp);
}

/// Of processes of sshd those that serve files, in the titles of old and new.
#[test]
fn who_logs_in_to_a_shell_is_no_session() {
    let user = |name: &str, title: &str| {
        let shell = running("sshd", "sshd: bob@pts/0", 1);
        let all = BTreeMap::from([(12, shell)]);
        sftp(&running(name, title, 12), &all).and_then(|it| it.user)
    };
    let alice = Some("alice".to_owned());
    assert_eq!(user("sshd", "sshd: alice@internal-sftp"), alice);
    assert_eq!(
        user("sshd-session", "sshd-session: alice@internal-sftp"),
        alice
    );
    let bob = Some("bob".to_owned());
    assert_eq!(user("sftp-server", "/usr/lib/openssh/sftp-server"), bob);
    for title in [
        "sshd: alice@notty",
        "sshd: alice [priv]",
        "/usr/sbin/sshd -D",
    ] {
        assert_eq!(user("sshd", title), None, "{title}");
    }
}

#[test]
fn ids_are_what_they_say() {
    for text in [
        "smb-12-345-6789",
        "nfs-3-909232696b02873b",
        "ftp-1-2",
        "sftp-1-2",
    ] {
        let id: SessionId = text.parse().unwrap();
        assert_eq!(id.to_string(), text);
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<SessionId>(&json).unwrap(), id);
    }
    for bad in [
        "",
        "smb-1-2",
        "smb-+1-2-3",
        "nfs-3-0x9",
        "nfs-3-9G",
        "ftp-1-2-3",
        "ssh-1-2",
        "ftp--1-2",
        "ftp-4294967296-1",
    ] {
        assert!(bad.parse::<SessionId>().is_err(), "{bad}");
    }
}
