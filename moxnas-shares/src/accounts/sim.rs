//! Accounts of a machine that is not there.
//!
//! `/etc/passwd`, `/etc/group`, `/etc/shadow` and our record are files of the [`SimMachine`], read
//! as those of a real one are; what Samba keeps is beside them. All of it survives a power cut. It
//! obeys: whether a step is wise was settled by the planner.
//!
//! Faults are those of the machine: a step fails, hangs, does nothing and says so not, or is not
//! reached as power is cut before it. Never injected: a password that is set in one database and
//! not in the other, which the contract of [`AccountBackend`] rules out; [`SimAccounts::passwd`]
//! does it from outside.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::UNIX_EPOCH,
};

use moxnas_core::{
    clock::Clock,
    sim::{Fault, SimMachine, SimState},
};

use super::{
    AccountBackend, BackendError, Day, KEYS_FOLDER, RECORD_FILE, Record, Secret, Step, key,
    model::{Accounts, Password, SambaUser},
    plan::Database,
    real::parse::{self, GROUP, GroupLine, PASSWD, PasswdLine, SHADOW, SHELLS, ShadowLine},
};
use crate::model::{GroupName, UserName};

/// What Debian begins with, as far as it matters.
const FILES: [(&str, &str); 4] = [
    (
        PASSWD,
        "root:x:0:0:root:/root:/bin/bash\n\
         daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n\
         nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    ),
    (
        SHADOW,
        "root:*:20000:0:99999:7:::\n\
         daemon:*:20000:0:99999:7:::\n\
         nobody:*:20000:0:99999:7:::\n",
    ),
    (
        GROUP,
        "root:x:0:\ndaemon:x:1:\ndisk:x:6:\nsudo:x:27:\nshadow:x:42:\nusers:x:100:\nnogroup:x:65534:\n",
    ),
    (SHELLS, "# /etc/shells\n/bin/sh\n/bin/bash\n"),
];

/// Where useradd(8) says that users live, if nobody says anything else.
const HOMES: &str = "/home";

/// Accounts of a [`SimMachine`].
#[derive(Debug)]
pub struct SimAccounts {
    machine: Arc<SimMachine>,
    kept: Mutex<Kept>,
}

/// What is in no file.
#[derive(Debug)]
struct Kept {
    /// What Samba knows; `None`: it is not installed.
    samba: Option<BTreeMap<String, SambaEntry>>,
    /// The passwords of the system.
    passwords: BTreeMap<UserName, Secret>,
}

#[derive(Clone, Debug)]
struct SambaEntry {
    user: SambaUser,
    password: Option<Secret>,
}

/// The files, taken apart.
struct Tables {
    passwd: Vec<PasswdLine>,
    shadow: Vec<ShadowLine>,
    group: Vec<GroupLine>,
}

impl SimAccounts {
    /// The accounts of the machine, with Samba.
    #[must_use]
    pub fn new(machine: Arc<SimMachine>) -> SimAccounts {
        SimAccounts::made(machine, Some(BTreeMap::new()))
    }

    /// The same, and Samba is not installed.
    #[must_use]
    pub fn without_samba(machine: Arc<SimMachine>) -> SimAccounts {
        SimAccounts::made(machine, None)
    }

    fn made(machine: Arc<SimMachine>, samba: Option<BTreeMap<String, SambaEntry>>) -> SimAccounts {
        let mut state = machine.state();
        for (path, text) in FILES {
            let file = state.files.entry(path.to_owned());
            file.or_insert_with(|| text.to_owned());
        }
        drop(state);
        let kept = Mutex::new(Kept {
            samba,
            passwords: BTreeMap::new(),
        });
        SimAccounts { machine, kept }
    }

    /// Whether somebody who types this is let in: over SMB, or by sshd and vsftpd. Whether another
    /// password is wanted does not matter.
    #[must_use]
    pub fn lets_in(&self, by: Database, user: &str, password: &str) -> bool {
        let Ok(seen) = self.observe() else {
            return false;
        };
        let Some(account) = seen.user(user) else {
            return false;
        };
        let kept = self.kept();
        let fits = |it: Option<&Secret>| it.is_some_and(|it| it.reveal() == password);
        let is_over = |day: Option<Day>| day.is_some_and(|it| self.today() >= it.number());
        match by {
            Database::System { .. } => {
                let is_open = account.password == Password::Set && !is_over(account.expires);
                is_open && fits(kept.passwords.get(&account.name))
            }
            Database::Samba => {
                let entry = kept.samba.as_ref().and_then(|it| it.get(user));
                entry.is_some_and(|it| {
                    let is_open = !it.user.is_disabled && !is_over(it.user.expires);
                    is_open && fits(it.password.as_ref())
                })
            }
        }
    }

    /// What `passwd USER` does: another password in the system, and in nothing else.
    pub fn passwd(&self, user: &UserName, password: &Secret) {
        let mut state = self.machine.state();
        let mut tables = Tables::load(&state);
        if let Some(line) = tables.shadow.iter_mut().find(|it| it.name == *user) {
            line.password = Password::Set;
        }
        tables.store(&mut state);
        drop(state);
        let password = password.clone();
        self.kept().passwords.insert(user.clone(), password);
    }

    /// What `useradd --user-group --uid NUMBER USER` does: a user without a password, whom nothing
    /// has in its care.
    pub fn useradd(&self, user: &UserName, uid: u32) {
        let mut state = self.machine.state();
        let mut tables = Tables::load(&state);
        tables.passwd.push(PasswdLine {
            name: user.clone(),
            password: None,
            uid,
            gid: uid,
            gecos: String::new(),
            home: format!("{HOMES}/{user}"),
            shell: "/bin/sh".to_owned(),
        });
        tables.shadow.push(ShadowLine {
            name: user.clone(),
            password: Password::Unset,
            changed: Some(self.today()),
            expires: None,
        });
        if let Ok(name) = user.as_str().parse::<GroupName>() {
            tables.group.push(GroupLine {
                name,
                gid: uid,
                members: Vec::new(),
            });
        }
        tables.store(&mut state);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().expect("no holder of this lock panics")
    }

    fn today(&self) -> u32 {
        let passed = self.machine.now().duration_since(UNIX_EPOCH);
        let days = passed.map_or(0, |it| it.as_secs() / 86_400);
        u32::try_from(days).unwrap_or(u32::MAX)
    }

    /// Whether a step does nothing and says nothing of it; an error if something else strikes it.
    fn is_struck(&self, step: &Step) -> Result<bool, BackendError> {
        let text = step.to_string();
        let fault = self.machine.state().take_fault(&text);
        let injected = |why: &str| Err(BackendError::Injected(format!("`{text}` {why}")));
        match fault {
            None => Ok(false),
            Some(Fault::StepLies { .. }) => Ok(true),
            Some(Fault::StepFails { .. }) => injected("failed: the simulation was told so"),
            Some(Fault::StepHangs { .. }) => injected("was stopped after 30s"),
            Some(Fault::PowerCut { .. }) => {
                self.machine.power_cut();
                injected("was not reached: power was cut")
            }
        }
    }

    fn perform(&self, step: &Step) -> Result<(), BackendError> {
        // chage(1) takes day 0 for another thing.
        let today = self.today().max(1);
        let mut state = self.machine.state();
        let mut kept = self.kept();
        let mut tables = Tables::load(&state);
        tables.perform(&mut kept, today, step)?;
        tables.store(&mut state);
        if matches!(step, Step::NoteUser { .. } | Step::NoteGroup { .. }) {
            let mut record = record(&state)?;
            record.note(step);
            state.files.insert(RECORD_FILE.to_owned(), record.render());
        }
        if let Step::SetKeys { user, keys } = step {
            let file = format!("{KEYS_FOLDER}/{user}");
            match keys.is_empty() {
                true => state.files.remove(&file),
                false => state.files.insert(file, key::render(keys)),
            };
        }
        Ok(())
    }
}

fn record(state: &SimState) -> Result<Record, BackendError> {
    let text = state.files.get(RECORD_FILE);
    Ok(text.map_or_else(|| Ok(Record::default()), |it| Record::parse(it))?)
}

impl Tables {
    fn load(state: &SimState) -> Tables {
        let text = |path| state.files.get(path).map_or("", String::as_str);
        Tables {
            passwd: parse::passwd(text(PASSWD)).items,
            shadow: parse::shadow(text(SHADOW)).items,
            group: parse::group(text(GROUP)).items,
        }
    }

    fn store(&self, state: &mut SimState) {
        fn text<T: ToString>(lines: &[T]) -> String {
            lines.iter().map(|it| it.to_string() + "\n").collect()
        }
        let texts = [
            (PASSWD, text(&self.passwd)),
            (SHADOW, text(&self.shadow)),
            (GROUP, text(&self.group)),
        ];
        for (path, text) in texts {
            state.files.insert(path.to_owned(), text);
        }
    }

    fn user(&mut self, name: &UserName) -> Result<&mut PasswdLine, BackendError> {
        let found = self.passwd.iter_mut().find(|it| it.name == *name);
        found.ok_or_else(|| no_such(name.as_str()))
    }

    fn shadow(&mut self, name: &UserName) -> Result<&mut ShadowLine, BackendError> {
        let found = self.shadow.iter_mut().find(|it| it.name == *name);
        found.ok_or_else(|| no_such(name.as_str()))
    }

    fn group(&mut self, name: &GroupName) -> Result<&mut GroupLine, BackendError> {
        let found = self.group.iter_mut().find(|it| it.name == *name);
        found.ok_or_else(|| no_such(name.as_str()))
    }

    fn perform(&mut self, kept: &mut Kept, today: u32, step: &Step) -> Result<(), BackendError> {
        match step {
            Step::NoteUser { .. } | Step::NoteGroup { .. } | Step::SetKeys { .. } => (),
            Step::CreateGroup { group, gid } => self.group.push(GroupLine {
                name: group.clone(),
                gid: *gid,
                members: Vec::new(),
            }),
            Step::DeleteGroup { group } => self.group.retain(|it| it.name != *group),
            Step::CreateUser {
                user,
                uid,
                gid,
                full_name,
                home,
                shell,
            } => {
                self.passwd.push(PasswdLine {
                    name: user.clone(),
                    password: None,
                    uid: *uid,
                    gid: *gid,
                    gecos: full_name.to_string(),
                    home: home.clone(),
                    shell: shell.clone(),
                });
                self.shadow.push(ShadowLine {
                    name: user.clone(),
                    password: Password::Unset,
                    changed: Some(today),
                    expires: Some(Day::DISABLED),
                });
            }
            Step::ChangeUser {
                user,
                full_name,
                home,
                shell,
            } => {
                let line = self.user(user)?;
                line.gecos = full_name
                    .as_ref()
                    .map_or(line.gecos.clone(), ToString::to_string);
                line.home = home.clone().unwrap_or(line.home.clone());
                line.shell = shell.clone().unwrap_or(line.shell.clone());
            }
            Step::DeleteUser { user } => {
                self.delete(user)?;
                kept.passwords.remove(user);
            }
            Step::AddMember { group, user } => self.group(group)?.members.push(user.clone()),
            Step::RemoveMember { group, user } => {
                self.group(group)?.members.retain(|it| it != user);
            }
            Step::Enable {
                user,
                database: Database::System { unlock },
                expires,
            } => {
                let line = self.shadow(user)?;
                line.expires = *expires;
                if *unlock && line.password == Password::Locked {
                    line.password = Password::Set;
                }
            }
            Step::Disable {
                user,
                database: Database::System { .. },
            } => {
                let line = self.shadow(user)?;
                line.expires = Some(Day::DISABLED);
                line.password = locked(line.password);
            }
            Step::Expire {
                user,
                database: Database::System { .. },
                on,
            } => self.shadow(user)?.expires = *on,
            Step::ForceChange {
                user,
                database: Database::System { .. },
            } => self.shadow(user)?.changed = Some(0),
            Step::SetPassword {
                user,
                password,
                samba,
            } => {
                // In all or in none: whether it can be is found out first.
                let entry = samba.then(|| kept.entry(user.as_str())).transpose()?;
                let line = self.shadow(user)?;
                let is_out = line.expires == Some(Day::DISABLED);
                line.password = match line.password == Password::Locked || is_out {
                    true => Password::Locked,
                    false => Password::Set,
                };
                line.changed = Some(today);
                if let Some(entry) = entry {
                    entry.password = Some(password.clone());
                    entry.user.must_change = false;
                    let is_out = entry.user.expires == Some(Day::DISABLED);
                    if entry.user.is_disabled || is_out {
                        entry.user = SambaUser {
                            must_change: false,
                            ..OUT
                        };
                    }
                }
                kept.passwords.insert(user.clone(), password.clone());
            }
            Step::AddToSamba { user } => {
                self.user(user)?;
                let name = user.as_str().to_ascii_lowercase();
                let entry = SambaEntry {
                    user: OUT,
                    password: None,
                };
                kept.entries()?.insert(name, entry);
            }
            Step::RemoveFromSamba { user } => {
                let gone = kept.entries()?.remove(&user.to_ascii_lowercase());
                gone.ok_or_else(|| no_such(user))?;
            }
            Step::Enable {
                user,
                database: Database::Samba,
                expires,
            } => {
                let entry = kept.entry(user.as_str())?;
                entry.user.is_disabled = false;
                entry.user.expires = *expires;
            }
            Step::Disable {
                user,
                database: Database::Samba,
            } => {
                let entry = kept.entry(user.as_str())?;
                entry.user.is_disabled = true;
                entry.user.expires = Some(Day::DISABLED);
            }
            Step::Expire {
                user,
                database: Database::Samba,
                on,
            } => kept.entry(user.as_str())?.user.expires = *on,
            Step::ForceChange {
                user,
                database: Database::Samba,
            } => kept.entry(user.as_str())?.user.must_change = true,
        }
        Ok(())
    }

    /// As userdel(8) does: memberships go, and the group of the same name with them if it is nobody
    /// else's.
    fn delete(&mut self, user: &UserName) -> Result<(), BackendError> {
        let gid = self.user(user)?.gid;
        self.passwd.retain(|it| it.name != *user);
        self.shadow.retain(|it| it.name != *user);
        for group in &mut self.group {
            group.members.retain(|it| it != user);
        }
        let is_used = self.passwd.iter().any(|it| it.gid == gid);
        self.group.retain(|it| {
            let is_own = it.name.as_str() == user.as_str() && it.gid == gid;
            !is_own || is_used || !it.members.is_empty()
        });
        Ok(())
    }
}

/// An entry of Samba that was just made.
const OUT: SambaUser = SambaUser {
    is_disabled: true,
    expires: Some(Day::DISABLED),
    must_change: true,
};

fn locked(password: Password) -> Password {
    match password {
        Password::Set | Password::Locked => Password::Locked,
        Password::Unset | Password::Open => Password::Unset,
    }
}

impl Kept {
    fn entries(&mut self) -> Result<&mut BTreeMap<String, SambaEntry>, BackendError> {
        let missing = || BackendError::Injected("Samba is not installed".to_owned());
        self.samba.as_mut().ok_or_else(missing)
    }

    fn entry(&mut self, user: &str) -> Result<&mut SambaEntry, BackendError> {
        let entry = self.entries()?.get_mut(&user.to_ascii_lowercase());
        entry.ok_or_else(|| no_such(user))
    }
}

fn no_such(name: &str) -> BackendError {
    BackendError::Injected(format!("{name} does not exist"))
}

impl AccountBackend for SimAccounts {
    fn observe(&self) -> Result<Accounts, BackendError> {
        let state = self.machine.state();
        let file = |path| state.files.get(path).ok_or(BackendError::NoFile(path));
        let seen = parse::accounts(file(PASSWD)?, file(SHADOW)?, file(GROUP)?, file(SHELLS)?);
        let record = record(&state)?;
        let kept = self.kept();
        let samba = kept.samba.as_ref().map(|it| {
            let entries = it.iter();
            entries.map(|(name, it)| (name.clone(), it.user)).collect()
        });
        let keys = state.files.iter().filter_map(|(path, text)| {
            let name = path.strip_prefix(KEYS_FOLDER)?.strip_prefix('/')?;
            Some((name, text.as_str()))
        });
        Ok(seen.assemble(samba, record).with_keys(keys))
    }

    fn apply(&self, step: &Step) -> Result<(), BackendError> {
        match self.is_struck(step)? {
            true => Ok(()),
            false => self.perform(step),
        }
    }
}
