//! Sessions with a service.

use std::io::{IsTerminal, Read};

use moxnas_api::wire::auth::{ChangePassword, Login as Body, Tokens};
use poem::http::Method;

use crate::{
    cli::{Global, Login},
    failure::Failure,
    print::Printer,
    session::Session,
    transport::{Ask, Transport},
};

pub(super) async fn login(global: &Global, login: Login, printer: &Printer) -> Result<(), Failure> {
    let transport = Transport::open(global).await?;
    let server = transport.server().map(str::to_owned).ok_or_else(|| {
        Failure::with_hint(
            "there is nothing to log in to: this command needs no login",
            "name the service: moxnas --server http://127.0.0.1:8000 login",
        )
    })?;
    let password = password(
        &format!("Password of {} at {server}: ", login.username),
        login.password_stdin,
    )?;
    let mut body = Body {
        username: login.username,
        password,
        totp: login.totp,
        cookie: None,
    };
    let tokens = match begin(&transport, &body).await {
        Err(Failure::Problem(problem))
            if problem.code == "totp_required" && std::io::stdin().is_terminal() =>
        {
            let code = rpassword::prompt_password("Code of the second factor: ");
            body.totp = Some(code.map_err(unread)?);
            begin(&transport, &body).await?
        }
        done => done?,
    };
    let Tokens {
        token,
        refresh_token,
        user,
        ..
    } = tokens;
    let session = Session {
        server,
        token,
        refresh_token,
    };
    session
        .keep()
        .map_err(|err| Failure::Broken(format!("the session is not kept: {err}")))?;
    printer.note(&format!(
        "logged in as {} at {}",
        user.username, session.server
    ));
    Ok(())
}

async fn begin(transport: &Transport, body: &Body) -> Result<Tokens, Failure> {
    let ask = Ask::with_body(Method::POST, "/api/auth/login", body);
    transport.send(&ask).await
}

pub(super) async fn logout(global: &Global) -> Result<(), Failure> {
    let transport = Transport::open(global).await?;
    if transport.server().is_some() {
        match transport
            .raw(&Ask::bare(Method::POST, "/api/auth/logout"))
            .await
        {
            // It has ended already.
            Err(Failure::Problem(problem)) if problem.status == 401 => (),
            done => drop(done?),
        }
    }
    Session::forget().map_err(|err| Failure::Broken(format!("the session is still kept: {err}")))
}

pub(super) async fn change_password(
    transport: &Transport,
    from_stdin: bool,
    printer: &Printer,
) -> Result<(), Failure> {
    let (old, new) = match from_stdin {
        true => {
            let text = piped()?;
            let mut lines = text.lines();
            let mut next = || lines.next().unwrap_or_default().to_owned();
            (next(), next())
        }
        false => (
            password("Password so far: ", false)?,
            new_password("your login", false)?,
        ),
    };
    let body = ChangePassword { old, new };
    let ask = Ask::with_body(Method::POST, "/api/auth/password", &body);
    transport.raw(&ask).await?;
    printer.note("the password is another one, all other sessions have ended");
    Ok(())
}

/// From the terminal without showing it, or the first line of the standard input.
pub(super) fn password(prompt: &str, from_stdin: bool) -> Result<String, Failure> {
    if from_stdin {
        return Ok(piped()?.lines().next().unwrap_or_default().to_owned());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::with_hint(
            "there is no terminal to ask for the password",
            "send it to the standard input, with --password-stdin",
        ));
    }
    rpassword::prompt_password(prompt).map_err(unread)
}

fn piped() -> Result<String, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().take(4096).read_to_string(&mut text);
    read.map(|_| text).map_err(unread)
}

/// From the terminal twice, or from the standard input.
pub(super) fn new_password(username: &str, from_stdin: bool) -> Result<String, Failure> {
    let new = password(&format!("New password of {username}: "), from_stdin)?;
    if !from_stdin && new != password("Once more: ", false)? {
        return Err(Failure::refused("the two differ, nothing was changed"));
    }
    Ok(new)
}

fn unread(err: std::io::Error) -> Failure {
    Failure::Broken(format!("no password was read: {err}"))
}
