//! Every failure has the one shape, whoever raised it.

use std::time::Duration;

use moxnas_api::{
    input::Input,
    limit::BodyLimit,
    problem::{Answer, PROBLEM_JSON, Problem},
    shape::Shaped,
    stack::{RequestId, compose},
};
use poem::{
    Body, Endpoint, IntoEndpoint, Request, Response, Route,
    http::{Method, StatusCode, header},
};
use poem_openapi::{
    Enum, Object, OpenApi, OpenApiService, SecurityScheme,
    auth::Bearer,
    param::{Path, Query},
    payload::{Json, PlainText},
};
use serde_json::{Value, json};

/// What an interface made for the tests takes.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct Wish {
    #[oai(validator(max_length = 8))]
    name: String,
    size: u64,
    level: Option<Level>,
    members: Vec<Member>,
    #[oai(default)]
    spares: Vec<String>,
}

#[derive(Enum)]
#[oai(rename_all = "snake_case")]
enum Level {
    Raid1,
    Raid6,
}

#[derive(Object)]
struct Member {
    disk: String,
}

#[derive(SecurityScheme)]
#[oai(ty = "bearer")]
struct Login(#[expect(dead_code, reason = "only asked for")] Bearer);

#[derive(Debug, thiserror::Error)]
#[error("cannot make the array")]
struct Outer(#[source] std::io::Error);

struct Api;

#[OpenApi]
impl Api {
    #[oai(path = "/wishes", method = "post", operation_id = "wish_create")]
    async fn create(&self, wish: Input<Wish>) -> Answer<PlainText<String>> {
        let Wish { name, size, .. } = wish.0;
        Ok(PlainText(format!("{name} {size}")))
    }

    #[oai(path = "/wishes", method = "get", operation_id = "wish_list")]
    async fn list(&self, limit: Query<Option<u16>>) -> Answer<Json<u16>> {
        Ok(Json(limit.0.unwrap_or(100)))
    }

    #[oai(
        path = "/wishes/:first/of/:second",
        method = "get",
        operation_id = "wish_show"
    )]
    async fn show(&self, first: Path<u16>, second: Path<u16>) -> Answer<Json<u16>> {
        Ok(Json(first.0 + second.0))
    }

    #[oai(
        path = "/wishes/:first",
        method = "delete",
        operation_id = "wish_delete"
    )]
    async fn delete(&self, first: Path<String>) -> Answer<()> {
        let kernel = std::io::Error::from_raw_os_error(16);
        Err(Problem::new(StatusCode::CONFLICT, "array_in_use")
            .because(&Outer(kernel))
            .hint(format!("unmount {} first", first.0))
            .plan(json!({"steps": []})))
    }

    #[oai(path = "/secret", method = "get", operation_id = "secret_show")]
    async fn secret(&self, _login: Login) -> Json<u16> {
        Json(1)
    }

    #[oai(path = "/breaks", method = "get", operation_id = "breaks")]
    async fn breaks(&self) -> Json<u16> {
        panic!("the password is 1234")
    }

    #[oai(path = "/leaks", method = "get", operation_id = "leaks")]
    async fn leaks(&self) -> poem::Result<Json<u16>> {
        Err(poem::error::InternalServerError(std::io::Error::other(
            "the password is 1234",
        )))
    }
}

#[poem::handler]
fn bare() -> StatusCode {
    StatusCode::SERVICE_UNAVAILABLE
}

#[poem::handler]
fn named(request: &Request) -> String {
    request.extensions().get::<RequestId>().unwrap().to_string()
}

fn limit() -> BodyLimit {
    BodyLimit {
        bytes: 1000,
        pause: Duration::from_millis(100),
    }
}

fn site() -> impl Endpoint<Output = Response> {
    let api = OpenApiService::new(Shaped(Api), "test", "1").into_endpoint();
    compose(
        Route::new()
            .nest("/api", api)
            .at("/bare", bare)
            .at("/id", named),
        limit(),
    )
}

async fn ask(request: Request) -> (Response, Value) {
    let mut response = site().get_response(request).await;
    let body = response.take_body().into_string().await.unwrap();
    let value = serde_json::from_str(&body).unwrap_or(Value::String(body));
    (response, value)
}

fn get(path: &str) -> Request {
    Request::builder().uri_str(path).finish()
}

fn post(body: impl Into<Body>) -> Request {
    let request = Request::builder()
        .method(Method::POST)
        .uri_str("/api/wishes");
    request.content_type("application/json").body(body.into())
}

