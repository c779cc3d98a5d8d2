//! Asking daemons as a client would.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

use moxnas_core::clock::Stopwatch;

use super::{PATIENCE, SystemShares, argv};
use crate::{
    backend::{BackendError, Offer},
    escape::unescape,
    model::ShareName,
    render::Service,
};

/// What smbd says of a share.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    /// It is there, whether or not it lets us in.
    There,
    /// There is none of that name.
    NotThere,
    /// Something else, in its words.
    Odd(String),
}

impl SystemShares {
    /// Ask until all is well, or for as long as a daemon may take.
    pub(super) fn until(
        &self,
        ask: impl Fn() -> Result<(), BackendError>,
    ) -> Result<(), BackendError> {
        let since = Stopwatch::start();
        loop {
            match ask() {
                Ok(()) => return Ok(()),
                Err(err) if since.elapsed() > PATIENCE => return Err(err),
                Err(_) => wait_a_while(),
            }
        }
    }

    /// What systemd says of a unit that does not run.
    pub(super) fn why_not_running(&self, service: Service) -> String {
        match self.runner.run(&argv::show(service.unit())) {
            Ok(output) => output
                .text()
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(", "),
            Err(err) => moxnas_core::chain::chain(&err),
        }
    }

    pub(super) fn probe_smb(&self, offers: &[Offer]) -> Result<(), BackendError> {
        for offer in offers {
            let (name, wanted) = match offer {
                Offer::Share(name) => (name, Answer::There),
                Offer::NoShare(name) => (name, Answer::NotThere),
                Offer::Export { .. } => continue,
            };
            let answer = self.ask_smb(name)?;
            if answer != wanted {
                return Err(BackendError::NotOffered {
                    service: Service::Samba,
                    why: match answer {
                        Answer::There => format!("still offers {name}"),
                        Answer::NotThere => format!("does not offer {name}"),
                        Answer::Odd(words) => format!("says of {name}: {words}"),
                    },
                });
            }
        }
        Ok(())
    }

    fn ask_smb(&self, name: &ShareName) -> Result<Answer, BackendError> {
        let output = self.runner.run(&argv::smbclient(self.smb_port, name))?;
        let said = output.text() + &output.errors();
        Ok(match output.status {
            0 => Answer::There,
            _ if said.contains("NT_STATUS_ACCESS_DENIED") => Answer::There,
            _ if said.contains("NT_STATUS_BAD_NETWORK_NAME") => Answer::NotThere,
            _ => Answer::Odd(said.trim().to_owned()),
        })
    }

    pub(super) fn probe_nfs(&self, offers: &[Offer]) -> Result<(), BackendError> {
        let shown = self.runner.run(&argv::exportfs_show())?.text();
        let exported: Vec<(String, &str)> = shown.lines().filter_map(exported).collect();
        for offer in offers {
            let Offer::Export { path, client } = offer else {
                continue;
            };
            let is_it = |it: &(String, &str)| it.0 == *path && it.1 == client;
            if !exported.iter().any(is_it) {
                return Err(BackendError::NotOffered {
                    service: Service::Nfs,
                    why: format!("does not export {path} to {client}"),
                });
            }
        }
        Ok(())
    }

    pub(super) fn probe_ftp(&self) -> Result<(), BackendError> {
        let said = self.root.read(&self.places.vsftpd)?.unwrap_or_default();
        let port = said.lines().find_map(|it| it.strip_prefix("listen_port="));
        let port = port.and_then(|it| it.parse().ok()).unwrap_or(FTP_PORT);
        let why = match banner(port) {
            Some(line) if line.starts_with(READY) => return Ok(()),
            Some(line) => format!("says: {line}"),
            None => format!("does not answer on port {port}"),
        };
        Err(BackendError::NotOffered {
            service: Service::Ftp,
            why,
        })
    }
}

/// Folder and client of a line of `exportfs -s`.
fn exported(line: &str) -> Option<(String, &str)> {
    let (path, rest) = line.split_once(char::is_whitespace)?;
    let (client, _) = rest.trim_start().split_once('(')?;
    Some((unescape(path), client))
}

/// No daemon says when it has read its files.
#[expect(
    clippy::disallowed_methods,
    reason = "another process does its work meanwhile"
)]
fn wait_a_while() {
    std::thread::sleep(Duration::from_millis(100));
}

/// Where vsftpd listens if its file does not say so.
const FTP_PORT: u16 = 21;

/// What vsftpd says first when it serves.
pub(super) const READY: &str = "220";

/// The first line of what listens on a port of this machine; `None`: nothing does, or it says nothing.
pub(super) fn banner(port: u16) -> Option<String> {
    const LIMIT: Duration = Duration::from_secs(1);
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let stream = TcpStream::connect_timeout(&at, LIMIT).ok()?;
    stream.set_read_timeout(Some(LIMIT)).ok()?;
    let mut line = String::new();
    // More than this is no banner.
    BufReader::new(stream.take(512)).read_line(&mut line).ok()?;
    Some(line.trim_end().to_owned()).filter(|it| !it.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_are_told_from_what_exportfs_shows() {
        let line = "/srv/my\\040photos  192.168.1.0/24(sync,wdelay,hide,no_subtree_check,ro)";
        let found = exported(line).unwrap();
        assert_eq!(found, ("/srv/my photos".to_owned(), "192.168.1.0/24"));
        assert_eq!(exported(""), None);
    }
}
