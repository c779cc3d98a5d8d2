//! The real machine: the programs of the package passwd, and those of Samba.

pub mod argv;
pub mod parse;

use std::sync::Arc;

use jiff::tz::TimeZone;
use moxnas_core::{
    chain::chain,
    cmd::{Cause, Cmd, CmdError, Output, Runner, SystemRunner},
    root::Root,
};

use super::{
    AccountBackend, BackendError, Day, KEYS_FOLDER, RECORD_FILE, Record, Secret, SshKey, Step,
    effect::shows,
    key,
    model::{Accounts, Password},
};
use crate::model::UserName;

/// userdel(8): processes of the user are running.
const LOGGED_IN: i32 = 8;

/// Accounts of a real machine.
pub struct SystemAccounts {
    root: Root,
    runner: Arc<dyn Runner>,
}

impl SystemAccounts {
    /// This machine.
    #[must_use]
    pub fn system() -> SystemAccounts {
        SystemAccounts::new(Root::system(), Arc::new(SystemRunner))
    }

    /// A machine whose files are below `root` and whose programs `runner` starts.
    #[must_use]
    pub fn new(root: Root, runner: Arc<dyn Runner>) -> SystemAccounts {
        SystemAccounts { root, runner }
    }

    /// Run a program. What was fed to it may be a password, and must not be in an error.
    fn run(&self, mut cmd: Cmd) -> Result<Output, CmdError> {
        let done = self.runner.run(&cmd);
        cmd.stdin.fill(0);
        done.map_err(|mut err| {
            err.cmd.stdin.fill(0);
            err.cmd.stdin.clear();
            err
        })
    }

    fn file(&self, path: &'static str) -> Result<String, BackendError> {
        let text = self.root.read(path)?;
        text.ok_or(BackendError::NoFile(path))
    }

    fn record(&self) -> Result<Record, BackendError> {
        let text = self.root.read(RECORD_FILE)?;
        Ok(text.map_or_else(|| Ok(Record::default()), |it| Record::parse(&it))?)
    }

    fn note(&self, step: &Step) -> Result<(), BackendError> {
        let mut record = self.record()?;
        record.note(step);
        Ok(self
            .root
            .replace(RECORD_FILE, record.render().as_bytes(), 0o600)?)
    }

    /// In all databases or in none. The system is asked first: PAM may have more to say about a
    /// password, and what was in `/etc/shadow` can be put back, while nothing puts back what Samba
    /// had without showing its hash.
    fn set_password(
        &self,
        user: &UserName,
        password: &Secret,
        samba: bool,
    ) -> Result<(), BackendError> {
        let seen = self.observe()?;
        let before = parse::shadow_field(&self.file(parse::SHADOW)?, user);
        let Some((before, account)) = before.zip(seen.user(user.as_str())) else {
            return Err(BackendError::NotDone(format!("look for {user}")));
        };
        let stays_locked =
            account.password == Password::Locked || account.expires == Some(Day::DISABLED);
        let in_samba = account.samba.filter(|_| samba);
        let stays_out = in_samba.filter(|it| it.is_disabled || it.expires == Some(Day::DISABLED));
        if stays_out.is_some() {
            // smbpasswd(8) takes the mark away and leaves the expiry.
            self.run(argv::disable_in_samba(user))?;
        }
        let set = || -> Result<(), BackendError> {
            self.run(argv::set_in_system(user, password))?;
            if stays_locked {
                self.run(argv::lock(user))?;
            }
            if samba {
                self.run(argv::set_in_samba(user, password))?;
            }
            Ok(())
        };
        set().map_err(|source| self.put_back(user, before, source))?;
        if stays_out.is_some() {
            self.run(argv::disable_in_samba(user))?;
        }
        Ok(())
    }

    /// The former password, in place of the new one, if that came so far. Gives the error that was
    /// the reason.
    fn put_back(
        &self,
        user: &UserName,
        before: (Secret, i64),
        source: BackendError,
    ) -> BackendError {
        let now = self.file(parse::SHADOW);
        let now = now.ok().and_then(|it| parse::shadow_field(&it, user));
        if now.as_ref() == Some(&before) {
            return source;
        }
        let (field, changed) = before;
        for cmd in argv::put_back(user, &field, changed) {
            if let Err(err) = self.run(cmd) {
                return BackendError::HalfChanged {
                    user: user.to_string(),
                    why: chain(&err),
                    source: Box::new(source),
                };
            }
        }
        source
    }

    fn set_keys(&self, user: &UserName, keys: &[SshKey]) -> Result<(), BackendError> {
        let file = format!("{KEYS_FOLDER}/{user}");
        match keys.is_empty() {
            true => self.root.remove(file)?,
            // sshd reads it as the user.
            false => self
                .root
                .replace(file, key::render(keys).as_bytes(), 0o644)?,
        }
        Ok(())
    }

    /// The files of keys, by user.
    fn keys(&self) -> Result<Vec<(String, String)>, BackendError> {
        let mut all = Vec::new();
        for name in self.root.list(KEYS_FOLDER)? {
            let text = self.root.read(format!("{KEYS_FOLDER}/{name}"))?;
            all.extend(text.map(|it| (name, it)));
        }
        Ok(all)
    }

    fn perform(&self, step: &Step) -> Result<(), BackendError> {
        match step {
            Step::NoteUser { .. } | Step::NoteGroup { .. } => return self.note(step),
            Step::SetPassword {
                user,
                password,
                samba,
            } => return self.set_password(user, password, *samba),
            Step::SetKeys { user, keys } => return self.set_keys(user, keys),
            // userdel(8) takes the group of the same name along.
            Step::DeleteGroup { .. } if shows(&self.observe()?, step) => return Ok(()),
            _ => (),
        }
        for cmd in argv::argv(step) {
            self.run(cmd).map_err(|err| failed(step, err))?;
        }
        Ok(())
    }
}

fn failed(step: &Step, err: CmdError) -> BackendError {
    match (step, &err.cause) {
        (Step::DeleteUser { user }, Cause::Exit { status, .. }) if *status == LOGGED_IN => {
            BackendError::LoggedIn {
                user: user.to_string(),
                source: err,
            }
        }
        _ => err.into(),
    }
}

impl AccountBackend for SystemAccounts {
    fn observe(&self) -> Result<Accounts, BackendError> {
        let shells = self.root.read(parse::SHELLS)?.unwrap_or_default();
        let mut seen = parse::accounts(
            &self.file(parse::PASSWD)?,
            &self.file(parse::SHADOW)?,
            &self.file(parse::GROUP)?,
            &shells,
        );
        let samba = match self.run(argv::look()) {
            Ok(said) => {
                let (samba, errors) = parse::samba(&said.text(), &TimeZone::system());
                seen.errors.extend(errors);
                Some(samba)
            }
            Err(err) if matches!(err.cause, Cause::Missing(_)) => None,
            Err(err) => return Err(err.into()),
        };
        let keys = self.keys()?;
        let keys = keys.iter().map(|(name, it)| (name.as_str(), it.as_str()));
        Ok(seen.assemble(samba, self.record()?).with_keys(keys))
    }

    fn apply(&self, step: &Step) -> Result<(), BackendError> {
        self.perform(step)?;
        match shows(&self.observe()?, step) {
            true => Ok(()),
            false => Err(BackendError::NotDone(step.to_string())),
        }
    }
}
