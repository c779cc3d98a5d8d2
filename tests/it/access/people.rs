//! Logins, their sessions, and guessing, over the interface.

use super::*;

#[tokio::test]
async fn a_login_from_its_making_to_its_end() {
    let nas = Nas::start("blank").await;
    let body = json!({ "username": "Bob", "role": "viewer", "password": PASSWORD });
    let reply = nas.ask(post("/api/users", body.clone())).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    assert_eq!(reply.header("location"), Some("/api/users/bob"));
    let made = reply.json();
    assert_eq!(made.get("last_login_at"), None, "not null: {made}");
    assert_eq!(made.get("account"), None);
    nas.ask(post("/api/users", body))
        .await
        .problem(409, "login_name_taken");
    let session = nas.login("bob").await;
    let token = session["token"].as_str().unwrap();
    let shown = nas.ok(get("/api/users/bob")).await;
    assert!(shown["last_login_at"].is_string(), "{shown}");

    let change = |body: Value| bare(Method::PATCH, "/api/users/bob").json(&body);
    let changed = nas
        .ok(change(json!({ "role": "user", "account": "bob" })))
        .await;
    assert_eq!(
        (&changed["role"], &changed["account"]),
        (&json!("user"), &json!("bob"))
    );
    nas.ask(get("/api/storage/disks").token(token))
        .await
        .problem(403, "forbidden");
    let changed = nas.ok(change(json!({ "account": null }))).await;
    assert_eq!(changed.get("account"), None);

    let password = |old: &str, new: &str| {
        post("/api/auth/password", json!({ "old": old, "new": new })).token(token)
    };
    nas.ask(password("wrong", "another good password"))
        .await
        .problem(400, "wrong_password");
    nas.ask(password(PASSWORD, "Password1234"))
        .await
        .problem(400, "password_weak");
    let other = nas.login("bob").await;
    nas.ok(password(PASSWORD, "another good password")).await;
    nas.ok(get("/api/auth/me").token(token)).await;
    nas.ask(get("/api/auth/me").token(other["token"].as_str().unwrap()))
        .await
        .problem(401, "session_ended");

    let sessions = nas.ok(get("/api/users/bob/sessions")).await;
    let id = sessions["items"][0]["id"].as_str().unwrap();
    nas.ask(bare(Method::DELETE, format!("/api/auth/sessions/{id}")))
        .await
        .problem(404, "session_not_found");
    nas.ok(bare(
        Method::DELETE,
        format!("/api/users/bob/sessions/{id}"),
    ))
    .await;
    nas.ask(get("/api/auth/me").token(token))
        .await
        .problem(401, "session_ended");

    nas.ok(bare(Method::DELETE, "/api/users/bob")).await;
    nas.ask(get("/api/users/bob"))
        .await
        .problem(404, "login_not_found");
    let audit = format!("{:?}", nas.audit().await);
    assert!(!audit.contains(PASSWORD) && !audit.contains("another good"));
}

#[tokio::test]
async fn an_admin_is_not_locked_out_by_a_slip() {
    let nas = Nas::start("blank").await;
    let own = |method: Method| bare(method, "/api/users/One-Admin");
    nas.ask(own(Method::DELETE)).await.problem(409, "own_login");
    for body in [json!({ "disabled": true }), json!({ "role": "viewer" })] {
        nas.ask(own(Method::PATCH).json(&body))
            .await
            .problem(409, "own_login");
    }
    let made = json!({ "username": "second", "role": "admin", "password": PASSWORD });
    nas.ok(post("/api/users", made)).await;
    let second = nas.login("second").await;
    let second = second["token"].as_str().unwrap();
    nas.ok(own(Method::DELETE).token(second)).await;
    let local = moxnas_app::App::this_process("test");
    let last = moxnas_app::ops::users::UserDelete {
        username: "second".to_owned(),
    };
    let refused = nas.app.call(&local, last).await.unwrap_err();
    assert_eq!(refused.code(), "last_admin");
}

#[tokio::test]
async fn the_list_is_paged_by_name() {
    let nas = Nas::start("blank").await;
    let page = nas.ok(get("/api/users?limit=3")).await;
    let names = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap().iter();
        items
            .map(|it| it["username"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&page), ["one-admin", "one-operator", "one-user"]);
    assert_eq!(page["next"], "one-user");
    let page = nas.ok(get("/api/users?limit=3&cursor=one-user")).await;
    assert_eq!(names(&page), ["one-viewer"]);
    assert_eq!(page.get("next"), None);
    nas.ask(get("/api/users?limit=0"))
        .await
        .problem(400, "invalid_request");
}

