//! Every option that is written is one that its program knows.

use std::{collections::BTreeSet, path::Path};

use moxnas_core::units::Bytes;
use moxnas_shares::{
    exports,
    model::{
        ClientOptions, Encryption, Intent, Mode, Nfs, NfsRule, PreviousVersions, Recycle, Security,
        Share, Smb, TimeMachine, Transfer, TransferUser,
    },
    render::{Places, Service, render},
    smb_conf, vsftpd_conf,
};
use serde_json::Value;

use crate::{corpus, read};

/// Options of modules, which are in no list of Samba's own; each is in the page of its module.
const OF_MODULES: &[(&str, &[&str])] = &[
    (
        "vfs_fruit(8)",
        &[
            "fruit:aapl",
            "fruit:delete_empty_adfiles",
            "fruit:metadata",
            "fruit:nfs_aces",
            "fruit:posix_rename",
            "fruit:time machine",
            "fruit:time machine max size",
            "fruit:veto_appledouble",
        ],
    ),
    (
        "vfs_full_audit(8)",
        &[
            "full_audit:facility",
            "full_audit:failure",
            "full_audit:prefix",
            "full_audit:priority",
            "full_audit:success",
        ],
    ),
    (
        "vfs_recycle(8)",
        &[
            "recycle:directory_mode",
            "recycle:keeptree",
            "recycle:maxsize",
            "recycle:repository",
            "recycle:subdir_mode",
            "recycle:touch",
            "recycle:versions",
        ],
    ),
    (
        "vfs_shadow_copy2(8)",
        &[
            "shadow:basedir",
            "shadow:delimiter",
            "shadow:format",
            "shadow:snapdir",
            "shadow:snapprefix",
            "shadow:sort",
        ],
    ),
];

/// Everything that can be said is said.
fn everything() -> Intent {
    let path = || "/srv/a".parse().unwrap();
    let people = || vec!["a".parse().unwrap()];
    let hosts = || vec!["10.0.0.0/8".parse().unwrap()];
    let mut share = Share::new("a".parse().unwrap(), path());
    share.description = "a".parse().unwrap();
    share.smb = Some(Smb {
        valid_users: people(),
        invalid_users: people(),
        read_list: people(),
        write_list: people(),
        hosts_allow: hosts(),
        hosts_deny: hosts(),
        create_mask: Mode::new(0o660),
        directory_mask: Mode::new(0o770),
        force_user: Some("a".parse().unwrap()),
        force_group: Some("a".parse().unwrap()),
        encryption: Encryption::Required,
        recycle: Some(Recycle {
            max_size: Some(Bytes(1)),
            ..Recycle::default()
        }),
        audit: true,
        previous_versions: Some(PreviousVersions {
            snapshots: path(),
            of: path(),
        }),
        apple: true,
        time_machine: Some(TimeMachine {
            max_size: Some(Bytes(1)),
        }),
        max_connections: 1.try_into().ok(),
        ..Smb::default()
    });
    share.nfs = Some(Nfs {
        clients: vec![NfsRule {
            client: "*".parse().unwrap(),
            options: ClientOptions {
                anonuid: Some(1),
                anongid: Some(1),
                sec: Security::ALL.to_vec(),
                insecure_ports: true,
                crossmnt: true,
                ..ClientOptions::default()
            },
        }],
        fsid: Some("root".parse().unwrap()),
    });
    share.ftp = Some(Transfer {
        users: vec![TransferUser {
            user: "a".parse().unwrap(),
            write: true,
        }],
    });
    let mut intent = Intent {
        shares: vec![share],
        ..Intent::default()
    };
    intent.settings.smb.encryption = Encryption::Desired;
    intent.settings.ftp.passive_address = Some([192, 0, 2, 1].into());
    intent
        .settings
        .ftp
        .max_rate_of
        .insert("a".parse().unwrap(), Bytes(1));
    intent
}

fn text(path: &str) -> String {
    let files = render(&everything(), &Places::default()).unwrap();
    files.into_iter().find(|it| it.path == path).unwrap().text
}

fn json(root: &Path, name: &str) -> Value {
    serde_json::from_str(&read(&root.join(name))).unwrap()
}

fn key(name: &str) -> String {
    let letters = name.chars().filter(|it| !it.is_whitespace());
    letters.flat_map(char::to_lowercase).collect()
}

fn told(what: &str, written: &BTreeSet<String>, unknown: &[&String]) {
    let known = written.len() - unknown.len();
    println!("{what}: {known} of {} hold", written.len());
    assert!(unknown.is_empty(), "{what} knows no {unknown:?}");
}

