//! Logins: who can be someone here.

use std::{fmt, time::SystemTime};

use sqlx::FromRow;

use super::{
    Store, StoreError, Write,
    engine::{on_pool, on_tx},
    failed, from_millis, to_millis,
};
use crate::actor::Role;

/// What [`Row`] reads, also as part of joins.
macro_rules! login_columns {
    () => {
        "login.id, login.username, login.role, login.password_hash, login.disabled,
         login.created_at, login.updated_at, login.account, login.last_login_at,
         EXISTS (SELECT 1 FROM totp WHERE totp.login_id = login.id
                 AND totp.confirmed_at IS NOT NULL) AS has_totp"
    };
}
pub(super) use login_columns;

const BY_NAME: &str = concat!(
    "SELECT ",
    login_columns!(),
    " FROM login WHERE username = $1"
);

/// A login, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// Never used again, even when the login is gone.
    pub id: i64,
    /// Lower case.
    pub username: String,
    /// What it may do.
    pub role: Role,
    /// Cannot log in, and nothing issued to it counts.
    pub disabled: bool,
    /// Whether there is a password to log in with.
    pub has_password: bool,
    /// Whether a second factor is asked for.
    pub has_totp: bool,
    /// The account of the system that belongs to it.
    pub account: Option<String>,
    /// When somebody last logged in with it.
    pub last_login_at: Option<SystemTime>,
    /// When it was made.
    pub created_at: SystemTime,
    /// When role, password or `disabled` last changed.
    pub updated_at: SystemTime,
}

/// A login with what its password is checked against.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Whose.
    pub login: Login,
    /// PHC string.
    pub password_hash: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("login", &self.login)
            .finish_non_exhaustive()
    }
}

/// A login to be made.
#[derive(Clone)]
pub struct NewLogin {
    /// Lower case; see [`crate::auth::LoginName`].
    pub username: String,
    /// What it may do.
    pub role: Role,
    /// PHC string; `None` for a login that cannot log in until it gets one.
    pub password_hash: Option<String>,
    /// The account of the system that belongs to it.
    pub account: Option<String>,
    /// The time now.
    pub at: SystemTime,
}

impl Store {
    /// The login of this name.
    pub async fn login(&self, username: &str) -> Result<Option<Login>, StoreError> {
        Ok(self.credentials(username).await?.map(|it| it.login))
    }

    /// The login of this name, with its password hash.
    pub async fn credentials(&self, username: &str) -> Result<Option<Credentials>, StoreError> {
        let row: Option<Row> = on_pool!(self, db => sqlx::query_as(BY_NAME)
            .bind(username)
            .fetch_optional(db)
            .await)
        .map_err(failed("read a login"))?;
        Ok(row.map(Credentials::from))
    }

    /// The login of this number, with its password hash.
    pub async fn credentials_of(&self, login: i64) -> Result<Option<Credentials>, StoreError> {
        let row: Option<Row> = on_pool!(self, db => sqlx::query_as(
            concat!("SELECT ", login_columns!(), " FROM login WHERE id = $1"),
        )
        .bind(login)
        .fetch_optional(db)
        .await)
        .map_err(failed("read a login"))?;
        Ok(row.map(Credentials::from))
    }

    /// All logins, by name.
    pub async fn logins(&self) -> Result<Vec<Login>, StoreError> {
        let rows: Vec<Row> = on_pool!(self, db => sqlx::query_as(
            concat!("SELECT ", login_columns!(), " FROM login ORDER BY username"),
        )
        .fetch_all(db)
        .await)
        .map_err(failed("list the logins"))?;
        Ok(rows
            .into_iter()
            .map(|it| Credentials::from(it).login)
            .collect())
    }

