//! Mounts that one thread sees alone, with what it starts.

use std::{panic, path::PathBuf, thread};

use nix::{
    errno::Errno,
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
};

/// Something that lies elsewhere and takes the place of something else of its kind, file or folder.
pub(super) struct Instead {
    pub(super) of: PathBuf,
    pub(super) from: PathBuf,
}

/// Do some work while other files and folders are in the place of these. Nobody else sees them
/// there, and nothing is left of it (mount_namespaces(7)).
///
/// # Errors
///
/// Why there can be no such mounts, mostly `EPERM`: only root can make them, and not in every
/// container.
pub(super) fn with<T: Send>(all: &[Instead], work: impl FnOnce() -> T + Send) -> Result<T, Errno> {
    const NOTHING: Option<&str> = None;
    let alone = || {
        unshare(CloneFlags::CLONE_NEWNS)?;
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(NOTHING, "/", NOTHING, private, NOTHING)?;
        for Instead { of, from } in all {
            mount(Some(from), of, NOTHING, MsFlags::MS_BIND, NOTHING)?;
        }
        Ok(work())
    };
    // The namespace is that of a thread, and goes with it.
    thread::scope(|scope| {
        let done = scope.spawn(alone).join();
        done.unwrap_or_else(|panic| panic::resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_mounted_is_seen_by_nobody_else() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).expect("it can be written");
            path
        };
        let (of, from) = (file("of", "theirs"), file("from", "ours"));
        let read = |path: &PathBuf| fs::read_to_string(path).expect("it can be read");
        let instead = [Instead {
            of: of.clone(),
            from,
        }];
        match with(&instead, || {
            (read(&of), thread::scope(|it| it.spawn(|| read(&of)).join()))
        }) {
            Ok((seen, below)) => {
                assert_eq!(seen, "ours");
                assert_eq!(
                    below.expect("it does not panic"),
                    "ours",
                    "a thread of its own"
                );
            }
            Err(err) => assert_eq!(err, Errno::EPERM, "there are no such mounts here"),
        }
        assert_eq!(read(&of), "theirs");
    }
}
