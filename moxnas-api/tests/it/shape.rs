//! The document, tags, and what all answers have.

use moxnas_api::{
    cached::{Cached, ETag, JsonBytes},
    limit::BodyLimit,
    problem::Answer,
    shape::Shaped,
    stack::{compose, docs},
};
use poem::{
    Endpoint, IntoEndpoint, Request, Response, Route,
    http::{Method, StatusCode},
};
use poem_openapi::{ApiResponse, Object, OpenApi, OpenApiService, param::Path, payload::Json};
use serde_json::{Value, json};

#[derive(Object)]
struct Thing {
    name: String,
}

#[derive(ApiResponse)]
enum Made {
    #[oai(status = 201)]
    Created(Json<Thing>),
    #[oai(status = 409)]
    #[expect(dead_code, reason = "as the document should not show it")]
    Bare,
}

struct Read;
struct Change;

#[OpenApi(prefix_path = "/things")]
impl Read {
    #[oai(path = "/:name", method = "get", operation_id = "thing_show")]
    async fn show(&self, name: Path<String>) -> Answer<Cached<Thing>> {
        Ok(Cached::whole(JsonBytes::of(&Thing { name: name.0 })))
    }
}

#[OpenApi(prefix_path = "/things")]
impl Change {
    #[oai(path = "/:name", method = "put", operation_id = "thing_change")]
    async fn change(&self, name: Path<String>, _body: Json<Thing>) -> Answer<Json<Thing>> {
        Ok(Json(Thing { name: name.0 }))
    }

    #[oai(path = "/", method = "post", operation_id = "thing_create")]
    async fn create(&self) -> Answer<Made> {
        Ok(Made::Created(Json(Thing {
            name: String::new(),
        })))
    }
}

fn service() -> OpenApiService<Shaped<(Read, Change)>, ()> {
    OpenApiService::new(Shaped((Read, Change)), "test", "1")
}

async fn ask(request: Request) -> Response {
    let service = service();
    let page = docs(service.swagger_ui_html());
    let site = Route::new().nest("/api", service).at("/api/docs", page);
    compose(site, BodyLimit::default())
        .into_endpoint()
        .get_response(request)
        .await
}

async fn get(path: &str) -> Response {
    ask(Request::builder().uri_str(path).finish()).await
}

fn document() -> Value {
    serde_json::from_str(&service().spec()).unwrap()
}

