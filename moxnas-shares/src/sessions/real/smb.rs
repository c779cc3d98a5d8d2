//! What `smbstatus --json` prints, to the model. Samba 4.17 to 4.22: newer ones tell more, and
//! nothing else.

use std::{collections::BTreeMap, net::IpAddr};

use jiff::Timestamp;
use serde::Deserialize;

use crate::sessions::model::{Connection, OpenFile, Process, Protection, Session, SessionId};

#[derive(Deserialize)]
struct Status {
    #[serde(default)]
    sessions: BTreeMap<String, SmbSession>,
    #[serde(default)]
    tcons: BTreeMap<String, Tcon>,
    #[serde(default)]
    open_files: BTreeMap<String, File>,
}

#[derive(Deserialize)]
struct SmbSession {
    session_id: String,
    server_id: ServerId,
    username: String,
    remote_machine: String,
    hostname: String,
    session_dialect: String,
    encryption: Crypto,
    signing: Crypto,
    /// Since Samba 4.18.
    creation_time: Option<String>,
}

#[derive(Deserialize)]
struct ServerId {
    pid: String,
}

#[derive(Deserialize)]
struct Crypto {
    degree: String,
}

#[derive(Deserialize)]
struct Tcon {
    service: String,
    session_id: String,
    connected_at: String,
}

#[derive(Deserialize)]
struct File {
    service_path: String,
    filename: String,
    #[serde(default)]
    opens: BTreeMap<String, Open>,
}

#[derive(Deserialize)]
struct Open {
    server_id: ServerId,
    access_mask: AccessMask,
    opened_at: String,
}

#[derive(Deserialize)]
struct AccessMask {
    #[serde(rename = "WRITE_DATA")]
    write: bool,
    #[serde(rename = "APPEND_DATA")]
    append: bool,
}

/// The sessions, where `started` says when a process began; one whose process is gone by now is
/// none.
///
/// Samba tells of which process a file is held open, and not of which session: where several log in
/// by one connection, each of them has it. What is a folder is not told apart from a file.
pub fn sessions(text: &str, started: impl Fn(u32) -> Option<u64>) -> Result<Vec<Session>, String> {
    let status: Status = serde_json::from_str(text).map_err(|err| err.to_string())?;
    let mut all = Vec::new();
    for (_, it) in status.sessions {
        let number = |text: &str| {
            let read = text.parse::<u64>();
            read.map_err(|_| format!("{text:?} is no number"))
        };
        let pid = number(&it.server_id.pid)?;
        let pid = u32::try_from(pid).map_err(|_| format!("{pid} is no process"))?;
        let Some(started) = started(pid) else {
            continue;
        };
        let process = Process { pid, started };
        let session = number(&it.session_id)?;
        let tcons = status.tcons.values();
        let of_it = tcons.filter(|tcon| tcon.session_id == it.session_id);
        let shares = of_it.map(|tcon| Connection {
            share: tcon.service.clone(),
            since: tcon.connected_at.parse().ok(),
        });
        let mut shares: Vec<Connection> = shares.collect();
        shares.sort();
        let opens = status.open_files.values().flat_map(|file| {
            let opens = file.opens.values();
            let of_it = opens.filter(|open| open.server_id.pid == it.server_id.pid);
            of_it.map(move |open| (file, open))
        });
        let files = opens.map(|(file, open)| OpenFile {
            path: match file.filename.as_str() {
                "." => file.service_path.clone(),
                name => format!("{}/{name}", file.service_path),
            },
            writes: open.access_mask.write || open.access_mask.append,
            since: open.opened_at.parse().ok(),
        });
        let mut files: Vec<OpenFile> = files.collect();
        files.sort();
        // Samba 4.17 does not say when somebody logged in: the first share is a moment later.
        let since: Option<Timestamp> = match &it.creation_time {
            Some(text) => text.parse().ok(),
            None => shares.iter().filter_map(|it| it.since).min(),
        };
        let address = address(&it.hostname);
        all.push(Session {
            user: Some(it.username),
            address,
            client: name(&it.remote_machine, address),
            shares,
            since,
            files,
            dialect: Some(it.session_dialect),
            encrypted: protection(&it.encryption)?,
            signed: protection(&it.signing)?,
            ..Session::new(SessionId::Smb { process, session })
        });
    }
    Ok(all)
}

/// What a client calls itself, where that is not its address again.
fn name(remote: &str, address: Option<IpAddr>) -> Option<String> {
    let is_address = remote.parse().ok() == address && address.is_some();
    (!is_address && !remote.is_empty()).then(|| remote.to_owned())
}

/// `ipv4:127.0.0.1:33288`, `ipv6:::1:33290`.
fn address(text: &str) -> Option<IpAddr> {
    let (_, rest) = text.split_once(':')?;
    let (address, _port) = rest.rsplit_once(':')?;
    address.trim_matches(['[', ']']).parse().ok()
}

fn protection(crypto: &Crypto) -> Result<Option<Protection>, String> {
    match crypto.degree.as_str() {
        "none" => Ok(Some(Protection::None)),
        "partial" => Ok(Some(Protection::Partial)),
        "full" => Ok(Some(Protection::Full)),
        "anonymous" => Ok(None),
        other => Err(format!("{other:?} is no degree of protection")),
    }
}
