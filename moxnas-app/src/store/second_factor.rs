//! Second factors: the sealed secret of an app, the last step that was taken, recovery codes.

use std::time::SystemTime;

use sqlx::FromRow;

use super::{StoreError, Write, engine::on_tx, failed, from_millis, to_millis};
use crate::seal::Sealed;

/// The second factor of a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondFactor {
    /// When the first code was right; `None`: it is not asked for yet.
    pub confirmed_at: Option<SystemTime>,
    /// The secret, sealed under [`secret_name`].
    pub sealed: Sealed,
}

/// The name under which the secret of a login is sealed.
#[must_use]
pub fn secret_name(login: i64) -> String {
    format!("totp:{login}")
}

impl Write {
    /// The second factor of a login.
    pub async fn second_factor(&mut self, login: i64) -> Result<Option<SecondFactor>, StoreError> {
        let row: Option<Row> = on_tx!(self, db => sqlx::query_as(
            "SELECT totp.confirmed_at, secret.key_id, secret.sealed
             FROM totp JOIN secret ON secret.name = $2 WHERE totp.login_id = $1",
        )
        .bind(login)
        .bind(secret_name(login))
        .fetch_optional(db)
        .await)
        .map_err(failed("read a second factor"))?;
        Ok(row.map(|it| SecondFactor {
            confirmed_at: it.confirmed_at.map(from_millis),
            sealed: Sealed {
                key_id: it.key_id,
                bytes: it.sealed,
            },
        }))
    }

    /// Give a login a second factor that is not confirmed, in place of one it has.
    pub async fn enrol_second_factor(
        &mut self,
        login: i64,
        sealed: &Sealed,
        at: SystemTime,
    ) -> Result<(), StoreError> {
        self.remove_second_factor(login).await?;
        self.put_secret(&secret_name(login), sealed, at).await?;
        on_tx!(self, db => sqlx::query("INSERT INTO totp (login_id, created_at) VALUES ($1, $2)")
            .bind(login)
            .bind(to_millis(at))
            .execute(db)
            .await
            .map(|it| it.rows_affected()))
        .map_err(failed("make a second factor"))?;
        Ok(())
    }

    /// From now on it is asked for. The recovery codes take the place of former ones.
    pub async fn confirm_second_factor(
        &mut self,
        login: i64,
        recovery: &[[u8; 32]],
        at: SystemTime,
    ) -> Result<(), StoreError> {
        on_tx!(self, db => sqlx::query("UPDATE totp SET confirmed_at = $2 WHERE login_id = $1")
            .bind(login)
            .bind(to_millis(at))
            .execute(db)
            .await
            .map(|it| it.rows_affected()))
        .map_err(failed("confirm a second factor"))?;
        for hash in recovery {
            on_tx!(self, db => sqlx::query(
                "INSERT INTO recovery_code (login_id, code_hash) VALUES ($1, $2)",
            )
            .bind(login)
            .bind(&hash[..])
            .execute(db)
            .await
            .map(|it| it.rows_affected()))
            .map_err(failed("keep a recovery code"))?;
        }
        Ok(())
    }

    /// Take the code of a step; the answer is whether it is later than all that were taken.
    pub async fn take_step(&mut self, login: i64, step: u64) -> Result<bool, StoreError> {
        let done = on_tx!(self, db => sqlx::query(
            "UPDATE totp SET last_step = $2 WHERE login_id = $1 AND last_step < $2",
        )
        .bind(login)
        .bind(i64::try_from(step).unwrap_or(i64::MAX))
        .execute(db)
        .await
        .map(|it| it.rows_affected()))
        .map_err(failed("take the code of a second factor"))?;
        Ok(done > 0)
    }

    /// Take a recovery code; the answer is whether it is one that was not taken before.
    pub async fn take_recovery_code(
        &mut self,
        login: i64,
        hash: &[u8; 32],
        at: SystemTime,
    ) -> Result<bool, StoreError> {
        let done = on_tx!(self, db => sqlx::query(
            "UPDATE recovery_code SET used_at = $3
             WHERE login_id = $1 AND code_hash = $2 AND used_at IS NULL",
        )
        .bind(login)
        .bind(&hash[..])
        .bind(to_millis(at))
        .execute(db)
        .await
        .map(|it| it.rows_affected()))
        .map_err(failed("take a recovery code"))?;
        Ok(done > 0)
    }

    /// Take a second factor away with all that belongs to it; the answer is whether there was one.
    pub async fn remove_second_factor(&mut self, login: i64) -> Result<bool, StoreError> {
        self.delete_secret(&secret_name(login)).await?;
        on_tx!(self, db => sqlx::query("DELETE FROM recovery_code WHERE login_id = $1")
            .bind(login)
            .execute(db)
            .await
            .map(|it| it.rows_affected()))
        .map_err(failed("drop recovery codes"))?;
        let done = on_tx!(self, db => sqlx::query("DELETE FROM totp WHERE login_id = $1")
            .bind(login)
            .execute(db)
            .await
            .map(|it| it.rows_affected()))
        .map_err(failed("drop a second factor"))?;
        Ok(done > 0)
    }
}

#[derive(FromRow)]
struct Row {
    confirmed_at: Option<i64>,
    key_id: String,
    sealed: Vec<u8>,
}
