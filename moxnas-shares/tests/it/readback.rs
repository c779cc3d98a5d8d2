//! What the programs make of the files that are for them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read,
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream, process::CommandExt},
    },
    path::Path,
    process::{Command, Output},
};

use moxnas_shares::{
    exports,
    import::{Format, Left, Source, import},
    model::{Intent, SmbProtocol},
    parsed::Parsed,
    render::{Places, render},
    smb_conf,
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseResult, TestRunner},
};

use crate::wishes;

/// What testparm says of files that are right, and why that is no matter.
const HARMLESS: &[(&str, &str)] = &[
    ("Load smb config files from ", "it says which file it reads"),
    ("Loaded services file OK.", "it says that it could"),
    (
        "Weak crypto is allowed by GnuTLS",
        "it says so of the machine, whatever the file",
    ),
    ("Server role: ROLE_STANDALONE", "it is what is rendered"),
];

/// What a program says and does. That it is not there is no reason to pass.
fn run(program: &str, package: &str, command: &mut Command) -> Output {
    match command.output() {
        Ok(output) => output,
        Err(error) => panic!("{program} could not be started: {error}; install {package}"),
    }
}

#[expect(clippy::disallowed_methods, reason = "the truth is in another program")]
fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    // Not everybody's path has the folders of the system's programs.
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command
}

/// One intent after the other, with as many as a few seconds have room for.
fn with_intents(cases: u32, check: impl Fn(Intent) -> TestCaseResult) {
    let config = Config {
        cases,
        // Those that failed are found again by the seed that is shown.
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&wishes::intent(), check)
        .unwrap();
}

fn text_of(intent: &Intent, path: &str) -> String {
    let files = render(intent, &Places::default()).unwrap();
    files.into_iter().find(|it| it.path == path).unwrap().text
}

/// What is said in each section, the last of each option.
type Values = BTreeMap<String, BTreeMap<String, String>>;

fn values(text: &str) -> Values {
    let parsed = smb_conf::parse(text);
    assert_eq!(parsed.errors, [], "{text}");
    let section = |it: smb_conf::Section| {
        let params = it.params.into_iter().map(|it| (it.name, it.value));
        (it.name.to_lowercase(), params.collect())
    };
    parsed.items.into_iter().map(section).collect()
}

/// What testparm says there is, also what is so because nobody says otherwise, and what it
/// complains of.
fn testparm(file: &Path, text: &str) -> Output {
    fs::write(file, text).unwrap();
    let arguments = ["-s", "-v", "--suppress-prompt"];
    run(
        "testparm",
        "samba-common-bin",
        command("testparm").args(arguments).arg(file),
    )
}

/// Samba reads every value that is written as it is meant, and has nothing to complain of.
#[test]
fn testparm_reads_what_is_rendered() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("smb.conf");
    with_intents(24, |intent| {
        let written = text_of(&intent, &Places::default().samba);
        let output = testparm(&file, &written);
        let says = String::from_utf8_lossy(&output.stderr);
        let harmful: Vec<&str> = says
            .lines()
            .filter(|it| !it.trim().is_empty())
            .filter(|it| !HARMLESS.iter().any(|(begins, _)| it.starts_with(begins)))
            .collect();
        prop_assert!(output.status.success(), "{}\n{}", says, written);
        prop_assert_eq!(harmful, [""; 0], "{}", written);
        let (wanted, got) = (
            values(&written),
            values(&String::from_utf8(output.stdout).unwrap()),
        );
        prop_assert_eq!(
            wanted.keys().collect::<Vec<_>>(),
            got.keys().collect::<Vec<_>>()
        );
        for (section, params) in &wanted {
            for (name, value) in params {
                let read = got[section].get(name).map(String::as_str);
                // What a share says as the server does is not said again.
                let read = read.or_else(|| got["global"].get(name).map(String::as_str));
                let is_same = read.is_some_and(|it| smb_conf::same(name, value, it));
                prop_assert!(is_same, "[{}] {}: {:?} {:?}", section, name, value, read);
            }
        }
        Ok(())
    });
}