#[tokio::test]
async fn a_second_factor_over_the_interface() {
    let nas = Nas::start("blank").await;
    let by = Role::Viewer;
    let wrong = post("/api/auth/totp", json!({ "password": "wrong" })).by(by);
    nas.ask(wrong).await.problem(400, "wrong_password");
    let enrol = post("/api/auth/totp", json!({ "password": PASSWORD })).by(by);
    let enrolled = nas.ok(enrol).await;
    let url = enrolled["url"].as_str().unwrap();
    assert!(url.starts_with("otpauth://totp/MoxNAS"), "{url}");
    assert!(url.contains(enrolled["secret"].as_str().unwrap()));
    let confirm = post("/api/auth/totp/confirm", json!({ "code": "12345" })).by(by);
    nas.ask(confirm).await.problem(400, "totp_wrong");
    // Not confirmed, it is not asked for, and is taken away with the password alone.
    nas.login("one-viewer").await;
    let disable = bare(Method::DELETE, "/api/auth/totp")
        .json(&json!({ "password": PASSWORD, "code": "" }))
        .by(by);
    nas.ok(disable.clone()).await;
    nas.ask(disable).await.problem(409, "totp_missing");
    // Those of others only on the machine itself.
    nas.ask(bare(Method::DELETE, "/api/users/one-viewer/totp"))
        .await
        .problem(400, "on_the_machine");
    let audit = format!("{:?}", nas.audit().await);
    assert!(!audit.contains(enrolled["secret"].as_str().unwrap()));
}

/// What an app shows that was given this secret (RFC 6238).
fn code(secret: &str, step: u64) -> String {
    use hmac::{Hmac, Mac};
    let key = data_encoding::BASE32_NOPAD
        .decode(secret.as_bytes())
        .unwrap();
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(&key).unwrap();
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let at = usize::from(hash[19] & 15);
    let four = u32::from_be_bytes(hash[at..at + 4].try_into().unwrap());
    format!("{:06}", (four & 0x7fff_ffff) % 1_000_000)
}

#[tokio::test]
async fn a_login_with_a_second_factor_sends_the_code_or_a_recovery_code() {
    let nas = Nas::start("blank").await;
    let by = Role::Operator;
    let enrol = post("/api/auth/totp", json!({ "password": PASSWORD })).by(by);
    let enrolled = nas.ok(enrol).await;
    let secret = enrolled["secret"].as_str().unwrap();
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let step = since.unwrap().as_secs() / 30;
    let confirm = json!({ "code": code(secret, step) });
    let confirm = post("/api/auth/totp/confirm", confirm).by(by);
    let codes = nas.ok(confirm).await;
    let codes = codes["recovery_codes"].as_array().unwrap();
    assert_eq!(codes.len(), 10);
    assert_eq!(nas.ok(get("/api/users/one-operator")).await["totp"], true);

    let login = |totp: Value| {
        let mut body = json!({ "username": "one-operator", "password": PASSWORD });
        if !totp.is_null() {
            body["totp"] = totp;
        }
        post("/api/auth/login", body).nobody()
    };
    nas.ask(login(Value::Null))
        .await
        .problem(401, "totp_required");
    // The code that has confirmed it was taken; that of the next step is in time already.
    let confirmed = json!(code(secret, step));
    nas.ask(login(confirmed)).await.problem(401, "totp_wrong");
    let next = json!(code(secret, step + 1));
    nas.ok(login(next.clone())).await;
    nas.ask(login(next)).await.problem(401, "totp_wrong");
    nas.ok(login(codes[0].clone())).await;
    nas.ask(login(codes[0].clone()))
        .await
        .problem(401, "totp_wrong");
    let disable = json!({ "password": PASSWORD, "code": codes[1] });
    nas.ok(bare(Method::DELETE, "/api/auth/totp").json(&disable).by(by))
        .await;
    nas.ok(login(Value::Null)).await;
    let audit = format!("{:?}", nas.audit().await);
    for code in codes {
        assert!(!audit.contains(code.as_str().unwrap()));
    }
}

#[tokio::test]
async fn the_list_of_logins_is_that_of_the_database_at_every_request() {
    let nas = Nas::start("blank").await;
    let list = || get("/api/users?limit=1000");
    let names = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap().iter();
        items
            .map(|it| it["username"].as_str().unwrap().to_owned())
            .collect()
    };
    let first = nas.ask(list()).await;
    let tag = first.header("etag").unwrap().to_owned();
    let known = || list().header("If-None-Match", &tag);
    let again = nas.ask(known()).await;
    assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""));

    let body = json!({ "username": "bob", "role": "viewer", "password": PASSWORD });
    nas.ask(post("/api/users", body)).await;
    let changed = nas.ask(known()).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert!(names(&changed.json()).contains(&"bob".to_owned()));
    nas.login("bob").await;
    let shown = nas.ok(list()).await;
    let items = shown["items"].as_array().unwrap();
    let bob = items.iter().find(|it| it["username"] == "bob").unwrap();
    assert!(bob["last_login_at"].is_string(), "{bob}");
    nas.ask(bare(Method::DELETE, "/api/users/bob")).await;
    assert_eq!(names(&nas.ok(list()).await), names(&first.json()));
}
