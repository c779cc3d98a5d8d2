//! Shares of a real pool, served by real daemons to real clients, by the command line alone.

mod broken;
mod clients;

use anyhow::{Context as _, Result, ensure};
use moxnas_tests::lab::{Exec, Lab, MIB, Output};
use serde_json::Value;

use self::clients::{Input, Login, Session, curl, ftp, smb, smb_refused, ssh};
use super::{nas::Nas, pools::reboot};

const ALICE: Login<'_> = Login {
    user: "alice",
    password: "Alices.first-1",
};
const BOB: Login<'_> = Login {
    user: "bob",
    password: "Bobs.only-1",
};
const SNAPSHOT: &str = "auto-2026-11-21T01-00-00Z";
/// The same moment as clients of SMB say it.
const MOMENT: &str = "@GMT-2026.11.21-01.00.00";
const SAMBA_FILE: &str = "/etc/samba/moxnas.conf";

/// A machine with a pool, two datasets and two people, as one that has started: sshd lets nobody in
/// before.
fn with_people(lab: Lab) -> Result<Nas> {
    let mut nas = Nas::service(lab.scsi(600 * MIB).start()?)?;
    nas.machine.sh("systemctl start multi-user.target")?;
    nas.json(&[
        "pool",
        "create",
        "tank",
        "--device",
        "LABSCSI00",
        "--fs",
        "btrfs",
    ])?;
    for it in [ALICE, BOB] {
        let create = ["account", "create", it.user, "--samba", "true"];
        let create = [&create[..], &["--group", "users", "--password-stdin"]].concat();
        let home = ["--home-dataset", "tank/bob", "--home-quota", "16M"];
        let home = &home[..if it.user == "bob" { 4 } else { 0 }];
        with_password(&mut nas, it.password, &[&create[..], home].concat())?;
    }
    let create = ["dataset", "create", "tank"];
    let docs = [
        "docs", "--owner", "alice", "--group", "users", "--mode", "2770",
    ];
    let code = [
        "code", "--owner", "bob", "--group", "users", "--mode", "2777",
    ];
    nas.json(&[&create[..], &docs].concat())?;
    nas.json(&[&create[..], &code].concat())?;
    clients::install(&mut nas)?;
    Ok(nas)
}

/// Offers `docs` to alice by SMB, FTP and SFTP, and bob may read it by FTP.
fn offer_docs(nas: &mut Nas) -> Result<()> {
    let of_alice = ["--valid-users", "alice", "--previous-versions", "true"];
    let create = ["share", "smb", "create", "docs", "--path", "/srv/tank/docs"];
    nas.json(&[&create[..], &of_alice].concat())?;
    let users = ["--user", "alice=rw", "--user", "bob"];
    nas.json(&[&["share", "ftp", "create", "docs"][..], &users].concat())?;
    nas.json(&["share", "sftp", "create", "docs", "--user", "alice=rw"])
        .map(drop)
}

fn with_password(nas: &mut Nas, password: &str, arguments: &[&str]) -> Result<()> {
    let argv = ["moxnas", "--yes"].iter().chain(arguments).copied();
    let output = nas.machine.exec_with(Exec {
        stdin: format!("{password}\n"),
        ..Exec::new(argv)
    })?;
    output
        .success()
        .map(drop)
        .with_context(|| format!("{arguments:?}"))
}

fn text_of(nas: &mut Nas, path: &str) -> Result<String> {
    nas.machine.read_file(path)
}

fn is_refused(output: &Output, word: &str) -> bool {
    output.status != 0 && (output.stdout.clone() + &output.stderr).contains(word)
}

/// Neither daemon lets somebody in by this login.
fn is_let_in_nowhere(nas: &mut Nas, login: Login<'_>) -> Result<()> {
    let said = smb_refused(nas, "docs", Some(login))?;
    let of_login = ["NT_STATUS_LOGON_FAILURE", "NT_STATUS_ACCOUNT_DISABLED"];
    ensure!(of_login.contains(&said.as_str()), "SMB: {said}");
    for url in ["ftp://127.0.0.1/docs/", "sftp://127.0.0.1/docs/"] {
        let said = curl(nas, login, &[url])?;
        // 67: the server denied the login.
        ensure!(said.status == 67, "{url}: {said:?}");
    }
    Ok(())
}

