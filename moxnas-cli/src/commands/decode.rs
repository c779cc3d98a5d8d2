//! Texts of the kernel and of mdadm, read without a machine.

use std::{io::Read, path::Path};

use moxnas_raid::{
    detail::{parse_detail, parse_examine, parse_export, parse_scan},
    mdstat,
    parsed::{ParseError, Parsed},
};
use serde::Serialize;
use serde_json::json;

use crate::{cli::DecodeVerb, failure::Failure, print::Printer};

pub(super) fn decode(verb: &DecodeVerb, printer: &Printer) -> Result<(), Failure> {
    match verb {
        DecodeVerb::Mdstat(it) => show(mdstat::parse(&read(&it.file)?), printer),
        DecodeVerb::Detail(it) => {
            let text = read(&it.file)?;
            match form(&text) {
                Form::Export => show(parse_export(&text), printer),
                Form::Scan => show(parse_scan(&text), printer),
                Form::Plain => show(parse_detail(&text), printer),
            }
        }
        DecodeVerb::Examine(it) => {
            let text = read(&it.file)?;
            match form(&text) {
                Form::Export => show(parse_export(&text), printer),
                Form::Scan => show(parse_scan(&text), printer),
                Form::Plain => show(parse_examine(&text), printer),
            }
        }
    }
}

/// The forms in which mdadm prints, told by the first line that says something.
enum Form {
    Plain,
    Export,
    Scan,
}

fn form(text: &str) -> Form {
    let first = text
        .lines()
        .map(str::trim)
        .find(|it| !it.is_empty())
        .unwrap_or_default();
    if first.starts_with("MD_") {
        Form::Export
    } else if first.starts_with("ARRAY ") || first.starts_with("INACTIVE-ARRAY ") {
        Form::Scan
    } else {
        Form::Plain
    }
}

/// The text of a file, or of the standard input if it is called `-`.
pub(super) fn read(file: &Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = match file == Path::new("-") {
        true => std::io::stdin().read_to_end(&mut bytes).map(|_| ()),
        false => std::fs::read(file).map(|it| bytes = it),
    };
    let unread = |err| Failure::refused(format!("{} could not be read: {err}", file.display()));
    read.map_err(unread)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The model to the standard output, what was not understood to the standard error.
fn show<T: Serialize>(parsed: Parsed<T>, printer: &Printer) -> Result<(), Failure> {
    let broken = |err| Failure::Broken(format!("the model cannot be shown: {err}"));
    let value = serde_json::to_value(&parsed.value).map_err(broken)?;
    if printer.is_json() {
        let error = |it: &ParseError| json!({ "line": it.line, "reason": it.reason.to_string(), "text": it.text });
        let errors: Vec<_> = parsed.errors.iter().map(error).collect();
        printer.json(&json!({ "value": value, "errors": errors }).to_string());
    } else {
        printer.outline(&value);
    }
    for error in &parsed.errors {
        printer.note(&error.to_string());
    }
    if parsed.errors.is_empty() {
        Ok(())
    } else {
        Err(Failure::Silent)
    }
}
