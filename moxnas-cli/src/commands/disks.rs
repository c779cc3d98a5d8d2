//! Disks.

use moxnas_api::wire::{
    consequences::DiskConsequences,
    disks::{Disk, DiskPage, LocateDisk},
};
use poem::http::Method;
use poem_openapi::types::ToJSON;
use serde_json::Value;

use super::{all_pages, jobs, name_of, parse};
use crate::{
    cli::{DiskVerb, Global},
    confirm::{Outcome, Wish, carry_out},
    failure::Failure,
    print::Printer,
    transport::{Ask, Transport, segment},
};

const DISKS: &str = "/api/storage/disks";

pub(super) async fn disk(
    transport: &Transport,
    global: &Global,
    verb: DiskVerb,
    printer: &Printer,
) -> Result<(), Failure> {
    match verb {
        DiskVerb::List => {
            let text = all_pages(transport, DISKS).await?;
            match printer.is_json() {
                true => printer.json(&text),
                false => printer.disks(&parse::<DiskPage>(&text)?),
            }
            Ok(())
        }
        DiskVerb::Show { disk } => {
            let text = transport.raw(&Ask::get(path(&disk, ""))).await?;
            shown(&text, printer)
        }
        DiskVerb::Consequences { disk } => {
            let ask = Ask::get(path(&disk, "/consequences"));
            let text = transport.raw(&ask).await?;
            match printer.is_json() {
                true => printer.json(&text),
                false => printer.consequences(&parse::<DiskConsequences>(&text)?),
            }
            Ok(())
        }
        DiskVerb::Wipe {
            disk,
            body,
            patience,
        } => {
            let wish = wish("disk_wipe", &disk, "/wipe", body.to_json());
            jobs::begin(transport, global, printer, wish, patience).await
        }
        DiskVerb::BurnIn {
            disk,
            body,
            patience,
        } => {
            let wish = wish("disk_burn_in", &disk, "/burn-in", body.to_json());
            jobs::begin(transport, global, printer, wish, patience).await
        }
        DiskVerb::Locate { disk, off } => {
            let body = LocateDisk { on: !off };
            let wish = wish("disk_locate", &disk, "/locate", body.to_json());
            match carry_out(transport, global, printer, wish).await? {
                Outcome::Planned => Ok(()),
                Outcome::Done(text) => shown(&text, printer),
            }
        }
    }
}

fn shown(text: &str, printer: &Printer) -> Result<(), Failure> {
    match printer.is_json() {
        true => printer.json(text),
        false => printer.disk(&parse::<Disk>(text)?),
    }
    Ok(())
}

fn path(disk: &str, rest: &str) -> String {
    format!("{DISKS}/{}{rest}", segment(name_of(disk)))
}

fn wish(operation: &str, disk: &str, rest: &str, body: Option<Value>) -> Wish {
    let named = [("disk", name_of(disk))];
    Wish::new(operation, Method::POST, path(disk, rest), &named, body)
}
