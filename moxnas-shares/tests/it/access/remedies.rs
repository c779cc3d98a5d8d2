//! What holds for every question, whatever is so.

use moxnas_core::acl::{Acl, Perms, Whom};
use moxnas_shares::{
    access::{
        Answer, End, Facts, Flags, IdMap, Ids, Kind, Machine, Node, Outcome, Protocol, Question,
        Rule, Space, Trail, Who, Wish, explain,
    },
    accounts::model::{Password, SambaUser},
    model::{
        Access, ClientOptions, Intent, Nfs, NfsRule, Principal, Security, Share, Smb, SmbHost,
        Squash, Transfer, TransferUser,
    },
};
use proptest::{collection::vec, option, prelude::*, sample::select, sample::subsequence};

use super::smbd::accounts;

fn parsed<T: std::str::FromStr<Err: std::fmt::Debug> + std::fmt::Debug + Clone + 'static>(
    all: &[&str],
) -> impl Strategy<Value = Vec<T>> {
    let all: Vec<T> = all.iter().map(|it| it.parse().unwrap()).collect();
    let most = all.len();
    prop_oneof![
        2 => Just(Vec::new()),
        1 => subsequence(all, 0..=most),
    ]
}

fn smb() -> impl Strategy<Value = Smb> {
    let people = || parsed::<Principal>(&["ann", "ben", "nobody", "@red", "@blue", "@D\\x"]);
    let hosts = || parsed::<SmbHost>(&["10.0.0.1", "10.0.0.0/8", "pc1", "@group", "ALL"]);
    let flags = (any::<bool>(), any::<bool>());
    let lists = (people(), people(), people(), people());
    let forced = (
        option::of(select(vec!["ben", "none"])),
        option::of(select(vec!["green", "none"])),
    );
    (flags, lists, hosts(), hosts(), forced).prop_map(|(flags, lists, allow, deny, forced)| Smb {
        read_only: flags.0,
        guest: flags.1,
        valid_users: lists.0,
        invalid_users: lists.1,
        read_list: lists.2,
        write_list: lists.3,
        hosts_allow: allow,
        hosts_deny: deny,
        force_user: forced.0.map(|it| it.parse().unwrap()),
        force_group: forced.1.map(|it| it.parse().unwrap()),
        ..Smb::default()
    })
}

fn nfs() -> impl Strategy<Value = Nfs> {
    let clients = [
        "*",
        "10.0.0.0/8",
        "10.0.0.1",
        "10.0.0.0/24",
        "*.lan",
        "@group",
    ];
    let options = (
        any::<bool>(),
        select(vec![Squash::Root, Squash::All, Squash::None]),
        subsequence(vec![Security::Sys, Security::Krb5], 0..=2),
        option::of(select(vec![0u32, 61001])),
    );
    let rule = (select(clients.to_vec()), options).prop_map(|(client, options)| NfsRule {
        client: client.parse().unwrap(),
        options: ClientOptions {
            access: if options.0 {
                Access::ReadWrite
            } else {
                Access::ReadOnly
            },
            squash: options.1,
            sec: options.2,
            anonuid: options.3,
            ..ClientOptions::default()
        },
    });
    vec(rule, 0..4).prop_map(|clients| Nfs {
        clients,
        fsid: None,
    })
}

fn transfer() -> impl Strategy<Value = Transfer> {
    let user = (select(vec!["ann", "ben"]), any::<bool>()).prop_map(|(user, write)| TransferUser {
        user: user.parse().unwrap(),
        write,
    });
    vec(user, 0..3).prop_map(|users| Transfer { users })
}

fn share() -> impl Strategy<Value = Share> {
    let all = (
        any::<bool>(),
        option::of(smb()),
        option::of(nfs()),
        option::of(transfer()),
        option::of(transfer()),
    );
    all.prop_map(|(enabled, smb, nfs, ftp, sftp)| Share {
        enabled,
        smb,
        nfs,
        ftp,
        sftp,
        ..Share::new("data".parse().unwrap(), "/srv/data".parse().unwrap())
    })
}

fn acl() -> impl Strategy<Value = Acl> {
    let whom = prop_oneof![
        select(vec![61001u32, 61002, 65534]).prop_map(Whom::User),
        select(vec![62001u32, 62002]).prop_map(Whom::Group),
    ];
    let named = prop::collection::btree_map(whom, (0..8u32).prop_map(Perms::of_bits), 1..4);
    (0..0o1000u32, named, 0..8u32).prop_map(|(mode, named, mask)| Acl {
        named,
        mask: Some(Perms::of_bits(mask)),
        ..Acl::of_mode(mode)
    })
}

fn node(path: &'static str, kind: Kind) -> impl Strategy<Value = Node> {
    let owner = (
        select(vec![0u32, 61001, 61002, 65534]),
        select(vec![0u32, 62001, 62002]),
    );
    let rare = || prop::bool::weighted(0.1);
    let flags = (rare(), rare(), rare(), rare());
    (owner, 0..0o2000u32, option::of(acl()), any::<bool>(), flags).prop_map(
        move |(owner, mode, acl, keeps_acl, flags)| {
            let acl = acl.filter(|_| keeps_acl);
            let low = acl.as_ref().map_or(mode & 0o777, Acl::mode);
            Node {
                uid: owner.0,
                gid: owner.1,
                mode: mode & 0o7000 | low,
                acl,
                keeps_acl,
                flags: Flags {
                    immutable: flags.0,
                    append_only: flags.1,
                },
                is_read_only: flags.2,
                mount: if flags.3 { 2 } else { 1 },
                ..Node::new(path, kind.clone())
            }
        },
    )
}

