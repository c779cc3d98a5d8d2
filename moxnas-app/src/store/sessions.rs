//! Sessions and their refresh tokens.
//!
//! A session is what a refresh token's "family" is elsewhere: one login on one client. Revoking it
//! is one row, however often its token was rotated. Only hashes of tokens are stored.

use std::time::SystemTime;

use sqlx::FromRow;

use super::{
    Credentials, Login, Store, StoreError, Write,
    engine::{on_pool, on_tx},
    failed, from_millis,
    logins::{self, login_columns},
    to_millis,
};

/// A session to be begun.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Random and unique.
    pub id: String,
    /// Whose.
    pub login: i64,
    /// Where from.
    pub address: Option<String>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// SHA-256 of its cookie, for a browser.
    pub cookie_hash: Option<[u8; 32]>,
    /// The time now.
    pub at: SystemTime,
    /// End of its first refresh token.
    pub expires_at: SystemTime,
}

/// What a session is worth at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionState {
    /// Whose.
    pub login: Login,
    /// When it was ended, if it was.
    pub revoked_at: Option<SystemTime>,
    /// When it was last used, to the minute.
    pub last_seen_at: Option<SystemTime>,
}

/// A refresh token as the database knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredToken {
    /// Its number.
    pub id: i64,
    /// The session it belongs to.
    pub session: String,
    /// When it can no longer be used.
    pub expires_at: SystemTime,
    /// When it was used. It works once.
    pub used_at: Option<SystemTime>,
    /// Whose, and whether the session still stands.
    pub state: SessionState,
}

/// Why a session was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// The client said so.
    Logout,
    /// A refresh token came a second time: one of two holders has stolen it.
    Reuse,
    /// The login has another password.
    Password,
    /// The login was disabled.
    Disabled,
    /// Somebody looked at the list of sessions and ended it.
    Listed,
}

impl Revoked {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Revoked::Logout => "logout",
            Revoked::Reuse => "reuse",
            Revoked::Password => "password",
            Revoked::Disabled => "disabled",
            Revoked::Listed => "listed",
        }
    }
}

impl Store {
    /// The session of this name.
    pub async fn session(&self, id: &str) -> Result<Option<SessionState>, StoreError> {
        let row: Option<StateRow> = on_pool!(self, db => sqlx::query_as(
            concat!(
                "SELECT ", login_columns!(), ", session.revoked_at, session.last_seen_at
                 FROM session JOIN login ON login.id = session.login_id WHERE session.id = $1"
            ),
        )
        .bind(id)
        .fetch_optional(db)
        .await)
        .map_err(failed("read a session"))?;
        Ok(row.map(SessionState::from))
    }
}

