//! Shares.

mod nfs;
mod settings;
mod smb;
mod transfer;

use std::{fmt::Display, str::FromStr};

use clap::Args;
use moxnas_app::{
    Seen,
    ops::shares::{ShareImport, ShareView, dataset_of, pool_of},
    store::StoredGeneration,
};
use moxnas_pool::dataset::Dataset;
use moxnas_shares::{
    backend::Daemon,
    model::{self, Line},
    render::Service,
    standing::{Found, Standing as Inside},
};
use poem::http::StatusCode;
use poem_openapi::{Enum, Object};
use time::OffsetDateTime;

pub use self::{
    nfs::{ChangeNfsShare, CreateNfsShare, NfsClient, NfsShare, NfsSharePage, Security, Squash},
    settings::{
        ChangeDiscoverySettings, ChangeFtpSettings, ChangeNfsSettings, ChangeSmbSettings,
        DiscoverySettings, FtpSettings, NfsSettings, SmbSettings,
    },
    smb::{ChangeSmbShare, CreateSmbShare, Encryption, SharePreset, SmbShare, SmbSharePage},
    transfer::{
        ChangeTransferShare, CreateTransferShare, TransferShare, TransferSharePage, TransferUser,
    },
};
use super::timestamp;
use crate::problem::{Answer, Problem};

/// A folder that is offered to the network
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Share {
    /// What it is known by; the same as `name`
    pub id: String,
    /// What it is known by
    pub name: String,
    /// The folder
    pub path: String,
    /// What it is for
    pub description: String,
    /// Whether it is offered at present
    pub enabled: bool,
    /// The protocols that offer it
    pub protocols: Vec<ShareProtocol>,
    /// The pool that it is in; left out: in none that is mounted
    pub storage_pool: Option<String>,
    /// The dataset that it is in, and how much that may take; left out: in none that is known
    pub dataset: Option<ShareDataset>,
    /// Whether it is served as it is meant; left out where nobody can tell
    pub standing: Option<ShareStanding>,
    /// When it was made
    pub created_at: OffsetDateTime,
    /// When it was made otherwise last
    pub updated_at: OffsetDateTime,
}

/// The dataset that a share is in
#[derive(Clone, Debug, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ShareDataset {
    /// What it is called
    pub name: String,
    /// How much it may take, with all that is in it; left out: as much as the pool has
    pub quota_bytes: Option<u64>,
    /// How much it takes; left out: nobody counts it
    pub used_bytes: Option<u64>,
}

impl From<&Dataset> for ShareDataset {
    fn from(it: &Dataset) -> ShareDataset {
        ShareDataset {
            name: it.name.to_string(),
            quota_bytes: it.quota.map(|it| it.0),
            used_bytes: it.usage.as_ref().map(|it| it.referenced.0),
        }
    }
}

/// A way in which a folder is offered
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, clap::ValueEnum)]
#[oai(rename_all = "snake_case")]
pub enum ShareProtocol {
    /// SMB, which Windows and macOS speak
    Smb,
    /// NFS
    Nfs,
    /// FTP, encrypted unless the settings say otherwise
    Ftp,
    /// SFTP, by sshd
    Sftp,
}

/// Whether something is served as it is meant
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Enum)]
#[oai(rename_all = "snake_case")]
pub enum ShareStanding {
    /// It is in our files, as it is meant
    Managed,
    /// Somebody else offers it, in a file of theirs
    Foreign,
    /// It is in our files, and not as it is meant
    Drifted,
}

/// One page of shares
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct SharePage {
    /// The shares, by name
    pub items: Vec<Share>,
    /// Where the next page begins; left out on the last one
    pub next: Option<String>,
    /// What keeps shares from being served as they are meant, a sentence each
    pub errors: Vec<String>,
    /// When the machine was looked at
    pub as_of: OffsetDateTime,
}

