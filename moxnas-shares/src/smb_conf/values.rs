//! What values mean, and when two mean the same.

use super::options::{Kind, key, known};

/// A word of yes or no.
#[must_use]
pub fn boolean(value: &str) -> Option<bool> {
    match key(value).as_str() {
        "yes" | "true" | "1" | "on" => Some(true),
        "no" | "false" | "0" | "off" => Some(false),
        _ => None,
    }
}

/// A number in octal.
#[must_use]
pub fn octal(value: &str) -> Option<u32> {
    let is_octal = !value.is_empty() && value.bytes().all(|it| matches!(it, b'0'..=b'7'));
    u32::from_str_radix(value, 8).ok().filter(|_| is_octal)
}

/// A number, maybe with a letter behind it: `K` is 1,024, and so on to `P`.
#[must_use]
pub fn size(value: &str) -> Option<u64> {
    let letters = ["k", "m", "g", "t", "p"];
    let lower = value.to_ascii_lowercase();
    let power = letters.into_iter().zip(1u32..).find_map(|(letter, power)| {
        let number = lower.strip_suffix(letter)?;
        Some((number.trim_ascii_end(), power))
    });
    let (number, power) = power.unwrap_or((&lower, 0));
    match number.bytes().all(|it| it.is_ascii_digit()) {
        true => number
            .parse::<u64>()
            .ok()?
            .checked_mul(1024u64.checked_pow(power)?),
        false => None,
    }
}

/// The words of a list. Commas, semicolons and blanks separate; quotation marks keep together, and
/// are no part of a word wherever they stand in it.
#[must_use]
pub fn list(value: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut is_quoted = false;
    for it in value.chars() {
        match it {
            '"' => is_quoted = !is_quoted,
            ' ' | '\t' | ',' | ';' if !is_quoted => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            it => word.push(it),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// A text: quotation marks around all of it are no part of it.
#[must_use]
pub fn text(value: &str) -> &str {
    let inner = value.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    inner.unwrap_or(value)
}

/// Whether two values of an option mean the same. Of one that is not known here only equal ones do,
/// but for words of yes and no.
#[must_use]
pub fn same(name: &str, one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    match known(name).map(|it| it.kind) {
        None | Some(Kind::Bool) => is_same(boolean(one), boolean(other)),
        Some(Kind::Octal) => is_same(octal(one), octal(other)),
        Some(Kind::Size) => is_same(size(one), size(other)),
        Some(Kind::List) => list(one) == list(other),
        Some(Kind::Text) => text(one) == text(other),
        Some(Kind::Path) => path(one) == path(other),
        Some(Kind::Caseless) => key(one) == key(other),
        Some(Kind::Word(groups)) => {
            key(one) == key(other) || is_same(group(groups, one), group(groups, other))
        }
    }
}

fn is_same<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    one.is_some() && one == other
}

/// Which of the groups of words that mean the same a word is in.
pub(crate) fn group(groups: &[&[&str]], word: &str) -> Option<usize> {
    let word = key(word);
    groups
        .iter()
        .position(|it| it.iter().any(|it| key(it) == word))
}

/// A path without doubled and closing slashes.
pub(crate) fn path(value: &str) -> String {
    let value = text(value);
    let parts: Vec<&str> = value.split('/').filter(|it| !it.is_empty()).collect();
    match value.starts_with('/') {
        true => format!("/{}", parts.join("/")),
        false => parts.join("/"),
    }
}
