//! What arrays should be there, by REST.

use serde_json::json;

use crate::nas::{ARRAYS, Nas, get, post};

#[tokio::test]
async fn a_difference_has_an_explanation_and_a_remedy_until_it_is_accepted() {
    let nas = Nas::start("small-office").await;
    let path = format!("{ARRAYS}/expected");
    let first = nas.ok(get(&path)).await;
    assert_eq!(first["items"][0]["name"], "media", "{first}");
    assert_eq!(first["items"][0]["accepted_by"], "local");
    assert_eq!(first["differences"], json!([]));
    assert!(first["since"].is_string());

    let pull = json!({ "kind": "pull", "serial": "WD-WX12D00A0002" });
    nas.fault(pull).await;
    let told = nas.ok(get(&path)).await;
    let difference = &told["differences"][0];
    assert_eq!(difference["difference"], "member_missing", "{told}");
    assert_eq!(difference["is_fault"], true);
    for words in ["explanation", "remedy"] {
        assert!(
            difference[words].as_str().unwrap().contains("media"),
            "{difference}"
        );
    }
    let health = nas.ok(get("/api/system/health/detailed")).await;
    let causes = health["checks"]["storage"]["causes"].to_string();
    assert!(
        causes.contains(difference["explanation"].as_str().unwrap()),
        "{causes}"
    );

    let at = format!("{path}/accept");
    for unclear in [
        json!({}),
        json!({ "array": "media", "all": true }),
        json!({ "all": false }),
    ] {
        let refused = nas.ask(post(&at, unclear)).await;
        assert_eq!(refused.status, 400, "{}", refused.text);
    }
    let unknown = nas.ask(post(&at, json!({ "array": "none" }))).await;
    assert_eq!(unknown.status, 404, "{}", unknown.text);
    let accepted = nas.ok(post(&at, json!({ "array": "media" }))).await;
    assert_eq!(accepted["differences"], json!([]), "{accepted}");
    let audit = nas.audit().await;
    let of_it = audit
        .iter()
        .filter(|it| it.entry.operation == "expected_accept");
    assert!(of_it.count() >= 2, "an intent and an outcome");
}
