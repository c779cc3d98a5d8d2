//! Runs a poem endpoint on TCP, TLS and Unix sockets.
//!
//! poem's own server has no time limit for request headers, spins when the process is out of file
//! descriptors and does not tell who is at the other end of a Unix socket, hence this loop over
//! hyper. What it promises:
//!
//! * A client that is silent, slow with its headers or its TLS handshake, idle, or takes nothing
//!   of its answer, is closed.
//! * Each listener serves at most [`Limits::connections`]; further ones wait in the kernel's
//!   accept queue. The cap is per listener, so that a flood on TCP does not lock root out of the
//!   Unix socket. One client of the network has at most [`Limits::connections_per_client`] of
//!   them; more are closed unanswered.
//! * A stop is heard always, at the cap and during back-off too. Requests being answered may end
//!   within [`Limits::grace`]; event streams end at once, as they never would by themselves.
//!
//! An upgraded connection (WebSocket) counts until its upgrade, then belongs to its handler.

mod accept;
mod activity;
mod connection;
mod crowd;
mod patience;
pub mod tls;
mod unix;

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures_util::future::join_all;
use poem::{Endpoint, EndpointExt, IntoResponse};
use tokio::{net::TcpListener, sync::watch};

use accept::Listener;
use connection::Context;
use crowd::Crowd;
use tls::TlsConfig;

use crate::edges::Network;

/// Who is at the other end of a connection; in the extensions of every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A client on the network, or of this machine by way of it.
    Tcp(SocketAddr),
    /// A process of this machine, as the kernel saw it when it connected (`SO_PEERCRED`).
    Unix {
        /// Effective user.
        uid: u32,
        /// Effective group.
        gid: u32,
        /// Process, where the kernel tells. For the log only: the number may be used again.
        pid: Option<i32>,
    },
}

/// Where a [`Server`] listens; the ports are those the kernel chose where 0 was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listening {
    /// Addresses in the order of binding, TLS or not.
    pub tcp: Vec<SocketAddr>,
    /// Paths of Unix sockets.
    pub unix: Vec<PathBuf>,
}

/// Why a listener could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address is taken, not of this machine, or not allowed.
    #[error("cannot listen on {addr}")]
    Tcp {
        /// What was asked for.
        addr: SocketAddr,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// Something answers on the socket: another service runs.
    #[error("another service answers on {}", .0.display())]
    Answered(PathBuf),
    /// The path holds a file that is no socket; it is not touched.
    #[error("{} exists and is not a socket", .0.display())]
    NotASocket(PathBuf),
    /// The folder is missing, or a step was refused.
    #[error("cannot listen on {}", path.display())]
    Unix {
        /// What was asked for.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

/// What each connection may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections served at a time, per listener.
    pub connections: usize,
    /// How many of them one client of the network may have; 0: all. What a client is says
    /// [`ClientKey`](crate::edges::ClientKey).
    pub connections_per_client: usize,
    /// Time for a TLS handshake, and again for the headers of a request from the moment the
    /// connection is ready for it. Under HTTP/1 this also ends idle connections.
    pub headers: Duration,
    /// How long a client may take nothing of what it is sent.
    pub stall: Duration,
    /// How long an HTTP/2 connection may stay without a request.
    pub idle: Duration,
    /// How long requests may go on after the stop.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 512,
            connections_per_client: 64,
            headers: Duration::from_secs(10),
            stall: Duration::from_secs(30),
            idle: Duration::from_secs(60),
            grace: Duration::from_secs(10),
        }
    }
}

/// Open listeners, and the limits of their connections.
#[derive(Debug, Default)]
pub struct Server {
    limits: Limits,
    proxies: Arc<[Network]>,
    listeners: Vec<Listener>,
    listening: Listening,
}

impl Server {
    /// A server that listens nowhere yet.
    #[must_use]
    pub fn new(limits: Limits) -> Server {
        Server {
            limits,
            ..Server::default()
        }
    }

    /// Do not count the connections of these networks as those of one client.
    #[must_use]
    pub fn behind(self, proxies: &[Network]) -> Server {
        Server {
            proxies: proxies.into(),
            ..self
        }
    }

    /// Listen for HTTP without encryption. Port 0 lets the kernel choose; the answer is the
    /// address in use.
    ///
    /// # Errors
    /// The address is taken, not of this machine, or needs a privilege.
    pub async fn bind_tcp(&mut self, addr: SocketAddr) -> Result<SocketAddr, BindError> {
        self.bind(addr, None).await
    }

    /// Listen for HTTPS; else as [`Server::bind_tcp`].
    ///
    /// # Errors
    /// The address is taken, not of this machine, or needs a privilege.
    pub async fn bind_tls(
        &mut self,
        addr: SocketAddr,
        tls: TlsConfig,
    ) -> Result<SocketAddr, BindError> {
        self.bind(addr, Some(tls)).await
    }

    /// Listen on a Unix socket that appears with `mode` (for example `0o660`). A socket that
    /// nobody answers on, left by a killed service, is replaced. The file is removed at the stop.
    ///
    /// # Errors
    /// Somebody answers on it, something else has the path, or its folder does not exist.
    pub fn bind_unix(&mut self, path: &Path, mode: u32) -> Result<(), BindError> {
        self.listeners
            .push(Listener::Unix(unix::UnixSocket::bind(path, mode)?));
        self.listening.unix.push(path.to_owned());
        Ok(())
    }

    /// Where this server listens.
    #[must_use]
    pub fn listening(&self) -> &Listening {
        &self.listening
    }

    /// Serve until `stop` is ready and its aftermath is over. Dropping the future ends all
    /// connections where they are.
    pub async fn run<E>(self, endpoint: E, stop: impl Future<Output = ()>)
    where
        E: Endpoint + 'static,
        E::Output: IntoResponse,
    {
        let context = Arc::new(Context {
            endpoint: endpoint.map_to_response().boxed(),
            limits: self.limits,
        });
        let most = self.limits.connections_per_client;
        let crowd = || Crowd::new(most, Arc::clone(&self.proxies));
        let (stopping, signal) = watch::channel(false);
        let loops = join_all(self.listeners.into_iter().map(|listener| {
            let context = Arc::clone(&context);
            accept::accept_loop(listener, context, crowd(), Stop(signal.clone()))
        }));
        let stop = async {
            stop.await;
            stopping.send_replace(true);
        };
        tokio::join!(loops, stop);
    }

    async fn bind(
        &mut self,
        addr: SocketAddr,
        tls: Option<TlsConfig>,
    ) -> Result<SocketAddr, BindError> {
        let refused = |source| BindError::Tcp { addr, source };
        let socket = TcpListener::bind(addr).await.map_err(refused)?;
        let bound = socket.local_addr().map_err(refused)?;
        self.listeners.push(Listener::Tcp(socket, tls));
        self.listening.tcp.push(bound);
        Ok(bound)
    }
}

/// Tells every part of the server that it should come to an end.
#[derive(Clone, Debug)]
struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Ready from the stop on; also if the server is gone, which amounts to the same.
    async fn wait(&mut self) {
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}