#[test]
fn outside_names_of_samba() {
    let Some(root) = corpus() else {
        return;
    };
    let params = json(&root, "samba/params_4.22.json");
    let params = params.as_object().unwrap();
    let synonyms = params
        .values()
        .flat_map(|it| it["synonyms"].as_array().unwrap());
    let synonyms = synonyms.map(|it| it.as_str().unwrap());
    let names: BTreeSet<String> = params
        .keys()
        .map(String::as_str)
        .chain(synonyms)
        .map(key)
        .collect();
    let parsed = smb_conf::parse(&text(&Places::default().samba));
    assert_eq!(parsed.errors, []);
    let written = parsed.items.into_iter().flat_map(|it| it.params);
    let written: BTreeSet<String> = written.map(|it| it.written).collect();
    let (modules, own): (BTreeSet<String>, BTreeSet<String>) = written
        .into_iter()
        .partition(|it| it.contains(':') && !names.contains(&key(it)));
    let unknown: Vec<&String> = own.iter().filter(|it| !names.contains(&key(it))).collect();
    told("names of Samba", &own, &unknown);
    println!(
        "names of modules, which no list has: {}",
        Vec::from_iter(&modules).len()
    );
    for (page, names) in OF_MODULES {
        println!("  {page}: {}", names.join(", "));
    }
    let listed = OF_MODULES
        .iter()
        .flat_map(|(_, it)| it.iter())
        .map(|it| (*it).to_owned());
    assert_eq!(modules, listed.collect::<BTreeSet<_>>());
}

/// A second name is read as the first.
#[test]
fn outside_synonyms_of_samba() {
    let Some(root) = corpus() else {
        return;
    };
    let params = json(&root, "samba/params_4.22.json");
    let mut unread = Vec::new();
    let mut all = 0;
    for (name, param) in params.as_object().unwrap() {
        for synonym in param["synonyms"].as_array().unwrap() {
            all += 1;
            let synonym = synonym.as_str().unwrap();
            if smb_conf::canonical_name(synonym) != smb_conf::canonical_name(name) {
                unread.push(format!("{synonym} of {name}"));
            }
        }
    }
    println!("second names: {} of {all} hold", all - unread.len());
    assert!(unread.is_empty(), "{unread:#?}");
    assert!(all >= 34, "the list is not whole: {all}");
}

#[test]
fn outside_names_of_exports() {
    let Some(root) = corpus() else {
        return;
    };
    let names: BTreeSet<String> =
        serde_json::from_value(json(&root, "exports_option_names.json")).unwrap();
    let parsed = exports::parse(&text(&Places::default().exports));
    assert_eq!(parsed.errors, []);
    let clients = parsed.items.into_iter().flat_map(|it| it.clients);
    let written: BTreeSet<String> = clients
        .flat_map(|it| it.options)
        .map(|it| match it.split_once('=') {
            Some((name, _)) => format!("{name}="),
            None => it,
        })
        .collect();
    let unknown: Vec<&String> = written.iter().filter(|it| !names.contains(*it)).collect();
    told("options of exports", &written, &unknown);
    // What is the other side of what is written here.
    for it in [
        "rw",
        "async",
        "all_squash",
        "no_root_squash",
        "subtree_check",
    ] {
        assert!(names.contains(it), "{it}");
    }
}

#[test]
fn outside_names_of_vsftpd() {
    let Some(root) = corpus() else {
        return;
    };
    let lists = json(&root, "vsftpd_option_names.json");
    let lists = lists.as_object().unwrap().values();
    let names = lists.flat_map(|it| it.as_array().unwrap());
    let names: BTreeSet<&str> = names.map(|it| it.as_str().unwrap()).collect();
    let files = render(&everything(), &Places::default()).unwrap();
    let of_ftp = files
        .iter()
        .filter(|it| it.service == Service::Ftp && it.text.contains('='));
    let conf = of_ftp.filter(|it| it.path.contains("vsftpd"));
    let mut written = BTreeSet::new();
    for file in conf {
        let parsed = vsftpd_conf::parse(&file.text);
        assert_eq!(parsed.errors, [], "{}", file.path);
        written.extend(parsed.items.into_iter().map(|it| it.name));
    }
    let unknown: Vec<&String> = written
        .iter()
        .filter(|it| !names.contains(it.as_str()))
        .collect();
    told("options of vsftpd", &written, &unknown);
    assert!(
        written.contains("local_root"),
        "the file of a user is not read"
    );
    // Whatever it knows is read here.
    let unread: Vec<&&str> = names
        .iter()
        .filter(|it| !vsftpd_conf::parse(&format!("{it}=1")).errors.is_empty())
        .collect();
    println!(
        "options of vsftpd that are read: {} of {} hold",
        names.len() - unread.len(),
        names.len()
    );
    assert!(unread.is_empty(), "{unread:?}");
}
