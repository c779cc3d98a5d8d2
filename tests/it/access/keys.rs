//! API keys: every operation of the documents with keys of every sort.

use moxnas_app::{Keys, auth::Scope};

use super::*;

/// Make a key of the login of this role, as its owner does.
async fn key(nas: &Nas, role: Role, body: Value) -> String {
    let made = nas.ok(post("/api/api-keys", body).by(role)).await;
    made["secret"].as_str().unwrap().to_owned()
}

fn scoped(scopes: &[&str]) -> Value {
    json!({ "name": "test", "scopes": scopes })
}

/// Every operation, as [`example`] asks for it.
fn all(mut check: impl FnMut(&str, Option<Role>, Keys) -> bool) -> Vec<(String, Ask)> {
    let keys: BTreeMap<&str, Keys> = ops::all().iter().map(|it| (it.name, it.keys)).collect();
    let mut asks = Vec::new();
    for document in all_documents() {
        for (path, method, operation) in operations(&document) {
            let id = operation["operationId"].as_str().unwrap().to_owned();
            if check(&id, needs(&id), keys[id.as_str()]) {
                let ask = example(&id, &method, &path);
                asks.push((id, ask));
            }
        }
    }
    asks
}

#[tokio::test]
async fn a_key_opens_what_its_scopes_cover_and_no_more_than_its_owner() {
    let nas = Nas::start("blank").await;
    for role in Role::ALL {
        for scopes in [&["*"][..], &["array_*", "plan_create"], &["*_list"], &[]] {
            let secret = key(&nas, role, scoped(scopes)).await;
            let parsed: Vec<Scope> = scopes.iter().map(|it| it.parse().unwrap()).collect();
            let covers = |id: &str| parsed.iter().any(|it| it.covers(id));
            for (id, ask) in all(|_, needs, _| needs.is_some()) {
                let reply = nas.open(ask.token(&secret)).await;
                let status = reply.status().as_u16();
                // An answer that may have no end is not read.
                let code = match status {
                    401 | 403 => {
                        let text = reply.into_body().into_string().await.unwrap();
                        let problem: Value = serde_json::from_str(&text).unwrap();
                        problem["code"].as_str().unwrap().to_owned()
                    }
                    _ => String::new(),
                };
                let operation = ops::all().into_iter().find(|it| it.name == id).unwrap();
                // A plan takes the scope of what is planned, too.
                let covered = covers(&id) && (id != "plan_create" || covers("array_scrub"));
                let expect = if needs(&id) > Some(role) && operation.needs > Some(role) {
                    "forbidden"
                } else if operation.keys == Keys::MayNot {
                    "key_may_not"
                } else if !covers(&id) {
                    "scope_missing"
                } else if needs(&id) > Some(role) {
                    "forbidden"
                } else if !covered {
                    "scope_missing"
                } else {
                    ""
                };
                assert_eq!(
                    code, expect,
                    "{id} by a key of {role} for {scopes:?}: {status}"
                );
                assert!(status < 500, "{id}: {status}");
            }
        }
    }
}

