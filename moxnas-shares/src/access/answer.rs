//! The answer: a chain of rules, and which of them denies.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Remedy;

/// What has a say, in the order in which it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// There is such a share, and it is offered at present.
    Share,
    /// By this protocol.
    Offered,
    /// From this machine: `hosts allow` and `hosts deny`, or the clients of an export.
    Hosts,
    /// The export takes this way of saying who somebody is.
    Security,
    /// The account is one that the daemon lets in.
    Account,
    /// Guests are let in.
    Guests,
    /// Not among those who are never let in.
    InvalidUsers,
    /// Among those who are.
    ValidUsers,
    /// The share may be written to by them.
    ReadOnly,
    /// As whom the daemon goes on: forced users and groups, squashing.
    AsWhom,
    /// Groups that get lost on the way.
    Groups,
    /// The kernel has such numbers here.
    IdMap,
    /// A folder on the way may be gone through.
    Traverse,
    /// The path leads to something.
    Reach,
    /// What is there is of the kind that can be asked for this.
    Kind,
    /// Something is mounted on it, or on the way to it.
    Mounted,
    /// Owner, group and others.
    Mode,
    /// An entry of the access control list.
    AclEntry,
    /// The most that entries may say.
    AclMask,
    /// Only owners delete here.
    Sticky,
    /// chattr(1) says that it stays as it is.
    Attributes,
    /// The mount can be read only.
    MountReadOnly,
    /// There is room, also as far as a quota goes.
    Space,
}

impl Rule {
    /// A stable word.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Rule::Share => "share",
            Rule::Offered => "offered",
            Rule::Hosts => "hosts",
            Rule::Security => "security",
            Rule::Account => "account",
            Rule::Guests => "guests",
            Rule::InvalidUsers => "invalid_users",
            Rule::ValidUsers => "valid_users",
            Rule::ReadOnly => "read_only",
            Rule::AsWhom => "as_whom",
            Rule::Groups => "groups",
            Rule::IdMap => "id_map",
            Rule::Traverse => "traverse",
            Rule::Reach => "reach",
            Rule::Kind => "kind",
            Rule::Mounted => "mounted",
            Rule::Mode => "mode",
            Rule::AclEntry => "acl_entry",
            Rule::AclMask => "acl_mask",
            Rule::Sticky => "sticky",
            Rule::Attributes => "attributes",
            Rule::MountReadOnly => "mount_read_only",
            Rule::Space => "space",
        }
    }
}

/// What a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Go on.
    Allows,
    /// No.
    Denies,
    /// It has nothing to say to this.
    NotApplicable,
    /// It hangs on what is not known here.
    Unknown,
}

/// A rule, and what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Which.
    pub rule: Rule,
    /// Of which place; `None`: of the share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// What it says.
    pub outcome: Outcome,
    /// Why, for people.
    pub because: String,
    /// The least change by which it would not deny. Where it denies and there is none, what is
    /// asked for makes no sense, or nothing that can be said in general would help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<Remedy>,
}

/// Whether it may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Yes.
    Allowed,
    /// No.
    Denied,
    /// It hangs on what is not known here.
    Unknown,
}

/// The answer to a question, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// Whether it may be done.
    pub answer: Answer,
    /// Everything that has a say. What cannot be told without what denies before it is not in it.
    pub chain: Vec<Link>,
}

impl Explanation {
    /// Whether it may be done for certain.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.answer == Answer::Allowed
    }

    /// The first that denies.
    #[must_use]
    pub fn denied_by(&self) -> Option<&Link> {
        self.chain.iter().find(|it| it.outcome == Outcome::Denies)
    }

    /// The least change by which that would not.
    #[must_use]
    pub fn remedy(&self) -> Option<&Remedy> {
        self.denied_by()?.remedy.as_ref()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Outcome::Allows => "allows",
            Outcome::Denies => "denies",
            Outcome::NotApplicable => "says nothing",
            Outcome::Unknown => "is not known",
        })
    }
}

/// A chain while it is made.
#[derive(Debug, Default)]
pub(super) struct Chain(Vec<Link>);

impl Chain {
    pub(super) fn allow(&mut self, rule: Rule, because: impl Into<String>) {
        self.push(rule, Outcome::Allows, because.into(), None);
    }

    pub(super) fn skip(&mut self, rule: Rule, because: impl Into<String>) {
        self.push(rule, Outcome::NotApplicable, because.into(), None);
    }

    pub(super) fn unknown(&mut self, rule: Rule, because: impl Into<String>) {
        self.push(rule, Outcome::Unknown, because.into(), None);
    }

    pub(super) fn deny(
        &mut self,
        rule: Rule,
        because: impl Into<String>,
        remedy: impl Into<Option<Remedy>>,
    ) {
        self.push(rule, Outcome::Denies, because.into(), remedy.into());
    }

    fn push(&mut self, rule: Rule, outcome: Outcome, because: String, remedy: Option<Remedy>) {
        self.0.push(Link {
            rule,
            at: None,
            outcome,
            because,
            remedy,
        });
    }

    /// What was said last is about this place.
    pub(super) fn at(&mut self, path: &str) {
        if let Some(link) = self.0.last_mut() {
            link.at = Some(path.to_owned());
        }
    }

    pub(super) fn end(self) -> Explanation {
        let any = |outcome| self.0.iter().any(|it| it.outcome == outcome);
        let answer = match (any(Outcome::Denies), any(Outcome::Unknown)) {
            (true, _) => Answer::Denied,
            (false, true) => Answer::Unknown,
            (false, false) => Answer::Allowed,
        };
        Explanation {
            answer,
            chain: self.0,
        }
    }
}
