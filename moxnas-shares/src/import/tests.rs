//! What is taken over, and what is left.

use super::*;
use crate::model::{Encryption, SmbHost, SmbProtocol};

fn from(format: Format, text: &str) -> Imported {
    let source = Source {
        path: "/f",
        format,
        text,
    };
    import(&[source], &Places::default())
}

/// What is left: line, section, option and why, a line each.
fn left(imported: &Imported) -> Vec<String> {
    let one = |it: &Left| {
        let line = it.line.map_or("-".to_owned(), |it| it.to_string());
        let section = it.section.as_deref().unwrap_or("-");
        let option = it.option.as_deref().unwrap_or("-");
        format!("{line} {section} {option}: {}", it.why)
    };
    imported.left.iter().map(one).collect()
}

/// What differs from what MoxNAS always writes is told even if nothing is said.
const ALWAYS: &str = "\
workgroup = A\nserver string = b\nnetbios name = C\nmap to guest = bad user\nload printers = no\n\
disable spoolss = yes\nserver min protocol = SMB3_00\n";

fn smb(text: &str) -> Imported {
    // At the end, where it moves no line.
    let late = "[global]\nmulticast dns register = no\n";
    from(Format::SmbConf, &format!("{ALWAYS}{text}\n{late}"))
}

#[test]
fn an_empty_smb_conf_is_not_what_moxnas_writes() {
    let imported = from(Format::SmbConf, "");
    assert_eq!(
        left(&imported),
        [
            "- global disable spoolss: nothing is said, which comes to this; MoxNAS writes \"yes\"",
            "- global load printers: nothing is said, which comes to this; MoxNAS writes \"no\"",
            "- global map to guest: nothing is said, which comes to this; MoxNAS writes \"bad user\"",
            "- global multicast dns register: nothing is said, which comes to this; MoxNAS writes \"no\"",
            "- global netbios name: nothing is said, which comes to this; MoxNAS writes \"MOXNAS\"",
            "- global server min protocol: nothing is said, which comes to this; MoxNAS writes \"SMB2_10\"",
            "- global server string: nothing is said, which comes to this; MoxNAS writes \"MoxNAS Server\"",
        ]
    );
    assert_eq!(
        imported.intent.settings.smb.min_protocol,
        SmbProtocol::Smb2_10
    );
}

#[test]
fn a_share_is_taken_over_with_what_is_said_for_all() {
    let imported = smb(
        "create mask = 0640\nsmb encrypt = desired\n[a]\npath = \"/srv//a/\"\nwriteable = yes\n\
         hosts allow = 127. 192.168.1.0/24\nvalid users = alice, \"@domain users\"\noplocks = yes\n\
         [global]\ndirectory mask = 0700\n[b]\npath = /srv/b\navailable = no\n",
    );
    assert_eq!(left(&imported), [""; 0]);
    let [a, b] = imported.intent.shares.as_slice() else {
        panic!("{:?}", imported.intent.shares)
    };
    assert!(a.enabled && !b.enabled);
    assert_eq!(a.path.as_str(), "/srv/a");
    let (a, b) = (a.smb.as_ref().unwrap(), b.smb.as_ref().unwrap());
    assert!(!a.read_only && b.read_only);
    assert_eq!(a.create_mask.map(|it| it.bits()), Some(0o640));
    // It was not said yet when the first share came up.
    assert_eq!(
        (a.directory_mask, b.directory_mask.map(|it| it.bits())),
        (None, Some(0o700))
    );
    assert_eq!(a.hosts_allow[0], "127.0.0.0/8".parse::<SmbHost>().unwrap());
    assert_eq!(a.encryption, Encryption::Default);
    assert_eq!(imported.intent.settings.smb.encryption, Encryption::Desired);
}

#[test]
fn what_keeps_somebody_out_is_taken_over_or_the_share_is_not() {
    for (line, why) in [
        (
            "valid users = %S",
            "valid users: \"%S\" is not a valid name of a user: it contains '%'",
        ),
        (
            "valid users = +staff",
            "valid users: \"+staff\" is not a valid name of a user: it contains '+'",
        ),
        (
            "hosts allow = 10. EXCEPT 10.1.",
            "hosts allow: \"EXCEPT\" is not a valid host, network or netgroup: it is a word of the interface",
        ),
        (
            "veto files = /x/",
            "veto files: MoxNAS has no setting for it",
        ),
        (
            "vfs objects = worm recycle",
            "vfs objects: MoxNAS writes \"recycle\"",
        ),
    ] {
        let imported = smb(&format!("[a]\npath = /srv/a\n{line}\n[b]\npath = /srv/b\n"));
        let left = left(&imported);
        assert!(
            left.iter().any(|it| it.ends_with(&format!("a {why}"))),
            "{left:#?}"
        );
        assert!(
            left.contains(&format!("8 a -: {}", Why::WouldBeOpen)),
            "{left:#?}"
        );
        let names: Vec<&str> = imported
            .intent
            .shares
            .iter()
            .map(|it| it.name.as_str())
            .collect();
        assert_eq!(names, ["b"]);
    }
}

