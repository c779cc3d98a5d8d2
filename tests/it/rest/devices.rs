//! One btrfs on several devices, over REST and by command.

use serde_json::json;

use crate::{
    nas::{Nas, blank, post},
    product::Served,
};

const POOLS: &str = "/api/storage/pools";

#[tokio::test]
async fn several_devices_are_one_pool_and_each_is_shown() {
    let nas = Nas::start("blank").await;
    let wish = json!({
        "name": "data", "devices": [blank(1), blank(2), blank(3)], "profile": "raid1c3",
        "filesystem": "btrfs",
    });
    let plan = json!({ "operation": "pool_create", "body": wish });
    let plan = nas.ok(post("/api/plans", plan)).await;
    assert_eq!(plan["dangers"].as_array().unwrap().len(), 3, "{plan:#}");
    assert_eq!(
        plan["steps"][0]["destroys"].as_array().unwrap().len(),
        3,
        "{plan:#}"
    );
    let diff = plan["steps"][1]["files"][0]["diff"].as_str().unwrap();
    assert!(diff.contains("+Profile=raid1c3"), "{diff}");
    let made = nas.made_when_agreed(POOLS, &wish, &plan).await.json();
    assert_eq!(
        (&made["kind"], &made["profile"]),
        (&json!("devices"), &json!("raid1c3"))
    );
    let members = made["members"].as_array().unwrap();
    assert_eq!(members.len(), 3, "{made:#}");
    assert!(members.iter().all(|it| it["in_use"] == true), "{made:#}");
    assert_eq!(made["space"]["size_bytes"], 4_000_787_030_016_u64);

    let bad = |extra: serde_json::Value| {
        let mut body = json!({ "name": "other", "filesystem": "btrfs" });
        body.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        body
    };
    for (body, status, code) in [
        (
            bad(json!({ "devices": [blank(4), blank(5)], "profile": "raid5" })),
            409,
            "profile_not_safe",
        ),
        (
            bad(json!({ "devices": [blank(4)], "kind": "devices" })),
            409,
            "too_few_devices",
        ),
        (
            bad(json!({ "devices": [blank(4)], "profile": "raid1" })),
            400,
            "invalid_request",
        ),
        (
            bad(json!({ "devices": [blank(4)], "device": blank(5) })),
            400,
            "invalid_request",
        ),
        (
            bad(json!({ "devices": [blank(4), blank(5)], "kind": "thin" })),
            400,
            "invalid_request",
        ),
    ] {
        let problem = nas.ask(post(POOLS, body)).await;
        problem.problem(status, code);
    }
}

#[test]
fn a_member_that_goes_is_named_and_mounting_without_is_agreed_to() {
    let service = Served::start("blank");
    let run = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        service.moxnas(&words).run()
    };
    run("--yes pool create data --fs btrfs --device BLANK-0001 --device BLANK-0002").ok();
    assert!(run("pool list").ok().contains("btrfs, raid1"));
    run("sim fault pull --serial BLANK-0001").ok();
    run("sim fault power-cut").ok();
    let shown = run("pool show data").ok();
    for text in ["MISSING", "1 of its 2 devices not there", "NOT THERE ("] {
        assert!(shown.contains(text), "{text} in {shown}");
    }
    run("pool mount data").fails(1, &["DANGER", "what is written to pool data"]);
    let shown = run("--yes pool mount data").ok();
    assert!(shown.contains("DAMAGED"), "{shown}");
}

/// A mirror that has lost a device has all copies again after one command, which its verdict names.
#[test]
fn devices_of_a_pool_are_replaced_removed_and_balanced_by_command() {
    let service = Served::start("blank");
    let run = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        service.moxnas(&words).run()
    };
    run("--yes pool create data --fs btrfs --device BLANK-0001 --device BLANK-0002").ok();
    run("sim fault pull --serial BLANK-0001").ok();
    run("sim fault power-cut").ok();
    run("--yes pool mount data").ok();
    let shown = run("pool show data").ok();
    let remedy = "`moxnas pool device replace data missing DEVICE`";
    assert!(shown.contains(remedy), "{shown}");
    run("pool device replace data missing BLANK-0003").fails(1, &["DANGER", "must not come back"]);
    run("pool balance data").fails(1, &["1 devices of pool data are not there"]);
    run("--yes pool device replace data missing BLANK-0003").ok();
    let shown = run("pool show data").ok();
    assert!(
        shown.contains("mounted") && !shown.contains("DAMAGED"),
        "{shown}"
    );

    run("--yes pool device add data BLANK-0004").ok();
    run("--yes pool device remove data BLANK-0002").ok();
    run("pool device remove data BLANK-0002").fails(1, &["uses no device"]);
    run("--yes pool balance data").ok();
    let shown = run("pool show data").ok();
    assert_eq!(shown.matches("device      sd").count(), 2, "{shown}");
    assert!(
        shown.contains("device      sdc") && !shown.contains("DAMAGED"),
        "{shown}"
    );
    run("pool balance data --profile single").fails(1, &["DANGER", "can lose 0 more"]);
    run("--yes pool balance data --profile single").ok();
    assert!(run("pool list").ok().contains("btrfs, single"));
    run("pool grow data").ok();
}
