//! The commands that reach another machine, and what they say.

use std::{path::Path, sync::Arc};

use moxnas_core::{
    cmd::{Output, ScriptedRunner},
    root::Root,
};
use moxnas_pool::{
    real::argv,
    remote::{self, Address, HostKey, Request, SshTargets, TargetBackend, scanned},
};

use crate::remote::{Two, data, name, target};

#[test]
fn these_are_all_commands_that_reach_another_machine() {
    let two = Two::with_snapshots();
    let plan = two.plan(&data()).unwrap();
    let folder = Path::new("/var/lib/moxnas/ssh");
    let mut shown: Vec<String> = Vec::new();
    for step in &plan.steps {
        if let Some((send, ssh)) = remote::commands(folder, &target(), step) {
            shown.extend(send.map(|it| format!("{it} |")));
            shown.push(ssh.to_string());
        }
    }
    let ssh = "ssh -F none -T -o \"IdentityFile=\\\"/var/lib/moxnas/ssh/id_ed25519\\\"\" \
               -o IdentitiesOnly=yes -o IdentityAgent=none -o BatchMode=yes \
               -o PreferredAuthentications=publickey -o StrictHostKeyChecking=yes \
               -o \"UserKnownHostsFile=\\\"/var/lib/moxnas/ssh/known_attic\\\"\" \
               -o GlobalKnownHostsFile=/dev/null -o HostKeyAlias=attic -o UpdateHostKeys=no \
               -o ClearAllForwardings=yes -o ControlPath=none -o ConnectTimeout=10 \
               -o ServerAliveInterval=15 -o ServerAliveCountMax=4 -o LogLevel=ERROR -p 22 -l root -- \
               neighbour.sim";
    let asks = |it: &str| format!("{ssh} \"moxnas-replica 1 {it}\"");
    let taken = two.contents().snapshots[0].created.unwrap();
    let taken = moxnas_pool::prune::Timestamp::try_from(taken).unwrap();
    let later = two.contents().snapshots[1].created.unwrap();
    let later = moxnas_pool::prune::Timestamp::try_from(later).unwrap();
    assert_eq!(
        shown,
        [
            "btrfs send /srv/tank/.snapshots/data/monday |".to_owned(),
            asks(&format!("receive backup data monday {taken}")),
            "btrfs send -p /srv/tank/.snapshots/data/monday /srv/tank/.snapshots/data/tuesday |"
                .to_owned(),
            asks(&format!("receive backup data tuesday {later}")),
            asks("digest backup data tuesday"),
            asks("hold backup data tuesday source:tank/data"),
        ]
    );
    let key = argv::key_file(folder);
    let (pool, dataset) = (name("backup"), "data".parse().unwrap());
    let address = Address {
        host: "fe80::1".parse().unwrap(),
        port: 2222,
    };
    assert_eq!(address.to_string(), "[fe80::1]:2222");
    for (cmd, words) in [
        (
            argv::scan(&address),
            "ssh-keyscan -T 10 -t ed25519,ecdsa,rsa -p 2222 -- fe80::1",
        ),
        (
            argv::make_key(&key, "nas"),
            "ssh-keygen -q -t ed25519 -N \"\" -C moxnas@nas -f /var/lib/moxnas/ssh/id_ed25519",
        ),
        (
            argv::public_key(&key),
            "ssh-keygen -y -f /var/lib/moxnas/ssh/id_ed25519",
        ),
        (
            argv::receive(&pool, &dataset),
            "btrfs receive --chroot -e /srv/backup/.snapshots/data",
        ),
    ] {
        assert_eq!(cmd.to_string(), words);
    }
    assert_eq!(
        target().authorized_line("ssh-ed25519 AAAA moxnas@nas"),
        "restrict,command=\"moxnas replica serve --pool backup\" ssh-ed25519 AAAA moxnas@nas"
    );
    for bad in ["-oProxyCommand=id", "a b", "a;b", "", "a/b"] {
        assert!(bad.parse::<remote::HostName>().is_err(), "{bad}");
        assert!(bad.parse::<remote::UserName>().is_err(), "{bad}");
    }
}

