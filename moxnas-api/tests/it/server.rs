//! The accept loop, against raw sockets.

use std::time::Duration;

use moxnas_api::server::{Limits, Server};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    client::{exchange, get as ask, rest, soon, until},
    nas::{Gate, Nas, SHORT},
};

#[tokio::test]
async fn answers_and_says_where_it_listens() {
    let mut nas = Nas::tcp(Limits::default()).await;
    assert_ne!(nas.listening.tcp[0].port(), 0);
    let answer = ask(&mut nas.connect().await, "/").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("hello"), "{answer}");
    nas.stop();
    let addr = nas.listening.tcp[0];
    nas.ended().await;
    TcpStream::connect(addr).await.unwrap_err();
}

#[tokio::test]
async fn closes_who_is_slow_or_silent() {
    let nas = Nas::tcp(Limits {
        headers: SHORT,
        ..Limits::default()
    })
    .await;
    // Half a header; nothing; half of what begins HTTP/2; all of it, and no request.
    for sent in [
        "GET / HTTP/1.1\r\nHo",
        "",
        "PRI * HT",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut wire = nas.connect().await;
        wire.write_all(sent.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let read = wire.read_to_end(&mut answer);
        let _ = soon(read).await;
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{sent:?}");
    }
}

#[tokio::test]
async fn closes_who_is_idle_but_not_who_waits() {
    let nas = Nas::tcp(Limits {
        headers: SHORT,
        idle: SHORT,
        ..Limits::default()
    })
    .await;
    let mut idle = nas.connect().await;
    idle.write_all(b"GET / HTTP/1.1\r\nHost: nas\r\n\r\n")
        .await
        .unwrap();
    let mut waiting = nas.connect().await;
    waiting
        .write_all(b"GET /wait HTTP/1.1\r\nHost: nas\r\n\r\n")
        .await
        .unwrap();
    let mut listening = nas.connect().await;
    listening
        .write_all(b"GET /events HTTP/1.1\r\nHost: nas\r\n\r\n")
        .await
        .unwrap();

    assert!(rest(&mut idle).await.ends_with("hello"));
    // By now the limit of the two others is over as well, and so is what an idle connection gets
    // to say goodbye.
    timeout(8 * SHORT, until(&mut listening, "never sent"))
        .await
        .unwrap_err();
    nas.gate.leave.add_permits(1);
    until(&mut waiting, "waited for").await;
}

#[tokio::test]
async fn answers_overlong_and_broken_headers() {
    let nas = Nas::tcp(Limits::default()).await;
    let long = format!(
        "GET / HTTP/1.1\r\nHost: nas\r\nX-Long: {}\r\n\r\n",
        "x".repeat(100_000)
    );
    // More is in flight than is read, so that the answer may be lost to a reset: many small ones.
    let many = format!(
        "GET / HTTP/1.1\r\nHost: nas\r\n{}\r\n",
        "X: y\r\n".repeat(200)
    );
    let mut wire = nas.connect().await;
    let _ = wire.write_all(long.as_bytes()).await;
    let mut read = Vec::new();
    let _ = soon(wire.read_to_end(&mut read)).await;
    assert!(read.is_empty() || read.starts_with(b"HTTP/1.1 431 "));
    let answer = exchange(&mut nas.connect().await, &many).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let answer = exchange(&mut nas.connect().await, "\x01\x02\x03\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(ask(&mut nas.connect().await, "/").await.ends_with("hello"));
}

#[tokio::test]
async fn serves_no_more_than_the_cap_and_the_next_when_one_ends() {
    let nas = Nas::tcp(Limits {
        connections: 1,
        ..Limits::default()
    })
    .await;
    let mut first = nas.connect().await;
    first
        .write_all(b"GET / HTTP/1.1\r\nHost: nas\r\n\r\n")
        .await
        .unwrap();
    until(&mut first, "hello").await;

    let mut second = nas.connect().await;
    let mut answer = std::pin::pin!(ask(&mut second, "/"));
    timeout(SHORT, &mut answer)
        .await
        .expect_err("served above the cap");
    drop(first);
    assert!(answer.await.ends_with("hello"));
}

#[tokio::test]
async fn hears_the_stop_at_the_cap() {
    let mut nas = Nas::tcp(Limits {
        connections: 1,
        ..Limits::default()
    })
    .await;
    let mut first = nas.connect().await;
    first
        .write_all(b"GET /wait HTTP/1.1\r\nHost: nas\r\n\r\n")
        .await
        .unwrap();
    Gate::pass(&nas.gate.entered).await;
    let mut second = nas.connect().await;
    second
        .write_all(b"GET / HTTP/1.1\r\nHost: nas\r\n\r\n")
        .await
        .unwrap();

    nas.stop();
    // The accept queue is gone while the first is still at work.
    let mut answer = Vec::new();
    let _ = soon(second.read_to_end(&mut answer)).await;
    assert!(answer.is_empty());
    nas.gate.leave.add_permits(1);
    assert!(rest(&mut first).await.ends_with("waited for"));
    nas.ended().await;
}

#[tokio::test]
async fn finishes_what_runs_at_the_stop() {
    let mut nas = Nas::tcp(Limits::default()).await;
    let mut running = nas.connect().await;
    running
        .write_all(b"GET /wait HTTP/1.1\r\nHost: nas\r\n\r\n")
        .await
        .unwrap();
    let mut idle = nas.connect().await;
    idle.write_all(b"GET / HTTP/1.1\r\nHost: nas\r\n\r\n")
        .await
        .unwrap();
    until(&mut idle, "hello").await;
    let mut silent = nas.connect().await;
    Gate::pass(&nas.gate.entered).await;

    nas.stop();
    assert_eq!(rest(&mut idle).await, "");
    assert_eq!(rest(&mut silent).await, "");
    nas.gate.leave.add_permits(1);
    let answer = rest(&mut running).await;
    assert!(answer.ends_with("waited for"), "{answer}");
    nas.ended().await;
}

#[tokio::test]
async fn cuts_off_what_outlasts_the_grace() {
    let mut nas = Nas::tcp(Limits {
        grace: SHORT,
        ..Limits::default()
    })
    .await;
    let mut running = nas.connect().await;
    running
        .write_all(b"GET /wait HTTP/1.1\r\nHost: nas\r\n\r\n")
        .await
        .unwrap();
    Gate::pass(&nas.gate.entered).await;
    nas.stop();
    assert_eq!(rest(&mut running).await, "");
    nas.ended().await;
}

#[tokio::test]
async fn ends_event_streams_at_the_stop() {
    let mut nas = Nas::tcp(Limits {
        grace: Duration::from_secs(3600),
        ..Limits::default()
    })
    .await;
    let mut stream = nas.connect().await;
    stream
        .write_all(b"GET /events HTTP/1.1\r\nHost: nas\r\n\r\n")
        .await
        .unwrap();
    until(&mut stream, "data: first").await;
    nas.stop();
    // The last chunk: the stream ended, and was not cut off.
    assert!(rest(&mut stream).await.ends_with("0\r\n\r\n"));
    nas.ended().await;
}

#[tokio::test]
async fn outlives_a_panic() {
    let nas = Nas::tcp(Limits::default()).await;
    assert_eq!(ask(&mut nas.connect().await, "/breaks").await, "");
    assert!(ask(&mut nas.connect().await, "/").await.ends_with("hello"));
}

#[tokio::test]
async fn refuses_an_address_in_use() {
    let nas = Nas::tcp(Limits::default()).await;
    let error = Server::default()
        .bind_tcp(nas.listening.tcp[0])
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("cannot listen on {}", nas.listening.tcp[0])
    );
}
