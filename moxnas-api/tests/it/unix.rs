//! Unix sockets: who is there, and whose file it is.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

use moxnas_api::server::{BindError, Limits, Peer, Server};
use tokio::{
    io::AsyncWriteExt,
    net::{UnixListener, UnixStream},
};

use crate::{
    client::get as ask,
    nas::{Gate, LOOPBACK, Nas},
};

#[tokio::test]
async fn tells_who_is_at_the_other_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let mut server = Server::default();
    server.bind_unix(&path, 0o600).unwrap();
    server.bind_tcp(LOOPBACK).await.unwrap();
    let nas = Nas::start(server);

    let mut local = UnixStream::connect(&path).await.unwrap();
    let me = fs::metadata(folder.path()).unwrap();
    let pid = i32::try_from(std::process::id()).unwrap();
    let expected = Peer::Unix {
        uid: me.uid(),
        gid: me.gid(),
        pid: Some(pid),
    };
    assert!(
        ask(&mut local, "/peer")
            .await
            .ends_with(&format!("{expected:?}"))
    );

    let mut remote = nas.connect().await;
    let expected = Peer::Tcp(remote.local_addr().unwrap());
    assert!(
        ask(&mut remote, "/peer")
            .await
            .ends_with(&format!("{expected:?}"))
    );
}

#[tokio::test]
async fn a_flood_on_tcp_leaves_the_socket_free() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let mut server = Server::new(Limits {
        connections: 1,
        ..Limits::default()
    });
    server.bind_unix(&path, 0o600).unwrap();
    server.bind_tcp(LOOPBACK).await.unwrap();
    let nas = Nas::start(server);
    let mut flood = nas.connect().await;
    flood
        .write_all(b"GET /wait HTTP/1.1\r\nHost: nas\r\n\r\n")
        .await
        .unwrap();
    Gate::pass(&nas.gate.entered).await;
    let mut local = UnixStream::connect(&path).await.unwrap();
    assert!(ask(&mut local, "/").await.ends_with("hello"));
}

#[tokio::test]
async fn replaces_a_dead_socket_with_its_mode_and_removes_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "a dead socket");

    let mut server = Server::default();
    server.bind_unix(&path, 0o660).unwrap();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o660
    );
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "no draft is left"
    );
    let mut nas = Nas::start(server);
    let mut wire = UnixStream::connect(&path).await.unwrap();
    assert!(ask(&mut wire, "/").await.ends_with("hello"));
    nas.stop();
    nas.ended().await;
    assert!(!path.exists());
}

#[tokio::test]
async fn leaves_what_is_not_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let refused = |path: &Path| Server::default().bind_unix(path, 0o600).unwrap_err();

    let mut first = Server::default();
    first.bind_unix(&path, 0o600).unwrap();
    assert!(matches!(refused(&path), BindError::Answered(_)));
    // Another service has taken the path, so that the end of the first must leave it.
    fs::remove_file(&path).unwrap();
    let _second = UnixListener::bind(&path).unwrap();
    drop(first);
    UnixStream::connect(&path).await.unwrap();

    let file = folder.path().join("file");
    fs::write(&file, "precious").unwrap();
    assert!(matches!(refused(&file), BindError::NotASocket(_)));
    assert_eq!(fs::read(&file).unwrap(), b"precious");
    assert!(matches!(
        refused(&folder.path().join("none/socket")),
        BindError::Unix { .. }
    ));
}
