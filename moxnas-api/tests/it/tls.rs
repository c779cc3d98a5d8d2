//! HTTPS, with a certificate made for the test.

use std::{fs, path::Path, sync::Arc};

use moxnas_api::server::{Limits, Server, tls::TlsConfig};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
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

    let config = TlsConfig::read(&cert, &key).unwrap();
    (config, trusting(&cert, protocols))
}

/// A client that trusts the certificate in this file and no other.
fn trusting(certificate: &Path, protocols: &[&[u8]]) -> TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(certificate).unwrap())
        .unwrap();
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let mut client = rustls::ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = protocols.iter().map(|it| it.to_vec()).collect();
    TlsConnector::from(Arc::new(client))
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

/// A certificate that the service makes itself, as its clients would see it.
mod self_made {
    use std::{os::unix::fs::PermissionsExt as _, time::Duration};

    use moxnas_api::server::tls::{Fingerprint, Names, SelfMade, Source, Watch};
    use moxnas_core::clock::{Clock, OffsetClock};

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn open(folder: &Path, hosts: &[&str], clock: Arc<dyn Clock>) -> Watch {
        let names = Names::with(hosts.iter().copied());
        let made = SelfMade::new(Some(folder.to_owned()), names, clock);
        Watch::open(Source::SelfMade(made)).unwrap()
    }

    #[test]
    fn is_kept_and_renewed_when_its_time_comes() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("data/tls");
        let clock = Arc::new(OffsetClock::default());
        let open = |hosts: &[&str]| open(&folder, hosts, clock.clone()).config().fingerprint();
        let first = open(&["localhost", "nas"]);
        let mode = |name: &str| {
            fs::metadata(folder.join(name))
                .unwrap()
                .permissions()
                .mode()
        };
        assert_eq!(mode("key.pem") & 0o777, 0o600);
        let file = CertificateDer::from_pem_file(folder.join("cert.pem")).unwrap();
        assert_eq!(first, Fingerprint::of(&file), "it is the one in the file");
        let text = first.to_string();
        assert_eq!((text.len(), text.matches(':').count()), (95, 31), "{text}");

        assert_eq!(open(&["localhost", "nas"]), first, "after a restart");
        let renamed = open(&["localhost", "other"]);
        assert_ne!(renamed, first, "the machine has another name");
        clock.advance(365 * DAY);
        assert_eq!(open(&["localhost", "other"]), renamed);
        clock.advance(3 * DAY);
        let renewed = open(&["localhost", "other"]);
        assert_ne!(renewed, renamed, "less than 30 days are left");

        fs::write(folder.join("key.pem"), "damaged").unwrap();
        assert_ne!(open(&["localhost"]), renewed);
    }

    #[test]
    fn is_renewed_while_it_is_served() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(OffsetClock::default());
        let mut watch = open(folder.path(), &["localhost"], clock.clone());
        let first = watch.config().fingerprint();
        watch.look().unwrap();
        assert_eq!(watch.config().fingerprint(), first);
        clock.advance(370 * DAY);
        watch.look().unwrap();
        assert_ne!(watch.config().fingerprint(), first);
    }

    #[test]
    fn of_a_service_that_keeps_nothing_lives_as_long_as_it() {
        let names = Names::with(["localhost"]);
        let clock = Arc::new(OffsetClock::default());
        let made = SelfMade::new(None, names, clock.clone());
        let mut watch = Watch::open(Source::SelfMade(made)).unwrap();
        let first = watch.config().fingerprint();
        clock.advance(500 * DAY);
        watch.look().unwrap();
        watch.reload().unwrap();
        assert_eq!(watch.config().fingerprint(), first);
    }

    #[tokio::test]
    async fn is_taken_by_who_trusts_it_under_each_of_its_names() {
        let folder = tempfile::tempdir().unwrap();
        // A name that no certificate can have is left out, and harms no other.
        let hosts = ["localhost", "nas.local", "under_score", "*"];
        let watch = open(folder.path(), &hosts, Arc::new(OffsetClock::default()));
        let mut server = Server::default();
        server.bind_tls(LOOPBACK, watch.config()).await.unwrap();
        let nas = Nas::start(server);
        let client = trusting(&folder.path().join("cert.pem"), &[b"http/1.1"]);
        for name in ["localhost", "nas.local", "127.0.0.1", "::1"] {
            let name = ServerName::try_from(name).unwrap();
            let mut wire = soon(client.connect(name, nas.connect().await))
                .await
                .unwrap();
            assert!(ask(&mut wire, "/").await.ends_with("hello"));
        }
        let other = ServerName::try_from("other.local").unwrap();
        soon(client.connect(other, nas.connect().await))
            .await
            .unwrap_err();
    }
}

#[tokio::test]
async fn a_new_certificate_is_served_and_a_broken_one_is_not() {
    use moxnas_api::server::tls::{Source, Watch};
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (
        folder.path().join("cert.pem"),
        folder.path().join("key.pem"),
    );
    let (_, old) = certificate(folder.path(), &[b"http/1.1"]);
    let mut watch = Watch::open(Source::Given {
        certificate: cert.clone(),
        key: key.clone(),
    })
    .unwrap();
    let first = watch.config().fingerprint();
    let mut server = Server::default();
    server.bind_tls(LOOPBACK, watch.config()).await.unwrap();
    let nas = Nas::start(server);
    let name = ServerName::try_from("localhost").unwrap();
    let mut held = soon(old.connect(name.clone(), nas.connect().await))
        .await
        .unwrap();

    // Half of a renewal, then garbage, then nothing: the old one is served on.
    let (other, _) = certificate(&sub(folder.path()), &[]);
    fs::copy(folder.path().join("sub/cert.pem"), &cert).unwrap();
    let said = watch.look().unwrap_err().to_string();
    assert_eq!(
        said,
        format!("the certificate in {} cannot be used", cert.display())
    );
    watch.look().expect("it is told once for each change");
    for broken in [Some("garbage"), None] {
        match broken {
            Some(text) => fs::write(&key, text).unwrap(),
            None => fs::remove_file(&key).unwrap(),
        }
        let said = watch.look().unwrap_err().to_string();
        assert_eq!(said, format!("cannot read {}", key.display()));
        assert_eq!(watch.config().fingerprint(), first);
        soon(old.connect(name.clone(), nas.connect().await))
            .await
            .unwrap();
    }

    fs::copy(folder.path().join("sub/key.pem"), &key).unwrap();
    watch.look().unwrap();
    assert_eq!(watch.config().fingerprint(), other.fingerprint());
    soon(old.connect(name.clone(), nas.connect().await))
        .await
        .unwrap_err();
    let new = trusting(&cert, &[b"http/1.1"]);
    let mut wire = soon(new.connect(name, nas.connect().await)).await.unwrap();
    assert!(ask(&mut wire, "/").await.ends_with("hello"));
    assert!(
        ask(&mut held, "/").await.ends_with("hello"),
        "who was there goes on"
    );
}

fn sub(folder: &Path) -> std::path::PathBuf {
    let sub = folder.join("sub");
    fs::create_dir(&sub).unwrap();
    sub
}
