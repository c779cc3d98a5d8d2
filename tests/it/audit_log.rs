//! The audit log through the interface.

use moxnas_app::{Role, audit::export};
use serde_json::{Value, json};

use crate::nas::{ARRAYS, Nas, get, post, wish};

const AUDIT: &str = "/api/logging/audit";

/// A service with some history.
async fn with_history() -> Nas {
    let nas = Nas::start("blank").await;
    for n in 0..3 {
        let wish = wish(&format!("data{n}"), "raid1", &[1, 2]);
        nas.ask(post(ARRAYS, wish).by(Role::Viewer))
            .await
            .problem(403, "forbidden");
    }
    nas
}

#[tokio::test]
async fn records_are_listed_page_by_page_and_found_by_what_they_say() {
    let nas = with_history().await;
    let all = nas.ok(get(format!("{AUDIT}?limit=1000"))).await;
    let items = all["items"].as_array().unwrap();
    assert!(all.get("next").is_none());
    let ids: Vec<_> = items.iter().map(|it| it["id"].as_i64().unwrap()).collect();
    assert!(ids.is_sorted_by(|a, b| a > b), "the newest first: {ids:?}");

    let (mut paged, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = nas
            .ok(get(format!("{AUDIT}?limit=2&order=oldest-first{cursor}")))
            .await;
        paged.extend(page["items"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    paged.reverse();
    assert_eq!(&paged, items);

    let found = nas
        .ok(get(format!("{AUDIT}?object=data1&phase=refused")))
        .await;
    let [record] = found["items"].as_array().unwrap().as_slice() else {
        panic!("{found}")
    };
    assert_eq!(record["actor"], "one-viewer");
    assert_eq!(record["operation"], "array_create");
    assert_eq!(record["detail"]["code"], "forbidden");
    assert_eq!(record["hash"].as_str().unwrap().len(), 64);
    let none = nas
        .ok(get(format!("{AUDIT}?from=2999-01-01T00:00:00Z")))
        .await;
    assert_eq!(none["items"], json!([]));
    for bad in ["cursor=x", "limit=0", "from=yesterday", "order=best"] {
        nas.ask(get(format!("{AUDIT}?{bad}")))
            .await
            .problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn the_log_is_proven_and_taken_elsewhere() {
    let nas = with_history().await;
    let verdict = nas.ok(post(format!("{AUDIT}/verify"), Value::Null)).await;
    assert_eq!(
        (&verdict["sound"], &verdict["causes"]),
        (&json!(true), &json!([]))
    );
    assert!(verdict["records"].as_u64().unwrap() >= 3);

    let reply = nas.ask(get(format!("{AUDIT}/export"))).await;
    assert_eq!(reply.header("content-type"), Some("application/x-ndjson"));
    let proven = export::verify(reply.text.as_bytes()).unwrap();
    assert!(proven.is_sound());
    assert_eq!(proven.records() + 2, reply.text.lines().count() as u64);
    let head = &verdict["chains"][0]["head"];
    assert!(reply.text.contains(head.as_str().unwrap()));

    let reply = nas
        .ask(get(format!("{AUDIT}/export?format=csv&object=data2")))
        .await;
    assert_eq!(reply.header("content-type"), Some("text/csv"));
    assert_eq!(reply.text.matches("\r\n").count(), 2, "{}", reply.text);
}

/// No word of the interface removes a record or ends the recording.
#[test]
fn nothing_switches_the_log_off() {
    let document: Value = serde_json::from_str(&moxnas_api::spec()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let about: Vec<_> = paths
        .iter()
        .filter(|(it, _)| it.contains("audit"))
        .collect();
    assert_eq!(about.len(), 3);
    for (path, methods) in about {
        for method in methods.as_object().unwrap().keys() {
            assert!(
                ["get", "post"].contains(&method.as_str()),
                "{method} {path}"
            );
        }
    }
}