fn trail() -> impl Strategy<Value = Trail> {
    let missing = |is_last| End::Missing {
        name: "new".to_owned(),
        is_last,
    };
    let ends = vec![
        End::Reached,
        End::Reached,
        missing(true),
        missing(false),
        End::NotAFolder,
        End::LeavesShare,
        End::Circle,
    ];
    let space = option::of((0..2u64, option::of(0..2u64)));
    let nodes = (
        node("/", Kind::Folder),
        node("/srv", Kind::Folder),
        node("/srv/data", Kind::Folder),
        node("/srv/data/x", Kind::Folder),
        node("/srv/data/x/f", Kind::File),
    );
    (nodes, 3..=5usize, select(ends), space).prop_map(|(nodes, many, end, space)| {
        let mut nodes = vec![nodes.0, nodes.1, nodes.2, nodes.3, nodes.4];
        let is_new = matches!(end, End::Missing { .. });
        nodes.truncate(if is_new { many.min(4) } else { many });
        Trail {
            nodes,
            share: 2,
            end,
            space: space.map(|(bytes, files)| Space { bytes, files }),
        }
    })
}

fn facts() -> impl Strategy<Value = Facts> {
    let standing = (0..4usize, any::<bool>());
    let ids = prop_oneof![3 => Just("0 0 4294967295"), 1 => Just("0 100000 1000")];
    (share(), trail(), standing, ids).prop_map(|(share, trail, (password, disabled), ids)| {
        let mut accounts = accounts();
        let passwords = [
            Password::Set,
            Password::Locked,
            Password::Unset,
            Password::Set,
        ];
        accounts.users[0].password = passwords[password];
        accounts.users[0].samba = (password < 3).then_some(SambaUser {
            is_disabled: disabled,
            expires: None,
            must_change: false,
        });
        let ids = IdMap::parse(ids).unwrap();
        Facts {
            intent: Intent {
                shares: vec![share],
                ..Intent::default()
            },
            accounts,
            trail,
            ids: IdMap {
                uids: ids.clone(),
                gids: ids,
            },
        }
    })
}

fn question() -> impl Strategy<Value = Question> {
    let name = |it: &str| Who::User(it.parse().unwrap());
    let ids = Who::Ids(Ids {
        uid: 61001,
        gid: 62002,
        groups: (0..20).chain([62001]).collect(),
    });
    let who = vec![
        name("ann"),
        name("ann"),
        name("ben"),
        name("dan"),
        name("stranger"),
        name("D\\ann"),
        Who::Guest,
        ids,
    ];
    let by = vec![
        Protocol::Smb,
        Protocol::Nfs,
        Protocol::Ftp,
        Protocol::Sftp,
        Protocol::Local,
    ];
    let from = option::of((select(vec!["10.0.0.1", "127.0.0.1", "::1"]), any::<bool>()));
    let share = prop_oneof![9 => Just("data"), 1 => Just("other")];
    let security = select(vec![Security::Sys, Security::Krb5]);
    (
        select(who),
        select(by),
        from,
        share,
        security,
        select(Wish::ALL.to_vec()),
    )
        .prop_map(|(who, by, from, share, security, wish)| Question {
            who,
            by,
            from: from.map(|(address, is_known)| Machine {
                address: address.parse().unwrap(),
                name: is_known.then(|| "pc1.lan".to_owned()),
            }),
            security,
            share: share.parse().unwrap(),
            // The trail says what is on the way.
            path: Default::default(),
            wish,
        })
}

/// Rules that can deny what makes no sense, or what nothing helps against.
const HOPELESS: [Rule; 5] = [
    Rule::Share,
    Rule::Account,
    Rule::Reach,
    Rule::Kind,
    Rule::Mounted,
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    /// What would help does: of what denied nothing denies any more, and in the end nothing does.
    #[test]
    fn every_remedy_helps_and_all_of_them_are_enough(question in question(), facts in facts()) {
        let mut facts = facts;
        let mut steps = 0;
        loop {
            let said = explain(&question, &facts);
            let first = said.chain.iter().find(|it| it.outcome == Outcome::Denies);
            prop_assert_eq!(said.denied_by(), first);
            prop_assert_eq!(said.answer == Answer::Denied, first.is_some());
            prop_assert!(!said.chain.is_empty());
            for link in &said.chain {
                let is_fine = link.outcome == Outcome::Denies || link.remedy.is_none();
                prop_assert!(is_fine && !link.because.is_empty(), "{:?}", link);
            }
            let Some(link) = first else { break };
            let Some(remedy) = &link.remedy else {
                prop_assert!(HOPELESS.contains(&link.rule), "{:?}", link);
                break;
            };
            prop_assert!(!remedy.to_string().is_empty());
            remedy.predict(&mut facts);
            let again = explain(&question, &facts);
            let is_still = again.chain.iter().any(|it| {
                it.outcome == Outcome::Denies && it.rule == link.rule && it.at == link.at
            });
            prop_assert!(!is_still, "{:?} {:?}", link, again.denied_by());
            steps += 1;
            prop_assert!(steps < 40, "{:?}", link);
        }
    }

    /// Answers go out as JSON and come back.
    #[test]
    fn what_is_explained_can_be_sent(question in question(), facts in facts()) {
        let said = explain(&question, &facts);
        let json = serde_json::to_string(&said).unwrap();
        prop_assert_eq!(serde_json::from_str::<moxnas_shares::access::Explanation>(&json).unwrap(), said);
        let json = serde_json::to_string(&question).unwrap();
        prop_assert_eq!(serde_json::from_str::<Question>(&json).unwrap(), question);
    }
}
