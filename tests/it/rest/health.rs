//! Health: what is broken is never green, and causes are for those who are logged in.

use poem::http::StatusCode;
use serde_json::{Value, json};

use crate::nas::{ARRAYS, Nas, get};

#[tokio::test]
async fn the_levels_of_health() {
    let nas = Nas::start("small-office").await;
    for path in [
        "/health",
        "/api/system/health",
        "/api/system/health/live",
        "/api/system/health/ready",
    ] {
        let health = nas.ok(get(path).nobody()).await;
        assert_eq!(health["status"], "healthy", "{path}");
        assert!(health["timestamp"].is_string());
        for check in ["database", "services", "storage", "system"] {
            assert!(
                health["checks"][check]["status"].is_string(),
                "{path}: {check}"
            );
        }
        assert!(
            !health.to_string().contains("causes"),
            "{path} tells no causes"
        );
        assert_eq!(
            health["checks"]["storage"].get("arrays"),
            None,
            "nor how much there is"
        );
    }
    let detailed = nas.ok(get("/api/system/health/detailed")).await;
    assert_eq!(detailed["checks"]["storage"]["arrays"], 1);
    assert_eq!(detailed["checks"]["storage"]["optimal"], 1);
    assert_eq!(detailed["checks"]["storage"]["causes"], json!([]));
    assert!(
        detailed["checks"]["database"]["response_time"]
            .as_f64()
            .unwrap()
            >= 0.0
    );
    assert_eq!(detailed["checks"]["storage"]["pools"], 1);
    // Nothing is shared, so nothing has to run.
    assert_eq!(detailed["checks"]["services"]["status"], "healthy");
    assert_eq!(detailed["checks"]["services"]["stopped"], 0);
}

/// The worst that a health check can do is to be green.
#[tokio::test]
async fn what_is_broken_is_never_green() {
    for (scenario, array, status, verdict, old, can_lose) in [
        (
            "raid5-dead",
            "projects",
            "unhealthy",
            "failed",
            "failed",
            Value::Null,
        ),
        (
            "raid6-two-failed",
            "archive",
            "degraded",
            "degraded",
            "degraded",
            json!(0),
        ),
    ] {
        let nas = Nas::start(scenario).await;
        for path in ["/health", "/api/system/health"] {
            let health = nas.ok(get(path).nobody()).await;
            assert_eq!(health["status"], status, "{scenario} {path}");
            assert_eq!(
                health["checks"]["storage"]["status"], status,
                "{scenario} {path}"
            );
            assert!(
                !health.to_string().contains(array),
                "no names without a login"
            );
        }
        let detailed = nas.ok(get("/api/system/health/detailed")).await;
        assert_eq!(detailed["status"], status);
        let causes = detailed["checks"]["storage"]["causes"].as_array().unwrap();
        assert!(causes[0].as_str().unwrap().contains(array), "{causes:?}");
        // The service itself can do its work: a load balancer must not take it away.
        let ready = nas.ask(get("/api/system/health/ready").nobody()).await;
        assert_eq!(
            (ready.status, &ready.json()["status"]),
            (StatusCode::OK, &json!("healthy"))
        );

        let old_words = nas.ok(get("/api/system/raid/status")).await;
        assert_eq!(old_words["arrays"][0]["state"], old, "{scenario}");
        assert_ne!(old_words["arrays"][0]["state"], "healthy");
        let shown = nas.ok(get(format!("{ARRAYS}/{array}"))).await;
        assert_eq!(shown["health"]["verdict"], verdict, "{scenario}");
        assert_eq!(
            shown["health"].get("can_lose").cloned().unwrap_or_default(),
            can_lose
        );
        assert!(!shown["health"]["reasons"].as_array().unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_old_words_show_a_rebuild() {
    let nas = Nas::start("raid6-two-failed").await;
    let add = crate::nas::post(
        format!("{ARRAYS}/archive/members"),
        json!({ "device": "ZL2A-0007" }),
    );
    let added = nas
        .change("member_add", json!({ "array": "archive" }), add)
        .await;
    assert_eq!(added.status, 200, "{}", added.text);
    let status = nas.ok(get("/api/system/raid/status")).await;
    let array = &status["arrays"][0];
    assert_eq!(
        (&array["name"], &array["state"]),
        (&json!("archive"), &json!("rebuilding"))
    );
    assert_eq!(array["sync"]["action"], "recover");
    let states: Vec<&str> = array["devices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["state"].as_str().unwrap())
        .collect();
    assert!(
        states.contains(&"failed") && states.contains(&"active"),
        "{states:?}"
    );
    nas.advance(30 * 24 * 3600).await;
    let status = nas.ok(get("/api/system/raid/status")).await;
    assert_eq!(
        status["arrays"][0]["state"], "degraded",
        "one slot is still empty"
    );
}

#[tokio::test]
async fn a_pulled_disk_shows_at_every_level() {
    let nas = Nas::start("small-office").await;
    nas.fault(json!({ "kind": "pull", "serial": "WD-WX12D00A0002" }))
        .await;
    assert_eq!(nas.ok(get("/health").nobody()).await["status"], "degraded");
    let disks = nas.ok(get("/api/storage/disks")).await;
    assert!(!disks.to_string().contains("WD-WX12D00A0002"));
    let array = nas.ok(get(format!("{ARRAYS}/media"))).await;
    assert_eq!(array["health"]["verdict"], "degraded");
    assert_eq!(array["health"]["missing"], 1);
    nas.ask(get("/api/storage/disks/WD-WX12D00A0002"))
        .await
        .problem(404, "not_found");
}

#[tokio::test]
async fn the_machine_says_what_it_is() {
    let nas = Nas::start("sandbox").await;
    let info = nas.ok(get("/api/system/info")).await;
    assert_eq!(info["simulated"], "sandbox");
    assert!(info["version"].is_string() && info["now"].is_string());
    assert!(info["unknown"].is_array(), "what is not known is named");
    let sim = nas.ok(get("/api/sim")).await;
    assert_eq!(sim["scenario"], "sandbox");
    assert_eq!(sim["disks"].as_array().unwrap().len(), 2);
}