/// What is served, held against what is meant
#[derive(Clone, Debug, PartialEq, Object)]
pub struct ShareStatus {
    /// Everything that is offered by SMB and NFS, or should be
    pub items: Vec<ShareFound>,
    /// The daemons
    pub services: Vec<ShareDaemon>,
    /// What keeps shares from being served as they are meant, a sentence each
    pub errors: Vec<String>,
    /// When the machine was looked at
    pub as_of: OffsetDateTime,
}

/// Something that is offered, or should be
#[derive(Clone, Debug, PartialEq, Object)]
pub struct ShareFound {
    /// The daemon
    pub service: String,
    /// The name of a share of SMB, or the folder of an export
    pub name: String,
    /// Whether it is as it should be
    pub standing: ShareStanding,
    /// Lines that differ: with `-` what is there, with `+` what should be
    pub diff: Vec<String>,
}

/// A daemon that serves shares
#[derive(Clone, Debug, PartialEq, Eq, Object)]
pub struct ShareDaemon {
    /// Its name
    pub name: String,
    /// Whether it is on the machine
    pub installed: bool,
    /// Whether it runs
    pub running: bool,
}

/// Take over what others offer in their files
#[derive(Clone, Debug, Default, PartialEq, Object, Args)]
#[oai(deny_unknown_fields)]
pub struct ImportShares {
    /// Only these shares, by name; nothing named: all, and the settings of the servers
    #[arg(long = "share", value_name = "SHARE")]
    #[oai(default, validator(max_items = 1000))]
    pub shares: Vec<String>,
}

impl ImportShares {
    /// The operation.
    #[must_use]
    pub fn wish(self) -> ShareImport {
        ShareImport {
            shares: self.shares,
        }
    }
}

/// Changes of what is meant, the newest first
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ShareGenerationPage {
    /// The changes
    pub items: Vec<ShareGeneration>,
    /// There is one page
    pub next: Option<String>,
}

/// A change of what is meant, from which one can go back
#[derive(Clone, Debug, PartialEq, Object)]
pub struct ShareGeneration {
    /// Its number
    pub number: u32,
    /// When it was made
    pub at: OffsetDateTime,
    /// By whom
    pub by: String,
    /// The operation
    pub operation: String,
    /// How many shares there were before it
    pub shares_before: u64,
}

impl From<StoredGeneration> for ShareGeneration {
    fn from(it: StoredGeneration) -> ShareGeneration {
        let StoredGeneration {
            number,
            at,
            by,
            operation,
            before,
        } = it;
        ShareGeneration {
            number,
            at: timestamp(at),
            by,
            operation,
            shares_before: before.shares.len() as u64,
        }
    }
}

impl From<Inside> for ShareStanding {
    fn from(it: Inside) -> ShareStanding {
        match it {
            Inside::Managed => ShareStanding::Managed,
            Inside::Foreign => ShareStanding::Foreign,
            Inside::Drifted => ShareStanding::Drifted,
        }
    }
}

impl ShareStatus {
    /// As it was last seen.
    #[must_use]
    pub fn of(seen: &Seen) -> ShareStatus {
        let sharing = &seen.sharing;
        let found = sharing.standings.iter().map(|it| ShareFound {
            service: it.service.daemon().to_owned(),
            name: it.name.clone(),
            standing: it.standing.into(),
            diff: it.diff.clone(),
        });
        let daemons = sharing.served.iter().flat_map(|it| &it.daemons);
        let daemons = daemons.filter(|(it, _)| **it != Service::Systemd);
        let daemons = daemons.map(|(service, daemon)| {
            let Daemon {
                is_installed,
                is_running,
            } = *daemon;
            ShareDaemon {
                name: service.daemon().to_owned(),
                installed: is_installed,
                running: is_running,
            }
        });
        ShareStatus {
            items: found.collect(),
            services: daemons.collect(),
            errors: sharing.faults.clone(),
            as_of: timestamp(seen.as_of),
        }
    }
}

