//! Every failure has the one shape, with a code that programs can rely on.

use poem::http::Method;
use serde_json::json;

use crate::nas::{ARRAYS, Nas, bare, blank, get, post, wish};

#[tokio::test]
async fn what_is_not_understood() {
    let nas = Nas::start("blank").await;
    let ask = |body: &str| {
        bare(Method::POST, ARRAYS)
            .text(body)
            .header("Content-Type", "application/json")
    };
    let problem = nas.ask(ask("{name: 1}")).await.problem(400, "invalid_json");
    assert_eq!(problem["operation"], "array_create");
    nas.ask(ask("")).await.problem(400, "invalid_request");

    let mut unknown = wish("data", "raid1", &[1, 2]);
    unknown["colour"] = json!("red");
    let problem = nas
        .ask(post(ARRAYS, unknown))
        .await
        .problem(400, "invalid_request");
    assert_eq!(problem["errors"][0]["name"], "colour");

    let problem = nas.ask(post(ARRAYS, wish("data", "raid7", &[1, 2]))).await;
    let problem = problem.problem(400, "invalid_request");
    assert_eq!(problem["errors"][0]["name"], "level");

    for name in ["", "-rf", "a b", "../x", "a/b"] {
        let reply = nas.ask(post(ARRAYS, wish(name, "raid1", &[1, 2]))).await;
        assert_eq!(
            reply.problem(400, "invalid_request")["errors"][0]["name"],
            "name",
            "{name:?}"
        );
    }

    let typed = post(ARRAYS, wish("data", "raid1", &[1, 2])).header("Content-Type", "text/plain");
    nas.ask(typed).await.problem(415, "unsupported_media_type");
    let large = "x".repeat(1024 * 1024 + 1);
    let reply = nas
        .ask(ask(&large).header("Content-Length", &large.len().to_string()))
        .await;
    reply.problem(413, "payload_too_large");
    let reply = nas.ask(ask(&large)).await;
    reply.problem(413, "payload_too_large");

    let bad = post(ARRAYS, wish("data", "raid1", &[1, 2])).header("X-Confirm-Plan", "yes");
    let problem = nas.ask(bad).await.problem(400, "invalid_request");
    assert_eq!(problem["errors"][0]["name"], "X-Confirm-Plan");
    for limit in ["0", "1001", "-1", "many", ""] {
        let problem = nas.ask(get(format!("{ARRAYS}?limit={limit}"))).await;
        assert_eq!(
            problem.problem(400, "invalid_request")["errors"][0]["name"],
            "limit",
            "{limit:?}"
        );
    }
    let reply = nas
        .ask(get("/api/events").header("Last-Event-ID", "yesterday"))
        .await;
    reply.problem(400, "invalid_request");
}

#[tokio::test]
async fn what_is_not_there() {
    let nas = Nas::start("blank").await;
    for path in [
        "/nothing",
        "/api/nothing",
        "/api",
        "/api/storage/arrays/a/b/c",
        "/api/sim/nothing",
    ] {
        let problem = nas.ask(get(path)).await.problem(404, "not_found");
        assert_eq!(problem.get("operation"), None, "{path}");
    }
    let problem = nas
        .ask(get(format!("{ARRAYS}/none")))
        .await
        .problem(404, "array_not_found");
    assert_eq!(problem["operation"], "array_get");
    assert!(
        problem["hint"]
            .as_str()
            .unwrap()
            .contains("moxnas array list")
    );
    nas.ask(get("/api/storage/disks/none"))
        .await
        .problem(404, "not_found");
    nas.ask(bare(Method::DELETE, format!("{ARRAYS}/none")))
        .await
        .problem(404, "array_not_found");
    // A device in a body is no address: the request is at fault.
    let unknown = json!({ "name": "data", "level": "raid1", "members": [blank(1), "none"] });
    nas.ask(post(ARRAYS, unknown))
        .await
        .problem(400, "device_not_found");
    nas.create("data", "raid1", &[1, 2]).await;
    let reply = nas
        .ask(bare(
            Method::POST,
            format!("{ARRAYS}/data/members/{}/fail", blank(9)),
        ))
        .await;
    reply.problem(404, "member_not_found");
}

#[tokio::test]
async fn the_wrong_method_is_told_the_right_ones() {
    let nas = Nas::start("blank").await;
    for (path, method, allow) in [
        (ARRAYS, "PUT", "GET, HEAD, OPTIONS, POST"),
        (
            "/api/storage/arrays/data",
            "POST",
            "DELETE, GET, HEAD, OPTIONS, PATCH",
        ),
        ("/api/auth/login", "GET", "OPTIONS, POST"),
        ("/health", "DELETE", "GET, HEAD, OPTIONS"),
        ("/api/docs", "POST", "GET, HEAD, OPTIONS"),
        ("/api/storage/disks", "BREW", "GET, HEAD, OPTIONS"),
    ] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let reply = nas.ask(bare(method.clone(), path)).await;
        reply.problem(405, "method_not_allowed");
        assert_eq!(reply.header("allow"), Some(allow), "{method} {path}");
        let options = nas.ask(bare(Method::OPTIONS, path)).await;
        assert_eq!(
            (options.status.as_u16(), options.header("allow")),
            (204, Some(allow))
        );
    }
}