#[test]
fn document_merges_paths_and_names_media_types() {
    let document = document();
    assert!(!service().spec().contains("charset"));
    let path = document["paths"]["/things/{name}"].as_object().unwrap();
    assert_eq!(path.keys().collect::<Vec<_>>(), ["get", "put"]);
    assert!(document["components"]["schemas"]["Problem"].is_object());

    let answers = |path: &str, method: &str| -> Vec<String> {
        let answers = &document["paths"][path][method]["responses"];
        answers.as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(
        answers("/things/{name}", "get"),
        ["200", "304", "4XX", "5XX"]
    );
    assert_eq!(
        answers("/things", "post"),
        ["201", "4XX", "5XX"],
        "no bare 409"
    );
}

#[test]
fn document_shows_tags_and_problems() {
    let document = document();
    let show = &document["paths"]["/things/{name}"]["get"];
    let reference =
        |name: &str| json!({"schema": {"$ref": format!("#/components/schemas/{name}")}});
    let ok = &show["responses"]["200"];
    assert_eq!(
        ok["content"],
        json!({"application/json": reference("Thing")})
    );
    assert_eq!(ok["headers"]["ETag"]["schema"], json!({"type": "string"}));
    let failed = json!({
        "application/problem+json": reference("Problem"), "application/json": reference("Problem"),
    });
    assert_eq!(show["responses"]["4XX"]["content"], failed);
    assert_eq!(show["responses"]["5XX"]["content"], failed);
    let names: Vec<_> = show["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["name"])
        .collect();
    assert_eq!(names, ["name", "If-None-Match"]);
}

#[tokio::test]
async fn known_answers_are_not_sent_again() {
    let first = get("/api/things/a").await;
    let tag = first.header("etag").unwrap().to_owned();
    assert_eq!(first.header("cache-control"), Some("private, no-cache"));
    assert_eq!(first.content_type(), Some("application/json"));
    assert_eq!(
        first.into_body().into_string().await.unwrap(),
        r#"{"name":"a"}"#
    );

    let again = async |known: &str| {
        let request = Request::builder()
            .uri_str("/api/things/a")
            .header("If-None-Match", known);
        ask(request.finish()).await
    };
    for known in [&tag, "*", &format!("\"x\", W/{tag}")] {
        let response = again(known).await;
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{known}");
        assert_eq!(response.header("etag"), Some(&*tag));
        assert_eq!(response.content_type(), None);
        assert!(response.into_body().into_bytes().await.unwrap().is_empty());
    }
    assert_eq!(again("\"x\"").await.status(), StatusCode::OK);
}

#[test]
fn lost_races_are_refused() {
    let tag = ETag::of(b"state");
    let header = tag.header().to_str().unwrap();
    tag.check(None).unwrap();
    tag.check(Some(header)).unwrap();
    tag.check(Some("*")).unwrap();
    let lost = tag.check(Some("\"other\"")).unwrap_err();
    assert_eq!(
        (lost.details().status, &*lost.details().code),
        (412, "changed_since_read")
    );
}

#[tokio::test]
async fn a_trailing_slash_means_nothing() {
    let post = |path| {
        Request::builder()
            .method(Method::POST)
            .uri_str(path)
            .finish()
    };
    for path in ["/api/things", "/api/things/", "/api/things/?x=1"] {
        assert_eq!(
            ask(post(path)).await.status(),
            StatusCode::CREATED,
            "{path}"
        );
    }
    let shown = get("/api/things/a/")
        .await
        .into_body()
        .into_string()
        .await
        .unwrap();
    assert_eq!(shown, r#"{"name":"a"}"#);
    assert_eq!(
        get("/api/things//a").await.status(),
        StatusCode::NOT_FOUND,
        "one only"
    );
}

#[tokio::test]
async fn head_and_options_are_answered() {
    let ask = async |method: Method| {
        ask(Request::builder()
            .method(method)
            .uri_str("/api/things/a")
            .finish())
        .await
    };
    let head = ask(Method::HEAD).await;
    assert_eq!(head.status(), StatusCode::OK);
    assert!(head.header("etag").is_some());
    assert!(head.into_body().into_bytes().await.unwrap().is_empty());
    let options = ask(Method::OPTIONS).await;
    assert_eq!(options.status(), StatusCode::NO_CONTENT);
    assert_eq!(options.header("allow"), Some("GET, HEAD, OPTIONS, PUT"));
}

#[tokio::test]
async fn answers_carry_security_headers() {
    let nothing = get("/nothing").await;
    let page = get("/api/docs").await;
    for response in [&nothing, &page] {
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(response.header(name), Some(value));
        }
    }
    let policy = |response: &Response| {
        response
            .header("content-security-policy")
            .unwrap()
            .to_owned()
    };
    assert!(!policy(&nothing).contains("unsafe"));
    let (_, scripts) = policy(&page)
        .split_once("script-src ")
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let (scripts, _) = scripts.split_once(';').unwrap();
    let scripts: Vec<&str> = scripts.split(' ').collect();
    assert_eq!(scripts.len(), 2, "the library and the call of it");
    assert!(scripts.iter().all(|it| it.starts_with("'sha256-")));
    let outside = page.into_body().into_string().await.unwrap();
    assert!(
        !outside.contains("src=\"http"),
        "the page loads nothing from elsewhere"
    );
    let request = Request::builder()
        .method(Method::POST)
        .uri_str("/api/docs")
        .finish();
    assert_eq!(
        ask(request).await.header("allow"),
        Some("GET, HEAD, OPTIONS")
    );
}
