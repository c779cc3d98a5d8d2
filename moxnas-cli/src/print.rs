//! The only place that writes to the terminal.
#![expect(clippy::print_stderr, reason = "this is the printer")]

mod access;
mod accounts;
mod arrays;
mod audit;
mod consequences;
mod datasets;
mod disks;
mod expected;
mod initramfs;
mod jobs;
mod outline;
mod plan;
mod pools;
mod prune;
mod services;
mod shares;

use std::{
    borrow::Cow,
    io::{ErrorKind, IsTerminal, Write},
};

use comfy_table::{ContentArrangement, Table, presets};
use moxnas_api::wire::{
    access::{AccessExplanation, CapabilityPage},
    accounts::{Account, AccountPage, Group},
    api_keys::ApiKeyPage,
    arrays::{Array, ArrayPage},
    audit::{AuditPage, AuditVerdict},
    consequences::DiskConsequences,
    datasets::{Dataset, DatasetPage, PrunedSnapshots, Snapshot, SnapshotPage},
    disks::{Disk, DiskPage},
    expected::ExpectedPage,
    initramfs::Initramfs,
    jobs::{Job, JobPage, LogPage},
    plans::Plan,
    pools::{Pool, PoolPage},
    schedules::{Schedule, SchedulePage, Timeline},
    services::{Service, ServiceLogPage, ServicePage, ShareSessionPage},
    sessions::SessionPage,
    shares::{ShareGenerationPage, SharePage, ShareStatus},
    users::UserPage,
};
use moxnas_pool::prune::{Decision, Preview, TimeZone};
use serde_json::Value;

pub(crate) use self::prune::Reasons;
use crate::{cli::Output, failure::Failure};

/// Writes results to the standard output, everything about them to the standard error.
pub(crate) struct Printer {
    output: Output,
}

impl Printer {
    pub(crate) fn new(output: Output) -> Printer {
        Printer { output }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.output == Output::Json
    }

    /// A result as the interface sent it.
    pub(crate) fn json(&self, text: &str) {
        let pretty =
            serde_json::from_str::<Value>(text).and_then(|it| serde_json::to_string_pretty(&it));
        self.line(pretty.as_deref().unwrap_or(text));
    }

    /// Text for the standard output. A reader that went away wants no more.
    pub(crate) fn line(&self, text: &str) {
        let text = harmless(text.trim_end_matches('\n'));
        if let Err(err) = writeln!(std::io::stdout(), "{text}")
            && err.kind() != ErrorKind::BrokenPipe
        {
            eprintln!("error: the standard output does not take it: {err}");
        }
    }

    /// Something beside the result.
    pub(crate) fn note(&self, text: &str) {
        eprintln!("{}", harmless(text));
    }

    /// A simulated machine must not be taken for a real one.
    pub(crate) fn simulated(&self, scenario: &str) {
        self.note(&format!(
            "SIMULATED MACHINE ({scenario}): no disk here is real"
        ));
    }

    pub(crate) fn arrays(&self, page: &ArrayPage) {
        self.line(&arrays::table(page));
        for error in &page.errors {
            self.note(&format!("not read: {error}"));
        }
    }

    pub(crate) fn array(&self, array: &Array) {
        self.line(&arrays::sheet(array));
    }

    pub(crate) fn expected(&self, page: &ExpectedPage) {
        self.line(&expected::sheet(page));
    }

    pub(crate) fn pools(&self, page: &PoolPage) {
        self.line(&pools::table(page));
        for error in &page.errors {
            self.note(&format!("not read: {error}"));
        }
    }

    pub(crate) fn pool(&self, pool: &Pool) {
        self.line(&pools::sheet(pool));
    }

    pub(crate) fn shares(&self, page: &SharePage) {
        self.line(&shares::table(page));
        self.each_note(&page.errors);
    }

    pub(crate) fn services(&self, page: &ServicePage) {
        self.line(&services::table(page));
    }

    pub(crate) fn service(&self, service: &Service) {
        self.line(&services::sheet(service));
    }

