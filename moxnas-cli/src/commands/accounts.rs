//! Users and groups of the machine.

use moxnas_api::wire::accounts::{Account, AccountNewPassword, AccountPage, Group, GroupPage};
use poem::http::Method;
use poem_openapi::types::ToJSON;
use serde_json::Value;

use super::{all_pages, login, parse};
use crate::{
    cli::{AccountSambaVerb, AccountVerb, Global, GroupVerb},
    confirm::{Outcome, Wish, carry_out},
    failure::Failure,
    print::Printer,
    transport::{Ask, Transport, segment},
};

const USERS: &str = "/api/accounts/users";
const GROUPS: &str = "/api/accounts/groups";

fn list(of: &str, system: bool) -> String {
    match system {
        true => format!("{of}?system=true"),
        false => of.to_owned(),
    }
}

pub(super) async fn account(
    transport: &Transport,
    global: &Global,
    verb: AccountVerb,
    printer: &Printer,
) -> Result<(), Failure> {
    let path = |user: &str, rest: &str| format!("{USERS}/{}{rest}", segment(user));
    let of = |operation: &str, method: Method, user: &str, rest: &str, body: Option<Value>| {
        Wish::new(operation, method, path(user, rest), &[("user", user)], body)
    };
    let new_password = |user: &str, from_stdin: bool, must_change: Option<bool>| {
        let password = login::new_password(user, from_stdin)?;
        let body = AccountNewPassword {
            password,
            must_change,
        };
        Ok::<_, Failure>(body.to_json())
    };
    let wish = match verb {
        AccountVerb::List { system } => {
            let text = all_pages(transport, &list(USERS, system)).await?;
            match printer.is_json() {
                true => printer.json(&text),
                false => printer.accounts(&parse::<AccountPage>(&text)?),
            }
            return Ok(());
        }
        AccountVerb::Show { user } => {
            let text = transport.raw(&Ask::get(path(&user, ""))).await?;
            return shown(&text, printer);
        }
        AccountVerb::Create {
            mut body,
            password_stdin,
            no_password,
        } => {
            if !no_password {
                body.password = Some(login::new_password(&body.name, password_stdin)?);
            }
            let at = USERS.to_owned();
            Wish::new("account_create", Method::POST, at, &[], body.to_json())
        }
        AccountVerb::Set { user, body } => {
            of("account_set", Method::PATCH, &user, "", body.to_json())
        }
        AccountVerb::Passwd {
            user,
            password_stdin,
            must_change,
        } => {
            let body = new_password(&user, password_stdin, must_change.then_some(true))?;
            of("account_passwd", Method::PUT, &user, "/password", body)
        }
        AccountVerb::Samba(AccountSambaVerb::Add {
            user,
            password_stdin,
        }) => {
            let body = new_password(&user, password_stdin, None)?;
            of("account_samba_add", Method::PUT, &user, "/samba", body)
        }
        AccountVerb::Samba(AccountSambaVerb::Remove { user }) => of(
            "account_samba_remove",
            Method::DELETE,
            &user,
            "/samba",
            None,
        ),
        AccountVerb::Delete { user } => of("account_delete", Method::DELETE, &user, "", None),
        AccountVerb::Adopt { user } => of("account_adopt", Method::POST, &user, "/adopt", None),
    };
    match carry_out(transport, global, printer, wish).await? {
        Outcome::Done(text) if !text.is_empty() => shown(&text, printer),
        Outcome::Done(_) | Outcome::Planned => Ok(()),
    }
}

fn shown(text: &str, printer: &Printer) -> Result<(), Failure> {
    match printer.is_json() {
        true => printer.json(text),
        false => printer.account(&parse::<Account>(text)?),
    }
    Ok(())
}

pub(super) async fn group(
    transport: &Transport,
    global: &Global,
    verb: GroupVerb,
    printer: &Printer,
) -> Result<(), Failure> {
    let of = |operation: &str, method: Method, group: &str, rest: &str, body: Option<Value>| {
        let path = format!("{GROUPS}/{}{rest}", segment(group));
        Wish::new(operation, method, path, &[("group", group)], body)
    };
    let wish = match verb {
        GroupVerb::List { system } => {
            let text = all_pages(transport, &list(GROUPS, system)).await?;
            match printer.is_json() {
                true => printer.json(&text),
                false => printer.groups(&parse::<GroupPage>(&text)?.items),
            }
            return Ok(());
        }
        GroupVerb::Create(body) => {
            let at = GROUPS.to_owned();
            Wish::new("group_create", Method::POST, at, &[], body.to_json())
        }
        GroupVerb::Members { group, body } => {
            let body = body.to_json();
            of("group_members", Method::POST, &group, "/members", body)
        }
        GroupVerb::Delete { group } => of("group_delete", Method::DELETE, &group, "", None),
        GroupVerb::Adopt { group } => of("group_adopt", Method::POST, &group, "/adopt", None),
    };
    let text = match carry_out(transport, global, printer, wish).await? {
        Outcome::Done(text) if !text.is_empty() => text,
        Outcome::Done(_) | Outcome::Planned => return Ok(()),
    };
    match printer.is_json() {
        true => printer.json(&text),
        false => printer.groups(&[parse::<Group>(&text)?]),
    }
    Ok(())
}
