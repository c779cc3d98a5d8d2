//! What a snapshot is, in a few figures that two machines can compare.

use std::{
    ffi::OsString,
    fs::{self, File, Metadata},
    io::{self, Read as _},
    os::unix::{
        ffi::OsStrExt as _,
        fs::{FileTypeExt as _, MetadataExt as _},
    },
    path::{Path, PathBuf},
};

use data_encoding::HEXLOWER;
use moxnas_core::{root::FileError, units::Bytes};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A checksum over all that is in a folder: names, what each is, its mode, owner and group, links, the
/// time of files, and every byte of them. Extended attributes are not in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// SHA-256, in hexadecimal digits.
    pub sha256: String,
    /// How many files and folders there are.
    pub entries: u64,
    /// How large all files are together.
    pub bytes: Bytes,
}

/// The number of a folder of btrfs that stands where another subvolume was when a snapshot was taken.
/// It is not sent.
const STAND_IN: u64 = 2;

/// How much is read at a time.
const AT_ONCE: usize = 256 << 10;

/// Read all of a folder. What is mounted in it, and what is another subvolume, is left out.
pub fn digest(folder: &Path, is_wanted: &dyn Fn() -> bool) -> Result<Option<Digest>, FileError> {
    let wrap = |path: &Path| {
        let path = path.to_owned();
        move |cause| FileError {
            verb: "read",
            path,
            cause,
        }
    };
    let device = fs::symlink_metadata(folder).map_err(wrap(folder))?.dev();
    let mut reading = Reading {
        sum: Sha256::new(),
        entries: 0,
        bytes: 0,
        buffer: vec![0; AT_ONCE],
    };
    // Depth first, each folder in the order of its names.
    let mut left: Vec<PathBuf> = vec![PathBuf::new()];
    while let Some(path) = left.pop() {
        let at = folder.join(&path);
        let found = fs::symlink_metadata(&at).map_err(wrap(&at))?;
        if found.dev() != device || (found.is_dir() && found.ino() == STAND_IN) {
            continue;
        }
        if !reading
            .take_in(&path, &at, &found, is_wanted)
            .map_err(wrap(&at))?
        {
            return Ok(None);
        }
        if found.is_dir() {
            let names: io::Result<Vec<OsString>> = fs::read_dir(&at)
                .and_then(|all| all.map(|it| it.map(|it| it.file_name())).collect());
            let mut names = names.map_err(wrap(&at))?;
            names.sort_by(|one, other| other.cmp(one));
            left.extend(names.into_iter().map(|it| path.join(it)));
        }
    }
    Ok(Some(Digest {
        sha256: HEXLOWER.encode(&reading.sum.finalize()),
        entries: reading.entries,
        bytes: Bytes(reading.bytes),
    }))
}

struct Reading {
    sum: Sha256,
    entries: u64,
    bytes: u64,
    buffer: Vec<u8>,
}

impl Reading {
    /// A text of any bytes, such that where it ends is part of the sum.
    fn text(&mut self, text: &[u8]) {
        self.number(text.len() as u64);
        self.sum.update(text);
    }

    fn number(&mut self, number: u64) {
        self.sum.update(number.to_be_bytes());
    }

    /// Returns whether it is wanted still.
    fn take_in(
        &mut self,
        path: &Path,
        at: &Path,
        found: &Metadata,
        is_wanted: &dyn Fn() -> bool,
    ) -> io::Result<bool> {
        self.entries += 1;
        self.text(path.as_os_str().as_bytes());
        for number in [found.mode(), found.uid(), found.gid()] {
            self.number(number.into());
        }
        let kind = found.file_type();
        if kind.is_symlink() {
            self.text(fs::read_link(at)?.as_os_str().as_bytes());
        } else if kind.is_block_device() || kind.is_char_device() {
            self.number(found.rdev());
        } else if kind.is_file() {
            self.sum.update(found.mtime().to_be_bytes());
            self.sum.update(found.mtime_nsec().to_be_bytes());
            self.number(found.size());
            self.bytes += found.size();
            let mut file = File::open(at)?;
            loop {
                match file.read(&mut self.buffer)? {
                    0 => break,
                    count => self.sum.update(&self.buffer[..count]),
                }
                if !is_wanted() {
                    return Ok(false);
                }
            }
        }
        Ok(is_wanted())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(folder: &Path) -> Digest {
        digest(folder, &|| true).unwrap().unwrap()
    }

    #[test]
    fn whatever_is_different_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        fs::create_dir(at("a")).unwrap();
        fs::write(at("a/file"), "one").unwrap();
        std::os::unix::fs::symlink("file", at("a/link")).unwrap();
        let mut seen = vec![of(dir.path())];
        assert_eq!((seen[0].entries, seen[0].bytes), (4, Bytes(3)));
        assert_eq!(of(dir.path()), seen[0]);
        let time = fs::metadata(at("a/file")).unwrap().modified().unwrap();
        let mut new = |change: &dyn Fn()| {
            change();
            let now = of(dir.path());
            assert!(!seen.contains(&now), "{now:?}");
            seen.push(now);
        };
        new(&|| {
            fs::write(at("a/file"), "two").unwrap();
            let file = File::options().write(true).open(at("a/file")).unwrap();
            file.set_modified(time).unwrap();
        });
        new(&|| {
            let file = File::options().write(true).open(at("a/file")).unwrap();
            file.set_modified(time + std::time::Duration::from_nanos(1))
                .unwrap();
        });
        new(&|| fs::rename(at("a/file"), at("a/fil")).unwrap());
        new(&|| fs::create_dir(at("b")).unwrap());
        new(&|| {
            fs::remove_file(at("a/link")).unwrap();
            std::os::unix::fs::symlink("fil", at("a/link")).unwrap();
        });
        assert_eq!(digest(dir.path(), &|| false).unwrap(), None);
    }
}