/// `request` fails with this, and with nothing besides a request id.
async fn check(request: Request, expected: Value) -> Response {
    let (response, mut seen) = ask(request).await;
    assert_eq!(response.content_type(), Some(PROBLEM_JSON), "{seen}");
    let id = response.header("x-request-id").unwrap().to_owned();
    let members = seen.as_object_mut().unwrap();
    assert_eq!(members.remove("request_id"), Some(Value::String(id)));
    assert_eq!(members.remove("type"), Some(json!("about:blank")));
    assert_eq!(members["status"], response.status().as_u16());
    let status = response.status();
    assert_eq!(
        members.remove("title"),
        Some(json!(status.canonical_reason().unwrap()))
    );
    for list in ["causes", "errors"] {
        if members[list] == json!([]) {
            members.remove(list);
        }
    }
    assert_eq!(seen, expected);
    assert!(
        response.headers().contains_key("content-security-policy"),
        "as all answers"
    );
    response
}

#[tokio::test]
async fn bad_json() {
    let problem = json!({
        "status": 400, "code": "invalid_json", "operation": "wish_create",
        "detail": "key must be a string at line 1 column 2",
    });
    check(post("{name: 1}"), problem).await;
}

#[tokio::test]
async fn bad_fields() {
    let problem = |detail: &str, errors: Value| {
        let code = "invalid_request";
        let operation = "wish_create";
        let mut it = json!({"status": 400, "code": code, "operation": operation, "detail": detail});
        if errors != json!([]) {
            it["errors"] = errors;
        }
        it
    };
    check(
        post(r#"{"name": "far too long", "size": 1, "members": []}"#),
        problem(
            "field `name` verification failed. maxLength(8)",
            json!([{"name": "name", "reason": "maxLength(8)"}]),
        ),
    )
    .await;
    check(
        post(r#"{"name": "x", "size": 1, "members": [], "color": "red"}"#),
        problem(
            "unknown field `color`.",
            json!([{"name": "color", "reason": "there is no such field"}]),
        ),
    )
    .await;
    check(
        post(r#"{"name": 1, "size": -1, "level": "raid7", "members": [{"disk": "a"}, {}]}"#),
        problem(
            "4 fields are wrong",
            json!([
                {"name": "name", "reason": "a string is expected"},
                {"name": "size", "reason": "a whole number, not negative, is expected"},
                {"name": "level", "reason": "one of \"raid1\", \"raid6\" is expected"},
                {"name": "members[1].disk", "reason": "required"},
            ]),
        ),
    )
    .await;
    check(
        post(r#"{"name": "x", "members": [], "level": null}"#),
        problem(
            "field `size`: required",
            json!([{"name": "size", "reason": "required"}]),
        ),
    )
    .await;
    check(
        post("[]"),
        problem(
            "the body: an object is expected",
            json!([{"name": "", "reason": "an object is expected"}]),
        ),
    )
    .await;
}

/// poem-openapi would take them for texts: found by fuzzing.
#[tokio::test]
async fn a_number_is_no_text() {
    for name in ["5", "true", "1.5"] {
        let body = format!(r#"{{"name": {name}, "size": 1, "members": []}}"#);
        let problem = json!({
            "status": 400, "code": "invalid_request", "operation": "wish_create",
            "detail": "field `name`: a string is expected",
            "errors": [{"name": "name", "reason": "a string is expected"}],
        });
        check(post(body), problem).await;
    }
}

/// As the document says: `null` is what was left out, but no default. Found by fuzzing.
#[tokio::test]
async fn null_is_no_default() {
    let problem = json!({
        "status": 400, "code": "invalid_request", "operation": "wish_create",
        "detail": "field `spares`: a list is expected",
        "errors": [{"name": "spares", "reason": "a list is expected"}],
    });
    check(
        post(r#"{"name": "x", "size": 1, "level": null, "members": [], "spares": null}"#),
        problem,
    )
    .await;
}

#[tokio::test]
async fn bad_parameters() {
    let problem = |operation: &str, name: &str| {
        let reason = "invalid digit found in string";
        json!({
            "status": 400, "code": "invalid_request", "operation": operation,
            "detail": format!("parameter `{name}`: {reason}"),
            "errors": [{"name": name, "reason": reason}],
        })
    };
    check(get("/api/wishes?limit=many"), problem("wish_list", "limit")).await;
    check(get("/api/wishes/1/of/many"), problem("wish_show", "second")).await;
}

#[tokio::test]
async fn wrong_content_type() {
    let request = Request::builder()
        .method(Method::POST)
        .uri_str("/api/wishes");
    let problem = |detail: &str| {
        json!({
            "status": 415, "code": "unsupported_media_type", "operation": "wish_create",
            "detail": detail,
            "hint": "send JSON with the header Content-Type: application/json",
        })
    };
    let said = "the `Content-Type` requested by the client is not supported: text/plain";
    check(request.content_type("text/plain").body("{}"), problem(said)).await;
    let request = Request::builder()
        .method(Method::POST)
        .uri_str("/api/wishes")
        .body("{}");
    check(
        request,
        problem("the client request does not include the `Content-Type` header"),
    )
    .await;
}

#[tokio::test]
async fn unknown_path() {
    let problem =
        json!({"status": 404, "code": "not_found", "detail": "there is nothing under this path"});
    for path in ["/nothing", "/api/nothing", "/api", "/"] {
        check(get(path), problem.clone()).await;
    }
}

#[tokio::test]
async fn wrong_method() {
    let problem = json!({
        "status": 405, "code": "method_not_allowed",
        "detail": "there is nothing under this path with this method",
    });
    for method in ["PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "BREW"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = Request::builder()
            .method(method)
            .uri_str("/api/wishes")
            .finish();
        let response = check(request, problem.clone()).await;
        assert_eq!(response.header("allow"), Some("GET, HEAD, OPTIONS, POST"));
    }
    let request = Request::builder()
        .method(Method::HEAD)
        .uri_str("/api/wishes/a")
        .finish();
    assert_eq!(
        check(request, problem).await.header("allow"),
        Some("DELETE, OPTIONS")
    );
}

#[tokio::test]
async fn no_login() {
    let problem = json!({
        "status": 401, "code": "unauthenticated", "operation": "secret_show",
        "detail": "a login is required",
    });
    let response = check(get("/api/secret"), problem).await;
    assert_eq!(
        response.header(header::WWW_AUTHENTICATE),
        Some(r#"Bearer realm="moxnas""#)
    );
}

#[tokio::test]
async fn body_too_large() {
    let problem = json!({
        "status": 413, "code": "payload_too_large", "detail": "the body is larger than 1000 bytes",
    });
    // Announced, so that no operation is asked.
    let mut request = post("x".repeat(1001));
    request
        .headers_mut()
        .insert(header::CONTENT_LENGTH, 1001.into());
    check(request, problem.clone()).await;
    // In chunks, each small.
    let chunks = futures_util::stream::iter((0..200).map(|_| Ok::<_, std::io::Error>("{\"a\":1}")));
    let mut problem = problem;
    problem["operation"] = json!("wish_create");
    check(post(Body::from_bytes_stream(chunks)), problem).await;
}

#[tokio::test]
async fn body_within_the_limit() {
    let chunks =
        ["{\"name\":", "\"data\",", "\"size\":1,\"members\":[]}"].map(Ok::<_, std::io::Error>);
    let (response, body) = ask(post(Body::from_bytes_stream(futures_util::stream::iter(
        chunks,
    ))))
    .await;
    assert_eq!((response.status(), body), (StatusCode::OK, json!("data 1")));
}

#[tokio::test]
async fn body_too_slow() {
    let problem = json!({
        "status": 408, "code": "request_timeout", "operation": "wish_create",
        "detail": "nothing of the body came for 0.1 s",
    });
    let chunks = futures_util::stream::pending::<Result<&str, std::io::Error>>();
    check(post(Body::from_bytes_stream(chunks)), problem).await;
}

#[tokio::test]
async fn panics_and_internals() {
    let detail = "the service failed to answer this; its log says more, under the request id";
    for operation in ["breaks", "leaks"] {
        let problem = json!({
            "status": 500, "code": "internal", "operation": operation, "detail": detail,
        });
        check(get(&format!("/api/{operation}")), problem).await;
    }
}

#[tokio::test]
async fn bare_status() {
    check(get("/bare"), json!({"status": 503, "code": "unavailable"})).await;
}

#[tokio::test]
async fn refusal_of_ours() {
    let problem = json!({
        "status": 409, "code": "array_in_use", "operation": "wish_delete",
        "detail": "cannot make the array",
        "causes": ["Device or resource busy (os error 16)"],
        "hint": "unmount data first",
        "plan": {"steps": []},
    });
    let request = Request::builder()
        .method(Method::DELETE)
        .uri_str("/api/wishes/data")
        .finish();
    check(request, problem).await;
}

#[tokio::test]
async fn request_id_is_echoed_if_sane_and_made_if_not() {
    let seen = async |sent: Option<&str>| {
        let request = Request::builder().uri_str("/id");
        let request = match sent {
            Some(sent) => request.header("X-Request-Id", sent),
            None => request,
        };
        let (response, body) = ask(request.finish()).await;
        let id = response.header("x-request-id").unwrap().to_owned();
        // A name of digits only is JSON as well.
        let body = body
            .as_str()
            .map_or_else(|| body.to_string(), ToOwned::to_owned);
        assert_eq!(body, id, "the same inside");
        id
    };
    let longest = "x".repeat(64);
    for sane in ["a", "web.1_2-3", &longest] {
        assert_eq!(seen(Some(sane)).await, sane);
    }
    let too_long = "x".repeat(65);
    for bad in [
        None,
        Some(""),
        Some("a b"),
        Some("a\"b"),
        Some("ä"),
        Some(too_long.as_str()),
    ] {
        let made = seen(bad).await;
        assert!(
            made.len() == 16 && made.bytes().all(|it| it.is_ascii_hexdigit()),
            "{made}"
        );
    }
}
