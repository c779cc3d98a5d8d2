//! Where `/` is: `/` in production, a folder of captured files in tests.

use std::{
    ffi::OsStr,
    fs, io,
    io::{Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// The folder that stands for `/`. All reading and writing of files goes through it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root(PathBuf);

/// A file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{} could not be {verb}", path.display())]
pub struct FileError {
    /// Read, listed or written.
    pub verb: &'static str,
    /// The file, with the root before it.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub cause: io::Error,
}

impl Root {
    /// The real `/`.
    #[must_use]
    pub fn system() -> Root {
        Root(PathBuf::from("/"))
    }

    /// A folder that stands for `/`.
    pub fn fixture(dir: impl Into<PathBuf>) -> Root {
        Root(dir.into())
    }

    /// Whether this is the real `/`.
    #[must_use]
    pub fn is_system(&self) -> bool {
        self.0 == Path::new("/")
    }

    /// Where a path of the machine lies for this process.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.0.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The path on the machine of something that lies there for this process, once no link is left in
    /// it; `None`: it is not below this root, or is no text.
    #[must_use]
    pub fn within(&self, path: &Path) -> Option<String> {
        let own = fs::canonicalize(&self.0).ok()?;
        let below = path.strip_prefix(own).ok()?.to_str()?;
        Some(format!("/{below}"))
    }

    /// The text of a file; `None` when there is no such file, which under `/sys` is an answer and
    /// not an error. Bytes that are not UTF-8 are replaced.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Option<String>, FileError> {
        let path = self.path(path);
        match read_small(&path) {
            Ok(bytes) => Ok(Some(match String::from_utf8(bytes) {
                Ok(text) => text,
                Err(err) => String::from_utf8_lossy(err.as_bytes()).into_owned(),
            })),
            // ENODEV: the device left between opening and reading its file.
            Err(cause) if is_absent(&cause) => Ok(None),
            Err(cause) => Err(FileError {
                verb: "read",
                path,
                cause,
            }),
        }
    }

    /// The names in a folder, sorted; empty when there is no such folder.
    pub fn list(&self, path: impl AsRef<Path>) -> Result<Vec<String>, FileError> {
        let path = self.path(path);
        let wrap = |cause| FileError {
            verb: "listed",
            path: path.clone(),
            cause,
        };
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(cause) if is_absent(&cause) => return Ok(Vec::new()),
            Err(cause) => return Err(wrap(cause)),
        };
        let mut names = Vec::new();
        for entry in entries {
            names.push(
                entry
                    .map_err(wrap)?
                    .file_name()
                    .to_string_lossy()
                    .into_owned(),
            );
        }
        names.sort_unstable();
        Ok(names)
    }

    /// What a symbolic link points to, as it is written; `None` when it is no link.
    pub fn link(&self, path: impl AsRef<Path>) -> Option<PathBuf> {
        fs::read_link(self.path(path)).ok()
    }

    /// The last part of what a symbolic link points to; `None` when it is no link.
    pub fn link_name(&self, path: impl AsRef<Path>) -> Option<String> {
        self.link(path)?
            .file_name()
            .and_then(OsStr::to_str)
            .map(str::to_owned)
    }

    /// Whether something is there.
    pub fn exists(&self, path: impl AsRef<Path>) -> bool {
        self.path(path).exists()
    }

    /// Replace a file in one step: a reader sees the old text or the new, and after a power cut
    /// one of the two is there. The folder is made if need be; an existing file keeps its mode.
    pub fn replace(&self, path: impl AsRef<Path>, text: &[u8], mode: u32) -> Result<(), FileError> {
        let path = self.path(path);
        let wrap = |cause| FileError {
            verb: "written",
            path: path.clone(),
            cause,
        };
        let folder = path.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(folder).map_err(wrap)?;
        let mode = fs::metadata(&path).map_or(mode, |it| it.permissions().mode() & 0o7777);
        let temporary = temporary_beside(&path);
        let written = write_synced(&temporary, text, mode)
            .and_then(|()| fs::rename(&temporary, &path))
            .and_then(|()| fs::File::open(folder)?.sync_all());
        if written.is_err() {
            // The old file is still in place; what is left over is ours to remove.
            let _ = fs::remove_file(&temporary);
        }
        written.map_err(wrap)
    }

    /// Make a folder, and those above it, where they are not there yet.
    pub fn make_folder(&self, path: impl AsRef<Path>) -> Result<(), FileError> {
        let path = self.path(path);
        fs::create_dir_all(&path).map_err(|cause| FileError {
            verb: "made",
            path,
            cause,
        })
    }

    /// Remove what a process left beside a file that was killed while it replaced it. Nobody may be
    /// replacing it now.
    pub fn forget_unfinished(&self, path: impl AsRef<Path>) -> Result<(), FileError> {
        let temporary = temporary_beside(&self.path(path));
        match fs::remove_file(&temporary) {
            Err(cause) if !is_absent(&cause) => Err(FileError {
                verb: "removed",
                path: temporary,
                cause,
            }),
            _ => Ok(()),
        }
    }

    /// Remove a file. That it is not there is no error.
    pub fn remove(&self, path: impl AsRef<Path>) -> Result<(), FileError> {
        let path = self.path(path);
        let folder = path.parent().unwrap_or(Path::new("/"));
        let removed = fs::remove_file(&path).and_then(|()| fs::File::open(folder)?.sync_all());
        match removed {
            Err(cause) if !is_absent(&cause) => Err(FileError {
                verb: "removed",
                path,
                cause,
            }),
            _ => Ok(()),
        }
    }

    /// Write to a file that is there, such as an attribute under `/sys`; never makes one.
    pub fn poke(&self, path: impl AsRef<Path>, text: &str) -> Result<(), FileError> {
        let path = self.path(path);
        let wrap = |cause| FileError {
            verb: "written",
            path: path.clone(),
            cause,
        };
        let mut file = fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .map_err(wrap)?;
        file.write_all(text.as_bytes()).map_err(wrap)
    }
}

