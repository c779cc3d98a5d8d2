//! A line is read if the result differs without it.

use moxnas_raid::parsed::Parsed;

/// The lines that could be blank without anything changing in the value or the errors.
pub(crate) fn lines<T: PartialEq>(text: &str, parse: impl Fn(&str) -> Parsed<T>) -> Vec<String> {
    let whole = parse(text);
    let lines: Vec<&str> = text.lines().collect();
    (0..lines.len())
        .filter(|at| !lines[*at].trim().is_empty() && !is_head(lines[*at]))
        .filter(|at| {
            let mut without = lines.clone();
            without[*at] = "";
            let without = parse(&without.join("\n"));
            without.value == whole.value && without.errors == whole.errors
        })
        .map(|at| format!("{}: {}", at + 1, lines[at]))
        .collect()
}

/// The words that could be gone without anything changing.
pub(crate) fn words<T: PartialEq>(text: &str, parse: impl Fn(&str) -> Parsed<T>) -> Vec<String> {
    let whole = parse(text);
    let mut unread = Vec::new();
    for word in text.split_whitespace() {
        let start = word.as_ptr() as usize - text.as_ptr() as usize;
        let without = parse(&[&text[..start], &text[start + word.len()..]].concat());
        if without.value == whole.value && without.errors == whole.errors {
            unread.push(word.to_owned());
        }
    }
    unread
}

/// The head of a table without rows says nothing.
fn is_head(line: &str) -> bool {
    line.trim_start().starts_with("Number ")
}
