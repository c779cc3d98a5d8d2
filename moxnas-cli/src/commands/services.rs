//! The daemons that serve.

use moxnas_api::wire::services::{Service, ServiceLogPage, ServicePage};
use poem::http::Method;

use super::parse;
use crate::{
    cli::{Global, ServiceVerb},
    confirm::{Outcome, Wish, carry_out},
    failure::Failure,
    print::Printer,
    transport::{Ask, Transport, segment},
};

const SERVICES: &str = "/api/services";

pub(super) async fn service(
    transport: &Transport,
    global: &Global,
    verb: ServiceVerb,
    printer: &Printer,
) -> Result<(), Failure> {
    let path = |service: &str, rest: &str| format!("{SERVICES}/{}{rest}", segment(service));
    let (act, service) = match verb {
        ServiceVerb::List => {
            let text = transport.raw(&Ask::get(SERVICES)).await?;
            match printer.is_json() {
                true => printer.json(&text),
                false => printer.services(&parse::<ServicePage>(&text)?),
            }
            return Ok(());
        }
        ServiceVerb::Show { service } => {
            let text = transport.raw(&Ask::get(path(&service, ""))).await?;
            return shown(&text, printer);
        }
        ServiceVerb::Log { service, lines } => {
            let lines = lines.map_or(String::new(), |it| format!("?lines={it}"));
            let at = path(&service, "/log") + &lines;
            let text = transport.raw(&Ask::get(at)).await?;
            match printer.is_json() {
                true => printer.json(&text),
                false => printer.service_log(&parse::<ServiceLogPage>(&text)?),
            }
            return Ok(());
        }
        ServiceVerb::Start { service } => ("start", service),
        ServiceVerb::Stop { service } => ("stop", service),
        ServiceVerb::Restart { service } => ("restart", service),
        ServiceVerb::Reload { service } => ("reload", service),
        ServiceVerb::Enable { service } => ("enable", service),
        ServiceVerb::Disable { service } => ("disable", service),
    };
    let wish = Wish::new(
        &format!("service_{act}"),
        Method::POST,
        path(&service, &format!("/{act}")),
        &[("service", service.as_str())],
        None,
    );
    match carry_out(transport, global, printer, wish).await? {
        Outcome::Done(text) if !text.is_empty() => shown(&text, printer),
        Outcome::Done(_) | Outcome::Planned => Ok(()),
    }
}

fn shown(text: &str, printer: &Printer) -> Result<(), Failure> {
    match printer.is_json() {
        true => printer.json(text),
        false => printer.service(&parse::<Service>(text)?),
    }
    Ok(())
}
