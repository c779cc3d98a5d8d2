//! Shares of a file, without a machine.

use std::fs;

use crate::product::{file, moxnas};

const SHARES: &str = "\
shares:
  - name: photos
    path: /srv/tank/photos
    smb: {valid_users: [alice, '@family']}
    nfs:
      clients: [{client: 192.168.1.0/24, access: read_write}]
  - {name: films, path: /srv/tank/films, smb: {guest: true, read_only: true}}
";

/// Exactly the files that a machine would get, and nothing over what is there.
#[test]
fn shares_of_a_file_are_rendered() {
    let (folder, path) = file(SHARES);
    let to = folder.path().join("to").display().to_string();
    let ran = moxnas(["share", "render", "--from", &path, "--to", &to]).run();
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(
        ran.out,
        "0644  avahi-daemon /etc/avahi/services/moxnas.service\n\
         0644  nfsd         /etc/exports.d/moxnas.exports\n\
         0644  nfsd         /etc/nfs.conf.d/moxnas.conf\n\
         0644  smbd         /etc/samba/moxnas.conf\n\
         0644  avahi-daemon /etc/systemd/system/wsdd.service.d/moxnas.conf\n"
    );
    assert!(
        ran.err.contains("share films: anybody may read it"),
        "{ran:?}"
    );
    let exports = fs::read_to_string(format!("{to}/etc/exports.d/moxnas.exports")).unwrap();
    let line = "/srv/tank/photos 192.168.1.0/24(rw,sync,root_squash,no_subtree_check)\n";
    assert!(exports.ends_with(line), "{exports}");

    let again = moxnas(["share", "render", "--from", &path, "--to", &to]).run();
    assert_eq!(again.code, 1);
    assert!(again.err.contains("is not empty"), "{again:?}");

    // What was written is read as what was meant.
    let smb = format!("{to}/etc/samba/moxnas.conf");
    let exports = format!("{to}/etc/exports.d/moxnas.exports");
    let words = [
        "share",
        "read",
        "--output",
        "json",
        "--smb-conf",
        &smb,
        "--exports",
        &exports,
    ];
    let read = moxnas(words).run().json();
    let shares = &read["intent"]["shares"];
    assert_eq!(shares[0]["name"], "photos");
    assert_eq!(shares[0]["smb"]["valid_users"][1], "@family");
    assert_eq!(shares[0]["nfs"]["clients"][0]["access"], "read_write");
    assert_eq!(shares[1]["smb"]["guest"], true);
    assert_eq!(read["left"], serde_json::json!([]));
}

#[test]
fn what_cannot_be_offered_is_not_rendered() {
    for (text, why) in [
        ("shares: [{name: a/b, path: /srv/x}]", "it contains '/'"),
        (
            "shares: [{name: a, path: /etc/x}]",
            "which is the system's own",
        ),
        (
            "shares: [{name: a, path: /srv/x, smb: {gest: true}}]",
            "unknown field `gest`",
        ),
        (
            "shares: [{name: a, path: /srv/x, nfs: {}}]",
            "to which machines",
        ),
    ] {
        let (folder, path) = file(text);
        let to = folder.path().join("to").display().to_string();
        let ran = moxnas(["share", "render", "--from", &path, "--to", &to]).run();
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(
            ran.err.contains(why) && ran.err.contains("hint: "),
            "{ran:?}"
        );
        assert!(!fs::exists(to).unwrap());
    }
}

/// What somebody else wrote is shown as shares, and what has no place there is named.
#[test]
fn what_is_left_is_named() {
    let text = "[global]\nlog level = 2\n[films]\npath = /srv/films\nread only = no\n";
    let (_folder, path) = file(text);
    let ran = moxnas(["share", "read", "--smb-conf", &path]).run();
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("path: /srv/films"), "{ran:?}");
    let left = "line 2 [global] log level = 2: MoxNAS has no setting for it";
    assert!(ran.err.contains(left), "{ran:?}");
}
