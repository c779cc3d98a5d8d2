//! One connection, from its first byte to its end.

use std::{convert::Infallible, pin::pin, sync::Arc, time::Duration};

use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use poem::{
    Addr, Endpoint,
    endpoint::BoxEndpoint,
    http::{self, header, uri::Scheme},
    web::{LocalAddr, RemoteAddr},
};
use tokio::time::timeout;

use super::{
    Limits, Peer, Stop,
    accept::Wire,
    activity::{Activity, Answer, BoxBody},
};

/// A browser sends about 1 KiB; beyond this hyper answers 431.
const MAX_HEADER_BYTES: usize = 64 * 1024;
/// Requests at a time in one HTTP/2 connection.
const MAX_STREAMS: u32 = 128;
/// A peer that vanished without a word is found by the ping that stays unanswered.
const PING_EVERY: Duration = Duration::from_secs(20);
/// Time to say goodbye to a peer that was idle before it is cut off.
const FAREWELL: Duration = Duration::from_secs(1);

/// What all connections share.
pub(super) struct Context {
    pub(super) endpoint: BoxEndpoint<'static>,
    pub(super) limits: Limits,
}

/// Answer the requests of one connection until the peer, its idleness or the stop ends it.
pub(super) async fn serve(
    wire: Box<dyn Wire>,
    peer: Peer,
    scheme: Scheme,
    context: Arc<Context>,
    mut stop: Stop,
) {
    let activity = Activity::default();
    let limits = context.limits;
    let builder = builder(limits.headers);
    let service = {
        let (activity, stop) = (activity.clone(), stop.clone());
        service_fn(move |request| {
            let running = activity.begin();
            let (context, scheme, stop) = (Arc::clone(&context), scheme.clone(), stop.clone());
            async move {
                let is_chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
                let mut response = respond(&context, request, peer, scheme).await;
                if is_chunked {
                    // A request with a length and chunks ends at one place for us and perhaps at
                    // another for a proxy before us. hyper hides the length, so that nothing
                    // behind any chunked request is taken for the next one (RFC 9112 6.1).
                    let close = header::HeaderValue::from_static("close");
                    response.headers_mut().insert(header::CONNECTION, close);
                }
                Ok::<_, Infallible>(if is_event_stream(&response) {
                    response.map(|body| Answer::until(body, running, stop))
                } else {
                    response.map(|body| Answer::new(body, running))
                })
            }
        })
    };
    let mut connection = pin!(builder.serve_connection_with_upgrades(TokioIo::new(wire), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.wait() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        () = activity.idle(limits.headers, limits.idle) => {
            connection.as_mut().graceful_shutdown();
            timeout(FAREWELL, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        // Resets, garbage and slow headers are the client's doing and of no use in the log.
        tracing::debug!(?peer, %error, "connection ended");
    }
}

fn builder(header_limit: Duration) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(header_limit)
        .max_buf_size(MAX_HEADER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .keep_alive_interval(PING_EVERY);
    builder
}

async fn respond(
    context: &Context,
    request: http::Request<Incoming>,
    peer: Peer,
    scheme: Scheme,
) -> http::Response<BoxBody> {
    let remote = RemoteAddr(match peer {
        Peer::Tcp(addr) => Addr::from(addr),
        Peer::Unix { uid, gid, .. } => Addr::custom("unix", format!("uid={uid},gid={gid}")),
    });
    let mut request = poem::Request::from((request, LocalAddr::default(), remote, scheme));
    request.extensions_mut().insert(peer);
    context.endpoint.get_response(request).await.into()
}

fn is_event_stream(response: &http::Response<BoxBody>) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}
