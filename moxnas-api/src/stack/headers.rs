//! Headers that tell a browser how little it may do with an answer.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use poem::{
    Endpoint, IntoResponse, Request, Response, RouteMethod,
    endpoint::make_sync,
    http::{
        HeaderName, HeaderValue,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
            X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
        },
    },
};
use sha2::{Digest, Sha256};

use crate::{edges::IsSecure, shape::get_only};

/// JSON runs nothing, loads nothing, and stands in no frame.
const POLICY: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page of the documentation asks this service, and has images as `data:`. It sets styles from
/// its script, so that they cannot be listed; `SCRIPTS` are.
const DOCS_POLICY: &str = "default-src 'none'; connect-src 'self'; script-src SCRIPTS; \
    style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// A year, as browsers that keep lists of such sites want it.
const ALWAYS_TLS: &str = "max-age=31536000; includeSubDomains";

/// For answers that did not choose for themselves.
const HEADERS: [(HeaderName, &str); 7] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// The page of the documentation, as `OpenApiService::swagger_ui_html` writes it, with a policy
/// under which the scripts that are in it by now run, and no others.
pub fn docs(html: String) -> RouteMethod {
    // A browser reads a page with these line ends, and hashes what it has read.
    let html = html.replace("\r\n", "\n");
    let hashes: Vec<String> = scripts(&html).map(source).collect();
    let policy = DOCS_POLICY.replace("SCRIPTS", &hashes.join(" "));
    let policy = HeaderValue::from_str(&policy).expect("base64 is visible ASCII");
    let html = Bytes::from(html);
    get_only(make_sync(move |_| {
        Response::builder()
            .content_type("text/html; charset=utf-8")
            .header(CONTENT_SECURITY_POLICY, policy.clone())
            .body(html.clone())
    }))
}

/// The texts of the scripts within a page. A script ends where `</script` stands, even in a string
/// of it (<https://html.spec.whatwg.org/#script-data-state>).
fn scripts(html: &str) -> impl Iterator<Item = &str> {
    let mut rest = html;
    std::iter::from_fn(move || {
        let (_, tag) = rest.split_once("<script")?;
        let (_, script) = tag.split_once('>')?;
        let (script, after) = script.split_once("</script")?;
        rest = after;
        Some(script)
    })
}

/// A script, as a policy lists it (<https://www.w3.org/TR/CSP3/#grammardef-hash-source>).
fn source(script: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(script)))
}

pub(super) async fn secure<E: Endpoint>(
    endpoint: Arc<E>,
    request: Request,
) -> poem::Result<Response> {
    let is_secure = request.extensions().get() == Some(&IsSecure(true));
    let mut response = endpoint.call(request).await?.into_response();
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    if is_secure {
        let always = HeaderValue::from_static(ALWAYS_TLS);
        headers.insert(STRICT_TRANSPORT_SECURITY, always);
    }
    Ok(response)
}
