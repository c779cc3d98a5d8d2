//! Intents of all kinds.

use std::{collections::BTreeSet, fmt::Debug, num::NonZeroU16, str::FromStr};

use moxnas_core::units::Bytes;
use moxnas_shares::model::{
    Access, ClientOptions, Encryption, FtpSettings, Intent, Mode, Nfs, NfsRule, PassivePorts,
    PreviousVersions, Recycle, Security, Share, Smb, SmbProtocol, SmbSettings, Squash, TimeMachine,
    TlsFiles,
};
use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::{select, subsequence},
};

/// What a text of such a form is, if it is anything: of many forms some texts are refused.
fn parsed<T: FromStr<Err: Debug> + Debug>(form: &'static str) -> impl Strategy<Value = T> {
    form.prop_filter_map("refused", |it| it.parse().ok())
}

fn text_of<T: FromStr<Err: Debug> + Debug>(
    all: &'static [&'static str],
) -> impl Strategy<Value = T> {
    select(all).prop_map(|it| it.parse().unwrap())
}

/// A folder that can be told to Samba too, and to exportfs: no digits that stand for a byte.
fn folder<T: FromStr<Err: Debug> + Debug>() -> impl Strategy<Value = T> {
    "/[a-zA-Z0-9äö]([a-zA-Z0-9_.;#=,()&äö-]| [a-z#;\\[]|/[a-zA-Z0-9ä#]|\\\\[a-z0-7]{1,2}[a-z]){0,20}"
        .prop_filter_map("no folder", |it| it.parse().ok())
}

fn line<T: FromStr<Err: Debug> + Debug>() -> impl Strategy<Value = T> {
    parsed("([a-zA-Z0-9#;=\\[\\]äö']| [a-z;#=]){0,30}")
}

fn size() -> impl Strategy<Value = Bytes> {
    prop_oneof![1u64..5000, Just(1 << 40), (1u64..1 << 62)].prop_map(Bytes)
}

fn people<T: FromStr<Err: Debug> + Debug>() -> impl Strategy<Value = Vec<T>> {
    vec(
        parsed("@?([a-z][a-z0-9._$-]{0,8}|EXAMPLE\\\\[a-z]{1,5}|@[a-z]{1,4} [a-z]{1,4})"),
        0..4,
    )
}

fn machines<T: FromStr<Err: Debug> + Debug>() -> impl Strategy<Value = Vec<T>> {
    const ALL: &[&str] = &[
        "ALL",
        "192.168.1.7",
        "10.0.0.0/8",
        "10.1.0.0/255.255.0.0",
        "2001:db8::/32",
        "::1",
        "pc1",
        ".example.com",
        "@trusted",
    ];
    vec(text_of(ALL), 0..4)
}

fn mode() -> impl Strategy<Value = Mode> {
    (0u16..=0o7777).prop_map(|it| Mode::new(it).unwrap())
}

fn encryption() -> impl Strategy<Value = Encryption> {
    select(&[
        Encryption::Default,
        Encryption::Desired,
        Encryption::Required,
        Encryption::Off,
    ])
}

/// A share as SMB offers it. Whether it speaks to Macs is said once for all, see [`intent`].
pub(crate) fn smb() -> impl Strategy<Value = Smb> {
    let said = (
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        encryption(),
    );
    let lists = (
        people(),
        people(),
        people(),
        people(),
        machines(),
        machines(),
    );
    let as_whom = (
        option::of(mode()),
        option::of(mode()),
        option::of(parsed("[a-z][a-z0-9_.-]{0,8}")),
        option::of(parsed(
            "([A-Z]{1,4}\\\\)?[a-z][a-z0-9_-]{0,6}( [a-z]{1,4})?",
        )),
    );
    let recycle = (any::<bool>(), any::<bool>(), option::of(size())).prop_map(
        |(keep_tree, versions, max_size)| Recycle {
            keep_tree,
            versions,
            max_size,
        },
    );
    let versions =
        (folder(), folder()).prop_map(|(snapshots, of)| PreviousVersions { snapshots, of });
    let modules = (
        option::of(recycle),
        option::of(versions),
        option::of(option::of(size()).prop_map(|max_size| TimeMachine { max_size })),
        option::of((1u16..).prop_map(|it| NonZeroU16::new(it).unwrap())),
    );
    (said, lists, as_whom, modules).prop_map(|(said, lists, as_whom, modules)| {
        let (read_only, guest, browseable, audit, encryption) = said;
        let (valid_users, invalid_users, read_list, write_list, hosts_allow, hosts_deny) = lists;
        let (create_mask, directory_mask, force_user, force_group) = as_whom;
        let (recycle, previous_versions, time_machine, max_connections) = modules;
        Smb {
            read_only,
            guest,
            browseable,
            valid_users,
            invalid_users,
            read_list,
            write_list,
            hosts_allow,
            hosts_deny,
            create_mask,
            directory_mask,
            force_user,
            force_group,
            encryption,
            recycle,
            audit,
            previous_versions,
            apple: false,
            time_machine,
            max_connections,
        }
    })
}

