//! Who may what: every operation of the documents with every role, by real requests with real
//! logins.

use std::{collections::BTreeMap, path::Path, time::SystemTime};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use moxnas_api::routes::plans::planned;
use moxnas_app::{Role, ops, scenario::Scenario, settings::Settings, store::Phase};
use poem::http::Method;
use serde_json::{Value, json};

use crate::{
    contract::{all_documents, operations},
    nas::{ARRAYS, Ask, Nas, PASSWORD, bare, blank, get, post, wish},
};

mod browsers;
mod examples;
mod keys;
mod people;

pub(crate) use self::examples::example;

/// What an operation takes, by the application's own list. Planning takes what the planned
/// operation takes.
pub(crate) fn needs(id: &str) -> Option<Role> {
    let known: BTreeMap<&str, Option<Role>> =
        ops::all().iter().map(|it| (it.name, it.needs)).collect();
    match id {
        "plan_create" => known["plan_create"].max(known["array_scrub"]),
        other => known[other],
    }
}

/// Ask, and read no more of the answer than its status.
pub(crate) async fn status(nas: &Nas, ask: Ask) -> u16 {
    nas.open(ask).await.status().as_u16()
}

#[tokio::test]
async fn every_operation_lets_in_exactly_who_may() {
    let nas = Nas::start("blank").await;
    let mut seen = 0;
    for document in all_documents() {
        for (path, method, operation) in operations(&document) {
            let id = operation["operationId"].as_str().unwrap();
            let needs = needs(id);
            let ask = || example(id, &method, &path);
            // Whoever logs out has to log in again, so that comes last.
            if id == "auth_logout" {
                assert_eq!(status(&nas, ask().nobody()).await, 401);
                continue;
            }
            let nobody = status(&nas, ask().nobody()).await;
            // A wrong refresh token is a 401 of its own.
            let expects_nobody = needs.is_some() || id == "auth_refresh";
            assert_eq!(nobody == 401, expects_nobody, "{id} by nobody: {nobody}");
            assert_ne!(nobody, 403, "{id} by nobody");
            for role in Role::ALL {
                let answer = status(&nas, ask().by(role)).await;
                assert_eq!(
                    answer == 403,
                    needs > Some(role),
                    "{id} by {role}: {answer}"
                );
                assert!(
                    answer != 401 || id == "auth_refresh",
                    "{id} by {role}: {answer}"
                );
                assert!(answer < 500, "{id} by {role}: {answer}");
            }
            seen += 1;
        }
    }
    assert_eq!(seen + 1, ops::all().len());
    for role in Role::ALL {
        assert_eq!(
            status(&nas, bare(Method::POST, "/api/auth/logout").by(role)).await,
            204
        );
        assert_eq!(
            status(&nas, get("/api/auth/me").by(role)).await,
            401,
            "it has ended"
        );
    }
}

/// The document closes what is sent to fields that are not listed: so does every operation. Found by
/// fuzzing.
#[tokio::test]
async fn no_body_may_have_a_field_that_is_not_documented() {
    let nas = Nas::start("blank").await;
    for document in all_documents() {
        for (path, method, operation) in operations(&document) {
            let body = &operation.get("requestBody");
            let Some(body) = body.and_then(|it| it["content"].get("application/json")) else {
                continue;
            };
            let id = operation["operationId"].as_str().unwrap();
            let name = body["schema"]["$ref"].as_str().unwrap();
            let name = name.rsplit('/').next().unwrap();
            let schema = &document["components"]["schemas"][name];
            assert_eq!(schema["additionalProperties"], false, "{id}: {name}");
            let problem = nas.ask(example(id, &method, &path).with("surplus", json!(1)));
            let problem = problem.await.problem(400, "invalid_request");
            assert_eq!(problem["errors"][0]["name"], "surplus", "{id}: {problem}");
        }
    }
}