/// Where the new text of a file stands until it is whole.
fn temporary_beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.moxnas-new"))
}

/// As [`fs::read`], without asking for the size first: under `/sys` and `/proc` the answer is
/// wrong, and a machine with many disks has tens of thousands of such files.
fn read_small(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = fs::File::open(path)?;
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(bytes),
            Ok(read) => bytes.extend_from_slice(&buffer[..read]),
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => (),
            Err(cause) => return Err(cause),
        }
    }
}

fn is_absent(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    ) || cause.raw_os_error() == Some(nix::libc::ENODEV)
}

fn write_synced(path: &Path, text: &[u8], mode: u32) -> io::Result<()> {
    // A left-over of an earlier power cut would keep its old mode.
    match fs::remove_file(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
        _ => (),
    }
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.write_all(text)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_unfinished_is_forgotten_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::fixture(dir.path());
        root.forget_unfinished("/etc/mdadm/mdadm.conf").unwrap();
        root.replace("/etc/mdadm/mdadm.conf", b"whole", 0o644)
            .unwrap();
        let half = dir.path().join("etc/mdadm/.mdadm.conf.moxnas-new");
        fs::write(&half, "ha").unwrap();
        root.forget_unfinished("/etc/mdadm/mdadm.conf").unwrap();
        assert_eq!(root.list("/etc/mdadm").unwrap(), ["mdadm.conf"]);
        let text = root.read("/etc/mdadm/mdadm.conf").unwrap();
        assert_eq!(text.as_deref(), Some("whole"));
    }

    #[test]
    fn a_file_is_removed_once_and_missed_by_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::fixture(dir.path());
        root.replace("/etc/a", b"text", 0o644).unwrap();
        root.remove("/etc/a").unwrap();
        assert_eq!(root.read("/etc/a").unwrap(), None);
        root.remove("/etc/a").unwrap();
        assert!(root.remove("/etc").is_err(), "a folder is no file");
    }

    #[test]
    fn replace_keeps_the_mode_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::fixture(dir.path());
        root.replace("/etc/mdadm/mdadm.conf", b"one", 0o640)
            .unwrap();
        fs::set_permissions(
            root.path("/etc/mdadm/mdadm.conf"),
            fs::Permissions::from_mode(0o600),
        )
        .unwrap();
        root.replace("/etc/mdadm/mdadm.conf", b"two", 0o644)
            .unwrap();
        assert_eq!(
            root.read("/etc/mdadm/mdadm.conf").unwrap().as_deref(),
            Some("two")
        );
        let mode = fs::metadata(root.path("/etc/mdadm/mdadm.conf"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(root.list("/etc/mdadm").unwrap(), ["mdadm.conf"]);
    }

    #[test]
    fn a_missing_file_is_an_answer_and_an_unreadable_one_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::fixture(dir.path());
        assert_eq!(root.read("/sys/block/md0/md/level").unwrap(), None);
        assert_eq!(root.list("/sys/block").unwrap(), Vec::<String>::new());
        fs::create_dir_all(root.path("/sys/block")).unwrap();
        let err = root.read("/sys/block").unwrap_err();
        assert!(
            err.to_string().ends_with("/sys/block could not be read"),
            "{err}"
        );
        assert!(
            root.poke("/sys/block/md0/md/sync_action", "idle").is_err(),
            "poke made a file"
        );
    }
}
