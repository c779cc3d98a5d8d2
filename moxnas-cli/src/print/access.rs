//! Logins, sessions and API keys for people.

use moxnas_api::wire::{
    api_keys::ApiKeyPage,
    sessions::{SessionKind, SessionPage},
    users::UserPage,
};
use poem_openapi::types::ToJSON;

use super::lines;

/// A value as the wire has it, without quotes; `-` where there is none.
fn text(value: &impl ToJSON) -> String {
    match value.to_json() {
        Some(serde_json::Value::String(text)) => text,
        Some(serde_json::Value::Null) | None => "-".to_owned(),
        Some(other) => other.to_string(),
    }
}

fn yes(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

/// All logins, one a line.
pub(super) fn users(page: &UserPage) -> String {
    let mut table = super::table(&[
        "NAME",
        "ROLE",
        "DISABLED",
        "PASSWORD",
        "TOTP",
        "ACCOUNT",
        "LAST LOGIN",
    ]);
    for it in &page.items {
        table.add_row([
            it.username.clone(),
            text(&it.role),
            yes(it.disabled).to_owned(),
            yes(it.has_password).to_owned(),
            yes(it.totp).to_owned(),
            text(&it.account),
            text(&it.last_login_at),
        ]);
    }
    lines(&table)
}

/// All sessions, one a line.
pub(super) fn sessions(page: &SessionPage) -> String {
    if page.items.is_empty() {
        return "there are no sessions".to_owned();
    }
    let mut table = super::table(&["ID", "KIND", "FROM", "BEGUN", "LAST SEEN", "CLIENT"]);
    for it in &page.items {
        let kind = match it.kind {
            SessionKind::Token => "token",
            SessionKind::Cookie => "cookie",
        };
        let kind = match it.current {
            true => format!("{kind}, this one"),
            false => kind.to_owned(),
        };
        table.add_row([
            it.id.clone(),
            kind,
            text(&it.address),
            text(&it.created_at),
            text(&it.last_seen_at),
            text(&it.user_agent),
        ]);
    }
    lines(&table)
}

/// All keys, one a line.
pub(super) fn keys(page: &ApiKeyPage) -> String {
    if page.items.is_empty() {
        return "there are no keys".to_owned();
    }
    let mut table = super::table(&[
        "ID",
        "NAME",
        "PREFIX",
        "OWNER",
        "ROLE",
        "SCOPES",
        "NETWORKS",
        "EXPIRES",
        "LAST USED",
    ]);
    for it in &page.items {
        let networks = match it.networks.as_slice() {
            [] => "all".to_owned(),
            some => some.join(" "),
        };
        table.add_row([
            it.id.to_string(),
            it.name.clone(),
            it.prefix.clone(),
            it.username.clone(),
            text(&it.role),
            it.scopes.join(" "),
            networks,
            text(&it.expires_at),
            text(&it.last_used_at),
        ]);
    }
    lines(&table)
}