fn client_options() -> impl Strategy<Value = ClientOptions> {
    let flags = (
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    );
    // 65534 is who nobody is anyway, and the kernel has no user of the largest number.
    let id = || option::of((0u32..u32::MAX - 1).prop_filter("nobody", |it| *it != 65534));
    let sec = subsequence(&Security::ALL[..], 0..=4).prop_shuffle();
    let sec = sec.prop_filter("that is what holds anyway", |it| it != &[Security::Sys]);
    let squash = select(&[Squash::Root, Squash::All, Squash::None]);
    (flags, id(), id(), sec, squash).prop_map(|(flags, anonuid, anongid, sec, squash)| {
        let (writes, subtree_check, asynchronous, insecure_ports, crossmnt) = flags;
        ClientOptions {
            access: match writes {
                true => Access::ReadWrite,
                false => Access::ReadOnly,
            },
            squash,
            anonuid,
            anongid,
            sec,
            subtree_check,
            asynchronous,
            insecure_ports,
            crossmnt,
        }
    })
}

/// A share as NFS offers it, to each machine once.
pub(crate) fn nfs() -> impl Strategy<Value = Nfs> {
    const CLIENTS: &[&str] = &[
        "*",
        "192.168.1.7",
        "10.0.0.0/8",
        "2001:db8::/64",
        "fe80::1",
        "pc001",
        "*.example.com",
        "build[0-9].example.com",
        "@trusted",
        "p?.example.com",
    ];
    const FSIDS: &[&str] = &[
        "root",
        "1",
        "4294967295",
        "12345678901234567890123456789012",
    ];
    let clients = subsequence(CLIENTS, 1..=4).prop_shuffle();
    let rules = clients.prop_flat_map(|all| {
        let all = all.into_iter();
        all.map(|it| {
            client_options().prop_map(move |options| NfsRule {
                client: it.parse().unwrap(),
                options,
            })
        })
        .collect::<Vec<_>>()
    });
    (rules, option::of(text_of(FSIDS))).prop_map(|(clients, fsid)| Nfs { clients, fsid })
}

fn smb_settings() -> impl Strategy<Value = SmbSettings> {
    let names = (
        parsed("[A-Z][A-Z0-9_-]{0,14}"),
        line(),
        parsed("[A-Z][A-Z0-9-]{0,14}"),
        parsed("[a-z][a-z0-9_]{0,8}"),
    );
    let protocol = select(&[
        SmbProtocol::Smb2_10,
        SmbProtocol::Smb3,
        SmbProtocol::Smb3_11,
    ]);
    (names, protocol, any::<bool>(), encryption(), any::<bool>()).prop_map(
        |(names, min_protocol, signing_required, encryption, apple)| {
            let (workgroup, server_string, netbios_name, guest_account) = names;
            SmbSettings {
                workgroup,
                server_string,
                netbios_name,
                min_protocol,
                signing_required,
                encryption,
                guest_account,
                apple,
            }
        },
    )
}

fn ftp_settings() -> impl Strategy<Value = FtpSettings> {
    let numbers = (
        any::<u16>(),
        any::<u16>(),
        any::<u16>(),
        any::<u32>(),
        any::<u32>(),
        any::<u32>(),
    );
    let texts = (
        folder(),
        folder(),
        line(),
        option::of(any::<std::net::Ipv4Addr>()),
    );
    (numbers, texts, any::<bool>(), option::of(1..=u32::MAX)).prop_map(
        |(numbers, texts, plaintext, max_rate)| {
            let (port, from, to, max_clients, max_per_address, idle_s) = numbers;
            let (certificate, key, banner, passive_address) = texts;
            // What is of no use without encryption is nowhere compared.
            let usual = FtpSettings::default().tls;
            FtpSettings {
                port,
                passive_ports: PassivePorts { from, to },
                passive_address,
                tls: match plaintext {
                    true => usual,
                    false => TlsFiles { certificate, key },
                },
                plaintext,
                banner,
                max_clients,
                max_per_address,
                idle_s,
                max_rate: max_rate.map(|it| Bytes(it.into())),
                ..FtpSettings::default()
            }
        },
    )
}

/// An intent with all that its files can say of it. What they cannot: the name of what NFS alone
/// offers, which is that of its folder here; who speaks to Macs, which is everybody if anybody
/// does; what is switched off; and all users of FTP and SFTP.
pub(crate) fn intent() -> impl Strategy<Value = Intent> {
    let name = parsed::<moxnas_shares::model::ShareName>(
        "[a-zA-Z0-9äö_&'()!@^{}~$-]([a-zA-Z0-9äö.]| [a-z]){0,10}",
    );
    let of_smb = (name, folder(), line(), smb(), option::of(nfs()));
    let of_smb = of_smb.prop_map(|(name, path, description, smb, nfs)| Share {
        description,
        smb: Some(smb),
        nfs,
        ..Share::new(name, path)
    });
    let of_nfs = (folder(), nfs()).prop_filter_map(
        "no name",
        |(path, nfs): (moxnas_core::folder::FolderPath, _)| {
            let name = path.as_str().rsplit('/').next()?.parse().ok()?;
            Some(Share {
                nfs: Some(nfs),
                ..Share::new(name, path)
            })
        },
    );
    let shares = (vec(of_smb, 0..4), vec(of_nfs, 0..3));
    (smb_settings(), ftp_settings(), shares, any::<bool>()).prop_map(|(smb, ftp, shares, apple)| {
        let mut intent = Intent::default();
        intent.settings.smb = SmbSettings { apple, ..smb };
        intent.settings.ftp = ftp;
        let (mut names, mut paths) = (BTreeSet::new(), BTreeSet::new());
        let all = shares.0.into_iter().chain(shares.1);
        for mut share in all {
            if !names.insert(share.name.folded()) || !paths.insert(share.path.clone()) {
                continue;
            }
            if let Some(smb) = &mut share.smb {
                smb.apple = apple;
            }
            intent.shares.push(share);
        }
        intent
    })
}

