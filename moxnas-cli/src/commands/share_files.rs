//! Files of shares, for which no machine is needed.

use std::{env, fs, path::Path};

use moxnas_core::{chain::chain, root::Root};
use moxnas_shares::{
    import::{Format, Imported, Left, Source, import},
    model::Intent,
    plan::NoPlan,
    refusal::{refusals, warnings},
    render::{Places, render},
};
use serde_json::json;

use super::decode::read;
use crate::{
    cli::{ReadShares, RenderShares},
    failure::Failure,
    print::Printer,
};

/// What the environment says of where files belong, as the earlier systems had it.
pub(crate) fn places() -> Places {
    let mut places = Places::default();
    for (name, value) in env::vars() {
        places.set(&name, &value);
    }
    places
}

pub(super) fn render_to(it: &RenderShares, printer: &Printer) -> Result<(), Failure> {
    let text = read(&it.from)?;
    let intent: Intent = serde_saphyr::from_str(&text).map_err(|err| {
        let from = match it.from.as_os_str() == "-" {
            true => "the standard input".to_owned(),
            false => it.from.display().to_string(),
        };
        Failure::with_hint(
            format!("{from} is not understood: {err}"),
            "moxnas share render --help shows such a file",
        )
    })?;
    let refused = refusals(&intent);
    if !refused.is_empty() {
        let why = NoPlan::Refused(refused);
        return Err(Failure::Refused {
            message: why.to_string(),
            hint: why.hint(),
        });
    }
    is_free(&it.to)?;
    let files = render(&intent, &places()).map_err(|err| Failure::refused(chain(&err)))?;
    // A machine that has none of ours gets none that says that nothing is offered.
    let files: Vec<_> = files.into_iter().filter(|it| it.is_needed).collect();
    let root = Root::fixture(&it.to);
    for file in &files {
        let written = root.replace(&file.path, file.text.as_bytes(), file.mode);
        written.map_err(|err| Failure::Broken(chain(&err)))?;
    }
    for warning in warnings(&intent) {
        printer.note(&format!("Warning: {warning}"));
    }
    if printer.is_json() {
        let files = files.iter().map(|it| {
            json!({ "path": it.path, "mode": format!("{:04o}", it.mode), "read_by": it.service.daemon() })
        });
        printer.json(&json!({ "files": files.collect::<Vec<_>>() }).to_string());
        return Ok(());
    }
    for file in &files {
        let (mode, daemon) = (file.mode, file.service.daemon());
        printer.line(&format!("{mode:04o}  {daemon:<12} {}", file.path));
    }
    if files.is_empty() {
        printer.note("nothing is offered, so there is no file");
    }
    Ok(())
}

fn is_free(folder: &Path) -> Result<(), Failure> {
    let is_empty = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => true,
        Err(err) => {
            let message = format!("{} cannot be read: {err}", folder.display());
            return Err(Failure::refused(message));
        }
    };
    match is_empty {
        true => Ok(()),
        false => Err(Failure::with_hint(
            format!("{} is not empty", folder.display()),
            "name a folder that is not there yet: what would be left from before is no file of these shares",
        )),
    }
}

pub(super) fn read_from(it: &ReadShares, printer: &Printer) -> Result<(), Failure> {
    let smb = it.smb_conf.iter().map(|it| (it, Format::SmbConf));
    let exports = it.exports.iter().map(|it| (it, Format::Exports));
    let ftp = it.vsftpd_conf.iter().map(|it| (it, Format::VsftpdConf));
    let mut texts = Vec::new();
    for (file, format) in smb.chain(exports).chain(ftp) {
        texts.push((file.display().to_string(), format, read(file)?));
    }
    let sources = texts.iter().map(|(path, format, text)| Source {
        path,
        format: *format,
        text,
    });
    let sources: Vec<Source<'_>> = sources.collect();
    let Imported { intent, left } = import(&sources, &places());
    if printer.is_json() {
        let left: Vec<_> = left.iter().map(left_json).collect();
        printer.json(&json!({ "intent": intent, "left": left }).to_string());
        return Ok(());
    }
    let text = serde_saphyr::to_string(&intent);
    printer.line(
        text.map_err(|err| Failure::Broken(err.to_string()))?
            .trim_end(),
    );
    for it in &left {
        printer.note(&format!("Left: {}", words(it)));
    }
    Ok(())
}

fn words(left: &Left) -> String {
    let mut text = left.file.clone();
    if let Some(line) = left.line {
        text.push_str(&format!(" line {line}"));
    }
    if let Some(section) = &left.section {
        text.push_str(&format!(" [{section}]"));
    }
    match &left.option {
        Some(option) => text.push_str(&format!(" {option} = {}", left.value)),
        None if left.value.is_empty() => (),
        None => text.push_str(&format!(" {}", left.value)),
    }
    format!("{text}: {}", left.why)
}

fn left_json(left: &Left) -> serde_json::Value {
    let Left {
        file,
        line,
        section,
        option,
        value,
        why,
    } = left;
    json!({
        "file": file,
        "line": line,
        "section": section,
        "option": option,
        "value": value,
        "why": why.to_string(),
    })
}
