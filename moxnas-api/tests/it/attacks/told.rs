//! What answers tell, and what they do not.

use std::{
    io,
    sync::{Arc, Mutex},
};

use moxnas_api::{edges::Edges, limit::BodyLimit, stack::compose};
use poem::{Endpoint, EndpointExt, Request, Route, handler};
use serde_json::Value;

use super::{Site, first_with, get, header, is_problem, pipelined, post, rates, request, status};

#[tokio::test]
async fn security_headers_stand_on_every_answer() {
    let mut edges = rates(0, 1);
    edges.body.bytes = BodyLimit::default().bytes;
    let site = Site::start(edges).await;
    let oversize = "Content-Length: 2000000\r\nExpect: 100-continue\r\nAuthorization: Bearer x\r\n";
    let foreign = get("/").replace("Host: localhost", "Host: evil.example");
    let preflight = "Origin: https://evil.example\r\nAccess-Control-Request-Method: PUT\r\n";
    let flood = pipelined(50, "POST /api/auth/refresh", "Content-Length: 0\r\n");
    for (expected, asked) in [
        (200, get("/api/system/health/live")),
        (200, get("/api/docs")),
        (200, get("/api/openapi.json")),
        (200, get("/health")),
        (204, request("OPTIONS /api/storage/arrays", "")),
        (400, foreign),
        (401, get("/api/storage/arrays")),
        (403, request("OPTIONS /", preflight)),
        (404, get("/nothing")),
        (
            405,
            request("DELETE /api/storage/arrays", "Authorization: Bearer x\r\n"),
        ),
        (
            405,
            request("BREW /api/docs", "Authorization: Bearer x\r\n"),
        ),
        (413, request("POST /api/plans", oversize)),
        (
            415,
            post("/api/auth/login", "", "{}").replace("application/json", "text/plain"),
        ),
        (429, flood),
    ] {
        let answers = site.send(&asked).await;
        let answer = first_with(&answers, expected);
        assert_eq!(status(answer), expected, "{asked}{answer}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(header(answer, name), Some(value), "{asked}");
        }
        let policy = header(answer, "content-security-policy").expect(&asked);
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(header(answer, "x-request-id").is_some());
        // In the clear it would mean nothing.
        assert_eq!(header(answer, "strict-transport-security"), None);
        assert_eq!(header(answer, "server"), None);
    }
}

/// Nobody hears of files, programs or sources from what it is refused.
#[tokio::test]
async fn strangers_learn_nothing_of_the_machine() {
    let site = Site::start(rates(0, 0)).await;
    let document: Value = serde_json::from_str(&moxnas_api::spec()).unwrap();
    let mut tried = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        let path = format!("/api{}", path.replace(['{', '}'], ""));
        for method in operations.as_object().unwrap().keys() {
            let line = format!("{} {path}", method.to_uppercase());
            for body in [
                "",
                "{",
                "{}",
                r#"{"username":1}"#,
                r#"{"refresh_token":"x"}"#,
            ] {
                let length = body.len();
                let headers =
                    format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
                let answer = site.send(&(request(&line, &headers) + body)).await;
                assert!(status(&answer) < 500, "{line} {body}: {answer}");
                let words = [
                    "/dev/", "/var/", "/run/", "/etc/", "/usr/", "/tmp/", ".rs", "sqlx", "panic",
                ];
                for word in words {
                    assert!(!answer.contains(word), "{line} {body}: {word}: {answer}");
                }
                tried += 1;
            }
        }
    }
    assert!(tried > 50, "the document was read");
    let answer = site.send(&get("/api/storage/arrays/")).await;
    is_problem(&answer, 401, "unauthenticated");
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[handler]
fn breaks() -> String {
    panic!("the secret is 1234 in /var/lib")
}

#[tokio::test]
async fn a_panic_is_told_to_the_log_alone() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::ERROR)
        .with_ansi(false)
        .with_writer({
            let log = log.clone();
            move || log.clone()
        })
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let site = compose(Route::new().at("/", poem::get(breaks)), Edges::default()).boxed();
    let ask = || {
        let request = Request::builder().header("X-Request-Id", "this-one");
        site.get_response(request.finish())
    };
    // Other tests may be at the same place of the code for the first time, just then, and find that
    // nobody listens: see `tracing::callsite`. From the second time on that is settled.
    ask().await;
    tracing::callsite::rebuild_interest_cache();
    log.0.lock().unwrap().clear();
    let mut response = ask().await;
    assert_eq!(response.status(), 500);
    assert_eq!(response.header("x-request-id"), Some("this-one"));
    assert!(response.header("content-security-policy").is_some());
    let body = response.take_body().into_string().await.unwrap();
    assert!(
        body.contains("\"this-one\"") && body.contains("\"internal\""),
        "{body}"
    );
    for word in ["1234", "/var", "secret", ".rs"] {
        assert!(!body.contains(word), "{body}");
    }
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let line = log
        .lines()
        .find(|it| it.contains("the secret is 1234"))
        .expect(&log);
    assert!(line.contains("this-one"), "{line}");
}
