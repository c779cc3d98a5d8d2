//! The second factor of a login: enrolled, confirmed, asked for, taken away.
//!
//! A code counts once: the step of the last one is kept, and none at or before it counts again. A
//! recovery code counts once instead of a code. The secret is sealed with a key that is not in the
//! database.

use sha2::{Digest, Sha256};

use super::{
    Auth, AuthError,
    attempts::Source,
    secret::Secret,
    totp::{self, TotpSecret},
};
use crate::store::{Write, secret_name};

/// Letters and digits that cannot be taken for one another.
const CLEAR: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
/// Four groups of four: 79 bits, too many to guess, so that a fast hash is enough.
const GROUPS: usize = 4;
const GROUP: usize = 4;
/// As many recovery codes as fit on a slip of paper.
const CODES: usize = 10;

/// A second factor that waits for its first code.
#[derive(Clone, Debug)]
pub struct Enrolment {
    /// For typing into an app, base32.
    pub secret: Secret,
    /// For a picture that an app reads.
    pub url: Secret,
}

impl Auth {
    /// Give a login a second factor, which is not asked for before [`Auth::confirm_totp`]. It takes
    /// the password: a stolen session must not lock the owner out.
    pub async fn enrol_totp(
        &self,
        login: i64,
        password: &str,
        issuer: &str,
    ) -> Result<Enrolment, AuthError> {
        let checked = self.prove_password(login, password).await?;
        let secret = TotpSecret::random().map_err(AuthError::Random)?;
        let mut write = self.0.store.begin_write().await?;
        let is_active = write
            .second_factor(login)
            .await?
            .is_some_and(|it| it.confirmed_at.is_some());
        if is_active {
            return Err(AuthError::TotpActive);
        }
        let sealed = self.0.sealer.seal(&secret_name(login), secret.bytes());
        let now = self.0.clock.now();
        write.enrol_second_factor(login, &sealed, now).await?;
        write.commit().await?;
        let shown = secret.base32();
        Ok(Enrolment {
            url: totp::url(&shown, issuer, &checked.login.username),
            secret: shown,
        })
    }

    /// The first code: from now on one is asked for. The answer is the recovery codes, which are
    /// shown once.
    pub async fn confirm_totp(&self, login: i64, code: &str) -> Result<Vec<Secret>, AuthError> {
        let name = self.name_of(login).await?;
        self.begin_code(&name)?;
        let codes: Result<Vec<Secret>, _> = (0..CODES).map(|_| recovery_code()).collect();
        let codes = codes.map_err(AuthError::Random)?;
        let hashes: Vec<[u8; 32]> = codes.iter().map(|it| hash(it.expose())).collect();
        let (auth, code) = (self.clone(), Secret::from(code));
        self.change(async move {
            let mut write = auth.0.store.begin_write().await?;
            let factor = write.second_factor(login).await?;
            let factor = factor.ok_or(AuthError::NoTotp)?;
            if factor.confirmed_at.is_some() {
                return Err(AuthError::TotpActive);
            }
            if !auth.take_step(&mut write, login, code.expose()).await? {
                return Err(AuthError::CodeWrong);
            }
            let now = auth.0.clock.now();
            write.confirm_second_factor(login, &hashes, now).await?;
            Ok(write.commit().await?)
        })
        .await?;
        self.0.attempts.succeeded(&name, Source::Code);
        Ok(codes)
    }

    /// Take one's own second factor away. It takes the password, and a code if it is active.
    pub async fn disable_totp(
        &self,
        login: i64,
        password: &str,
        code: &str,
    ) -> Result<(), AuthError> {
        let checked = self.prove_password(login, password).await?;
        if checked.login.has_totp {
            let name = &checked.login.username;
            self.begin_code(name)?;
            if !self.take_code(login, code).await? {
                return Err(AuthError::CodeWrong);
            }
            self.0.attempts.succeeded(name, Source::Code);
        }
        self.reset_totp(login).await
    }

    /// Take a second factor away, as root does for somebody who has lost it.
    pub async fn reset_totp(&self, login: i64) -> Result<(), AuthError> {
        let auth = self.clone();
        self.change(async move {
            let mut write = auth.0.store.begin_write().await?;
            let had = write.remove_second_factor(login).await?;
            write.commit().await?;
            if had { Ok(()) } else { Err(AuthError::NoTotp) }
        })
        .await
    }

    /// Whether this is a code, or a recovery code, that was not taken before. It is taken now.
    pub(super) async fn take_code(&self, login: i64, code: &str) -> Result<bool, AuthError> {
        let mut write = self.0.store.begin_write().await?;
        let taken = match self.take_step(&mut write, login, code).await? {
            true => true,
            false => {
                let now = self.0.clock.now();
                write.take_recovery_code(login, &hash(code), now).await?
            }
        };
        write.commit().await?;
        Ok(taken)
    }

    async fn take_step(
        &self,
        write: &mut Write,
        login: i64,
        code: &str,
    ) -> Result<bool, AuthError> {
        let factor = write.second_factor(login).await?;
        let factor = factor.ok_or(AuthError::NoTotp)?;
        let clear = self.0.sealer.open(&secret_name(login), &factor.sealed)?;
        let code: String = code.chars().filter(|it| !it.is_whitespace()).collect();
        match TotpSecret::of(clear).step_of(&code, self.0.clock.now()) {
            Some(step) => Ok(write.take_step(login, step).await?),
            None => Ok(false),
        }
    }

    fn begin_code(&self, name: &str) -> Result<(), AuthError> {
        let begun = self
            .0
            .attempts
            .begin(name, Source::Code, self.0.clock.now());
        begun.map_err(|retry_after| AuthError::TooManyAttempts { retry_after })
    }

    async fn name_of(&self, login: i64) -> Result<String, AuthError> {
        let found = self.0.store.credentials_of(login).await?;
        let found = found.ok_or_else(|| AuthError::NoSuchLogin(login.to_string()))?;
        Ok(found.login.username)
    }
}

fn recovery_code() -> Result<Secret, getrandom::Error> {
    let groups: Result<Vec<String>, _> = (0..GROUPS)
        .map(|_| Secret::random(CLEAR, GROUP).map(|it| it.expose().to_owned()))
        .collect();
    Ok(groups?.join("-").into())
}

/// Of what people type of it: without case, spaces and dashes.
fn hash(code: &str) -> [u8; 32] {
    let typed = code.chars().filter(char::is_ascii_alphanumeric);
    let typed: String = typed.map(|it| it.to_ascii_lowercase()).collect();
    Sha256::digest(typed.as_bytes()).into()
}
