//! Cookies: every operation of the documents with and without what guards them.

use super::*;

struct Cookie {
    header: String,
    csrf: String,
    token: String,
}

async fn cookie(nas: &Nas, name: &str) -> Cookie {
    let body = json!({ "username": name, "password": PASSWORD, "cookie": true });
    let reply = nas.ask(post("/api/auth/login", body).nobody()).await;
    let set = reply.header("set-cookie").unwrap().to_owned();
    for part in [
        "; HttpOnly",
        "; SameSite=Strict",
        "; Path=/",
        "; Max-Age=43200",
    ] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains("Secure"), "this request came in the clear");
    let body = reply.json();
    Cookie {
        header: set.split(';').next().unwrap().to_owned(),
        csrf: body["csrf_token"].as_str().unwrap().to_owned(),
        token: body["token"].as_str().unwrap().to_owned(),
    }
}

#[tokio::test]
async fn a_cookie_changes_nothing_without_its_word() {
    let nas = Nas::start("blank").await;
    let it = cookie(&nas, "one-admin").await;
    let other = cookie(&nas, "one-admin").await;
    for document in all_documents() {
        for (path, method, operation) in operations(&document) {
            let id = operation["operationId"].as_str().unwrap();
            if needs(id).is_none() || id == "auth_logout" {
                continue;
            }
            let ask = || {
                example(id, &method, &path)
                    .nobody()
                    .header("Cookie", &it.header)
            };
            let with = || ask().header("X-CSRF-Token", &it.csrf);
            let answer = status(&nas, with()).await;
            assert!(answer != 401 && answer != 403, "{id}: {answer}");
            if method == "GET" {
                let answer = status(&nas, ask()).await;
                assert!(answer != 401 && answer != 403, "{id}: {answer}");
                continue;
            }
            for forged in [
                ask(),
                ask().header("X-CSRF-Token", ""),
                ask().header("X-CSRF-Token", &other.csrf),
                with().header("Sec-Fetch-Site", "cross-site"),
                with().header("Sec-Fetch-Site", "same-site"),
                with().header("Origin", "https://elsewhere.example"),
                with().header("Origin", "null"),
            ] {
                nas.ask(forged).await.problem(403, "csrf");
            }
        }
    }
    let same = get("/api/auth/me")
        .nobody()
        .header("Cookie", &format!("a=b; {}; c=d", it.header));
    let me = nas.ok(same).await;
    assert_eq!(
        (&me["via"], &me["csrf_token"]),
        (&json!("cookie"), &json!(it.csrf))
    );
}

#[tokio::test]
async fn a_bearer_wins_over_a_cookie_and_is_not_rescued_by_it() {
    let nas = Nas::start("blank").await;
    let it = cookie(&nas, "one-admin").await;
    let ask = || get("/api/auth/me").header("Cookie", &it.header);
    let me = nas.ok(ask().by(Role::Viewer)).await;
    assert_eq!(
        (&me["username"], &me["via"]),
        (&json!("one-viewer"), &json!("token"))
    );
    assert_eq!(me.get("csrf_token"), None);
    nas.ask(ask().token("nonsense"))
        .await
        .problem(401, "token_invalid");
    nas.ask(ask().token("mxk_nonsense"))
        .await
        .problem(401, "key_unknown");
    let forged = ask().nobody().header("Cookie", "moxnas_session=nonsense");
    nas.ask(forged).await.problem(401, "session_ended");
    // With a token no word is needed: no other site can have made the browser send it.
    let change = bare(Method::PATCH, "/api/users/one-user").json(&json!({ "role": "user" }));
    nas.ok(change.header("Cookie", &it.header)).await;
}

#[tokio::test]
async fn logging_out_takes_the_cookie_away_and_ends_the_session() {
    let nas = Nas::start("blank").await;
    let it = cookie(&nas, "one-user").await;
    let page = nas.ok(get("/api/auth/sessions").token(&it.token)).await;
    let current: Vec<&Value> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["current"] == true)
        .collect();
    assert_eq!((current.len(), &current[0]["kind"]), (1, &json!("cookie")));
    let logout = bare(Method::POST, "/api/auth/logout")
        .nobody()
        .header("Cookie", &it.header);
    nas.ask(logout.clone()).await.problem(403, "csrf");
    let reply = nas.ask(logout.header("X-CSRF-Token", &it.csrf)).await;
    assert_eq!(reply.status, 204);
    let cleared = reply.header("set-cookie").unwrap();
    assert!(
        cleared.starts_with("moxnas_session=; Max-Age=0;"),
        "{cleared}"
    );
    nas.ask(get("/api/auth/me").nobody().header("Cookie", &it.header))
        .await
        .problem(401, "session_ended");
    nas.ask(get("/api/auth/me").token(&it.token))
        .await
        .problem(401, "session_ended");
    // Another site cannot log somebody in.
    let body = json!({ "username": "one-user", "password": PASSWORD, "cookie": true });
    let ask = post("/api/auth/login", body).nobody();
    nas.ask(ask.header("Origin", "https://elsewhere.example"))
        .await
        .problem(403, "csrf");
}