    pub(crate) fn service_log(&self, page: &ServiceLogPage) {
        self.line(&services::log(page));
    }

    pub(crate) fn share_sessions(&self, page: &ShareSessionPage) {
        self.line(&services::sessions(page));
        self.each_note(&page.unknown);
    }

    pub(crate) fn explanation(&self, explanation: &AccessExplanation) {
        self.line(&services::explanation(explanation));
    }

    pub(crate) fn capabilities(&self, page: &CapabilityPage) {
        self.line(&services::capabilities(page));
    }

    pub(crate) fn accounts(&self, page: &AccountPage) {
        self.line(&accounts::table(page));
        self.each_note(&page.errors);
    }

    pub(crate) fn account(&self, account: &Account) {
        self.line(&accounts::sheet(account));
    }

    pub(crate) fn groups(&self, groups: &[Group]) {
        self.line(&accounts::groups(groups));
    }

    pub(crate) fn faces(&self, protocol: &str, page: &Value) {
        self.line(&shares::faces(protocol, page));
    }

    pub(crate) fn share_status(&self, status: &ShareStatus) {
        self.line(&shares::status(status));
        self.each_note(&status.errors);
    }

    pub(crate) fn share_generations(&self, page: &ShareGenerationPage) {
        self.line(&shares::generations(page));
    }

    fn each_note(&self, notes: &[String]) {
        for it in notes {
            self.note(&format!("note: {it}"));
        }
    }

    pub(crate) fn datasets(&self, page: &DatasetPage) {
        self.line(&datasets::table(page));
        for error in &page.errors {
            self.note(&format!("not known: {error}"));
        }
    }

    pub(crate) fn dataset(&self, dataset: &Dataset) {
        self.line(&datasets::sheet(dataset));
    }

    pub(crate) fn snapshots(&self, page: &SnapshotPage) {
        self.line(&datasets::snapshot_table(&page.items));
        for error in &page.errors {
            self.note(&format!("not known: {error}"));
        }
    }

    pub(crate) fn pruned_snapshots(&self, left: &PrunedSnapshots) {
        self.line(&datasets::snapshot_table(&left.items));
    }

    pub(crate) fn snapshot(&self, snapshot: &Snapshot) {
        self.line(&datasets::snapshot_sheet(snapshot));
    }

    pub(crate) fn initramfs(&self, all: &Initramfs) {
        self.line(&initramfs::sheet(all));
    }

    pub(crate) fn disks(&self, page: &DiskPage) {
        self.line(&disks::table(page));
        for error in &page.errors {
            self.note(&format!("not read: {error}"));
        }
    }

    pub(crate) fn disk(&self, disk: &Disk) {
        self.line(&disks::sheet(disk));
    }

    pub(crate) fn consequences(&self, it: &DiskConsequences) {
        self.line(&consequences::sheet(it));
    }

    pub(crate) fn jobs(&self, page: &JobPage) {
        self.line(&jobs::table(page));
    }

    pub(crate) fn job(&self, job: &Job) {
        self.line(&jobs::sheet(job));
    }

    pub(crate) fn job_log(&self, page: &LogPage) {
        self.line(&jobs::log(page));
    }

    /// How far a job is, in a line that the next one writes over. Nothing where nobody looks.
    pub(crate) fn progress(&self, job: &Job) {
        if std::io::stderr().is_terminal() {
            eprint!("\r\x1b[K{}", harmless(&jobs::bar(job)));
        }
    }

    /// The line of progress has done its work.
    pub(crate) fn progress_over(&self) {
        if std::io::stderr().is_terminal() {
            eprint!("\r\x1b[K");
        }
    }

    pub(crate) fn schedules(&self, page: &SchedulePage) {
        self.line(&jobs::schedules(page));
    }

    pub(crate) fn schedule(&self, schedule: &Schedule) {
        self.line(&jobs::schedule(schedule));
    }

    pub(crate) fn timeline(&self, timeline: &Timeline) {
        self.line(&jobs::timeline(timeline));
    }

