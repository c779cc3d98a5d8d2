//! What there is: sessions, and what cannot be known.

use std::{fmt, net::IpAddr, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::services::ServiceName;

/// Everybody who is connected, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sessions {
    /// The sessions, in the order of their ids.
    pub sessions: Vec<Session>,
    /// What is not among them, and why.
    pub unknown: Vec<Unknown>,
}

impl Sessions {
    /// How many there are with the daemons of a service.
    #[must_use]
    pub fn of_service(&self, service: ServiceName) -> usize {
        let of = |it: &&Session| match it.id.protocol() {
            Protocol::Smb => service == ServiceName::Samba,
            Protocol::Nfs => service == ServiceName::Nfs,
            Protocol::Ftp => service == ServiceName::Ftp,
            Protocol::Sftp => service == ServiceName::Ssh,
        };
        self.sessions.iter().filter(of).count()
    }

    /// Those that somebody has with a share.
    pub fn of_share(&self, share: &str) -> impl Iterator<Item = &Session> {
        let is_it = move |it: &Connection| it.share.eq_ignore_ascii_case(share);
        let all = self.sessions.iter();
        all.filter(move |it| it.shares.iter().any(is_it))
    }
}

/// Something that cannot be known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unknown {
    /// Of which protocol.
    pub protocol: Protocol,
    /// What, and why.
    pub why: String,
}

/// How somebody is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// SMB
    Smb,
    /// NFS 4
    Nfs,
    /// FTP
    Ftp,
    /// SFTP
    Sftp,
}

impl Protocol {
    /// Its word in ids.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Protocol::Smb => "smb",
            Protocol::Nfs => "nfs",
            Protocol::Ftp => "ftp",
            Protocol::Sftp => "sftp",
        }
    }
}

/// One client's connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// By which it is disconnected.
    pub id: SessionId,
    /// Who logged in; `None`: NFS 4 tells no user, only machines.
    pub user: Option<String>,
    /// The address of the client, if it can be told.
    pub address: Option<IpAddr>,
    /// What the client calls itself, if it says.
    pub client: Option<String>,
    /// The shares in use. None does not mean that there is none: FTP, SFTP and NFS tell files only.
    pub shares: Vec<Connection>,
    /// Since when, if that can be told.
    pub since: Option<Timestamp>,
    /// Files that are held open. FTP and SFTP do not tell them.
    pub files: Vec<OpenFile>,
    /// The version that is spoken, as `SMB3_11` or `4.2`.
    pub dialect: Option<String>,
    /// Whether what is sent can be read on the way; `None`: nobody says.
    pub encrypted: Option<Protection>,
    /// Whether what is sent can be changed on the way; `None`: nobody says.
    pub signed: Option<Protection>,
}

impl Session {
    /// One of which nothing is known but its id.
    #[must_use]
    pub fn new(id: SessionId) -> Session {
        Session {
            id,
            user: None,
            address: None,
            client: None,
            shares: Vec::new(),
            since: None,
            files: Vec::new(),
            dialect: None,
            encrypted: None,
            signed: None,
        }
    }
}

/// How much of what is sent is protected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protection {
    /// Nothing.
    None,
    /// Some of it, as the files of one share and not of another.
    Partial,
    /// Everything.
    Full,
}

/// A share that a session uses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Connection {
    /// The share.
    pub share: String,
    /// Since when.
    pub since: Option<Timestamp>,
}

/// A file that is held open.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OpenFile {
    /// Which: by SMB the path in full; by NFS its last two parts, as the kernel tells no more.
    pub path: String,
    /// Whether it can be written through it.
    pub writes: bool,
    /// Since when.
    pub since: Option<Timestamp>,
}

/// What a session is disconnected by. As text: `smb-PID-STARTED-SESSION`, `nfs-NUMBER-CLIENTID`,
/// `ftp-PID-STARTED`, `sftp-PID-STARTED`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SessionId {
    /// One of a process of smbd(8). If several log in by one connection, they end together.
    Smb {
        /// The process.
        process: Process,
        /// Its number for Samba.
        session: u64,
    },
    /// A client of nfsd(8).
    Nfs {
        /// Its folder in `/proc/fs/nfsd/clients`.
        number: u64,
        /// What the kernel gave it, which is never given again while it runs.
        client: u64,
    },
    /// A process of vsftpd(8).
    Ftp(Process),
    /// The process of sshd(8) that holds the connection.
    Sftp(Process),
}

/// A process, and no other that gets its number later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// When it began, in ticks since the machine was started: field 22 of `/proc/PID/stat`, see
    /// proc(5).
    pub started: u64,
}

impl SessionId {
    /// The protocol.
    #[must_use]
    pub fn protocol(self) -> Protocol {
        match self {
            SessionId::Smb { .. } => Protocol::Smb,
            SessionId::Nfs { .. } => Protocol::Nfs,
            SessionId::Ftp(_) => Protocol::Ftp,
            SessionId::Sftp(_) => Protocol::Sftp,
        }
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.protocol().word();
        match self {
            SessionId::Smb { process, session } => {
                write!(f, "{word}-{}-{}-{session}", process.pid, process.started)
            }
            SessionId::Nfs { number, client } => write!(f, "{word}-{number}-{client:x}"),
            SessionId::Ftp(it) | SessionId::Sftp(it) => {
                write!(f, "{word}-{}-{}", it.pid, it.started)
            }
        }
    }
}

/// A text names no session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no id of a session")]
pub struct BadSessionId(pub String);

impl FromStr for SessionId {
    type Err = BadSessionId;

    fn from_str(text: &str) -> Result<SessionId, BadSessionId> {
        let parts: Vec<&str> = text.split('-').collect();
        let process = |pid: &str, started: &str| {
            let (pid, started) = (pid.parse().ok()?, started.parse().ok()?);
            Some(Process { pid, started })
        };
        let id = match *parts.as_slice() {
            ["smb", pid, started, session] => process(pid, started)
                .zip(session.parse().ok())
                .map(|(process, session)| SessionId::Smb { process, session }),
            ["nfs", number, client] => {
                let client = u64::from_str_radix(client, 16).ok();
                let both = number.parse().ok().zip(client);
                both.map(|(number, client)| SessionId::Nfs { number, client })
            }
            ["ftp", pid, started] => process(pid, started).map(SessionId::Ftp),
            ["sftp", pid, started] => process(pid, started).map(SessionId::Sftp),
            _ => None,
        };
        // As it is written, and in no other way: `smb-+1-2-3` is none.
        id.filter(|it| it.to_string() == text)
            .ok_or_else(|| BadSessionId(text.to_owned()))
    }
}

impl TryFrom<String> for SessionId {
    type Error = BadSessionId;

    fn try_from(text: String) -> Result<SessionId, BadSessionId> {
        text.parse()
    }
}

impl From<SessionId> for String {
    fn from(id: SessionId) -> String {
        id.to_string()
    }
}
