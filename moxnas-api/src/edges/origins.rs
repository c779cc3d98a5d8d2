//! The sites whose pages may use this service (<https://fetch.spec.whatwg.org/#http-cors-protocol>).
//!
//! An answer without these headers is one that the browser does not show to a page of another
//! site. The site is always named, never `*`, as its pages send credentials.

use std::{collections::BTreeSet, str::FromStr};

use poem::{
    Request, Response,
    http::{
        HeaderValue, Method, StatusCode, Uri,
        header::{
            ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS,
            ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
            ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
            ORIGIN, VARY,
        },
    },
};

use crate::problem::Problem;

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
/// What a page may send beside what every page may.
const ACCEPTED: &str = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, \
    Last-Event-ID, X-API-Key, X-Confirm-Plan, X-CSRF-Token, X-Request-Id";
/// What a page may read beside what every page may.
const EXPOSED: &str =
    "Allow, ETag, Location, Retry-After, WWW-Authenticate, X-Moxnas-Simulated, X-Request-Id";
/// Seconds for which a browser need not ask again.
const MAX_AGE: &str = "600";

/// A list of sites, as browsers name them: `https://panel.example.com`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(BTreeSet<String>);

/// A text is no origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no origin: it is a scheme and a host, such as https://panel.example.com")]
pub struct BadOrigin(String);

/// An origin as browsers write it: in small letters, and without the port that its scheme has.
struct Origin(String);

impl FromStr for Origin {
    type Err = BadOrigin;

    fn from_str(text: &str) -> Result<Origin, BadOrigin> {
        let bad = || BadOrigin(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| bad())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(bad());
        };
        let usual = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return Err(bad()),
        };
        let is_whole = uri.path() == "/" && uri.query().is_none() && !text.ends_with('/');
        let is_host = !authority.as_str().contains(['@', '*']) && !authority.host().is_empty();
        if !is_whole || !is_host {
            return Err(bad());
        }
        let host = authority.host().to_ascii_lowercase();
        Ok(Origin(match authority.port_u16() {
            Some(port) if port != usual => format!("{scheme}://{host}:{port}"),
            _ => format!("{scheme}://{host}"),
        }))
    }
}

impl Origins {
    /// These sites and no others.
    ///
    /// # Errors
    /// One of them is no origin.
    pub fn new<'a>(listed: impl IntoIterator<Item = &'a str>) -> Result<Origins, BadOrigin> {
        let listed = listed.into_iter().map(|it| Ok(it.parse::<Origin>()?.0));
        Ok(Origins(listed.collect::<Result<_, BadOrigin>>()?))
    }

    /// The site whose page asks, if it is listed.
    pub(super) fn listed(&self, request: &Request) -> Option<HeaderValue> {
        let origin = request.headers().get(ORIGIN)?;
        let is_listed = origin.to_str().is_ok_and(|it| self.0.contains(it));
        is_listed.then(|| origin.clone())
    }

    /// The answer to a browser that asks whether a page may do what it is about to do.
    ///
    /// # Errors
    /// 403 `origin_not_allowed`.
    pub(super) fn preflight(&self, request: &Request) -> Result<Option<Response>, Problem> {
        let is_preflight = *request.method() == Method::OPTIONS
            && request.headers().contains_key(ORIGIN)
            && request
                .headers()
                .contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if !is_preflight {
            return Ok(None);
        }
        if self.listed(request).is_none() {
            return Err(Problem::new(StatusCode::FORBIDDEN, "origin_not_allowed")
                .detail("pages of this origin may not use this service")
                .hint("if they should, add the origin to `cors_origins` in the settings"));
        }
        let answer = Response::builder()
            .status(StatusCode::NO_CONTENT)
            .header(ACCESS_CONTROL_ALLOW_METHODS, METHODS)
            .header(ACCESS_CONTROL_ALLOW_HEADERS, ACCEPTED)
            .header(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        Ok(Some(answer.finish()))
    }

    /// Let the page of a listed site see `response`.
    pub(super) fn share(&self, origin: Option<HeaderValue>, response: &mut Response) {
        if self.0.is_empty() {
            return;
        }
        let headers = response.headers_mut();
        // Whatever keeps answers must not give one site's to another.
        headers.append(VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            let yes = HeaderValue::from_static("true");
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
            let exposed = HeaderValue::from_static(EXPOSED);
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_compared_as_browsers_write_them() {
        let origins = Origins::new(["https://Panel.example.com:443", "http://192.0.2.1:8080"]);
        let origins = origins.unwrap();
        let is_listed = |origin: &str| {
            let request = Request::builder().header(ORIGIN, origin).finish();
            origins.listed(&request).is_some()
        };
        assert!(is_listed("https://panel.example.com"));
        assert!(is_listed("http://192.0.2.1:8080"));
        for other in [
            "http://panel.example.com",
            "https://panel.example.com.evil.org",
            "https://panel.example.com:444",
            "null",
            "*",
            "",
        ] {
            assert!(!is_listed(other), "{other}");
        }
    }

    #[test]
    fn says_what_is_no_origin() {
        for text in [
            "*",
            "null",
            "panel.example.com",
            "https://panel.example.com/",
            "https://panel.example.com/app",
            "https://*.example.com",
            "ftp://panel.example.com",
            "https://one@panel.example.com",
            "",
        ] {
            let said = Origins::new([text]).unwrap_err().to_string();
            assert!(
                said.starts_with(&format!("{text:?} is no origin")),
                "{said}"
            );
        }
    }
}
