//! What follows, for people: from a disk that leaves, and from each step of a plan.

use moxnas_api::wire::consequences::{
    ArrayOutcome, ArrayRepair, ArrayWithout, BackgroundWork, DiskConsequences, LostData, RepairBy,
    ShortHealth,
};

use super::{arrays::word, bytes, time};

/// Everything that happens if the disk leaves.
pub(super) fn sheet(it: &DiskConsequences) -> String {
    let serial = it.serial.as_ref().map(|it| format!("serial {it}, "));
    let mut facts = vec![
        (
            "disk",
            format!(
                "{} ({}{})",
                it.kernel_name,
                serial.unwrap_or_default(),
                it.id
            ),
        ),
        ("if it leaves", it.summary.clone()),
    ];
    for array in &it.arrays {
        facts.push(("", String::new()));
        facts.extend(array_facts(array));
    }
    if !it.lost.is_empty() || !it.unclear.is_empty() {
        facts.push(("", String::new()));
    }
    facts.extend(it.lost.iter().flat_map(lost_facts));
    facts.extend(it.unclear.iter().map(|it| ("unclear", it.clone())));
    let lines = facts
        .iter()
        .map(|(key, value)| format!("{key:<14}{value}").trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

fn array_facts(it: &ArrayWithout) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        (
            "array",
            format!(
                "{} ({} {}), {}",
                it.name,
                it.level,
                bytes(it.size_bytes),
                outcome(it.outcome)
            ),
        ),
        ("now", health(it.before)),
        ("then", health(it.after)),
    ];
    facts.extend(it.reasons.iter().map(|it| ("", format!("- {it}"))));
    facts.extend(it.used_by.iter().map(|it| ("carries", it.clone())));
    facts.extend(repair_facts(&it.repair));
    facts.extend(it.notes.iter().map(|it| ("note", it.clone())));
    facts
}

fn outcome(it: ArrayOutcome) -> &'static str {
    match it {
        ArrayOutcome::Unharmed => "goes on as it is",
        ArrayOutcome::LostBefore => "has failed before",
        ArrayOutcome::Weakened => "goes on with less redundancy",
        ArrayOutcome::ReadOnly => "goes on READ-ONLY",
        ArrayOutcome::Unclear => "nobody can tell",
        ArrayOutcome::Lost => "is LOST",
    }
}

fn health(it: ShortHealth) -> String {
    let missing = match it.missing {
        0 => String::new(),
        missing => format!(", {missing} missing"),
    };
    let lose = it.can_lose.map(|it| format!(", may lose {it}"));
    format!("{}{missing}{}", word(it.verdict), lose.unwrap_or_default())
}

fn repair_facts(it: &ArrayRepair) -> Vec<(&'static str, String)> {
    let what = match it.by {
        RepairBy::NotNeeded | RepairBy::Unclear => return Vec::new(),
        RepairBy::Impossible => "none but this disk brings the data back".to_owned(),
        RepairBy::Spare => match it.candidates.as_slice() {
            [one] => format!("{one} takes over by itself"),
            many => format!("one of these takes over by itself: {}", many.join(", ")),
        },
        RepairBy::NewDevice => {
            let size = it.new_device_bytes.unwrap_or_default();
            format!(
                "needs a new device of {} ({size} bytes) or more",
                bytes(size)
            )
        }
    };
    let then = it.then.map(|it| format!("; afterwards {}", health(it)));
    let mut facts = vec![("repair", format!("{what}{}", then.unwrap_or_default()))];
    if let Some(work) = &it.work {
        facts.push(("takes", duration(work)));
        facts.push(("", work.because.clone()));
    }
    facts
}

/// How long something takes, in a line that does not say from what that was derived.
pub(super) fn duration(it: &BackgroundWork) -> String {
    let amount = bytes(it.bytes_per_member);
    match it.at_least_s.zip(it.at_most_s) {
        Some((least, most)) => {
            format!("{} to {}, {amount} of each member", time(least), time(most))
        }
        None => format!("nobody knows how long, {amount} of each member"),
    }
}

fn lost_facts(it: &LostData) -> Vec<(&'static str, String)> {
    let what = match &it.array {
        Some(array) => format!("array {array}"),
        None => it.kernel_name.clone(),
    };
    let mut facts = vec![(
        "LOST",
        format!("{what}, {}: {}", bytes(it.size_bytes), it.content),
    )];
    facts.extend(it.used_by.iter().map(|it| ("", it.clone())));
    facts
}
