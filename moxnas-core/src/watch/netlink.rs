//! The socket on which the kernel and udev say what happens to devices.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
};

use nix::{
    errno::Errno,
    sys::socket::{
        AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv,
        setsockopt, socket, sockopt,
    },
};

use super::uevent::{BadUevent, Uevent};

/// The group in which the kernel tells everybody.
const KERNEL: u32 = 1;
/// The group in which udev tells everybody, after its rules ran and its database was written.
const UDEV: u32 = 2;
/// Longer than any message: the kernel's are below 4 KiB, udev's below 8 KiB and some.
const MESSAGE: usize = 16 * 1024;
/// A shelf of disks that is switched on is hundreds of messages at once.
const BUFFER: usize = 8 << 20;

/// Hears uevents. Only root can send to these groups, so a sender is not looked at.
#[derive(Debug)]
pub(super) struct UeventSocket {
    fd: OwnedFd,
    buffer: Vec<u8>,
}

/// What was heard.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Something happened to a device.
    Event(Uevent),
    /// A message that could not be read.
    Damaged(BadUevent),
    /// More was said than the socket could keep.
    Lost,
    /// Nothing more for the moment.
    Nothing,
}

impl UeventSocket {
    pub(super) fn open() -> io::Result<UeventSocket> {
        let fd = socket(
            AddressFamily::Netlink,
            SockType::Datagram,
            SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            SockProtocol::NetlinkKObjectUEvent,
        )?;
        // Beyond what is allowed to everybody, where this process may.
        if setsockopt(&fd, sockopt::RcvBufForce, &BUFFER).is_err() {
            // A smaller one loses messages earlier, which is noticed.
            let _ = setsockopt(&fd, sockopt::RcvBuf, &BUFFER);
        }
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, KERNEL | UDEV))?;
        let buffer = vec![0; MESSAGE];
        Ok(UeventSocket { fd, buffer })
    }

    /// The next that was said. Does not wait.
    pub(super) fn hear(&mut self) -> io::Result<Heard> {
        loop {
            let got = recv(self.fd.as_raw_fd(), &mut self.buffer, MsgFlags::empty());
            return match got {
                Ok(length) => {
                    let message = self.buffer.get(..length).unwrap_or_default();
                    Ok(Uevent::decode(message).map_or_else(Heard::Damaged, Heard::Event))
                }
                Err(Errno::EINTR) => continue,
                Err(Errno::ENOBUFS) => Ok(Heard::Lost),
                Err(Errno::EAGAIN) => Ok(Heard::Nothing),
                Err(err) => Err(err.into()),
            };
        }
    }
}

impl AsFd for UeventSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
