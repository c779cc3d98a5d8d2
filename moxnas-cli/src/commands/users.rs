//! Logins.

use moxnas_api::wire::{
    auth::NewPassword,
    users::{ChangeUser, UserPage},
};
use poem::http::Method;
use poem_openapi::types::MaybeUndefined;

use super::{all_pages, login, parse, show};
use crate::{
    cli::{UserTotpVerb, UserVerb},
    failure::Failure,
    print::Printer,
    transport::{Ask, Transport, segment},
};

pub(super) async fn user(
    transport: &Transport,
    verb: UserVerb,
    printer: &Printer,
) -> Result<(), Failure> {
    match verb {
        UserVerb::List => {
            let text = all_pages(transport, "/api/users").await?;
            match printer.is_json() {
                true => printer.json(&text),
                false => printer.users(&parse::<UserPage>(&text)?),
            }
            Ok(())
        }
        UserVerb::Show(user) => {
            let text = transport.raw(&Ask::get(path(&user.username))).await?;
            show(&text, printer)
        }
        UserVerb::Create {
            mut body,
            password_stdin,
            no_password,
        } => {
            if !no_password {
                body.password = Some(login::new_password(&body.username, password_stdin)?);
            }
            let ask = Ask::with_body(Method::POST, "/api/users", &body);
            show(&transport.raw(&ask).await?, printer)
        }
        UserVerb::Change {
            user,
            role,
            account,
            no_account,
        } => {
            let account = match (account, no_account) {
                (Some(account), _) => MaybeUndefined::Value(account),
                (None, true) => MaybeUndefined::Null,
                (None, false) => MaybeUndefined::Undefined,
            };
            let body = ChangeUser {
                role,
                account,
                ..ChangeUser::default()
            };
            change(transport, &user.username, &body, printer).await
        }
        UserVerb::Disable(user) => switch(transport, &user.username, true, printer).await,
        UserVerb::Enable(user) => switch(transport, &user.username, false, printer).await,
        UserVerb::Delete(user) => {
            let ask = Ask::bare(Method::DELETE, path(&user.username));
            transport.raw(&ask).await?;
            printer.note(&format!("{} is deleted", user.username));
            Ok(())
        }
        UserVerb::Totp(UserTotpVerb::Reset(user)) => {
            let path = format!("{}/totp", path(&user.username));
            transport.raw(&Ask::bare(Method::DELETE, path)).await?;
            printer.note(&format!("{} has no second factor any more", user.username));
            Ok(())
        }
        UserVerb::Passwd {
            username,
            password_stdin,
        } => {
            let password = login::new_password(&username, password_stdin)?;
            let path = format!("{}/password", path(&username));
            let ask = Ask::with_body(Method::PUT, path, &NewPassword { password });
            transport.raw(&ask).await?;
            printer.note(&format!(
                "{username} has another password, all its sessions have ended"
            ));
            Ok(())
        }
    }
}

fn path(username: &str) -> String {
    format!("/api/users/{}", segment(username))
}

async fn switch(
    transport: &Transport,
    username: &str,
    disabled: bool,
    printer: &Printer,
) -> Result<(), Failure> {
    let body = ChangeUser {
        disabled: Some(disabled),
        ..ChangeUser::default()
    };
    change(transport, username, &body, printer).await
}

async fn change(
    transport: &Transport,
    username: &str,
    body: &ChangeUser,
    printer: &Printer,
) -> Result<(), Failure> {
    let ask = Ask::with_body(Method::PATCH, path(username), body);
    show(&transport.raw(&ask).await?, printer)
}
