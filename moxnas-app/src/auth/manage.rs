//! Making and changing logins. Each change counts from the moment the call returns.

use std::time::SystemTime;

use super::{Auth, AuthError, LoginInfo, LoginName, rules::check_rules};
use crate::{
    actor::Role,
    store::{NewLogin, Revoked, StoreError, Write},
};

impl Auth {
    /// Make a login with a password.
    pub async fn create_login(
        &self,
        username: &str,
        role: Role,
        password: &str,
    ) -> Result<LoginInfo, AuthError> {
        let name: LoginName = username.parse()?;
        check_rules(password, name.as_str())?;
        if self.0.store.login(name.as_str()).await?.is_some() {
            return Err(StoreError::NameTaken(name.to_string()).into());
        }
        let password_hash = Some(self.0.passwords.hash(password).await?);
        let at = self.0.clock.now();
        let new = NewLogin {
            username: name.to_string(),
            role,
            password_hash,
            at,
        };
        let mut write = self.0.store.begin_write().await?;
        let id = write.create_login(&new).await?;
        write.commit().await?;
        Ok(LoginInfo {
            id,
            username: new.username,
            role,
        })
    }

    /// Give a login another password, as an administrator does. Ends its sessions.
    pub async fn set_password(&self, username: &str, new: &str) -> Result<(), AuthError> {
        let name: LoginName = username.parse()?;
        if self.0.store.login(name.as_str()).await?.is_none() {
            return Err(AuthError::NoSuchLogin(name.to_string()));
        }
        check_rules(new, name.as_str())?;
        let hash = self.0.passwords.hash(new).await?;
        self.change_login(name, Change::Password(hash)).await
    }

    /// Change one's own password, which takes the old one. Ends all sessions, this one too.
    pub async fn change_password(&self, login: i64, old: &str, new: &str) -> Result<(), AuthError> {
        let found = self.0.store.credentials_of(login).await?;
        let name = found
            .ok_or_else(|| AuthError::NoSuchLogin(login.to_string()))?
            .login
            .username;
        check_rules(new, &name)?;
        // Counted apart from logins: a stolen access token must not allow endless guesses, and
        // guesses from elsewhere must not keep the owner from changing the password.
        self.check_password(&name, old, Some("change of password"))
            .await?;
        self.set_password(&name, new).await
    }

    /// Give a login another role. Its sessions go on with it.
    pub async fn set_role(&self, username: &str, role: Role) -> Result<(), AuthError> {
        self.change_login(username.parse()?, Change::Role(role))
            .await
    }

    /// Let a login in no more. Ends its sessions.
    pub async fn disable_login(&self, username: &str) -> Result<(), AuthError> {
        self.change_login(username.parse()?, Change::Disable).await
    }

    /// Let a login in again. Its former sessions stay ended.
    pub async fn enable_login(&self, username: &str) -> Result<(), AuthError> {
        self.change_login(username.parse()?, Change::Enable).await
    }

    async fn change_login(&self, name: LoginName, change: Change) -> Result<(), AuthError> {
        let auth = self.clone();
        self.change(async move {
            let mut write = auth.0.store.begin_write().await?;
            let found = write.credentials(name.as_str()).await?;
            let login = found
                .ok_or_else(|| AuthError::NoSuchLogin(name.to_string()))?
                .login
                .id;
            change.apply(&mut write, login, auth.0.clock.now()).await?;
            Ok(write.commit().await?)
        })
        .await
    }
}

enum Change {
    /// The hash of another password.
    Password(String),
    Role(Role),
    Disable,
    Enable,
}

impl Change {
    async fn apply(self, write: &mut Write, login: i64, at: SystemTime) -> Result<(), StoreError> {
        match self {
            Change::Password(hash) => {
                write.set_password_hash(login, &hash, at).await?;
                write
                    .revoke_sessions_of(login, Revoked::Password, at)
                    .await?;
            }
            Change::Role(role) => write.set_role(login, role, at).await?,
            Change::Disable => {
                write.disable_login(login, at).await?;
                write
                    .revoke_sessions_of(login, Revoked::Disabled, at)
                    .await?;
            }
            Change::Enable => write.enable_login(login, at).await?,
        }
        Ok(())
    }
}
