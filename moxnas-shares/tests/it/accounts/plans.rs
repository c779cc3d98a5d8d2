//! Facts and a wish give steps, or this reason why not.

use moxnas_shares::accounts::{
    Change, KEYS_FOLDER, Secret,
    plan::{ChangeUser, CreateUser},
};

use super::world::{
    KEY, OTHER, PASSWORD, World, add, add_to_samba, adopt, adopt_group, alice, by_hand, create,
    create_group, delete, delete_group, disable, enable, expire, force_change, leave_samba,
    members, of, remove, set_password, wish,
};

/// `alice`, and what others made: `dave`, `eve` without a password, a `staff`, a user of the
/// system.
fn crowd() -> World {
    let world = World::with_alice();
    by_hand(
        &world,
        &[
            (
                "/etc/passwd",
                "dave:x:1000:1000:Dave,,,:/srv/dave:/bin/bash\nEve:x:1001:100::/srv/eve:/bin/sh\n\
                 backup2:x:999:999::/nonexistent:/bin/false\n\
                 machine:x:61000:61000::/nonexistent:/bin/false\n",
            ),
            (
                "/etc/shadow",
                "dave:$y$x:20000:0:99999:7:::\nEve::20000:0:99999:7:::\n\
                 backup2:*:20000:0:99999:7:::\n",
            ),
            (
                "/etc/group",
                "dave:x:1000:\nstaff:x:1002:dave\nbackup2:x:999:\n",
            ),
        ],
    );
    world
}

#[test]
fn a_plan_names_what_is_done_in_its_order() {
    let check = |world: &World, change: &Change, wanted: &[&str]| {
        let plan = world.plan(change).unwrap();
        let steps: Vec<String> = plan.steps.iter().map(ToString::to_string).collect();
        assert_eq!(steps, wanted, "{change:?}");
        assert!(!plan.evidence.is_empty(), "{change:?}");
    };
    let world = World::new();
    world.run(&create_group("family"));
    // Disabled until the password is everywhere.
    check(
        &world,
        &alice(),
        &[
            "write down that user alice (3001) is being made",
            "write down that group alice (3001) is being made",
            "make group alice with number 3001",
            "write down that group alice (3001) is there",
            "make user alice with number 3001, disabled",
            "put alice into group family",
            "add alice to Samba, disabled",
            "set the password of alice in the system and in Samba",
            "enable alice in Samba",
            "enable alice in the system",
            "write down that user alice (3001) is there",
        ],
    );
    world.run(&alice());
    check(
        &world,
        &set_password("alice", OTHER),
        &[
            "write down that user alice (3001) is about to get a password",
            "set the password of alice in the system and in Samba",
            "write down that user alice (3001) has the password everywhere",
        ],
    );
    check(
        &world,
        &of("alice", delete),
        &[
            "disable alice in Samba",
            "disable alice in the system",
            "remove alice from Samba",
            "delete user alice",
            "delete group alice",
            "write down that group alice (3001) is gone",
            "write down that user alice (3001) is gone",
        ],
    );
    check(
        &world,
        &expire("alice", Some("2030-06-30")),
        &[
            "write down that user alice (3001) expires on 2030-06-30",
            "have alice expire on 2030-06-30 in Samba",
            "have alice expire on 2030-06-30 in the system",
        ],
    );
    world.run(&of("alice", disable));
    // It would let her in.
    check(
        &world,
        &expire("alice", Some("2030-06-30")),
        &["write down that user alice (3001) expires on 2030-06-30"],
    );
    world.run(&expire("alice", Some("2030-06-30")));
    check(
        &world,
        &of("alice", enable),
        &[
            "enable alice in Samba until 2030-06-30",
            "enable alice in the system until 2030-06-30",
        ],
    );
}

#[test]
fn what_is_so_already_needs_no_steps() {
    let world = crowd();
    world.run(&of("dave", adopt));
    for change in [
        of("alice", enable),
        expire("alice", None),
        of("dave", adopt),
        of("dave", leave_samba),
        members("family", &["alice"], add),
        members("family", &["dave"], remove),
        of("family", adopt_group),
        Change::ChangeUser(ChangeUser {
            user: "alice".to_owned(),
            full_name: Some("Alice Example".parse().unwrap()),
            groups: Some(vec!["family".to_owned(), "family".to_owned()]),
            ..ChangeUser::default()
        }),
    ] {
        assert_eq!(world.plan(&change).unwrap().steps, [], "{change:?}");
    }
    world.run(&of("alice", disable));
    assert_eq!(world.plan(&of("alice", disable)).unwrap().steps, []);
}

