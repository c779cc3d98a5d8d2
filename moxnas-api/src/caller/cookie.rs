//! The cookie of a browser's session, and what keeps other sites from using it.
//!
//! It is not readable by scripts, not sent by requests that other sites cause (`SameSite=Strict`),
//! and beside that a change takes a word that only a page of this service can know.

use moxnas_app::{
    Actor, Error,
    auth::{Auth, AuthError, Browser, COOKIE_LIFE, Secret},
};
use poem::{
    Request,
    http::{
        HeaderName, Method,
        header::{COOKIE, HOST, ORIGIN},
        uri::Scheme,
    },
};

use crate::edges::IsSecure;

/// The name of the cookie.
pub(crate) const NAME: &str = "moxnas_session";
/// Carries the word that guards the cookie.
pub(crate) const CSRF: HeaderName = HeaderName::from_static("x-csrf-token");
/// By browsers: what site made the request.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The cookie of a request.
pub(super) fn of(request: &Request) -> Option<&str> {
    let headers = request.headers().get_all(COOKIE).iter();
    let all = headers
        .filter_map(|it| it.to_str().ok())
        .flat_map(|it| it.split(';'));
    let mut pairs = all.filter_map(|it| it.trim().split_once('='));
    pairs.find(|(name, _)| *name == NAME).map(|(_, text)| text)
}

/// What sets the cookie.
pub(crate) fn set(cookie: &Secret, request: &Request) -> String {
    let (text, life) = (cookie.expose(), COOKIE_LIFE.as_secs());
    let attributes = attributes(request);
    format!("{NAME}={text}; Max-Age={life}; {attributes}")
}

/// What takes the cookie away, if the request has one.
pub(crate) fn clear(request: &Request) -> Option<String> {
    of(request).map(|_| format!("{NAME}=; Max-Age=0; {}", attributes(request)))
}

fn attributes(request: &Request) -> String {
    let secure = match is_encrypted(request) {
        true => "; Secure",
        false => "",
    };
    format!("Path=/; HttpOnly; SameSite=Strict{secure}")
}

/// Whether the client speaks TLS. Without it a browser refuses a cookie that is `Secure`.
fn is_encrypted(request: &Request) -> bool {
    let edges = request.extensions().get::<IsSecure>();
    edges.map_or_else(|| *request.scheme() == Scheme::HTTPS, |it| it.0)
}

/// Whether the client wants a cookie. Another site may not have one set: whoever then types
/// something types it into the attacker's login.
pub(crate) fn wanted(cookie: Option<bool>, request: &Request) -> Result<Browser, Error> {
    match cookie {
        Some(true) => same_site(request).map(|()| Browser::Cookie),
        Some(false) | None => Ok(Browser::TokensOnly),
    }
}

/// Refuse a change that a page of another site may have asked for.
pub(super) fn guard(request: &Request, actor: &Actor, auth: &Auth) -> Result<(), Error> {
    if matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    ) {
        return Ok(());
    }
    same_site(request)?;
    let word = request.headers().get(CSRF).and_then(|it| it.to_str().ok());
    let Some(word) = word else {
        return Err(csrf("the header X-CSRF-Token is missing"));
    };
    match actor
        .session()
        .is_some_and(|it| auth.is_csrf_token(it, word))
    {
        true => Ok(()),
        false => Err(csrf("the header X-CSRF-Token is not that of the session")),
    }
}

/// Refuse what a browser says comes from another origin. Other clients say nothing.
fn same_site(request: &Request) -> Result<(), Error> {
    let header = |name| request.headers().get(name).and_then(|it| it.to_str().ok());
    match header(FETCH_SITE) {
        // The browser has compared what it saw, which no proxy has rewritten.
        Some("same-origin" | "none") => return Ok(()),
        Some(_) => return Err(csrf("the browser says that another site made it")),
        None => {}
    }
    let Some(origin) = header(ORIGIN) else {
        return Ok(());
    };
    let host = header(HOST).or_else(|| request.uri().authority().map(|it| it.as_str()));
    let from = origin.split_once("://").map(|(_, host)| host);
    match from.is_some() && from == host {
        true => Ok(()),
        false => Err(csrf("its Origin is another one")),
    }
}

fn csrf(why: &'static str) -> Error {
    Error::Auth(AuthError::Csrf(why))
}
