//! The first login: how a new box gets an administrator without a default password.

use super::{Auth, AuthError, Secret, rules::check_rules};
use crate::{
    actor::Role,
    store::{NewLogin, Revoked},
};

const ADMIN: &str = "admin";
/// Letters and digits that cannot be taken for one another: no `0 o`, no `1 i l`.
const CLEAR: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
/// 99 bits.
const LENGTH: usize = 20;

/// Whether someone sees what the service prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminal {
    /// A person does, and nobody keeps it.
    Attached,
    /// It goes to a log, where a password must not stand.
    Absent,
}

/// What was done about the first login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FirstStart {
    /// Nothing: some login has a password.
    AlreadySet,
    /// `admin` has the password that was given.
    MadeFromEnvironment,
    /// `admin` has this password, which is to be shown once.
    MadeRandom {
        /// Stored nowhere.
        password: Secret,
    },
    /// `admin` is there and cannot log in until root gives it a password.
    NoPasswordYet,
}

impl Auth {
    /// See to it that `admin` exists, with a password if there is a safe way to tell it.
    ///
    /// `given` is what the person who installs the service chose (`MOXNAS_ADMIN_PASSWORD`); empty
    /// counts as not given. It must obey the rules for passwords. Called at every start: as long
    /// as nobody has a password, the first way to give one is taken.
    pub async fn first_start(
        &self,
        given: Option<Secret>,
        terminal: Terminal,
    ) -> Result<FirstStart, AuthError> {
        if self
            .0
            .store
            .logins()
            .await?
            .iter()
            .any(|it| it.has_password)
        {
            return Ok(FirstStart::AlreadySet);
        }
        match (given.filter(|it| !it.expose().is_empty()), terminal) {
            (Some(password), _) => {
                check_rules(password.expose(), ADMIN)?;
                self.make_admin(Some(&password)).await?;
                Ok(FirstStart::MadeFromEnvironment)
            }
            (None, Terminal::Attached) => {
                let password = Secret::random(CLEAR, LENGTH).map_err(AuthError::Random)?;
                self.make_admin(Some(&password)).await?;
                Ok(FirstStart::MadeRandom { password })
            }
            (None, Terminal::Absent) => {
                self.make_admin(None).await?;
                Ok(FirstStart::NoPasswordYet)
            }
        }
    }

    async fn make_admin(&self, password: Option<&Secret>) -> Result<(), AuthError> {
        let password_hash = match password {
            Some(password) => Some(self.0.passwords.hash(password.expose()).await?),
            None => None,
        };
        let at = self.0.clock.now();
        let mut write = self.0.store.begin_write().await?;
        match (write.credentials(ADMIN).await?, &password_hash) {
            (None, _) => {
                let username = ADMIN.to_owned();
                let new = NewLogin {
                    username,
                    role: Role::Admin,
                    password_hash,
                    account: None,
                    at,
                };
                write.create_login(&new).await?;
            }
            (Some(admin), Some(hash)) => {
                write.set_password_hash(admin.login.id, hash, at).await?;
                write
                    .revoke_sessions_of(admin.login.id, Revoked::Password, at)
                    .await?;
            }
            (Some(_), None) => {}
        }
        write.commit().await?;
        self.forget();
        Ok(())
    }
}
