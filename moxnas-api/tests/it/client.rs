//! As little of an HTTP client as shows what was written.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

/// Far above what anything takes, and below what somebody waits for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Await something that must happen.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(PATIENCE, what)
        .await
        .expect("it should have happened by now")
}

/// Send `text`, then read until the server closes.
pub(crate) async fn exchange(
    wire: &mut (impl AsyncRead + AsyncWrite + Unpin),
    text: &str,
) -> String {
    soon(wire.write_all(text.as_bytes())).await.unwrap();
    rest(wire).await
}

/// A request for `path` on a connection that is closed after it.
pub(crate) async fn get(wire: &mut (impl AsyncRead + AsyncWrite + Unpin), path: &str) -> String {
    exchange(
        wire,
        &format!("GET {path} HTTP/1.1\r\nHost: nas\r\nConnection: close\r\n\r\n"),
    )
    .await
}

/// What comes until the server closes.
pub(crate) async fn rest(wire: &mut (impl AsyncRead + Unpin)) -> String {
    let mut text = Vec::new();
    soon(wire.read_to_end(&mut text)).await.unwrap();
    String::from_utf8(text).unwrap()
}

/// What comes until `mark` has come.
pub(crate) async fn until(wire: &mut (impl AsyncRead + Unpin), mark: &str) -> String {
    let mut text = String::new();
    while !text.contains(mark) {
        let mut chunk = [0; 4096];
        let read = soon(wire.read(&mut chunk)).await.unwrap();
        assert_ne!(read, 0, "closed after {text:?}");
        text.push_str(std::str::from_utf8(&chunk[..read]).unwrap());
    }
    text
}
