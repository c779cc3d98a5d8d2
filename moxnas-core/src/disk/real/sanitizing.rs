//! Asking a disk how it can erase itself, and telling it to.

use std::{collections::BTreeSet, fs::File, io, time::Duration};

use super::{
    super::{
        CommandBlock, DeviceId, Language, Sanitize, SanitizeMethod, SanitizeState, WorkError,
        sanitize as commands,
    },
    passthrough::{Reply, send},
};

/// A disk that can be talked to.
#[derive(Debug)]
pub(super) struct Talk<'a> {
    pub(super) file: &'a File,
    pub(super) disk: &'a DeviceId,
    pub(super) language: Language,
}

impl Talk<'_> {
    fn say(&self, block: &CommandBlock) -> Result<Reply, WorkError> {
        send(self.file, block).map_err(|cause| WorkError::Io {
            verb: "asked",
            disk: self.disk.clone(),
            cause,
        })
    }

    /// What it can, and whether it does.
    pub(super) fn ask(&self) -> Result<Sanitize, WorkError> {
        match self.language {
            Language::Nvme => self.ask_nvme(),
            Language::Ata => self.ask_ata(),
            Language::Scsi => self.ask_scsi(),
        }
    }

    /// Have it begin. It works on by itself.
    pub(super) fn begin(&self, block: &CommandBlock) -> Result<(), WorkError> {
        let reply = self.say(block)?;
        let refused = |why: String| WorkError::Refused {
            disk: self.disk.clone(),
            why,
        };
        match self.language {
            Language::Nvme if reply.status != 0 => {
                Err(refused(format!("status {:#06x}", reply.status)))
            }
            Language::Scsi if reply.status != 0 => Err(refused(sense_words(&reply.sense))),
            // The registers come back as sense data also when all is well.
            Language::Ata => match commands::ata_state(&reply.sense) {
                Some(SanitizeState::Failed | SanitizeState::Frozen) | None => {
                    Err(refused(sense_words(&reply.sense)))
                }
                Some(_) => Ok(()),
            },
            Language::Nvme | Language::Scsi => Ok(()),
        }
    }

    fn can(
        &self,
        methods: BTreeSet<SanitizeMethod>,
        time: impl Fn(SanitizeMethod) -> Option<Duration>,
        state: SanitizeState,
    ) -> Sanitize {
        if methods.is_empty() {
            return cannot("it does not have the feature");
        }
        Sanitize::Can {
            methods: methods.into_iter().map(|it| (it, time(it))).collect(),
            language: self.language,
            state,
        }
    }

    fn ask_nvme(&self) -> Result<Sanitize, WorkError> {
        let identify = self.say(&commands::nvme_identify())?;
        if identify.status != 0 {
            return Ok(cannot("it does not say what it can"));
        }
        let methods = commands::nvme_methods(&identify.data);
        if methods.is_empty() {
            return Ok(cannot("it does not have the feature: SANICAP is 0"));
        }
        let log = self.say(&commands::nvme_status())?;
        let state = commands::nvme_state(&log.data).filter(|_| log.status == 0);
        let Some(state) = state else {
            return Ok(cannot("it has no log page of it"));
        };
        let time = |it| commands::nvme_time(&log.data, it);
        Ok(self.can(methods, time, state))
    }

    fn ask_ata(&self) -> Result<Sanitize, WorkError> {
        let identify = self.say(&commands::ata_identify())?;
        let methods = commands::ata_methods(&identify.data);
        if identify.status != 0 || methods.is_empty() {
            return Ok(cannot(
                "it does not have the feature: word 59 of IDENTIFY DEVICE says so",
            ));
        }
        let status = self.say(&commands::ata_status())?;
        let Some(state) = commands::ata_state(&status.sense) else {
            return Ok(cannot("its controller does not hand on its answers"));
        };
        Ok(self.can(methods, |_| None, state))
    }

    fn ask_scsi(&self) -> Result<Sanitize, WorkError> {
        let sense = self.say(&commands::scsi_status())?;
        let state = commands::scsi_state(&sense.data).unwrap_or(SanitizeState::Idle);
        let mut methods = BTreeSet::new();
        for method in SanitizeMethod::ALL {
            let reply = self.say(&commands::scsi_supports(method))?;
            if reply.status == 0 && commands::scsi_is_supported(&reply.data) {
                methods.insert(method);
            }
        }
        if methods.is_empty() && matches!(state, SanitizeState::Running { .. }) {
            // While it does, it may answer nothing else.
            methods.extend(SanitizeMethod::ALL);
        }
        if methods.is_empty() {
            return Ok(cannot("it does not know the command SANITIZE"));
        }
        Ok(self.can(methods, |_| None, state))
    }
}

fn cannot(because: &str) -> Sanitize {
    Sanitize::Cannot {
        because: because.to_owned(),
    }
}

/// Sense key and codes, of either format.
fn sense_words(sense: &[u8]) -> String {
    let at = |index: usize| sense.get(index).copied().unwrap_or(0);
    match at(0) & 0x7f {
        0x72 | 0x73 => format!(
            "sense key {:x}, codes {:02x}/{:02x}",
            at(1) & 0xf,
            at(2),
            at(3)
        ),
        0 => "it gave no reason".to_owned(),
        _ => format!(
            "sense key {:x}, codes {:02x}/{:02x}",
            at(2) & 0xf,
            at(12),
            at(13)
        ),
    }
}

/// A disk that cannot be talked to at all.
pub(super) fn no_language(why: &str) -> Sanitize {
    cannot(why)
}

/// A disk that says "no such command" at once is one that cannot.
pub(super) fn is_no_such_command(cause: &io::Error) -> bool {
    use nix::libc::{EINVAL, ENOTTY, EOPNOTSUPP};
    matches!(cause.raw_os_error(), Some(ENOTTY | EINVAL | EOPNOTSUPP))
}