    pub(crate) fn pruned(&self, decisions: &[Decision], zone: &TimeZone, reasons: Reasons) {
        self.line(&prune::decisions(decisions, zone, reasons));
    }

    pub(crate) fn prune_preview(&self, ahead: &Preview, zone: &TimeZone, reasons: Reasons) {
        self.line(&prune::preview(ahead, zone, reasons));
    }

    pub(crate) fn audit(&self, page: &AuditPage) {
        self.line(&audit::list(page));
    }

    pub(crate) fn audit_verdict(&self, verdict: &AuditVerdict) {
        self.line(&audit::verdict(verdict));
    }

    pub(crate) fn users(&self, page: &UserPage) {
        self.line(&access::users(page));
    }

    pub(crate) fn sessions(&self, page: &SessionPage) {
        self.line(&access::sessions(page));
    }

    pub(crate) fn keys(&self, page: &ApiKeyPage) {
        self.line(&access::keys(page));
    }

    /// Any value, indented, for people.
    pub(crate) fn outline(&self, value: &Value) {
        self.line(&outline::outline(value));
    }

    /// The plan is the result.
    pub(crate) fn planned(&self, plan: &Plan) {
        use poem_openapi::types::ToJSON;
        match self.output {
            Output::Json => self.json(&plan.to_json_string()),
            Output::Table => self.line(&plan::sheet(plan)),
        }
    }

    /// The plan comes before the result.
    pub(crate) fn plan_ahead(&self, plan: &Plan) {
        if self.output == Output::Table || !plan.dangers.is_empty() {
            self.note(&plan::sheet(plan));
        }
    }

    pub(crate) fn failure(&self, failure: &Failure) {
        let causes: &[String] = match failure {
            Failure::Problem(problem) => &problem.causes,
            _ => &[],
        };
        let hint = match failure {
            Failure::Problem(problem) => problem.hint.as_ref(),
            Failure::Refused { hint, .. } => hint.as_ref(),
            Failure::Broken(_) | Failure::Silent => None,
        };
        if let Failure::Silent = failure {
            return;
        }
        eprintln!("error: {}", harmless(&failure.to_string()));
        for cause in causes {
            eprintln!("  because: {}", harmless(cause));
        }
        if let Failure::Problem(problem) = failure {
            for field in &problem.errors {
                eprintln!("  {}: {}", field.name, field.reason);
            }
        }
        if let Some(hint) = hint {
            eprintln!("  hint: {hint}");
        }
    }
}

/// What came from elsewhere, such as the name that somebody typed at a login, must not be obeyed by
/// the terminal: what it would obey is shown as text.
fn harmless(text: &str) -> Cow<'_, str> {
    let obeyed = |it: char| it.is_control() && !matches!(it, '\n' | '\t');
    if !text.contains(obeyed) {
        return Cow::Borrowed(text);
    }
    let shown = text.chars().map(|it| match obeyed(it) {
        true => it.escape_default().to_string(),
        false => it.to_string(),
    });
    Cow::Owned(shown.collect())
}

/// Columns without lines, as wide as the terminal.
fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header.iter().copied());
    table
}

/// The lines of a table without the space around its columns.
fn lines(table: &Table) -> String {
    let text = table.to_string();
    let lines = text
        .lines()
        .map(|it| it.strip_prefix(' ').unwrap_or(it).trim_end());
    lines.collect::<Vec<_>>().join("\n")
}

fn bytes(count: u64) -> String {
    moxnas_core::units::Bytes(count).to_string()
}

/// `3 h 20 min`, as exact as anybody needs.
fn time(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn a_terminal_is_told_nothing() {
        assert_eq!(harmless("a\tb\nc"), "a\tb\nc");
        assert_eq!(harmless("\u{1b}[2Jann\r\u{7}"), "\\u{1b}[2Jann\\r\\u{7}");
        assert_eq!(harmless("c1 \u{9b}31m"), "c1 \\u{9b}31m");
    }
}