#[tokio::test]
async fn a_plan_takes_what_the_operation_takes() {
    let nas = Nas::start("blank").await;
    for operation in planned() {
        let needs = ops::all()
            .iter()
            .find(|it| it.name == operation)
            .unwrap()
            .needs
            .unwrap();
        let body = match operation {
            "array_create" => wish("none", "raid1", &[1, 2]),
            "pool_create" => json!({ "name": "none", "device": blank(1), "filesystem": "ext4" }),
            "pool_import" => json!({ "name": "none", "device": blank(1) }),
            "dataset_create" => json!({ "pool": "none", "name": "none" }),
            "dataset_quota" | "dataset_set" => json!({}),
            "dataset_rename" | "snapshot_clone" => json!({ "to": "none" }),
            "dataset_replicate" => json!({ "to_pool": "none" }),
            "snapshot_create" => json!({ "pool": "none", "dataset": "none", "name": "none" }),
            "snapshot_prune" => json!({ "pool": "none", "dataset": "none", "keep": {} }),
            "array_assemble" => json!({ "array": "none" }),
            "array_scrub" => json!({ "action": "check" }),
            "member_add" => json!({ "device": blank(1) }),
            "array_grow" => json!({ "members": 3 }),
            "array_set" => json!({}),
            "member_replace" => json!({}),
            "disk_wipe" => json!({ "level": "overwrite" }),
            "pool_check" | "snapshot_hold" | "snapshot_release" => json!({}),
            "disk_burn_in" | "pool_balance" => json!({}),
            "pool_device_add" => json!({ "device": blank(1) }),
            "pool_device_remove" => json!({ "device": "missing" }),
            "pool_device_replace" => json!({ "old": "missing", "new": blank(1) }),
            "disk_locate" => json!({ "on": true }),
            "smb_share_create" => json!({ "name": "none", "path": "/srv/none" }),
            "nfs_share_create" => {
                json!({ "name": "none", "path": "/srv/none", "clients": [{ "client": "*" }] })
            }
            "ftp_share_create" | "sftp_share_create" => {
                json!({ "name": "none", "path": "/srv/none", "users": [{ "user": "none" }] })
            }
            "account_create" | "group_create" => json!({ "name": "none" }),
            "account_passwd" | "account_samba_add" => json!({ "password": PASSWORD }),
            "account_set" | "group_members" | "share_import" => json!({}),
            "discovery_settings_set" => json!({ "enabled": true }),
            it if it.ends_with("_settings_set") => json!({}),
            it if it.ends_with("_share_set") || it.ends_with("_share_replace") => json!({}),
            _ => Value::Null,
        };
        let path = match operation {
            "array_create" | "array_assemble" | "spare_move" => json!({}),
            it if it.starts_with("member_") && it != "member_add" => {
                json!({ "array": "none", "device": "none" })
            }
            "initramfs_update" | "pool_create" | "pool_import" | "dataset_create"
            | "snapshot_create" | "snapshot_prune" => json!({}),
            it if it.ends_with("_share_create") || it.ends_with("_settings_set") => json!({}),
            "share_import" | "share_reconcile" => json!({}),
            "account_create" | "group_create" => json!({}),
            it if it.starts_with("service_") => json!({ "service": "samba" }),
            "share_session_end" => json!({ "session": "ftp-1-1" }),
            it if it.starts_with("account_") => json!({ "user": "none" }),
            it if it.starts_with("group_") => json!({ "group": "none" }),
            "share_generation_revert" => json!({ "number": "999" }),
            it if it.contains("share_") => json!({ "share": "none" }),
            it if it.starts_with("dataset_") => json!({ "pool": "none", "dataset": "none" }),
            it if it.starts_with("snapshot_") => {
                json!({ "pool": "none", "dataset": "none", "snapshot": "none" })
            }
            it if it.starts_with("pool_") => json!({ "pool": "none" }),
            it if it.starts_with("disk_") => json!({ "disk": "none" }),
            _ => json!({ "array": "none" }),
        };
        let ask = post(
            "/api/plans",
            json!({ "operation": operation, "path": path, "body": body }),
        );
        assert_eq!(status(&nas, ask.clone().nobody()).await, 401, "{operation}");
        for role in Role::ALL {
            let answer = status(&nas, ask.clone().by(role)).await;
            assert_eq!(
                answer == 403,
                role < needs,
                "{operation} by {role}: {answer}"
            );
        }
    }
    // What cannot be planned is no way around the login either.
    let ask = post("/api/plans", json!({ "operation": "nonsense" }));
    nas.ask(ask.clone().nobody())
        .await
        .problem(401, "unauthenticated");
    nas.ask(ask.clone().by(Role::User))
        .await
        .problem(403, "forbidden");
    nas.ask(ask).await.problem(400, "invalid_request");
}

/// Strangers are not told what is wrong with a request before they are told to log in: found by
/// fuzzing.
#[tokio::test]
async fn a_login_is_asked_for_before_anything_else() {
    let nas = Nas::start("blank").await;
    for ask in [
        get("/api/storage/disks?limit=0"),
        post(ARRAYS, json!({ "nonsense": 1 })),
        bare(Method::DELETE, format!("{ARRAYS}/none")).header("X-Confirm-Plan", "nonsense"),
        get("/api/events").header("Last-Event-ID", "nonsense"),
    ] {
        nas.ask(ask.clone().nobody())
            .await
            .problem(401, "unauthenticated");
        nas.ask(ask).await.problem(400, "invalid_request");
    }
}

