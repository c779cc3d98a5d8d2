//! Waiting for the kernel to say that a file under `/proc` or `/sys` reads differently now.

use std::{fs::File, io, io::Read, os::fd::AsFd, time::Duration};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

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
    ///
    /// A file is watched from when it was last read, so it is read to its end first.
    pub fn changed_within(&mut self, limit: Duration) -> io::Result<bool> {
        let limit = PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX);
        let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLPRI)];
        let count = match poll(&mut fds, limit) {
            Err(nix::errno::Errno::EINTR) => 0,
            other => other?,
        };
        if count == 0 {
            return Ok(false);
        }
        io::Seek::rewind(&mut self.0)?;
        io::copy(&mut (&mut self.0).take(1 << 20), &mut io::sink())?;
        Ok(true)
    }
}
