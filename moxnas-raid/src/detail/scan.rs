//! `ARRAY` lines: `mdadm --detail --scan` and `mdadm --examine --scan`. They are lines of
//! mdadm.conf, with its quotes and with continuation by indentation.

use serde::{Deserialize, Serialize};

use super::blocks::Message;
use super::values;
use crate::parsed::{Line, Log, Parsed, Reason, lines, number, once};

/// The arrays a scan found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Scan {
    /// In the order of the text.
    pub arrays: Vec<ScanArray>,
    /// What mdadm said about its own work.
    pub messages: Vec<Message>,
}

/// One `ARRAY` line.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ScanArray {
    /// `INACTIVE-ARRAY`: assembled in part and not running.
    pub inactive: bool,
    /// The node; arrays without a name have none.
    pub device: Option<String>,
    /// `level=`, with `--verbose`.
    pub level: Option<String>,
    /// `metadata=`: `1.2`, `imsm`.
    pub metadata: Option<String>,
    /// `num-devices=`, with `--verbose`.
    pub num_devices: Option<u32>,
    /// `spares=`.
    pub spares: Option<u32>,
    /// `UUID=`: identity, four groups of eight digits.
    pub uuid: Option<String>,
    /// `name=`: name in the superblock; mdadm 4.2 prints it, 4.4 does not.
    pub name: Option<String>,
    /// `container=`: UUID or node of the container it lies in.
    pub container: Option<String>,
    /// `member=`: which of the container's arrays.
    pub member: Option<String>,
    /// `bitmap=`: file of the write-intent bitmap.
    pub bitmap: Option<String>,
    /// `devices=`, with `--verbose`: nodes of its members.
    pub devices: Vec<String>,
    /// How many members have no node under `/dev` (any more): mdadm prints a bare `missing` for each.
    pub missing: u32,
    /// Other words `key=value`, verbatim.
    pub other: Vec<(String, String)>,
}

/// Reads the output of `mdadm --detail --scan` or `mdadm --examine --scan`.
pub fn parse_scan(text: &str) -> Parsed<Scan> {
    let (mut scan, mut log) = (Scan::default(), Log::default());
    // Whether a line that is indented belongs to the last array.
    let mut open = false;
    for line in lines(text) {
        if line.trimmed().is_empty() {
            continue;
        }
        if let Some(message) = Message::of(line) {
            scan.messages.push(message);
            open = false;
            continue;
        }
        let words = split_words(line, &mut log);
        let mut words = words.iter().map(String::as_str).peekable();
        if line.is_indented() {
            match scan.arrays.last_mut().filter(|_| open) {
                Some(array) => read(array, words, line, &mut log),
                None => log.add(line, Reason::Orphan),
            }
            continue;
        }
        let keyword = words.next().unwrap_or_default();
        open = matches!(keyword, "ARRAY" | "INACTIVE-ARRAY");
        if !open {
            log.add(line, Reason::UnknownLine);
            continue;
        }
        let mut array = ScanArray {
            inactive: keyword == "INACTIVE-ARRAY",
            ..ScanArray::default()
        };
        array.device = words.next_if(|it| !it.contains('=')).map(str::to_owned);
        read(&mut array, words, line, &mut log);
        scan.arrays.push(array);
    }
    log.with(scan)
}

fn read<'a>(
    array: &mut ScanArray,
    words: impl Iterator<Item = &'a str>,
    line: Line<'_>,
    log: &mut Log,
) {
    for word in words {
        let result = match word.split_once('=') {
            Some((key, value)) => field(array, key, value),
            None if word == "missing" => {
                array.missing = array.missing.saturating_add(1);
                Ok(())
            }
            None => Err(Reason::UnknownWord(word.to_owned())),
        };
        log.keep(line, result);
    }
}

fn field(it: &mut ScanArray, key: &str, value: &str) -> Result<(), Reason> {
    let text = |field| values::text(field, value);
    // mdadm.conf takes its words in any case.
    match key.to_ascii_lowercase().as_str() {
        "level" => once(&mut it.level, "level", text("level")),
        "metadata" => once(&mut it.metadata, "metadata", text("metadata")),
        "num-devices" => once(
            &mut it.num_devices,
            "num-devices",
            number("num-devices", value),
        ),
        "spares" => once(&mut it.spares, "spares", number("spares", value)),
        "uuid" => once(&mut it.uuid, "UUID", values::uuid("UUID", value)),
        "name" => once(&mut it.name, "name", text("name")),
        "container" => once(&mut it.container, "container", text("container")),
        "member" => once(&mut it.member, "member", text("member")),
        "bitmap" => once(&mut it.bitmap, "bitmap", text("bitmap")),
        "devices" if it.devices.is_empty() => {
            it.devices = value.split(',').map(str::to_owned).collect();
            Ok(())
        }
        "devices" => Err(Reason::Twice("devices".into())),
        _ => {
            it.other.push((key.to_owned(), value.to_owned()));
            Ok(())
        }
    }
}

/// Words with mdadm.conf's quotes, single or double, which may stand anywhere in a word.
fn split_words(line: Line<'_>, log: &mut Log) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for letter in line.trimmed().chars() {
        match quote {
            Some(mark) if mark == letter => quote = None,
            Some(_) => word.get_or_insert_default().push(letter),
            None if letter == '\'' || letter == '"' => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            None if letter.is_whitespace() => words.extend(word.take()),
            None => word.get_or_insert_default().push(letter),
        }
    }
    if quote.is_some() {
        log.add(line, Reason::Missing("closing quote".into()));
    }
    words.extend(word);
    words
}
