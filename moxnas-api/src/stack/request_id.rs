//! One name for a request in the answer, the log and the audit record.

use std::{fmt, sync::Arc};

use poem::{
    Endpoint, IntoResponse, Request, Response,
    http::{HeaderName, HeaderValue},
};
use tracing::Instrument as _;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_LEN: usize = 64;

/// The name of a request, in its extensions: what the client sent as `X-Request-Id` if that can
/// go into a log as it is, else 16 random hex digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(pub Arc<str>);

impl RequestId {
    fn sane(sent: &str) -> Option<RequestId> {
        let is_sane = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let fits = (1..=MAX_LEN).contains(&sent.len());
        (fits && sent.bytes().all(is_sane)).then(|| RequestId(sent.into()))
    }

    fn random() -> RequestId {
        let number = getrandom::u64().expect("the kernel has random numbers once it has booted");
        RequestId(format!("{number:016x}").into())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Name the request, inside and in its answer.
pub(super) async fn identify<E: Endpoint>(
    endpoint: Arc<E>,
    mut request: Request,
) -> poem::Result<Response> {
    let sent = request.header(X_REQUEST_ID).and_then(RequestId::sane);
    let id = sent.unwrap_or_else(RequestId::random);
    let header = HeaderValue::from_str(&id.0).expect("its letters were chosen to fit");
    // Whatever is logged on the way has the name too, at any level.
    let span = tracing::error_span!("request", %id);
    request.extensions_mut().insert(id);
    let mut response = endpoint
        .call(request)
        .instrument(span)
        .await?
        .into_response();
    response.headers_mut().insert(X_REQUEST_ID, header);
    Ok(response)
}