/// Text that is like that of a file.
pub(crate) fn scraps() -> impl Strategy<Value = String> {
    const SCRAPS: &[&str] = &[
        "[",
        "]",
        "=",
        "\n",
        "\\\n",
        " ",
        "\t",
        "\"",
        "#",
        ";",
        ",",
        ":",
        "(",
        ")",
        "-",
        "\\040",
        "\\",
        "path",
        "/srv",
        "yes",
        "valid users",
        "fruit:",
        "sec=",
        "rw",
        "squash_uids=",
        "1",
        "0x",
        "\r\n",
        "global",
        "vfs objects",
        "fsid=",
        "listen",
        "local_umask",
        "copy",
        "hosts allow",
        "10.",
        "\u{0}",
    ];
    let scraps = vec(select(SCRAPS), 0..40).prop_map(|it| it.concat());
    prop_oneof![scraps, any::<String>()]
}

/// Options of shares. In `[global]` they are what holds for shares that say nothing.
pub(crate) const FOR_SHARES: &[&str] = &[
    "read only = no",
    "writeable = yes",
    "write ok = 1",
    "public = true",
    "guest ok = no",
    "browsable = no",
    "comment = a  b # c",
    "comment = \"x\"",
    "comment = 50%",
    "create mode = 700",
    "create mask = 0644",
    "directory mode = 2770",
    "force create mode = 0660",
    "inherit acls = yes",
    "valid users = alice, @family",
    "valid users = +staff",
    "valid users = %S",
    "write list = @\"a b\"",
    "invalid users = root",
    "read list = bob",
    "hosts allow = 127. 192.168.1.",
    "hosts allow = 10. EXCEPT 10.1.",
    "hosts deny = ALL",
    "allow hosts = 10.0.0.0/255.0.0.0",
    "force user = nobody",
    "group = users",
    "smb encrypt = desired",
    "smb encrypt = mandatory",
    "server smb encrypt = yes",
    "max connections = 5",
    "vfs objects = recycle",
    "vfs objects = catia fruit streams_xattr",
    "vfs objects = full_audit acl_xattr",
    "vfs objects = fruit",
    "recycle:keeptree = yes",
    "recycle:repository = .bin",
    "recycle : maxsize = 1G",
    "fruit:metadata = stream",
    "fruit:time machine = yes",
    "fruit:aapl = no",
    "veto files = /x/",
    "oplocks = no",
    "store dos attributes = yes",
    "follow symlinks = no",
    "available = no",
    "available = yes",
    "foo:bar = baz",
    "hide dot files = no",
    "csc policy = disable",
    "printable = no",
    "strict sync = no",
    "map archive = yes",
];

/// An smb.conf that somebody else wrote: options with values that Samba takes, in any section.
pub(crate) fn foreign() -> impl Strategy<Value = String> {
    const OF_THE_SERVER: &[&str] = &[
        "workgroup = home",
        "server string = a  b",
        "netbios name = nas",
        "server min protocol = SMB3",
        "min protocol = SMB3_02",
        "server min protocol = NT1",
        "server signing = mandatory",
        "server signing = no",
        "map to guest = Bad Password",
        "map to guest = bad user",
        "guest account = ftp",
        "load printers = no",
        "disable spoolss = 1",
        "log file = /var/log/x",
        "socket options = TCP_NODELAY",
        "security = user",
        "ntlm auth = yes",
        "local master = no",
        "name resolve order = bcast host",
        "max log size = 50",
    ];
    let lines = |all, most| vec(select(all), 0..most).prop_map(|it: Vec<&str>| it.join("\n"));
    let share = |name: &'static str| {
        lines(FOR_SHARES, 5).prop_map(move |it| format!("[{name}]\npath = /srv//{name}/\n{it}\n"))
    };
    let parts = (
        lines(OF_THE_SERVER, 6),
        lines(FOR_SHARES, 3),
        share("a"),
        share("b"),
        lines(FOR_SHARES, 2),
    );
    parts.prop_map(|(server, all, a, b, late)| {
        format!("{server}\n{all}\n{a}[global]\n{late}\n{b}[homes]\nread only = no\n")
    })
}
