//! The line of work over the whole array: `[=>…]  resync =  8.5% (…/…) finish=… speed=…`, or
//! `resync=DELAYED`. See `status_resync` in drivers/md/md.c.

use super::model::{Progress, Sync, SyncAction, SyncState};
use crate::parsed::{Reason, decimal, number, once};

/// Whether a line is meant to be one.
pub(super) fn is_one(text: &str) -> bool {
    let (bar, rest) = split_bar(text);
    let Some((name, _)) = rest.split_once('=') else {
        return false;
    };
    bar.is_some() || action(name.trim()).is_some()
}

/// Reads it. `notes` are errors that leave the rest usable.
pub(super) fn read(text: &str, notes: &mut Vec<Reason>) -> Result<Sync, Reason> {
    let (bar, rest) = split_bar(text);
    if let Some(bar) = bar
        && !bar.bytes().all(|it| matches!(it, b'=' | b'>' | b'.'))
    {
        notes.push(Reason::UnknownWord(format!("[{bar}]")));
    }
    let (name, rest) = rest.split_once('=').ok_or(Reason::UnknownLine)?;
    let name = name.trim();
    let action = action(name).ok_or_else(|| Reason::UnknownWord(name.to_owned()))?;
    let state = match rest.trim() {
        "DELAYED" => SyncState::Delayed,
        "PENDING" => SyncState::Pending,
        "REMOTE" => SyncState::Remote,
        rest => SyncState::Running(progress(rest, notes)?),
    };
    Ok(Sync { action, state })
}

/// The bar without its brackets, and the rest.
fn split_bar(text: &str) -> (Option<&str>, &str) {
    match text.strip_prefix('[').and_then(|it| it.split_once(']')) {
        Some((bar, rest)) => (Some(bar), rest),
        None => (None, text),
    }
}

fn action(name: &str) -> Option<SyncAction> {
    match name {
        "resync" => Some(SyncAction::Resync),
        // A cluster prints `recover=REMOTE`.
        "recovery" | "recover" => Some(SyncAction::Recovery),
        "check" => Some(SyncAction::Check),
        "repair" => Some(SyncAction::Repair),
        "reshape" => Some(SyncAction::Reshape),
        _ => None,
    }
}

/// `12.6% (37043392/292945152) finish=127.5min speed=33440K/sec`. Progress without its numbers
/// would be a guess; without what is estimated from them it is still true.
fn progress(text: &str, notes: &mut Vec<Reason>) -> Result<Progress, Reason> {
    let (mut percent, mut part, mut finish_minutes, mut speed_kib_s) = (None, None, None, None);
    for word in text.split_ascii_whitespace() {
        let result = if let Some(text) = word.strip_suffix('%') {
            once(&mut percent, "percentage", decimal("percentage", text))
        } else if let Some(text) = word.strip_prefix('(').and_then(|it| it.strip_suffix(')')) {
            once(&mut part, "progress", fraction(text))
        } else if let Some(text) = word
            .strip_prefix("finish=")
            .and_then(|it| it.strip_suffix("min"))
        {
            once(&mut finish_minutes, "finish", decimal("finish", text))
        } else if let Some(text) = word
            .strip_prefix("speed=")
            .and_then(|it| it.strip_suffix("K/sec"))
        {
            once(&mut speed_kib_s, "speed", number("speed", text))
        } else {
            Err(Reason::UnknownWord(word.to_owned()))
        };
        notes.extend(result.err());
    }
    let percent = percent.ok_or(Reason::Missing("percentage".into()))?;
    let (done, total) = part.ok_or(Reason::Missing("progress".into()))?;
    if percent > 100.0 {
        notes.push(Reason::Nonsense {
            field: "percentage".into(),
            text: percent.to_string(),
        });
    }
    if done > total {
        let text = format!("{done}/{total}");
        notes.push(Reason::Nonsense {
            field: "progress".into(),
            text,
        });
    }
    if finish_minutes.is_none() {
        notes.push(Reason::Missing("finish".into()));
    }
    if speed_kib_s.is_none() {
        notes.push(Reason::Missing("speed".into()));
    }
    Ok(Progress {
        percent,
        done,
        total,
        finish_minutes,
        speed_kib_s,
    })
}

fn fraction(text: &str) -> Result<(u64, u64), Reason> {
    let (done, total) = text
        .split_once('/')
        .ok_or_else(|| Reason::UnknownWord(format!("({text})")))?;
    Ok((number("done", done)?, number("total", total)?))
}
