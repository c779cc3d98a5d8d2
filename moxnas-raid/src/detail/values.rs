//! Values that several outputs share.

use serde::{Deserialize, Serialize};

use crate::parsed::{Reason, hexadecimal, number, signed};

/// An array's name, with the host it belongs to where mdadm says that it is this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    /// As it stands in the superblock, `host:name` or `name`, at most 32 bytes.
    pub text: String,
    /// The host of `(local to host …)`.
    pub local_host: Option<String>,
}

/// A checksum and whether it fits what it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    /// The stored value.
    pub value: u64,
    /// Whether it is the one computed.
    pub correct: bool,
    /// The computed value, where mdadm prints it because it differs.
    pub expected: Option<u64>,
}

/// How the number of slots changes in a reshape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeltaDevices {
    /// Slots that come, or go if negative.
    pub delta: i64,
    /// Slots before.
    pub from: u32,
    /// Slots after.
    pub to: u32,
}

fn nonsense(field: &'static str, text: &str) -> Reason {
    Reason::Nonsense {
        field: field.into(),
        text: text.to_owned(),
    }
}

/// Separates `x (local to host y)`. Only mdadm's own remark is taken off: a name may itself end in
/// brackets.
pub(super) fn name(text: &str) -> Name {
    match text
        .strip_suffix(')')
        .and_then(|it| it.split_once(" (local to host "))
    {
        Some((text, host)) => Name {
            text: text.trim_end().to_owned(),
            local_host: Some(host.to_owned()),
        },
        None => Name {
            text: text.to_owned(),
            local_host: None,
        },
    }
}

/// Four groups of eight hexadecimal digits; one group before version 0.90 of the superblock.
pub(super) fn uuid(field: &'static str, text: &str) -> Result<String, Reason> {
    let is_group = |it: &str| it.len() == 8 && it.bytes().all(|it| it.is_ascii_hexdigit());
    if !text.split(':').all(is_group) || !matches!(text.split(':').count(), 1 | 4) {
        return Err(nonsense(field, text));
    }
    Ok(text.to_owned())
}

/// The unit after a size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Sectors,
    Kib,
}

/// `N`, `N sectors` or `N KiB`, then for people `(1.00 GiB 1.07 GB)`.
pub(super) fn size(field: &'static str, text: &str) -> Result<(u64, Option<Unit>), Reason> {
    let (text, human) = match text.split_once('(') {
        Some((text, human)) => (text, Some(human)),
        None => (text, None),
    };
    if let Some(human) = human
        && !human.ends_with("B)")
    {
        return Err(nonsense(field, &format!("({human}")));
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let unit = match words.as_slice() {
        [_] => None,
        [_, "sectors"] => Some(Unit::Sectors),
        [_, "KiB"] => Some(Unit::Kib),
        _ => return Err(nonsense(field, text.trim())),
    };
    Ok((number(field, words.first().unwrap_or(&""))?, unit))
}

/// A size in KiB.
pub(super) fn kib(field: &'static str, text: &str) -> Result<u64, Reason> {
    match size(field, text)? {
        (_, Some(Unit::Sectors)) => Err(nonsense(field, text)),
        (kib, _) => Ok(kib),
    }
}

/// A size in sectors, where the number without unit is one of `bare`.
pub(super) fn sectors(field: &'static str, text: &str, bare: Unit) -> Result<u64, Reason> {
    let (value, unit) = size(field, text)?;
    match unit.unwrap_or(bare) {
        Unit::Sectors => Ok(value),
        Unit::Kib => value.checked_mul(2).ok_or_else(|| Reason::TooLarge {
            field: field.into(),
            text: text.to_owned(),
        }),
    }
}

/// `64K`; version 0.90 prints a new chunk in bytes without unit.
pub(super) fn chunk_kib(field: &'static str, text: &str) -> Result<u64, Reason> {
    match text.strip_suffix('K') {
        Some(kib) => number(field, kib),
        None => {
            let bytes: u64 = number(field, text)?;
            bytes
                .is_multiple_of(1024)
                .then_some(bytes >> 10)
                .ok_or_else(|| nonsense(field, text))
        }
    }
}

/// `c0ffee - correct`, `c0ffee - expected d00d`, `c0ffee correct`, `c0ffee incorrect`.
pub(super) fn checksum(text: &str) -> Result<Checksum, Reason> {
    const FIELD: &str = "checksum";
    let words: Vec<&str> = text.split_whitespace().filter(|it| *it != "-").collect();
    let (value, correct, expected) = match words.as_slice() {
        [value, "correct"] => (value, true, None),
        [value, "incorrect"] => (value, false, None),
        [value, "expected", expected] => (value, false, Some(hexadecimal(FIELD, expected)?)),
        _ => return Err(nonsense(FIELD, text)),
    };
    Ok(Checksum {
        value: hexadecimal(FIELD, value)?,
        correct,
        expected,
    })
}

/// `6, (15->21)` of `--detail`, `6 (15->21)` of `--examine`.
pub(super) fn delta_devices(text: &str) -> Result<DeltaDevices, Reason> {
    const FIELD: &str = "delta devices";
    let (delta, range) = text.split_once(" (").ok_or_else(|| nonsense(FIELD, text))?;
    let (from, to) = range
        .strip_suffix(')')
        .and_then(|it| it.split_once("->"))
        .ok_or_else(|| nonsense(FIELD, text))?;
    Ok(DeltaDevices {
        delta: signed(FIELD, delta.trim_end_matches(','))?,
        from: number(FIELD, from)?,
        to: number(FIELD, to)?,
    })
}

/// A count; version 0.90 of `--detail` prints events as `high.low`.
pub(super) fn events(text: &str) -> Result<u64, Reason> {
    const FIELD: &str = "events";
    match text.split_once('.') {
        None => number(FIELD, text),
        Some((high, low)) => {
            Ok((u64::from(number::<u32>(FIELD, high)?) << 32)
                | u64::from(number::<u32>(FIELD, low)?))
        }
    }
}

/// Text that must not be empty.
pub(super) fn text(field: &'static str, text: &str) -> Result<String, Reason> {
    if text.is_empty() {
        Err(Reason::Missing(field.into()))
    } else {
        Ok(text.to_owned())
    }
}
