//! Rules, one by one, and what holds for all of them.

use super::smbd::accounts;
use moxnas_core::acl::{Acl, Perms, Whom};
use moxnas_shares::{
    access::{
        Answer, Explanation, Facts, Flags, IdMap, IdRange, Ids, Kind, Machine, Node,
        PathBackend as _, Protocol, Question, Remedy, Rule, Space, Who, Wish, explain,
        sim::SimPaths,
    },
    model::{
        Access, ClientOptions, Intent, Nfs, NfsRule, Security, Share, Smb, Squash, Transfer,
        TransferUser,
    },
};

/// A share with a file in it, by all protocols.
fn facts() -> (Facts, SimPaths) {
    let mut paths = SimPaths::new();
    paths.put(Node {
        uid: 61001,
        mode: 0o775,
        ..Node::new("/srv/tank/photos", Kind::Folder)
    });
    paths.put(Node {
        uid: 61001,
        ..Node::new("/srv/tank/photos/one.jpg", Kind::File)
    });
    paths.set(
        Some(Space {
            bytes: 1 << 30,
            files: None,
        }),
        IdMap::default(),
    );
    let users = Transfer {
        users: vec![TransferUser {
            user: "ann".parse().unwrap(),
            write: true,
        }],
    };
    let rule = |client: &str, access| NfsRule {
        client: client.parse().unwrap(),
        options: ClientOptions {
            access,
            ..ClientOptions::default()
        },
    };
    let photos = Share {
        smb: Some(Smb::default()),
        nfs: Some(Nfs {
            clients: vec![
                rule("10.0.0.0/8", Access::ReadWrite),
                rule("10.0.0.9", Access::ReadOnly),
            ],
            fsid: None,
        }),
        ftp: Some(users.clone()),
        sftp: Some(users),
        ..Share::new(
            "photos".parse().unwrap(),
            "/srv/tank/photos".parse().unwrap(),
        )
    };
    let facts = Facts {
        intent: Intent {
            shares: vec![photos],
            ..Intent::default()
        },
        accounts: accounts(),
        ..Facts::default()
    };
    (facts, paths)
}

fn question(who: &str, by: Protocol, path: &str, wish: Wish) -> Question {
    Question {
        who: match who {
            "%" => Who::Guest,
            name => Who::User(name.parse().unwrap()),
        },
        by,
        from: Some(Machine {
            address: "10.0.0.1".parse().unwrap(),
            name: None,
        }),
        security: Security::Sys,
        share: "photos".parse().unwrap(),
        path: path.parse().unwrap(),
        wish,
    }
}

fn answer(question: &Question, facts: &mut Facts, paths: &SimPaths) -> Explanation {
    if let Some(share) = facts.intent.find(question.share.as_str()) {
        let last = question.wish.last();
        facts.trail = paths.trail(&share.path, &question.path, last).unwrap();
    }
    facts.ids = paths.ids().unwrap();
    explain(question, facts)
}

/// Ask, be denied by this rule, and be told this.
#[track_caller]
fn denied(question: &Question, facts: &mut Facts, paths: &SimPaths, rule: Rule, remedy: &str) {
    let said = answer(question, facts, paths);
    let link = said.denied_by();
    assert_eq!(link.map(|it| it.rule), Some(rule), "{said:#?}");
    let told = said.remedy().map(Remedy::to_string).unwrap_or_default();
    assert_eq!(told, remedy);
}

#[track_caller]
fn allowed(question: &Question, facts: &mut Facts, paths: &SimPaths) {
    let said = answer(question, facts, paths);
    assert_eq!(said.answer, Answer::Allowed, "{said:#?}");
}

