//! Services, sessions and what may be, for people.

use moxnas_api::wire::{
    access::{AccessAnswer, AccessExplanation, AccessOutcome, CapabilityLevel, CapabilityPage},
    services::{Service, ServiceLogPage, ServicePage, ServiceStanding, ShareSessionPage},
};

use super::{bytes, jobs::at, lines};

pub(super) fn table(page: &ServicePage) -> String {
    let mut table = super::table(&["NAME", "STANDING", "AT BOOT", "SINCE", "MEMORY", "RESTARTS"]);
    for it in &page.items {
        let main = it.units.first();
        let dash = || "-".to_owned();
        table.add_row([
            it.name.clone(),
            standing(it.standing).to_owned(),
            match it.enabled {
                true => "yes",
                false => "no",
            }
            .to_owned(),
            main.and_then(|it| it.since).map_or_else(dash, at),
            main.and_then(|it| it.memory_bytes).map_or_else(dash, bytes),
            main.map_or_else(dash, |it| it.restarts.to_string()),
        ]);
    }
    lines(&table)
}

pub(super) fn sheet(it: &Service) -> String {
    let mut all = vec![
        format!("{:<12}{}", "name", it.name),
        format!("{:<12}{}", "standing", standing(it.standing)),
    ];
    for (reason, hint) in it.reasons.iter().zip(&it.hints) {
        all.push(format!("{:12}- {reason}", ""));
        all.push(format!("{:12}  hint: {hint}", ""));
    }
    for unit in &it.units {
        all.push(format!(
            "{:<12}{} ({}), at boot: {}",
            unit.unit.trim_end_matches(".service"),
            unit.active,
            unit.sub,
            unit.at_boot
        ));
        let since = unit.since.map(|it| format!("since {}", at(it)));
        let pid = unit.main_pid.map(|it| format!("process {it}"));
        let memory = unit.memory_bytes.map(bytes);
        let restarts = (unit.restarts > 0).then(|| format!("{} restarts", unit.restarts));
        let facts = [since, pid, memory, restarts];
        let facts: Vec<String> = facts.into_iter().flatten().collect();
        if !facts.is_empty() {
            all.push(format!("{:12}{}", "", facts.join(", ")));
        }
    }
    all.join("\n")
}

fn standing(it: ServiceStanding) -> &'static str {
    match it {
        ServiceStanding::NotInstalled => "not installed",
        ServiceStanding::Stopped => "stopped",
        ServiceStanding::Changing => "changing",
        ServiceStanding::Running => "running",
        ServiceStanding::Restarting => "restarting again and again",
        ServiceStanding::Failed => "failed",
    }
}

pub(super) fn log(page: &ServiceLogPage) -> String {
    if page.items.is_empty() {
        return "it has said nothing".to_owned();
    }
    let all = page.items.iter().map(|it| {
        let by = it.by.as_ref().map_or(String::new(), |it| format!("{it}: "));
        format!("{}  {by}{}", at(it.at), it.text)
    });
    all.collect::<Vec<_>>().join("\n")
}

pub(super) fn sessions(page: &ShareSessionPage) -> String {
    if page.items.is_empty() {
        return "nobody is connected".to_owned();
    }
    let mut table = super::table(&["ID", "USER", "FROM", "SHARES", "OPEN FILES", "SINCE"]);
    for it in &page.items {
        let dash = || "-".to_owned();
        table.add_row([
            it.id.clone(),
            it.user.clone().unwrap_or_else(dash),
            it.address.clone().unwrap_or_else(dash),
            it.shares.join(","),
            it.files.len().to_string(),
            it.since.map_or_else(dash, at),
        ]);
    }
    lines(&table)
}

pub(super) fn explanation(it: &AccessExplanation) -> String {
    let answer = match it.answer {
        AccessAnswer::Allowed => "allowed",
        AccessAnswer::Denied => "denied",
        AccessAnswer::Unknown => "not known",
    };
    let mut all = vec![answer.to_owned()];
    if let Some(rule) = &it.denied_by {
        let at = rule
            .at
            .as_ref()
            .map_or(String::new(), |it| format!(" of {it}"));
        all.push(format!("by {}{at}: {}", rule.rule, rule.because));
    }
    if let Some(remedy) = &it.remedy {
        all.push(format!("the least change that helps: {remedy}"));
    }
    let mut table = super::table(&["RULE", "AT", "SAYS", "BECAUSE"]);
    for link in &it.chain {
        let says = match link.outcome {
            AccessOutcome::Allows => "go on",
            AccessOutcome::Denies => "NO",
            AccessOutcome::NotApplicable => "-",
            AccessOutcome::Unknown => "not known",
        };
        table.add_row([
            link.rule.clone(),
            link.at.clone().unwrap_or_default(),
            says.to_owned(),
            link.because.clone(),
        ]);
    }
    all.push(lines(&table));
    all.join("\n")
}

pub(super) fn capabilities(page: &CapabilityPage) -> String {
    let mut table = super::table(&["FEATURE", "HERE", "REASON", "WHAT WOULD HELP"]);
    for it in &page.items {
        let level = match it.level {
            CapabilityLevel::Works => "works",
            CapabilityLevel::Degraded => "degraded",
            CapabilityLevel::Impossible => "impossible",
        };
        table.add_row([
            it.feature.clone(),
            level.to_owned(),
            it.reason.clone(),
            it.remedy.clone().unwrap_or_default(),
        ]);
    }
    lines(&table)
}