#[test]
fn what_is_no_share_of_a_folder_is_told() {
    let imported = smb(
        "include = /x\n[homes]\nread only = no\n[printers]\nprintable = yes\n[c]\n[d]\npath=/srv/%U\n\
         [e:f]\npath=/srv/e\n[g]\ncopy = c\n[h]\npath=/srv/h\ncsc policy = disable\nfoo = bar\nno value",
    );
    assert_eq!(
        left(&imported),
        [
            "8 global include: it takes over what stands elsewhere, which was not read",
            "9 homes -: it is no share of a folder",
            "11 printers -: it is no share of a folder",
            "13 c -: it has no path",
            "14 d -: it has a variable, or a quotation mark within",
            "16 e:f -: \"e:f\" is not a valid name of a share: it contains ':'",
            "18 g -: it takes over what stands elsewhere, which was not read",
            "22 h csc policy: MoxNAS has no setting for it",
            "23 h foo: MoxNAS has no setting for it",
            "24 - -: there is no `=`, so that Samba passes over it",
        ]
    );
    assert_eq!(imported.intent.shares.len(), 1);
}

/// A client of Macs finds the same on all shares of a server.
#[test]
fn what_macs_are_told_by_one_share_is_told_by_all() {
    let imported = smb(
        "[a]\npath=/srv/a\nvfs objects = catia fruit streams_xattr\nfruit:metadata=stream\n[b]\npath=/srv/b\n",
    );
    let left = left(&imported);
    let of = |what: &str| left.iter().any(|it| it.starts_with(what));
    assert!(of("- b vfs objects: nothing is said"), "{left:#?}");
    assert!(of("- a fruit:nfs_aces: nothing is said"), "{left:#?}");
    assert!(!of("- b fruit:nfs_aces"), "{left:#?}");
    assert_eq!(imported.intent.shares.len(), 2);
}

#[test]
fn both_lists_of_hosts_hold() {
    let imported =
        smb("hosts allow = 10.\n[a]\npath=/srv/a\nhosts allow = 10.1.\n[b]\npath=/srv/b\n");
    assert_eq!(
        left(&imported),
        [
            format!("8 global hosts allow: {}", Why::OfTheServer),
            format!("9 a -: {}", Why::WouldBeOpen),
            format!("11 a hosts allow: {}", Why::BothHold),
        ]
    );
    assert_eq!(imported.intent.shares.len(), 1);
}

#[test]
fn an_export_is_taken_over_whole_or_not_at_all() {
    let imported = from(
        Format::Exports,
        "/srv/a 10.0.0.0/8(rw,sec=sys,no_wdelay) @g\n/srv/b *(ro) 10.0.0.1(rw,bogus)\n\
         /srv/c/a\n/srv/d *(mp)\n/srv/a *\n/srv/e *(sec=sys,ro,sec=krb5,rw)\n/srv/f x(rw) x(ro)\n",
    );
    assert_eq!(
        left(&imported),
        [
            "1 /srv/a wdelay: MoxNAS has no setting for it",
            "2 /srv/b -: exportfs refuses it, and what follows in the file",
            &format!("2 /srv/b -: {}", Why::WouldBeOpen),
            "4 /srv/d mountpoint: MoxNAS has no setting for it",
            &format!("4 /srv/d -: {}", Why::WouldBeOpen),
            "6 /srv/e sec: MoxNAS writes \"sys\"",
            &format!("6 /srv/e -: {}", Why::WouldBeOpen),
            &format!("7 /srv/f -: {}", Why::Twice),
        ]
    );
    let names: Vec<&str> = imported
        .intent
        .shares
        .iter()
        .map(|it| it.name.as_str())
        .collect();
    assert_eq!(names, ["a", "c-a", "f"]);
    let nfs = imported.intent.shares[0].nfs.as_ref().unwrap();
    assert_eq!(nfs.clients.len(), 3);
}

#[test]
fn an_export_of_a_share_is_of_that_share() {
    let smb = Source {
        path: "/s",
        format: Format::SmbConf,
        text: "[Photos]\npath = /srv/photos\n[off]\npath=/srv/off\navailable = no",
    };
    let nfs = Source {
        path: "/e",
        format: Format::Exports,
        text: "/srv/photos/ *(ro)\n/srv/off *",
    };
    let imported = import(&[nfs, smb], &Places::default());
    let shares = imported.intent.shares;
    let found: Vec<_> = shares
        .iter()
        .map(|it| (it.name.as_str(), it.enabled, it.nfs.is_some()))
        .collect();
    // What is switched off for one is not for the other.
    assert_eq!(
        found,
        [
            ("Photos", true, true),
            ("off", false, false),
            ("srv-off", true, true)
        ]
    );
}

#[test]
fn what_vsftpd_does_otherwise_is_told() {
    let imported = from(
        Format::VsftpdConf,
        "local_enable=YES\nlisten_port=2121\nanon_upload_enable=YES\nlisten = NO",
    );
    let left = left(&imported);
    assert!(
        left.contains(&"3 - anon_upload_enable: MoxNAS has no setting for it".to_owned()),
        "{left:#?}"
    );
    assert!(
        left.iter()
            .any(|it| it.starts_with("4 - -: vsftpd takes the space")),
        "{left:#?}"
    );
    assert!(
        left.iter()
            .any(|it| it.starts_with("- - anonymous_enable: nothing is said")),
        "{left:#?}"
    );
    assert!(
        !left
            .iter()
            .any(|it| it.contains("local_enable") || it.contains("ssl")),
        "{left:#?}"
    );
    let ftp = imported.intent.settings.ftp;
    assert_eq!((ftp.port, ftp.plaintext), (2121, true));
}