#[test]
fn each_list_of_smb_says_what_would_help() {
    let (mut facts, paths) = facts();
    let mut read = question("ann", Protocol::Smb, "one.jpg", Wish::Read);
    let write = question("ann", Protocol::Smb, "one.jpg", Wish::Write);
    allowed(&read, &mut facts, &paths);
    allowed(&write, &mut facts, &paths);
    let smb = |facts: &mut Facts, change: &dyn Fn(&mut Smb)| {
        change(facts.intent.shares[0].smb.as_mut().unwrap());
    };
    smb(&mut facts, &|it| {
        it.read_list = vec!["@red".parse().unwrap()]
    });
    denied(
        &write,
        &mut facts,
        &paths,
        Rule::ReadOnly,
        "add ann to the write list of photos",
    );
    smb(&mut facts, &|it| {
        it.write_list = vec!["ann".parse().unwrap()]
    });
    allowed(&write, &mut facts, &paths);
    smb(&mut facts, &|it| {
        it.valid_users = vec!["@blue".parse().unwrap()]
    });
    denied(
        &read,
        &mut facts,
        &paths,
        Rule::ValidUsers,
        "add ann to valid users of photos",
    );
    smb(&mut facts, &|it| {
        it.invalid_users = vec!["@red".parse().unwrap()]
    });
    let remove = "remove @red from invalid users of photos";
    denied(&read, &mut facts, &paths, Rule::InvalidUsers, remove);
    smb(&mut facts, &|it| {
        it.hosts_allow = vec!["192.168.0.0/16".parse().unwrap()]
    });
    let host = "add 10.0.0.1 to the machines that reach photos by SMB";
    denied(&read, &mut facts, &paths, Rule::Hosts, host);
    facts.intent.shares[0].enabled = false;
    denied(
        &read,
        &mut facts,
        &paths,
        Rule::Share,
        "enable the share photos",
    );
    // Where nobody knows from which machine, it hangs on that.
    let (mut facts, paths) = self::facts();
    smb(&mut facts, &|it| {
        it.hosts_deny = vec!["10.0.0.1".parse().unwrap()]
    });
    read.from = None;
    assert_eq!(answer(&read, &mut facts, &paths).answer, Answer::Unknown);
}

#[test]
fn whom_samba_does_not_know_is_a_guest() {
    let (mut facts, paths) = facts();
    let dan = question("dan", Protocol::Smb, "one.jpg", Wish::Read);
    denied(
        &dan,
        &mut facts,
        &paths,
        Rule::Guests,
        "set the password of dan, also in Samba",
    );
    let guest = question("%", Protocol::Smb, "one.jpg", Wish::Read);
    denied(
        &guest,
        &mut facts,
        &paths,
        Rule::Guests,
        "let guests in to photos",
    );
    facts.intent.shares[0].smb.as_mut().unwrap().guest = true;
    allowed(&guest, &mut facts, &paths);
    allowed(&dan, &mut facts, &paths);
    let write = question("%", Protocol::Smb, "one.jpg", Wish::Write);
    let grant = "setfacl -n -m u:65534:rw-,m::rw- -- /srv/tank/photos/one.jpg";
    denied(&write, &mut facts, &paths, Rule::Mode, grant);
}

#[test]
fn the_most_particular_rule_of_an_export_holds() {
    let (mut facts, paths) = facts();
    let mut write = question("ann", Protocol::Nfs, "one.jpg", Wish::Write);
    allowed(&write, &mut facts, &paths);
    let from = |write: &mut Question, address: &str| {
        write.from = Some(Machine {
            address: address.parse().unwrap(),
            name: None,
        });
    };
    from(&mut write, "10.0.0.9");
    denied(
        &write,
        &mut facts,
        &paths,
        Rule::ReadOnly,
        "export photos to 10.0.0.9 with rw",
    );
    from(&mut write, "192.168.1.1");
    let add = "add 192.168.1.1 to the machines that reach photos by NFS";
    denied(&write, &mut facts, &paths, Rule::Hosts, add);
    from(&mut write, "10.0.0.1");
    write.security = Security::Krb5;
    let sec = "take sec=krb5 from 10.0.0.0/8 for photos";
    denied(&write, &mut facts, &paths, Rule::Security, sec);
}

