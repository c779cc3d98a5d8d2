//! The first line of an array: `md0 : active (read-only) raid1 sdb1[1](S) sda1[0]`.

use std::collections::BTreeSet;

use super::model::{MdstatArray, MdstatMember, MemberFlag, ReadOnly, State};
use super::status_line;
use crate::parsed::{Line, Log, Reason, number, split_words};

/// The array's name and what follows the colon. Kernel names of arrays begin with `md`.
pub(super) fn split(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.split_once(':')?;
    let name = name.trim_end();
    let is_name = name.starts_with("md") && !name.contains([' ', '\t', '[', ']', '=']);
    is_name.then_some((name, rest))
}

/// The array, if its state can be read: without it nothing that follows can be trusted.
pub(super) fn read(line: Line<'_>, name: &str, rest: &str, log: &mut Log) -> Option<MdstatArray> {
    let words = split_words(rest);
    let Some((&first, mut words)) = words.split_first() else {
        log.add(line, Reason::Missing("state".into()));
        return None;
    };
    // Older kernels printed `active(auto-read-only)` without the space.
    let (state, mode) = match first.find('(') {
        Some(at) => first.split_at(at),
        None => (first, ""),
    };
    let state = match state {
        "active" => State::Active,
        "inactive" => State::Inactive,
        "broken" => State::Broken,
        _ => {
            log.add(line, Reason::UnknownWord(first.to_owned()));
            return None;
        }
    };
    let mut array = MdstatArray::new(name, state);
    if !mode.is_empty() {
        match read_only(mode) {
            Some(mode) => array.read_only = mode,
            None => log.add(line, Reason::UnknownWord(mode.to_owned())),
        }
    }
    if let Some((mode, rest)) = words
        .split_first()
        .and_then(|(word, rest)| Some((read_only(word)?, rest)))
    {
        array.read_only = mode;
        words = rest;
    }
    if let Some((&word, rest)) = words.split_first()
        && is_personality(word, state)
    {
        array.personality = Some(word.to_owned());
        words = rest;
    }
    if array.personality.is_none() && state != State::Inactive {
        log.add(line, Reason::Missing("personality".into()));
    }
    members(line, words, &mut array, log);
    Some(array)
}

fn read_only(word: &str) -> Option<ReadOnly> {
    match word {
        "(read-only)" => Some(ReadOnly::ReadOnly),
        "(auto-read-only)" => Some(ReadOnly::AutoReadOnly),
        _ => None,
    }
}

/// An array that runs always has a personality, and it stands first. An inactive one has none today
/// but did in the past, so there only known names count.
fn is_personality(word: &str, state: State) -> bool {
    let known = matches!(word, "linear" | "multipath" | "faulty")
        || word
            .strip_prefix("raid")
            .is_some_and(|it| number::<u8>("level", it).is_ok());
    let like_one = word != "super"
        && word.starts_with(|it: char| it.is_ascii_lowercase())
        && word
            .chars()
            .all(|it| it.is_ascii_alphanumeric() || it == '_' || it == '-');
    known || (state != State::Inactive && like_one)
}

fn members(line: Line<'_>, words: &[&str], array: &mut MdstatArray, log: &mut Log) {
    array.members.reserve(words.len());
    let mut words = words;
    while let Some((&word, rest)) = words.split_first() {
        // Without members there is no line break before the rest.
        if word == "super" {
            return status_line::words(line, words.to_vec(), array, log);
        }
        match member(word, line, log) {
            Ok(member) => array.members.push(member),
            Err(reason) => log.add(line, reason),
        }
        words = rest;
    }
}

/// `sdb1[2](W)(F)`: known by its shape; a letter that is not known is kept, with an error.
fn member(word: &str, line: Line<'_>, log: &mut Log) -> Result<MdstatMember, Reason> {
    let unknown = || Reason::UnknownWord(word.to_owned());
    let (device, rest) = word.split_once('[').ok_or_else(unknown)?;
    let (digits, mut letters) = rest.split_once(']').ok_or_else(unknown)?;
    if device.is_empty() || device.contains([']', '(', ')']) {
        return Err(unknown());
    }
    let number = match number("member", digits) {
        Err(Reason::NotANumber { .. }) => return Err(unknown()),
        number => number?,
    };
    let mut flags = BTreeSet::new();
    while !letters.is_empty() {
        let (letter, rest) = letters
            .strip_prefix('(')
            .and_then(|it| it.split_once(')'))
            .ok_or_else(unknown)?;
        let mut chars = letter.chars();
        let (Some(letter), None) = (chars.next(), chars.next()) else {
            return Err(unknown());
        };
        flags.insert(MemberFlag::of(letter));
        letters = rest;
    }
    for flag in &flags {
        if let MemberFlag::Other(letter) = flag {
            let text = letter.to_string();
            log.add(
                line,
                Reason::Nonsense {
                    field: format!("flag of {device}").into(),
                    text,
                },
            );
        }
    }
    Ok(MdstatMember {
        device: device.to_owned(),
        number,
        flags,
    })
}
