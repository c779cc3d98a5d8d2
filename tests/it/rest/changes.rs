//! Plans, confirmations and entity tags: nobody changes what is not what they saw.

use poem::http::Method;
use serde_json::{Value, json};

use crate::nas::{ARRAYS, Nas, bare, blank, get, post, wish};

#[tokio::test]
async fn what_loses_data_has_to_be_confirmed() {
    let nas = Nas::start("blank").await;
    let wish = wish("data", "raid6", &[1, 2, 3, 4]);
    let plan = nas
        .ok(post(
            "/api/plans",
            json!({ "operation": "array_create", "body": wish }),
        ))
        .await;
    assert_eq!(plan["operation"], "array_create");
    assert_eq!(plan["dangers"].as_array().unwrap().len(), 4);
    assert_eq!(plan["after"][0]["name"], "data");
    let commands: Vec<&Value> = plan["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["command"][0])
        .collect();
    assert!(
        commands
            .iter()
            .any(|it| it.as_str().is_some_and(|it| it.ends_with("mdadm"))),
        "{plan:#}"
    );

    let made = nas.made_when_agreed(ARRAYS, &wish, &plan).await;
    assert_eq!(made.header("location"), Some("/api/storage/arrays/data"));
    let read = nas.ask(get(format!("{ARRAYS}/data"))).await;
    assert_eq!(made.header("etag"), read.header("etag"));
    assert!(made.header("etag").is_some());
}

#[tokio::test]
async fn what_changed_since_the_look_is_another_plan() {
    let nas = Nas::start("blank").await;
    let wish = wish("data", "raid1", &[1, 2]);
    let plan = json!({ "operation": "array_create", "body": wish });
    let before = nas.ok(post("/api/plans", plan.clone())).await;
    nas.fault(json!({ "kind": "signature", "device": blank(2), "signature": "ext4" }))
        .await;
    let confirm = |plan: &Value| {
        post(ARRAYS, wish.clone()).header("X-Confirm-Plan", plan["fingerprint"].as_str().unwrap())
    };
    let problem = nas.ask(confirm(&before)).await.problem(409, "plan_changed");
    assert_ne!(problem["plan"]["fingerprint"], before["fingerprint"]);
    assert!(
        problem["plan"]["dangers"].to_string().contains("ext4"),
        "{problem:#}"
    );
    assert_eq!(
        nas.ok(get(ARRAYS)).await["items"],
        json!([]),
        "nothing was done"
    );
    // Who agrees with the new plan gets it.
    assert_eq!(nas.ask(confirm(&problem["plan"])).await.status, 201);
    // A plan works once: the array is there now.
    nas.ask(confirm(&problem["plan"]))
        .await
        .problem(409, "array_name_taken");
}

#[tokio::test]
async fn planning_touches_nothing_and_says_what_is_wrong() {
    let nas = Nas::start("blank").await;
    nas.create("data", "raid1", &[1, 2]).await;
    let before = nas.audit().await.len();
    let plan = |body: Value| post("/api/plans", body);
    for (body, status, code) in [
        (json!({ "operation": "array_list" }), 400, "invalid_request"),
        (
            json!({ "operation": "array_delete" }),
            400,
            "invalid_request",
        ),
        (
            json!({ "operation": "array_delete", "path": { "array": "data", "disk": "x" } }),
            400,
            "invalid_request",
        ),
        (
            json!({ "operation": "array_delete", "path": { "array": "data" }, "body": {} }),
            400,
            "invalid_request",
        ),
        (
            json!({ "operation": "array_delete", "path": { "array": "none" } }),
            404,
            "array_not_found",
        ),
        (
            json!({ "operation": "array_scrub", "path": { "array": "data" }, "body": { "action": "sing" } }),
            400,
            "invalid_request",
        ),
        (
            json!({ "operation": "array_create", "body": wish("data", "raid1", &[3, 4]) }),
            409,
            "array_name_taken",
        ),
    ] {
        nas.ask(plan(body)).await.problem(status, code);
    }
    let delete = nas
        .ok(plan(
            json!({ "operation": "array_delete", "path": { "array": "data" } }),
        ))
        .await;
    assert!(!delete["dangers"].as_array().unwrap().is_empty());
    assert_eq!(
        nas.ok(get(ARRAYS)).await["items"].as_array().unwrap().len(),
        1
    );
    assert_eq!(nas.audit().await.len(), before, "a plan is no attempt");
}

#[tokio::test]
async fn the_tag_is_of_the_configuration() {
    let nas = Nas::start("blank").await;
    let made = nas.create("data", "raid1", &[1, 2]).await;
    let array = format!("{ARRAYS}/data");
    let tag = made.header("etag").unwrap().to_owned();
    assert_eq!(made.json()["sync"]["action"], "resync");
    nas.advance(3600).await;
    let later = nas.ask(get(&array)).await;
    assert!(
        later.json()["sync"]["percent"].as_f64().unwrap() > 0.0,
        "{}",
        later.text
    );
    assert_eq!(
        later.header("etag"),
        Some(tag.as_str()),
        "progress is no configuration"
    );
    let known = nas.ask(get(&array).header("If-None-Match", &tag)).await;
    assert_eq!((known.status.as_u16(), known.text.as_str()), (304, ""));
    assert_eq!(known.header("etag"), Some(tag.as_str()));
    for other in ["\"x\"", "\"x\", \"y\""] {
        assert_eq!(
            nas.ask(get(&array).header("If-None-Match", other))
                .await
                .status,
            200
        );
    }

    let path = json!({ "array": "data" });
    let add = |tag: &str, disk: u32| {
        post(format!("{array}/members"), json!({ "device": blank(disk) })).header("If-Match", tag)
    };
    let added = nas.change("member_add", path.clone(), add(&tag, 3)).await;
    assert_eq!(added.status, 200, "{}", added.text);
    let now = nas
        .ask(get(&array))
        .await
        .header("etag")
        .unwrap()
        .to_owned();
    assert_ne!(now, tag, "a new member is another configuration");
    // Somebody who read it before must read it again.
    let problem = nas
        .ask(add(&tag, 4))
        .await
        .problem(412, "precondition_failed");
    assert!(
        problem["hint"].as_str().unwrap().contains("ETag"),
        "{problem}"
    );
    let stale = bare(Method::DELETE, &array).header("If-Match", &tag);
    nas.ask(stale).await.problem(412, "precondition_failed");
    assert_eq!(
        nas.change("member_add", path, add(&now, 4)).await.status,
        200
    );
}

/// `If-Match` may list tags, and `*` means whatever is there (RFC 9110 13.1.1).
#[tokio::test]
async fn if_match_takes_lists_and_stars() {
    let nas = Nas::start("blank").await;
    let tag = nas
        .create("data", "raid1", &[1, 2])
        .await
        .header("etag")
        .unwrap()
        .to_owned();
    nas.advance(30 * 24 * 3600).await;
    let scrub = |action: &str, tag: &str| {
        post(format!("{ARRAYS}/data/scrub"), json!({ "action": action })).header("If-Match", tag)
    };
    let check = nas.ask(scrub("check", "*")).await;
    assert_eq!(check.status, 202);
    nas.until_job(&check, "running").await;
    let idle = nas.ask(scrub("idle", &format!("\"other\", {tag}"))).await;
    assert_eq!(idle.status, 202);
    nas.until_job(&idle, "succeeded").await;
    nas.until_job(&check, "cancelled").await;
    nas.ask(scrub("check", "\"other\""))
        .await
        .problem(412, "precondition_failed");
}

#[tokio::test]
async fn an_array_lives_and_is_deleted() {
    let nas = Nas::start("blank").await;
    assert_eq!(nas.create("data", "raid5", &[1, 2, 3]).await.status, 201);
    nas.advance(30 * 24 * 3600).await;
    let array = format!("{ARRAYS}/data");
    let member = |disk: u32| json!({ "array": "data", "device": blank(disk) });
    let at = |disk: u32, rest: &str| format!("{array}/members/{}{rest}", blank(disk));
    let verdict = async || nas.ok(get(&array)).await["health"]["verdict"].clone();

    let fail = bare(Method::POST, at(2, "/fail"));
    assert_eq!(nas.change("member_fail", member(2), fail).await.status, 200);
    assert_eq!(verdict().await, "degraded");
    let remove = bare(Method::DELETE, at(2, ""));
    assert_eq!(
        nas.change("member_remove", member(2), remove).await.status,
        200
    );
    let add = post(format!("{array}/members"), json!({ "device": blank(4) }));
    assert_eq!(
        nas.change("member_add", json!({ "array": "data" }), add)
            .await
            .status,
        200
    );
    nas.advance(30 * 24 * 3600).await;
    assert_eq!(verdict().await, "optimal");

    let replace = post(at(1, "/replace"), json!({ "with": blank(5) }));
    assert_eq!(
        nas.change("member_replace", member(1), replace)
            .await
            .status,
        200
    );
    assert_eq!(verdict().await, "optimal", "redundancy is kept meanwhile");
    nas.advance(30 * 24 * 3600).await;
    let scrub = post(format!("{array}/scrub"), json!({ "action": "check" }));
    let scrubbed = nas.ask(scrub).await;
    assert_eq!(scrubbed.status, 202, "it needs no confirmation");
    let location = scrubbed.header("location").unwrap();
    assert_eq!(nas.ok(get(location)).await["kind"], "array_scrub");
    let job = nas.until_job(&scrubbed, "running").await;
    let seen = nas.ok(get(&array)).await;
    assert_eq!(seen["sync"]["action"], "check", "{job:#} {seen:#}");
    nas.advance(30 * 24 * 3600).await;
    let job = nas.until_job(&scrubbed, "succeeded").await;
    assert_eq!(job["message"], "all copies of data agree");

    let stop = bare(Method::POST, format!("{array}/stop"));
    assert_eq!(
        nas.change("array_stop", json!({ "array": "data" }), stop)
            .await
            .status,
        204
    );
    nas.ask(get(&array)).await.problem(404, "array_not_found");
    let assemble = post(format!("{ARRAYS}/assemble"), json!({ "array": "data" }));
    assert_eq!(nas.ask(assemble).await.status, 200);
    assert_eq!(verdict().await, "optimal");

    let delete = bare(Method::DELETE, &array);
    assert_eq!(
        nas.change("array_delete", json!({ "array": "data" }), delete)
            .await
            .status,
        204
    );
    let disks = nas.ok(get("/api/storage/disks")).await;
    for disk in disks["items"].as_array().unwrap() {
        let removed = [blank(1), blank(2)].contains(&disk["serial"].as_str().unwrap().to_owned());
        assert!(removed || disk["content"] == "no signature", "{disk:#}");
        assert_eq!(disk["usable"], true);
    }
}

/// A word of ours in the paths below `/arrays` would hide an array of that name.
#[tokio::test]
async fn an_array_that_could_not_be_asked_for_is_not_made() {
    let nas = Nas::start("blank").await;
    let reply = nas
        .ask(post(ARRAYS, wish("assemble", "raid1", &[1, 2])))
        .await;
    let problem = reply.problem(400, "invalid_request");
    assert_eq!(problem["errors"][0]["name"], "name");
}
