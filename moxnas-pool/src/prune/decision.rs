//! What becomes of a snapshot, and the reason for people.

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use super::{
    Keep, Period, Rule, Snapshot,
    covered::Covered,
    entry::Entry,
    mark::{Mark, covered_before, marks},
};

/// What becomes of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// The snapshot.
    pub snapshot: Snapshot,
    /// Whether it stays, and why.
    pub verdict: Verdict,
}

/// Whether a snapshot stays, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It stays.
    Kept(Kept),
    /// It goes.
    Removed(Removed),
}

/// Why a snapshot stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// No rule runs, so that nothing goes.
    NoRule,
    /// Somebody said so.
    Protected,
    /// It is not finished and the newest of all: it may still be in the making.
    Unfinished,
    /// A rule keeps it.
    By {
        /// The rule.
        rule: Rule,
        /// As its how manieth, from the newest, counted from 1.
        nth: u32,
        /// Of how many at most.
        of: u32,
        /// For which period; none for [`Rule::Last`].
        period: Option<Period>,
    },
}

/// Why a snapshot goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Removed {
    /// It is not finished, and will not be: this one is newer.
    Unfinished {
        /// The next newer one.
        newer: Timestamp,
    },
    /// A rule keeps a newer one of the same period.
    Covered(Cover),
    /// No rule keeps it: of each rule that runs, why not.
    Missed(Vec<Miss>),
}

/// A snapshot that stays for a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Cover {
    /// The period.
    pub period: Period,
    /// The snapshot that stays.
    pub by: Timestamp,
    /// The rule that keeps it.
    pub rule: Rule,
}

/// Why a rule does not keep a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Miss {
    /// A rule before it keeps one of the same period, so that it does not count the period.
    Covered(Cover),
    /// It had all that it keeps before it came to this one.
    Full {
        /// The rule.
        rule: Rule,
        /// How many it keeps.
        of: u32,
    },
}

impl Verdict {
    /// Whether it stays.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        matches!(self, Verdict::Kept(_))
    }

    /// The reason as a sentence without a full stop. Moments are shown as by a clock of the zone.
    #[must_use]
    pub fn explain(&self, zone: &TimeZone) -> String {
        match self {
            Verdict::Kept(it) => it.explain(),
            Verdict::Removed(it) => it.explain(zone),
        }
    }
}

impl Kept {
    fn explain(self) -> String {
        match self {
            Kept::NoRule => "no keep option is given, so that nothing is removed".to_owned(),
            Kept::Protected => "protected; no rule counts it".to_owned(),
            Kept::Unfinished => {
                "not finished, and the newest of all: it may still be in the making".to_owned()
            }
            Kept::By {
                rule,
                nth,
                of,
                period,
            } => match period {
                None => format!("{rule} {nth} of {of}"),
                Some(period) => format!("{rule} {nth} of {of}: {period}"),
            },
        }
    }
}

impl Removed {
    fn explain(&self, zone: &TimeZone) -> String {
        match self {
            Removed::Unfinished { newer } => {
                format!("not finished, and {} is newer", shown(*newer, zone))
            }
            Removed::Covered(it) => {
                let (unit, period) = (it.period.unit(), it.period);
                let (by, rule) = (shown(it.by, zone), it.rule);
                format!("its {unit} {period} has a newer one, {by} of {rule}")
            }
            Removed::Missed(misses) => {
                let misses: Vec<_> = misses.iter().map(|it| it.explain(zone)).collect();
                format!("no rule keeps it: {}", misses.join(", "))
            }
        }
    }
}

impl Miss {
    fn explain(self, zone: &TimeZone) -> String {
        match self {
            Miss::Covered(it) => {
                let (unit, period) = (it.period.unit(), it.period);
                let (by, rule) = (shown(it.by, zone), it.rule);
                format!("{unit} {period} is covered by {by} of {rule}")
            }
            Miss::Full { rule, of: 0 } => format!("{rule} keeps none"),
            Miss::Full { rule, of } => format!("{rule} has its {of}"),
        }
    }
}

fn shown(at: Timestamp, zone: &TimeZone) -> String {
    let local = at.to_zoned(zone.clone());
    local.strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

/// A decision for each entry. Entries come oldest first.
pub(super) fn decisions(entries: &[Entry], keep: &Keep) -> Vec<Decision> {
    let marks = marks(entries, keep);
    let reasons = Reasons {
        entries,
        keep,
        covered: keep
            .rules()
            .map(|(rule, _)| covered_before(rule, entries, &marks))
            .collect(),
        marks: &marks,
    };
    let decide = |at: usize| Decision {
        snapshot: entries[at].snapshot,
        verdict: reasons.verdict(at),
    };
    (0..entries.len()).map(decide).collect()
}

/// All that the reasons are taken from.
struct Reasons<'a> {
    entries: &'a [Entry],
    keep: &'a Keep,
    marks: &'a [Mark],
    /// For each rule that runs, what those before it cover.
    covered: Vec<Covered>,
}

impl Reasons<'_> {
    fn verdict(&self, at: usize) -> Verdict {
        let entry = &self.entries[at];
        match self.marks[at] {
            Mark::Untouched => Verdict::Kept(Kept::NoRule),
            Mark::Protected => Verdict::Kept(Kept::Protected),
            Mark::Unfinished => Verdict::Kept(Kept::Unfinished),
            Mark::Kept { rule, nth } => Verdict::Kept(Kept::By {
                rule,
                nth,
                of: self.keep.count(rule).unwrap_or(nth),
                period: entry.period(rule),
            }),
            Mark::Abandoned { newer } => Verdict::Removed(Removed::Unfinished {
                newer: self.entries[newer].snapshot.taken,
            }),
            Mark::Covered { period, by } => {
                Verdict::Removed(Removed::Covered(self.cover(period, by)))
            }
            Mark::Open => Verdict::Removed(Removed::Missed(self.misses(entry))),
        }
    }

    /// A rule left it open: its period was covered, or the rule did not get so far.
    fn misses(&self, entry: &Entry) -> Vec<Miss> {
        let rules = self.keep.rules().zip(&self.covered);
        let miss = |((rule, of), covered): ((Rule, u32), &Covered)| {
            let cover = entry
                .period(rule)
                .and_then(|it| Some(self.cover(it, covered.get(it)?)));
            cover.map_or(Miss::Full { rule, of }, Miss::Covered)
        };
        rules.map(miss).collect()
    }

    fn cover(&self, period: Period, by: usize) -> Cover {
        Cover {
            period,
            by: self.entries[by].snapshot.taken,
            rule: match self.marks[by] {
                Mark::Kept { rule, .. } => rule,
                _ => period.rule(),
            },
        }
    }
}
