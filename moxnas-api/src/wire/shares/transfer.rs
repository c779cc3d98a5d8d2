//! Shares as FTP and SFTP offer them.

use clap::Args;
use moxnas_app::{
    Seen,
    ops::shares::{FaceCreate, FaceReplace, FaceSet, Protocol, ShareView},
};
use moxnas_shares::model::{self, Transfer};
use poem_openapi::Object;
use time::OffsetDateTime;

use super::{Common, change_whole, one};
use crate::problem::Answer;

/// One page of shares of FTP or SFTP
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct TransferSharePage {
    /// The shares, by name
    pub items: Vec<TransferShare>,
    /// Where the next page begins; left out on the last one
    pub next: Option<String>,
    /// When the machine was looked at
    pub as_of: OffsetDateTime,
}

/// A folder that FTP or SFTP offers. A user sees one folder for each share, and nothing else
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct TransferShare {
    /// What it is known by; the same as `name`
    pub id: String,
    /// What users see it as
    pub name: String,
    /// The folder
    pub path: String,
    /// What it is for
    pub description: String,
    /// Whether it is offered at present
    pub enabled: bool,
    /// The pool that it is in; left out: in none that is mounted
    pub storage_pool: Option<String>,
    /// Who reaches it; nobody else does
    pub users: Vec<TransferUser>,
    /// When it was made
    pub created_at: OffsetDateTime,
    /// When it was made otherwise last
    pub updated_at: OffsetDateTime,
}

/// A user who reaches a share by FTP or SFTP
#[derive(Clone, Debug, PartialEq, Eq, Object)]
#[oai(deny_unknown_fields)]
pub struct TransferUser {
    /// Who: a user of this machine
    #[oai(validator(min_length = 1, max_length = 128))]
    pub user: String,
    /// Whether they may write, as far as the permissions of the files go
    #[oai(default)]
    pub write: bool,
}

/// Offer a folder by FTP or SFTP
#[derive(Clone, Debug, PartialEq, Object, Args)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct CreateTransferShare {
    /// What users are to see it as
    #[oai(validator(max_length = 80))]
    pub name: String,
    /// The folder; may be left out for a share that another protocol offers already
    #[arg(long, value_name = "PATH")]
    #[oai(validator(max_length = 1024))]
    pub path: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    #[oai(validator(max_length = 255))]
    pub description: Option<String>,
    /// Whether it is offered at once
    #[arg(long, value_name = "true|false")]
    pub enabled: Option<bool>,
    /// Who reaches it; with `=rw` behind the name they may write
    #[arg(long = "user", value_name = "USER[=rw]", value_parser = user, required = true)]
    #[oai(validator(min_items = 1, max_items = 1000))]
    pub users: Vec<TransferUser>,
}

/// What is to be different about a share of FTP or SFTP; what is left out stays as it is
#[derive(Clone, Debug, Default, PartialEq, Object, Args)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct ChangeTransferShare {
    /// The folder
    #[arg(long, value_name = "PATH")]
    #[oai(validator(max_length = 1024))]
    pub path: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    #[oai(validator(max_length = 255))]
    pub description: Option<String>,
    /// Whether it is offered at present
    #[arg(long, value_name = "true|false")]
    pub enabled: Option<bool>,
    /// Who reaches it, in place of all that are named; with `=rw` behind the name they may write
    #[arg(long = "user", value_name = "USER[=rw]", value_parser = user)]
    #[oai(validator(min_items = 1, max_items = 1000))]
    pub users: Option<Vec<TransferUser>>,
}

/// A user as the command line names one.
fn user(text: &str) -> Result<TransferUser, String> {
    let (name, write) = match text.split_once('=') {
        None => (text, false),
        Some((name, "rw")) => (name, true),
        Some((name, "ro")) => (name, false),
        Some((_, word)) => return Err(format!("{word:?} is neither rw nor ro")),
    };
    Ok(TransferUser {
        user: name.to_owned(),
        write,
    })
}

fn face(users: &[TransferUser]) -> Answer<Transfer> {
    let users = users.iter().map(|it| {
        Ok(model::TransferUser {
            user: one("users", &it.user)?,
            write: it.write,
        })
    });
    Ok(Transfer {
        users: users.collect::<Answer<_>>()?,
    })
}

impl CreateTransferShare {
    /// The operation.
    pub fn wish<P: Protocol<Face = Transfer>>(&self) -> Answer<FaceCreate<P>> {
        let description = self.description.as_ref();
        Ok(FaceCreate {
            name: one("name", &self.name)?,
            path: self.path.as_ref().map(|it| one("path", it)).transpose()?,
            description: description.map(|it| one("description", it)).transpose()?,
            enabled: self.enabled,
            face: face(&self.users)?,
        })
    }
}

impl ChangeTransferShare {
    /// The operation that changes what is said.
    pub fn wish<P: Protocol<Face = Transfer>>(&self, view: ShareView) -> Answer<FaceSet<P>> {
        let mut now = view.share.clone();
        change_whole(
            &mut now,
            self.path.as_ref(),
            self.description.as_ref(),
            self.enabled,
        )?;
        if let Some(users) = &self.users {
            P::put(&mut now, Some(face(users)?));
        }
        Ok(FaceSet::new(view.share, now))
    }

    /// The operation that leaves nothing of what was before.
    pub fn replace<P: Protocol<Face = Transfer>>(&self, share: String) -> Answer<FaceReplace<P>> {
        let description = self.description.as_deref().unwrap_or_default();
        Ok(FaceReplace {
            share,
            path: self.path.as_ref().map(|it| one("path", it)).transpose()?,
            description: one("description", description)?,
            enabled: self.enabled.unwrap_or(true),
            face: face(self.users.as_deref().unwrap_or_default())?,
        })
    }
}

impl TransferShare {
    /// As it is shown; `None`: the protocol does not offer it.
    #[must_use]
    pub fn of<P: Protocol<Face = Transfer>>(
        share: &model::Share,
        seen: &Seen,
    ) -> Option<TransferShare> {
        let Transfer { users } = P::face(share)?;
        let common = Common::of(share, seen, None);
        let users = users.iter().map(|it| TransferUser {
            user: it.user.to_string(),
            write: it.write,
        });
        Some(TransferShare {
            id: share.name.to_string(),
            name: share.name.to_string(),
            path: share.path.to_string(),
            description: share.description.to_string(),
            enabled: share.enabled,
            storage_pool: common.storage_pool,
            users: users.collect(),
            created_at: common.created_at,
            updated_at: common.updated_at,
        })
    }
}
