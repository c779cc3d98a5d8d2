//! Which snapshots would stay. Nothing here removes anything.

mod times;

use std::{cmp::Reverse, path::Path};

use moxnas_app::calendar::{Calendar, Timestamp};
use moxnas_pool::prune::{
    Decision, Keep, Kept, Preview, Removed, Snapshot, TimeZone, Verdict, decide, preview,
};
use serde_json::{Map, Value, json};

use super::{decode::read, moments};
use crate::{
    cli::SimulatePrune,
    failure::Failure,
    print::{Printer, Reasons},
};

/// Times that are looked at ahead; one a minute for almost two years.
const MOST: usize = 1_000_000;

/// Bad lines that are shown.
const SHOWN: usize = 10;

pub(super) fn simulate(it: &SimulatePrune, printer: &Printer) -> Result<(), Failure> {
    let zone = moments::zone(it.tz.as_deref())?;
    let keep = Keep::from(it.keep.clone());
    let reasons = match it.explain {
        true => Reasons::Full,
        false => Reasons::Short,
    };
    let present = it
        .times
        .as_deref()
        .map_or(Ok(Vec::new()), |file| present(file, printer))?;
    if !keep.has_rules() {
        printer.note("warning: no keep option is given, so that nothing would be removed");
    }
    match &it.every {
        Some(expression) => {
            let calendar = moments::calendar(expression)?;
            let from = moments::moment(it.from.as_deref(), &zone)?;
            let times = times_ahead(&calendar, from, it.days, &zone)?;
            let ahead = preview(&present, times, &keep, &zone);
            match printer.is_json() {
                true => printer.json(&preview_json(&ahead, &calendar, &keep, &zone).to_string()),
                false => printer.prune_preview(&ahead, &zone, reasons),
            }
        }
        None => {
            let mut decisions = decide(&present, &keep, &zone);
            decisions.sort_by_key(|it| Reverse(it.snapshot.taken));
            match printer.is_json() {
                true => printer.json(&decisions_json(&decisions, &keep, &zone).to_string()),
                false => printer.pruned(&decisions, &zone, reasons),
            }
        }
    }
    Ok(())
}

/// The snapshots of a file. One that is not understood may change what becomes of all others.
fn present(file: &Path, printer: &Printer) -> Result<Vec<Snapshot>, Failure> {
    let (snapshots, bad) = times::parse(&read(file)?);
    if bad.is_empty() {
        return Ok(snapshots);
    }
    for line in bad.iter().take(SHOWN) {
        printer.note(&line.to_string());
    }
    let lines = match bad.len() {
        1 => "1 line".to_owned(),
        many => format!("{many} lines"),
    };
    let message = format!("{lines} of {} are not understood", file.display());
    Err(Failure::with_hint(
        message,
        "a line is a time, then `protected` and `incomplete` if so",
    ))
}

/// When it comes within so many days of the calendar.
fn times_ahead(
    calendar: &Calendar,
    from: Timestamp,
    days: u16,
    zone: &TimeZone,
) -> Result<Vec<Timestamp>, Failure> {
    let span = jiff::Span::new().days(i64::from(days));
    let end = from.to_zoned(zone.clone()).checked_add(span);
    let end = end.map_err(|_| Failure::refused("so far ahead there is no calendar"))?;
    let ahead = calendar.upcoming(from, zone);
    let times: Vec<_> = ahead
        .take_while(|it| *it <= end.timestamp())
        .take(MOST + 1)
        .collect();
    if times.is_empty() {
        return Err(Failure::refused(format!(
            "it never comes within {days} days"
        )));
    }
    if times.len() > MOST {
        return Err(Failure::refused(format!(
            "it comes more than {MOST} times within {days} days"
        )));
    }
    Ok(times)
}

fn decisions_json(decisions: &[Decision], keep: &Keep, zone: &TimeZone) -> Value {
    let kept = decisions.iter().filter(|it| it.verdict.is_kept()).count();
    json!({
        "keep": keep_json(keep),
        "timezone": zone.iana_name(),
        "kept": kept,
        "removed": decisions.len() - kept,
        "snapshots": snapshots_json(decisions, zone),
    })
}

fn preview_json(ahead: &Preview, calendar: &Calendar, keep: &Keep, zone: &TimeZone) -> Value {
    let counts = ahead
        .counts
        .iter()
        .map(|it| json!({ "at": it.at.to_string(), "kept": it.kept }));
    json!({
        "keep": keep_json(keep),
        "timezone": zone.iana_name(),
        "expression": calendar.to_string(),
        "description": calendar.describe(),
        "taken": ahead.counts.len(),
        "most_kept": ahead.counts.iter().map(|it| it.kept).max(),
        "kept": ahead.left.len(),
        "counts": counts.collect::<Vec<_>>(),
        "snapshots": snapshots_json(&ahead.left, zone),
    })
}

fn keep_json(keep: &Keep) -> Value {
    let counts = keep
        .rules()
        .map(|(rule, count)| (rule.name().replace('-', "_"), count.into()));
    Value::Object(counts.collect())
}

fn snapshots_json(decisions: &[Decision], zone: &TimeZone) -> Value {
    decisions.iter().map(|it| snapshot_json(it, zone)).collect()
}

/// A snapshot with its verdict: which rule keeps it or a newer one of its period, and all in words.
fn snapshot_json(decision: &Decision, zone: &TimeZone) -> Value {
    let Decision {
        snapshot: it,
        verdict,
    } = decision;
    let mut all = Map::from_iter([
        ("taken".to_owned(), json!(it.taken.to_string())),
        ("protected".to_owned(), json!(it.is_protected)),
        ("incomplete".to_owned(), json!(!it.is_finished)),
        ("kept".to_owned(), json!(verdict.is_kept())),
        ("why".to_owned(), json!(verdict.explain(zone))),
    ]);
    let mut say = |key: &str, value: Value| _ = all.insert(key.to_owned(), value);
    match verdict {
        Verdict::Kept(Kept::By {
            rule,
            nth,
            of,
            period,
        }) => {
            say("rule", json!(rule.name()));
            say("nth", json!(nth));
            say("of", json!(of));
            if let Some(period) = period {
                say("period", json!(period.to_string()));
            }
        }
        Verdict::Removed(Removed::Covered(cover)) => {
            say("rule", json!(cover.rule.name()));
            say("period", json!(cover.period.to_string()));
            say("covered_by", json!(cover.by.to_string()));
        }
        Verdict::Kept(_) | Verdict::Removed(_) => {}
    }
    Value::Object(all)
}
