//! What goes around the whole interface, in the one right order.

mod headers;
mod log;
mod request_id;

use std::sync::Arc;

use poem::{
    Endpoint, EndpointExt, IntoResponse, Request, Response,
    http::{Method, Uri, uri::PathAndQuery},
};

use crate::{
    edges::{Edges, Guard},
    problem::{catch, settle},
};

pub use headers::docs;
pub use request_id::RequestId;

/// `endpoint` with all that each request needs. From the inside out:
///
/// 1. the edges: who may ask at all, and how large a body, whose failures the next one writes;
/// 2. every failure, panics and unknown paths too, as a problem;
/// 3. the headers for browsers, which problems need as much as other answers;
/// 4. the path without its trailing slash;
/// 5. the log, which sees the answer as it will be sent;
/// 6. who the client is, and the request id, which all of these use.
pub fn compose<E>(
    endpoint: E,
    edges: impl Into<Edges>,
) -> impl Endpoint<Output = Response> + 'static
where
    E: Endpoint + 'static,
    E::Output: IntoResponse,
{
    let guard = Guard::new(edges.into());
    let [admits, shares, introduces] = [(); 3].map(|()| Arc::clone(&guard));
    endpoint
        .map_to_response()
        .boxed()
        .around(move |endpoint, request| {
            let guard = Arc::clone(&admits);
            async move { guard.admit(endpoint, request).await }
        })
        .around(problems)
        // The type of all layers in one is more than the compiler takes.
        .boxed()
        .around(move |endpoint, request| {
            let guard = Arc::clone(&shares);
            async move { guard.share(endpoint, request).await }
        })
        .around(headers::secure)
        .before(async |request| Ok(without_trailing_slash(request)))
        .around(log::log)
        .before(move |request| std::future::ready(Ok(introduces.introduce(request))))
        .around(request_id::identify)
        .boxed()
}

/// Write every failure as a problem.
async fn problems<E: Endpoint>(endpoint: Arc<E>, mut request: Request) -> poem::Result<Response> {
    let id = request
        .extensions()
        .get::<RequestId>()
        .map(|id| id.0.clone());
    if !is_standard(request.method()) {
        // The router knows the standard methods only; see `shape::Shaped` for the 405 with `Allow`
        // that any other one deserves, and that `TRACE`, never offered, gets.
        request.set_method(Method::TRACE);
    }
    match settle(endpoint.call(request)).await {
        Ok(response) => Ok(response),
        Err(problem) => Ok(catch(problem.into(), id.as_deref())),
    }
}

fn is_standard(method: &Method) -> bool {
    // The type has short names for exactly these inside, and does not show them.
    [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE",
    ]
    .contains(&method.as_str())
}

/// `/api/disks/` means `/api/disks`. Not a redirect: a client would repeat a `POST` as a `GET`.
fn without_trailing_slash(mut request: Request) -> Request {
    let uri = request.uri();
    let path = uri.path();
    if path.len() < 2 || !path.ends_with('/') {
        return request;
    }
    let trimmed = match uri.query() {
        Some(query) => format!("{}?{query}", &path[..path.len() - 1]),
        None => path[..path.len() - 1].to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    if let Ok(trimmed) = PathAndQuery::try_from(trimmed) {
        parts.path_and_query = Some(trimmed);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}
