//! Whichever step fails, planning the same wish again ends as was wished, or says why it cannot.

use moxnas_core::{
    plan::{execute, fail_at},
    sim::Fault,
};
use moxnas_shares::accounts::{
    AccountBackend, BackendError, Change, Life, Secret,
    model::{Accounts, Standing},
    plan::{ChangeUser, CreateUser},
};

use super::world::{
    KEY, OTHER, PASSWORD, World, add, add_to_samba, alice, create, create_group, delete,
    delete_group, disable, enable, expire, force_change, leave_samba, members, of, remove,
    set_password, wish,
};

/// What each wish begins with, the wish, and what may be said in place of doing it again.
type Row = (fn() -> World, Change, Option<&'static str>);

fn disabled() -> World {
    let world = World::with_alice();
    world.run(&of("alice", disable));
    world
}

fn bob() -> Change {
    create(CreateUser {
        groups: vec!["family".to_owned(), "users".to_owned()],
        password: Some(Secret::new(PASSWORD)),
        samba: true,
        expires: Some("2030-06-30".parse().unwrap()),
        must_change: true,
        ..wish("bob")
    })
}

/// One of whom Samba still knows the password, from before.
fn with_leftover() -> World {
    let world = World::with_alice();
    world.run(&create(CreateUser {
        password: Some(Secret::new(OTHER)),
        samba: true,
        ..wish("bob")
    }));
    let mut state = world.machine.state();
    for path in ["/etc/passwd", "/etc/shadow", "/etc/group"] {
        let text = state.files.get_mut(path).unwrap();
        let lines = text.lines().filter(|it| !it.starts_with("bob:"));
        *text = lines.map(|it| format!("{it}\n")).collect();
    }
    drop(state);
    assert_eq!(world.seen().leftovers, ["bob"]);
    world
}

fn rows() -> Vec<Row> {
    let plain = World::with_alice;
    vec![
        (plain, bob(), Some("account_name_taken")),
        (with_leftover, bob(), Some("account_name_taken")),
        (plain, create(wish("carol")), Some("account_name_taken")),
        (plain, create_group("crew"), Some("account_name_taken")),
        (plain, set_password("alice", OTHER), None),
        (disabled, set_password("alice", OTHER), None),
        (plain, of("alice", disable), None),
        (disabled, of("alice", enable), None),
        (plain, expire("alice", Some("2030-06-30")), None),
        (disabled, expire("alice", Some("2030-06-30")), None),
        (plain, of("alice", force_change), None),
        (plain, of("alice", leave_samba), None),
        (plain, of("alice", delete), Some("user_not_found")),
        (plain, of("family", delete_group), Some("group_not_found")),
        (plain, members("family", &["alice"], remove), None),
        (plain, members("users", &["alice"], add), None),
        (
            || {
                let world = World::with_alice();
                world.run(&of("alice", leave_samba));
                world
            },
            add_to_samba("alice"),
            None,
        ),
        (
            plain,
            Change::ChangeUser(ChangeUser {
                user: "alice".to_owned(),
                full_name: Some("A".parse().unwrap()),
                shell: Some("/bin/sh".to_owned()),
                groups: Some(vec!["users".to_owned()]),
                keys: Some(vec![KEY.parse().unwrap()]),
                ..ChangeUser::default()
            }),
            None,
        ),
    ]
}

/// What a wish is about, but for numbers that nobody can have any more.
fn end(world: &World) -> Accounts {
    let mut seen = world.seen();
    seen.record.users.retain(|_, it| it.life != Life::Gone);
    seen.record.groups.retain(|_, it| it.life != Life::Gone);
    seen
}

#[test]
fn every_wish_can_be_retried_after_a_failure_at_any_step() {
    let mut tried = 0;
    for (begin, change, done) in rows() {
        let without = begin();
        without.run(&change);
        let wished = end(&without);
        let steps = begin().plan(&change).unwrap().steps;
        assert!(!steps.is_empty(), "{change:?}");
        for at in 0..steps.len() {
            let world = begin();
            let stopped = execute(
                &steps,
                fail_at(
                    at,
                    || BackendError::Injected("no power".to_owned()),
                    |step| world.accounts.apply(step),
                ),
            )
            .unwrap_err();
            assert_eq!(stopped.done, at);
            half_done(&world, &change);
            match world.plan(&change) {
                Ok(_) => world.run(&change),
                // What is left to do would be nothing.
                Err(refusal) => assert_eq!(Some(refusal.code()), done, "{change:?} {at}"),
            }
            let seen = end(&world);
            assert_eq!(seen, wished, "{change:?}, failed at {}", steps[at]);
            let knows = |it: &World, password| it.opens("bob", password);
            assert_eq!(knows(&world, PASSWORD), knows(&without, PASSWORD));
            tried += 1;
        }
    }
    assert!(tried > 60, "{tried}");
}

/// Who was to be made is let in nowhere, or everywhere with the same password.
fn half_done(world: &World, change: &Change) {
    if let (Change::CreateUser(wish), Some(user)) = (change, world.seen().user("bob")) {
        let is_begun = user.given.as_ref().unwrap().life == Life::Coming;
        assert!(is_begun, "{wish:?}");
        assert_eq!(world.opens("bob", OTHER), (false, false));
        if world.opens("bob", PASSWORD).0 {
            assert_eq!(world.opens("bob", PASSWORD), (true, true));
        }
    }
}

#[test]
fn a_password_that_was_cut_short_is_known_to_be_in_doubt() {
    let world = World::with_alice();
    world.machine.inject(Fault::PowerCut {
        matching: "write down that user alice (3001) has the password".to_owned(),
    });
    let steps = world.plan(&set_password("alice", OTHER)).unwrap().steps;
    moxnas_shares::accounts::backend::execute(&world.accounts, &steps).unwrap_err();
    assert!(world.user("alice").given.unwrap().in_doubt);
    world.run(&of("alice", disable));
    assert_eq!(world.refused(&of("alice", enable)), "password_in_doubt");
    world.run(&set_password("alice", PASSWORD));
    assert!(!world.user("alice").given.unwrap().in_doubt);
    assert_eq!(world.opens("alice", PASSWORD), (false, false));
    world.run(&of("alice", enable));
    assert_eq!(world.opens("alice", PASSWORD), (true, true));
}

/// The first number was never anybody's.
#[test]
fn a_number_that_nobody_came_to_have_is_used() {
    let world = World::with_alice();
    world.fail("make user bob");
    let steps = world.plan(&bob()).unwrap().steps;
    moxnas_shares::accounts::backend::execute(&world.accounts, &steps).unwrap_err();
    let group = world.seen().group("bob").unwrap().gid;
    world.run(&bob());
    let bob = world.user("bob");
    assert_eq!((bob.uid, bob.gid), (group, group));
}

#[test]
fn what_was_begun_is_gone_on_with_as_is_wished_the_second_time() {
    let begun = || {
        let world = World::with_alice();
        world.fail("enable bob in the system");
        let steps = world.plan(&bob()).unwrap().steps;
        moxnas_shares::accounts::backend::execute(&world.accounts, &steps).unwrap_err();
        world
    };
    let world = begun();
    assert_eq!(world.refused(&of("bob", enable)), "account_unfinished");
    assert_eq!(
        world.refused(&set_password("bob", OTHER)),
        "account_unfinished"
    );
    let again = |wish| create(CreateUser { ..wish });
    assert_eq!(
        world.refused(&again(wish("bob"))),
        "account_begun_otherwise"
    );
    let uid = Some(5000);
    let other = CreateUser {
        uid,
        password: Some(Secret::new(OTHER)),
        ..wish("bob")
    };
    assert_eq!(world.refused(&again(other)), "account_begun_otherwise");
    world.run(&again(CreateUser {
        password: Some(Secret::new(OTHER)),
        full_name: "Bob".parse().unwrap(),
        groups: vec!["users".to_owned()],
        ..wish("bob")
    }));
    let bob = world.user("bob");
    assert_eq!((bob.full_name.as_str(), bob.samba), ("Bob", None));
    assert_eq!(bob.groups, ["users".parse().unwrap()]);
    assert_eq!((bob.expires, bob.must_change), (None, false));
    assert_eq!(world.opens("bob", OTHER), (true, false));
    assert_eq!(world.opens("bob", PASSWORD), (false, false));

    let world = begun();
    world.run(&of("bob", delete));
    assert!(world.seen().user("bob").is_none() && world.seen().group("bob").is_none());
}

/// Somebody may have logged in since.
#[test]
fn what_was_begun_and_is_enabled_is_disabled_before_it_goes_on() {
    let world = World::with_alice();
    stop_at(&world, &bob(), "write down that user bob (3002) is there");
    assert_eq!(world.opens("bob", PASSWORD), (true, true));
    let steps = world.plan(&bob()).unwrap().steps;
    let steps: Vec<String> = steps.iter().map(ToString::to_string).collect();
    assert_eq!(
        steps[..3],
        [
            "disable bob in Samba",
            "disable bob in the system",
            "set the password of bob in the system and in Samba",
        ]
    );
}

/// Files may be there that belong to it.
#[test]
fn a_number_that_somebody_logged_in_with_is_not_begun_with_again() {
    let world = World::with_alice();
    stop_at(&world, &bob(), "write down that user bob (3002) is there");
    stop_at(
        &world,
        &of("bob", delete),
        "write down that user bob (3002) is gone",
    );
    assert!(world.seen().user("bob").is_none());
    world.run(&bob());
    assert_eq!(world.user("bob").uid, 3003);
}

fn stop_at(world: &World, change: &Change, step: &str) {
    world.fail(step);
    let steps = world.plan(change).unwrap().steps;
    let stopped = moxnas_shares::accounts::backend::execute(&world.accounts, &steps).unwrap_err();
    assert!(stopped.step.to_string().contains(step), "{stopped}");
}

/// A half of it is told, and the name is not given to somebody else meanwhile.
#[test]
fn a_deletion_that_stopped_is_ended_before_the_name_is_given_again() {
    let world = World::with_alice();
    let mut state = world.machine.state();
    let text = state.files.get_mut("/etc/passwd").unwrap();
    *text = text
        .lines()
        .filter(|it| !it.starts_with("alice:"))
        .map(|it| format!("{it}\n"))
        .collect();
    drop(state);
    assert_eq!(world.refused(&alice()), "account_half_deleted");
    world.run(&of("alice", delete));
    assert_eq!(world.seen().leftovers, Vec::<String>::new());
    world.run(&alice());
    assert_eq!(world.standing("alice"), Standing::Enabled);
}

/// By somebody's own hand, between two looks.
#[test]
fn what_is_enabled_in_part_is_shown_and_put_right() {
    let world = World::with_alice();
    let mut state = world.machine.state();
    let text = state.files.get_mut("/etc/shadow").unwrap();
    *text = text.replace("alice:$sim$", "alice:!$sim$");
    drop(state);
    assert_eq!(world.standing("alice"), Standing::Mixed);
    assert_eq!(world.opens("alice", PASSWORD), (false, true));
    world.run(&of("alice", enable));
    assert_eq!(world.opens("alice", PASSWORD), (true, true));
}