#[tokio::test]
async fn keys_that_are_expired_revoked_forged_or_elsewhere_open_nothing() {
    let nas = Nas::start("blank").await;
    let good = key(&nas, Role::Admin, scoped(&["*"])).await;
    nas.ok(get("/api/users").token(&good)).await;

    let elsewhere = json!({ "name": "test", "scopes": ["*"], "networks": ["192.0.2.0/24"] });
    let elsewhere = key(&nas, Role::Admin, elsewhere).await;
    let revoked = nas.ok(post("/api/api-keys", scoped(&["*"]))).await;
    let path = format!("/api/api-keys/{}", revoked["key"]["id"]);
    nas.ok(bare(Method::DELETE, path.as_str())).await;
    nas.ask(bare(Method::DELETE, path.as_str()))
        .await
        .problem(404, "key_not_found");
    let soon = SystemTime::now() + std::time::Duration::from_millis(300);
    let expired = nas
        .app
        .auth
        .create_key(
            nas.app.auth.named("one-admin").await.unwrap().id,
            moxnas_app::auth::KeyWish {
                name: "soon".to_owned(),
                role: None,
                scopes: vec!["*".parse().unwrap()],
                networks: Vec::new(),
                expires_at: Some(soon),
            },
        )
        .await
        .unwrap();
    while SystemTime::now() < soon {
        tokio::task::yield_now().await;
    }
    let end = if good.ends_with('A') { "B" } else { "A" };
    let forged = format!("{}{end}", &good[..good.len() - 1]);
    for (id, ask) in all(|_, needs, _| needs.is_some()) {
        for (secret, code) in [
            (elsewhere.as_str(), "key_network"),
            (revoked["secret"].as_str().unwrap(), "key_revoked"),
            (expired.secret.expose(), "key_expired"),
            (&forged, "key_unknown"),
        ] {
            let reply = nas.ask(ask.clone().token(secret)).await;
            let problem = reply.problem(401, code);
            assert!(!problem.to_string().contains(secret), "{id}");
        }
    }
    // Its owner is disabled: at once.
    let of_operator = key(&nas, Role::Operator, scoped(&["*"])).await;
    nas.ok(get("/api/storage/disks").token(&of_operator)).await;
    let change = bare(Method::PATCH, "/api/users/one-operator").json(&json!({ "disabled": true }));
    nas.ok(change).await;
    nas.ask(get("/api/storage/disks").token(&of_operator))
        .await
        .problem(401, "login_disabled");
    // No secret is in the audit log.
    let audit = format!("{:?}", nas.audit().await);
    for secret in [&good, &elsewhere, &of_operator] {
        assert!(!audit.contains(&secret[13..]));
    }
}

#[tokio::test]
async fn keys_are_ones_own() {
    let nas = Nas::start("blank").await;
    key(&nas, Role::User, scoped(&["auth_me"])).await;
    key(&nas, Role::Viewer, scoped(&["*"])).await;
    let listed = async |role| {
        let page = nas.ok(get("/api/api-keys").by(role)).await;
        let items = page["items"].as_array().unwrap().clone();
        assert!(items.iter().all(|it| it.get("secret").is_none()));
        items
            .into_iter()
            .map(|it| it["username"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(listed(Role::User).await, ["one-user"]);
    assert_eq!(listed(Role::Operator).await, [""; 0]);
    assert_eq!(listed(Role::Admin).await, ["one-user", "one-viewer"]);
    let page = nas.ok(get("/api/api-keys?limit=1")).await;
    let next = page["next"].as_str().unwrap();
    let page = nas
        .ok(get(format!("/api/api-keys?limit=1&cursor={next}")))
        .await;
    assert_eq!(page["items"][0]["username"], "one-viewer");
    let id = &page["items"][0]["id"];
    let end = bare(Method::DELETE, format!("/api/api-keys/{id}"));
    nas.ask(end.clone().by(Role::User))
        .await
        .problem(404, "key_not_found");
    nas.ok(end).await;
    for (body, code) in [
        (
            json!({ "name": "x", "scopes": ["none_of_these"] }),
            "key_invalid",
        ),
        (json!({ "name": "x", "scopes": ["Array"] }), "scope_invalid"),
        (
            json!({ "name": "x", "scopes": ["user_create"] }),
            "key_invalid",
        ),
        (
            json!({ "name": "x", "scopes": ["*"], "networks": ["nowhere"] }),
            "key_invalid",
        ),
        (
            json!({ "name": "x", "scopes": ["*"], "role": "admin" }),
            "key_invalid",
        ),
        (
            json!({ "name": "x", "scopes": ["*"], "username": "one-admin" }),
            "on_the_machine",
        ),
        (
            json!({ "name": "x", "scopes": ["*"], "expires_at": "2001-01-01T00:00:00Z" }),
            "key_invalid",
        ),
    ] {
        let ask = post("/api/api-keys", body).by(Role::Viewer);
        nas.ask(ask).await.problem(400, code);
    }
}