    /// Up to `limit` logins whose names come after `after`, by name. One statement, and no secret
    /// leaves the database.
    pub async fn logins_after(&self, after: &str, limit: u32) -> Result<Vec<Login>, StoreError> {
        type Columns = (
            i64,
            String,
            String,
            bool,
            bool,
            bool,
            Option<String>,
            Option<i64>,
            i64,
            i64,
        );
        let rows: Vec<Columns> = on_pool!(self, db => sqlx::query_as(
            "SELECT login.id, login.username, login.role, login.disabled,
                    login.password_hash IS NOT NULL, totp.confirmed_at IS NOT NULL, login.account,
                    login.last_login_at, login.created_at, login.updated_at
             FROM login LEFT JOIN totp ON totp.login_id = login.id
             WHERE login.username > $1 ORDER BY login.username LIMIT $2",
        )
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(db)
        .await)
        .map_err(failed("list the logins"))?;
        let read = |it: Columns| -> Result<Login, sqlx::Error> {
            let (id, username, role, disabled, has_password, has_totp, account, last, made, new) =
                it;
            let role: Result<Role, _> = role.parse();
            Ok(Login {
                id,
                username,
                role: role.map_err(|it| sqlx::Error::Decode(Box::new(it)))?,
                disabled,
                has_password,
                has_totp,
                account,
                last_login_at: last.map(from_millis),
                created_at: from_millis(made),
                updated_at: from_millis(new),
            })
        };
        rows.into_iter()
            .map(|it| read(it).map_err(failed("list the logins")))
            .collect()
    }

    /// How many logins there are.
    pub async fn count_logins(&self) -> Result<u64, StoreError> {
        let count: i64 = on_pool!(self, db => sqlx::query_scalar("SELECT count(*) FROM login")
            .fetch_one(db)
            .await)
        .map_err(failed("count the logins"))?;
        Ok(count.unsigned_abs())
    }
}

impl Write {
    /// The login of this name, with its password hash.
    pub async fn credentials(&mut self, username: &str) -> Result<Option<Credentials>, StoreError> {
        let row: Option<Row> = on_tx!(self, db => sqlx::query_as(BY_NAME)
            .bind(username)
            .fetch_optional(db)
            .await)
        .map_err(failed("read a login"))?;
        Ok(row.map(Credentials::from))
    }

    /// Make a login; the answer is its number.
    pub async fn create_login(&mut self, new: &NewLogin) -> Result<i64, StoreError> {
        on_tx!(self, db => sqlx::query_scalar(
            "INSERT INTO login (username, role, password_hash, created_at, updated_at, account)
             VALUES ($1, $2, $3, $4, $4, $5) RETURNING id",
        )
        .bind(&new.username)
        .bind(new.role.as_str())
        .bind(&new.password_hash)
        .bind(to_millis(new.at))
        .bind(&new.account)
        .fetch_one(db)
        .await)
        .map_err(|error| match error.as_database_error() {
            Some(it) if it.is_unique_violation() => StoreError::NameTaken(new.username.clone()),
            _ => failed("make a login")(error),
        })
    }

    /// Give a login another password. Its sessions are the caller's to end.
    pub async fn set_password_hash(
        &mut self,
        login: i64,
        password_hash: &str,
        at: SystemTime,
    ) -> Result<(), StoreError> {
        on_tx!(self, db => sqlx::query("UPDATE login SET password_hash = $2, updated_at = $3 WHERE id = $1")
            .bind(login)
            .bind(password_hash)
            .bind(to_millis(at))
            .execute(db)
            .await
            .map(|it| it.rows_affected()))
            .map_err(failed("change a password"))?;
        Ok(())
    }

    /// Give a login another role.
    pub async fn set_role(
        &mut self,
        login: i64,
        role: Role,
        at: SystemTime,
    ) -> Result<(), StoreError> {
        on_tx!(self, db => sqlx::query("UPDATE login SET role = $2, updated_at = $3 WHERE id = $1")
            .bind(login)
            .bind(role.as_str())
            .bind(to_millis(at))
            .execute(db)
            .await
            .map(|it| it.rows_affected()))
        .map_err(failed("change a role"))?;
        Ok(())
    }

