//! What the kernel says of clients of NFS 4, in `/proc/fs/nfsd/clients`, see nfsd(7).

use std::{collections::BTreeMap, net::IpAddr};

use crate::sessions::model::{OpenFile, Session, SessionId};

/// A client, from its `info` and `states`.
pub fn session(number: u64, info: &str, states: &str) -> Result<Session, String> {
    let lines = info.lines().filter_map(|it| it.split_once(": "));
    let told: BTreeMap<&str, &str> = lines.collect();
    let client = told.get("clientid").ok_or("there is no clientid")?;
    let client = client.strip_prefix("0x").unwrap_or(client);
    let client =
        u64::from_str_radix(client, 16).map_err(|_| format!("{client:?} is no clientid"))?;
    let text = |name: &str| told.get(name).map(|it| unquoted(it));
    let mut files = states.lines().filter_map(open).collect::<Vec<_>>();
    files.sort();
    files.dedup();
    Ok(Session {
        address: text("address").and_then(|it| address(&it)),
        client: text("name"),
        dialect: told.get("minor version").map(|it| format!("4.{it}")),
        files,
        ..Session::new(SessionId::Nfs { number, client })
    })
}

/// A file that is held open; what is only lent to the client, or locked, is one of those too.
fn open(line: &str) -> Option<OpenFile> {
    let field = |name: &str| {
        let (_, rest) = line.split_once(name)?;
        Some(rest)
    };
    let access = field("type: open, access: ")?;
    let access = access.split_once(',')?.0;
    let name = field("filename: ")?;
    let inside = name.strip_prefix('"')?;
    // Quotes in a name are written as `\x22`.
    let (name, _) = inside.split_once('"')?;
    Some(OpenFile {
        path: unescaped(name),
        writes: access.contains('w'),
        since: None,
    })
}

/// `127.0.0.1:897`, `[::1]:897`.
fn address(text: &str) -> Option<IpAddr> {
    let (address, _) = text.rsplit_once(':')?;
    address.trim_matches(['[', ']']).parse().ok()
}

fn unquoted(text: &str) -> String {
    let inside = text.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    unescaped(inside.unwrap_or(text))
}

/// The kernel writes what could be misread as `\x` and two digits.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\\x") {
        bytes.extend_from_slice(before.as_bytes());
        let digits = after.get(..2);
        match digits.and_then(|it| u8::from_str_radix(it, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.extend_from_slice(b"\\x");
                rest = after;
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}
