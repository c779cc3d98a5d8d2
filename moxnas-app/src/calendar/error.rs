//! What can be wrong with a text that should say when.

use std::fmt;

/// Why a text is no calendar expression.
///
/// Every variant says where: `at` counts bytes from the beginning of the text, so that a prompt or a
/// form can point at the place. What to write instead is said by [`CalendarError::hint`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CalendarError {
    /// There is nothing in the text, or nothing but a time zone.
    #[error("the expression says no time")]
    Empty,
    /// Something is where something else belongs.
    #[error("{} at position {}, where {expected} should be", Found(found), at + 1)]
    Unexpected {
        /// Where, in bytes.
        at: usize,
        /// What is there; empty at the end of the text.
        found: String,
        /// What may be there.
        expected: &'static str,
    },
    /// A word that neither systemd nor cron know.
    #[error("\"{word}\" at position {} is no word for a time", at + 1)]
    UnknownWord {
        /// Where, in bytes.
        at: usize,
        /// The word.
        word: String,
    },
    /// No zone of the database of time zones has this name.
    #[error("\"{name}\" at position {} is no time zone", at + 1)]
    UnknownZone {
        /// Where, in bytes.
        at: usize,
        /// The name.
        name: String,
        /// The zone that is spelt alike.
        alike: Option<String>,
    },
    /// A number that this part of a date or time cannot have.
    #[error("{field} {text} at position {} is not between {low} and {high}", at + 1)]
    OutOfRange {
        /// Where, in bytes.
        at: usize,
        /// The number as it was written.
        text: String,
        /// Whose number.
        field: Field,
        /// The smallest that is allowed.
        low: u32,
        /// The largest that is allowed.
        high: u32,
    },
    /// A range whose end is before its start.
    #[error("the range \"{text}\" at position {} ends before it begins", at + 1)]
    Backward {
        /// Where, in bytes.
        at: usize,
        /// The range as it was written.
        text: String,
        /// Whether it is one of weekdays.
        weekdays: bool,
    },
    /// A step of nothing.
    #[error("the step of \"{text}\" at position {} is zero", at + 1)]
    NoStep {
        /// Where, in bytes.
        at: usize,
        /// The item as it was written.
        text: String,
    },
    /// A step so long that it never comes to a second value.
    #[error("\"{text}\" at position {} never comes to another {field}", at + 1)]
    StepTooLong {
        /// Where, in bytes.
        at: usize,
        /// The item as it was written.
        text: String,
        /// Whose step.
        field: Field,
    },
    /// A list of more items than systemd reads.
    #[error("the list at position {} has more than {limit} items", at + 1)]
    TooMany {
        /// Where the list begins, in bytes.
        at: usize,
        /// How many items are read.
        limit: usize,
    },
    /// A text of cron that has not five fields.
    #[error("cron needs 5 fields (minute, hour, day, month, weekday), here are {count}")]
    FieldCount {
        /// How many there are.
        count: usize,
    },
    /// `@reboot`, which is no time.
    #[error("\"@reboot\" is an occasion, not a time")]
    Reboot,
}

/// What cron wants before a step.
pub(super) const A_RANGE: &str = "a range such as 5-59 before a step";

/// A part of a date or time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// 1970 to 2199.
    Year,
    /// 1 to 12.
    Month,
    /// 1 to 31.
    Day,
    /// Counted from the end of the month, 1 to 28, 1 being the last.
    DayFromEnd,
    /// Of cron: 0 to 7, both 0 and 7 being Sunday.
    Weekday,
    /// 0 to 23.
    Hour,
    /// 0 to 59.
    Minute,
    /// 0 to less than 60; numbers of limits are in microseconds.
    Second,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Field::Year => "year",
            Field::Month => "month",
            Field::Day => "day",
            Field::DayFromEnd => "day before the end of the month",
            Field::Weekday => "weekday",
            Field::Hour => "hour",
            Field::Minute => "minute",
            Field::Second => "second",
        })
    }
}

/// The text that was found, or that there was none.
struct Found<'a>(&'a str);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "" => f.write_str("the text ends"),
            text => write!(f, "{text:?}"),
        }
    }
}

impl CalendarError {
    /// Where in the text, in bytes from its beginning; 0 if the whole of it is meant.
    #[must_use]
    pub fn at(&self) -> usize {
        match self {
            CalendarError::Empty | CalendarError::FieldCount { .. } | CalendarError::Reboot => 0,
            CalendarError::Unexpected { at, .. }
            | CalendarError::UnknownWord { at, .. }
            | CalendarError::UnknownZone { at, .. }
            | CalendarError::OutOfRange { at, .. }
            | CalendarError::Backward { at, .. }
            | CalendarError::NoStep { at, .. }
            | CalendarError::StepTooLong { at, .. }
            | CalendarError::TooMany { at, .. } => *at,
        }
    }

    /// What to write instead.
    #[must_use]
    pub fn hint(&self) -> String {
        let examples = "write \"daily\", \"Sun 01:00\", \"*-*-01 03:30\" or five fields of cron";
        match self {
            CalendarError::Unexpected { found, .. } if found.starts_with(char::is_whitespace) => {
                "have one blank between weekday, date, time and zone, and none before or behind"
                    .into()
            }
            CalendarError::Unexpected {
                found, expected, ..
            } if found == "/" => match *expected == A_RANGE {
                true => "write 5-59/10 for every tenth from 5".into(),
                false => "write 0/5 for every fifth, and not */5, unless it is cron".into(),
            },
            CalendarError::UnknownZone {
                alike: Some(alike), ..
            } => format!("write {alike}"),
            CalendarError::UnknownZone { .. } => {
                "write UTC or a name such as Europe/Berlin, or leave the zone out".into()
            }
            CalendarError::OutOfRange {
                field: Field::DayFromEnd,
                ..
            } => "~01 is the last day of the month, ~28 the earliest that every month has".into(),
            CalendarError::Backward { weekdays: true, .. } => {
                "a week begins on Monday: write Sat,Sun,Mon..Thu and not Sat..Thu".into()
            }
            CalendarError::Backward { .. } => {
                "write two ranges, such as 22..23,0..5 and not 22..5; a range of seconds is at \
                 least one long unless it has a step"
                    .into()
            }
            CalendarError::NoStep { .. } | CalendarError::StepTooLong { .. } => {
                "leave the step out, or have it shorter".into()
            }
            CalendarError::Reboot => {
                "choose a time; what is to run at every start is no schedule".into()
            }
            CalendarError::TooMany { .. } => "use ranges and steps: 0/5 is every fifth".into(),
            CalendarError::Empty
            | CalendarError::Unexpected { .. }
            | CalendarError::UnknownWord { .. }
            | CalendarError::OutOfRange { .. }
            | CalendarError::FieldCount { .. } => examples.into(),
        }
    }
}
