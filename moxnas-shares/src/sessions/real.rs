//! The real machine: smbstatus(1), what the kernel says of NFS, and processes.

pub mod argv;
pub mod nfs;
pub mod processes;
pub mod smb;

use std::sync::Arc;

use moxnas_core::{
    chain::chain,
    cmd::{Cause, Runner, SystemRunner},
    root::Root,
};
use rustix::{
    io::Errno,
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};

use super::{
    backend::{BackendError, SessionBackend},
    model::{Process, Protocol, Session, SessionId, Sessions, Unknown},
};

const CLIENTS: &str = "/proc/fs/nfsd/clients";

/// Sessions of a real machine.
pub struct SystemSessions {
    root: Root,
    runner: Arc<dyn Runner>,
}

impl SystemSessions {
    /// This machine.
    #[must_use]
    pub fn system() -> SystemSessions {
        SystemSessions::new(Root::system(), Arc::new(SystemRunner))
    }

    /// A machine whose files, `/proc` among them, are below `root` and whose programs `runner`
    /// starts.
    #[must_use]
    pub fn new(root: Root, runner: Arc<dyn Runner>) -> SystemSessions {
        SystemSessions { root, runner }
    }

    fn smb(&self) -> Result<Vec<Session>, BackendError> {
        let said = match self.runner.run(&argv::smbstatus()) {
            Err(err) if matches!(err.cause, Cause::Missing(_)) => return Ok(Vec::new()),
            said => said?,
        };
        let started = |pid| processes::started(&self.root, pid);
        smb::sessions(&said.text(), started).map_err(|why| BackendError::Unreadable {
            by: "smbstatus",
            why,
        })
    }

    fn nfs(&self) -> Result<Vec<Session>, BackendError> {
        let mut all = Vec::new();
        for folder in self.root.list(CLIENTS)? {
            let file = |name: &str| self.root.read(format!("{CLIENTS}/{folder}/{name}"));
            // A client that went meanwhile is none.
            let (Ok(number), Some(info)) = (folder.parse(), file("info")?) else {
                continue;
            };
            let states = file("states")?.unwrap_or_default();
            let session = nfs::session(number, &info, &states);
            all.push(session.map_err(|why| BackendError::Unreadable { by: "nfsd", why })?);
        }
        Ok(all)
    }

    /// FTP and SFTP, and what vsftpd does not tell.
    fn transfers(&self) -> Result<(Vec<Session>, Option<Unknown>), BackendError> {
        let names = ["vsftpd", "sshd", "sshd-session", "sftp-server"];
        let all = processes::named(&self.root, &names)?;
        let mut sessions = Vec::new();
        let mut is_silent = false;
        for it in all.values() {
            if it.name == "vsftpd" {
                sessions.extend(processes::ftp(it));
                is_silent |= !it.title.starts_with("vsftpd: ");
            } else if let Some(mut session) = processes::sftp(it, &all) {
                // The one that serves files does not end when it is told to; the connection does.
                let found = processes::connection_of(&self.root, it, &all);
                if let Some((process, address)) = found {
                    session.id = SessionId::Sftp(process);
                    session.address = Some(address);
                }
                sessions.push(session);
            }
        }
        let unknown = is_silent.then(|| Unknown {
            protocol: Protocol::Ftp,
            why: "vsftpd tells who is connected only with setproctitle_enable=YES in its file"
                .to_owned(),
        });
        Ok((sessions, unknown))
    }

    /// NFS 3 has no sessions: each request stands alone.
    fn nfs3(&self) -> Option<Unknown> {
        let versions = self.root.read("/proc/fs/nfsd/versions").ok()??;
        let speaks = versions.split_whitespace().any(|it| it == "+3");
        speaks.then(|| Unknown {
            protocol: Protocol::Nfs,
            why: "clients of NFS 3 cannot be known: that protocol has no sessions, and what mountd wrote \
                  down of them does not say that they are still there"
                .to_owned(),
        })
    }

    /// Have a process end, if it is still the one that is meant. A descriptor holds on to a
    /// process; its number alone may be another's by the time the signal arrives.
    fn end(&self, session: SessionId, process: Process) -> Result<(), BackendError> {
        let failed = |err: Errno| BackendError::NotEnded {
            session,
            source: err.into(),
        };
        let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw);
        let Some(pid) = pid else {
            return Ok(());
        };
        let held = match pidfd_open(pid, PidfdFlags::empty()) {
            Err(Errno::SRCH) => return Ok(()),
            held => held.map_err(failed)?,
        };
        if processes::started(&self.root, process.pid) != Some(process.started) {
            return Ok(());
        }
        // vsftpd puts off what it is told until it has nothing to read, and then does not do it. It
        // keeps nothing that would be left half done.
        let signal = match session.protocol() {
            Protocol::Ftp => Signal::KILL,
            _ => Signal::TERM,
        };
        match pidfd_send_signal(&held, signal) {
            Err(Errno::SRCH) => Ok(()),
            done => done.map_err(failed),
        }
    }

    /// Have the kernel forget a client, if it is still the one that is meant.
    fn expire(&self, number: u64, client: u64) -> Result<(), BackendError> {
        let Some(info) = self.root.read(format!("{CLIENTS}/{number}/info"))? else {
            return Ok(());
        };
        let is_it =
            |it: &Session| matches!(it.id, SessionId::Nfs { client: id, .. } if id == client);
        match nfs::session(number, &info, "") {
            Ok(it) if is_it(&it) => Ok(self
                .root
                .poke(format!("{CLIENTS}/{number}/ctl"), "expire\n")?),
            _ => Ok(()),
        }
    }
}

impl SessionBackend for SystemSessions {
    fn observe(&self) -> Result<Sessions, BackendError> {
        let mut seen = Sessions::default();
        let mut add = |protocol, told: Result<Vec<Session>, BackendError>| match told {
            Ok(all) => seen.sessions.extend(all),
            Err(err) => seen.unknown.push(Unknown {
                protocol,
                why: chain(&err),
            }),
        };
        add(Protocol::Smb, self.smb());
        add(Protocol::Nfs, self.nfs());
        let (transfers, silent) = self.transfers()?;
        seen.sessions.extend(transfers);
        seen.unknown.extend(silent);
        seen.unknown.extend(self.nfs3());
        seen.sessions.sort_by_key(|it| it.id);
        // Several transfers over one connection are one session.
        seen.sessions.dedup_by_key(|it| it.id);
        Ok(seen)
    }

    fn disconnect(&self, session: SessionId) -> Result<(), BackendError> {
        match session {
            SessionId::Nfs { number, client } => self.expire(number, client),
            SessionId::Smb { process, .. } | SessionId::Ftp(process) | SessionId::Sftp(process) => {
                self.end(session, process)
            }
        }
    }
}
