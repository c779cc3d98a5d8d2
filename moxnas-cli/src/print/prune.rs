//! What stays and what goes, for people.

use moxnas_pool::prune::{Count, Decision, Kept, Preview, TimeZone, Timestamp, Verdict};

use super::lines;

/// How much is said of each snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reasons {
    /// The rule that keeps it.
    Short,
    /// Why it stays or goes, as a sentence.
    Full,
}

pub(super) fn decisions(decisions: &[Decision], zone: &TimeZone, reasons: Reasons) -> String {
    if decisions.is_empty() {
        return "there are no snapshots".to_owned();
    }
    let kept = decisions.iter().filter(|it| it.verdict.is_kept()).count();
    let removed = decisions.len() - kept;
    let table = snapshots(decisions, zone, reasons);
    format!("{table}\n\n{kept} kept, {removed} removed")
}

fn snapshots(decisions: &[Decision], zone: &TimeZone, reasons: Reasons) -> String {
    let why = match reasons {
        Reasons::Short => "BY",
        Reasons::Full => "WHY",
    };
    let mut table = super::table(&["TAKEN", "VERDICT", why]);
    for it in decisions {
        table.add_row([
            at(it.snapshot.taken, zone),
            match it.verdict.is_kept() {
                true => "kept",
                false => "REMOVED",
            }
            .to_owned(),
            match reasons {
                Reasons::Short => by(&it.verdict).to_owned(),
                Reasons::Full => it.verdict.explain(zone),
            },
        ]);
    }
    lines(&table)
}

fn by(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Kept(Kept::By { rule, .. }) => rule.name(),
        Verdict::Kept(Kept::Protected) => "protected",
        Verdict::Kept(Kept::Unfinished) => "incomplete",
        Verdict::Kept(Kept::NoRule) | Verdict::Removed(_) => "-",
    }
}

/// How many there are at the end of the first day and of each month, and what is left.
pub(super) fn preview(preview: &Preview, zone: &TimeZone, reasons: Reasons) -> String {
    let mut table = super::table(&["AT", "TAKEN", "KEPT"]);
    for (taken, it) in milestones(&preview.counts, zone) {
        table.add_row([at(it.at, zone), taken.to_string(), it.kept.to_string()]);
    }
    let most = preview.counts.iter().map(|it| it.kept).max().unwrap_or(0);
    format!(
        "{}\n\n{} taken, {} kept in the end, at most {most}\n\n{}",
        lines(&table),
        preview.counts.len(),
        preview.left.len(),
        snapshots(&preview.left, zone, reasons)
    )
}

/// The last count of the first day, of each month and of all, with how many were taken by then.
fn milestones<'a>(
    counts: &'a [Count],
    zone: &TimeZone,
) -> impl Iterator<Item = (usize, &'a Count)> {
    let date = |it: &Count| zone.to_datetime(it.at).date();
    let first = counts.first().map(date);
    let is_one = move |(place, it): &(usize, &Count)| {
        let Some(next) = counts.get(place + 1) else {
            return true;
        };
        let (this, next) = (date(it), date(next));
        let ends_month = this.first_of_month() != next.first_of_month();
        ends_month || (Some(this) == first && this != next)
    };
    let all = counts.iter().enumerate().filter(is_one);
    all.map(|(place, it)| (place + 1, it))
}

fn at(at: Timestamp, zone: &TimeZone) -> String {
    let local = at.to_zoned(zone.clone());
    local.strftime("%a %Y-%m-%d %H:%M:%S %Z").to_string()
}
