//! Whoever comes as a client, and what of them must not be told.

use std::fmt;

use anyhow::{Context as _, Result};
use moxnas_shares::accounts::{Secret, Step};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A password on the wire between host and guest, and nowhere else: what is printed of it is that
/// there is one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Password(String);

impl Password {
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// For whoever types it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

/// The passwords of scenarios.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Key {
    First,
    Second,
}

impl Key {
    #[must_use]
    pub fn password(self) -> Password {
        Password::new(match self {
            Key::First => "correct horse",
            Key::Second => "battery staple",
        })
    }

    #[must_use]
    pub fn secret(self) -> Secret {
        Secret::new(self.password().reveal())
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Key::First => "the first password",
            Key::Second => "the second password",
        }
    }
}

/// A step for accounts on the wire: written out it hides its password, which goes beside it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccountOrder {
    step: Value,
    password: Option<Password>,
}

impl AccountOrder {
    pub fn new(step: &Step) -> Result<Self> {
        let password = match step {
            Step::SetPassword { password, .. } => Some(Password::new(password.reveal())),
            _ => None,
        };
        let step = serde_json::to_value(step)?;
        Ok(Self { step, password })
    }

    /// The step, whole.
    pub fn step(self) -> Result<Step> {
        let mut step = self.step;
        if let Some(password) = &self.password {
            let fields = step.as_object_mut().context("a step is an object")?;
            let word = Value::String(password.reveal().to_owned());
            fields.insert("password".to_owned(), word);
        }
        Ok(serde_json::from_value(step)?)
    }
}

/// By which protocol a client comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum By {
    Smb,
    Ftp,
    Sftp,
    Nfs,
}

impl By {
    pub(super) fn word(self) -> &'static str {
        match self {
            By::Smb => "SMB",
            By::Ftp => "FTP",
            By::Sftp => "SFTP",
            By::Nfs => "NFS",
        }
    }
}

/// What a client does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Doing {
    /// Sees what is in a share.
    List,
    /// Reads a file of it.
    Get { file: String },
    /// Writes one, with this in it.
    Put { file: String, text: String },
    /// Deletes one.
    Remove { file: String },
    /// Makes a folder.
    MakeFolder { folder: String },
    /// Connects, and stays.
    Stay,
    /// Ends all connections of this client.
    Leave,
}

/// A client comes, does one thing, and goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    pub by: By,
    /// `None`: a guest.
    pub user: Option<String>,
    /// NFS asks for none.
    pub key: Key,
    pub share: String,
    pub doing: Doing,
}

impl Visit {
    /// Somebody comes with the first password.
    #[must_use]
    pub fn new(by: By, user: &str, share: &str, doing: Doing) -> Self {
        Self {
            by,
            user: Some(user.to_owned()),
            key: Key::First,
            share: share.to_owned(),
            doing,
        }
    }

    /// The same with the second.
    #[must_use]
    pub fn with_the_second(self) -> Self {
        Self {
            key: Key::Second,
            ..self
        }
    }

    /// The same by somebody who says no name.
    #[must_use]
    pub fn as_guest(self) -> Self {
        Self { user: None, ..self }
    }
}

impl fmt::Display for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = &self.share;
        let who = self.user.as_deref().unwrap_or("a guest");
        match &self.doing {
            Doing::List => write!(f, "{who} lists {share}"),
            Doing::Get { file } => write!(f, "{who} gets {share}/{file}"),
            Doing::Put { file, text } => write!(f, "{who} puts {text:?} to {share}/{file}"),
            Doing::Remove { file } => write!(f, "{who} removes {share}/{file}"),
            Doing::MakeFolder { folder } => write!(f, "{who} makes folder {share}/{folder}"),
            Doing::Stay => write!(f, "{who} stays connected to {share}"),
            Doing::Leave => write!(f, "{who} leaves {share}"),
        }?;
        write!(f, " by {}", self.by.word())?;
        match (self.by, &self.user) {
            (By::Nfs, _) | (_, None) => Ok(()),
            _ => write!(f, " with {}", self.key.word()),
        }
    }
}

#[cfg(test)]
mod tests {
    use moxnas_shares::accounts::Step;

    use super::{AccountOrder, Key};

    #[test]
    fn a_password_goes_over_the_wire_and_is_told_by_nothing() {
        let step = Step::SetPassword {
            user: "alice".parse().unwrap(),
            password: Key::First.secret(),
            samba: true,
        };
        let order = AccountOrder::new(&step).unwrap();
        assert!(!format!("{order:?}").contains("horse"));
        let line = serde_json::to_string(&order).unwrap();
        let there: AccountOrder = serde_json::from_str(&line).unwrap();
        assert_eq!(there.step().unwrap(), step);
    }
}
