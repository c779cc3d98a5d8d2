//! Users that come and go on the simulation.

use std::collections::{BTreeMap, BTreeSet};

use moxnas_core::{plan::execute, sim::Fault};
use moxnas_shares::accounts::{
    AccountBackend, Change, Refusal, Secret,
    effect::shows,
    model::{Account, Standing},
    plan::{CreateUser, Database},
};
use proptest::prelude::*;

use super::world::{
    OTHER, PASSWORD, World, add, add_to_samba, adopt, alice, by_hand, create, create_group, delete,
    delete_group, disable, enable, expire, force_change, leave_samba, members, of, remove,
    set_password, wish,
};

#[test]
fn a_user_lives_and_dies() {
    let world = World::with_alice();
    assert_eq!(world.opens("alice", PASSWORD), (true, true));
    assert_eq!(world.opens("alice", OTHER), (false, false));
    world.run(&set_password("alice", OTHER));
    assert_eq!(world.opens("alice", OTHER), (true, true));
    assert_eq!(world.opens("alice", PASSWORD), (false, false));
    world.run(&of("alice", disable));
    assert_eq!(world.opens("alice", OTHER), (false, false));
    world.run(&set_password("alice", PASSWORD));
    assert_eq!(world.opens("alice", PASSWORD), (false, false));
    assert_eq!(world.standing("alice"), Standing::Disabled);
    world.machine.reboot();
    world.run(&of("alice", enable));
    assert_eq!(world.opens("alice", PASSWORD), (true, true));
    // 9131 days after the first of 1970.
    world.run(&expire("alice", Some("1995-01-01")));
    let day = std::time::Duration::from_secs(86_400);
    world.machine.advance(day * 9130);
    assert_eq!(world.opens("alice", PASSWORD), (true, true));
    world.machine.advance(day);
    assert_eq!(world.opens("alice", PASSWORD), (false, false));
    world.run(&of("alice", delete));
    assert!(world.seen().user("alice").is_none());
    assert_eq!(world.seen().group("family").unwrap().members, []);
}

#[test]
fn the_files_of_one_who_is_gone_never_become_those_of_another() {
    let world = World::with_alice();
    world.run(&of("alice", delete));
    world.run(&alice());
    assert_eq!(world.user("alice").uid, 3002);
    let with = |name: &str, uid| {
        create(CreateUser {
            uid: Some(uid),
            ..wish(name)
        })
    };
    assert_eq!(world.refused(&with("bob", 3001)), "id_retired");
    world.run(&of("alice", delete));
    // But those of the same name, if that is what somebody says.
    world.run(&with("alice", 3001));
    assert_eq!(world.user("alice").uid, 3001);
    let gid = Some(3002);
    let name = "crew".parse().unwrap();
    assert_eq!(
        world.refused(&Change::CreateGroup { name, gid }),
        "id_retired"
    );
}

#[test]
fn numbers_come_to_an_end() {
    let world = World::with_alice();
    let mut state = world.machine.state();
    let record = state.files.get_mut("/etc/moxnas/accounts.ids").unwrap();
    for id in 3002..=59_999 {
        record.push_str(&format!("user\t{id}\tx{id}\tgone\n"));
    }
    drop(state);
    assert_eq!(world.refused(&create(wish("bob"))), "no_ids_left");
}

/// Without it a number would be given twice.
#[test]
fn a_record_that_cannot_be_read_stops_everything() {
    let world = World::with_alice();
    let mut state = world.machine.state();
    let record = state.files.get_mut("/etc/moxnas/accounts.ids").unwrap();
    record.push_str("user\t3001\tbob\there\n");
    drop(state);
    let err = world.accounts.observe().unwrap_err();
    assert!(
        err.to_string()
            .contains("line 5 of /etc/moxnas/accounts.ids"),
        "{err}"
    );
    assert!(err.hint().is_some());
}

#[test]
fn a_step_that_lies_is_found_out() {
    let world = World::with_alice();
    world.machine.inject(Fault::StepLies {
        matching: "disable alice in Samba".to_owned(),
    });
    let steps = world.plan(&of("alice", disable)).unwrap().steps;
    execute(&steps, |it| world.accounts.apply(it)).unwrap();
    assert!(!shows(&world.seen(), &steps[0]));
    assert_eq!(world.standing("alice"), Standing::Mixed);
    world.run(&of("alice", disable));
    assert_eq!(world.standing("alice"), Standing::Disabled);
}

