//! What an API key opens.

use std::{fmt, str::FromStr};

/// A pattern over the ids of operations: `array_list`, `array_*`, `*_list`, `*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope(String);

impl Scope {
    const MAX: usize = 64;

    /// Whether the pattern matches the whole id; `*` stands for any run of characters.
    #[must_use]
    pub fn covers(&self, operation: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = operation.strip_prefix(first) else {
            return false;
        };
        let mut parts = parts.peekable();
        if parts.peek().is_none() {
            return rest.is_empty();
        }
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return rest.ends_with(part);
            }
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        true
    }

    /// The pattern as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Scope {
    type Err = BadScope;

    fn from_str(text: &str) -> Result<Scope, BadScope> {
        let fits = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || b"_*".contains(&it);
        match !text.is_empty() && text.len() <= Scope::MAX && text.bytes().all(fits) {
            true => Ok(Scope(text.to_owned())),
            false => Err(BadScope(text.chars().take(Scope::MAX).collect())),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Text that is no pattern over the ids of operations.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no scope: a scope is the id of an operation, `*` standing for any part of it")]
pub struct BadScope(pub String);

/// All that an API key opens. Without any it opens nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(pub Vec<Scope>);

impl Scopes {
    /// Whether one of them covers the operation.
    #[must_use]
    pub fn cover(&self, operation: &str) -> bool {
        self.0.iter().any(|it| it.covers(operation))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [] => f.write_str("none"),
            all => {
                let all: Vec<&str> = all.iter().map(Scope::as_str).collect();
                f.write_str(&all.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, operation, covers) in [
            ("array_list", "array_list", true),
            ("array_list", "array_lists", false),
            ("array_list", "xarray_list", false),
            ("array_*", "array_create", true),
            ("array_*", "array_", true),
            ("array_*", "sub_array_create", false),
            ("*_list", "disk_list", true),
            ("*_list", "disk_list_all", false),
            ("*", "anything", true),
            ("a*b*c", "a_b_c", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("*b*", "abc", true),
            ("**", "", true),
        ] {
            let scope: Scope = pattern.parse().unwrap();
            assert_eq!(scope.covers(operation), covers, "{pattern} {operation}");
        }
        for bad in ["", "Array_list", "a b", "a?", "a.b", &"a".repeat(65)] {
            assert!(bad.parse::<Scope>().is_err(), "{bad:?}");
        }
    }
}
