//! The page of the documentation, as a browser gets it.

use moxnas_app::{App, scenario::Scenario, settings::Settings};
use poem::{Endpoint, Request};

async fn text(path: &'static str) -> String {
    let settings = Settings::simulated(Scenario::built_in("sandbox").unwrap());
    let site = moxnas_api::endpoint(App::start(&settings).await.unwrap());
    let response = site
        .get_response(Request::builder().uri_str(path).finish())
        .await;
    response.into_body().into_string().await.unwrap()
}

#[tokio::test]
async fn people_see_first_that_the_machine_is_simulated() {
    let page = text("/api/docs").await;
    assert!(page.starts_with("<!DOCTYPE html>\n<html"));
    assert!(page.contains("<title>MoxNAS</title>"));
    let (before, after) = page.split_once("<style>html{scroll-padding").unwrap();
    // Not in a script that has a `<body>` in a string.
    assert!(before.trim_end().ends_with("</head>\n<body>"));
    assert!(after.contains("<div id=\"simulated\">SIMULATED MACHINE (sandbox)"));
}

#[tokio::test]
async fn no_chapter_is_empty() {
    let document: serde_json::Value =
        serde_json::from_str(&text("/api/openapi.json").await).unwrap();
    let operations = document["paths"].as_object().unwrap().values();
    let operations: Vec<_> = operations
        .flat_map(|it| it.as_object().unwrap().values())
        .collect();
    for tag in document["tags"].as_array().unwrap() {
        let is_used =
            |it: &&serde_json::Value| it["tags"].as_array().unwrap().contains(&tag["name"]);
        assert!(operations.iter().any(is_used), "{tag} has no operation");
    }
}