/// A fresh look reads the whole machine: not for those who may not even ask.
#[tokio::test]
async fn nobody_can_make_the_machine_be_looked_at() {
    let nas = Nas::start("blank").await;
    let paths = [
        "/api/storage/arrays",
        "/api/storage/arrays/none",
        "/api/storage/disks",
        "/api/storage/disks/none",
        "/api/system/raid/status",
    ];
    for path in paths {
        // The disk that left is news, so that a look would show in the serial number.
        let disk = blank(12);
        nas.app
            .simulation
            .as_ref()
            .unwrap()
            .machine
            .pull(&disk)
            .unwrap();
        let before = nas.app.seen().as_of;
        let ask = get(format!("{path}?fresh=true"));
        nas.ask(ask.clone().nobody())
            .await
            .problem(401, "unauthenticated");
        nas.ask(ask.by(Role::User)).await.problem(403, "forbidden");
        // The loop looks once a second by itself; this takes much less.
        let is_old = nas.app.seen().as_of == before;
        nas.app
            .simulation
            .as_ref()
            .unwrap()
            .machine
            .plug_back(&disk)
            .unwrap();
        assert!(is_old, "{path}");
        nas.app.look().await.unwrap();
    }
}

#[tokio::test]
async fn who_is_logged_in_and_refused_is_in_the_audit_log() {
    let nas = Nas::start("blank").await;
    let ask =
        post(ARRAYS, wish("data", "raid1", &[1, 2])).header("X-Request-Id", "the-refused-one");
    nas.ask(ask.clone().by(Role::Viewer))
        .await
        .problem(403, "forbidden");
    let refused: Vec<_> = nas
        .audit()
        .await
        .into_iter()
        .filter(|it| it.entry.phase == Phase::Refused)
        .collect();
    let [record] = refused.as_slice() else {
        panic!("one refusal: {refused:#?}")
    };
    let entry = &record.entry;
    assert_eq!(
        (entry.actor.as_str(), entry.operation.as_str()),
        ("one-viewer", "array_create")
    );
    assert_eq!(
        (entry.object.as_deref(), entry.request_id.as_str()),
        (Some("data"), "the-refused-one")
    );
    assert_eq!(entry.detail["code"], "forbidden");
    // Nobody at all could fill the disk with it.
    nas.ask(ask.nobody()).await.problem(401, "unauthenticated");
    assert_eq!(nas.audit().await.last().unwrap().id, record.id);
}

/// A service whose signing key the test knows.
async fn with_known_key(folder: &Path) -> (Nas, Vec<u8>) {
    let settings = Settings {
        data_dir: Some(folder.to_owned()),
        ..Settings::simulated(Scenario::built_in("blank").unwrap())
    };
    let nas = Nas::with(&settings).await;
    let key = std::fs::read(folder.join("jwt.key")).unwrap();
    (nas, key)
}

/// What is in a token, without asking whether it is right.
fn claims(token: &str) -> Value {
    jsonwebtoken::dangerous::insecure_decode::<Value>(token)
        .unwrap()
        .claims
}

#[tokio::test]
async fn tokens_that_are_not_right_open_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (nas, key) = with_known_key(folder.path()).await;
    let session = nas.login("one-admin").await;
    let good = session["token"].as_str().unwrap();
    let claims = claims(good);
    let sign = |changes: Value, algorithm: Algorithm, key: &[u8]| {
        let mut claims = claims.clone();
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        encode(
            &Header::new(algorithm),
            &claims,
            &EncodingKey::from_secret(key),
        )
        .unwrap()
    };
    let me = |token: &str| get("/api/auth/me").token(token);
    // The very same claims open the door, so that what follows is refused for what is changed.
    assert_eq!(
        nas.ask(me(&sign(json!({}), Algorithm::HS256, &key)))
            .await
            .status,
        200
    );

    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let expired = sign(json!({ "exp": now - 1 }), Algorithm::HS256, &key);
    let forged = sign(
        json!({}),
        Algorithm::HS256,
        b"a key that somebody else has chosen",
    );
    let stronger = sign(json!({}), Algorithm::HS512, &key);
    let refresh_type = sign(json!({ "typ": "refresh" }), Algorithm::HS256, &key);
    let other_session = sign(json!({ "sid": "0".repeat(32) }), Algorithm::HS256, &key);
    let unsigned = {
        let parts: Vec<&str> = good.split('.').collect();
        // {"typ":"JWT","alg":"none"}
        format!("eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.{}.", parts[1])
    };
    let refresh = session["refresh_token"].as_str().unwrap().to_owned();
    let cut = &good[..good.len() - 2];
    for (token, code) in [
        (expired.as_str(), "token_invalid"),
        (&forged, "token_invalid"),
        (&stronger, "token_invalid"),
        (&refresh_type, "token_invalid"),
        (&other_session, "session_ended"),
        (&unsigned, "token_invalid"),
        (&refresh, "token_invalid"),
        (cut, "token_invalid"),
        ("", "token_invalid"),
        ("nonsense", "token_invalid"),
    ] {
        let reply = nas.ask(me(token)).await;
        let problem = reply.problem(401, code);
        assert_eq!(
            reply.header("www-authenticate"),
            Some(r#"Bearer realm="moxnas""#)
        );
        assert!(
            !problem.to_string().contains(good),
            "a token is not repeated"
        );
    }
    // Where nobody has to log in a stale token does no harm.
    assert_eq!(
        nas.ask(get("/api/system/health").token(&expired))
            .await
            .status,
        200
    );

    let basic = get("/api/auth/me")
        .nobody()
        .header("Authorization", "Basic YWRtaW46YWRtaW4=");
    nas.ask(basic).await.problem(401, "session_ended");
}

