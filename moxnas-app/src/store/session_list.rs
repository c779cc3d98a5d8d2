//! The sessions of a login, as people look at them, and their cookies.

use std::time::SystemTime;

use sqlx::FromRow;

use super::{
    Store, StoreError, Write,
    engine::{on_pool, on_tx},
    failed, from_millis, to_millis,
};

/// A session that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingSession {
    /// Its name, as in access tokens.
    pub id: String,
    /// Where it was begun from.
    pub address: Option<String>,
    /// What the client called itself then.
    pub user_agent: Option<String>,
    /// Whether a browser has a cookie of it.
    pub has_cookie: bool,
    /// When it was begun.
    pub created_at: SystemTime,
    /// When it ends by itself.
    pub expires_at: SystemTime,
    /// When it was last used, to the minute.
    pub last_seen_at: Option<SystemTime>,
}

impl Store {
    /// The sessions of a login that have neither ended nor expired, youngest first.
    pub async fn sessions_of(
        &self,
        login: i64,
        at: SystemTime,
    ) -> Result<Vec<StandingSession>, StoreError> {
        let rows: Vec<Row> = on_pool!(self, db => sqlx::query_as(
            "SELECT id, address, user_agent, cookie_hash IS NOT NULL AS has_cookie, created_at,
                    expires_at, last_seen_at
             FROM session
             WHERE login_id = $1 AND revoked_at IS NULL AND expires_at > $2
             ORDER BY created_at DESC, id LIMIT 1000",
        )
        .bind(login)
        .bind(to_millis(at))
        .fetch_all(db)
        .await)
        .map_err(failed("list the sessions of a login"))?;
        Ok(rows.into_iter().map(StandingSession::from).collect())
    }

    /// The id of the session with this cookie, and when it was begun.
    pub async fn session_of_cookie(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<(String, SystemTime)>, StoreError> {
        let found: Option<(String, i64)> = on_pool!(self, db => sqlx::query_as(
            "SELECT id, created_at FROM session WHERE cookie_hash = $1",
        )
        .bind(&hash[..])
        .fetch_optional(db)
        .await)
        .map_err(failed("read a session"))?;
        Ok(found.map(|(id, created_at)| (id, from_millis(created_at))))
    }

    /// Remember that a session is in use.
    pub async fn touch_session(&self, id: &str, at: SystemTime) -> Result<(), StoreError> {
        let mut write = self.begin_write().await?;
        on_tx!(write, db => sqlx::query("UPDATE session SET last_seen_at = $2 WHERE id = $1")
            .bind(id)
            .bind(to_millis(at))
            .execute(db)
            .await
            .map(|it| it.rows_affected()))
        .map_err(failed("remember that a session is used"))?;
        write.commit().await
    }
}

impl Write {
    /// End one session of a login; the answer is whether it stood.
    pub async fn revoke_session_of(
        &mut self,
        login: i64,
        id: &str,
        why: super::Revoked,
        at: SystemTime,
    ) -> Result<bool, StoreError> {
        let done = on_tx!(self, db => sqlx::query(
            "UPDATE session SET revoked_at = $3, revoked_for = $4
             WHERE id = $1 AND login_id = $2 AND revoked_at IS NULL AND expires_at > $3",
        )
        .bind(id)
        .bind(login)
        .bind(to_millis(at))
        .bind(why.as_str())
        .execute(db)
        .await
        .map(|it| it.rows_affected()))
        .map_err(failed("end a session"))?;
        Ok(done > 0)
    }

    /// End all sessions of a login but one; the answer is how many stood.
    pub async fn revoke_other_sessions(
        &mut self,
        login: i64,
        but: &str,
        why: super::Revoked,
        at: SystemTime,
    ) -> Result<u64, StoreError> {
        on_tx!(self, db => sqlx::query(
            "UPDATE session SET revoked_at = $3, revoked_for = $4
             WHERE login_id = $1 AND id <> $2 AND revoked_at IS NULL",
        )
        .bind(login)
        .bind(but)
        .bind(to_millis(at))
        .bind(why.as_str())
        .execute(db)
        .await
        .map(|it| it.rows_affected()))
        .map_err(failed("end the other sessions of a login"))
    }
}

#[derive(FromRow)]
struct Row {
    id: String,
    address: Option<String>,
    user_agent: Option<String>,
    has_cookie: bool,
    created_at: i64,
    expires_at: i64,
    last_seen_at: Option<i64>,
}

impl From<Row> for StandingSession {
    fn from(row: Row) -> StandingSession {
        let Row {
            id,
            address,
            user_agent,
            has_cookie,
            created_at,
            expires_at,
            last_seen_at,
        } = row;
        StandingSession {
            id,
            address,
            user_agent,
            has_cookie,
            created_at: from_millis(created_at),
            expires_at: from_millis(expires_at),
            last_seen_at: last_seen_at.map(from_millis),
        }
    }
}
