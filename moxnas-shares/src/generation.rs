//! What files were before a change: kept by number, so that each can be looked at and gone back to.

use serde::{Deserialize, Serialize};

use crate::{backend::BackendError, plan::FileChange, render::Service};

/// What the files of a daemon were before a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// Counted from 1 on, over all daemons.
    pub number: u32,
    /// Whose files.
    pub service: Service,
    /// The files that the change touched.
    pub files: Vec<Kept>,
}

/// A file as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Which.
    pub path: String,
    /// Its permissions.
    pub mode: u32,
    /// What was in it; `None`: it was not there.
    pub text: Option<String>,
}

/// How many are kept.
pub const KEPT: usize = 100;

impl Generation {
    /// What these changes replace.
    #[must_use]
    pub fn before(number: u32, service: Service, changes: &[FileChange]) -> Generation {
        let files = changes.iter().map(|it| Kept {
            path: it.path.clone(),
            mode: it.mode,
            text: it.before.clone(),
        });
        Generation {
            number,
            service,
            files: files.collect(),
        }
    }

    /// Where it is kept.
    #[must_use]
    pub fn file(folder: &str, number: u32) -> String {
        format!("{folder}/{number:06}.json")
    }

    /// The number in the name of a file.
    #[must_use]
    pub fn number_of(name: &str) -> Option<u32> {
        let digits = name.strip_suffix(".json")?;
        let is_number = digits.len() >= 6 && digits.bytes().all(|it| it.is_ascii_digit());
        digits.parse().ok().filter(|_| is_number)
    }

    /// As it is written down.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("it has no maps");
        text.push('\n');
        text
    }

    /// As it was written down.
    pub fn parse(number: u32, text: &str) -> Result<Generation, BackendError> {
        let kept: Option<Generation> = serde_json::from_str(text).ok();
        let kept = kept.filter(|it| it.number == number);
        kept.ok_or(BackendError::Generation(number))
    }
}
