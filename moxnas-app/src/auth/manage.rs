//! Making and changing logins. Each change counts from the moment the call returns.

use std::time::SystemTime;

use super::{Auth, AuthError, LoginInfo, LoginName, Secret, rules::check_rules};
use crate::{
    actor::Role,
    store::{Login, NewLogin, Revoked, StoreError, Write},
};

/// A login to be made.
#[derive(Clone, Debug)]
pub struct LoginWish {
    /// Its name, as typed.
    pub username: String,
    /// What it may do.
    pub role: Role,
    /// `None`: nobody can log in with it until root gives it one.
    pub password: Option<Secret>,
    /// The account of the system that belongs to it.
    pub account: Option<String>,
}

/// What is to be different about a login; what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoginChange {
    /// What it may do.
    pub role: Option<Role>,
    /// Whether it is let in no more.
    pub disabled: Option<bool>,
    /// The account of the system that belongs to it; the inner `None` for none.
    pub account: Option<Option<String>>,
}

impl Auth {
    /// Make a login with a password.
    pub async fn create_login(
        &self,
        username: &str,
        role: Role,
        password: &str,
    ) -> Result<LoginInfo, AuthError> {
        let login = self
            .make_login(LoginWish {
                username: username.to_owned(),
                role,
                password: Some(password.into()),
                account: None,
            })
            .await?;
        Ok(LoginInfo {
            id: login.id,
            username: login.username,
            role,
        })
    }

    /// Make a login.
    pub async fn make_login(&self, wish: LoginWish) -> Result<Login, AuthError> {
        let name: LoginName = wish.username.parse()?;
        if let Some(password) = &wish.password {
            check_rules(password.expose(), name.as_str())?;
        }
        if self.0.store.login(name.as_str()).await?.is_some() {
            return Err(StoreError::NameTaken(name.to_string()).into());
        }
        let password_hash = match &wish.password {
            Some(password) => Some(self.0.passwords.hash(password.expose()).await?),
            None => None,
        };
        let new = NewLogin {
            username: name.to_string(),
            role: wish.role,
            password_hash,
            account: wish.account,
            at: self.0.clock.now(),
        };
        let mut write = self.0.store.begin_write().await?;
        write.create_login(&new).await?;
        let made = write.credentials(name.as_str()).await?;
        write.commit().await?;
        Ok(made.expect("it was made in this transaction").login)
    }

    /// Give a login another password, as an administrator does. Ends its sessions.
    pub async fn set_password(&self, username: &str, new: &str) -> Result<(), AuthError> {
        let name: LoginName = username.parse()?;
        if self.0.store.login(name.as_str()).await?.is_none() {
            return Err(AuthError::NoSuchLogin(name.to_string()));
        }
        check_rules(new, name.as_str())?;
        let hash = self.0.passwords.hash(new).await?;
        self.change_login(name, Change::Password { hash, keep: None })
            .await
    }

    /// Change one's own password, which takes the old one. Ends all sessions but `keep`.
    pub async fn change_password(
        &self,
        login: i64,
        old: &str,
        new: &str,
        keep: Option<&str>,
    ) -> Result<(), AuthError> {
        let found = self.0.store.credentials_of(login).await?;
        let found = found.ok_or_else(|| AuthError::NoSuchLogin(login.to_string()))?;
        let name: LoginName = found.login.username.parse()?;
        check_rules(new, name.as_str())?;
        self.prove_password(login, old).await?;
        let hash = self.0.passwords.hash(new).await?;
        let keep = keep.map(str::to_owned);
        self.change_login(name, Change::Password { hash, keep })
            .await
    }

    /// Give a login another role. Its sessions go on with it.
    pub async fn set_role(&self, username: &str, role: Role) -> Result<(), AuthError> {
        self.change_login(username.parse()?, Change::Role(role))
            .await
    }

    /// Let a login in no more. Ends its sessions and its keys.
    pub async fn disable_login(&self, username: &str) -> Result<(), AuthError> {
        self.change_login(username.parse()?, Change::Disable).await
    }

