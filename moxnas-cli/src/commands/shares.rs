//! Shares.

use clap::Args;
use moxnas_api::wire::{
    access::AccessExplanation,
    services::ShareSessionPage,
    shares::{ShareGenerationPage, SharePage, ShareStatus},
};
use poem::http::Method;
use poem_openapi::types::ToJSON;
use serde_json::Value;

use super::{all_pages, parse};
use crate::{
    cli::{FaceVerb, Global, SettingsVerb, ShareSessionVerb, ShareVerb},
    confirm::{Outcome, Wish, carry_out},
    failure::Failure,
    print::Printer,
    transport::{Ask, Transport, segment},
};

const SHARES: &str = "/api/shares";

/// What is done with a command: something is shown, or changed.
enum Doing {
    /// A list or a thing is shown, as it is at this path.
    Show(String, Shape),
    /// A change, whose answer is a thing of this shape.
    Change(Box<Wish>, Shape),
}

/// How an answer is shown to people.
#[derive(Clone, Copy)]
enum Shape {
    /// All shares.
    Shares,
    /// The shares of a protocol, by its word.
    Faces(&'static str),
    /// What is served, held against what is meant.
    Status,
    /// What one can go back to.
    Generations,
    /// Who is connected.
    Sessions,
    /// Whether somebody may do something.
    Explanation,
    /// Whatever it is, line by line.
    Outline,
}

pub(super) async fn share(
    transport: &Transport,
    global: &Global,
    verb: ShareVerb,
    printer: &Printer,
) -> Result<(), Failure> {
    let at = |rest: &str| format!("{SHARES}{rest}");
    let post = |operation: &str, rest: &str, body: Option<Value>| {
        let wish = Wish::new(operation, Method::POST, at(rest), &[], body);
        Doing::Change(Box::new(wish), Shape::Status)
    };
    let doing = match verb {
        ShareVerb::List => Doing::Show(at(""), Shape::Shares),
        ShareVerb::Show { share } => {
            Doing::Show(at(&format!("/named/{}", segment(&share))), Shape::Outline)
        }
        ShareVerb::Delete { share } => {
            let path = at(&format!("/named/{}", segment(&share)));
            let named = [("share", share.as_str())];
            let wish = Wish::new("share_delete", Method::DELETE, path, &named, None);
            Doing::Change(Box::new(wish), Shape::Outline)
        }
        ShareVerb::Smb(verb) => face("smb", verb),
        ShareVerb::Nfs(verb) => face("nfs", verb),
        ShareVerb::Ftp(verb) => face("ftp", verb),
        ShareVerb::Sftp(verb) => face("sftp", verb),
        ShareVerb::Settings(verb) => settings(verb),
        ShareVerb::Explain(body) => {
            let ask = Ask::with_body(Method::POST, at("/explain-access"), &body);
            return shown(&transport.raw(&ask).await?, Shape::Explanation, printer);
        }
        ShareVerb::Session(ShareSessionVerb::List) => {
            Doing::Show(at("/sessions?fresh=true"), Shape::Sessions)
        }
        ShareVerb::Session(ShareSessionVerb::End { session }) => {
            let path = at(&format!("/sessions/{}", segment(&session)));
            let named = [("session", session.as_str())];
            let wish = Wish::new("share_session_end", Method::DELETE, path, &named, None);
            Doing::Change(Box::new(wish), Shape::Outline)
        }
        ShareVerb::Status => Doing::Show(at("/status"), Shape::Status),
        ShareVerb::Reconcile => post("share_reconcile", "/reconcile", None),
        ShareVerb::Import(body) => post("share_import", "/import", body.to_json()),
        ShareVerb::Generations => Doing::Show(at("/generations"), Shape::Generations),
        ShareVerb::Revert { number } => {
            let path = at(&format!("/generations/{number}/revert"));
            let number = number.to_string();
            let named = [("number", number.as_str())];
            let operation = "share_generation_revert";
            let wish = Wish::new(operation, Method::POST, path, &named, None);
            Doing::Change(Box::new(wish), Shape::Status)
        }
        ShareVerb::Render(_) | ShareVerb::Read(_) => return Ok(()),
    };
    match doing {
        Doing::Show(at, shape) => {
            let text = match shape {
                Shape::Shares | Shape::Faces(_) => all_pages(transport, &at).await?,
                _ => transport.raw(&Ask::get(at)).await?,
            };
            shown(&text, shape, printer)
        }
        Doing::Change(wish, shape) => match carry_out(transport, global, printer, *wish).await? {
            Outcome::Planned => Ok(()),
            Outcome::Done(text) if text.is_empty() => Ok(()),
            Outcome::Done(text) => shown(&text, shape, printer),
        },
    }
}

fn face<C: Args + ToJSON, S: Args + ToJSON>(protocol: &'static str, verb: FaceVerb<C, S>) -> Doing {
    let all = format!("{SHARES}/{protocol}");
    let of = |operation: &str, method: Method, share: &str, body: Option<Value>| {
        let path = format!("{all}/{}", segment(share));
        let operation = format!("{protocol}_share_{operation}");
        let wish = Wish::new(&operation, method, path, &[("share", share)], body);
        Doing::Change(Box::new(wish), Shape::Outline)
    };
    match verb {
        FaceVerb::List => Doing::Show(all.clone(), Shape::Faces(protocol)),
        FaceVerb::Show { share } => {
            Doing::Show(format!("{all}/{}", segment(&share)), Shape::Outline)
        }
        FaceVerb::Create(body) => {
            let operation = format!("{protocol}_share_create");
            let wish = Wish::new(&operation, Method::POST, all.clone(), &[], body.to_json());
            Doing::Change(Box::new(wish), Shape::Outline)
        }
        FaceVerb::Set { share, body } => of("set", Method::PATCH, &share, body.to_json()),
        FaceVerb::Delete { share } => of("delete", Method::DELETE, &share, None),
    }
}

fn settings(verb: SettingsVerb) -> Doing {
    let at = |protocol: &str| format!("{SHARES}/settings/{protocol}");
    let of = |protocol: &str, body: Option<Value>| {
        let operation = format!("{protocol}_settings_set");
        let wish = Wish::new(&operation, Method::PATCH, at(protocol), &[], body);
        Doing::Change(Box::new(wish), Shape::Outline)
    };
    match verb {
        SettingsVerb::Show { protocol } => Doing::Show(at(&protocol), Shape::Outline),
        SettingsVerb::Smb(body) => of("smb", body.to_json()),
        SettingsVerb::Nfs(body) => of("nfs", body.to_json()),
        SettingsVerb::Ftp(body) => of("ftp", body.to_json()),
        SettingsVerb::Discovery(body) => of("discovery", body.to_json()),
    }
}

fn shown(text: &str, shape: Shape, printer: &Printer) -> Result<(), Failure> {
    if printer.is_json() {
        printer.json(text);
        return Ok(());
    }
    match shape {
        Shape::Shares => printer.shares(&parse::<SharePage>(text)?),
        Shape::Faces(protocol) => printer.faces(protocol, &value(text)?),
        Shape::Status => printer.share_status(&parse::<ShareStatus>(text)?),
        Shape::Generations => printer.share_generations(&parse::<ShareGenerationPage>(text)?),
        Shape::Sessions => printer.share_sessions(&parse::<ShareSessionPage>(text)?),
        Shape::Explanation => printer.explanation(&parse::<AccessExplanation>(text)?),
        Shape::Outline => printer.outline(&value(text)?),
    }
    Ok(())
}

fn value(text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text).map_err(|err| Failure::Broken(err.to_string()))
}
