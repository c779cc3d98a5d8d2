//! The shape all plain outputs share: a device's name with a colon, then its lines; and messages
//! of mdadm itself among them, where standard error was caught too.

use serde::{Deserialize, Serialize};

use super::member_table;
use crate::parsed::{Line, Log, Reason, lines};

/// Something mdadm says about its own work, such as `mdadm: cannot open /dev/md0: …`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Number of its line, from 1.
    pub line: usize,
    /// The line or lines, verbatim.
    pub text: String,
}

impl Message {
    /// The message a line is, if it is one.
    pub(super) fn of(line: Line<'_>) -> Option<Self> {
        line.trimmed().starts_with("mdadm:").then(|| Message {
            line: line.number,
            text: line.trimmed().to_owned(),
        })
    }
}

/// One device's lines, without the blank ones.
pub(super) struct Block<'a> {
    pub(super) device: &'a str,
    pub(super) lines: Vec<Line<'a>>,
}

/// A text taken apart.
pub(super) struct Blocks<'a> {
    pub(super) blocks: Vec<Block<'a>>,
    pub(super) messages: Vec<Message>,
    pub(super) log: Log,
}

pub(super) fn split(text: &str) -> Blocks<'_> {
    let (mut blocks, mut messages, mut log) = (Vec::<Block<'_>>::new(), Vec::new(), Log::default());
    let mut after_message = false;
    let mut headings = Vec::new();
    for line in lines(text) {
        if line.trimmed().is_empty() {
            after_message = false;
        } else if let Some(message) = Message::of(line) {
            messages.push(message);
            after_message = true;
        } else if let Some(device) = heading(line) {
            blocks.push(Block {
                device,
                lines: Vec::new(),
            });
            headings.push(line);
            after_message = false;
        } else if let Some(message) = messages
            .last_mut()
            .filter(|_| after_message && !is_structured(line))
        {
            message.text.push('\n');
            message.text.push_str(line.trimmed());
        } else if let Some(block) = blocks.last_mut() {
            block.lines.push(line);
            after_message = false;
        } else {
            log.add(line, Reason::Orphan);
        }
    }
    for (block, heading) in blocks.iter_mut().zip(headings) {
        if block.lines.is_empty() {
            log.add(heading, Reason::Missing("line about the device".into()));
        }
        for line in lost(&mut block.lines) {
            log.add(line, Reason::Orphan);
        }
    }
    Blocks {
        blocks,
        messages,
        log,
    }
}

/// Takes off what belongs to another device whose name was not read: fields after the table of
/// members, which is always last, and everything from where a first field comes again.
fn lost<'a>(lines: &mut Vec<Line<'a>>) -> Vec<Line<'a>> {
    let key = |line: &Line<'a>| key_value(*line).map(|(key, _)| key);
    let first = lines
        .iter()
        .position(|it| key(it).is_some())
        .unwrap_or(lines.len());
    let first_key = lines.get(first).and_then(key);
    let mut in_table = false;
    let end = lines.iter().enumerate().position(|(at, line)| {
        in_table |= member_table::is_head(*line);
        let Some(key) = key(line) else { return false };
        let is_first = Some(key) == first_key
            || matches!(key, "Magic" | "MBR Magic" | "GPT Magic" | "Container");
        // A first field that is doubled on the spot is only that.
        in_table || (is_first && at > first.saturating_add(1))
    });
    end.map(|at| lines.split_off(at)).unwrap_or_default()
}

/// `/dev/md0:`. Titles inside a block have spaces or brackets.
fn heading(line: Line<'_>) -> Option<&str> {
    let device = line.text.trim_end().strip_suffix(':')?;
    let is_path = device.starts_with('/') && !device.contains(" : ");
    let is_word = !device.is_empty() && !device.contains([' ', '\t', '[', '(']);
    (is_path || is_word).then_some(device)
}

/// Whether the line has the form of a field or of a table's row.
fn is_structured(line: Line<'_>) -> bool {
    key_value(line).is_some()
        || line.trimmed().starts_with("Number ")
        || line
            .trimmed()
            .starts_with(|it: char| it.is_ascii_digit() || it == '-')
}

/// `Key : Value`; the value may be empty.
pub(super) fn key_value(line: Line<'_>) -> Option<(&str, &str)> {
    let text = line.trimmed();
    let (key, value) = match text.split_once(" : ") {
        Some((key, value)) => (key, value),
        None => (text.strip_suffix(" :")?, ""),
    };
    let key = key.trim();
    (!key.is_empty()).then_some((key, value.trim()))
}

/// Files a `Key : Value` line: in its field, or else in `other`.
pub(super) fn file(
    line: Line<'_>,
    log: &mut Log,
    other: &mut Vec<(String, String)>,
    field: impl FnOnce(&str, &str) -> Result<bool, Reason>,
) {
    let Some((key, value)) = key_value(line) else {
        return log.add(line, Reason::UnknownLine);
    };
    match field(key, value) {
        Ok(true) => {}
        Ok(false) => other.push((key.to_owned(), value.to_owned())),
        Err(reason) => log.add(line, reason),
    }
}
