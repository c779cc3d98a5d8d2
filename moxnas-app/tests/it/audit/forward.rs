//! Records go to a syslog elsewhere.

use std::time::Duration;

use moxnas_app::{
    audit::{AuditKey, forward::Forwarder},
    store::Store,
};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream, UdpSocket, UnixDatagram},
};

use super::{append, at};
use crate::engines::stores;

fn seq(message: &str) -> i64 {
    let (_, rest) = message.split_once(" seq=\"").unwrap();
    rest.split_once('"').unwrap().0.parse().unwrap()
}

async fn forwarder(store: &Store, target: String) -> Forwarder {
    let target = target.parse().unwrap();
    Forwarder::new(store.clone(), target, None).await.unwrap()
}

/// The next message with its length in front.
async fn framed(stream: &mut TcpStream) -> String {
    let mut length = 0;
    loop {
        match stream.read_u8().await.unwrap() {
            b' ' => break,
            digit => length = length * 10 + usize::from(digit - b'0'),
        }
    }
    let mut text = vec![0; length];
    stream.read_exact(&mut text).await.unwrap();
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn over_datagrams_of_a_unix_socket_and_udp() {
    for store in stores().await {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let unix = UnixDatagram::bind(&path).unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        append(&store, 0..2).await;
        let mut to_unix = forwarder(&store, format!("unix://{}", path.display())).await;
        let place = format!("udp://{}", udp.local_addr().unwrap());
        let mut to_udp = forwarder(&store, place).await;
        append(&store, 2..5).await;
        to_unix.send_all().await.unwrap();
        to_udp.send_all().await.unwrap();
        let mut bytes = [0; 8192];
        for expected in 3..=5 {
            let length = unix.recv(&mut bytes).await.unwrap();
            let one = String::from_utf8(bytes[..length].to_vec()).unwrap();
            let length = udp.recv(&mut bytes).await.unwrap();
            assert_eq!(one.as_bytes(), &bytes[..length]);
            assert_eq!(seq(&one), expected, "what was there before is not sent");
        }
        assert_eq!(to_udp.state().sent, 5);
    }
}

#[tokio::test]
async fn a_receiver_that_comes_back_misses_nothing() {
    for store in stores().await {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let new = async || {
            let target = format!("tcp://{address}").parse().unwrap();
            let folder = Some(folder.path().to_owned());
            Forwarder::new(store.clone(), target, folder).await.unwrap()
        };
        let mut forwarder = new().await;
        append(&store, 0..3).await;
        forwarder.send_all().await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        for expected in 1..=3 {
            assert_eq!(seq(&framed(&mut stream).await), expected);
        }
        // It hangs up, and nobody listens: changes go on.
        drop((stream, listener));
        tokio::time::timeout(Duration::from_secs(10), async {
            append(&store, 3..6).await;
            while forwarder.send_all().await.is_ok() {
                panic!("nobody listens");
            }
        })
        .await
        .unwrap();
        let failure = forwarder.state().failure.clone().unwrap();
        assert!(failure.contains(&address.to_string()), "{failure}");
        drop(forwarder);

        // The service starts again, and so does the receiver; meanwhile some were dropped.
        let key = AuditKey::random().unwrap();
        store
            .drop_audit_before(at(4), 0, &key, at(9))
            .await
            .unwrap();
        let listener = TcpListener::bind(address).await.unwrap();
        let mut forwarder = new().await;
        assert_eq!(forwarder.state().sent, 3);
        forwarder.send_all().await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        let first = framed(&mut stream).await;
        assert_eq!(seq(&first), 5);
        assert!(first.contains(" lost=\"1\"]"), "{first}");
        let second = framed(&mut stream).await;
        assert_eq!(seq(&second), 6);
        assert!(!second.contains("lost="), "{second}");
        assert_eq!(
            (forwarder.state().lost, &forwarder.state().failure),
            (1, &None)
        );
    }
}
