//! What strangers try, against the whole interface on real sockets.

mod bodies;
mod flood;
mod forgery;
mod told;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use moxnas_api::{
    edges::{Edges, Rates},
    server::{Limits, Server},
};
use moxnas_app::{App, scenario::Scenario, settings::Settings};
use tokio::{
    net::{TcpSocket, TcpStream, UnixStream},
    task::AbortHandle,
};

use crate::{client::exchange, nas::LOOPBACK};

/// The product on a TCP port and a Unix socket, over a simulated machine.
struct Site {
    app: Arc<App>,
    tcp: SocketAddr,
    socket: PathBuf,
    _folder: tempfile::TempDir,
    task: AbortHandle,
}

impl Site {
    async fn start(edges: Edges) -> Site {
        Site::limited(edges, Limits::default()).await
    }

    async fn limited(edges: Edges, limits: Limits) -> Site {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let settings = Settings::simulated(Scenario::built_in("sandbox").unwrap());
        let app = App::start(&settings).await.unwrap();
        let mut server = Server::new(limits).behind(&edges.proxies);
        let tcp = server.bind_tcp(LOOPBACK).await.unwrap();
        server.bind_unix(&socket, 0o600).unwrap();
        let endpoint = moxnas_api::endpoint_within(Arc::clone(&app), edges);
        let task = tokio::spawn(server.run(endpoint, std::future::pending()));
        Site {
            app,
            tcp,
            socket,
            _folder: folder,
            task: task.abort_handle(),
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.tcp).await.unwrap()
    }

    /// Another client: all of 127.0.0.0/8 is this machine.
    async fn connect_from(&self, address: [u8; 4]) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((address, 0).into()).unwrap();
        socket.connect(self.tcp).await.unwrap()
    }

    /// Everything that comes for `text` on a connection of its own.
    async fn send(&self, text: &str) -> String {
        exchange(&mut self.connect().await, text).await
    }

    /// The same on the Unix socket, where whoever runs the test is an admin.
    async fn send_local(&self, text: &str) -> String {
        let mut wire = UnixStream::connect(&self.socket).await.unwrap();
        exchange(&mut wire, text).await
    }

    async fn audit(&self) -> String {
        format!("{:?}", self.app.store.audit(0, 1000).await.unwrap())
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// `line` and `headers`, each ended by a line end, as one request that is the last.
fn request(line: &str, headers: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n")
}

fn get(path: &str) -> String {
    request(&format!("GET {path}"), "")
}

fn post(path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    let headers =
        format!("Content-Type: application/json\r\nContent-Length: {length}\r\n{headers}");
    request(&format!("POST {path}"), &headers) + body
}

/// Many of these requests on one connection, before any answer is read.
fn pipelined(times: usize, line: &str, headers: &str) -> String {
    let each = format!("{line} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    each.repeat(times) + &get("/")
}

fn status(answer: &str) -> u16 {
    let status = answer.strip_prefix("HTTP/1.1 ").and_then(|it| it.get(..3));
    status.and_then(|it| it.parse().ok()).expect(answer)
}

/// The first of several answers that has this status.
fn first_with(answers: &str, status: u16) -> &str {
    let mark = format!("HTTP/1.1 {status} ");
    let from = answers
        .find(&mark)
        .unwrap_or_else(|| panic!("no {status} in {answers}"));
    let answer = &answers[from..];
    let next = answer[1..]
        .find("HTTP/1.1 ")
        .map_or(answer.len(), |at| at + 1);
    &answer[..next]
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let (head, _) = answer.split_once("\r\n\r\n").expect(answer);
    let lines = head.lines().filter_map(|it| it.split_once(": "));
    let mut values = lines.filter(|(it, _)| it.eq_ignore_ascii_case(name));
    values.next().map(|(_, value)| value)
}

/// It is a problem of this status and code, with all that problems have.
#[track_caller]
fn is_problem(answer: &str, expected: u16, code: &str) {
    assert_eq!(status(answer), expected, "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let problem: serde_json::Value = serde_json::from_str(body).expect(answer);
    assert_eq!(problem["code"], code);
    let id = problem["request_id"].as_str().unwrap();
    assert_eq!(header(answer, "x-request-id"), Some(id));
    assert!(header(answer, "x-moxnas-simulated").is_some());
}

/// As often as anybody likes, save for one sort of request.
fn rates(api: u32, auth: u32) -> Edges {
    Edges {
        rates: Rates { api, auth },
        ..Edges::default()
    }
}