#[test]
fn what_cannot_be_is_refused_with_a_reason_and_a_remedy() {
    let world = crowd();
    let bob = |change: fn(CreateUser) -> CreateUser| create(change(wish("bob")));
    let group = |name: &str, gid| Change::CreateGroup {
        name: name.parse().unwrap(),
        gid: Some(gid),
    };
    let rows = [
        // Names.
        (alice(), "account_name_taken"),
        (create(wish("root")), "account_name_taken"),
        (create(wish("eve")), "account_name_taken"),
        (create(wish("family")), "account_name_taken"),
        (create(wish("sudo")), "account_name_taken"),
        (create_group("alice"), "account_name_taken"),
        (create_group("eve"), "account_name_taken"),
        (create_group("disk"), "account_name_taken"),
        (of("zoe", enable), "user_not_found"),
        (of("zoe", delete), "user_not_found"),
        (of("zoe\\", delete), "domain_user"),
        (of("EXAMPLE\\alice", delete), "domain_user"),
        (set_password("alice@example.org", OTHER), "domain_user"),
        (of("crew", delete_group), "group_not_found"),
        (members("crew", &["alice"], add), "group_not_found"),
        (members("family", &["zoe"], add), "user_not_found"),
        (members("family", &["zoe"], remove), "user_not_found"),
        // What is not ours.
        (of("root", delete), "account_of_system"),
        (of("root", adopt), "account_of_system"),
        (set_password("root", OTHER), "account_of_system"),
        (of("nobody", enable), "account_of_system"),
        (of("backup2", adopt), "account_of_system"),
        (of("machine", adopt), "account_of_system"),
        (members("sudo", &["alice"], add), "account_of_system"),
        (members("disk", &["alice"], remove), "account_of_system"),
        (of("users", delete_group), "account_of_system"),
        (of("sudo", adopt_group), "account_of_system"),
        (of("dave", delete), "account_not_managed"),
        (of("dave", disable), "account_not_managed"),
        (set_password("dave", OTHER), "account_not_managed"),
        (members("family", &["dave"], add), "account_not_managed"),
        (members("staff", &["alice"], add), "account_not_managed"),
        (of("staff", delete_group), "account_not_managed"),
        (of("alice", delete_group), "primary_group_in_use"),
        // Passwords.
        (set_password("alice", "1234567"), "password_too_short"),
        (set_password("alice", "äöüäöüä"), "password_too_short"),
        (set_password("alice", &"x".repeat(129)), "password_too_long"),
        (
            set_password("alice", "12345678\nroot:x"),
            "password_not_text",
        ),
        (set_password("alice", "1234567\0"), "password_not_text"),
        (
            create(CreateUser {
                password: Some(Secret::new("Beatrice")),
                ..wish("beatrice")
            }),
            "password_is_name",
        ),
        (
            bob(|it| CreateUser { samba: true, ..it }),
            "password_needed",
        ),
        (
            bob(|it| CreateUser {
                must_change: true,
                ..it
            }),
            "password_needed",
        ),
        // The rest of a user.
        (
            bob(|it| CreateUser {
                shell: Some("/bin/zsh".to_owned()),
                ..it
            }),
            "bad_shell",
        ),
        (
            bob(|it| CreateUser {
                home: Some("/etc".parse().unwrap()),
                ..it
            }),
            "bad_home",
        ),
        (
            bob(|it| CreateUser {
                home: Some("/srv/a:b".parse().unwrap()),
                ..it
            }),
            "bad_home",
        ),
        (
            bob(|it| CreateUser {
                primary_group: Some("disk".to_owned()),
                ..it
            }),
            "account_of_system",
        ),
        (
            bob(|it| CreateUser {
                groups: vec!["sudo".to_owned()],
                ..it
            }),
            "account_of_system",
        ),
        (expire("alice", Some("1970-01-02")), "bad_expiry"),
        // Numbers.
        (
            bob(|it| CreateUser { uid: Some(0), ..it }),
            "id_out_of_range",
        ),
        (
            bob(|it| CreateUser {
                uid: Some(65_534),
                ..it
            }),
            "id_out_of_range",
        ),
        (
            bob(|it| CreateUser {
                uid: Some(1000),
                ..it
            }),
            "id_taken",
        ),
        (group("crew", 1002), "id_taken"),
        (group("crew", 100), "id_out_of_range"),
    ];
    for (change, code) in rows {
        assert_eq!(world.refused(&change), code, "{change:?}");
    }
}