/// What all shares have in common, and whatever offers them.
pub(crate) struct Common {
    pub(crate) storage_pool: Option<String>,
    pub(crate) standing: Option<ShareStanding>,
    pub(crate) created_at: OffsetDateTime,
    pub(crate) updated_at: OffsetDateTime,
}

impl Common {
    pub(crate) fn of(share: &model::Share, seen: &Seen, service: Option<Service>) -> Common {
        let sharing = &seen.sharing;
        let of_it = sharing.of(share.name.as_str(), share.path.as_str());
        let wanted = of_it.filter(|it: &&Found| service.is_none_or(|one| one == it.service));
        let offered = share.enabled && (share.smb.is_some() || share.nfs.is_some());
        let standing = wanted.map(|it| ShareStanding::from(it.standing)).max();
        let times = sharing.offered.times.get(&share.name);
        let (created, updated) = times.map_or((seen.as_of, seen.as_of), |it| {
            (it.created_at, it.updated_at)
        });
        Common {
            storage_pool: pool_of(seen, share.path.as_str()).map(str::to_owned),
            standing: standing.filter(|_| offered),
            created_at: timestamp(created),
            updated_at: timestamp(updated),
        }
    }
}

impl Share {
    /// As it is shown.
    #[must_use]
    pub fn of(share: &model::Share, seen: &Seen) -> Share {
        let Common {
            storage_pool,
            standing,
            created_at,
            updated_at,
        } = Common::of(share, seen, None);
        let protocols = [
            (share.smb.is_some(), ShareProtocol::Smb),
            (share.nfs.is_some(), ShareProtocol::Nfs),
            (share.ftp.is_some(), ShareProtocol::Ftp),
            (share.sftp.is_some(), ShareProtocol::Sftp),
        ];
        let offering = protocols.into_iter().filter(|(it, _)| *it);
        Share {
            id: share.name.to_string(),
            name: share.name.to_string(),
            path: share.path.to_string(),
            description: share.description.to_string(),
            enabled: share.enabled,
            protocols: offering.map(|(_, it)| it).collect(),
            storage_pool,
            dataset: dataset_of(seen, share.path.as_str()).map(|(_, it)| it.into()),
            standing,
            created_at,
            updated_at,
        }
    }
}

impl From<ShareView> for Share {
    fn from(it: ShareView) -> Share {
        Share::of(&it.share, &it.seen)
    }
}

/// What a text says; what is wrong with it stands at its field.
pub(crate) fn one<T: FromStr<Err: Display>>(field: &str, text: &str) -> Answer<T> {
    text.parse().map_err(|err: T::Err| wrong(field, err))
}

/// What is wrong with the text of a field.
pub(crate) fn wrong(field: &str, why: impl Display) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "text_invalid")
        .detail(format!("`{field}`: {why}"))
        .field(field, why.to_string())
}

/// The same of each text of a list.
pub(crate) fn each<T: FromStr<Err: Display>>(field: &str, texts: &[String]) -> Answer<Vec<T>> {
    let texts = texts.iter().filter(|it| !it.is_empty());
    texts.map(|it| one(field, it)).collect()
}

/// A text that may be empty, which means that nothing is said.
pub(crate) fn unless_empty<T: FromStr<Err: Display>>(field: &str, text: &str) -> Answer<Option<T>> {
    match text {
        "" => Ok(None),
        text => one(field, text).map(Some),
    }
}

/// What is to be different about the share as a whole.
pub(crate) fn change_whole(
    share: &mut model::Share,
    path: Option<&String>,
    description: Option<&String>,
    enabled: Option<bool>,
) -> Answer<()> {
    if let Some(path) = path {
        share.path = one("path", path)?;
    }
    if let Some(text) = description {
        share.description = one::<Line>("description", text)?;
    }
    share.enabled = enabled.unwrap_or(share.enabled);
    Ok(())
}
