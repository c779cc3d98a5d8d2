//! The paths: four-line handlers, one noun a file. Everything they know is how to get from the
//! wire to an operation and back.

pub mod access;
pub mod accounts;
pub mod api_keys;
pub mod arrays;
pub mod audit;
pub mod auth;
pub mod datasets;
pub mod disks;
pub mod events;
pub mod expected;
pub mod jobs;
pub mod plans;
pub mod pools;
pub mod schedules;
pub mod services;
pub mod shares;
pub mod simulation;
pub mod system;
pub mod targets;
pub mod users;

use bytes::Bytes;
use moxnas_app::{app::Look, operation::Terms};
use poem_openapi::{Tags, types::ToJSON};

use crate::{
    Shared,
    cached::{Cached, JsonBytes},
    pages::Of,
    problem::{Answer, Problem},
};

/// The chapters of the document.
#[derive(Tags)]
enum Tag {
    /// Who may, and for how long
    Auth,
    /// Logins and API keys
    Users,
    /// What machine this is, and how it is
    System,
    /// Whole disks and what is on them
    Disks,
    /// md arrays and their members
    Arrays,
    /// Filesystems and where they are mounted
    Pools,
    /// What is offered to the network, and to whom
    Shares,
    /// The daemons that serve
    Services,
    /// Users and groups of the machine, and what Samba knows of them
    Accounts,
    /// What would be done, before it is done
    Plans,
    /// What happens
    Events,
    /// Work that goes on after its request was answered
    Jobs,
    /// What runs by itself, and when
    Schedules,
    /// Who did what
    Audit,
}

/// How many items a page has if the caller does not say.
const PAGE: usize = 100;
/// How many items a page may have.
pub(crate) const PAGE_MAX: usize = 1000;

/// Which part of a list the caller wants.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Page {
    limit: usize,
    cursor: Option<String>,
}

impl Page {
    pub(crate) fn new(limit: Option<usize>, cursor: Option<String>) -> Answer<Page> {
        match limit.unwrap_or(PAGE) {
            limit @ 1..=PAGE_MAX => Ok(Page { limit, cursor }),
            _ => Err(Problem::invalid(format!("`limit` is from 1 to {PAGE_MAX}"))
                .field("limit", format!("from 1 to {PAGE_MAX}"))),
        }
    }

    /// The items of the page, and where the next one begins. The cursor is the key of the last
    /// item, so that what comes and goes meanwhile neither doubles nor hides the others.
    fn cut<T>(&self, all: Vec<T>, key: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
        let keyed = all.into_iter().map(|it| (key(&it), it));
        let after = |key: &str| self.cursor.as_deref().is_none_or(|cursor| key > cursor);
        let mut rest: Vec<(String, T)> = keyed.filter(|(key, _)| after(key)).collect();
        rest.sort_by(|(one, _), (other, _)| one.cmp(other));
        self.take(rest.into_iter().map(|(_, it)| it), key)
    }

    /// The same of a list that is in order already and begins behind the cursor: of tens of thousands
    /// nothing is touched but what is on the page.
    fn take<T>(
        &self,
        mut rest: impl Iterator<Item = T>,
        key: impl Fn(&T) -> String,
    ) -> (Vec<T>, Option<String>) {
        let items: Vec<T> = rest.by_ref().take(self.limit).collect();
        let next = rest.next().and(items.last()).map(key);
        (items, next)
    }
}

/// The last look, or a new one if the caller insists.
fn look(fresh: Option<bool>) -> Look {
    match fresh {
        Some(true) => Look::Fresh,
        Some(false) | None => Look::Last,
    }
}

/// The page of a list, made once for each state of what is on it.
fn page<T: ToJSON>(
    app: &Shared,
    list: impl Into<String>,
    page: &Page,
    of: Of,
    make: impl FnOnce() -> T,
) -> Cached<T> {
    let make = || Bytes::from(make().to_json_string());
    let (text, tag) = app.pages.get(list, page, of, make);
    Cached::new(JsonBytes::new(text), tag)
}

fn terms(confirm: Option<String>, if_match: Option<String>) -> Answer<Terms> {
    let bad = |err: moxnas_core::plan::BadFingerprint| {
        Problem::invalid(format!("X-Confirm-Plan: {err}")).field("X-Confirm-Plan", err.to_string())
    };
    let confirm = confirm.map(|it| it.parse().map_err(bad)).transpose()?;
    Ok(Terms { confirm, if_match })
}
