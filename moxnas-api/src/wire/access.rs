//! Why somebody may do something with a file of a share, and what can work on a machine at all.

use clap::Args;
use moxnas_app::ops::access::AccessExplain;
use moxnas_shares::{
    access::{self, Answer as Inside, Explanation, Link, Machine, Outcome, Who},
    model::Security,
};
use moxnas_telemetry::capability::{Level, Verdict};
use poem_openapi::{Enum, Object};

use super::shares::{ShareProtocol, one};
use crate::problem::Answer;

/// What is asked: may somebody do something with a path of a share?
#[derive(Clone, Debug, PartialEq, Object, Args)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct ExplainAccess {
    /// The share
    #[oai(validator(max_length = 80))]
    pub share: String,
    /// The path in it; left out: the folder of the share itself
    #[oai(validator(max_length = 4096))]
    pub path: Option<String>,
    /// Who: a user of the machine; left out: nobody who logged in
    #[arg(long, value_name = "USER")]
    #[oai(validator(max_length = 128))]
    pub user: Option<String>,
    /// What for
    #[arg(long = "to", value_enum, default_value = "read")]
    pub wish: AccessWish,
    /// By which protocol; left out: SMB
    #[arg(long = "by", value_enum)]
    pub protocol: Option<ShareProtocol>,
    /// From which address; left out: from any that is let in
    #[arg(long = "from", value_name = "ADDRESS")]
    #[oai(validator(max_length = 45))]
    pub address: Option<String>,
}

/// What somebody would do
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, clap::ValueEnum)]
#[oai(rename_all = "snake_case")]
pub enum AccessWish {
    /// See what is in a folder
    List,
    /// Read a file
    Read,
    /// Change a file, or make something in a folder
    Write,
    /// Delete a file or a folder
    Delete,
}

/// Whether somebody may do it, and why
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct AccessExplanation {
    /// Whether they may
    pub answer: AccessAnswer,
    /// The first rule that denies
    pub denied_by: Option<AccessRule>,
    /// The least change by which that would not; left out where there is none
    pub remedy: Option<String>,
    /// Everything that has a say, in the order in which it is asked
    pub chain: Vec<AccessRule>,
}

/// Whether somebody may do it
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum AccessAnswer {
    /// They may
    Allowed,
    /// They may not
    Denied,
    /// It hangs on what is not known here
    Unknown,
}

/// What a rule says
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum AccessOutcome {
    /// Go on
    Allows,
    /// No
    Denies,
    /// It has nothing to say to this
    NotApplicable,
    /// It hangs on what is not known here
    Unknown,
}

/// A rule, and what it says
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct AccessRule {
    /// Its name, such as `valid_users` or `acl_entry`
    pub rule: String,
    /// Of which place; left out: of the share
    pub at: Option<String>,
    /// What it says
    pub outcome: AccessOutcome,
    /// Why
    pub because: String,
}

/// What can work on this machine, and what cannot
#[derive(Clone, Debug, PartialEq, Object)]
pub struct CapabilityPage {
    /// The features
    pub items: Vec<CapabilityVerdict>,
}

/// Whether something that a storage server does can work here
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct CapabilityVerdict {
    /// Which, such as `nfs_server`
    pub feature: String,
    /// How well
    pub level: CapabilityLevel,
    /// Why
    pub reason: String,
    /// What would help
    pub remedy: Option<String>,
}

/// How well something works
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum CapabilityLevel {
    /// It does
    Works,
    /// In part, or perhaps
    Degraded,
    /// It does not
    Impossible,
}

impl ExplainAccess {
    /// The operation.
    pub fn wish(&self) -> Answer<AccessExplain> {
        let from = self
            .address
            .as_ref()
            .map(|it| one("address", it))
            .transpose()?;
        let who = self.user.as_ref().map(|it| one("user", it)).transpose()?;
        Ok(AccessExplain {
            question: access::Question {
                who: who.map_or(Who::Guest, Who::User),
                by: match self.protocol.unwrap_or(ShareProtocol::Smb) {
                    ShareProtocol::Smb => access::Protocol::Smb,
                    ShareProtocol::Nfs => access::Protocol::Nfs,
                    ShareProtocol::Ftp => access::Protocol::Ftp,
                    ShareProtocol::Sftp => access::Protocol::Sftp,
                },
                from: from.map(|address| Machine {
                    address,
                    name: None,
                }),
                security: Security::Sys,
                share: one("share", &self.share)?,
                path: one("path", self.path.as_deref().unwrap_or_default())?,
                wish: match self.wish {
                    AccessWish::List => access::Wish::List,
                    AccessWish::Read => access::Wish::Read,
                    AccessWish::Write => access::Wish::Write,
                    AccessWish::Delete => access::Wish::Delete,
                },
            },
        })
    }
}

impl From<&Link> for AccessRule {
    fn from(it: &Link) -> AccessRule {
        AccessRule {
            rule: it.rule.code().to_owned(),
            at: it.at.clone(),
            outcome: match it.outcome {
                Outcome::Allows => AccessOutcome::Allows,
                Outcome::Denies => AccessOutcome::Denies,
                Outcome::NotApplicable => AccessOutcome::NotApplicable,
                Outcome::Unknown => AccessOutcome::Unknown,
            },
            because: it.because.clone(),
        }
    }
}

impl From<Explanation> for AccessExplanation {
    fn from(it: Explanation) -> AccessExplanation {
        AccessExplanation {
            answer: match it.answer {
                Inside::Allowed => AccessAnswer::Allowed,
                Inside::Denied => AccessAnswer::Denied,
                Inside::Unknown => AccessAnswer::Unknown,
            },
            denied_by: it.denied_by().map(AccessRule::from),
            remedy: it.remedy().map(ToString::to_string),
            chain: it.chain.iter().map(AccessRule::from).collect(),
        }
    }
}

impl From<&Verdict> for CapabilityVerdict {
    fn from(it: &Verdict) -> CapabilityVerdict {
        // The words of both are those that they are kept in.
        let feature = serde_json::to_value(it.feature);
        let feature = feature.ok().and_then(|it| it.as_str().map(str::to_owned));
        CapabilityVerdict {
            feature: feature.unwrap_or_default(),
            level: match it.level {
                Level::Works => CapabilityLevel::Works,
                Level::Degraded => CapabilityLevel::Degraded,
                Level::Impossible => CapabilityLevel::Impossible,
            },
            reason: it.reason.clone(),
            remedy: it.remedy.clone(),
        }
    }
}
