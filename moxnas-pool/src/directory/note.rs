//! What is written down of a pool that is a folder: on the machine, and in the folder itself.

use super::FolderPath;
use crate::{model::PoolName, unit::is_uuid};

/// Where it is written down which folders are pools, a file for each.
pub const NOTE_FOLDER: &str = "/etc/moxnas/pools";

/// The file in a folder by which it is known to be a pool.
pub const MARK_FILE: &str = ".moxnas-pool";

const ENDING: &str = ".directory";
const TITLE: &str = "# Made by MoxNAS: directory pool ";
const MARK: &str = "# Made by MoxNAS: without this file the folder counts as not there.\n";

/// A note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) pool: PoolName,
    pub(crate) path: FolderPath,
    /// Where what it is on is mounted.
    pub(crate) mount: String,
    /// The UUID in its mark.
    pub(crate) uuid: String,
}

/// The file in which a pool is noted.
#[must_use]
pub fn note_file(pool: &PoolName) -> String {
    format!("{NOTE_FOLDER}/{pool}{ENDING}")
}

/// What a note says of a pool with this UUID, for plans that are shown.
#[must_use]
pub fn note_of(pool: &PoolName, path: &FolderPath, mount: &str, uuid: &str) -> String {
    format!("{TITLE}{pool}\nPath={path}\nMount={mount}\nUUID={uuid}\n")
}

impl Note {
    pub(crate) fn render(&self) -> String {
        note_of(&self.pool, &self.path, &self.mount, &self.uuid)
    }

    /// Read a file of the folder of notes; `None` for one that is no note, in words why one cannot be
    /// read.
    pub(crate) fn parse(file: &str, text: &str) -> Option<Result<Note, String>> {
        let pool = file.strip_suffix(ENDING)?;
        Some(Note::read(pool, text).ok_or_else(|| {
            format!("{NOTE_FOLDER}/{file}: it is not as MoxNAS wrote it, or was cut off")
        }))
    }

    fn read(pool: &str, text: &str) -> Option<Note> {
        let value = |key: &str| {
            let mut lines = text.lines();
            lines.find_map(|it| it.strip_prefix(key)?.strip_prefix('='))
        };
        let mount = value("Mount").filter(|it| it.starts_with('/'))?;
        let uuid = value("UUID").filter(|it| is_uuid(it))?;
        let named = text.lines().next()?.strip_prefix(TITLE)?;
        (named == pool).then_some(Note {
            pool: pool.parse().ok()?,
            path: value("Path")?.parse().ok()?,
            mount: mount.to_owned(),
            uuid: uuid.to_owned(),
        })
    }
}

/// The text of the mark.
pub(crate) fn render_mark(uuid: &str) -> String {
    format!("{MARK}UUID={uuid}\n")
}

/// The UUID in the text of a mark.
pub(crate) fn parse_mark(text: &str) -> Option<String> {
    let mut lines = text.lines();
    let uuid = lines.find_map(|it| it.strip_prefix("UUID="))?;
    is_uuid(uuid).then(|| uuid.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_note_that_is_not_ours_is_told_from_one_that_is_damaged() {
        let note = Note {
            pool: "tank".parse().unwrap(),
            path: "/mnt/my data".parse().unwrap(),
            mount: "/mnt".to_owned(),
            uuid: "0f3c-1".to_owned(),
        };
        let text = note.render();
        let file = "tank.directory";
        assert_eq!(Note::parse(file, &text), Some(Ok(note)));
        assert_eq!(Note::parse("tank", &text), None);
        for (old, new) in [
            ("pool tank", "pool other"),
            ("Path=/mnt/my data", "Path=/mnt/../etc"),
            ("Mount=/", "Mount="),
            ("UUID=0f3c-1", "UUID=../x"),
            ("UUID=", ""),
        ] {
            let damaged = text.replacen(old, new, 1);
            assert!(Note::parse(file, &damaged).unwrap().is_err(), "{damaged}");
        }
    }

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        assert_eq!(parse_mark(&render_mark("ab-12")), Some("ab-12".to_owned()));
        assert_eq!(parse_mark(""), None);
        assert_eq!(parse_mark("UUID=../x"), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(?s).{0,300}") {
            _ = Note::parse("tank.directory", &text);
            _ = Note::parse("tank.directory", &format!("{TITLE}tank\n{text}"));
            _ = parse_mark(&text);
        }
    }
}
