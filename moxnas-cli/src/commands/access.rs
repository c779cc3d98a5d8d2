//! Sessions, API keys and the second factor of one's own login.

use moxnas_api::wire::{
    api_keys::{ApiKeyPage, NewApiKey},
    auth::{ConfirmTotp, DisableTotp, EnrolTotp, RecoveryCodes, TotpSecret},
    sessions::SessionPage,
};
use poem::http::Method;

use super::{all_pages, login, parse, show};
use crate::{
    cli::{KeyVerb, SessionVerb, TotpVerb},
    failure::Failure,
    print::Printer,
    transport::{Ask, Transport, segment},
};

const OWN_SESSIONS: &str = "/api/auth/sessions";

pub(super) async fn session(
    transport: &Transport,
    verb: SessionVerb,
    printer: &Printer,
) -> Result<(), Failure> {
    let base = |username: Option<String>| match username {
        Some(username) => format!("/api/users/{}/sessions", segment(&username)),
        None => OWN_SESSIONS.to_owned(),
    };
    match verb {
        SessionVerb::List { username } => {
            let text = transport.raw(&Ask::get(base(username))).await?;
            match printer.is_json() {
                true => printer.json(&text),
                false => printer.sessions(&parse::<SessionPage>(&text)?),
            }
        }
        SessionVerb::Revoke {
            session, username, ..
        } => {
            let path = match session {
                Some(session) => format!("{}/{}", base(username), segment(&session)),
                None => base(username),
            };
            transport.raw(&Ask::bare(Method::DELETE, path)).await?;
            printer.note("ended");
        }
    }
    Ok(())
}

pub(super) async fn key(
    transport: &Transport,
    verb: KeyVerb,
    printer: &Printer,
) -> Result<(), Failure> {
    match verb {
        KeyVerb::List => {
            let text = all_pages(transport, "/api/api-keys").await?;
            match printer.is_json() {
                true => printer.json(&text),
                false => printer.keys(&parse::<ApiKeyPage>(&text)?),
            }
        }
        KeyVerb::Create(body) => {
            let ask = Ask::with_body(Method::POST, "/api/api-keys", &body);
            let text = transport.raw(&ask).await?;
            if printer.is_json() {
                printer.json(&text);
                return Ok(());
            }
            let made: NewApiKey = parse(&text)?;
            // Alone on the standard output, for scripts.
            printer.line(&made.secret);
            printer.note(&format!(
                "the key {} of {}: it is not shown again",
                made.key.id, made.key.username
            ));
        }
        KeyVerb::Delete { key } => {
            let path = format!("/api/api-keys/{key}");
            transport.raw(&Ask::bare(Method::DELETE, path)).await?;
            printer.note(&format!("the key {key} has ended"));
        }
    }
    Ok(())
}

pub(super) async fn totp(
    transport: &Transport,
    verb: TotpVerb,
    printer: &Printer,
) -> Result<(), Failure> {
    const PATH: &str = "/api/auth/totp";
    match verb {
        TotpVerb::Enrol { password_stdin } => {
            let password = login::password("Password: ", password_stdin)?;
            let ask = Ask::with_body(Method::POST, PATH, &EnrolTotp { password });
            let text = transport.raw(&ask).await?;
            show(&text, printer)?;
            parse::<TotpSecret>(&text)?;
            printer.note("give it to the app, then: moxnas totp confirm CODE");
        }
        TotpVerb::Confirm { code } => {
            let ask = Ask::with_body(
                Method::POST,
                format!("{PATH}/confirm"),
                &ConfirmTotp { code },
            );
            let text = transport.raw(&ask).await?;
            if printer.is_json() {
                printer.json(&text);
                return Ok(());
            }
            let codes: RecoveryCodes = parse(&text)?;
            printer.line(&codes.recovery_codes.join("\n"));
            printer.note("each works once in place of a code; they are not shown again");
        }
        TotpVerb::Disable {
            code,
            password_stdin,
        } => {
            let password = login::password("Password: ", password_stdin)?;
            let body = DisableTotp { password, code };
            let ask = Ask::with_body(Method::DELETE, PATH, &body);
            transport.raw(&ask).await?;
            printer.note("the login has no second factor any more");
        }
    }
    Ok(())
}
