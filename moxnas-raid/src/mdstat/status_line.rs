//! The second line of an array: size, superblock and what the personality's `status` prints.

use super::model::{Copies, Layout, MdstatArray, Metadata};
use crate::parsed::{Line, Log, Reason, number, once, split_words};

/// Reads `1953260544 blocks super 1.2 level 5, 512k chunk, algorithm 2 [3/3] [UUU]`.
pub(super) fn read(line: Line<'_>, array: &mut MdstatArray, log: &mut Log) {
    let mut rest = split_words(line.trimmed());
    match rest.as_slice() {
        [blocks, "blocks", ..] => {
            array.blocks = log.keep(line, number("blocks", blocks));
            rest.drain(..2);
        }
        ["blocks", ..] => {
            log.add(line, Reason::Missing("number of blocks".into()));
            rest.drain(..1);
        }
        _ => (),
    }
    words(line, rest, array, log);
    // 0.90 is not printed.
    array.metadata.get_or_insert(Metadata::V0_90);
}

/// Reads the words that follow the size.
pub(super) fn words(line: Line<'_>, mut words: Vec<&str>, array: &mut MdstatArray, log: &mut Log) {
    let mut copies = None;
    for word in &mut words {
        *word = word.strip_suffix(',').unwrap_or(word);
    }
    let mut words = words.as_slice();
    while !words.is_empty() {
        let (result, rest) = step(words, array, &mut copies);
        if let Err(reason) = result {
            log.add(line, reason);
        }
        words = rest;
    }
    if let Some(copies) = copies {
        log.keep(
            line,
            once(&mut array.layout, "layout", Ok(Layout::Copies(copies))),
        );
    }
}

/// Takes the next one to four words.
fn step<'a, 'b>(
    words: &'a [&'b str],
    array: &mut MdstatArray,
    copies: &mut Option<Copies>,
) -> (Result<(), Reason>, &'a [&'b str]) {
    match words {
        ["super", version, rest @ ..] => (
            once(&mut array.metadata, "superblock", metadata(version)),
            rest,
        ),
        ["level", level, rest @ ..] => (
            once(&mut array.level, "level", number("level", level)),
            rest,
        ),
        ["algorithm", text, rest @ ..] => {
            let layout = number("algorithm", text).map(|algorithm| Layout::Parity { algorithm });
            (once(&mut array.layout, "layout", layout), rest)
        }
        [size, "chunk" | "chunks", rest @ ..] => (
            once(&mut array.chunk_kib, "chunk", kib("chunk", size)),
            rest,
        ),
        [size, "rounding", rest @ ..] => (
            once(&mut array.rounding_kib, "rounding", kib("rounding", size)),
            rest,
        ),
        [count, "near-copies", rest @ ..] => {
            let copies = copies.get_or_insert_default();
            (
                number("near-copies", count).map(|it| copies.near = it),
                rest,
            )
        }
        [count, kind @ ("far-copies" | "offset-copies"), rest @ ..] => {
            let copies = copies.get_or_insert_default();
            copies.offset = *kind == "offset-copies";
            (number("far-copies", count).map(|it| copies.far = it), rest)
        }
        [count, "devices", "per", "set", rest @ ..] => {
            let copies = copies.get_or_insert_default();
            (
                number("devices per set", count).map(|it| copies.devices_per_set = Some(it)),
                rest,
            )
        }
        [word, rest @ ..] => (single(word, array), rest),
        [] => (Ok(()), &[]),
    }
}

fn metadata(text: &str) -> Result<Metadata, Reason> {
    if text == "non-persistent" {
        return Ok(Metadata::NonPersistent);
    }
    if let Some(external) = text.strip_prefix("external:") {
        return Ok(Metadata::External(external.to_owned()));
    }
    let unknown = || Reason::UnknownWord(text.to_owned());
    let (major, minor) = text.split_once('.').ok_or_else(unknown)?;
    Ok(Metadata::Native {
        major: number("superblock version", major)?,
        minor: number("superblock version", minor)?,
    })
}

/// `512k`; raid10 prints `512K`.
fn kib(field: &'static str, text: &str) -> Result<u64, Reason> {
    let digits = text
        .strip_suffix(['k', 'K'])
        .ok_or_else(|| Reason::NotANumber {
            field: field.into(),
            text: text.to_owned(),
        })?;
    number(field, digits)
}

/// `[4/3]`, `[UU_U]`, and the words of the `faulty` personality.
fn single(word: &str, array: &mut MdstatArray) -> Result<(), Reason> {
    if let Some(inner) = word.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
        if let Some((disks, in_sync)) = inner.split_once('/') {
            once(
                &mut array.raid_disks,
                "number of devices",
                number("devices", disks),
            )?;
            return once(
                &mut array.in_sync,
                "number in sync",
                number("in sync", in_sync),
            );
        }
        if !inner.is_empty() && inner.bytes().all(|it| matches!(it, b'U' | b'_')) {
            return once(&mut array.map, "map of devices", Ok(inner.to_owned()));
        }
    }
    if is_fault(word) {
        match array
            .layout
            .get_or_insert(Layout::Faulty { modes: Vec::new() })
        {
            Layout::Faulty { modes } => modes.push(word.to_owned()),
            _ => return Err(Reason::UnknownWord(word.to_owned())),
        }
        return Ok(());
    }
    Err(Reason::UnknownWord(word.to_owned()))
}

/// What `faulty_status` of drivers/md/md-faulty.c prints.
fn is_fault(word: &str) -> bool {
    let name = word.split_once('=').map_or(word, |(name, _)| name);
    matches!(
        name,
        "WriteTransient"
            | "ReadTransient"
            | "WritePersistent"
            | "ReadPersistent"
            | "ReadFixable"
            | "WriteAll"
            | "nfaults"
    )
}
