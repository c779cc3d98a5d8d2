//! HTTPS, with a certificate made for the test.

use std::{fs, path::Path, sync::Arc};

use moxnas_api::server::{Limits, Server, tls::TlsConfig};
use rustls::pki_types::ServerName;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::{
    client::{exchange, get as ask, rest, soon},
    nas::{LOOPBACK, Nas, SHORT},
};

/// A certificate for `localhost` in files, and a client that trusts it.
fn certificate(folder: &Path, protocols: &[&[u8]]) -> (TlsConfig, TlsConnector) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    fs::write(&cert, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();

    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let mut client = rustls::ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = protocols.iter().map(|it| it.to_vec()).collect();
    (
        TlsConfig::read(&cert, &key).unwrap(),
        TlsConnector::from(Arc::new(client)),
    )
}

#[tokio::test]
async fn speaks_tls_and_outlives_who_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let (config, client) = certificate(folder.path(), &[b"http/1.1"]);
    let mut server = Server::new(Limits {
        headers: SHORT,
        ..Limits::default()
    });
    server.bind_tls(LOOPBACK, config).await.unwrap();
    let nas = Nas::start(server);

    let _ = timeout(
        SHORT,
        exchange(&mut nas.connect().await, "GET / HTTP/1.1\r\n\r\n"),
    )
    .await;
    let mut silent = nas.connect().await;
    assert_eq!(
        rest(&mut silent).await,
        "",
        "the handshake has a time limit"
    );

    let name = ServerName::try_from("localhost").unwrap();
    let mut wire = soon(client.connect(name, nas.connect().await))
        .await
        .unwrap();
    assert_eq!(wire.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert!(ask(&mut wire, "/").await.ends_with("hello"));
}

#[tokio::test]
async fn speaks_http_2() {
    let folder = tempfile::tempdir().unwrap();
    let (config, client) = certificate(folder.path(), &[b"h2"]);
    let mut server = Server::default();
    server.bind_tls(LOOPBACK, config).await.unwrap();
    let mut nas = Nas::start(server);

    let name = ServerName::try_from("localhost").unwrap();
    let wire = soon(client.connect(name, nas.connect().await))
        .await
        .unwrap();
    assert_eq!(wire.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) = hyper::client::conn::http2::handshake(
        hyper_util::rt::TokioExecutor::new(),
        hyper_util::rt::TokioIo::new(wire),
    )
    .await
    .unwrap();
    let connection = tokio::spawn(connection);
    let request = hyper::Request::get("https://localhost/")
        .body(String::new())
        .unwrap();
    let answer = soon(sender.send_request(request)).await.unwrap();
    assert_eq!(answer.version(), hyper::Version::HTTP_2);
    assert_eq!(answer.status(), 200);
    nas.stop();
    nas.ended().await;
    soon(connection).await.unwrap().unwrap();
}

#[test]
fn says_what_is_wrong_with_a_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one", "two"].map(|name| {
        let folder = folder.path().join(name);
        fs::create_dir(&folder).unwrap();
        certificate(&folder, &[]);
        folder
    });
    let said = |cert: &Path, key: &Path| TlsConfig::read(cert, key).unwrap_err().to_string();
    let cert = one.join("cert.pem");
    let none = folder.path().join("none");
    assert_eq!(
        said(&none, &none),
        format!("cannot read {}", none.display())
    );
    let key = two.join("key.pem");
    assert_eq!(
        said(&key, &key),
        format!("no certificate in {}", key.display())
    );
    let unusable = format!("the certificate in {} cannot be used", cert.display());
    assert_eq!(said(&cert, &key), unusable, "the key of another");
}