    /// Let a login in again. Its former sessions and keys stay ended.
    pub async fn enable_login(&self, username: &str) -> Result<(), AuthError> {
        self.change_login(username.parse()?, Change::Enable).await
    }

    /// Remove a login with all that belongs to it.
    pub async fn delete_login(&self, username: &str) -> Result<(), AuthError> {
        self.change_login(username.parse()?, Change::Delete).await
    }

    /// Change several things about a login, all or none; the answer is how it is then.
    pub async fn alter_login(
        &self,
        username: &str,
        change: LoginChange,
    ) -> Result<Login, AuthError> {
        let name: LoginName = username.parse()?;
        let auth = self.clone();
        self.change(async move {
            let mut write = auth.0.store.begin_write().await?;
            let login = login_named(&mut write, &name).await?;
            let now = auth.0.clock.now();
            let role = change.role.filter(|role| *role != login.role);
            let switch = match change.disabled.filter(|it| *it != login.disabled) {
                Some(true) => Some(Change::Disable),
                Some(false) => Some(Change::Enable),
                None => None,
            };
            let all = role.map(Change::Role).into_iter().chain(switch);
            for one in all.chain(change.account.map(Change::Account)) {
                one.apply(&mut write, &login, now).await?;
            }
            let login = login_named(&mut write, &name).await?;
            write.commit().await?;
            Ok(login)
        })
        .await
    }

    async fn change_login(&self, name: LoginName, change: Change) -> Result<(), AuthError> {
        let auth = self.clone();
        self.change(async move {
            let mut write = auth.0.store.begin_write().await?;
            let login = login_named(&mut write, &name).await?;
            change.apply(&mut write, &login, auth.0.clock.now()).await?;
            Ok(write.commit().await?)
        })
        .await
    }
}

async fn login_named(write: &mut Write, name: &LoginName) -> Result<Login, AuthError> {
    let found = write.credentials(name.as_str()).await?;
    let found = found.ok_or_else(|| AuthError::NoSuchLogin(name.to_string()))?;
    Ok(found.login)
}

enum Change {
    /// The hash of another password, and the session that goes on.
    Password {
        hash: String,
        keep: Option<String>,
    },
    Role(Role),
    Account(Option<String>),
    Disable,
    Enable,
    Delete,
}

impl Change {
    async fn apply(
        self,
        write: &mut Write,
        login: &Login,
        at: SystemTime,
    ) -> Result<(), AuthError> {
        let id = login.id;
        if self.takes_an_admin(login) && write.count_other_admins(id).await? == 0 {
            return Err(AuthError::LastAdmin(login.username.clone()));
        }
        match self {
            Change::Password { hash, keep } => {
                write.set_password_hash(id, &hash, at).await?;
                match keep {
                    Some(keep) => {
                        write
                            .revoke_other_sessions(id, &keep, Revoked::Password, at)
                            .await?
                    }
                    None => write.revoke_sessions_of(id, Revoked::Password, at).await?,
                };
            }
            Change::Role(role) => write.set_role(id, role, at).await?,
            Change::Account(account) => write.set_account(id, account.as_deref(), at).await?,
            Change::Disable => {
                write.disable_login(id, at).await?;
                write.revoke_sessions_of(id, Revoked::Disabled, at).await?;
                write.revoke_api_keys_of(id, at).await?;
            }
            Change::Enable => write.enable_login(id, at).await?,
            Change::Delete => write.delete_login(id).await?,
        }
        Ok(())
    }

    /// Whether there is one administrator less after it who can log in.
    fn takes_an_admin(&self, login: &Login) -> bool {
        let takes = match self {
            Change::Role(role) => *role < Role::Admin,
            Change::Disable | Change::Delete => true,
            Change::Password { .. } | Change::Account(_) | Change::Enable => false,
        };
        takes && login.role == Role::Admin && !login.disabled && login.has_password
    }
}