/// The dataset of bob is his home, alice cannot look into it, and it takes as much as it may.
fn a_home_is_of_its_user_alone(nas: &mut Nas) -> Result<()> {
    let is = nas
        .machine
        .sh("getent passwd bob | cut -d: -f6; stat -c '%U %G %a' /srv/tank/bob")?;
    assert_eq!(is, "/srv/tank/bob\nbob bob 700\n");
    let by = |user: &str, what: &str| {
        format!("setpriv --reuid {user} --regid {user} --init-groups sh -c '{what}'")
    };
    nas.machine
        .sh(&by("bob", "echo mine >/srv/tank/bob/file"))?;
    let looked = nas
        .machine
        .exec(["sh", "-c", &by("alice", "ls /srv/tank/bob")])?;
    assert!(is_refused(&looked, "Permission denied"), "{looked:?}");
    let fill = "dd if=/dev/urandom of=/srv/tank/bob/much bs=1M count=20 conv=fsync";
    let filled = nas.machine.exec(["sh", "-c", &by("bob", fill)])?;
    assert!(is_refused(&filled, "Disk quota exceeded"), "{filled:?}");
    nas.machine.sh("rm /srv/tank/bob/much").map(drop)
}

/// Every daemon gives alice the same file.
fn is_let_in_everywhere(nas: &mut Nas, login: Login<'_>, text: &str) -> Result<()> {
    let get = "get hello /root/got";
    smb(nas, "docs", Some(login), get)?.success()?;
    assert_eq!(text_of(nas, "/root/got")?, text, "by SMB");
    for protocol in ["ftp", "sftp"] {
        let url = format!("{protocol}://127.0.0.1/docs/hello");
        assert_eq!(curl(nas, login, &[&url])?.success()?, text, "{url}");
    }
    Ok(())
}

/// sftp with the key of alice and no password.
fn by_key(nas: &mut Nas) -> Result<Output> {
    nas.machine.sh("rm -f /root/by-key")?;
    let options = "-b /root/batch -i /root/key -o IdentitiesOnly=yes -o StrictHostKeyChecking=no \
                   -o UserKnownHostsFile=/dev/null alice@127.0.0.1";
    nas.machine
        .exec(["sftp"].into_iter().chain(options.split_whitespace()))
}

