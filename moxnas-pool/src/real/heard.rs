//! What the kernel's log says of filesystems that say it nowhere else: of xfs every error, of ext4 that
//! it takes no writes any more, which Linux 6.1 and newer do not put among the options of the mount.

use std::collections::BTreeMap;

use moxnas_core::{
    kernel_log::{ERROR, KernelLog, Record},
    root::{FileError, Root},
};

use crate::model::{ErrorCount, Pool};

/// What the kernel has said, by the kernel name of the device that a filesystem is on.
#[derive(Debug, Default)]
pub(super) struct Heard {
    log: Option<KernelLog>,
    of: BTreeMap<String, Said>,
}

/// What the kernel has said of a filesystem since it was mounted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// How many errors.
    errors: u64,
    /// The last of them.
    last: Option<String>,
    /// It takes no writes any more.
    is_stopped: bool,
}

impl Heard {
    /// Hear what is new.
    pub(super) fn listen(&mut self, root: &Root) -> Result<(), FileError> {
        if self.log.is_none() {
            self.log = KernelLog::open(root)?;
        }
        if let Some(log) = &mut self.log {
            for record in log.news()? {
                self.take_in(&record);
            }
        }
        Ok(())
    }

    /// Say of a pool what was heard of the filesystem on this device, which belongs to it. Returns
    /// whether it takes no writes any more.
    pub(super) fn tell(&self, device: &str, pool: &mut Pool) -> bool {
        let Some(said) = self.of.get(device) else {
            return false;
        };
        if said.errors > 0 {
            let counted = pool.errors.iter_mut().find(|it| it.what == WHAT);
            match counted {
                Some(it) => it.count += said.errors,
                None => pool.errors.push(ErrorCount {
                    what: WHAT.to_owned(),
                    count: said.errors,
                }),
            }
            pool.last_error.clone_from(&said.last);
        }
        said.is_stopped
    }

    fn take_in(&mut self, record: &Record) {
        if let Some((device, text)) = said_by(&record.text, "XFS (") {
            if text.starts_with("Mounting V") || text.starts_with("Unmounting ") {
                self.of.remove(device);
            } else if record.level <= ERROR && !ADVICE.iter().any(|it| text.starts_with(it)) {
                let it = self.of.entry(device.to_owned()).or_default();
                it.errors += 1;
                it.last = Some(record.text.clone());
                it.is_stopped |= SHUT_DOWN.iter().any(|it| text.contains(it));
            }
        } else if let Some((device, text)) = said_by(&record.text, "EXT4-fs (") {
            if text.starts_with("mounted filesystem") || text.starts_with("unmounting filesystem") {
                self.of.remove(device);
            } else if text.starts_with("Remounting filesystem read-only") {
                let it = self.of.entry(device.to_owned()).or_default();
                it.is_stopped = true;
            }
        }
    }
}

/// The errors that the log tells of, as the pool counts them.
pub(crate) const WHAT: &str = "errors in the kernel's log";

/// What xfs says with an error beside what the error is.
const ADVICE: [&str; 3] = [
    "Unmount and run xfs_repair",
    "First ",
    "Please unmount the filesystem",
];

/// What xfs says when it lets nothing be read or written any more: older kernels, newer ones.
const SHUT_DOWN: [&str; 2] = ["Shutting down filesystem", "Filesystem has been shut down"];

/// The device, and what is said of it.
fn said_by<'a>(text: &'a str, who: &str) -> Option<(&'a str, &'a str)> {
    text.strip_prefix(who)?.split_once("): ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel has said of sda and sdb by then.
    fn heard(log: &str) -> [Option<Said>; 2] {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::fixture(dir.path());
        root.replace("/dev/kmsg", log.as_bytes(), 0o600).unwrap();
        let mut heard = Heard::default();
        heard.listen(&root).unwrap();
        ["sda", "sdb"].map(|it| heard.of.get(it).cloned())
    }

    /// An xfs of which an inode is overwritten, then shut down; an ext4 that is told to come upon an
    /// error.
    #[test]
    fn errors_since_the_mount_are_heard() {
        macro_rules! logs {
            ($($kernel:literal),*) => {[$([
                include_str!(concat!("../../fixtures/", $kernel, "/kmsg/xfs-corrupted.kmsg")),
                include_str!(concat!("../../fixtures/", $kernel, "/kmsg/stopped.kmsg")),
                include_str!(concat!("../../fixtures/", $kernel, "/kmsg/unmounted.kmsg")),
            ]),*]};
        }
        for [corrupted, stopped, unmounted] in logs!["linux-6.1.0", "linux-6.12.117"] {
            let [sda, sdb] = heard(corrupted);
            let sda = sda.unwrap();
            assert!(sda.errors > 0 && !sda.is_stopped, "{sda:?}");
            let last = sda.last.unwrap();
            assert!(
                last.starts_with("XFS (sda): metadata I/O error in"),
                "{last}"
            );
            assert_eq!(sdb, None);
            let [sda, sdb] = heard(stopped).map(Option::unwrap);
            assert!(sda.is_stopped, "{sda:?}");
            let ext4 = Said {
                is_stopped: true,
                ..Said::default()
            };
            assert_eq!(sdb, ext4);
            assert_eq!(heard(unmounted), [None, None]);
        }
    }
}