#[test]
fn root_of_a_client_is_nobody_and_the_17th_group_is_lost() {
    let (mut facts, paths) = facts();
    let mut write = question("ann", Protocol::Nfs, "one.jpg", Wish::Write);
    let ids = |uid, groups: &[u32]| {
        Who::Ids(Ids {
            uid,
            gid: uid,
            groups: groups.to_vec(),
        })
    };
    write.who = ids(0, &[]);
    let grant = "setfacl -n -m u:65534:rw-,m::rw- -- /srv/tank/photos/one.jpg";
    denied(&write, &mut facts, &paths, Rule::Mode, grant);
    let rule = &mut facts.intent.shares[0].nfs.as_mut().unwrap().clients[0];
    rule.options.squash = Squash::None;
    allowed(&write, &mut facts, &paths);
    let mut paths = paths;
    paths.put(Node {
        gid: 4017,
        mode: 0o664,
        ..Node::new("/srv/tank/photos/one.jpg", Kind::File)
    });
    let many: Vec<u32> = (4001..=4017).collect();
    write.who = ids(5000, &many);
    assert!(!answer(&write, &mut facts, &paths).is_allowed());
    write.who = ids(5000, &many[1..]);
    allowed(&write, &mut facts, &paths);
    // Who everybody is squashed to does not hang on who asks.
    let rule = &mut facts.intent.shares[0].nfs.as_mut().unwrap().clients[0];
    rule.options.squash = Squash::All;
    rule.options.anonuid = Some(0);
    write.who = ids(7, &[]);
    allowed(&write, &mut facts, &paths);
}

#[test]
fn one_mount_serves_ftp_and_sftp() {
    let (mut facts, paths) = facts();
    for by in [Protocol::Ftp, Protocol::Sftp] {
        allowed(
            &question("ann", by, "one.jpg", Wish::Write),
            &mut facts,
            &paths,
        );
        let add = format!("let ben read photos by {}", by.word());
        let ben = question("ben", by, "one.jpg", Wish::Read);
        denied(&ben, &mut facts, &paths, Rule::ValidUsers, &add);
    }
    // Whoever may write by one of them is not kept from it by the other, but for vsftpd.
    let share = &mut facts.intent.shares[0];
    share.ftp.as_mut().unwrap().users[0].write = false;
    let by_ftp = question("ann", Protocol::Ftp, "one.jpg", Wish::Write);
    let add = "let ann read and write photos by FTP";
    denied(&by_ftp, &mut facts, &paths, Rule::ReadOnly, add);
    let share = &mut facts.intent.shares[0];
    share.ftp.as_mut().unwrap().users[0].write = true;
    share.sftp.as_mut().unwrap().users[0].write = false;
    let by_sftp = question("ann", Protocol::Sftp, "one.jpg", Wish::Write);
    allowed(&by_sftp, &mut facts, &paths);
}

#[test]
fn what_is_above_a_share_counts_for_smb_alone() {
    let (mut facts, mut paths) = facts();
    paths.put(Node {
        mode: 0o700,
        ..Node::new("/srv/tank", Kind::Folder)
    });
    let grant = "setfacl -n -m u:61001:--x,m::--x -- /srv/tank";
    let by_smb = question("ann", Protocol::Smb, "one.jpg", Wish::Read);
    denied(&by_smb, &mut facts, &paths, Rule::Traverse, grant);
    for by in [Protocol::Nfs, Protocol::Ftp, Protocol::Sftp] {
        allowed(
            &question("ann", by, "one.jpg", Wish::Read),
            &mut facts,
            &paths,
        );
    }
}