impl Write {
    /// Begin a session.
    pub async fn begin_session(&mut self, new: &NewSession) -> Result<(), StoreError> {
        on_tx!(self, db => sqlx::query(
            "INSERT INTO session (id, login_id, address, created_at, expires_at, user_agent,
                                  cookie_hash)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&new.id)
        .bind(new.login)
        .bind(&new.address)
        .bind(to_millis(new.at))
        .bind(to_millis(new.expires_at))
        .bind(&new.user_agent)
        .bind(new.cookie_hash.as_ref().map(|it| &it[..]))
        .execute(db)
            .await
            .map(|it| it.rows_affected()))
        .map_err(failed("begin a session"))?;
        Ok(())
    }

    /// Add a refresh token to a session, which from then on lasts as long as the token.
    pub async fn add_refresh_token(
        &mut self,
        session: &str,
        hash: &[u8; 32],
        issued_at: SystemTime,
        expires_at: SystemTime,
    ) -> Result<(), StoreError> {
        on_tx!(self, db => sqlx::query(
            "INSERT INTO refresh_token (session_id, secret_hash, issued_at, expires_at)
             VALUES ($1, $2, $3, $4)",
        )
        .bind(session)
        .bind(&hash[..])
        .bind(to_millis(issued_at))
        .bind(to_millis(expires_at))
        .execute(db)
            .await
            .map(|it| it.rows_affected()))
        .map_err(failed("add a refresh token"))?;
        on_tx!(self, db => sqlx::query("UPDATE session SET expires_at = $2 WHERE id = $1")
            .bind(session)
            .bind(to_millis(expires_at))
            .execute(db)
            .await
            .map(|it| it.rows_affected()))
        .map_err(failed("prolong a session"))?;
        Ok(())
    }

    /// The refresh token with this hash.
    pub async fn refresh_token(
        &mut self,
        hash: &[u8; 32],
    ) -> Result<Option<StoredToken>, StoreError> {
        let row: Option<TokenRow> = on_tx!(self, db => sqlx::query_as(
            concat!(
                "SELECT ", login_columns!(), ", session.revoked_at, session.last_seen_at,
                    refresh_token.id AS token_id, refresh_token.session_id,
                    refresh_token.expires_at, refresh_token.used_at
                 FROM refresh_token
                 JOIN session ON session.id = refresh_token.session_id
                 JOIN login ON login.id = session.login_id
                 WHERE refresh_token.secret_hash = $1"
            ),
        )
        .bind(&hash[..])
        .fetch_optional(db)
        .await)
        .map_err(failed("read a refresh token"))?;
        Ok(row.map(StoredToken::from))
    }

    /// Remember that a refresh token was used.
    pub async fn use_refresh_token(&mut self, id: i64, at: SystemTime) -> Result<(), StoreError> {
        on_tx!(self, db => sqlx::query("UPDATE refresh_token SET used_at = $2 WHERE id = $1")
            .bind(id)
            .bind(to_millis(at))
            .execute(db)
            .await
            .map(|it| it.rows_affected()))
        .map_err(failed("use a refresh token"))?;
        Ok(())
    }

    /// End a session. The first reason stays.
    pub async fn revoke_session(
        &mut self,
        id: &str,
        why: Revoked,
        at: SystemTime,
    ) -> Result<(), StoreError> {
        on_tx!(self, db => sqlx::query(
            "UPDATE session SET revoked_at = $2, revoked_for = $3
             WHERE id = $1 AND revoked_at IS NULL",
        )
        .bind(id)
        .bind(to_millis(at))
        .bind(why.as_str())
        .execute(db)
            .await
            .map(|it| it.rows_affected()))
        .map_err(failed("end a session"))?;
        Ok(())
    }

    /// End all sessions of a login; the answer is how many stood.
    pub async fn revoke_sessions_of(
        &mut self,
        login: i64,
        why: Revoked,
        at: SystemTime,
    ) -> Result<u64, StoreError> {
        let done = on_tx!(self, db => sqlx::query(
            "UPDATE session SET revoked_at = $2, revoked_for = $3
             WHERE login_id = $1 AND revoked_at IS NULL",
        )
        .bind(login)
        .bind(to_millis(at))
        .bind(why.as_str())
        .execute(db)
            .await
            .map(|it| it.rows_affected()))
        .map_err(failed("end the sessions of a login"))?;
        Ok(done)
    }

    /// Drop sessions and refresh tokens that have expired; the answer is how many sessions.
    pub async fn forget_expired(&mut self, at: SystemTime) -> Result<u64, StoreError> {
        on_tx!(self, db => sqlx::query("DELETE FROM refresh_token WHERE expires_at <= $1")
            .bind(to_millis(at))
            .execute(db)
            .await
            .map(|it| it.rows_affected()))
        .map_err(failed("forget expired refresh tokens"))?;
        let done = on_tx!(self, db => sqlx::query("DELETE FROM session WHERE expires_at <= $1")
            .bind(to_millis(at))
            .execute(db)
            .await
            .map(|it| it.rows_affected()))
        .map_err(failed("forget expired sessions"))?;
        Ok(done)
    }
}

#[derive(FromRow)]
struct StateRow {
    #[sqlx(flatten)]
    login: logins::Row,
    revoked_at: Option<i64>,
    last_seen_at: Option<i64>,
}

impl From<StateRow> for SessionState {
    fn from(row: StateRow) -> SessionState {
        SessionState {
            login: Credentials::from(row.login).login,
            revoked_at: row.revoked_at.map(from_millis),
            last_seen_at: row.last_seen_at.map(from_millis),
        }
    }
}

#[derive(FromRow)]
struct TokenRow {
    #[sqlx(flatten)]
    state: StateRow,
    token_id: i64,
    session_id: String,
    expires_at: i64,
    used_at: Option<i64>,
}

impl From<TokenRow> for StoredToken {
    fn from(row: TokenRow) -> StoredToken {
        StoredToken {
            id: row.token_id,
            session: row.session_id,
            expires_at: from_millis(row.expires_at),
            used_at: row.used_at.map(from_millis),
            state: row.state.into(),
        }
    }
}
