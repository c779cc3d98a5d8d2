//! vsftpd.conf(5), as vsftpd reads it.
//!
//! `name=value`, one to a line, and comments that begin with `#` at the very beginning of one.
//! Nothing is forgiven: a blank before the `=` is a part of the name, one behind a word of yes or
//! no a part of the word, and for either vsftpd does not start. What is said later holds.
//!
//! ```
//! use moxnas_shares::vsftpd_conf::{Value, parse};
//!
//! let parsed = parse("local_umask=022\nwrite_enable=true\nlisten = NO\n");
//! assert_eq!(parsed.items[0].value, Value::Number(0o22));
//! assert_eq!(parsed.items[1].value, Value::Flag(true));
//! assert_eq!(parsed.errors[0].line, 3);
//! ```
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

pub(crate) mod options;

use std::fmt;

use options::Kind;

use crate::parsed::{ParseError, Parsed, Reason};

/// An option with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// On which line, from 1.
    pub line: usize,
    /// Its name.
    pub name: String,
    /// Its value as it stands there.
    pub written: String,
    /// What it means.
    pub value: Value,
}

/// What a value means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(u32),
    /// A text; none at all is as good as nothing said.
    Text(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Flag(true) => f.write_str("YES"),
            Value::Flag(false) => f.write_str("NO"),
            Value::Number(it) => write!(f, "{it}"),
            Value::Text(it) => f.write_str(it),
        }
    }
}

/// Reads the text of vsftpd.conf.
#[must_use]
pub fn parse(text: &str) -> Parsed<Setting> {
    let mut parsed = Parsed::default();
    for (text, line) in text.split('\n').zip(1..) {
        if text.starts_with('#') || text.trim_ascii().is_empty() {
            continue;
        }
        match setting(text.trim_ascii_start(), line) {
            Ok(setting) => parsed.items.push(setting),
            Err(reason) => parsed.errors.push(ParseError {
                line,
                text: text.to_owned(),
                reason,
            }),
        }
    }
    parsed
}

fn setting(text: &str, line: usize) -> Result<Setting, Reason> {
    let (name, written) = text.split_once('=').unwrap_or((text, ""));
    let known = options::known(name).ok_or(match options::known(name.trim_ascii()) {
        Some(_) => Reason::Space,
        None => Reason::UnknownOption,
    })?;
    let value = match known.kind {
        Kind::Text => Value::Text(written.trim_ascii().to_owned()),
        _ if written.is_empty() => return Err(Reason::NoValue),
        Kind::Flag => flag(written)?,
        Kind::Number => number(written)?,
    };
    Ok(Setting {
        line,
        name: name.to_owned(),
        written: written.to_owned(),
        value,
    })
}

fn flag(written: &str) -> Result<Value, Reason> {
    match written.to_ascii_uppercase().as_str() {
        "YES" | "TRUE" | "1" => Ok(Value::Flag(true)),
        "NO" | "FALSE" | "0" => Ok(Value::Flag(false)),
        word if word.trim_ascii() != word => Err(Reason::Space),
        _ => Err(Reason::NotABoolean),
    }
}

/// In octal behind a 0.
fn number(written: &str) -> Result<Value, Reason> {
    let radix = match written.starts_with('0') {
        true => 8,
        false => 10,
    };
    let is_number = written.chars().all(|it| it.is_digit(radix));
    match u32::from_str_radix(written, radix)
        .ok()
        .filter(|_| is_number)
    {
        Some(number) => Ok(Value::Number(number)),
        None if written.trim_ascii() != written => Err(Reason::Space),
        None => Err(Reason::NotANumber),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What vsftpd 3.0.3 said of the same lines: where it started here there is a value, where not
    /// a reason. Of numbers it takes what it can; what is none is no less wrong for that.
    #[test]
    fn lines_are_read_as_strictly_as_vsftpd_does() {
        let text = |it: &str| Ok(Value::Text(it.to_owned()));
        for (line, wanted) in [
            ("anonymous_enable=NO", Ok(Value::Flag(false))),
            (" anonymous_enable=true", Ok(Value::Flag(true))),
            ("anonymous_enable=1", Ok(Value::Flag(true))),
            ("anonymous_enable=on", Err(Reason::NotABoolean)),
            ("anonymous_enable=", Err(Reason::NoValue)),
            ("anonymous_enable", Err(Reason::NoValue)),
            ("anonymous_enable= NO", Err(Reason::Space)),
            ("anonymous_enable=NO ", Err(Reason::Space)),
            ("anonymous_enable=NO\r", Err(Reason::Space)),
            ("anonymous_enable =NO", Err(Reason::Space)),
            ("ANONYMOUS_ENABLE=NO", Err(Reason::UnknownOption)),
            ("bogus=1", Err(Reason::UnknownOption)),
            (" # x", Err(Reason::UnknownOption)),
            ("local_umask=077", Ok(Value::Number(0o77))),
            ("max_clients=0", Ok(Value::Number(0))),
            ("max_clients=50", Ok(Value::Number(50))),
            ("local_umask=0999", Err(Reason::NotANumber)),
            ("max_clients=x", Err(Reason::NotANumber)),
            ("max_clients=+5", Err(Reason::NotANumber)),
            ("max_clients= 5", Err(Reason::Space)),
            ("ftpd_banner=a = b", text("a = b")),
            ("ftpd_banner= a ", text("a")),
            ("ftpd_banner=", text("")),
        ] {
            let parsed = parse(line);
            let value = parsed.items.first().map(|it| it.value.clone());
            let reason = parsed.errors.first().map(|it| it.reason);
            assert_eq!(value.ok_or_else(|| reason.unwrap()), wanted, "{line:?}");
        }
        assert_eq!(parse("# a\n\n \t\n#=\n"), Parsed::default());
    }
}
