//! Tokens: short-lived ones that are read without the database, and the ones that renew them.
//!
//! An access token is a JWT signed with HS256. It says who and which session, and nothing that can
//! change, such as the role. A refresh token is random text and means nothing by itself. Neither
//! can be taken for the other.

use std::time::{Duration, SystemTime};

use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode, errors::ErrorKind,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    key::SigningKey,
    secret::{Secret, hex, random_bytes},
};

/// How long an access token lasts.
pub(super) const ACCESS_LIFE: Duration = Duration::from_secs(15 * 60);
/// How long a refresh token waits to be used.
pub(super) const REFRESH_LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

const ISSUER: &str = "moxnas";
const AUDIENCE: &str = "moxnas-api";
const ACCESS: &str = "access";
/// Lets people and secret scanners see what it is.
const REFRESH_PREFIX: &str = "mxr_";

/// What an access token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    iss: String,
    aud: String,
    /// Number of the login, for those who read tokens elsewhere; here the session decides.
    sub: String,
    /// The session.
    pub(super) sid: String,
    typ: String,
    iat: u64,
    exp: u64,
}

/// Makes and reads access tokens.
pub(super) struct AccessTokens {
    sign: EncodingKey,
    verify: DecodingKey,
    rules: Validation,
}

impl AccessTokens {
    pub(super) fn new(key: &SigningKey) -> AccessTokens {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_issuer(&[ISSUER]);
        rules.set_audience(&[AUDIENCE]);
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // Checked below, without leeway and with the clock that is handed in.
        rules.validate_exp = false;
        AccessTokens {
            sign: EncodingKey::from_secret(key.bytes()),
            verify: DecodingKey::from_secret(key.bytes()),
            rules,
        }
    }

    pub(super) fn issue(
        &self,
        login: i64,
        session: &str,
        now: SystemTime,
    ) -> Result<Secret, TokenError> {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: login.to_string(),
            sid: session.to_owned(),
            typ: ACCESS.to_owned(),
            iat: seconds(now),
            exp: seconds(now + ACCESS_LIFE),
        };
        let token = encode(&Header::new(Algorithm::HS256), &claims, &self.sign);
        token.map(Secret::from).map_err(TokenError::Signing)
    }

    pub(super) fn read(&self, token: &str, now: SystemTime) -> Result<Claims, TokenError> {
        if token.starts_with(REFRESH_PREFIX) {
            return Err(TokenError::Type);
        }
        let read = decode::<Claims>(token, &self.verify, &self.rules);
        let claims = read.map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature => TokenError::Signature,
            ErrorKind::InvalidAlgorithm => TokenError::Algorithm,
            ErrorKind::InvalidIssuer => TokenError::Issuer,
            ErrorKind::InvalidAudience => TokenError::Audience,
            _ => TokenError::Malformed(error),
        })?;
        let claims = claims.claims;
        if claims.typ != ACCESS {
            return Err(TokenError::Type);
        }
        if seconds(now) >= claims.exp {
            return Err(TokenError::Expired);
        }
        Ok(claims)
    }
}

/// Why text is not a valid access token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Not a JWT, or one that lacks something.
    #[error("the token cannot be read")]
    Malformed(#[source] jsonwebtoken::errors::Error),
    /// Another way of signing than ours.
    #[error("the token is signed in a way that is not allowed")]
    Algorithm,
    /// Not signed with our key.
    #[error("the token was not signed by this service")]
    Signature,
    /// Made by someone else.
    #[error("the token has another issuer")]
    Issuer,
    /// Made for someone else.
    #[error("the token is for another audience")]
    Audience,
    /// A token, but not for access.
    #[error("the token is not an access token")]
    Type,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// A new one could not be signed.
    #[error("the token could not be signed")]
    Signing(#[source] jsonwebtoken::errors::Error),
}

/// A new refresh token and the hash to keep of it.
pub(super) fn new_refresh_token() -> Result<(Secret, [u8; 32]), getrandom::Error> {
    let token = format!("{REFRESH_PREFIX}{}", hex(&random_bytes::<32>()?));
    let hash = hash(&token);
    Ok((Secret::from(token), hash))
}

/// What is kept of a refresh token; `None` if the text cannot be one.
pub(super) fn refresh_token_hash(token: &str) -> Option<[u8; 32]> {
    token.starts_with(REFRESH_PREFIX).then(|| hash(token))
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// A new name for a session.
pub(super) fn new_session_id() -> Result<String, getrandom::Error> {
    Ok(hex(&random_bytes::<16>()?))
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}
