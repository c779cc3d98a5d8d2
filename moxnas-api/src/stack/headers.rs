//! Headers that tell a browser how little it may do with an answer.

use std::sync::Arc;

use bytes::Bytes;
use poem::{
    Endpoint, IntoResponse, Request, Response, RouteMethod,
    endpoint::make_sync,
    http::{
        HeaderName, HeaderValue,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
            X_FRAME_OPTIONS,
        },
    },
};

use crate::shape::get_only;

const POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'; object-src 'none'";

/// Swagger UI is one page with its script and style inside, and images as `data:`.
const DOCS_POLICY: &str = "default-src 'self'; script-src 'unsafe-inline'; \
    style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'; object-src 'none'";

/// For answers that did not choose for themselves.
const HEADERS: [(HeaderName, &str); 5] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
];

/// The page of the documentation, as `OpenApiService::swagger_ui_html` writes it, with the policy
/// its embedded script needs. Only here is a script within a page allowed to run.
pub fn docs(html: String) -> RouteMethod {
    let html = Bytes::from(html);
    get_only(make_sync(move |_| {
        Response::builder()
            .content_type("text/html; charset=utf-8")
            .header(CONTENT_SECURITY_POLICY, DOCS_POLICY)
            .body(html.clone())
    }))
}

pub(super) async fn secure<E: Endpoint>(
    endpoint: Arc<E>,
    request: Request,
) -> poem::Result<Response> {
    let mut response = endpoint.call(request).await?.into_response();
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    Ok(response)
}
