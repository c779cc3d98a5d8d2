//! An error with its causes, for people.

use std::{error::Error, iter};

/// The error and everything below it, outermost first: `["a", "b", "c"]`.
#[must_use]
pub fn causes(err: &dyn Error) -> Vec<String> {
    let first: Option<&dyn Error> = Some(err);
    let mut all: Vec<String> = iter::successors(first, |it| (*it).source())
        .map(ToString::to_string)
        .collect();
    all.dedup();
    all
}

/// The whole chain on one line: `a: b: c`.
#[must_use]
pub fn chain(err: &dyn Error) -> String {
    causes(err).join(": ")
}