/// Networks as others write them, and as they are written here.
const NETWORKS: [(&str, &str); 3] = [
    ("10.0.0.0/255.0.0.0", "10.0.0.0/8"),
    ("127. ", "127.0.0.0/8 "),
    ("192.168.1.", "192.168.1.0/24"),
];

/// What Samba itself says before and after is the same, but for what import says it is not.
#[test]
fn what_is_taken_over_is_the_same_to_samba() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("smb.conf");
    let places = Places::default();
    let config = Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    };
    let for_shares = wishes::FOR_SHARES.iter();
    let for_shares: BTreeSet<String> = for_shares
        .map(|it| smb_conf::canonical_name(it.split_once('=').unwrap().0.trim()))
        .collect();
    let check = |text: String| {
        let before = testparm(&file, &text);
        let says = String::from_utf8_lossy(&before.stderr);
        prop_assert!(before.status.success(), "{}\n{}", says, text);
        let source = Source {
            path: "smb.conf",
            format: Format::SmbConf,
            text: &text,
        };
        let imported = import(&[source], &places);
        let written = text_of(&imported.intent, &places.samba);
        let after = testparm(&file, &written);
        let values = |it: Output| values(&String::from_utf8(it.stdout).unwrap());
        let (before, after) = (values(before), values(after));
        let is_told = |section: &str, name: &str| {
            let all = imported.left.iter();
            let of_it = |it: &&Left| {
                it.section
                    .as_deref()
                    .is_some_and(|it| it == section || it == "global")
            };
            all.filter(of_it)
                .any(|it| it.option.as_deref().is_none_or(|it| it == name))
        };
        for (section, said) in &before {
            let is_off = said.get("available").or(before["global"].get("available"));
            let is_off = section != "global" && is_off.is_some_and(|it| it == "No");
            let Some(now) = after.get(section).filter(|_| !is_off) else {
                prop_assert!(
                    is_off || is_told(section, ""),
                    "[{}] is not told\n{}",
                    section,
                    text
                );
                continue;
            };
            // What the server says for shares is found with those.
            let is_compared = |it: &&String| section != "global" || !for_shares.contains(*it);
            let names = said.keys().chain(now.keys());
            let names: BTreeSet<&String> = names.filter(is_compared).collect();
            for name in names {
                // A value that is that of the server is not said again of a share.
                let of = |it: &Values| {
                    let said = it[section].get(name).or_else(|| it["global"].get(name));
                    said.cloned().unwrap_or_default()
                };
                let (mut was, is) = (of(&before), of(&after));
                // What a module takes where nothing is said testparm does not know.
                if was.is_empty() && name.contains(':') {
                    continue;
                }
                if name.starts_with("hosts ") {
                    let write = |was: String, (from, to): (&str, &str)| was.replace(from, to);
                    was = NETWORKS.into_iter().fold(was, write);
                }
                let is_same = smb_conf::same(name, &was, &is) || is_told(section, name);
                prop_assert!(
                    is_same,
                    "[{}] {}: {:?} {:?}\n{}\n{}",
                    section,
                    name,
                    was,
                    is,
                    text,
                    written
                );
            }
        }
        Ok(())
    };
    TestRunner::new(config)
        .run(&wishes::foreign(), check)
        .unwrap();
}

/// Words of Samba can mean more than they say: `SMB3` is the newest of all that begin so.
#[test]
fn each_protocol_is_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("smb.conf");
    let protocols = [
        SmbProtocol::Smb2_10,
        SmbProtocol::Smb3,
        SmbProtocol::Smb3_11,
    ];
    let read = protocols.map(|it| {
        let mut intent = Intent::default();
        intent.settings.smb.min_protocol = it;
        fs::write(&file, text_of(&intent, &Places::default().samba)).unwrap();
        let arguments = [
            "-s",
            "--suppress-prompt",
            "--parameter-name=server min protocol",
        ];
        let output = run(
            "testparm",
            "samba-common-bin",
            command("testparm").args(arguments).arg(&file),
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    });
    assert_eq!(read, ["SMB2", "SMB3_00", "SMB3"]);
}

