//! The limits of the body, as a client on a real connection sees them.

use std::time::Duration;

use moxnas_api::{
    limit::BodyLimit,
    server::{Limits, Server},
    stack::compose,
};
use poem::{Endpoint, EndpointExt, Response, Route, handler, http::StatusCode, post};
use serde_json::Value;
use tokio::{io::AsyncWriteExt, net::TcpStream, task::AbortHandle, time::timeout};

use crate::{
    client::{exchange, rest},
    nas::LOOPBACK,
};

#[handler]
fn length(body: String) -> String {
    body.len().to_string()
}

fn site() -> impl Endpoint<Output = Response> + 'static {
    let limit = BodyLimit {
        bytes: 100_000,
        pause: Duration::from_millis(200),
    };
    compose(Route::new().at("/", post(length)), limit)
}

/// A connection, and the server behind it.
async fn connect() -> (TcpStream, Served) {
    let mut server = Server::new(Limits::default());
    let addr = server.bind_tcp(LOOPBACK).await.unwrap();
    let task = tokio::spawn(server.run(site().boxed(), std::future::pending()));
    (
        TcpStream::connect(addr).await.unwrap(),
        Served(task.abort_handle()),
    )
}

struct Served(AbortHandle);

impl Drop for Served {
    fn drop(&mut self) {
        self.0.abort();
    }
}

const HEAD: &str = "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";

fn is_problem(answer: &str, status: StatusCode, code: &str) {
    let (head, body) = answer.split_once("\r\n\r\n").expect(answer);
    assert!(
        head.starts_with(&format!("HTTP/1.1 {} ", status.as_u16())),
        "{answer}"
    );
    assert!(head.contains("application/problem+json"), "{answer}");
    let problem: Value = serde_json::from_str(body).expect(body);
    assert_eq!(problem["code"], code);
}

/// The client sends all of it, more than the kernel holds, before it looks for an answer.
#[tokio::test]
async fn who_sends_too_much_gets_its_answer() {
    let (mut wire, _served) = connect().await;
    let body = "x".repeat(7_000_000);
    let answer = exchange(
        &mut wire,
        &format!("{HEAD}Content-Length: 7000000\r\n\r\n{body}"),
    )
    .await;
    is_problem(&answer, StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large");
}

#[tokio::test]
async fn in_chunks_too() {
    let (mut wire, _served) = connect().await;
    let chunks = format!("2710\r\n{}\r\n", "x".repeat(10_000)).repeat(700);
    let request = format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n");
    let answer = exchange(&mut wire, &request).await;
    is_problem(&answer, StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large");
}

/// Nothing is read of a body that was only announced.
#[tokio::test]
async fn who_asks_before_sending_is_told_at_once() {
    let (mut wire, _served) = connect().await;
    let request = format!("{HEAD}Expect: 100-continue\r\nContent-Length: 7000000\r\n\r\n");
    // Less than the server would wait for the rest of it.
    let answer = timeout(Duration::from_secs(4), exchange(&mut wire, &request))
        .await
        .unwrap();
    is_problem(&answer, StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large");
}

#[tokio::test]
async fn who_stops_sending_is_not_waited_for() {
    let (mut wire, _served) = connect().await;
    let answer = exchange(
        &mut wire,
        &format!("{HEAD}Content-Length: 1000\r\n\r\nhalf"),
    )
    .await;
    is_problem(&answer, StatusCode::REQUEST_TIMEOUT, "request_timeout");
}

#[tokio::test]
async fn who_leaves_while_sending_harms_nobody() {
    let (mut wire, _served) = connect().await;
    wire.write_all(format!("{HEAD}Content-Length: 1000\r\n\r\nhalf").as_bytes())
        .await
        .unwrap();
    wire.shutdown().await.unwrap();
    // hyper takes the end of sending for the end of the client.
    assert!(!rest(&mut wire).await.contains("200 OK"));
}

#[tokio::test]
async fn within_the_limit_all_arrives() {
    let (mut wire, _served) = connect().await;
    let body = "x".repeat(100_000);
    let answer = exchange(
        &mut wire,
        &format!("{HEAD}Content-Length: 100000\r\n\r\n{body}"),
    )
    .await;
    assert!(answer.ends_with("\r\n\r\n100000"), "{answer}");
}
