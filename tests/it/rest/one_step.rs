//! An array and the pool on it by one request.

use poem::http::Method;
use serde_json::{Value, json};

use crate::nas::{ARRAYS, Nas, bare, blank, get, post};

const POOLS: &str = "/api/storage/pools";

fn members(disks: [u32; 4]) -> Vec<String> {
    disks.map(blank).to_vec()
}

fn wish() -> Value {
    let array = json!({
        "level": "raid6",
        "members": members([1, 2, 3, 4]),
        "spares": [blank(5)],
        "chunk_bytes": 65536,
    });
    json!({ "name": "tank", "array": array, "filesystem": "btrfs" })
}

#[tokio::test]
async fn the_plan_is_one_and_makes_both() {
    let nas = Nas::start("blank").await;
    let plan = json!({ "operation": "pool_create", "body": wish() });
    let plan = nas.ok(post("/api/plans", plan)).await;
    assert_eq!(plan["operation"], "pool_create");
    assert_eq!(plan["steps"].as_array().unwrap().len(), 6, "{plan:#}");
    assert_eq!(plan["dangers"].as_array().unwrap().len(), 5, "{plan:#}");
    assert_eq!(plan["after"][0]["name"], "tank");
    let made = nas.made_when_agreed(POOLS, &wish(), &plan).await;
    assert_eq!(made.header("location"), Some("/api/storage/pools/tank"));
    assert_eq!(made.json()["standing"], "mounted");
    let array = nas.ok(get(format!("{ARRAYS}/tank"))).await;
    assert_eq!(
        (&array["level"], &array["chunk_bytes"]),
        (&json!("raid6"), &json!(65536))
    );
    // It is one change, also for who reads the audit log.
    let audit = nas.audit().await;
    let mut made = audit
        .iter()
        .filter(|it| it.entry.object.as_deref() == Some("tank"));
    assert!(made.all(|it| it.entry.operation == "pool_create"));
}

#[tokio::test]
async fn it_is_a_device_or_an_array() {
    let nas = Nas::start("blank").await;
    let neither = json!({ "name": "tank", "filesystem": "ext4" });
    let mut both = wish();
    both["device"] = json!(blank(6));
    for body in [neither, both] {
        let plan = json!({ "operation": "pool_create", "body": body });
        for ask in [post(POOLS, body.clone()), post("/api/plans", plan)] {
            let refused = nas.ask(ask).await.problem(400, "invalid_request");
            let detail = refused["detail"].as_str().unwrap();
            assert!(
                detail.contains("one of `device`, `array` and `path`"),
                "{refused:#}"
            );
            assert!(
                refused["hint"].as_str().unwrap().contains("--level"),
                "{refused:#}"
            );
        }
    }
    // The array has the name of the pool, and nothing that is not known.
    let mut named = wish();
    named["array"]["name"] = json!("other");
    nas.ask(post(POOLS, named))
        .await
        .problem(400, "invalid_request");
    let mut reserved = wish();
    reserved["name"] = json!("expected");
    let refused = nas.ask(post(POOLS, reserved)).await;
    assert_eq!(
        refused.problem(400, "invalid_request")["errors"][0]["name"],
        "name"
    );
}

#[tokio::test]
async fn what_changed_since_the_look_is_another_plan_of_both() {
    let nas = Nas::start("blank").await;
    let plan = json!({ "operation": "pool_create", "body": wish() });
    let before = nas.ok(post("/api/plans", plan)).await;
    nas.fault(json!({ "kind": "signature", "device": blank(5), "signature": "ext4" }))
        .await;
    let confirm = before["fingerprint"].as_str().unwrap();
    let late = nas
        .ask(post(POOLS, wish()).header("X-Confirm-Plan", confirm))
        .await;
    let late = late.problem(409, "plan_changed");
    assert!(
        late["plan"]["dangers"].to_string().contains("ext4"),
        "{late:#}"
    );
    assert_eq!(
        nas.ok(get(ARRAYS)).await["items"],
        json!([]),
        "nothing was done"
    );
}

/// What an earlier request made, and somebody has filled since, is not made anew by the same.
#[tokio::test]
async fn what_is_on_the_array_by_then_is_not_lost() {
    let nas = Nas::start("blank").await;
    let made = nas
        .change("pool_create", json!({}), post(POOLS, wish()))
        .await;
    assert_eq!(made.status, 201, "{}", made.text);
    let export = bare(Method::POST, format!("{POOLS}/tank/export"));
    let path = json!({ "pool": "tank" });
    let done = nas.change("pool_export", path, export).await;
    assert!(done.status.is_success(), "{}", done.text);
    let refused = nas
        .ask(post(POOLS, wish()))
        .await
        .problem(409, "array_not_empty");
    let hint = refused["hint"].as_str().unwrap();
    assert!(
        hint.contains("`moxnas pool import tank --device tank`"),
        "{hint}"
    );
}