fn a_key_lets_its_owner_in(nas: &mut Nas) -> Result<()> {
    nas.machine.sh("ssh-keygen -q -t ed25519 -N '' -f /root/key
         echo 'get docs/hello /root/by-key' >/root/batch")?;
    let said = by_key(nas)?;
    assert!(is_refused(&said, "Permission denied"), "{said:?}");
    let key = text_of(nas, "/root/key.pub")?;
    nas.json(&["account", "set", "alice", "--ssh-key", key.trim()])?;
    let shown = nas.json(&["account", "show", "alice"])?;
    assert_eq!(shown["ssh_keys"][0], key.trim(), "{shown}");
    by_key(nas)?.success()?;
    assert_eq!(text_of(nas, "/root/by-key")?, "second\n");
    Ok(())
}

fn smb_serves_whom_it_may(nas: &mut Nas) -> Result<()> {
    nas.machine
        .sh("echo first >/root/first; echo second >/root/second")?;
    let put = "put /root/first hello; ls; get hello /root/got";
    let listed = smb(nas, "docs", Some(ALICE), put)?.success()?;
    assert!(listed.contains("  hello  "), "{listed}");
    assert_eq!(text_of(nas, "/root/got")?, "first\n");

    let denied = "NT_STATUS_ACCESS_DENIED";
    assert_eq!(smb_refused(nas, "docs", None)?, denied);
    assert_eq!(smb_refused(nas, "docs", Some(BOB))?, denied);
    let wrong = Login {
        password: "Not.hers-1",
        ..ALICE
    };
    let said = smb_refused(nas, "docs", Some(wrong))?;
    assert_eq!(said, "NT_STATUS_LOGON_FAILURE");
    Ok(())
}

fn previous_versions_are_shown(nas: &mut Nas) -> Result<()> {
    nas.json(&["snapshot", "create", "tank", "docs", SNAPSHOT])?;
    let put = "put /root/second hello; allinfo hello";
    let info = smb(nas, "docs", Some(ALICE), put)?.success()?;
    assert!(info.lines().any(|it| it == MOMENT), "{info}");
    let get = format!("get {MOMENT}/hello /root/got");
    smb(nas, "docs", Some(ALICE), &get)?.success()?;
    assert_eq!(text_of(nas, "/root/got")?, "first\n");
    is_let_in_everywhere(nas, ALICE, "second\n")
}

/// A file is being written while another share is made.
fn an_open_file_outlives_a_change(nas: &mut Nas) -> Result<()> {
    let session = Session::smb(nas, "docs", ALICE)?;
    let data = Input::new(nas, "data")?;
    nas.machine.sh("head -c 3M /dev/urandom >/root/half")?;
    session.say(nas, &format!("put {} long", data.path()))?;
    let half = format!("cat /root/half >{}", data.path());
    nas.machine.sh(&half)?;
    let open = "smbstatus --locks | grep -w long | cut -d ' ' -f 1";
    let server = nas.machine.sh(open)?;
    nas.json(&[
        "share",
        "smb",
        "create",
        "other",
        "--path",
        "/srv/tank/code",
    ])?;
    assert_eq!(
        nas.machine.sh(open)?,
        server,
        "the file is as open as it was"
    );
    nas.machine.sh(&half)?;
    data.end(nas)?;
    session.hears(nas, "putting file")?;
    session.say(nas, "get hello /root/later")?;
    session.hears(nas, "getting file")?;
    session.end(nas)?;
    nas.machine
        .sh("cat /root/half /root/half | cmp - /srv/tank/docs/long; rm /srv/tank/docs/long")?;
    assert_eq!(text_of(nas, "/root/later")?, "second\n");
    smb(nas, "other", Some(BOB), "put /root/first theirs")?.success()?;
    Ok(())
}

fn ftp_keeps_users_in(nas: &mut Nas) -> Result<()> {
    let put = ["-T", "/root/first", "ftp://127.0.0.1/docs/by-ftp"];
    curl(nas, ALICE, &put)?.success()?;
    assert_eq!(text_of(nas, "/srv/tank/docs/by-ftp")?, "first\n");
    let said = ftp(
        nas,
        ALICE,
        &[
            "ls",
            "CWD /../../etc",
            "CWD ../../..",
            "PWD",
            "get /etc/passwd",
            "get ../../../etc/passwd",
            "get docs/../../../../etc/passwd",
            "get /srv/tank/docs/hello",
            "put /new",
            "get docs/hello",
        ],
    )?;
    let begins = [
        "docs",
        "550 ",
        "250 ",
        "257 \"/\"",
        "550 ",
        "550 ",
        "550 ",
        "550 ",
        "553 ",
        "second",
    ];
    assert_eq!(said.len(), begins.len(), "{said:?}");
    for (said, begin) in said.iter().zip(begins) {
        assert!(said.starts_with(begin), "{said} instead of {begin}");
    }
    // Who may only read, reads; nobody says a password unencrypted.
    let said = ftp(
        nas,
        BOB,
        &["get docs/hello", "put docs/new", "DELE docs/hello"],
    )?;
    assert!(
        said[0] == "second" && said[1].starts_with("550"),
        "{said:?}"
    );
    assert!(said[2].starts_with("550"), "{said:?}");
    let plain = format!("{}:{}", ALICE.user, ALICE.password);
    let said = nas
        .machine
        .exec(["curl", "-sS", "-u", &plain, "ftp://127.0.0.1/docs/hello"])?;
    assert!(is_refused(&said, "530"), "{said:?}");
    Ok(())
}

fn sftp_keeps_users_in(nas: &mut Nas) -> Result<()> {
    let put = ["-T", "/root/first", "sftp://127.0.0.1/docs/by-sftp"];
    curl(nas, ALICE, &put)?.success()?;
    assert_eq!(text_of(nas, "/srv/tank/docs/by-sftp")?, "first\n");
    for path in [
        "etc/passwd",
        "../../../etc/passwd",
        "docs/../../../etc/passwd",
    ] {
        let said = curl(nas, ALICE, &[&format!("sftp://127.0.0.1/{path}")])?;
        // 78: there is no such file.
        assert_eq!(
            (said.status, said.stdout.as_str()),
            (78, ""),
            "{path}: {said:?}"
        );
    }
    let top = curl(nas, ALICE, &["-l", "sftp://127.0.0.1/"])?.success()?;
    let mut top: Vec<&str> = top.split_whitespace().collect();
    top.sort_unstable();
    assert_eq!(top, [".", "..", "docs"]);
    let put = ["-T", "/root/first", "sftp://127.0.0.1/new"];
    assert_ne!(curl(nas, ALICE, &put)?.status, 0, "the top is not theirs");
    for (login, word) in [(ALICE, "sftp connections only"), (BOB, "not available")] {
        let said = ssh(nas, login, "cat /etc/passwd")?;
        assert!(is_refused(&said, word), "{said:?}");
        assert!(!said.stdout.contains("root:"), "{said:?}");
    }
    assert_ne!(curl(nas, BOB, &["sftp://127.0.0.1/docs/hello"])?.status, 0);
    Ok(())
}

/// Who owns what root and alice write; `None`: they may not.
type Owners = Option<(u32, u32)>;

/// How `code` is exported: an address of this machine, and the rule for it.
const EXPORTS: [(&str, &str, Owners); 4] = [
    ("127.0.0.1", "rw", Some((65534, 3000))),
    ("10.9.9.1", "rw,no_root_squash", Some((0, 3000))),
    (
        "10.9.9.2",
        "rw,all_squash,anonuid=3001,anongid=100",
        Some((3001, 3001)),
    ),
    ("10.9.9.3", "ro", None),
];

fn export_code(nas: &mut Nas) -> Result<()> {
    let mut create = vec!["share", "nfs", "create", "code", "--path", "/srv/tank/code"];
    let clients = EXPORTS.map(|(address, rule, _)| format!("{address}={rule}"));
    for it in &clients {
        create.extend(["--client", it]);
    }
    nas.json(&create)?;
    let alice = nas.machine.sh("id -u alice; id -u bob")?;
    assert_eq!(alice, "3000\n3001\n", "as the exports name them");
    Ok(())
}

fn nfs_squashes_as_it_is_told(nas: &mut Nas) -> Result<()> {
    nas.machine
        .sh("mkdir -p /mnt/nfs; for n in 1 2 3; do ip address replace 10.9.9.$n/32 dev lo; done")?;
    for version in ["4.2", "3"] {
        for (address, rule, owners) in EXPORTS {
            let what = format!("{address} ({rule}) by version {version}");
            nas.machine.sh(&format!(
                "mount -t nfs -o vers={version} {address}:/srv/tank/code /mnt/nfs
                 echo old >/srv/tank/code/old"
            ))?;
            let written = nas.machine.exec([
                "bash",
                "-c",
                "cat /mnt/nfs/old && echo new >/mnt/nfs/root && cat /mnt/nfs/root \
                     && setpriv --reuid=3000 --regid=3000 --clear-groups touch /mnt/nfs/alice",
            ])?;
            nas.machine.sh("umount /mnt/nfs")?;
            let Some((root, alice)) = owners else {
                assert!(
                    is_refused(&written, "Read-only file system"),
                    "{what}: {written:?}"
                );
                assert_eq!(written.stdout, "old\n", "{what}");
                continue;
            };
            assert_eq!(written.success().context(what.clone())?, "old\nnew\n");
            let found = nas
                .machine
                .sh("cd /srv/tank/code; stat -c %u root alice; rm root alice old")?;
            assert_eq!(found, format!("{root}\n{alice}\n"), "{what}");
        }
    }
    Ok(())
}

fn share_status(nas: &mut Nas, name: &str) -> Result<Value> {
    let status = nas.json(&["share", "status"])?;
    let items = status["items"].as_array().context("no list")?;
    let found = items.iter().find(|it| it["name"] == name);
    found
        .cloned()
        .with_context(|| format!("no {name}: {status}"))
}

fn health(nas: &mut Nas) -> Result<String> {
    let health = nas.json(&["system", "health"])?;
    let word = health["status"].as_str();
    word.map(str::to_owned)
        .with_context(|| format!("no word: {health}"))
}

/// Waits for a look that shows this.
fn comes_to(nas: &mut Nas, what: &str, holds: impl Fn(&mut Nas) -> Result<bool>) -> Result<()> {
    for _ in 0..60 {
        if holds(nas)? {
            return Ok(());
        }
        nas.machine.sh("sleep 0.5")?;
    }
    anyhow::bail!("{what}: it did not come to that")
}

fn drift_is_told_and_mended(nas: &mut Nas) -> Result<()> {
    let before = text_of(nas, SAMBA_FILE)?;
    assert_eq!(share_status(nas, "docs")?["standing"], "managed");
    assert_eq!(health(nas)?, "healthy");
    nas.machine.sh(&format!(
        "sed -i '/^.docs/,/^$/s/read only = no/read only = yes/' {SAMBA_FILE}"
    ))?;
    comes_to(nas, "docs has drifted", |nas| {
        Ok(share_status(nas, "docs")?["standing"] == "drifted")
    })?;
    let drifted = share_status(nas, "docs")?;
    let lines = drifted["diff"].to_string();
    assert!(lines.contains("-\\tread only = yes"), "{drifted}");
    assert!(lines.contains("+\\tread only = no"), "{drifted}");
    assert_eq!(health(nas)?, "degraded");
    nas.moxnas(&["--yes", "share", "reconcile"])?;
    assert_eq!(text_of(nas, SAMBA_FILE)?, before);
    assert_eq!(share_status(nas, "docs")?["standing"], "managed");
    assert_eq!(health(nas)?, "healthy");
    Ok(())
}

#[test]
fn shares_are_served_to_whom_they_are_meant_for() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let mut nas = with_people(lab)?;
    let nas = &mut nas;
    let running = "systemctl is-active smbd vsftpd ssh nfs-server || true";
    assert!(!nas.machine.sh(running)?.lines().any(|it| it == "active"));
    offer_docs(nas)?;
    smb_serves_whom_it_may(nas)?;
    previous_versions_are_shown(nas)?;
    an_open_file_outlives_a_change(nas)?;
    ftp_keeps_users_in(nas)?;
    sftp_keeps_users_in(nas)?;
    drift_is_told_and_mended(nas)?;
    nas.moxnas(&["--yes", "share", "delete", "other"])?;
    let said = smb_refused(nas, "other", Some(BOB))?;
    assert_eq!(said, "NT_STATUS_BAD_NETWORK_NAME");

    // One password for all of them.
    let new = Login {
        password: "Alices.second-2",
        ..ALICE
    };
    let passwd = ["account", "passwd", "alice", "--password-stdin"];
    with_password(nas, new.password, &passwd)?;
    is_let_in_nowhere(nas, ALICE)?;
    is_let_in_everywhere(nas, new, "second\n")?;
    a_key_lets_its_owner_in(nas)?;
    nas.json(&["account", "set", "alice", "--enabled", "false"])?;
    is_let_in_nowhere(nas, new)?;
    // The key is hers still, but the account is over.
    let said = by_key(nas)?;
    assert!(is_refused(&said, "Connection closed"), "{said:?}");
    nas.json(&["account", "set", "alice", "--enabled", "true"])?;

    reboot(nas)?;
    is_let_in_everywhere(nas, new, "second\n")?;
    let said = ftp(nas, BOB, &["ls", "put docs/new"])?;
    assert!(said[0] == "docs" && said[1].starts_with("550"), "{said:?}");
    nas.json(&["account", "set", "alice", "--enabled", "false"])?;
    is_let_in_nowhere(nas, new)
}

#[test]
fn exports_are_served_as_they_are_meant() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let mut nas = with_people(lab)?;
    let nas = &mut nas;
    a_home_is_of_its_user_alone(nas)?;
    export_code(nas)?;
    nfs_squashes_as_it_is_told(nas)?;
    reboot(nas)?;
    nfs_squashes_as_it_is_told(nas)?;
    nas.moxnas(&["--yes", "share", "delete", "code"])?;
    let mount = "timeout 20 mount -t nfs -o vers=4.2 127.0.0.1:/srv/tank/code /mnt/nfs";
    let said = nas.machine.exec(mount.split(' '))?;
    assert_ne!(said.status, 0, "{said:?}");
    Ok(())
}
