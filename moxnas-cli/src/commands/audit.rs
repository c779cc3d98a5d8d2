//! The audit log.

use std::{fs::File, io::BufReader, path::Path};

use moxnas_api::wire::audit::{AuditPage, AuditVerdict};
use moxnas_app::{audit::export, offline, store::DatabaseUrl};
use moxnas_core::chain::chain;
use poem::http::Method;
use poem_openapi::types::ToJSON;

use super::{parse, told};
use crate::{
    cli::{AuditFilter, AuditVerb, Global, VerifyAudit},
    failure::Failure,
    print::Printer,
    transport::{Ask, Transport, segment},
};

const AUDIT: &str = "/api/logging/audit";

pub(super) async fn audit(
    global: &Global,
    verb: AuditVerb,
    printer: &Printer,
) -> Result<(), Failure> {
    if let AuditVerb::Verify(VerifyAudit {
        file: Some(file), ..
    }) = &verb
    {
        return shown(verify_file(file)?, printer);
    }
    if let AuditVerb::Verify(VerifyAudit {
        database: Some(url),
        data_dir: Some(folder),
        ..
    }) = &verb
    {
        let url: DatabaseUrl = url.parse().map_err(refused)?;
        let verdict = offline::verify_audit(&url, folder).await.map_err(refused)?;
        return shown(verdict.into(), printer);
    }
    let transport = Transport::open(global).await?;
    let done = ask(&transport, verb, printer).await;
    told(&transport, printer, done)
}

async fn ask(transport: &Transport, verb: AuditVerb, printer: &Printer) -> Result<(), Failure> {
    match verb {
        AuditVerb::List { filter, limit } => {
            let path = format!("{AUDIT}?limit={limit}{}", query(&filter));
            let text = transport.raw(&Ask::get(path)).await?;
            match printer.is_json() {
                true => printer.json(&text),
                false => printer.audit(&parse::<AuditPage>(&text)?),
            }
            Ok(())
        }
        AuditVerb::Verify(verify) => {
            let chains = if verify.all { "all" } else { "own" };
            let path = format!("{AUDIT}/verify?chains={chains}");
            let verdict: AuditVerdict = transport.send(&Ask::bare(Method::POST, path)).await?;
            shown(verdict, printer)
        }
        AuditVerb::Export { format, filter } => {
            let format = format.to_json_string().replace('"', "");
            let path = format!("{AUDIT}/export?format={format}{}", query(&filter));
            printer.line(&transport.raw(&Ask::get(path)).await?);
            Ok(())
        }
    }
}

fn query(filter: &AuditFilter) -> String {
    let fields = [
        ("actor", &filter.actor),
        ("operation", &filter.operation),
        ("object", &filter.object),
        ("phase", &filter.phase),
        ("result", &filter.result),
        ("request_id", &filter.request_id),
        ("from", &filter.from),
        ("to", &filter.to),
    ];
    let given = fields
        .iter()
        .filter_map(|(name, it)| Some((name, it.as_deref()?)));
    given
        .map(|(name, text)| format!("&{name}={}", segment(text)))
        .collect()
}

fn verify_file(path: &Path) -> Result<AuditVerdict, Failure> {
    let unread = |err| Failure::refused(format!("{} cannot be read: {err}", path.display()));
    let file = File::open(path).map_err(unread)?;
    let verdict = export::verify(BufReader::new(file)).map_err(refused)?;
    Ok(verdict.into())
}

fn shown(verdict: AuditVerdict, printer: &Printer) -> Result<(), Failure> {
    match printer.is_json() {
        true => printer.json(&verdict.to_json_string()),
        false => printer.audit_verdict(&verdict),
    }
    match verdict.sound {
        true => Ok(()),
        false => Err(Failure::Silent),
    }
}

fn refused(err: impl std::error::Error) -> Failure {
    Failure::refused(chain(&err))
}
