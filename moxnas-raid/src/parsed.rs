//! What a parser of text written by another program gives: what could be read, and what could not.
//!
//! The kernel and mdadm change their output between versions, and a text may be cut or damaged. A
//! parser of this crate keeps everything it understands and gives the rest as [`ParseError`]s, each
//! with its line: nothing is lost in silence, and nothing panics.

use std::borrow::Cow;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A value read from text, and the errors met on the way.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Parsed<T> {
    /// Everything that was understood.
    pub value: T,
    /// What was not, in the order of the lines.
    pub errors: Vec<ParseError>,
}

impl<T> Parsed<T> {
    /// The value if every line was understood, else all errors.
    pub fn strict(self) -> Result<T, Vec<ParseError>> {
        if self.errors.is_empty() {
            Ok(self.value)
        } else {
            Err(self.errors)
        }
    }

    /// The same errors with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Parsed<U> {
        Parsed {
            value: change(self.value),
            errors: self.errors,
        }
    }
}

/// A line, or a word of it, that was not understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("line {line}: {reason}: {text:?}")]
pub struct ParseError {
    /// Number of the line, from 1.
    pub line: usize,
    /// The whole line as it stands in the text.
    pub text: String,
    /// What is wrong with it.
    pub reason: Reason,
}

/// Why a line, or a word of it, was not understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// No rule fits the line.
    #[error("the line is not understood")]
    UnknownLine,
    /// The line is known but this word of it is not; the rest of the line was kept.
    #[error("the word {0:?} is not understood")]
    UnknownWord(String),
    /// A number was expected.
    #[error("{field}: {text:?} is not a number")]
    NotANumber {
        /// Which field.
        field: Cow<'static, str>,
        /// What stands there.
        text: String,
    },
    /// The number does not fit the field's type.
    #[error("{field}: {text} is too large")]
    TooLarge {
        /// Which field.
        field: Cow<'static, str>,
        /// What stands there.
        text: String,
    },
    /// The field was read but cannot be true.
    #[error("{field}: {text:?} makes no sense")]
    Nonsense {
        /// Which field.
        field: Cow<'static, str>,
        /// What stands there.
        text: String,
    },
    /// Something that is always there is not.
    #[error("there is no {0}")]
    Missing(Cow<'static, str>),
    /// A thing that can be there once is there again; the first was kept.
    #[error("{0} is given twice")]
    Twice(Cow<'static, str>),
    /// The line continues something that was not read.
    #[error("the line belongs to nothing that was read")]
    Orphan,
    /// A blank line stands where none should; what follows it was kept.
    #[error("a blank line stands before it")]
    BlankBefore,
}

impl Reason {
    /// The word that was not understood, where the reason is that.
    pub fn unknown_word(&self) -> Option<&str> {
        match self {
            Reason::UnknownWord(word) => Some(word),
            _ => None,
        }
    }
}

/// A line and its number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    pub(crate) number: usize,
    pub(crate) text: &'a str,
}

impl<'a> Line<'a> {
    /// Without blanks of ASCII, which are all that the kernel and mdadm print. Others belong to a name.
    pub(crate) fn trimmed(self) -> &'a str {
        self.text.trim_ascii()
    }

    pub(crate) fn is_indented(self) -> bool {
        self.text.starts_with([' ', '\t'])
    }
}

pub(crate) fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    text.lines()
        .zip(1..)
        .map(|(text, number)| Line { number, text })
}

/// The words of a line. There is room for those of most lines from the start, because growing costs more
/// than splitting.
pub(crate) fn split_words(text: &str) -> Vec<&str> {
    let mut words = Vec::with_capacity(16);
    words.extend(text.split_ascii_whitespace());
    words
}

/// Errors collected while reading.
#[derive(Debug, Default)]
pub(crate) struct Log {
    errors: Vec<ParseError>,
}

impl Log {
    pub(crate) fn add(&mut self, line: Line<'_>, reason: Reason) {
        self.errors.push(ParseError {
            line: line.number,
            text: line.text.to_owned(),
            reason,
        });
    }

