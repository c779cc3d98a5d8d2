//! Takes connections from one listener and starts a task for each.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    task::{JoinError, JoinSet},
    time::{Instant, sleep_until, timeout},
};

use super::{
    Peer, Stop,
    connection::{self, Context},
    crowd::Crowd,
    patience::Patience,
    tls::TlsConfig,
    unix::UnixSocket,
};

/// How long to leave the accept queue alone when the process is out of file descriptors or
/// memory: the error stays until a connection ends, and asking again at once would spin.
const BACK_OFF: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener, Option<TlsConfig>),
    Unix(UnixSocket),
}

/// A connection's bytes, whatever carries them.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// A connection as it was accepted, its TLS handshake yet to come.
struct Accepted {
    wire: Box<dyn Wire>,
    peer: Peer,
    tls: Option<TlsConfig>,
}

impl Listener {
    /// The next connection, on which no write waits longer than `stall`.
    async fn accept(&self, stall: Duration) -> io::Result<Accepted> {
        match self {
            Listener::Tcp(socket, tls) => {
                let (stream, addr) = socket.accept().await?;
                // Answers are written whole; waiting for more only delays them. It fails for a
                // client that is gone again, which the first read will tell.
                let _ = stream.set_nodelay(true);
                Ok(Accepted {
                    wire: Box::new(Patience::new(stream, stall)),
                    peer: Peer::Tcp(addr),
                    tls: tls.clone(),
                })
            }
            Listener::Unix(socket) => {
                let (stream, peer) = socket.accept().await?;
                Ok(Accepted {
                    wire: Box::new(Patience::new(stream, stall)),
                    peer,
                    tls: None,
                })
            }
        }
    }
}

/// Serve `listener` until the stop, then let its connections end.
///
/// The set of connection tasks is the count of connections: at the cap the branch that accepts is
/// off, and the two others still run.
pub(super) async fn accept_loop(
    listener: Listener,
    context: Arc<Context>,
    crowd: Crowd,
    mut stop: Stop,
) {
    let mut connections = JoinSet::new();
    let mut not_before = Instant::now();
    let mut failing = false;
    loop {
        let accept = async {
            sleep_until(not_before).await;
            listener.accept(context.limits.stall).await
        };
        tokio::select! {
            () = stop.wait() => break,
            Some(ended) = connections.join_next() => report(ended),
            accepted = accept, if connections.len() < context.limits.connections => match accepted {
                Ok(accepted) => {
                    failing = false;
                    if let Some(place) = crowd.admit(accepted.peer) {
                        let (context, stop) = (Arc::clone(&context), stop.clone());
                        connections.spawn(async move {
                            serve(accepted, context, stop).await;
                            drop(place);
                        });
                    }
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    if !failing {
                        tracing::warn!(%error, "cannot accept connections");
                    }
                    failing = true;
                    not_before = Instant::now() + BACK_OFF;
                }
            },
        }
    }
    // From here on new connections are refused rather than left waiting.
    drop(listener);
    let ending = async {
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    };
    if timeout(context.limits.grace, ending).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "requests cut off at the end of the grace"
        );
        connections.shutdown().await;
    }
}

/// The client hung up between its connect and the accept: nothing is wrong with the listener.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, NotConnected};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted | NotConnected
    )
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        // The panic hook has printed the message; the other connections are unharmed.
        tracing::error!(%error, "a connection's task panicked");
    }
}

async fn serve(accepted: Accepted, context: Arc<Context>, mut stop: Stop) {
    let Accepted { wire, peer, tls } = accepted;
    let Some(tls) = tls else {
        return connection::serve(wire, peer, poem::http::uri::Scheme::HTTP, context, stop).await;
    };
    let handshake = timeout(context.limits.headers, tls.acceptor().accept(wire));
    let shaken = tokio::select! {
        () = stop.wait() => return,
        shaken = handshake => shaken,
    };
    match shaken {
        Ok(Ok(wire)) => {
            let scheme = poem::http::uri::Scheme::HTTPS;
            connection::serve(Box::new(wire), peer, scheme, context, stop).await;
        }
        Ok(Err(error)) => tracing::debug!(?peer, %error, "no TLS"),
        Err(_) => tracing::debug!(?peer, "TLS handshake took too long"),
    }
}
