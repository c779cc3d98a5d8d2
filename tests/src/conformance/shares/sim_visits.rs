//! Clients of the simulation: let in by what its daemons have loaded and its accounts say, and then
//! by the permissions of what is there.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context as _, Result};
use moxnas_shares::{
    access::{
        Answer, Facts, Kind, Machine, Node, PathBackend as _, Protocol, Question, Rule, SharePath,
        Who, Wish, explain,
    },
    accounts::{AccountBackend as _, model::Accounts, plan::Database},
    import::{Format, Source, import},
    model::{Intent, Security, Share, Smb, Squash, Transfer, TransferUser},
    render::{Places, Service},
    sessions::{
        Session, SessionBackend as _, SessionId,
        model::{Connection, Process},
    },
};

use super::{By, Doing, SimShareWorld, TOP, Told, Visit};

/// No daemon answers.
const NOBODY_ANSWERS: &str = "nobody answers";
/// The daemon does not know the user, or not by this password.
const NOT_LET_IN: &str = "not let in";
/// The daemon has no share of this name.
const NO_SHARE: &str = "no such share";
/// The daemon or the kernel says no.
const DENIED: &str = "denied";

impl By {
    fn service(self) -> Service {
        match self {
            By::Smb => Service::Samba,
            By::Ftp => Service::Ftp,
            By::Sftp => Service::Ssh,
            By::Nfs => Service::Nfs,
        }
    }

    fn protocol(self) -> Protocol {
        match self {
            By::Smb => Protocol::Smb,
            By::Ftp => Protocol::Ftp,
            By::Sftp => Protocol::Sftp,
            By::Nfs => Protocol::Nfs,
        }
    }
}

fn no<T>(why: &str) -> Result<Told<T>> {
    Ok(Err(why.to_owned()))
}

impl SimShareWorld {
    pub(super) fn come(&mut self, visit: &Visit) -> Result<Told<String>> {
        if visit.doing == Doing::Leave {
            self.leave(visit)?;
            return Ok(Ok("done".to_owned()));
        }
        let Some(intent) = self.loaded(visit.by)? else {
            return no(NOBODY_ANSWERS);
        };
        let accounts = self.accounts.observe()?;
        if !self.knows(visit, &intent, &accounts) {
            return no(NOT_LET_IN);
        }
        let share = intent.shares.iter().find(|it| is_it(it, visit)).cloned();
        let Some(share) = share else {
            return no(match visit.by {
                By::Smb | By::Nfs => NO_SHARE,
                By::Ftp | By::Sftp => DENIED,
            });
        };
        if visit.by == By::Smb && self.paths.get(share.path.as_str()).is_none() {
            return no(NO_SHARE);
        }
        let facts = |wish: Wish, path: &SharePath| -> Result<Facts> {
            Ok(Facts {
                intent: intent.clone(),
                accounts: accounts.clone(),
                trail: self.paths.trail(&share.path, path, wish.last())?,
                ids: self.paths.ids()?,
            })
        };
        let (wish, name) = match &visit.doing {
            Doing::List | Doing::Stay | Doing::Leave => (Wish::List, ""),
            Doing::Get { file } => (Wish::Read, file.as_str()),
            Doing::Put { file, .. } => (Wish::Write, file.as_str()),
            Doing::Remove { file } => (Wish::Delete, file.as_str()),
            Doing::MakeFolder { folder } => (Wish::Write, folder.as_str()),
        };
        let path: SharePath = name.parse()?;
        let question = Question {
            who: match (&visit.user, visit.by) {
                (Some(user), _) => Who::User(user.parse()?),
                (None, _) => Who::Guest,
            },
            by: visit.by.protocol(),
            from: Some(Machine {
                address: IpAddr::V4(Ipv4Addr::LOCALHOST),
                name: None,
            }),
            security: Security::Sys,
            share: share.name.clone(),
            path: path.clone(),
            wish,
        };
        let explained = explain(&question, &facts(wish, &path)?);
        if explained.answer != Answer::Allowed {
            // A client that is not one of an export's is shown no such folder.
            let by = explained.denied_by().map(|it| it.rule);
            return no(match (visit.by, by) {
                (By::Nfs, Some(Rule::Hosts)) => NO_SHARE,
                _ => DENIED,
            });
        }
        let at = format!("{}/{name}", share.path);
        match &visit.doing {
            Doing::List => Ok(Ok(self.listed(share.path.as_str()))),
            Doing::Get { .. } => {
                let text = self.texts.get(&at).cloned().flatten();
                Ok(Ok(format!("{:?}", text.unwrap_or_default())))
            }
            Doing::Put { text, .. } => {
                self.make(visit, &share, &accounts, &at, Some(text.clone()))?;
                Ok(Ok("done".to_owned()))
            }
            Doing::MakeFolder { .. } => {
                self.make(visit, &share, &accounts, &at, None)?;
                Ok(Ok("done".to_owned()))
            }
            Doing::Remove { .. } => {
                self.texts.remove(&at);
                self.paths.remove(&at);
                Ok(Ok("done".to_owned()))
            }
            Doing::Stay => {
                self.stay(visit, &share);
                Ok(Ok("done".to_owned()))
            }
            Doing::Leave => Ok(Ok("done".to_owned())),
        }
    }

