//! Every command, and that no password is in one, or in anything that is shown.

use moxnas_core::chain::chain;
use moxnas_shares::accounts::{
    AccountBackend, Day, Life, Secret, Step,
    model::Accounts,
    plan::{Change, Database, Note, plan},
    real::argv::{argv, lock, look, put_back},
};

use super::world::{OTHER, PASSWORD, World, alice, create_group, set_password};

fn day() -> Option<Day> {
    Some("2030-06-30".parse().unwrap())
}

/// One of each.
fn steps() -> Vec<Step> {
    let user = || "alice".parse().unwrap();
    let group = || "family".parse().unwrap();
    let enable = |database, expires| Step::Enable {
        user: user(),
        database,
        expires,
    };
    let expire = |database, on| Step::Expire {
        user: user(),
        database,
        on,
    };
    let password = |samba| Step::SetPassword {
        user: user(),
        password: Secret::new(PASSWORD),
        samba,
    };
    let locked = Database::System { unlock: true };
    vec![
        Step::NoteUser {
            uid: 3000,
            user: user(),
            note: Note::Life(Life::Coming),
        },
        Step::NoteGroup {
            gid: 3000,
            group: group(),
            life: Life::Here,
        },
        Step::CreateGroup {
            group: group(),
            gid: 3000,
        },
        Step::DeleteGroup { group: group() },
        Step::CreateUser {
            user: user(),
            uid: 3000,
            gid: 3001,
            full_name: "Alice Example".parse().unwrap(),
            home: "/run/vsftpd/empty".to_owned(),
            shell: "/usr/sbin/nologin".to_owned(),
        },
        Step::ChangeUser {
            user: user(),
            full_name: Some("Al".parse().unwrap()),
            home: Some("/srv/tank/alice".to_owned()),
            shell: Some("/bin/bash".to_owned()),
        },
        Step::DeleteUser { user: user() },
        Step::AddMember {
            group: group(),
            user: user(),
        },
        Step::RemoveMember {
            group: group(),
            user: user(),
        },
        Step::AddToSamba { user: user() },
        Step::RemoveFromSamba {
            user: "alice".to_owned(),
        },
        password(false),
        password(true),
        enable(Database::SYSTEM, None),
        enable(locked, day()),
        enable(Database::Samba, None),
        enable(Database::Samba, day()),
        Step::Disable {
            user: user(),
            database: Database::SYSTEM,
        },
        Step::Disable {
            user: user(),
            database: Database::Samba,
        },
        expire(Database::SYSTEM, day()),
        expire(Database::SYSTEM, None),
        expire(Database::Samba, day()),
        expire(Database::Samba, None),
        Step::ForceChange {
            user: user(),
            database: Database::SYSTEM,
        },
        Step::ForceChange {
            user: user(),
            database: Database::Samba,
        },
    ]
}

#[test]
fn every_step_runs_exactly_these_commands() {
    let mut text = String::new();
    for step in steps() {
        text += &format!("{step}\n");
        for cmd in argv(&step) {
            let fed = String::from_utf8(cmd.stdin.clone()).unwrap();
            text += &format!("    {cmd}\n");
            for line in fed.lines() {
                text += &format!("      < {line}\n");
            }
        }
    }
    text += "look at what Samba knows\n";
    text += &format!("    {}\n", look());
    let user = "alice".parse().unwrap();
    text += "when a password is set: keep it locked, or put the former one back\n";
    text += &format!("    {}\n", lock(&user));
    for cmd in put_back(&user, &Secret::new("$y$former"), 20_000) {
        text += &format!("    {cmd}\n");
    }
    assert_eq!(text, include_str!("commands.txt"));
}

#[test]
fn nothing_shows_a_password() {
    let world = World::new();
    world.run(&create_group("family"));
    let change = alice();
    let plan = world.plan(&change).unwrap();
    let shown = [
        format!("{change:?}"),
        serde_json::to_string(&change).unwrap(),
        format!("{plan:?}"),
        serde_json::to_string(&plan).unwrap(),
        plan.steps.iter().map(ToString::to_string).collect(),
        plan.steps
            .iter()
            .flat_map(argv)
            .flat_map(|it| it.words())
            .collect(),
    ];
    for text in shown {
        assert!(text.contains("alice") && !text.contains(PASSWORD), "{text}");
    }
    // A fingerprint that differed would be a hash to guess at.
    world.run(&alice());
    let of = |password| {
        world
            .plan(&set_password("alice", password))
            .unwrap()
            .fingerprint()
    };
    assert_eq!(of(PASSWORD), of(OTHER));
    let seen = world.accounts.observe().unwrap();
    let text = format!("{seen:?}{}", serde_json::to_string(&seen).unwrap());
    assert!(
        !text.contains(PASSWORD) && !text.contains("$sim$"),
        "{text}"
    );
}

/// Else what was shown could be taken for a wish, and become a password that all know.
#[test]
fn what_was_hidden_is_not_read_back() {
    let text = serde_json::to_string(&set_password("alice", PASSWORD)).unwrap();
    let err = serde_json::from_str::<Change>(&text).unwrap_err();
    assert!(err.to_string().contains("hidden"), "{err}");
    let read: Change = serde_json::from_str(&text.replace("[hidden]", PASSWORD)).unwrap();
    assert_eq!(read, set_password("alice", PASSWORD));
    let world = World::with_alice();
    plan(&world.seen(), &read).unwrap();
}

#[test]
fn a_stop_says_where_and_not_with_what() {
    let world = World::with_alice();
    world.fail("set the password");
    let steps = world.plan(&set_password("alice", OTHER)).unwrap().steps;
    let stopped = moxnas_shares::accounts::backend::execute(&world.accounts, &steps).unwrap_err();
    assert_eq!(
        chain(&stopped),
        "stopped after 1 of 3 steps, at: set the password of alice in the system and in Samba: `set the \
         password of alice in the system and in Samba` failed: the simulation was told so"
    );
    assert!(!format!("{stopped:?}").contains(OTHER));
}

/// As they go over the network, and to a machine of the lab.
#[test]
fn facts_and_steps_are_the_same_after_a_journey() {
    fn back<T: serde::de::DeserializeOwned>(text: &str) -> T {
        serde_json::from_str(&text.replace("[hidden]", PASSWORD)).unwrap()
    }
    let world = World::with_alice();
    let text = serde_json::to_string(&world.seen()).unwrap();
    assert_eq!(back::<Accounts>(&text), world.seen());
    for step in steps() {
        let text = serde_json::to_string(&step).unwrap();
        assert_eq!(back::<Step>(&text), step, "{text}");
    }
    let text = serde_json::to_string(&alice()).unwrap();
    assert_eq!(back::<Change>(&text), alice());
    let short = r#"{"change": "create_user", "name": "bob", "password": "longer than 8"}"#;
    let read: Change = serde_json::from_str(short).unwrap();
    world.run(&read);
    let odd = short.replace("name", "login");
    assert!(serde_json::from_str::<Change>(&odd).is_err());
}
