//! The REST interface over a simulated machine, as clients meet it.

mod changes;
mod consequences;
mod devices;
mod directory;
mod events;
mod expected;
mod health;
mod hung;
mod lists;
mod one_step;
mod problems;

use serde_json::{Value, json};

use crate::{
    nas::{Nas, get},
    product::{Served, http},
};

/// What `curl` does in the README, over a real socket.
#[test]
fn from_login_to_an_array_over_a_socket() {
    let nas = Served::start("blank");
    assert!(
        nas.said.contains("SIMULATED MACHINE (blank)"),
        "{}",
        nas.said
    );
    let disks = nas.get("/api/storage/disks");
    let serials: Vec<&str> = disks["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["serial"].as_str().unwrap())
        .collect();
    assert_eq!(serials.len(), 12);
    let wish = json!({ "name": "data", "level": "raid6", "members": &serials[..6] });
    let plan = json!({ "operation": "array_create", "body": wish });
    let plan = nas.ask("POST", "/api/plans", Some(&plan)).json();
    let fingerprint = plan["fingerprint"].as_str().unwrap();

    let refused = nas.ask("POST", "/api/storage/arrays", Some(&wish));
    assert_eq!(refused.status, 428, "{refused:?}");
    assert_eq!(
        refused.header("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(
        refused.json()["plan"],
        plan,
        "the very plan that was asked for before"
    );

    let login = ("Authorization", format!("Bearer {}", nas.token));
    let confirm = ("X-Confirm-Plan", fingerprint.to_owned());
    let body = wish.to_string();
    let made = http(
        &nas.url,
        "POST",
        "/api/storage/arrays",
        &[login, confirm],
        Some(&body),
    );
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.header("location"), Some("/api/storage/arrays/data"));
    let array = nas.ask("GET", made.header("location").unwrap(), None);
    assert_eq!(array.header("etag"), made.header("etag"));
    assert_eq!(array.header("x-moxnas-simulated"), Some("blank"));
    assert_eq!(array.json()["health"]["verdict"], "optimal");
}

#[tokio::test]
async fn every_answer_says_that_it_is_simulated() {
    let nas = Nas::start("blank").await;
    for path in [
        "/health",
        "/api/docs",
        "/api/openapi.json",
        "/api/sim",
        "/api/sim/openapi.json",
        "/nothing",
        "/api/storage/arrays",
        "/api/storage/arrays/none",
        "/",
    ] {
        for ask in [get(path), get(path).nobody()] {
            let reply = nas.ask(ask).await;
            assert_eq!(reply.header("x-moxnas-simulated"), Some("blank"), "{path}");
            assert!(reply.header("x-request-id").is_some(), "{path}");
            assert_eq!(
                reply.header("x-content-type-options"),
                Some("nosniff"),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn the_documentation_is_a_page_of_its_own() {
    let nas = Nas::start("sandbox").await;
    let page = nas.ask(get("/api/docs").nobody()).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("SIMULATED MACHINE (sandbox)"));
    // The viewer is inside; nothing is fetched from elsewhere.
    for fetch in [
        "src=\"http",
        "href=\"http",
        "src=\"//",
        "href=\"//",
        "@import",
        "cdn.",
    ] {
        assert!(!page.text.contains(fetch), "the page has {fetch}");
    }
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'") && !policy.contains("http"),
        "{policy}"
    );
    // Only the scripts that are in the page run.
    let scripts = policy.split("; ").find(|it| it.starts_with("script-src"));
    let scripts = scripts.unwrap().split(' ').skip(1);
    assert!(scripts.clone().count() > 0);
    assert!(scripts.into_iter().all(|it| it.starts_with("'sha256-")));
}

#[tokio::test]
async fn the_documents_that_are_served_are_the_committed_ones() {
    let nas = Nas::start("sandbox").await;
    let mut served: Value = nas.ok(get("/api/openapi.json").nobody()).await;
    let mut committed: Value = serde_json::from_str(&moxnas_api::spec()).unwrap();
    // Only the title says that nothing here is real.
    assert_eq!(served["info"]["title"], "MoxNAS (SIMULATED: sandbox)");
    served["info"]["title"].take();
    committed["info"]["title"].take();
    assert_eq!(served, committed);
    let served = nas.ok(get("/api/sim/openapi.json").nobody()).await;
    assert_eq!(
        served,
        serde_json::from_str::<Value>(&moxnas_api::simulation_spec()).unwrap()
    );
}

#[tokio::test]
async fn a_slash_at_the_end_means_the_same() {
    let nas = Nas::start("small-office").await;
    for path in [
        "/api/storage/arrays",
        "/api/storage/arrays/media",
        "/api/system/info",
        "/health",
    ] {
        let (with, without) = (
            nas.ask(get(format!("{path}/"))).await,
            nas.ask(get(path)).await,
        );
        assert_eq!(
            (with.status, without.status),
            (without.status, 200.try_into().unwrap()),
            "{path}"
        );
    }
}

#[tokio::test]
async fn who_asks_is_told_who_it_is() {
    let nas = Nas::start("blank").await;
    let me = nas.ok(get("/api/auth/me")).await;
    assert_eq!(
        me,
        json!({ "username": "one-admin", "role": "admin", "via": "token" })
    );
    let tokens = nas.login("one-viewer").await;
    assert_eq!(tokens["user"]["role"], "viewer");
    assert_eq!(tokens["expires_in"], 900);
}