/// In a namespace of its own, with files of its own where exportfs looks for them; `exportfs`
/// writes down what it read before it asks the kernel, which need not have an nfsd here. So what is
/// shown is what mountd would tell the kernel, not what the kernel takes.
const EXPORTFS: &str = "\
set -e
mount -t tmpfs none /var/lib/nfs
touch /var/lib/nfs/etab /var/lib/nfs/rmtab
mount --bind \"$1\" /etc/exports
mount --bind \"$2\" /etc/hosts
if test -d /etc/exports.d; then mount -t tmpfs none /etc/exports.d; fi
exportfs -ra
cat /var/lib/nfs/etab";

/// exportfs reads every option that is written as it is meant, and has nothing to complain of.
#[test]
fn exportfs_reads_what_is_rendered() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("exports");
    let hosts = folder.path().join("hosts");
    // A host that nobody knows is a complaint, and no export.
    fs::write(&hosts, "127.0.0.1 localhost\n192.0.2.1 pc001\n").unwrap();
    with_intents(16, |mut intent| {
        for it in &mut intent.shares {
            // It looks for the folder that is offered.
            let path = folder.path().join(it.path.as_str().trim_start_matches('/'));
            fs::create_dir_all(&path).unwrap();
            it.path = path.to_str().unwrap().parse().unwrap();
        }
        let written = text_of(&intent, &Places::default().exports);
        fs::write(&file, &written).unwrap();
        let output = run(
            "unshare",
            "util-linux",
            command("unshare")
                .args(["--map-root-user", "--mount", "sh", "-c", EXPORTFS, "sh"])
                .args([&file, &hosts]),
        );
        let says = String::from_utf8_lossy(&output.stderr);
        prop_assert!(
            !says.contains("not found"),
            "{}; install nfs-kernel-server",
            says
        );
        prop_assert!(
            output.status.success() && says.is_empty(),
            "{}\n{}",
            says,
            written
        );
        let got = exports::parse(&String::from_utf8(output.stdout).unwrap());
        let wanted = exports::parse(&written);
        prop_assert_eq!(&got.errors, &[], "{}", written);
        let of = |it: Parsed<exports::Export>| -> Effects {
            let export = |it: exports::Export| {
                let path = it.path;
                let client =
                    move |it: exports::Client| ((path.clone(), it.client.clone()), it.effect());
                it.clients.into_iter().map(client).collect::<Vec<_>>()
            };
            it.items.into_iter().flat_map(export).collect()
        };
        let (got, wanted) = (of(got), of(wanted));
        let clients = wanted.keys().chain(got.keys());
        for it in clients {
            prop_assert_eq!(got.get(it), wanted.get(it), "{:?}\n{}", it, written);
        }
        Ok(())
    });
}

/// What comes of an export for a client.
type Effects = BTreeMap<(String, String), exports::Effect>;

/// vsftpd takes every line: it gets as far as the connection, which is none of the kind that it
/// serves.
#[test]
fn vsftpd_takes_what_is_rendered() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vsftpd.conf");
    let says = |text: &str| {
        fs::write(&file, text).unwrap();
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        // As from inetd: on a port it would stay. When it ends it ends its whole group, which is
        // not ours.
        let mut command = command("vsftpd");
        command.arg(&file).args(["-olisten=NO", "-olisten_ipv6=NO"]);
        command.stdin(OwnedFd::from(theirs)).process_group(0);
        run("vsftpd", "vsftpd", &mut command);
        drop(command);
        let mut says = String::new();
        ours.read_to_string(&mut says).unwrap();
        says
    };
    // It has no certificate here, and is reached in no way that it knows.
    let taken = |is_plain| match is_plain {
        true => "500 OOPS: can only support ipv4 and ipv6 currently\r\n",
        false => "500 OOPS: SSL: cannot load RSA certificate\r\n",
    };
    assert_eq!(
        says("bogus=1\n"),
        "500 OOPS: unrecognised variable in config file: bogus\r\n"
    );
    with_intents(16, |intent| {
        let written = text_of(&intent, &Places::default().vsftpd);
        let taken = taken(intent.settings.ftp.plaintext);
        prop_assert_eq!(says(&written), taken, "{}", written);
        Ok(())
    });
}
