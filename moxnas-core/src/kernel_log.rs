//! What the kernel says in its log, record by record, as it does in `/dev/kmsg`: see the kernel's
//! Documentation/ABI/testing/dev-kmsg.
//!
//! All of it is in memory, so that no disk holds up who reads it. The kernel keeps the newest some
//! thousand records; a container has no such log, or must not read it.

use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
};

use nix::libc;

use crate::root::{FileError, Root};

/// Where it is.
const KMSG: &str = "/dev/kmsg";
/// No record is longer: `PRINTK_MESSAGE_MAX` of the kernel, with room for its fields.
const LONGEST: usize = 8 << 10;
/// Levels up to this one are errors, see syslog(2).
pub const ERROR: u8 = 3;

/// The log, and how far it was read.
#[derive(Debug)]
pub struct KernelLog {
    file: File,
    path: PathBuf,
}

/// Something that the kernel said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// How bad it is: 0 is the worst, [`ERROR`] and below are errors, 7 is for debugging; see
    /// syslog(2).
    pub level: u8,
    /// What it said.
    pub text: String,
}

impl KernelLog {
    /// From the oldest record on that the kernel still has. `None`: there is no log here, or nobody may
    /// read it.
    pub fn open(root: &Root) -> Result<Option<KernelLog>, FileError> {
        let path = root.path(KMSG);
        let mut options = OpenOptions::new();
        let options = options.read(true);
        match options.custom_flags(libc::O_NONBLOCK).open(&path) {
            Ok(file) => Ok(Some(KernelLog { file, path })),
            Err(cause)
                if matches!(
                    cause.kind(),
                    ErrorKind::NotFound | ErrorKind::PermissionDenied
                ) =>
            {
                Ok(None)
            }
            Err(cause) => Err(failed(path, cause)),
        }
    }

    /// What the kernel has said since this was asked last; what programs wrote to its log is not among
    /// it. Never waits. Of more than the kernel keeps the older is lost.
    pub fn news(&mut self) -> Result<Vec<Record>, FileError> {
        let mut said = Vec::new();
        let mut buffer = [0; LONGEST];
        loop {
            match self.file.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => said.extend_from_slice(&buffer[..read]),
                Err(cause) if cause.kind() == ErrorKind::WouldBlock => break,
                // What was to be read next was overwritten; the next reading goes on behind it.
                Err(cause) if cause.raw_os_error() == Some(libc::EPIPE) => (),
                Err(cause) if cause.kind() == ErrorKind::Interrupted => (),
                Err(cause) => return Err(failed(self.path.clone(), cause)),
            }
        }
        let text = String::from_utf8_lossy(&said);
        Ok(text.lines().filter_map(Record::parse).collect())
    }
}

fn failed(path: PathBuf, cause: io::Error) -> FileError {
    FileError {
        verb: "read",
        path,
        cause,
    }
}

impl Record {
    /// The first line of a record of the kernel's own; those that begin with a blank belong to the one
    /// before them.
    fn parse(line: &str) -> Option<Record> {
        let (fields, text) = line.split_once(';')?;
        let priority: u32 = fields.split(',').next()?.parse().ok()?;
        // The lower three bits are the level, the others who said it: 0 is the kernel.
        let level = u8::try_from(priority).ok().filter(|it| it >> 3 == 0)?;
        Some(Record {
            level,
            text: unescape(text),
        })
    }
}

/// Bytes that cannot be printed, and the backslash, are there as `\x0a`.
fn unescape(text: &str) -> String {
    let mut parts = text.split("\\x");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let byte = part.get(..2).and_then(|it| u8::from_str_radix(it, 16).ok());
        match byte.filter(u8::is_ascii) {
            Some(byte) => {
                plain.push(char::from(byte));
                plain.push_str(&part[2..]);
            }
            None => {
                plain.push_str("\\x");
                plain.push_str(part);
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_said_is_told_once_and_what_others_said_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::fixture(dir.path());
        assert!(KernelLog::open(&root).unwrap().is_none());
        let first = "6,1,5,-;XFS (sda): Ending clean mount\n SUBSYSTEM=block\n DEVICE=b8:0\n\
                     12,2,6,-;XFS (sda): a program says this\n1,3,7,c;a\\x0ab \\x5c \\xzz\n";
        root.replace(KMSG, first.as_bytes(), 0o600).unwrap();
        let mut log = KernelLog::open(&root).unwrap().unwrap();
        let record = |level, text: &str| Record {
            level,
            text: text.to_owned(),
        };
        let told = [
            record(6, "XFS (sda): Ending clean mount"),
            record(1, "a\nb \\ \\xzz"),
        ];
        assert_eq!(log.news().unwrap(), told);
        assert_eq!(log.news().unwrap(), []);
        root.poke(KMSG, &format!("{first}3,4,8,-;more\n")).unwrap();
        assert_eq!(log.news().unwrap(), [record(3, "more")]);
    }
}