#[tokio::test]
async fn what_the_machine_says_against_it() {
    let nas = Nas::start("blank").await;
    assert_eq!(nas.create("data", "raid5", &[1, 2, 3]).await.status, 201);
    let array = format!("{ARRAYS}/data");

    let few = nas
        .ask(post(ARRAYS, wish("other", "raid6", &[4, 5, 6])))
        .await;
    let problem = few.problem(400, "too_few_members");
    assert!(
        problem["hint"].as_str().unwrap().contains("raid5"),
        "{problem}"
    );
    let reply = nas.ask(post(ARRAYS, wish("other", "raid1", &[4, 4]))).await;
    reply.problem(400, "device_named_twice");
    let reply = nas.ask(post(ARRAYS, wish("data", "raid1", &[4, 5]))).await;
    assert!(reply.problem(409, "array_name_taken")["hint"].is_string());
    let reply = nas.ask(post(ARRAYS, wish("other", "raid1", &[1, 4]))).await;
    let problem = reply.problem(409, "device_is_member");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .ends_with("is a member of array data")
    );

    let fail = |disk: u32| {
        bare(
            Method::POST,
            format!("{array}/members/{}/fail", blank(disk)),
        )
    };
    nas.advance(30 * 24 * 3600).await;
    let path = json!({ "array": "data", "device": blank(1) });
    assert_eq!(nas.change("member_fail", path, fail(1)).await.status, 200);
    let problem = nas.ask(fail(2)).await.problem(409, "would_lose_data");
    assert!(
        problem["hint"]
            .as_str()
            .unwrap()
            .contains("add a device to data"),
        "{problem}"
    );
    nas.ask(fail(1)).await.problem(409, "member_already_faulty");
    let remove = bare(Method::DELETE, format!("{array}/members/{}", blank(2)));
    nas.ask(remove).await.problem(409, "member_active");
    let scrub = post(format!("{array}/scrub"), json!({ "action": "idle" }));
    nas.ask(scrub).await.problem(409, "no_scrub_running");
}

#[tokio::test]
async fn what_is_in_use_is_left_alone() {
    let nas = Nas::start("small-office").await;
    let reply = nas
        .ask(bare(Method::DELETE, format!("{ARRAYS}/media")))
        .await;
    let problem = reply.problem(409, "array_in_use");
    assert_eq!(problem["hint"], "unmount /srv/media first");
    let system =
        json!({ "name": "x", "level": "raid1", "members": ["S6P1NX0T100001", "S6P1NX0T100002"] });
    nas.ask(post(ARRAYS, system))
        .await
        .problem(409, "system_disk");
}

#[tokio::test]
async fn steps_that_do_not_work() {
    let nas = Nas::start("blank").await;
    for (kind, code, cause) in [
        (
            "step-fails",
            "step_failed",
            Some("failed: the simulation was told so"),
        ),
        ("step-hangs", "step_failed", Some("was stopped after 120s")),
        ("step-power-cut", "step_failed", Some("power was cut")),
        // The array that was not made cannot be named in mdadm.conf.
        (
            "step-lies",
            "step_failed",
            Some("the array data is not there any more"),
        ),
    ] {
        nas.fault(json!({ "kind": kind, "step": "create raid1" }))
            .await;
        let reply = nas.create("data", "raid1", &[1, 2]).await;
        let problem = reply.problem(503, code);
        assert_eq!(problem["operation"], "array_create");
        assert!(problem["hint"].is_string(), "{problem}");
        if let Some(cause) = cause {
            let causes = problem["causes"].to_string();
            assert!(
                causes.contains(cause) && causes.contains("stopped after"),
                "{kind}: {causes}"
            );
        }
        // It can be tried again: nothing is left in the way.
        assert_eq!(
            nas.create("data", "raid1", &[1, 2]).await.status,
            201,
            "after {kind}"
        );
        let delete = bare(Method::DELETE, format!("{ARRAYS}/data"));
        let gone = nas
            .change("array_delete", json!({ "array": "data" }), delete)
            .await;
        assert_eq!(gone.status, 204, "{}", gone.text);
    }
}

/// All steps said that they worked, and the machine does not show it.
#[tokio::test]
async fn a_step_that_lies_is_found_out() {
    let nas = Nas::start("blank").await;
    nas.create("data", "raid1", &[1, 2]).await;
    nas.advance(30 * 24 * 3600).await;
    nas.fault(json!({ "kind": "step-lies", "step": "as faulty" }))
        .await;
    let fail = || {
        bare(
            Method::POST,
            format!("{ARRAYS}/data/members/{}/fail", blank(1)),
        )
    };
    let path = json!({ "array": "data", "device": blank(1) });
    let problem = nas
        .change("member_fail", path.clone(), fail())
        .await
        .problem(503, "not_verified");
    assert!(
        problem["detail"].as_str().unwrap().ends_with("is active"),
        "{problem}"
    );
    assert!(problem["hint"].is_string());
    assert_eq!(nas.change("member_fail", path, fail()).await.status, 200);
}
