//! A server with a few paths, in a task of its own.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use moxnas_api::server::{Limits, Listening, Peer, Server};
use poem::{
    Endpoint, EndpointExt, Request, Response, Route, get, handler,
    web::{
        Data,
        sse::{Event, SSE},
    },
};
use tokio::{
    net::TcpStream,
    sync::{Semaphore, oneshot},
    task::JoinHandle,
};

use crate::client::soon;

pub(crate) const SHORT: Duration = Duration::from_millis(200);
pub(crate) const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Waits in `/wait` until a test lets it go on.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) entered: Arc<Semaphore>,
    pub(crate) leave: Arc<Semaphore>,
}

impl Gate {
    fn new() -> Gate {
        Gate {
            entered: Arc::new(Semaphore::new(0)),
            leave: Arc::new(Semaphore::new(0)),
        }
    }

    pub(crate) async fn pass(semaphore: &Semaphore) {
        semaphore.acquire().await.unwrap().forget();
    }
}

#[handler]
async fn wait(gate: Data<&Gate>) -> &'static str {
    gate.entered.add_permits(1);
    Gate::pass(&gate.leave).await;
    "waited for"
}

#[handler]
fn peer(request: &Request) -> String {
    format!("{:?}", request.extensions().get::<Peer>().unwrap())
}

#[handler]
fn events() -> SSE {
    let first = futures_util::stream::iter([Event::message("first")]);
    SSE::new(futures_util::StreamExt::chain(
        first,
        futures_util::stream::pending(),
    ))
}

#[handler]
fn breaks() -> Response {
    panic!("as the test wants it")
}

fn site(gate: &Gate) -> impl Endpoint + 'static {
    Route::new()
        .at("/", get(poem::endpoint::make_sync(|_| "hello")))
        .at("/wait", get(wait))
        .at("/peer", get(peer))
        .at("/events", get(events))
        .at("/breaks", get(breaks))
        .data(gate.clone())
}

/// A server in a task of its own.
pub(crate) struct Nas {
    pub(crate) listening: Listening,
    pub(crate) gate: Gate,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Nas {
    pub(crate) fn start(server: Server) -> Nas {
        let (stop, stopped) = oneshot::channel::<()>();
        let gate = Gate::new();
        let listening = server.listening().clone();
        let site = site(&gate);
        let task = tokio::spawn(server.run(site, async {
            let _ = stopped.await;
        }));
        Nas {
            listening,
            gate,
            stop: Some(stop),
            task,
        }
    }

    pub(crate) async fn tcp(limits: Limits) -> Nas {
        let mut server = Server::new(limits);
        server.bind_tcp(LOOPBACK).await.unwrap();
        Nas::start(server)
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.listening.tcp[0]).await.unwrap()
    }

    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    pub(crate) async fn ended(self) {
        soon(self.task).await.unwrap();
    }
}
