//! Names that were checked once, at the edge, and are trusted afterwards.

/// The folder of a pool that its snapshots are below. What is mounted there is mounted by somebody who
/// looks into one, until the machine is started anew.
pub const SNAPSHOT_FOLDER: &str = ".snapshots";

/// Declares a name type: text that can only be made by parsing, so that a function that takes
/// it cannot forget the check. The text never begins with a dash, is never empty, and has only
/// the characters that the closure allows. The words say to people what it is.
#[macro_export]
macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $max:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(
            Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize,
            serde::Deserialize,
        )]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// What it is, for people.
            pub const KIND: &'static str = $kind;
            /// The longest text allowed, in bytes.
            pub const MAX_LEN: usize = $max;

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::names::BadName;
            fn from_str(text: &str) -> Result<Self, $crate::names::BadName> {
                let valid: fn(char) -> bool = $valid;
                $crate::names::check(Self::KIND, text, $max, valid)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::names::BadName;
            fn try_from(text: String) -> Result<Self, $crate::names::BadName> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(it: $name) -> String {
                it.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

/// Makes types that are text outside, in files and requests, and checked inside: what serde needs of one that
/// has `FromStr` and `Display`.
#[macro_export]
macro_rules! text_type {
    ($($name:ident),* $(,)?) => {$(
        impl TryFrom<String> for $name {
            type Error = <$name as std::str::FromStr>::Err;

            fn try_from(text: String) -> Result<$name, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(it: $name) -> String {
                it.to_string()
            }
        }
    )*};
}

name_type! {
    /// Name of an md array that MoxNAS makes: what follows `/dev/md/`.
    ///
    /// 32 bytes is the room of the 1.x superblock, see md(4); mdadm puts `host:` before it.
    ArrayName, "name of an array", 32, |it| it.is_ascii_alphanumeric() || it == '-' || it == '_'
}

name_type! {
    /// Name of a group of arrays that help each other out with spares: `spare-group` in
    /// mdadm.conf(5).
    SpareGroup, "name of a spare group", 32, |it| it.is_ascii_alphanumeric() || it == '-' || it == '_'
}

/// Why a text is not a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a valid {kind}: {why}")]
pub struct BadName {
    /// What was wished for.
    pub kind: &'static str,
    /// What is wrong.
    pub why: Why,
    /// The text.
    pub text: String,
}

/// What is wrong with a text that should be a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// There is nothing.
    #[error("it is empty")]
    Empty,
    /// It means something else where it would stand.
    #[error("it is a word of the interface")]
    Reserved,
    /// Longer than the type allows, in bytes.
    #[error("it is longer than {0} bytes")]
    TooLong(usize),
    /// It would be read as an option by a program.
    #[error("it starts with a dash")]
    LeadingDash,
    /// A character that the type does not allow.
    #[error("it contains {0:?}")]
    Char(char),
    /// It would mean a folder.
    #[error("it is a name for a folder")]
    Dots,
    /// It does not lead from the top on, or not straight.
    #[error(
        "it is no path from / on, without `.`, `..`, doubled or closing slashes, and line breaks"
    )]
    NotAPath,
}

/// The check behind [`name_type!`](crate::name_type).
pub fn check(
    kind: &'static str,
    text: &str,
    max: usize,
    valid: fn(char) -> bool,
) -> Result<(), BadName> {
    let bad = |why| {
        Err(BadName {
            kind,
            why,
            text: text.to_owned(),
        })
    };
    if text.is_empty() {
        return bad(Why::Empty);
    }
    if text.len() > max {
        return bad(Why::TooLong(max));
    }
    if text.starts_with('-') {
        return bad(Why::LeadingDash);
    }
    if text == "." || text == ".." {
        return bad(Why::Dots);
    }
    match text.chars().find(|it| !valid(*it)) {
        Some(it) => bad(Why::Char(it)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{ArrayName, Why};

    #[test]
    fn array_names_are_checked_when_parsed() {
        let why = |text: &str| text.parse::<ArrayName>().unwrap_err().why;
        assert_eq!(why("-rf"), Why::LeadingDash);
        assert_eq!(why(""), Why::Empty);
        assert_eq!(why("a b"), Why::Char(' '));
        assert_eq!(why("a/b"), Why::Char('/'));
        assert_eq!(why("a\nARRAY"), Why::Char('\n'));
        assert_eq!(why(&"x".repeat(33)), Why::TooLong(32));
        assert_eq!("tank".parse::<ArrayName>().unwrap().as_str(), "tank");
        assert!(serde_json::from_str::<ArrayName>("\"..\"").is_err());
    }
}