    /// Let a login in again.
    pub async fn enable_login(&mut self, login: i64, at: SystemTime) -> Result<(), StoreError> {
        self.set_disabled(login, false, at).await
    }

    /// Let a login in no more. Its sessions are the caller's to end.
    pub async fn disable_login(&mut self, login: i64, at: SystemTime) -> Result<(), StoreError> {
        self.set_disabled(login, true, at).await
    }

    /// Link a login to an account of the system, or to none.
    pub async fn set_account(
        &mut self,
        login: i64,
        account: Option<&str>,
        at: SystemTime,
    ) -> Result<(), StoreError> {
        on_tx!(self, db => sqlx::query("UPDATE login SET account = $2, updated_at = $3 WHERE id = $1")
            .bind(login)
            .bind(account)
            .bind(to_millis(at))
            .execute(db)
            .await
            .map(|it| it.rows_affected()))
        .map_err(failed("link a login to an account"))?;
        Ok(())
    }

    /// Remember that somebody logged in.
    pub async fn logged_in(&mut self, login: i64, at: SystemTime) -> Result<(), StoreError> {
        on_tx!(self, db => sqlx::query("UPDATE login SET last_login_at = $2 WHERE id = $1")
            .bind(login)
            .bind(to_millis(at))
            .execute(db)
            .await
            .map(|it| it.rows_affected()))
        .map_err(failed("remember a login"))?;
        Ok(())
    }

    /// Remove a login with its sessions, keys and second factor.
    pub async fn delete_login(&mut self, login: i64) -> Result<(), StoreError> {
        // The sealed secret has no reference to the login.
        self.remove_second_factor(login).await?;
        on_tx!(self, db => sqlx::query("DELETE FROM login WHERE id = $1")
            .bind(login)
            .execute(db)
            .await
            .map(|it| it.rows_affected()))
        .map_err(failed("delete a login"))?;
        Ok(())
    }

    /// How many logins other than this one could administer: enabled admins with a password.
    pub async fn count_other_admins(&mut self, login: i64) -> Result<u64, StoreError> {
        let count: i64 = on_tx!(self, db => sqlx::query_scalar(
            "SELECT count(*) FROM login
             WHERE id <> $1 AND role = $2 AND NOT disabled AND password_hash IS NOT NULL",
        )
        .bind(login)
        .bind(Role::Admin.as_str())
        .fetch_one(db)
        .await)
        .map_err(failed("count the administrators"))?;
        Ok(count.unsigned_abs())
    }

    async fn set_disabled(
        &mut self,
        login: i64,
        disabled: bool,
        at: SystemTime,
    ) -> Result<(), StoreError> {
        on_tx!(self, db => sqlx::query("UPDATE login SET disabled = $2, updated_at = $3 WHERE id = $1")
            .bind(login)
            .bind(disabled)
            .bind(to_millis(at))
            .execute(db)
            .await
            .map(|it| it.rows_affected()))
            .map_err(failed("enable or disable a login"))?;
        Ok(())
    }
}

/// What [`login_columns`] selects.
#[derive(FromRow)]
pub(super) struct Row {
    id: i64,
    username: String,
    #[sqlx(try_from = "String")]
    role: Role,
    password_hash: Option<String>,
    disabled: bool,
    created_at: i64,
    updated_at: i64,
    account: Option<String>,
    last_login_at: Option<i64>,
    has_totp: bool,
}

impl From<Row> for Credentials {
    fn from(row: Row) -> Credentials {
        let Row {
            id,
            username,
            role,
            password_hash,
            disabled,
            created_at,
            updated_at,
            account,
            last_login_at,
            has_totp,
        } = row;
        let login = Login {
            id,
            username,
            role,
            disabled,
            has_password: password_hash.is_some(),
            has_totp,
            account,
            last_login_at: last_login_at.map(from_millis),
            created_at: from_millis(created_at),
            updated_at: from_millis(updated_at),
        };
        Credentials {
            login,
            password_hash,
        }
    }
}