    /// The value of `result`, or an error noted at `line`.
    pub(crate) fn keep<T>(&mut self, line: Line<'_>, result: Result<T, Reason>) -> Option<T> {
        result.map_err(|reason| self.add(line, reason)).ok()
    }

    /// Closes the log. Errors about what is missing at an end are found late: order them by line.
    pub(crate) fn with<T>(mut self, value: T) -> Parsed<T> {
        self.errors.sort_by_key(|it| it.line);
        Parsed {
            value,
            errors: self.errors,
        }
    }
}

/// Fills a field that can be given once.
pub(crate) fn once<T>(
    slot: &mut Option<T>,
    field: &'static str,
    value: Result<T, Reason>,
) -> Result<(), Reason> {
    let value = value?;
    if slot.is_some() {
        return Err(Reason::Twice(field.into()));
    }
    *slot = Some(value);
    Ok(())
}

/// An unsigned number of digits only: no sign, no space.
pub(crate) fn number<T: FromStr>(field: &'static str, text: &str) -> Result<T, Reason> {
    if text.is_empty() || !text.bytes().all(|it| it.is_ascii_digit()) {
        return Err(Reason::NotANumber {
            field: field.into(),
            text: text.to_owned(),
        });
    }
    text.parse().map_err(|_| Reason::TooLarge {
        field: field.into(),
        text: text.to_owned(),
    })
}

/// A number that may have a sign.
pub(crate) fn signed(field: &'static str, text: &str) -> Result<i64, Reason> {
    match text.strip_prefix('-') {
        Some(digits) => number::<i64>(field, digits).map(|it| -it),
        None => number(field, text),
    }
}

/// A number in hexadecimal without prefix.
pub(crate) fn hexadecimal(field: &'static str, text: &str) -> Result<u64, Reason> {
    if text.is_empty() || !text.bytes().all(|it| it.is_ascii_hexdigit()) {
        return Err(Reason::NotANumber {
            field: field.into(),
            text: text.to_owned(),
        });
    }
    u64::from_str_radix(text, 16).map_err(|_| Reason::TooLarge {
        field: field.into(),
        text: text.to_owned(),
    })
}

/// A number of digits with at most one point, as the kernel prints tenths.
pub(crate) fn decimal(field: &'static str, text: &str) -> Result<f64, Reason> {
    let not_a_number = || Reason::NotANumber {
        field: field.into(),
        text: text.to_owned(),
    };
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    if !digits(whole) || !digits(part) {
        return Err(not_a_number());
    }
    // Digits alone can still overflow to infinity.
    let value: f64 = text.parse().map_err(|_| not_a_number())?;
    if value.is_finite() {
        Ok(value)
    } else {
        Err(Reason::TooLarge {
            field: field.into(),
            text: text.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits_only() {
        assert_eq!(number::<u8>("x", "255"), Ok(255));
        assert!(matches!(
            number::<u8>("x", "256"),
            Err(Reason::TooLarge { .. })
        ));
        for text in ["", "+1", "-1", "1 ", "0x1", "١"] {
            assert!(
                matches!(number::<u8>("x", text), Err(Reason::NotANumber { .. })),
                "{text}"
            );
        }
        assert_eq!(signed("x", "-16"), Ok(-16));
        assert_eq!(decimal("x", "12.6"), Ok(12.6));
        for text in ["", ".", "1.", ".5", "1.2.3", "inf", "nan", "1e5", "-1"] {
            assert!(decimal("x", text).is_err(), "{text}");
        }
        assert!(matches!(
            decimal("x", &"9".repeat(400)),
            Err(Reason::TooLarge { .. })
        ));
    }

    #[test]
    fn an_error_reads_well() {
        let error = ParseError {
            line: 3,
            text: "md0 : actve raid1".to_owned(),
            reason: Reason::UnknownWord("actve".to_owned()),
        };
        assert_eq!(
            error.to_string(),
            "line 3: the word \"actve\" is not understood: \"md0 : actve raid1\""
        );
    }
}
