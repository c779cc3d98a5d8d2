//! Texts of lines, of which one may be damaged without hiding the others.

use std::fmt;

/// What the lines of a text say, and the lines that could not be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lines<T> {
    pub(super) items: Vec<T>,
    pub(super) bad: Vec<BadLine>,
}

/// A line that could not be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadLine {
    /// Counted from 1.
    line: usize,
    text: String,
}

impl<T> Lines<T> {
    /// Read every line that is not empty.
    pub(super) fn read<'a>(text: &'a str, read: impl Fn(&'a str) -> Option<T>) -> Lines<T> {
        let mut lines = Lines {
            items: Vec::new(),
            bad: Vec::new(),
        };
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.is_empty()) {
            match read(line) {
                Some(item) => lines.items.push(item),
                None => lines.bad.push(BadLine {
                    line: number,
                    text: line.to_owned(),
                }),
            }
        }
        lines
    }
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} is not understood: {:?}", self.line, self.text)
    }
}
