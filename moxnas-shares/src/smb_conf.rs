//! smb.conf(5), as Samba reads it.
//!
//! Blanks at both ends of a line go away, and several of them become one wherever they stand: there
//! is no way to say two. `#` and `;` begin a comment only at the beginning of a line. A backslash
//! at the end goes on with the next line. Names of options are told apart without regard to case
//! and blanks, and many have a second name; names of sections are told apart without regard to
//! case. What is said later holds. What stands before the first section belongs to `[global]`.
//!
//! `include` is an option like others here: whether to follow it is left to the caller.
//!
//! ```
//! use moxnas_shares::smb_conf::parse;
//!
//! let parsed = parse(
//!     "[Photos]\n  Path = /srv/photos\n  writeable = yes\n no value\n[photos]\ncomment=All",
//! );
//! let photos = &parsed.items[0];
//! assert_eq!(photos.name, "Photos");
//! assert_eq!(photos.get("read only"), Some("no"));
//! assert_eq!(photos.get("comment"), Some("All"));
//! assert_eq!(parsed.errors[0].line, 4);
//! ```
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

pub(crate) mod options;
mod values;

pub use options::canonical_name;
pub use values::{boolean, list, octal, same, size, text};
pub(crate) use values::{group, path};

use crate::parsed::{ParseError, Parsed, Reason};

/// A section: `[global]` or a share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its name as it stands where it is met first.
    pub name: String,
    /// The line on which it is met first, from 1.
    pub line: usize,
    /// What is said in it, in the order of the lines, also what a later line says otherwise.
    pub params: Vec<Param>,
}

/// An option with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// On which line it begins, from 1.
    pub line: usize,
    /// Its name as smb.conf(5) has it, see [`canonical_name`].
    pub name: String,
    /// Its name as it stands there.
    pub written: String,
    /// Its value; of an option that says the opposite of another, such as `writeable`, the
    /// opposite.
    pub value: String,
}

impl Section {
    /// Whether it is `[global]`, which Samba knows by other spellings too.
    #[must_use]
    pub fn is_global(&self) -> bool {
        is_global(&self.name)
    }

    /// What holds of an option: the last that is said.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.param(name).map(|it| it.value.as_str())
    }

    /// The line that holds of an option: the last.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&Param> {
        self.params.iter().rev().find(|it| it.name == name)
    }
}

/// Whether a section of this name is the global one, see `GLOBAL_NAME` and `GLOBAL_NAME2` in Samba,
/// which are compared without regard to blanks.
pub(crate) fn is_global(name: &str) -> bool {
    matches!(options::key(name).as_str(), "global" | "globals")
}

/// Reads the text of smb.conf.
#[must_use]
pub fn parse(text: &str) -> Parsed<Section> {
    let mut parsed: Parsed<Section> = Parsed::default();
    let mut current = None;
    for Line { number, text } in lines(text) {
        let error = |reason| ParseError {
            line: number,
            text: text.clone(),
            reason,
        };
        if let Some(rest) = text.strip_prefix('[') {
            match rest.split_once(']') {
                Some((name, _)) => current = Some(section(&mut parsed.items, name, number)),
                None => parsed.errors.push(error(Reason::NotClosed)),
            }
            continue;
        }
        match param(&text, number) {
            Ok(param) => {
                let at =
                    *current.get_or_insert_with(|| section(&mut parsed.items, "global", number));
                if let Some(section) = parsed.items.get_mut(at) {
                    section.params.push(param);
                }
            }
            Err(reason) => parsed.errors.push(error(reason)),
        }
    }
    parsed
}

/// The place of a section, which is made if it is not there.
fn section(sections: &mut Vec<Section>, name: &str, line: usize) -> usize {
    let is_it = |it: &Section| match is_global(name) {
        true => it.is_global(),
        false => it.name.to_lowercase() == name.to_lowercase(),
    };
    sections.iter().position(is_it).unwrap_or_else(|| {
        sections.push(Section {
            name: name.to_owned(),
            line,
            params: Vec::new(),
        });
        sections.len().saturating_sub(1)
    })
}

fn param(text: &str, line: usize) -> Result<Param, Reason> {
    let (written, value) = text.split_once('=').ok_or(Reason::NoEquals)?;
    let written = written.trim_ascii();
    if written.is_empty() {
        return Err(Reason::NoName);
    }
    let value = value.trim_ascii();
    let (name, is_opposite) = options::resolve(written);
    let value = match (is_opposite, boolean(value)) {
        (false, _) => value,
        (true, Some(true)) => "no",
        (true, Some(false)) => "yes",
        (true, None) => return Err(Reason::NotABoolean),
    };
    Ok(Param {
        line,
        name,
        written: written.to_owned(),
        value: value.to_owned(),
    })
}

/// A line with those that go on with it, without blanks in excess, and where it begins.
struct Line {
    number: usize,
    text: String,
}

/// All that is no comment and not empty.
fn lines(text: &str) -> Vec<Line> {
    let mut all = Vec::new();
    let mut begun: Option<Line> = None;
    for (raw, number) in text.split_inclusive('\n').zip(1..) {
        let (mut line, raw) = match begun.take() {
            Some(line) => (line, raw),
            None => match raw.trim_ascii_start() {
                it if it.is_empty() || it.starts_with(['#', ';']) => continue,
                it => (
                    Line {
                        number,
                        text: String::new(),
                    },
                    it,
                ),
            },
        };
        for it in raw.chars().filter(|it| *it != '\n') {
            match is_blank(it) && line.text.ends_with(is_blank) {
                true => (),
                false => line.text.push(it),
            }
        }
        let until = line.text.strip_suffix(is_blank).unwrap_or(&line.text);
        match until.strip_suffix('\\').map(str::len) {
            // At the end of a file there is nothing to go on with.
            Some(until) if raw.ends_with('\n') => {
                line.text.truncate(until);
                begun = Some(line);
            }
            _ => all.push(line),
        }
    }
    all.extend(begun);
    all.retain(|it| !it.text.is_empty());
    all
}

/// What isspace(3) takes for a blank.
fn is_blank(it: char) -> bool {
    matches!(it, ' ' | '\t' | '\r' | '\u{b}' | '\u{c}')
}

#[cfg(test)]
mod tests;