    fn listed(&self, folder: &str) -> String {
        let below = format!("{folder}/");
        let names = self.texts.keys().filter_map(|it| it.strip_prefix(&below));
        let names: Vec<&str> = names.filter(|it| !it.contains('/')).collect();
        match names.is_empty() {
            true => "nothing".to_owned(),
            false => names.join(" "),
        }
    }

    /// What the daemon goes by; `None`: it does not run.
    fn loaded(&self, by: By) -> Result<Option<Intent>> {
        let Some(read) = self.shares.read(by.service()) else {
            return Ok(None);
        };
        let places = Places::default();
        let (path, format) = match by {
            By::Smb => (&places.samba, Format::SmbConf),
            By::Nfs => (&places.exports, Format::Exports),
            By::Ftp | By::Sftp => return self.transfers(by, &read).map(Some),
        };
        let text = read.get(path).map_or("", String::as_str);
        let source = Source { path, format, text };
        Ok(Some(import(&[source], &places).intent))
    }

    /// Who sees what, by what is mounted for them and whom the daemon knows.
    fn transfers(
        &self,
        by: By,
        read: &std::collections::BTreeMap<String, String>,
    ) -> Result<Intent> {
        let places = Places::default();
        let users: Vec<&str> = match by {
            By::Ftp => {
                let text = read.get(&places.vsftpd_allowed);
                text.iter().flat_map(|it| it.lines().skip(1)).collect()
            }
            _ => {
                let text = read.get(&places.sshd);
                let line =
                    text.and_then(|it| it.lines().find_map(|it| it.strip_prefix("Match User ")));
                line.into_iter().flat_map(|it| it.split(',')).collect()
            }
        };
        let mut intent = Intent::default();
        let units = self.shares.read(Service::Systemd).unwrap_or_default();
        for text in units.values() {
            let field = |name: &str| text.lines().find_map(|it| it.strip_prefix(name));
            let (Some(what), Some(at), Some(options)) =
                (field("What="), field("Where="), field("Options="))
            else {
                continue;
            };
            let place = at.strip_prefix(&format!("{}/", places.jails));
            let (user, name) = place.and_then(|it| it.split_once('/')).context("a jail")?;
            if !users.contains(&user) {
                continue;
            }
            let write = !options.split(',').any(|it| it == "ro");
            let user = TransferUser {
                user: user.parse()?,
                write,
            };
            let known = intent.shares.iter().position(|it| it.name.as_str() == name);
            let place = match known {
                Some(place) => place,
                None => {
                    intent.shares.push(Share::new(name.parse()?, what.parse()?));
                    intent.shares.len() - 1
                }
            };
            let share = &mut intent.shares[place];
            let transfer = match by {
                By::Ftp => &mut share.ftp,
                _ => &mut share.sftp,
            };
            transfer
                .get_or_insert_with(Transfer::default)
                .users
                .push(user);
        }
        Ok(intent)
    }

    /// Whether the daemon takes the user for who they say they are.
    fn knows(&self, visit: &Visit, intent: &Intent, accounts: &Accounts) -> bool {
        let password = visit.key.password();
        // Who has to choose another password has no way to do so here.
        let must_change = |by, user: &str| {
            accounts.user(user).is_some_and(|it| match by {
                Database::Samba => it.samba.is_some_and(|it| it.must_change),
                Database::System { .. } => it.must_change,
            })
        };
        let lets_in = |by, user: &str| {
            !must_change(by, user) && self.accounts.lets_in(by, user, password.reveal())
        };
        match (&visit.user, visit.by) {
            (_, By::Nfs) | (None, By::Smb) => true,
            (None, By::Ftp | By::Sftp) => false,
            // Whom Samba does not know is a guest.
            (Some(user), By::Smb) => {
                let known = accounts.user(user).is_some_and(|it| it.samba.is_some());
                !known || lets_in(Database::Samba, user)
            }
            (Some(user), By::Ftp) => {
                let of = intent.shares.iter().filter_map(|it| it.ftp.as_ref());
                let mut named = of.flat_map(|it| &it.users);
                named.any(|it| it.user.as_str() == user) && lets_in(Database::SYSTEM, user)
            }
            (Some(user), By::Sftp) => lets_in(Database::SYSTEM, user),
        }
    }

