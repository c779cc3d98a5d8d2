//! Logins, as administrators see them.

use moxnas_app::{
    auth::{LoginChange, LoginWish, Secret},
    ops::users::Part,
    store::Login,
};
use poem_openapi::{Object, types::MaybeUndefined};
use serde::{Serialize, Serializer};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{auth::Role, timestamp};

/// A login, as administrators see it
#[derive(Clone, Debug, PartialEq, Eq, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub struct UserAccount {
    /// Its number
    pub id: i64,
    /// Its name
    pub username: String,
    /// What it may do
    pub role: Role,
    /// It cannot log in, and nothing that was issued to it works
    pub disabled: bool,
    /// There is a password to log in with
    pub has_password: bool,
    /// A second factor is asked for
    pub totp: bool,
    /// The account of the system that belongs to it; left out if there is none
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// When it was made
    #[serde(serialize_with = "rfc3339")]
    pub created_at: OffsetDateTime,
    /// When role, password, account or `disabled` last changed
    #[serde(serialize_with = "rfc3339")]
    pub updated_at: OffsetDateTime,
    /// When somebody last logged in with it; left out if nobody ever did
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "rfc3339_if_known"
    )]
    pub last_login_at: Option<OffsetDateTime>,
}

/// A page of logins
#[derive(Clone, Debug, PartialEq, Eq, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub struct UserPage {
    /// The logins, by name
    pub items: Vec<UserAccount>,
    /// The `cursor` of the next page; left out on the last one
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A login to be made
#[derive(Clone, PartialEq, Eq, Object, clap::Args)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct CreateUser {
    /// Its name: 1 to 32 of a-z, 0-9, `.`, `_` and `-`
    #[oai(validator(max_length = 32, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$"))]
    pub username: String,
    /// What it may do
    #[arg(long, value_enum)]
    pub role: Role,
    /// Its password, 12 characters or more; without one nobody can log in with it yet
    #[oai(validator(max_length = 1024))]
    #[arg(skip)]
    pub password: Option<String>,
    /// The account of the system that belongs to it
    #[oai(validator(max_length = 64))]
    #[arg(long)]
    pub account: Option<String>,
}

/// What is to be different about a login; what is left out stays
#[derive(Clone, Debug, Default, PartialEq, Eq, Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct ChangeUser {
    /// What it may do
    pub role: Option<Role>,
    /// Let it in no more: all its sessions and API keys end at once
    pub disabled: Option<bool>,
    /// The account of the system that belongs to it; null for none
    #[oai(validator(max_length = 64), skip_serializing_if_is_none = false)]
    pub account: MaybeUndefined<String>,
}

impl std::fmt::Debug for CreateUser {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreateUser")
            .field("username", &self.username)
            .field("role", &self.role)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

fn rfc3339<S: Serializer>(at: &OffsetDateTime, serializer: S) -> Result<S::Ok, S::Error> {
    let text = at.format(&Rfc3339).map_err(serde::ser::Error::custom)?;
    serializer.serialize_str(&text)
}

fn rfc3339_if_known<S: Serializer>(
    at: &Option<OffsetDateTime>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => rfc3339(at, serializer),
        None => serializer.serialize_none(),
    }
}

impl From<Login> for UserAccount {
    fn from(it: Login) -> UserAccount {
        let Login {
            id,
            username,
            role,
            disabled,
            has_password,
            has_totp,
            account,
            last_login_at,
            created_at,
            updated_at,
        } = it;
        UserAccount {
            id,
            username,
            role: role.into(),
            disabled,
            has_password,
            totp: has_totp,
            account,
            created_at: timestamp(created_at),
            updated_at: timestamp(updated_at),
            last_login_at: last_login_at.map(timestamp),
        }
    }
}

impl From<&Part<Login>> for UserPage {
    fn from(it: &Part<Login>) -> UserPage {
        let last = it.items.last().filter(|_| it.is_cut);
        UserPage {
            next: last.map(|it| it.username.clone()),
            items: it.items.iter().cloned().map(UserAccount::from).collect(),
        }
    }
}

impl From<CreateUser> for LoginWish {
    fn from(it: CreateUser) -> LoginWish {
        let CreateUser {
            username,
            role,
            password,
            account,
        } = it;
        LoginWish {
            username,
            role: role.into(),
            password: password.map(Secret::from),
            account,
        }
    }
}

impl From<ChangeUser> for LoginChange {
    fn from(it: ChangeUser) -> LoginChange {
        let ChangeUser {
            role,
            disabled,
            account,
        } = it;
        LoginChange {
            role: role.map(moxnas_app::Role::from),
            disabled,
            account: match account {
                MaybeUndefined::Undefined => None,
                MaybeUndefined::Null => Some(None),
                MaybeUndefined::Value(account) => Some(Some(account)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use poem_openapi::types::{ParseFromJSON, ToJSON};

    use super::*;

    /// The list is written by serde, because that is faster; it is what the document says.
    #[test]
    fn both_ways_of_writing_a_page_give_the_same() {
        // Neither whole seconds nor whole milliseconds.
        let later = SystemTime::UNIX_EPOCH + Duration::from_micros(1_800_000_000_123_456);
        let login = |account: Option<&str>, last: Option<SystemTime>| Login {
            id: 7,
            username: "ann".to_owned(),
            role: moxnas_app::Role::Operator,
            disabled: false,
            has_password: true,
            has_totp: false,
            account: account.map(str::to_owned),
            last_login_at: last,
            created_at: SystemTime::UNIX_EPOCH,
            updated_at: later,
        };
        for is_cut in [false, true] {
            let items = vec![login(None, None), login(Some("a"), Some(later))];
            let page = UserPage::from(&Part { items, is_cut });
            let text = serde_json::to_string(&page).unwrap();
            assert_eq!(Some(serde_json::from_str(&text).unwrap()), page.to_json());
            assert_eq!(UserPage::parse_from_json_string(&text).unwrap(), page);
        }
    }
}
