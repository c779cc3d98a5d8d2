//! Jobs and schedules for people.

use moxnas_api::wire::{
    jobs::{Job, JobPage, JobState, LogLevel, LogPage},
    schedules::{Schedule, SchedulePage, Timeline},
};
use time::{OffsetDateTime, macros::format_description};

use super::{lines, time as duration};

pub(super) fn table(page: &JobPage) -> String {
    if page.items.is_empty() {
        return "there are no jobs".to_owned();
    }
    let mut table = super::table(&["ID", "KIND", "STATE", "DONE", "CREATED", "WHAT"]);
    for it in &page.items {
        table.add_row([
            it.id.clone(),
            it.kind.clone(),
            word(it.state).to_owned(),
            percent(it),
            at(it.created_at),
            what(it),
        ]);
    }
    lines(&table)
}

/// Upper case for what must not be overlooked.
fn word(state: JobState) -> &'static str {
    match state {
        JobState::Queued => "queued",
        JobState::Running => "running",
        JobState::Paused => "paused",
        JobState::Succeeded => "succeeded",
        JobState::Failed => "FAILED",
        JobState::Cancelled => "cancelled",
        JobState::Skipped => "SKIPPED",
    }
}

fn percent(it: &Job) -> String {
    it.progress_percent
        .map_or_else(|| "-".to_owned(), |it| format!("{it:.0} %"))
}

fn what(it: &Job) -> String {
    let words = it.error.clone().or_else(|| it.message.clone());
    words.unwrap_or_else(|| it.object.clone())
}

pub(super) fn at(at: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");
    at.format(format).unwrap_or_else(|_| at.to_string())
}

fn facts(facts: &[(&str, String)]) -> String {
    let lines: Vec<String> = facts
        .iter()
        .map(|(key, value)| format!("{key:<12}{value}"))
        .collect();
    lines.join("\n")
}

pub(super) fn sheet(it: &Job) -> String {
    let mut all = vec![
        ("id", it.id.clone()),
        ("kind", it.kind.clone()),
        ("state", word(it.state).to_owned()),
        ("done", percent(it)),
    ];
    let mut say = |key: &'static str, value: Option<String>| {
        if let Some(value) = value {
            all.push((key, value));
        }
    };
    say("message", it.message.clone());
    say("error", it.error.clone());
    say("object", Some(it.object.clone()));
    say("actor", Some(it.actor.clone()));
    say("schedule", it.schedule.clone());
    say("part of", it.parent.clone());
    say("repeats", it.retry_of.clone());
    say("created", Some(at(it.created_at)));
    say("started", it.started_at.map(at));
    say("finished", it.finished_at.map(at));
    say("took", it.duration_ms.map(|it| duration(it / 1000)));
    facts(&all)
}

pub(super) fn log(page: &LogPage) -> String {
    let line = |it: &moxnas_api::wire::jobs::LogLine| {
        let level = match it.level {
            LogLevel::Info => "",
            LogLevel::Warning => "WARNING ",
            LogLevel::Error => "ERROR ",
        };
        format!("{}  {level}{}", at(it.at), it.line)
    };
    match page.items.is_empty() {
        true => "nothing was said".to_owned(),
        false => page.items.iter().map(line).collect::<Vec<_>>().join("\n"),
    }
}

/// How far a job is, in one line.
pub(super) fn bar(it: &Job) -> String {
    const WIDTH: usize = 30;
    let words = it.message.as_deref().unwrap_or(&it.kind);
    let Some(percent) = it.progress_percent else {
        return words.to_owned();
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a picture"
    )]
    let filled = (percent / 100.0 * WIDTH as f64).clamp(0.0, WIDTH as f64) as usize;
    format!(
        "[{}{}] {percent:5.1} %  {words}",
        "#".repeat(filled),
        "-".repeat(WIDTH - filled)
    )
}

pub(super) fn schedules(page: &SchedulePage) -> String {
    let mut table = super::table(&["NAME", "WHEN", "NEXT RUN", "LAST RUN", "LAST STATUS"]);
    for it in &page.items {
        table.add_row([
            it.name.clone(),
            match it.is_enabled {
                true => it.interval_display.clone(),
                false => "DISABLED".to_owned(),
            },
            it.next_run_at.map_or_else(|| "never".to_owned(), at),
            it.last_run_at.map_or_else(|| "-".to_owned(), at),
            it.last_status.map_or("-", word).to_owned(),
        ]);
    }
    lines(&table)
}

pub(super) fn schedule(it: &Schedule) -> String {
    let mut all = vec![
        ("name", it.name.clone()),
        ("title", it.display_name.clone()),
        ("what", it.description.clone()),
        ("when", it.interval_display.clone()),
        ("expression", it.expression.clone()),
        ("time zone", it.timezone.clone()),
        (
            "enabled",
            if it.is_enabled { "yes" } else { "NO" }.to_owned(),
        ),
    ];
    let mut say = |key: &'static str, value: Option<String>| {
        if let Some(value) = value {
            all.push((key, value));
        }
    };
    say("paused at", it.pause_at.clone());
    say(
        "delay",
        (it.jitter_s > 0).then(|| format!("up to {}", duration(it.jitter_s))),
    );
    say("group", it.group.clone());
    say(
        "next run",
        Some(it.next_run_at.map_or_else(|| "never".to_owned(), at)),
    );
    say("last run", it.last_run_at.map(at));
    say("last status", it.last_status.map(|it| word(it).to_owned()));
    say("last error", it.last_error.clone());
    say("last job", it.last_job.clone());
    facts(&all)
}

pub(super) fn timeline(it: &Timeline) -> String {
    let mut table = super::table(&["WHEN", "SCHEDULE", "STATE", "WHAT"]);
    for run in &it.items {
        table.add_row([
            at(run.at),
            run.schedule.clone(),
            run.job
                .as_ref()
                .map_or("planned", |it| word(it.state))
                .to_owned(),
            run.job.as_ref().map(what).unwrap_or_default(),
        ]);
    }
    lines(&table)
}