/// As ssh-keyscan(1) of OpenSSH 9.2 writes it.
#[test]
fn host_keys_are_read_and_the_usual_one_comes_first() {
    let text = "[127.0.0.1]:2222 ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYA\
                AABBBBzh7h2AC46+JbOB0Gh2rGtOrsNx39x12vIqnYOwPPNQjAIp+0RYtfisohtcxm0bz3WmTZLQRtaXg4N4\
                eBGrmt4=\n\
                [127.0.0.1]:2222 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHNaa7MCPjv9wcfuMbRfEKX36F0YF+TW\
                CrJmIBtyCe+i\n";
    let keys = scanned(text);
    let kinds: Vec<&str> = keys.iter().map(HostKey::kind).collect();
    assert_eq!(kinds, ["ssh-ed25519", "ecdsa-sha2-nistp256"]);
    // As ssh(1) of that machine said.
    assert_eq!(
        keys[0].fingerprint(),
        "SHA256:8LlCvynZ4RjFXiaBKKfr1pIV6GghiQOk+OBgE42adr8"
    );
    for bad in [
        "ssh-ed25519",
        "ssh-ed25519 a b",
        "ssh-ed25519 !",
        "-x AAAA",
        "a b AAAA",
    ] {
        assert!(bad.parse::<HostKey>().is_err(), "{bad}");
    }
}

/// What ssh(1) of OpenSSH 9.2 said, and what that means.
#[test]
fn what_ssh_complains_of_is_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Path::new("/keys");
    std::fs::create_dir(dir.path().join("keys")).unwrap();
    std::fs::write(dir.path().join("keys/id_ed25519"), "a key").unwrap();
    let look = Request::Look {
        pool: name("backup"),
    };
    for (status, said, code) in [
        (
            255,
            "ssh: connect to host 127.0.0.1 port 2299: Connection refused",
            "target_unreachable",
        ),
        (
            255,
            "ssh: Could not resolve hostname nohost.invalid: Temporary failure in name resolution",
            "target_unreachable",
        ),
        (
            255,
            "root@127.0.0.1: Permission denied (publickey,password).",
            "target_key_refused",
        ),
        (
            255,
            "No ED25519 host key is known for nas2 and you have requested strict checking.\nHost key \
             verification failed.",
            "target_host_key_changed",
        ),
        (
            255,
            "Host key for nas2 has changed and you have requested strict checking.\nHost key \
             verification failed.",
            "target_host_key_changed",
        ),
        (
            255,
            "client_loop: send disconnect: Broken pipe",
            "target_connection_broke",
        ),
        (
            127,
            "bash: line 1: nomoxnas: command not found",
            "target_without_moxnas",
        ),
        (
            2,
            "error: unrecognized subcommand 'replica'",
            "target_without_moxnas",
        ),
        (0, "", "target_without_moxnas"),
    ] {
        let runner = ScriptedRunner::default()
            .expect("ssh-keygen -y -f /keys/id_ed25519", "ssh-ed25519 AAAA us\n")
            .answer(
                &argv::ssh(folder, &target(), &look).to_string(),
                Output {
                    status,
                    stderr: said.into(),
                    ..Output::default()
                },
            );
        let root = Root::fixture(dir.path());
        let targets = SshTargets::new(root, Arc::new(runner), folder);
        let err = targets.look(&target(), &name("backup")).unwrap_err();
        assert_eq!(err.code(), code, "{said}: {err}");
        assert!(err.hint().is_some());
    }
    let known = std::fs::read_to_string(dir.path().join("keys/known_attic")).unwrap();
    assert_eq!(known, format!("attic {}\n", target().host_key));
}
