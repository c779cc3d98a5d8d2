//! Sessions on a simulated machine: they go when their daemon ends, as on [`SimShares`], and when
//! they are disconnected. Nobody comes back by himself.
//!
//! The faults are those of the [machine](moxnas_core::sim), by the text of a step.

use std::sync::{Arc, Mutex};

use moxnas_core::sim::Fault;

use super::{
    backend::{BackendError, SessionBackend},
    model::{Protocol, Session, SessionId, Sessions},
    plan::Step,
};
use crate::{render::Service, sim::SimShares};

/// Sessions of a simulated machine.
pub struct SimSessions {
    shares: Arc<SimShares>,
    known: Mutex<Vec<Session>>,
}

impl SimSessions {
    /// A machine to which nobody is connected.
    #[must_use]
    pub fn new(shares: Arc<SimShares>) -> SimSessions {
        SimSessions {
            shares,
            known: Mutex::default(),
        }
    }

    /// Let somebody connect, if the daemon runs.
    pub fn connect(&self, session: Session) {
        let service = service(session.id.protocol());
        self.shares.connect(service, &session.id.to_string());
        let mut known = self.known.lock().expect("no holder of this lock panics");
        known.push(session);
    }
}

fn service(protocol: Protocol) -> Service {
    match protocol {
        Protocol::Smb => Service::Samba,
        Protocol::Nfs => Service::Nfs,
        Protocol::Ftp => Service::Ftp,
        Protocol::Sftp => Service::Ssh,
    }
}

impl SessionBackend for SimSessions {
    fn observe(&self) -> Result<Sessions, BackendError> {
        let mut known = self.known.lock().expect("no holder of this lock panics");
        known.retain(|it| {
            let held = self.shares.sessions(service(it.id.protocol()));
            held.contains(&it.id.to_string())
        });
        known.sort_by_key(|it| it.id);
        Ok(Sessions {
            sessions: known.clone(),
            unknown: Vec::new(),
        })
    }

    fn disconnect(&self, session: SessionId) -> Result<(), BackendError> {
        let text = Step { session }.to_string();
        let machine = self.shares.machine();
        let fault = machine.state().take_fault(&text);
        match fault {
            Some(Fault::StepLies { .. }) => return Ok(()),
            Some(Fault::PowerCut { .. }) => machine.power_cut(),
            Some(_) => {
                let why = format!("`{text}` failed: the simulation was told so");
                return Err(BackendError::Injected(why));
            }
            None => (),
        }
        // A process of smbd takes all with it that log in by its connection.
        let known = self.known.lock().expect("no holder of this lock panics");
        let goes = known.iter().filter(|it| match (it.id, session) {
            (SessionId::Smb { process: a, .. }, SessionId::Smb { process: b, .. }) => a == b,
            (a, b) => a == b,
        });
        for it in goes {
            let service = service(it.id.protocol());
            self.shares.hang_up(service, &it.id.to_string());
        }
        Ok(())
    }
}
