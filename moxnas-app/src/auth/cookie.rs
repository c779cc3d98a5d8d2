//! Sessions of browsers: a cookie that scripts cannot read, and what guards it.
//!
//! A browser sends a cookie along whoever made it ask. So a request that changes something has to
//! show in a header what only a page of this service can know: a word made from the id of the
//! session with a key of the service. `SameSite=Strict` alone leaves out other ports of one host,
//! and pages of other names below the same domain.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use super::{
    Auth, AuthError, Identity, Seen,
    key::SigningKey,
    secret::{Secret, hex, random_bytes},
};
use crate::actor::Via;

/// How long a cookie works. Its session may go on longer by its tokens.
pub const COOKIE_LIFE: Duration = Duration::from_secs(12 * 3600);

/// Makes the words that guard cookies.
#[derive(Clone)]
pub(super) struct CsrfKey([u8; 32]);

impl CsrfKey {
    /// Another key than that of the tokens, and as secret.
    pub(super) fn of(key: &SigningKey) -> CsrfKey {
        CsrfKey(
            mac(key.bytes(), "moxnas csrf")
                .finalize()
                .into_bytes()
                .into(),
        )
    }
}

fn mac(key: &[u8], text: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac
}

/// A new cookie and the hash to keep of it.
pub(super) fn new_cookie() -> Result<(Secret, [u8; 32]), getrandom::Error> {
    let text = BASE64URL_NOPAD.encode(&random_bytes::<32>()?);
    let hash = hash(&text);
    Ok((text.into(), hash))
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

impl Auth {
    /// Who shows this cookie.
    pub async fn authenticate_cookie(&self, cookie: &str) -> Result<Identity, AuthError> {
        let hash = hash(cookie);
        let key = hex(&hash);
        let now = self.0.clock.now();
        let (session, begun) = match self.0.known_cookies.get(&key, now) {
            Ok(seen) => seen.state.clone(),
            Err(generation) => {
                let found = self.0.store.session_of_cookie(&hash).await?;
                let found = found.ok_or(AuthError::SessionEnded)?;
                let seen = Arc::new(Seen::new(found.clone(), None));
                self.0.known_cookies.learn(&key, &seen, now, generation);
                found
            }
        };
        if !is_young(begun, now) {
            return Err(AuthError::SessionEnded);
        }
        self.identify(session, Via::Cookie).await
    }

    /// The word that a page has to show with each change it asks for by a cookie.
    #[must_use]
    pub fn csrf_token(&self, session: &str) -> Secret {
        let word = mac(&self.0.csrf.0, session).finalize().into_bytes();
        BASE64URL_NOPAD.encode(&word).into()
    }

    /// Whether this is that word. Takes the same time whatever is wrong with it.
    #[must_use]
    pub fn is_csrf_token(&self, session: &str, shown: &str) -> bool {
        let shown = BASE64URL_NOPAD.decode(shown.as_bytes());
        shown.is_ok_and(|it| mac(&self.0.csrf.0, session).verify_slice(&it).is_ok())
    }
}

fn is_young(begun: SystemTime, now: SystemTime) -> bool {
    now.duration_since(begun)
        .map_or(true, |age| age < COOKIE_LIFE)
}
