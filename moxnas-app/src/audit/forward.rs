//! Sending records to a syslog elsewhere, as they are written.
//!
//! The database is the queue: a record is read from it to be sent, so that a receiver that is slow
//! or gone neither holds up a change nor costs memory, and what was written while it was gone is
//! sent afterwards, over restarts too. Only what retention drops meanwhile is lost; the next
//! message says how many were. A datagram may get lost on its way, and what is in flight when a
//! connection breaks may too: gaps show in `seq`.

use std::{io, path::PathBuf, time::Duration};

use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpStream, UdpSocket, UnixDatagram},
    time::timeout,
};

use super::{
    AuditError,
    syslog::{SyslogTarget, message},
};
use crate::{private_file, store::Store};

const FILE: &str = "audit.sent";
/// How many records are read at once.
const PAGE: u32 = 100;
/// How long a receiver may take to let one record in.
const PATIENCE: Duration = Duration::from_secs(10);

/// How sending goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forwarding {
    /// The last record that was sent.
    pub sent: i64,
    /// How many were dropped before they could be sent, since the start.
    pub lost: i64,
    /// Why it does not go on; `None`: it does.
    pub failure: Option<String>,
}

/// Why records were not sent.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// The receiver did not take one.
    #[error("audit records cannot be sent to {target}")]
    Send {
        /// The receiver.
        target: SyslogTarget,
        /// What the system said.
        source: io::Error,
    },
    /// The log could not be read, or how far it was sent not be kept.
    #[error(transparent)]
    Audit(#[from] AuditError),
}

/// Sends records to one receiver.
#[derive(Debug)]
pub struct Forwarder {
    store: Store,
    target: SyslogTarget,
    path: Option<PathBuf>,
    connection: Option<Connection>,
    state: Forwarding,
}

#[derive(Debug)]
enum Connection {
    Unix(UnixDatagram),
    Udp(UdpSocket),
    Tcp(TcpStream),
}

impl Forwarder {
    /// Begin behind the record that was sent last; the first time, behind the last there is.
    pub async fn new(
        store: Store,
        target: SyslogTarget,
        folder: Option<PathBuf>,
    ) -> Result<Forwarder, AuditError> {
        let path = folder.map(|it| it.join(FILE));
        let kept = match &path {
            Some(path) => private_file::read(path)?,
            None => None,
        };
        let kept = kept.and_then(|it| String::from_utf8(it).ok()?.trim_end().parse().ok());
        // A database that was restored may end before what was sent.
        let (head, _) = store.audit_head().await?;
        let sent = kept.unwrap_or(head).min(head);
        let mut forwarder = Forwarder {
            store,
            target,
            path,
            connection: None,
            state: Forwarding {
                sent,
                ..Forwarding::default()
            },
        };
        forwarder.keep()?;
        Ok(forwarder)
    }

    /// How it goes.
    #[must_use]
    pub fn state(&self) -> &Forwarding {
        &self.state
    }

    /// Send all that was not sent so far.
    pub async fn send_all(&mut self) -> Result<(), ForwardError> {
        let done = self.try_send_all().await;
        self.state.failure = done.as_ref().err().map(|it| moxnas_core::chain::chain(it));
        if done.is_err() {
            self.connection = None;
        }
        done
    }

    async fn try_send_all(&mut self) -> Result<(), ForwardError> {
        loop {
            let behind = self.store.audit_lines_behind(self.state.sent, PAGE).await;
            let lines = behind.map_err(AuditError::from)?;
            if lines.is_empty() {
                return Ok(());
            }
            for line in &lines {
                let seq = line.seq.unwrap_or_default();
                let lost = seq - self.state.sent - 1;
                let text = message(line, &self.store.node().name, lost);
                if let Err(source) = self.send(&text).await {
                    self.keep()?;
                    let target = self.target.clone();
                    return Err(ForwardError::Send { target, source });
                }
                self.state.sent = seq;
                self.state.lost += lost;
            }
            self.keep()?;
        }
    }

    async fn send(&mut self, text: &str) -> io::Result<()> {
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        if let Some(Connection::Tcp(stream)) = &self.connection
            && is_closed(stream)
        {
            self.connection = None;
        }
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => {
                let connecting = connect(&self.target);
                none.insert(timeout(PATIENCE, connecting).await.map_err(late)??)
            }
        };
        timeout(PATIENCE, connection.send(text))
            .await
            .map_err(late)?
    }

    fn keep(&mut self) -> Result<(), AuditError> {
        match &self.path {
            Some(path) => {
                let text = format!("{}\n", self.state.sent);
                Ok(private_file::replace(path, text.as_bytes())?)
            }
            None => Ok(()),
        }
    }
}

async fn connect(target: &SyslogTarget) -> io::Result<Connection> {
    match target {
        SyslogTarget::Unix(path) => {
            let socket = UnixDatagram::unbound()?;
            socket.connect(path)?;
            Ok(Connection::Unix(socket))
        }
        SyslogTarget::Udp(place) => {
            let mut failure = io::Error::from(io::ErrorKind::NotFound);
            for address in tokio::net::lookup_host(place).await? {
                let any = match address.is_ipv4() {
                    true => "0.0.0.0:0",
                    false => "[::]:0",
                };
                let socket = UdpSocket::bind(any).await?;
                match socket.connect(address).await {
                    Ok(()) => return Ok(Connection::Udp(socket)),
                    Err(err) => failure = err,
                }
            }
            Err(failure)
        }
        SyslogTarget::Tcp(place) => Ok(Connection::Tcp(TcpStream::connect(place).await?)),
    }
}

impl Connection {
    async fn send(&mut self, text: &str) -> io::Result<()> {
        match self {
            Connection::Unix(socket) => socket.send(text.as_bytes()).await.map(|_| ()),
            Connection::Udp(socket) => socket.send(text.as_bytes()).await.map(|_| ()),
            Connection::Tcp(stream) => {
                let framed = format!("{} {text}", text.len());
                stream.write_all(framed.as_bytes()).await
            }
        }
    }
}

/// Whether the receiver has hung up. What is written to it then would be lost without an error.
fn is_closed(stream: &TcpStream) -> bool {
    let mut answer = [0; 64];
    match stream.try_read(&mut answer) {
        Ok(0) => true,
        Ok(_) => false,
        Err(err) => err.kind() != io::ErrorKind::WouldBlock,
    }
}
