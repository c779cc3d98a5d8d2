//! Arrays for people.

use moxnas_api::wire::arrays::{Array, ArrayPage, Sync, SyncWord, Verdict};

use super::{bytes, lines, time};

/// All arrays, one a line.
pub(super) fn table(page: &ArrayPage) -> String {
    if page.items.is_empty() {
        return "there are no arrays".to_owned();
    }
    let mut table = super::table(&[
        "NAME", "LEVEL", "SIZE", "HEALTH", "MAY LOSE", "MEMBERS", "ACTIVITY",
    ]);
    for it in &page.items {
        let filled = it.slots.saturating_sub(it.health.missing);
        table.add_row([
            it.name.clone(),
            it.level.clone(),
            bytes(it.size_bytes),
            word(it.health.verdict).to_owned(),
            it.health
                .can_lose
                .map_or_else(|| "-".to_owned(), |it| it.to_string()),
            format!("{filled}/{}", it.slots),
            activity(&it.sync),
        ]);
    }
    lines(&table)
}

/// Upper case for what must not be overlooked.
pub(super) fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Optimal => "optimal",
        Verdict::Degraded => "DEGRADED",
        Verdict::Inactive => "INACTIVE",
        Verdict::Failed => "FAILED",
        Verdict::Unknown => "UNKNOWN",
    }
}

fn activity(sync: &Sync) -> String {
    let action = sync.action.as_deref().unwrap_or("?");
    match sync.state {
        SyncWord::Idle => "-".to_owned(),
        SyncWord::Frozen => "PAUSED".to_owned(),
        SyncWord::Delayed => format!("{action} waits for another array"),
        SyncWord::Pending => format!("{action} waits for the first write"),
        SyncWord::Running => {
            let percent = sync
                .percent
                .map(|it| format!(" {it:.1} %"))
                .unwrap_or_default();
            let left = sync.remaining_s.map(|it| format!(", {} left", time(it)));
            format!("{action}{percent}{}", left.unwrap_or_default())
        }
    }
}

/// One array with everything about it.
pub(super) fn sheet(it: &Array) -> String {
    let mut facts = vec![
        ("name", it.name.clone()),
        ("level", it.level.clone()),
        ("health", word(it.health.verdict).to_owned()),
    ];
    facts.extend(it.health.reasons.iter().map(|it| ("", format!("- {it}"))));
    if let Some(can_lose) = it.health.can_lose {
        facts.push(("may lose", format!("{can_lose} members")));
    }
    facts.extend([
        ("size", bytes(it.size_bytes)),
        ("state", it.state.clone()),
        ("activity", activity(&it.sync)),
        ("content", it.content.clone()),
    ]);
    facts.extend(it.used_by.iter().map(|it| ("used by", it.clone())));
    if let Some(chunk) = it.chunk_bytes {
        facts.push(("chunk", format!("{} KiB", chunk / 1024)));
    }
    if let Some(was) = &it.reshape {
        facts.push(("reshaped", format!("from {} members", was.slots)));
    }
    facts.push(("healed by", it.consistency.clone()));
    if let Some(limits) = &it.speed_limits {
        let limit = |it, is_own| match is_own {
            true => format!("{}/s (its own)", bytes(it)),
            false => format!("{}/s", bytes(it)),
        };
        let min = limit(limits.min_bytes_per_s, limits.min_is_own);
        let max = limit(limits.max_bytes_per_s, limits.max_is_own);
        facts.push(("speed", format!("{min} to {max} of each member")));
    }
    facts.extend(it.spare_group.clone().map(|it| ("spare group", it)));
    if let Some(mismatch) = it.mismatch_bytes.filter(|it| *it > 0) {
        facts.push((
            "mismatch",
            format!("{} found different by the last check", bytes(mismatch)),
        ));
    }
    facts.extend([
        ("device", it.device.clone()),
        (
            "uuid",
            it.uuid.clone().unwrap_or_else(|| "unknown".to_owned()),
        ),
        ("metadata", it.metadata.clone()),
        (
            "mdadm.conf",
            if it.in_mdadm_conf {
                "names it"
            } else {
                "does not name it"
            }
            .to_owned(),
        ),
    ]);
    let facts: Vec<String> = facts
        .iter()
        .map(|(key, value)| format!("{key:<12}{value}"))
        .collect();
    format!("{}\n\n{}", facts.join("\n"), members(it))
}

fn members(array: &Array) -> String {
    let mut table = super::table(&["SLOT", "ROLE", "DEVICE", "SERIAL", "KERNEL NAME", "NOTES"]);
    for it in &array.members {
        let mut notes = it.flags.clone();
        if it.errors > 0 {
            notes.push(format!("{} errors corrected", it.errors));
        }
        table.add_row([
            it.slot.map_or_else(|| "-".to_owned(), |it| it.to_string()),
            it.role.clone(),
            it.device.clone(),
            it.serial.clone().unwrap_or_else(|| "-".to_owned()),
            it.kernel_name.clone(),
            notes.join(", "),
        ]);
    }
    lines(&table)
}