    /// A file or a folder is made, as the daemon makes it. What is there keeps whose it is.
    fn make(
        &mut self,
        visit: &Visit,
        share: &Share,
        accounts: &Accounts,
        at: &str,
        text: Option<String>,
    ) -> Result<()> {
        if let Some(node) = self.paths.get(at).cloned() {
            self.put(node, text);
            return Ok(());
        }
        let (uid, gid) = as_whom(visit, share, accounts)?;
        let above = self.paths.get(share.path.as_str()).context("no folder")?;
        let is_setgid = above.mode & 0o2000 != 0;
        let gid = if is_setgid { above.gid } else { gid };
        let (kind, mut mode) = match text.is_some() {
            true => (Kind::File, mode_of_file(visit.by, share.smb.as_ref())),
            false => (Kind::Folder, mode_of_folder(visit.by, share.smb.as_ref())),
        };
        if is_setgid && kind == Kind::Folder {
            mode |= 0o2000;
        }
        let node = Node {
            uid,
            gid,
            mode,
            ..Node::new(at, kind)
        };
        self.put(node, text);
        Ok(())
    }

    fn stay(&mut self, visit: &Visit, share: &Share) {
        let process = Process {
            pid: self.next_process,
            started: u64::from(self.next_process),
        };
        let number = u64::from(self.next_process);
        self.next_process += 1;
        let id = match visit.by {
            By::Smb => SessionId::Smb {
                process,
                session: number,
            },
            By::Ftp => SessionId::Ftp(process),
            By::Sftp => SessionId::Sftp(process),
            By::Nfs => SessionId::Nfs {
                number,
                client: number,
            },
        };
        let connection = Connection {
            share: share.name.to_string(),
            since: None,
        };
        let shares = match visit.by {
            By::Smb => vec![connection],
            By::Ftp | By::Sftp | By::Nfs => Vec::new(),
        };
        let user = match visit.by {
            By::Nfs => None,
            _ => visit.user.clone(),
        };
        self.sessions.connect(Session {
            user,
            shares,
            ..Session::new(id)
        });
    }

    fn leave(&mut self, visit: &Visit) -> Result<()> {
        let all = self.sessions.observe()?.sessions.into_iter();
        let is_same = |it: &Session| {
            it.id
                .protocol()
                .word()
                .eq_ignore_ascii_case(visit.by.word())
        };
        let theirs = all.filter(is_same);
        for it in theirs.filter(|it| it.user == visit.user || visit.by == By::Nfs) {
            self.sessions.disconnect(it.id)?;
        }
        Ok(())
    }
}

/// SMB and SFTP know shares by name, NFS by their folders.
fn is_it(share: &Share, visit: &Visit) -> bool {
    match visit.by {
        By::Nfs => share.path.as_str() == format!("{TOP}/{}", visit.share),
        By::Smb => share.name.as_str().eq_ignore_ascii_case(&visit.share),
        By::Ftp | By::Sftp => share.name.as_str() == visit.share,
    }
}

/// As whom a daemon makes files.
fn as_whom(visit: &Visit, share: &Share, accounts: &Accounts) -> Result<(u32, u32)> {
    let numbers = |name: &str| -> Result<(u32, u32)> {
        let user = accounts.user(name).context("no such user")?;
        Ok((user.uid, user.gid))
    };
    let asker = visit.user.as_deref().unwrap_or("nobody");
    match visit.by {
        By::Smb => {
            let smb = share.smb.clone().unwrap_or_default();
            let forced = smb.force_user.as_ref().map(|it| it.as_str());
            let known = accounts.user(asker).is_some_and(|it| it.samba.is_some());
            let asker = if known { asker } else { "nobody" };
            let (uid, gid) = numbers(forced.unwrap_or(asker))?;
            let group = smb.force_group.as_ref();
            let group = group.and_then(|it| accounts.group(it.as_str()));
            Ok((uid, group.map_or(gid, |it| it.gid)))
        }
        By::Nfs => {
            let rules = share.nfs.as_ref().map_or(&[][..], |it| &it.clients);
            let squash = rules.first().map_or(Squash::Root, |it| it.options.squash);
            let (uid, gid) = numbers(asker)?;
            Ok(match (squash, uid) {
                (Squash::All, _) | (Squash::Root, 0) => (65534, 65534),
                _ => (uid, gid),
            })
        }
        By::Ftp | By::Sftp => numbers(asker),
    }
}

/// smbd gives what it makes the mark of the archive, which is that of its owner to run it; curl
/// asks for 0644 by SFTP.
fn mode_of_file(by: By, smb: Option<&Smb>) -> u32 {
    match by {
        By::Smb => {
            let mask = smb.and_then(|it| it.create_mask);
            0o766 & mask.map_or(0o744, |it| u32::from(it.bits()))
        }
        By::Ftp => 0o660,
        By::Sftp => 0o640,
        By::Nfs => 0o644,
    }
}

fn mode_of_folder(by: By, smb: Option<&Smb>) -> u32 {
    match by {
        By::Smb => {
            let mask = smb.and_then(|it| it.directory_mask);
            0o777 & mask.map_or(0o755, |it| u32::from(it.bits()))
        }
        By::Ftp | By::Sftp => 0o770,
        By::Nfs => 0o755,
    }
}