#[test]
fn places_say_what_keeps_them() {
    let write = question("ann", Protocol::Smb, "one.jpg", Wish::Write);
    let delete = question("ann", Protocol::Smb, "one.jpg", Wish::Delete);
    let file = || Node {
        uid: 61001,
        ..Node::new("/srv/tank/photos/one.jpg", Kind::File)
    };
    let check = |question: &Question, node: Node, rule, remedy: &str| {
        let (mut facts, mut paths) = facts();
        paths.put(node);
        denied(question, &mut facts, &paths, rule, remedy);
    };
    let flags = |immutable, append_only| Flags {
        immutable,
        append_only,
    };
    let path = "/srv/tank/photos/one.jpg";
    let immutable = Node {
        flags: flags(true, false),
        ..file()
    };
    check(
        &write,
        immutable,
        Rule::Attributes,
        &format!("chattr -i -- {path}"),
    );
    let grows = Node {
        flags: flags(false, true),
        ..file()
    };
    check(
        &delete,
        grows,
        Rule::Attributes,
        &format!("chattr -a -- {path}"),
    );
    let folder = |mode| Node {
        uid: 0,
        mode,
        ..Node::new("/srv/tank/photos", Kind::Folder)
    };
    let foreign = |mode| {
        let (mut facts, mut paths) = facts();
        paths.put(folder(mode));
        paths.put(Node { uid: 0, ..file() });
        denied(
            &delete,
            &mut facts,
            &paths,
            Rule::Sticky,
            &format!("chown 61001 -- {path}"),
        );
    };
    foreign(0o1777);
    let read_only = Node {
        is_read_only: true,
        mount: 7,
        ..file()
    };
    check(
        &write,
        read_only,
        Rule::MountReadOnly,
        &format!("mount -o remount,rw -- {path}"),
    );
    let kept = Node {
        mode: 0o444,
        ..file()
    };
    check(&write, kept, Rule::Mode, &format!("chmod u+w -- {path}"));
    let (mut facts, mut paths) = facts();
    let room = Space {
        bytes: 0,
        files: None,
    };
    paths.set(Some(room), IdMap::default());
    let new = question("ann", Protocol::Smb, "new", Wish::Write);
    let more = "delete something in /srv/tank/photos, or raise its quota";
    denied(&new, &mut facts, &paths, Rule::Space, more);
}

#[test]
fn a_list_of_access_is_told_apart_from_its_mask() {
    let (mut facts, mut paths) = facts();
    let mut put = |user: u32, mask: u32| {
        let mut acl = Acl::of_mode(0o644);
        acl.named.insert(Whom::User(61002), Perms::of_bits(user));
        acl.mask = Some(Perms::of_bits(mask));
        paths.put(Node {
            uid: 61001,
            mode: acl.mode(),
            acl: Some(acl),
            ..Node::new("/srv/tank/photos/one.jpg", Kind::File)
        });
        paths.clone()
    };
    let write = question("ben", Protocol::Smb, "one.jpg", Wish::Write);
    let grant = "setfacl -n -m u:61002:rw-,m::rw- -- /srv/tank/photos/one.jpg";
    denied(
        &write,
        &mut facts,
        &put(4, 7),
        Rule::AclEntry,
        &grant.replace("m::rw-", "m::rwx"),
    );
    denied(&write, &mut facts, &put(6, 4), Rule::AclMask, grant);
    allowed(&write, &mut facts, &put(6, 6));
}

#[test]
fn a_container_has_not_all_numbers() {
    let (mut facts, mut paths) = facts();
    let few = vec![IdRange {
        first: 0,
        count: 1000,
    }];
    paths.set(
        None,
        IdMap {
            uids: few.clone(),
            gids: few,
        },
    );
    let read = question("ann", Protocol::Smb, "one.jpg", Wish::Read);
    let map =
        "have the container know 61001: more numbers in lxc.idmap and /etc/subuid of the host";
    denied(&read, &mut facts, &paths, Rule::IdMap, map);
}

#[test]
fn links_are_what_each_protocol_makes_of_them() {
    let (mut facts, mut paths) = facts();
    let link = |name: &str, target: &str| {
        Node::new(
            &format!("/srv/tank/photos/{name}"),
            Kind::Link(target.to_owned()),
        )
    };
    paths.put(link("near", "one.jpg"));
    paths.put(link("far", "/etc/passwd"));
    let ask = |by, path| question("ann", by, path, Wish::Read);
    allowed(&ask(Protocol::Smb, "near"), &mut facts, &paths);
    allowed(&ask(Protocol::Sftp, "near"), &mut facts, &paths);
    denied(
        &ask(Protocol::Smb, "far"),
        &mut facts,
        &paths,
        Rule::Reach,
        "",
    );
    denied(
        &ask(Protocol::Ftp, "far"),
        &mut facts,
        &paths,
        Rule::Reach,
        "",
    );
    let by_nfs = answer(&ask(Protocol::Nfs, "far"), &mut facts, &paths);
    assert_eq!(by_nfs.answer, Answer::Unknown);
}
