//! A line in the log per request, without what might be secret: no query, header or body. Its
//! request id is that of the span around it.

use std::sync::Arc;

use poem::{Endpoint, IntoResponse, Request, Response};
use poem_openapi::OperationId;
use tokio::time::Instant;

use crate::{edges::ClientAddress, server::Peer};

/// Log the request when its answer begins. Server errors stand out, the rest is for debugging:
/// the audit record tells who changed what.
pub(super) async fn log<E: Endpoint>(endpoint: Arc<E>, request: Request) -> poem::Result<Response> {
    let started = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let client = match request.extensions().get() {
        Some(ClientAddress(address)) => address.to_string(),
        None => match request.extensions().get() {
            Some(Peer::Unix { uid, .. }) => format!("uid {uid}"),
            _ => String::new(),
        },
    };
    let response = endpoint.call(request).await?.into_response();

    let status = response.status().as_u16();
    let operation = response
        .data::<OperationId>()
        .map_or("", |operation| operation.0);
    let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    if response.status().is_server_error() {
        tracing::error!(%method, path, status, operation, ms, client, "answered");
    } else {
        tracing::debug!(%method, path, status, operation, ms, client, "answered");
    }
    Ok(response)
}
