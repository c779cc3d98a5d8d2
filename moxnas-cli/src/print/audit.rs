//! The audit log, for people.

use moxnas_api::wire::audit::{AuditPage, AuditVerdict, MarkState};
use time::format_description::well_known::Rfc3339;

use super::{lines, table};

pub(super) fn list(page: &AuditPage) -> String {
    let mut table = table(&[
        "TIME",
        "WHO",
        "FROM",
        "OPERATION",
        "OBJECT",
        "PHASE",
        "RESULT",
        "REQUEST",
    ]);
    for it in &page.items {
        let text = |it: &Option<String>| shown(it.as_deref().unwrap_or("-"));
        table.add_row([
            it.at.format(&Rfc3339).unwrap_or_default(),
            shown(&it.actor),
            text(&it.address),
            shown(&it.operation),
            text(&it.object),
            shown(&it.phase),
            text(&it.result),
            shown(&it.request_id),
        ]);
    }
    lines(&table)
}

/// Names are typed by anybody who tries to log in: nothing of them may steer the terminal.
fn shown(text: &str) -> String {
    let safe = |it: char| if it.is_control() { '\u{fffd}' } else { it };
    text.chars().map(safe).collect()
}

pub(super) fn verdict(verdict: &AuditVerdict) -> String {
    let mut text = match verdict.sound {
        true => format!(
            "sound: {} records are as they were written",
            verdict.records
        ),
        false => "NOT SOUND".to_owned(),
    };
    for cause in &verdict.causes {
        text += &format!("\n  {cause}");
    }
    for chain in &verdict.chains {
        let (Some(from), Some(to)) = (chain.from_seq, chain.to_seq) else {
            continue;
        };
        text += &format!(
            "\nmachine {}: {from} to {to}, head {}",
            chain.node, chain.head
        );
    }
    if verdict.unchained > 0 {
        text += &format!(
            "\n{} records are from before there was a chain, and prove nothing",
            verdict.unchained
        );
    }
    if verdict.mark == MarkState::None {
        text += "\nwhether the end was cut off is not known: no mark was looked at";
    }
    text
}
