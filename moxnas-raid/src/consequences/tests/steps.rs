//! Hand-computed: what each step of a plan leads to.

use super::*;

#[test]
fn a_plan_says_what_each_step_leads_to() {
    let raid = tank(Level::Raid6, &["A", "B", "C", "D"], &[]);
    let seen = raid.observe().unwrap();
    let [b, e] = &ids(&raid, &["B", "E"])[..] else {
        panic!()
    };
    let told = |change: &Change| outlook(&seen, &plan(&seen, change).unwrap().steps);
    let stages = |it: &StepOutlook| {
        let array = it.array.clone().unwrap();
        [array.before, array.at_once, array.in_the_end].map(|it| it.map(|it| it.health))
    };
    let optimal = Some(Health::Optimal { can_lose: 2 });
    let less = Some(degraded(1, 1));
    let array = || "tank".to_owned();

    let fail = told(&Change::Fail {
        array: array(),
        device: b.clone(),
    });
    assert_eq!(stages(&fail[0]), [optimal, less, less]);
    assert_eq!((&fail[0].work, &fail[0].lost), (&None, &vec![]));
    assert_eq!((lowest(&fail)[0].before, lowest(&fail)[0].lowest), (2, 1));

    let replace = told(&Change::Replace {
        array: array(),
        device: b.clone(),
        with: Some(e.clone()),
    });
    assert_eq!(stages(&replace[0]), [optimal; 3]);
    assert_eq!(replace[0].lost[0].content, "no signature");
    assert_eq!(stages(&replace[1]), [optimal; 3]);
    let work = replace[1].work.as_ref().unwrap();
    assert_eq!(work.action, SyncAction::Recover);

    let stop = told(&Change::Stop { array: array() });
    assert_eq!(stages(&stop[0]), [optimal, None, None]);

    let delete = told(&Change::Delete { array: array() });
    assert_eq!(stages(&delete[0]), [optimal, None, None]);
    // The array itself, then what each member was to it.
    let lost: Vec<usize> = delete.iter().map(|it| it.lost.len()).collect();
    assert_eq!(lost, [0, 2, 1, 1, 1, 0]);
    assert_eq!(lowest(&delete)[0].lowest, 2);

    let scrub = told(&Change::Scrub {
        array: array(),
        scrub: plan::Scrub::Check,
    });
    assert_eq!(stages(&scrub[0]), [optimal; 3]);
    assert_eq!(scrub[0].work.as_ref().unwrap().action, SyncAction::Check);
}

#[test]
fn a_new_array_has_its_redundancy_when_it_agrees() {
    let raid = six_disks();
    let seen = raid.observe().unwrap();
    let stages = |level: Level, members: &[&str]| {
        let members = ids(&raid, members);
        let wish = CreateArray::new("tank".parse().unwrap(), level, members);
        let told = outlook(&seen, &plan(&seen, &Change::Create(wish)).unwrap().steps);
        let array = told[0].array.clone().unwrap();
        assert_eq!(array.before, None);
        assert_eq!(
            lowest(&told),
            [],
            "it has nothing to lose before it is there"
        );
        let size = array.at_once.unwrap().size;
        assert_eq!(size, array.in_the_end.unwrap().size);
        let action = told[0].work.as_ref().map(|it| it.action);
        let health = [array.at_once, array.in_the_end].map(|it| it.unwrap().health);
        (health, action)
    };
    let optimal = |can_lose| Health::Optimal { can_lose };
    let (resync, recover) = (Some(SyncAction::Resync), Some(SyncAction::Recover));
    for (level, members, expected, action) in [
        (
            Level::Raid0,
            &["A", "B"][..],
            [optimal(0), optimal(0)],
            None,
        ),
        (Level::Raid1, &["A", "B"], [optimal(1), optimal(1)], resync),
        (
            Level::Raid5,
            &["A", "B", "C"],
            [degraded(1, 0), optimal(1)],
            recover,
        ),
        (
            Level::Raid6,
            &["A", "B", "C", "D"],
            [optimal(0), optimal(2)],
            resync,
        ),
        (
            Level::Raid10,
            &["A", "B", "C", "D"],
            [optimal(1), optimal(1)],
            resync,
        ),
    ] {
        assert_eq!(
            stages(level.clone(), members),
            (expected, action),
            "{level}"
        );
    }
}

/// What is not known to agree would be copied.
#[test]
fn no_member_is_replaced_before_its_array_agrees() {
    let raid = six_disks();
    let members = ids(&raid, &["A", "B", "C", "D"]);
    let wish = CreateArray::new("tank".parse().unwrap(), Level::Raid6, members);
    run(&raid, &Change::Create(wish));
    let [a, e] = &ids(&raid, &["A", "E"])[..] else {
        panic!()
    };
    let replace = Change::Replace {
        array: "tank".to_owned(),
        device: a.clone(),
        with: Some(e.clone()),
    };
    let refused = plan(&raid.observe().unwrap(), &replace).unwrap_err();
    assert_eq!(refused.to_string(), "array tank is busy with a resync");
    settle(&raid);
    assert!(plan(&raid.observe().unwrap(), &replace).is_ok());
}

/// What is taken to agree has its redundancy at once.
#[test]
fn an_array_that_is_said_to_agree_begins_nothing() {
    let raid = six_disks();
    let seen = raid.observe().unwrap();
    let wish = CreateArray {
        assume_clean: Some("it was just zeroed".to_owned()),
        ..CreateArray::new(
            "tank".parse().unwrap(),
            Level::Raid5,
            ids(&raid, &["A", "B", "C"]),
        )
    };
    let told = outlook(&seen, &plan(&seen, &Change::Create(wish)).unwrap().steps);
    let array = told[0].array.clone().unwrap();
    assert_eq!(array.at_once, array.in_the_end);
    assert_eq!(told[0].work, None);
}
