//! What is written down of a snapshot, as a read-only subvolume has no room for it: a small file
//! beside it, `.snapshots/DATASET/.NAME`. It goes wherever the pool goes, and with the dataset when
//! that is renamed.
//!
//! ```text
//! taken 2026-03-27T23:00:00Z
//! held replica:backup/data
//! ```

use std::{collections::BTreeSet, time::SystemTime};

use serde::{Deserialize, Serialize};

use super::{SnapshotName, snapshot_folder};
use crate::{model::PoolName, prune::Timestamp};

moxnas_core::name_type! {
    /// What a snapshot is held for: a word of whoever holds it.
    HoldName, "name of a hold", 100, |it| it.is_ascii_alphanumeric() || "-_:/@".contains(it)
}

/// What is written down of a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// When it was taken, where it came from elsewhere: a subvolume knows only when it arrived.
    pub taken: Option<SystemTime>,
    /// What it is held for. As long as there is something it is not deleted.
    pub held: BTreeSet<HoldName>,
}

impl Note {
    /// Read one. Lines of other kinds, as a later release may write, are left out.
    #[must_use]
    pub fn parse(text: &str) -> Note {
        let mut note = Note::default();
        for line in text.lines() {
            match line.split_once(' ') {
                Some(("taken", at)) => {
                    note.taken = at.parse::<Timestamp>().ok().map(SystemTime::from);
                }
                Some(("held", by)) => note.held.extend(by.parse()),
                _ => (),
            }
        }
        note
    }

    /// As it is written.
    #[must_use]
    pub fn render(&self) -> String {
        let taken = self.taken.and_then(|it| Timestamp::try_from(it).ok());
        let taken = taken.map(|it| format!("taken {it}\n"));
        let held = self.held.iter().map(|it| format!("held {it}\n"));
        taken.into_iter().chain(held).collect()
    }

    /// Whether there is anything in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Note::default()
    }
}

/// Where the note of a snapshot is.
#[must_use]
pub fn note_path(pool: &PoolName, dataset: &super::DatasetName, snapshot: &SnapshotName) -> String {
    format!("{}/.{snapshot}", snapshot_folder(pool, dataset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_as_it_was_written() {
        let text = "taken 2026-03-27T23:00:00.5Z\nheld keep\nheld replica:backup/data\n";
        let note = Note::parse(text);
        assert_eq!(note.held.len(), 2);
        assert!(note.taken.is_some());
        assert_eq!(note.render(), text);
        assert_eq!(Note::parse(""), Note::default());
        assert_eq!(Note::default().render(), "");
        let odd = Note::parse("colour blue\nheld a b\nheld\ntaken yesterday\n");
        assert_eq!(odd, Note::default());
    }
}
