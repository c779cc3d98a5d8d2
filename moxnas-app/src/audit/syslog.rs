//! A record as a message of syslog, RFC 5424.
//!
//! The fields are structured data with the id `audit@32473`; the message itself is `detail`, the
//! JSON text. With `seq` and `hash` a receiver can tell that none is missing and, with an export,
//! that none was changed.

use std::{fmt::Write as _, path::PathBuf, str::FromStr};

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::chain::Line;
use crate::hex::hex;

/// Where syslog listens on this machine.
const UNIX: &str = "/dev/log";
/// "Log audit", RFC 5424 table 1.
const FACILITY: u8 = 13;
/// What a receiver should take, RFC 5426 3.2, is 2048; all that are in use take this.
const LONGEST: usize = 8192;

/// Where records are sent as they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyslogTarget {
    /// A datagram socket on this machine: `unix`, or `unix:///another/path`.
    Unix(PathBuf),
    /// `udp://HOST:PORT`. What gets lost on the way is not noticed.
    Udp(String),
    /// `tcp://HOST:PORT`, with lengths in front (RFC 6587 3.4.1).
    Tcp(String),
}

/// A text is no [`SyslogTarget`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("syslog is `unix`, `udp://HOST:PORT` or `tcp://HOST:PORT`, not {0:?}")]
pub struct BadSyslogTarget(String);

impl FromStr for SyslogTarget {
    type Err = BadSyslogTarget;

    fn from_str(text: &str) -> Result<SyslogTarget, BadSyslogTarget> {
        let bad = || BadSyslogTarget(text.to_owned());
        if text == "unix" {
            return Ok(SyslogTarget::Unix(PathBuf::from(UNIX)));
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(bad)?;
        let place = || {
            let (host, port) = rest.rsplit_once(':')?;
            let is_port = port.parse::<u16>().is_ok_and(|it| it > 0);
            (!host.is_empty() && is_port).then(|| rest.to_owned())
        };
        match scheme {
            "unix" if rest.starts_with('/') => Ok(SyslogTarget::Unix(PathBuf::from(rest))),
            "udp" => place().map(SyslogTarget::Udp).ok_or_else(bad),
            "tcp" => place().map(SyslogTarget::Tcp).ok_or_else(bad),
            _ => Err(bad()),
        }
    }
}

impl std::fmt::Display for SyslogTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SyslogTarget::Unix(path) => write!(f, "unix://{}", path.display()),
            SyslogTarget::Udp(place) => write!(f, "udp://{place}"),
            SyslogTarget::Tcp(place) => write!(f, "tcp://{place}"),
        }
    }
}

/// The message of a record. `lost` records before it were dropped before they could be sent.
#[must_use]
pub fn message(line: &Line, host: &str, lost: i64) -> String {
    let severity = match (line.phase.as_str(), line.result.as_deref()) {
        // Warning, notice, informational.
        ("refused", _) | (_, Some("failed")) => 4,
        (_, Some("unknown")) => 5,
        _ => 6,
    };
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(line.at) * 1_000_000);
    let at = at.ok().and_then(|it| it.format(&Rfc3339).ok());
    let mut text = format!(
        "<{}>1 {} {} moxnas - {} [audit@32473",
        FACILITY * 8 + severity,
        at.as_deref().unwrap_or("-"),
        word(host, 255),
        word(&line.operation, 32),
    );
    let number = |it: Option<i64>| it.map(|it| it.to_string());
    let fields = [
        ("node", line.node.clone()),
        ("seq", number(line.seq)),
        ("hash", line.hash.as_deref().map(hex)),
        ("actor", Some(line.actor.clone())),
        ("via", Some(line.via.clone())),
        ("address", line.address.clone()),
        ("operation", Some(line.operation.clone())),
        ("object", line.object.clone()),
        ("phase", Some(line.phase.clone())),
        ("result", line.result.clone()),
        ("fingerprint", line.fingerprint.clone()),
        ("request_id", Some(line.request_id.clone())),
        ("lost", number((lost > 0).then_some(lost))),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            write!(text, " {name}=\"{}\"", escaped(&value)).expect("a string takes it");
        }
    }
    // The mark of UTF-8, which the message must begin with.
    write!(text, "] \u{feff}{}", without_controls(&line.detail)).expect("a string takes it");
    let end = text.floor_char_boundary(LONGEST);
    text.truncate(end);
    text
}

/// What a word of the header may hold.
fn word(text: &str, longest: usize) -> String {
    let word: String = text
        .chars()
        .filter(char::is_ascii_graphic)
        .take(longest)
        .collect();
    match word.is_empty() {
        true => "-".to_owned(),
        false => word,
    }
}

/// RFC 5424 6.3.3, and nothing that would begin another line at a receiver.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for it in without_controls(text).chars() {
        if matches!(it, '"' | '\\' | ']') {
            escaped.push('\\');
        }
        escaped.push(it);
    }
    escaped
}

fn without_controls(text: &str) -> String {
    let safe = |it: char| if it.is_control() { '\u{fffd}' } else { it };
    text.chars().map(safe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line {
        Line {
            id: 7,
            node: Some("ab".to_owned()),
            seq: Some(3),
            hash: Some(vec![0xab; 32]),
            at: 1_700_000_000_123,
            actor: "an\"n]\\\n".to_owned(),
            via: "token".to_owned(),
            address: Some("10.0.0.1".to_owned()),
            operation: "array_create".to_owned(),
            object: None,
            phase: "outcome".to_owned(),
            result: Some("failed".to_owned()),
            fingerprint: None,
            request_id: "r".to_owned(),
            detail: "{\"a\":1}".to_owned(),
        }
    }

    #[test]
    fn a_record_is_a_message() {
        let hash = "ab".repeat(32);
        let expected = format!(
            "<108>1 2023-11-14T22:13:20.123Z my-nas moxnas - array_create [audit@32473 node=\"ab\" \
             seq=\"3\" hash=\"{hash}\" actor=\"an\\\"n\\]\\\\\u{fffd}\" via=\"token\" \
             address=\"10.0.0.1\" operation=\"array_create\" phase=\"outcome\" result=\"failed\" \
             request_id=\"r\" lost=\"2\"] \u{feff}{{\"a\":1}}"
        );
        assert_eq!(message(&line(), "my-nas\n", 2), expected);
    }

    #[test]
    fn a_message_is_one_line_of_bounded_length_whatever_is_in_it() {
        let mut line = line();
        line.detail = "ü\n".repeat(LONGEST);
        line.operation = "\n ü".to_owned();
        let text = message(&line, "", 0);
        assert!(text.len() <= LONGEST && !text.contains('\n'));
        assert!(text.starts_with("<108>1 2023-11-14T22:13:20.123Z - moxnas - - [audit@32473 "));
    }

    #[test]
    fn targets() {
        for text in ["unix:///run/log", "udp://log.lan:514", "tcp://[::1]:601"] {
            assert_eq!(text.parse::<SyslogTarget>().unwrap().to_string(), text);
        }
        assert_eq!(
            "unix".parse::<SyslogTarget>().unwrap().to_string(),
            "unix:///dev/log"
        );
        for text in [
            "",
            "udp://host",
            "udp://:514",
            "udp://host:0",
            "tls://host:1",
            "unix://x",
        ] {
            assert!(text.parse::<SyslogTarget>().is_err(), "{text}");
        }
    }
}
