//! Too much, too slow, and cut where it should not be.

use std::time::Duration;

use moxnas_api::{edges::Edges, limit::BodyLimit, server::Limits};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::sleep,
};

use super::{Site, get, is_problem, post, request, status};
use crate::{
    client::{rest, soon},
    nas::SHORT,
};

const LOGIN: &str = "POST /api/auth/login";

fn small() -> Edges {
    Edges::from(BodyLimit {
        bytes: 2000,
        pause: SHORT,
    })
}

#[tokio::test]
async fn oversize_body_announced_and_chunked() {
    let site = Site::start(small()).await;
    let answer = site
        .send(&post("/api/auth/login", "", &"x".repeat(2001)))
        .await;
    is_problem(&answer, 413, "payload_too_large");

    let chunks = format!("1f4\r\n{}\r\n", "x".repeat(500)).repeat(10);
    let chunked = request(
        LOGIN,
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n",
    );
    let answer = site.send(&format!("{chunked}{chunks}0\r\n\r\n")).await;
    is_problem(&answer, 413, "payload_too_large");

    // More than a number holds.
    let absurd = request(LOGIN, "Content-Length: 99999999999999999999999\r\n");
    assert_eq!(status(&site.send(&absurd).await), 400);
}

#[tokio::test]
async fn slow_body() {
    let site = Site::start(small()).await;
    let headers = "Content-Type: application/json\r\nContent-Length: 1000\r\n";
    let answer = site.send(&(request(LOGIN, headers) + "{")).await;
    is_problem(&answer, 408, "request_timeout");
    assert!(answer.contains("nothing of the body came"), "{answer}");

    // Never silent for long.
    let (mut read, mut write) = site.connect().await.into_split();
    write
        .write_all(request(LOGIN, headers).as_bytes())
        .await
        .unwrap();
    let trickle = tokio::spawn(async move {
        while write.write_all(b" ").await.is_ok() {
            sleep(SHORT / 4).await;
        }
    });
    is_problem(&rest(&mut read).await, 408, "request_timeout");
    trickle.abort();
}

#[tokio::test]
async fn slow_headers() {
    let limits = Limits {
        headers: SHORT,
        ..Limits::default()
    };
    let site = Site::limited(Edges::default(), limits).await;
    let (mut read, mut write) = site.connect().await.into_split();
    let trickle = tokio::spawn(async move {
        let _ = write.write_all(b"GET / HTTP/1.1\r\nX-Slow: ").await;
        while write.write_all(b"x").await.is_ok() {
            sleep(SHORT / 4).await;
        }
    });
    let mut answer = Vec::new();
    let _ = soon(read.read_to_end(&mut answer)).await;
    assert!(!answer.starts_with(b"HTTP/1.1 2"));
    trickle.abort();
    assert_eq!(
        status(&site.send(&get("/api/system/health/live")).await),
        200
    );
}

#[tokio::test]
async fn huge_header_and_too_many_headers() {
    let site = Site::start(Edges::default()).await;
    let many = request("GET /", &"X: y\r\n".repeat(200));
    assert_eq!(status(&site.send(&many).await), 431);
    let mut wire = site.connect().await;
    let huge = request("GET /", &format!("X-Huge: {}\r\n", "x".repeat(1_000_000)));
    let _ = wire.write_all(huge.as_bytes()).await;
    let mut answer = Vec::new();
    // It is sent while nobody reads it any more, so that the answer may be lost to a reset.
    let _ = soon(wire.read_to_end(&mut answer)).await;
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 431 "));
    let long = get(&format!("/{}", "x".repeat(100_000)));
    let mut wire = site.connect().await;
    let _ = wire.write_all(long.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = soon(wire.read_to_end(&mut answer)).await;
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"));
    assert_eq!(
        status(&site.send(&get("/api/system/health/live")).await),
        200
    );
}

#[tokio::test]
async fn deep_json() {
    let site = Site::start(Edges::default()).await;
    for deep in ["[".repeat(500_000), "{\"username\":".repeat(50_000)] {
        let answer = site.send(&post("/api/auth/login", "", &deep)).await;
        is_problem(&answer, 400, "invalid_json");
    }
}

/// Whatever a proxy takes for the end of the request, nothing behind it is answered.
#[tokio::test]
async fn smuggled_requests_are_not_answered() {
    let site = Site::start(Edges::default()).await;
    let hidden = "GET /api/system/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let length = |length: usize| format!("Content-Length: {length}\r\n");
    let chunked = "Transfer-Encoding: chunked\r\n".to_owned();
    let rows = [
        [length(5 + hidden.len()), chunked.clone()],
        [chunked.clone(), length(5 + hidden.len())],
        [
            chunked.clone(),
            "Transfer-Encoding: identity\r\n".to_owned(),
        ],
        [chunked.clone(), chunked.clone()],
        [length(5), length(5 + hidden.len())],
        [length(5 + hidden.len()), length(5)],
        [length(5), "Transfer-Encoding : chunked\r\n".to_owned()],
        [length(5), "Transfer-Encoding: xchunked\r\n".to_owned()],
        [length(5), " Transfer-Encoding: chunked\r\n".to_owned()],
        [length(5), "Content-Length: +5\r\n".to_owned()],
        [length(5), "Content-Length: 5, 50\r\n".to_owned()],
        ["Transfer-Encoding:\u{b}chunked\r\n".to_owned(), length(5)],
    ];
    for [one, other] in rows {
        // Not the last one, as far as the client says.
        let head = format!("{LOGIN} HTTP/1.1\r\nHost: localhost\r\n{one}{other}\r\n");
        let answer = site.send(&format!("{head}0\r\n\r\n{hidden}")).await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{head}{answer}");
        assert!((400..500).contains(&status(&answer)), "{head}{answer}");
    }
    // Without a doubt about its end, a request may follow another.
    let both = format!("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n{}", get("/"));
    assert_eq!(site.send(&both).await.matches("HTTP/1.1 404").count(), 2);
    // Version 1.0 has no such header at all.
    let old = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(status(&site.send(old).await), 400);
}

/// As [`slow_body`], with the usual limits and a byte now and then.
#[tokio::test(start_paused = true)]
async fn the_usual_limits_end_a_slow_body() {
    use poem::{Body, Endpoint, EndpointExt, Request, Route, http::Method};
    let site = Route::new().at("/", poem::post(read_all));
    let site = moxnas_api::stack::compose(site, Edges::default()).boxed();
    let started = tokio::time::Instant::now();
    let bytes = futures_util::stream::unfold((), |()| async {
        sleep(Duration::from_secs(15)).await;
        Some((Ok::<_, std::io::Error>("x"), ()))
    });
    let request = Request::builder().method(Method::POST);
    let request = request.body(Body::from_bytes_stream(bytes));
    let response = site.get_response(request).await;
    assert_eq!(response.status(), 408);
    assert!(started.elapsed() <= Duration::from_secs(45));
}

#[poem::handler]
fn read_all(body: String) -> String {
    body.len().to_string()
}
