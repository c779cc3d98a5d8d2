//! Arrays.

use moxnas_api::wire::{
    arrays::{Array, ArrayPage},
    expected::{AcceptExpected, ExpectedPage},
};
use poem::http::Method;
use poem_openapi::types::ToJSON;
use serde_json::Value;

use super::{all_pages, jobs, name_of, parse};
use crate::{
    cli::{ArrayVerb, Global, MemberName},
    confirm::{Outcome, Wish, carry_out},
    failure::Failure,
    print::Printer,
    transport::{Ask, Transport, segment},
};

const ARRAYS: &str = "/api/storage/arrays";

pub(super) async fn array(
    transport: &Transport,
    global: &Global,
    verb: ArrayVerb,
    printer: &Printer,
) -> Result<(), Failure> {
    let wish = match verb {
        ArrayVerb::List => {
            let text = all_pages(transport, ARRAYS).await?;
            match printer.is_json() {
                true => printer.json(&text),
                false => printer.arrays(&parse::<ArrayPage>(&text)?),
            }
            return Ok(());
        }
        ArrayVerb::Show(it) => {
            let text = transport.raw(&Ask::get(path(&it.array, ""))).await?;
            return shown(&text, printer);
        }
        ArrayVerb::Expected => {
            let ask = Ask::get(format!("{ARRAYS}/expected"));
            return expected(&transport.raw(&ask).await?, printer);
        }
        ArrayVerb::Accept(it) => {
            let body = AcceptExpected {
                array: it.array,
                all: it.all.then_some(true),
            };
            let at = format!("{ARRAYS}/expected/accept");
            let ask = Ask::with_body(Method::POST, at, &body);
            return expected(&transport.raw(&ask).await?, printer);
        }
        ArrayVerb::Create(body) => Wish::new(
            "array_create",
            Method::POST,
            ARRAYS.to_owned(),
            &[],
            body.to_json(),
        ),
        ArrayVerb::Delete(it) => {
            let at = path(&it.array, "");
            Wish::new(
                "array_delete",
                Method::DELETE,
                at,
                &[("array", &it.array)],
                None,
            )
        }
        ArrayVerb::Stop(it) => {
            let at = path(&it.array, "/stop");
            Wish::new(
                "array_stop",
                Method::POST,
                at,
                &[("array", &it.array)],
                None,
            )
        }
        ArrayVerb::Assemble(body) => {
            let at = format!("{ARRAYS}/assemble");
            Wish::new("array_assemble", Method::POST, at, &[], body.to_json())
        }
        ArrayVerb::Add { array, body } => {
            let at = path(&array.array, "/members");
            Wish::new(
                "member_add",
                Method::POST,
                at,
                &[("array", &array.array)],
                body.to_json(),
            )
        }
        ArrayVerb::ReAdd(it) => member("member_re_add", Method::POST, &it, "/re-add", None),
        ArrayVerb::Grow { array, body } => {
            let at = path(&array.array, "/grow");
            let named = [("array", array.array.as_str())];
            Wish::new("array_grow", Method::POST, at, &named, body.to_json())
        }
        ArrayVerb::Set { array, body } => {
            let at = path(&array.array, "");
            let named = [("array", array.array.as_str())];
            Wish::new("array_set", Method::PATCH, at, &named, body.to_json())
        }
        ArrayVerb::MoveSpare => {
            let at = format!("{ARRAYS}/move-spare");
            Wish::new("spare_move", Method::POST, at, &[], None)
        }
        ArrayVerb::Fail(it) => member("member_fail", Method::POST, &it, "/fail", None),
        ArrayVerb::Remove(it) => member("member_remove", Method::DELETE, &it, "", None),
        ArrayVerb::Replace { member: it, body } => member(
            "member_replace",
            Method::POST,
            &it,
            "/replace",
            body.to_json(),
        ),
        ArrayVerb::Scrub {
            array,
            body,
            patience,
        } => {
            let at = path(&array.array, "/scrub");
            let scrub = Wish::new(
                "array_scrub",
                Method::POST,
                at,
                &[("array", &array.array)],
                body.to_json(),
            );
            return jobs::begin(transport, global, printer, scrub, patience).await;
        }
    };
    match carry_out(transport, global, printer, wish).await? {
        Outcome::Planned => Ok(()),
        Outcome::Done(text) if text.is_empty() => {
            printer.note("done");
            Ok(())
        }
        Outcome::Done(text) => shown(&text, printer),
    }
}

fn expected(text: &str, printer: &Printer) -> Result<(), Failure> {
    match printer.is_json() {
        true => printer.json(text),
        false => printer.expected(&parse::<ExpectedPage>(text)?),
    }
    Ok(())
}

fn shown(text: &str, printer: &Printer) -> Result<(), Failure> {
    match printer.is_json() {
        true => printer.json(text),
        false => printer.array(&parse::<Array>(text)?),
    }
    Ok(())
}

fn path(array: &str, rest: &str) -> String {
    format!("{ARRAYS}/{}{rest}", segment(name_of(array)))
}

fn member(
    operation: &str,
    method: Method,
    it: &MemberName,
    rest: &str,
    body: Option<Value>,
) -> Wish {
    let device = name_of(&it.device);
    let at = path(&it.array, &format!("/members/{}{rest}", segment(device)));
    Wish::new(
        operation,
        method,
        at,
        &[("array", &it.array), ("device", device)],
        body,
    )
}