#[test]
fn a_machine_without_samba_has_users_all_the_same() {
    let machine = moxnas_core::sim::SimMachine::new(1);
    let world = World {
        accounts: moxnas_shares::accounts::sim::SimAccounts::without_samba(machine.clone()),
        machine,
    };
    world.run(&create_group("family"));
    assert_eq!(world.refused(&alice()), "no_samba");
    let plain = CreateUser {
        password: Some(Secret::new(PASSWORD)),
        ..wish("alice")
    };
    world.run(&create(plain));
    assert_eq!(world.opens("alice", PASSWORD), (true, false));
    assert_eq!(world.refused(&add_to_samba("alice")), "no_samba");
}

#[test]
fn a_group_of_somebody_else_is_not_left() {
    let world = crowd();
    world.run(&of("dave", adopt));
    world.run(&Change::ChangeUser(ChangeUser {
        user: "dave".to_owned(),
        groups: Some(vec!["family".to_owned(), "staff".to_owned()]),
        ..ChangeUser::default()
    }));
    world.run(&Change::ChangeUser(ChangeUser {
        user: "dave".to_owned(),
        groups: Some(Vec::new()),
        ..ChangeUser::default()
    }));
    assert_eq!(world.user("dave").groups, ["staff".parse().unwrap()]);
    world.run(&of("staff", adopt_group));
    world.run(&members("staff", &["dave"], remove));
    world.run(&of("staff", delete_group));
}

/// Whoever gets a name does not get the keys of somebody who had it.
#[test]
fn keys_go_with_the_user() {
    let world = crowd();
    let keys = |keys: &[&str]| {
        Change::ChangeUser(ChangeUser {
            user: "alice".to_owned(),
            keys: Some(keys.iter().map(|it| it.parse().unwrap()).collect()),
            ..ChangeUser::default()
        })
    };
    let other_name = format!("{KEY} again");
    world.run(&keys(&[KEY, &other_name]));
    assert_eq!(world.user("alice").keys, [KEY.parse().unwrap()]);
    assert_eq!(world.plan(&keys(&[KEY])).unwrap().steps, []);

    let file = format!("{KEYS_FOLDER}/alice");
    let text = world.machine.state().files[&file].clone();
    world.run(&of("alice", delete));
    assert!(!world.machine.state().files.contains_key(&file));

    // userdel(8) by hand would have left it.
    world.machine.state().files.insert(file.clone(), text);
    world.run(&create(wish("alice")));
    assert_eq!(world.user("alice").keys, []);
    assert!(!world.machine.state().files.contains_key(&file));
}

#[test]
fn what_somebody_has_to_know_is_said() {
    let world = crowd();
    let warned = |change: &Change, wanted: &str| {
        let warnings = world.plan(change).unwrap().warnings.join("\n");
        assert!(warnings.contains(wanted), "{change:?}: {warnings}");
    };
    warned(
        &of("alice", delete),
        "files of alice stay, and belong to number 3001",
    );
    warned(&of("alice", force_change), "only there");
    warned(&of("Eve", adopt), "needs no password");
    world.run(&of("alice", delete));
    warned(&alice(), "files of the former alice belong to number 3001");
}

/// What was seen is part of what is confirmed.
#[test]
fn another_state_is_another_plan() {
    let world = World::with_alice();
    let of_plan = || world.plan(&of("alice", delete)).unwrap().fingerprint();
    let before = of_plan();
    assert_eq!(before, of_plan());
    world.run(&members("users", &["alice"], add));
    assert_ne!(before, of_plan());
}
