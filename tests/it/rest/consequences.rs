//! What follows, over the wire.

use serde_json::json;

use crate::nas::{Nas, get, post};

#[tokio::test]
async fn a_disk_says_what_follows_if_it_leaves() {
    let nas = Nas::start("raid6-two-failed").await;
    let at = "/api/storage/disks/ZL2A-0001/consequences";
    let told = nas.ok(get(at)).await;
    assert_eq!(told["verdict"], "data_lost");
    let array = &told["arrays"][0];
    assert_eq!(array["outcome"], "lost");
    assert_eq!(
        array["before"],
        json!({ "verdict": "degraded", "can_lose": 0, "missing": 2 })
    );
    assert_eq!(array["after"], json!({ "verdict": "failed", "missing": 3 }));
    assert_eq!(array["repair"]["by"], "impossible");
    assert_eq!(
        told["lost"][0]["used_by"],
        json!(["md127 is mounted at /srv/archive"])
    );

    // What is on the shelf is missed by nobody, and what is not there is not known.
    let shelf = "/api/storage/disks/ZL2A-0007/consequences";
    assert_eq!(nas.ok(get(shelf)).await["verdict"], "harmless");
    let none = nas.ask(get("/api/storage/disks/none/consequences")).await;
    none.problem(404, "not_found");
}

#[tokio::test]
async fn a_plan_says_what_each_of_its_steps_leads_to() {
    let nas = Nas::start("small-office").await;
    let wish = json!({
        "operation": "member_fail",
        "path": { "array": "media", "device": "WD-WX12D00A0001" },
    });
    let plan = nas.ok(post("/api/plans", wish)).await;
    let array = &plan["steps"][0]["array"];
    assert_eq!(array["before"]["can_lose"], 1);
    assert_eq!(array["at_once"]["can_lose"], 0);
    assert_eq!(array["at_once"]["health"], "degraded");
    assert_eq!(
        array["before"]["size_bytes"],
        array["in_the_end"]["size_bytes"]
    );
    assert_eq!(
        plan["lowest"],
        json!([{ "array": "media", "before": 1, "lowest": 0 }])
    );
    assert_eq!(plan["steps"][0]["work"], json!(null), "no spare waits");

    let wish = json!({ "operation": "array_scrub", "path": { "array": "media" }, "body": { "action": "check" } });
    let plan = nas.ok(post("/api/plans", wish)).await;
    let work = &plan["steps"][0]["work"];
    assert_eq!(
        (&work["action"], &work["basis"]),
        (&json!("check"), &json!("assumed"))
    );
    let bytes = work["bytes_per_member"].as_u64().unwrap();
    assert_eq!(work["at_least_s"], bytes / 204_800_000);
    assert_eq!(work["at_most_s"], bytes.div_ceil(80_000_000));
}
