//! Processes of daemons that tell who is connected in their titles, see proc(5).

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use moxnas_core::root::{FileError, Root};

use crate::sessions::model::{Process, Session, SessionId};

/// A process, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Which.
    pub process: Process,
    /// Its parent.
    pub parent: u32,
    /// The name of its program.
    pub name: String,
    /// Its arguments, or what it writes over them.
    pub title: String,
}

/// When a process began, in ticks since the machine was started; `None`: there is none.
pub fn started(root: &Root, pid: u32) -> Option<u64> {
    let text = root.read(format!("/proc/{pid}/stat")).ok()??;
    stat(&text).map(|(_, _, started)| started)
}

/// Name, parent and beginning, from `/proc/PID/stat`. The name is in brackets, and may have some in
/// it.
fn stat(text: &str) -> Option<(&str, u32, u64)> {
    let (_, rest) = text.split_once('(')?;
    let (name, rest) = rest.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let parent = fields.nth(1)?.parse().ok()?;
    // Field 22, and the first three are behind us.
    let started = fields.nth(17)?.parse().ok()?;
    Some((name, parent, started))
}

/// Those whose program has one of these names.
pub fn named(root: &Root, names: &[&str]) -> Result<BTreeMap<u32, Running>, FileError> {
    let mut all = BTreeMap::new();
    for entry in root.list("/proc")? {
        let Ok(pid) = entry.parse::<u32>() else {
            continue;
        };
        // One that ended meanwhile is none.
        let Ok(Some(text)) = root.read(format!("/proc/{pid}/stat")) else {
            continue;
        };
        let Some((name, parent, started)) = stat(&text).filter(|it| names.contains(&it.0)) else {
            continue;
        };
        let title = root.read(format!("/proc/{pid}/cmdline")).ok().flatten();
        let title = title.unwrap_or_default();
        let running = Running {
            process: Process { pid, started },
            parent,
            name: name.to_owned(),
            title: title.replace('\0', " ").trim().to_owned(),
        };
        all.insert(pid, running);
    }
    Ok(all)
}

/// Address and user, as vsftpd(8) writes them over its arguments where `setproctitle_enable` says
/// so: `vsftpd: 192.0.2.7/alice: IDLE`.
pub fn ftp(running: &Running) -> Option<Session> {
    let rest = running.title.strip_prefix("vsftpd: ")?;
    let (who, _doing) = rest.split_once(": ")?;
    let (address, user) = who.split_once('/')?;
    Some(Session {
        user: Some(user.to_owned()),
        address: address.parse().ok(),
        ..Session::new(SessionId::Ftp(running.process))
    })
}

/// The user, as sshd(8) writes it over its arguments: `sshd: alice@internal-sftp`, from OpenSSH 9.8
/// on `sshd-session: alice@internal-sftp`; or of a server beside it the user of its parent.
pub fn sftp(running: &Running, all: &BTreeMap<u32, Running>) -> Option<Session> {
    let user_of = |title: &str| {
        let rest = title
            .strip_prefix("sshd: ")
            .or_else(|| title.strip_prefix("sshd-session: "))?;
        let (user, at) = rest.split_once('@')?;
        Some((user.to_owned(), at.to_owned()))
    };
    let user = match running.name.as_str() {
        "sftp-server" => user_of(&all.get(&running.parent)?.title)?.0,
        _ => {
            user_of(&running.title)
                .filter(|it| it.1.starts_with("internal-sftp"))?
                .0
        }
    };
    Some(Session {
        user: Some(user),
        ..Session::new(SessionId::Sftp(running.process))
    })
}

/// The process that holds the connection of another one, which is that or one that it comes from,
/// and who is at the other end.
pub fn connection_of(
    root: &Root,
    running: &Running,
    all: &BTreeMap<u32, Running>,
) -> Option<(Process, IpAddr)> {
    let mut peers = BTreeMap::new();
    for file in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let text = root.read(file).ok().flatten().unwrap_or_default();
        peers.extend(text.lines().skip(1).filter_map(connection));
    }
    let mut at = Some(running);
    while let Some(it) = at {
        let folder = format!("/proc/{}/fd", it.process.pid);
        for file in root.list(&folder).unwrap_or_default() {
            let link = root.link_name(format!("{folder}/{file}"));
            let inode = link.as_deref().and_then(|it| it.strip_prefix("socket:["));
            let inode = inode.and_then(|it| it.strip_suffix(']')?.parse::<u64>().ok());
            if let Some(peer) = inode.and_then(|it| peers.get(&it)) {
                return Some((it.process, *peer));
            }
        }
        at = all.get(&it.parent);
    }
    None
}

/// A connection that is there, by the number of its socket: a line of `/proc/net/tcp`, whose
/// addresses are words of 32 bits in the order of the machine.
fn connection(line: &str) -> Option<(u64, IpAddr)> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [_, _, remote, state, _, _, _, _, _, inode, ..] = *fields.as_slice() else {
        return None;
    };
    const ESTABLISHED: &str = "01";
    if state != ESTABLISHED {
        return None;
    }
    let (address, _) = remote.split_once(':')?;
    let words = address.as_bytes().chunks(8).map(|it| {
        let text = std::str::from_utf8(it).ok()?;
        Some(u32::from_str_radix(text, 16).ok()?.to_ne_bytes())
    });
    let bytes = words.collect::<Option<Vec<[u8; 4]>>>()?.concat();
    let address = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(four) => IpAddr::from(Ipv4Addr::from(four)),
        Err(_) => IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)).to_canonical(),
    };
    Some((inode.parse().ok()?, address))
}