/// By somebody who uses passwd(1), which nobody can see; setting it through us makes them one
/// again.
#[test]
fn a_password_set_by_hand_is_of_the_system_alone() {
    let world = World::with_alice();
    world
        .accounts
        .passwd(&"alice".parse().unwrap(), &Secret::new(OTHER));
    assert_eq!(world.opens("alice", OTHER), (true, false));
    world.run(&set_password("alice", OTHER));
    assert_eq!(world.opens("alice", OTHER), (true, true));
}

const NAMES: [&str; 4] = ["ann", "ben", "root", "dave"];
const GROUPS: [&str; 3] = ["family", "sudo", "users"];

fn change() -> impl Strategy<Value = Change> {
    let name = || prop::sample::select(&NAMES[..]);
    let group = || prop::sample::select(&GROUPS[..]);
    let password = || prop::sample::select(&[PASSWORD, OTHER][..]);
    let plain: Vec<fn(String) -> Change> = vec![
        enable,
        disable,
        delete,
        adopt,
        force_change,
        leave_samba,
        delete_group,
    ];
    prop_oneof![
        3 => (name(), password(), any::<(bool, bool, bool)>()).prop_map(
            |(name, password, (has_password, samba, in_family))| create(CreateUser {
                password: has_password.then(|| Secret::new(password)),
                samba,
                groups: in_family.then(|| "family".to_owned()).into_iter().collect(),
                ..wish(name)
            })
        ),
        5 => (name(), prop::sample::select(plain)).prop_map(|(name, change)| of(name, change)),
        1 => group().prop_map(create_group),
        1 => group().prop_map(|it| of(it, delete_group)),
        1 => (group(), name()).prop_map(|(group, name)| members(group, &[name], add)),
        1 => (group(), name()).prop_map(|(group, name)| members(group, &[name], remove)),
        2 => (name(), password()).prop_map(|(name, password)| set_password(name, password)),
        1 => name().prop_map(add_to_samba),
        1 => (name(), any::<bool>())
            .prop_map(|(name, ends)| expire(name, ends.then_some("2030-06-30"))),
    ]
}

/// Those that nobody may touch.
fn untouched(world: &World) -> Vec<Account> {
    let users = world.seen().users.into_iter();
    users.filter(|it| it.given.is_none()).collect()
}

proptest! {
    /// Whatever is wished, and whichever steps fail: nobody's number is given to another, nobody is
    /// let in by two passwords for longer than a step takes, and what is not ours stays as it is.
    #[test]
    fn no_course_of_events_breaks_what_holds(
        events in prop::collection::vec((change(), prop::option::of(0_usize..12)), 1..40)
    ) {
        let world = World::new();
        by_hand(&world, &[
            ("/etc/passwd", "dave:x:1000:1000::/srv/dave:/bin/bash\n"),
            ("/etc/shadow", "dave:$y$x:20000:0:99999:7:::\n"),
            ("/etc/group", "dave:x:1000:\n"),
        ]);
        let mut owners: BTreeMap<u32, String> = BTreeMap::new();
        for (change, fails_at) in events {
            let before = untouched(&world);
            let steps = match world.plan(&change) {
                Ok(plan) => plan.steps,
                Err(refusal) => {
                    prop_assert!(refusal.hint().is_some() && !refusal.code().is_empty());
                    prop_assert!(!matches!(refusal, Refusal::NoIdsLeft));
                    continue;
                }
            };
            for (at, step) in steps.iter().enumerate() {
                if Some(at) == fails_at {
                    break;
                }
                world.accounts.apply(step).unwrap();
                let seen = world.seen();
                prop_assert!(shows(&seen, step), "{step}");
                prop_assert_eq!(&seen.errors, &Vec::<String>::new());
                for user in &seen.users {
                    let name = user.name.to_string();
                    let owner = owners.entry(user.uid).or_insert_with(|| name.clone());
                    prop_assert_eq!(&name, owner, "{} has a new owner", user.uid);
                    let by = |by, password| world.accounts.lets_in(by, &name, password);
                    let both = |password, other| by(Database::SYSTEM, password) && by(Database::Samba, other);
                    prop_assert!(!both(PASSWORD, OTHER) && !both(OTHER, PASSWORD), "{name}");
                }
                let uids: BTreeSet<u32> = seen.users.iter().map(|it| it.uid).collect();
                prop_assert_eq!(uids.len(), seen.users.len());
            }
            let after = untouched(&world);
            let names: BTreeSet<_> = after.iter().map(|it| &it.name).collect();
            let same = before.iter().filter(|it| names.contains(&it.name));
            for user in same {
                let mut user = user.clone();
                let found = after.iter().find(|it| it.name == user.name).unwrap();
                user.groups.clone_from(&found.groups);
                prop_assert_eq!(found, &user);
            }
            prop_assert!(after.iter().any(|it| it.name.as_str() == "root" && it.groups.is_empty()));
        }
    }
}
