//! What `systemctl show` and `journalctl --output=json` print, to the model.

use std::collections::BTreeMap;

use jiff::Timestamp;
use moxnas_core::units::Bytes;
use serde::Deserialize;

use crate::services::{
    backend::BackendError,
    model::{Exit, LogLine, Services, Unit, UnitFacts},
};

/// What systemd says of a number that it does not know.
const NOT_SET: &str = "[not set]";

/// All units, from what [`show`](super::argv::show) prints: a block for each, an empty line between
/// two.
pub fn shown(text: &str) -> Result<Services, BackendError> {
    let mut blocks = text.split("\n\n");
    let mut all = Services::default();
    for unit in Unit::ALL {
        let block = blocks.next().unwrap_or("");
        let facts = facts(block).map_err(|why| BackendError::Unreadable { unit, why })?;
        all.units.insert(unit, facts);
    }
    Ok(all)
}

/// One unit. What systemd does not say of a unit without a file is as good as zero.
fn facts(block: &str) -> Result<UnitFacts, String> {
    let lines = block.lines().filter_map(|it| it.split_once('='));
    let lines: BTreeMap<&str, &str> = lines.collect();
    let text = |name: &str| {
        let found = lines.get(name).copied();
        found.ok_or_else(|| format!("there is no {name}"))
    };
    let number = |name: &str| match lines.get(name).copied() {
        None | Some(NOT_SET | "") => Ok(0),
        Some(it) => it
            .parse::<u64>()
            .map_err(|_| format!("{name} is no number: {it:?}")),
    };
    let memory = match lines.get("MemoryCurrent").copied() {
        None | Some(NOT_SET) => None,
        Some(_) => Some(Bytes(number("MemoryCurrent")?)),
    };
    let small = |name| {
        let it = number(name)?;
        i32::try_from(it).map_err(|_| format!("{name} is too large: {it}"))
    };
    let pid = number("MainPID")?;
    Ok(UnitFacts {
        load: text("LoadState")?.to_owned().into(),
        active: text("ActiveState")?.to_owned().into(),
        sub: text("SubState")?.to_owned(),
        at_boot: text("UnitFileState")?.to_owned().into(),
        since: match lines.get("StateChangeTimestamp").copied() {
            None | Some("" | "n/a") => None,
            Some(it) => Some(timestamp(it).ok_or_else(|| format!("{it:?} is no time"))?),
        },
        main_pid: match pid {
            0 => None,
            it => Some(u32::try_from(it).map_err(|_| format!("MainPID is too large: {it}"))?),
        },
        memory,
        restarts: u32::try_from(number("NRestarts")?).unwrap_or(u32::MAX),
        result: match lines.get("Result").copied() {
            None | Some("") => "success".to_owned().into(),
            Some(it) => it.to_owned().into(),
        },
        exit: Exit::of(small("ExecMainCode")?, small("ExecMainStatus")?),
        can_reload: text("CanReload")? == "yes",
        triggered_by: words(lines.get("TriggeredBy").copied().unwrap_or("")),
    })
}

fn words(text: &str) -> Vec<String> {
    let mut all: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    all.sort_unstable();
    all
}

/// As `--timestamp=us+utc` prints it: `Sun 2026-11-22 05:35:29.123456 UTC`.
fn timestamp(text: &str) -> Option<Timestamp> {
    let (_, rest) = text.split_once(' ')?;
    let moment = rest.strip_suffix(" UTC")?.replace(' ', "T") + "Z";
    moment.parse().ok()
}

/// Lines of a journal, from what [`log`](super::argv::log) prints. What cannot be read is an error
/// with its line, as nothing else would tell that it was there.
pub fn journal(unit: Unit, text: &str) -> Result<Vec<LogLine>, BackendError> {
    let lines = text.lines().filter(|it| !it.is_empty());
    let read = lines.map(|line| {
        entry(line).map_err(|why| BackendError::Unreadable {
            unit,
            why: format!("{why}: {line}"),
        })
    });
    read.collect()
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "__REALTIME_TIMESTAMP")]
    at: String,
    #[serde(rename = "PRIORITY")]
    priority: Option<String>,
    #[serde(rename = "SYSLOG_IDENTIFIER")]
    by: Option<String>,
    #[serde(rename = "MESSAGE")]
    message: Option<Message>,
}

/// What is no text is told as its bytes; what is too long is not told.
#[derive(Deserialize)]
#[serde(untagged)]
enum Message {
    Text(String),
    Bytes(Vec<u8>),
}

fn entry(line: &str) -> Result<LogLine, String> {
    let entry: Entry = serde_json::from_str(line).map_err(|err| err.to_string())?;
    let micros = entry.at.parse().map_err(|_| "its time is no number")?;
    let at = Timestamp::from_microsecond(micros).map_err(|_| "its time is none")?;
    Ok(LogLine {
        at,
        priority: entry.priority.and_then(|it| it.parse().ok()),
        by: entry.by,
        text: match entry.message {
            Some(Message::Text(text)) => text,
            Some(Message::Bytes(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
            None => String::new(),
        },
    })
}