#[tokio::test]
async fn what_is_revoked_ends_at_once() {
    let nas = Nas::start("blank").await;
    let me = |token: &Value| get("/api/auth/me").token(token.as_str().unwrap());
    let refresh =
        |token: &Value| post("/api/auth/refresh", json!({ "refresh_token": token })).nobody();

    // Logged out.
    let session = nas.login("one-admin").await;
    assert_eq!(nas.ask(me(&session["token"])).await.status, 200);
    let token = session["token"].as_str().unwrap();
    assert_eq!(
        nas.ask(bare(Method::POST, "/api/auth/logout").token(token))
            .await
            .status,
        204
    );
    nas.ask(me(&session["token"]))
        .await
        .problem(401, "session_ended");
    nas.ask(refresh(&session["refresh_token"]))
        .await
        .problem(401, "session_ended");

    // A refresh token works once; a second time it was stolen, and the whole session ends.
    let first = nas.login("one-admin").await;
    let second = nas.ok(refresh(&first["refresh_token"])).await;
    assert_eq!(nas.ask(me(&second["token"])).await.status, 200);
    nas.ask(refresh(&first["refresh_token"]))
        .await
        .problem(401, "refresh_reused");
    nas.ask(me(&second["token"]))
        .await
        .problem(401, "session_ended");
    let is_reuse = |it: &moxnas_app::store::Record| {
        it.entry.operation == "auth_refresh" && it.entry.object.as_deref() == Some("one-admin")
    };
    assert!(
        nas.audit().await.iter().any(is_reuse),
        "a theft is in the audit log"
    );

    // Disabled, and with another role: at once, not when the token expires.
    let session = nas.login("one-operator").await;
    nas.app
        .auth
        .set_role("one-operator", Role::User)
        .await
        .unwrap();
    nas.ask(get("/api/storage/disks").token(session["token"].as_str().unwrap()))
        .await
        .problem(403, "forbidden");
    nas.app.auth.disable_login("one-operator").await.unwrap();
    let reply = nas.ask(me(&session["token"])).await;
    assert_eq!(reply.status, 401, "{}", reply.text);
}

#[tokio::test]
async fn passwords_are_guessed_slowly() {
    let nas = Nas::start("blank").await;
    let guess = || {
        post(
            "/api/auth/login",
            json!({ "username": "one-admin", "password": "wrong" }),
        )
        .nobody()
    };
    let mut wait = None;
    for _ in 0..50 {
        let reply = nas.ask(guess()).await;
        if reply.status == 429 {
            reply.problem(429, "too_many_attempts");
            wait = reply.header("retry-after").map(str::to_owned);
            break;
        }
        reply.problem(401, "wrong_credentials");
    }
    let wait: u64 = wait.expect("it ends before fifty guesses").parse().unwrap();
    assert!((1..=3600).contains(&wait), "{wait}");
    let records = nas.audit().await;
    let failed = records
        .iter()
        .filter(|it| it.entry.phase == Phase::Login && !it.entry.detail.to_string().contains("{}"));
    assert!(failed.count() > 0, "failed logins are in the audit log");
    assert!(
        records
            .iter()
            .all(|it| !format!("{it:?}").contains("\"wrong\"")),
        "passwords are not"
    );
}

/// Somebody who stole a session must not be able to keep the NAS with it.
#[tokio::test]
async fn passwords_of_others_are_not_set_over_the_network() {
    let nas = Nas::start("blank").await;
    let ask = bare(Method::PUT, "/api/users/one-viewer/password");
    let reply = nas
        .ask(ask.json(&json!({ "password": "another good password" })))
        .await;
    reply.problem(400, "on_the_machine");
    nas.login("one-viewer").await;
}
