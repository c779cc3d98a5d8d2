//! What is wished: how many of which.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A rule keeps as many snapshots as its count says, of each period that it counts the newest.
///
/// In the order in which they are gone through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Counts snapshots, whatever their periods.
    Last,
    /// Counts hours of the clock.
    Hourly,
    /// Counts days of the calendar.
    Daily,
    /// Counts weeks of ISO 8601.
    Weekly,
    /// Counts months.
    Monthly,
    /// Counts years.
    Yearly,
}

impl Rule {
    /// All, in the order in which they are gone through.
    pub const ALL: [Rule; 6] = [
        Rule::Last,
        Rule::Hourly,
        Rule::Daily,
        Rule::Weekly,
        Rule::Monthly,
        Rule::Yearly,
    ];

    /// What it is called where it is set: `keep-daily`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Rule::Last => "keep-last",
            Rule::Hourly => "keep-hourly",
            Rule::Daily => "keep-daily",
            Rule::Weekly => "keep-weekly",
            Rule::Monthly => "keep-monthly",
            Rule::Yearly => "keep-yearly",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How many snapshots each rule keeps. Without a count a rule does not run; without any, everything
/// stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Keep {
    /// So many, the newest.
    pub last: Option<u32>,
    /// The newest of so many hours.
    pub hourly: Option<u32>,
    /// The newest of so many days.
    pub daily: Option<u32>,
    /// The newest of so many weeks.
    pub weekly: Option<u32>,
    /// The newest of so many months.
    pub monthly: Option<u32>,
    /// The newest of so many years.
    pub yearly: Option<u32>,
}

impl Keep {
    /// How many a rule keeps, if it runs.
    #[must_use]
    pub fn count(&self, rule: Rule) -> Option<u32> {
        match rule {
            Rule::Last => self.last,
            Rule::Hourly => self.hourly,
            Rule::Daily => self.daily,
            Rule::Weekly => self.weekly,
            Rule::Monthly => self.monthly,
            Rule::Yearly => self.yearly,
        }
    }

    /// The rules that run, with their counts, in the order in which they are gone through.
    pub fn rules(&self) -> impl Iterator<Item = (Rule, u32)> {
        let count = |rule| self.count(rule).map(|count| (rule, count));
        Rule::ALL.into_iter().filter_map(count)
    }

    /// Whether any rule runs. If none does, nothing is ever removed.
    #[must_use]
    pub fn has_rules(&self) -> bool {
        self.rules().next().is_some()
    }
}
