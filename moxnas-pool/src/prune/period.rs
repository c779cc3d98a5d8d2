//! Hours, days, weeks, months and years of a calendar.

use std::fmt;

use jiff::civil::{Date, DateTime, Time};
use serde::Serialize;

use super::Rule;

/// What a rule counts. `Display` prints `2026-03-28 14:00`, `2026-03-28`, `2026-W13`, `2026-03` and
/// `2026`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Period {
    /// The rule that counts it, which says how long it is.
    rule: Rule,
    /// What the clock and the calendar show when it begins. An hour that a clock shows twice begins
    /// once.
    begins: DateTime,
}

impl Period {
    /// That of a rule, at what the clock and the calendar show; none for [`Rule::Last`], which counts
    /// no periods.
    #[must_use]
    pub fn of(rule: Rule, shown: DateTime) -> Option<Period> {
        let date = match rule {
            Rule::Last => return None,
            Rule::Hourly | Rule::Daily => shown.date(),
            Rule::Weekly => monday(shown.date()),
            Rule::Monthly => shown.date().first_of_month(),
            Rule::Yearly => shown.date().first_of_year(),
        };
        let time = match rule {
            Rule::Hourly => Time::constant(shown.hour(), 0, 0, 0),
            _ => Time::midnight(),
        };
        Some(Period {
            rule,
            begins: date.to_datetime(time),
        })
    }

    /// The rule that counts it.
    #[must_use]
    pub fn rule(self) -> Rule {
        self.rule
    }

    /// What the clock and the calendar show when it begins.
    #[must_use]
    pub fn begins(self) -> DateTime {
        self.begins
    }

    /// What it is called: `hour`, `day`, `week`, `month`, `year`.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self.rule {
            Rule::Last => "moment",
            Rule::Hourly => "hour",
            Rule::Daily => "day",
            Rule::Weekly => "week",
            Rule::Monthly => "month",
            Rule::Yearly => "year",
        }
    }
}

/// The first day of a week. The first days that there are belong to a week whose Monday is not there.
fn monday(date: Date) -> Date {
    let week = date.iso_week_date().first_of_week();
    week.map_or(Date::MIN, |it| it.date())
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = self.begins.date();
        match self.rule {
            Rule::Last | Rule::Hourly => write!(f, "{date} {:02}:00", self.begins.hour()),
            Rule::Daily => write!(f, "{date}"),
            Rule::Weekly => {
                let week = date.iso_week_date();
                write!(f, "{:04}-W{:02}", week.year(), week.week())
            }
            Rule::Monthly => write!(f, "{:04}-{:02}", date.year(), date.month()),
            Rule::Yearly => write!(f, "{:04}", date.year()),
        }
    }
}
