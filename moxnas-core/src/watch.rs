//! Waiting for the kernel to say that the machine is not what it was: files under `/proc` and
//! `/sys` that read differently, and block devices that came, changed or left.

mod machine;
mod netlink;
mod uevent;

use std::{fs::File, io, io::Read, os::fd::AsFd, os::fd::BorrowedFd, time::Duration};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

pub use machine::MachineWatch;
pub use uevent::{BadUevent, Uevent, UeventFrom};

use crate::root::{FileError, Root};

/// A file whose change the kernel announces with `POLLPRI`: `/proc/mdstat`, and the attributes of
/// arrays that Documentation/admin-guide/md.rst calls pollable.
#[derive(Debug)]
pub struct Watch(File);

impl Watch {
    /// Begin to watch a file.
    pub fn open(root: &Root, path: &str) -> Result<Watch, FileError> {
        let path = root.path(path);
        let open = File::open(&path);
        open.map(Watch).map_err(|cause| FileError {
            verb: "opened",
            path,
            cause,
        })
    }

    /// Wait until the file reads differently, or the time is over. Says which.
    pub fn changed_within(&mut self, limit: Duration) -> io::Result<bool> {
        let ready = ready_within(&[(self.0.as_fd(), PollFlags::POLLPRI)], limit)?;
        if ready != [true] {
            return Ok(false);
        }
        self.read_again()?;
        Ok(true)
    }

    /// A file is watched from when it was last read, so it is read to its end.
    fn read_again(&mut self) -> io::Result<()> {
        io::Seek::rewind(&mut self.0)?;
        io::copy(&mut (&mut self.0).take(1 << 20), &mut io::sink())?;
        Ok(())
    }
}

/// Wait until one of these has something to say, or the time is over. Says which have.
fn ready_within(fds: &[(BorrowedFd<'_>, PollFlags)], limit: Duration) -> io::Result<Vec<bool>> {
    let limit = PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX);
    let mut polled: Vec<PollFd<'_>> = Vec::with_capacity(fds.len());
    polled.extend(fds.iter().map(|&(fd, flags)| PollFd::new(fd, flags)));
    match poll(&mut polled, limit) {
        Err(nix::errno::Errno::EINTR) => return Ok(vec![false; fds.len()]),
        other => other?,
    };
    Ok(polled.iter().map(|it| it.any() != Some(false)).collect())
}
