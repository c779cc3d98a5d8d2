//! A place in a text that is being read.

use super::error::{CalendarError, Field};
use super::list::MICROS;

/// Reads a text from left to right. Positions are in bytes, and always between characters: only
/// ASCII is ever stepped over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

/// A number with what was written for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number<'a> {
    /// More than any field allows if it did not fit.
    pub(super) value: u32,
    pub(super) text: &'a str,
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Cursor<'a> {
        Cursor { text, at: 0 }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn since(&self, at: usize) -> &'a str {
        self.text.get(at..self.at).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.rest().bytes().next()
    }

    pub(super) fn at_end(&self) -> bool {
        self.rest().is_empty()
    }

    /// Step over this text if it comes next.
    pub(super) fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    /// Step over these letters if they come next, large or small.
    pub(super) fn eat_letters(&mut self, letters: &str) -> bool {
        let next = self.rest().get(..letters.len());
        let found = next.is_some_and(|it| it.eq_ignore_ascii_case(letters));
        if found {
            self.at += letters.len();
        }
        found
    }

    pub(super) fn eat_blanks(&mut self) {
        while self.eat(" ") {}
    }

    pub(super) fn digits(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest.bytes().position(|it| !it.is_ascii_digit());
        let digits = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        self.at += digits.len();
        digits
    }

    /// A number, of seconds in microseconds: `30` and `30.5` are read, rounded at the seventh digit.
    pub(super) fn number(&mut self, field: Field) -> Result<Number<'a>, CalendarError> {
        let at = self.at;
        let whole = self.digits();
        if whole.is_empty() {
            return Err(self.unexpected("a number"));
        }
        let mut value = whole.parse::<u32>().unwrap_or(u32::MAX);
        if field == Field::Second {
            value = value.saturating_mul(MICROS);
            // One dot is a decimal point, two are a range.
            if self.peek() == Some(b'.') && !self.rest().starts_with("..") {
                self.at += 1;
                let digits = self.digits();
                if digits.is_empty() {
                    return Err(self.unexpected("a fraction of a second"));
                }
                value = value.saturating_add(micros(digits));
            }
        }
        let text = self.since(at);
        Ok(Number { value, text, at })
    }

    /// What is here, up to the next blank or sign, is not what should be here.
    pub(super) fn unexpected(&self, expected: &'static str) -> CalendarError {
        let rest = self.rest();
        let is_word = |it: char| it.is_alphanumeric() || it == '_';
        let word = rest.find(|it| !is_word(it)).unwrap_or(rest.len());
        let sign = rest.chars().next().map_or(0, char::len_utf8);
        let found = rest.get(..word.max(sign)).unwrap_or_default();
        CalendarError::Unexpected {
            at: self.at,
            found: found.chars().take(40).collect(),
            expected,
        }
    }
}

/// The digits behind a decimal point, as microseconds; up to a million if they round up.
fn micros(digits: &str) -> u32 {
    let digit = |place: usize| u32::from(digits.as_bytes().get(place).map_or(0, |it| it - b'0'));
    let micros = (0..6).fold(0, |sum, place| sum * 10 + digit(place));
    micros + u32::from(digit(6) >= 5)
}
