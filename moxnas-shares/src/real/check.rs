//! What daemons would read, laid out where none of them looks, and gone over by their own programs.

use std::{cell::RefCell, collections::BTreeSet, net::TcpListener};

use moxnas_core::{
    cmd::{Cause, Runner},
    root::Root,
};

use super::{
    argv, harmless,
    probe::{READY, banner},
};
use crate::{
    backend::BackendError,
    plan::{FileChange, includes},
    render::{Places, Service},
    vsftpd_conf,
};

/// Only root can read what lies there, and it goes when it was checked.
pub(super) struct Scratch<'a> {
    root: &'a Root,
    runner: &'a dyn Runner,
    places: &'a Places,
    written: Vec<String>,
}

impl<'a> Scratch<'a> {
    pub(super) fn new(root: &'a Root, runner: &'a dyn Runner, places: &'a Places) -> Scratch<'a> {
        Scratch {
            root,
            runner,
            places,
            written: Vec::new(),
        }
    }

    pub(super) fn check(
        mut self,
        service: Service,
        changes: &[FileChange],
    ) -> Result<(), BackendError> {
        match service {
            Service::Samba => self.samba(changes),
            Service::Ftp => self.ftp(changes),
            Service::Ssh => {
                // Its unit makes this folder when it is started; without it the checker does not even begin.
                self.root.make_folder("/run/sshd")?;
                self.whole(service, changes, argv::sshd, |text| text.to_owned())
            }
            Service::Web => self.whole(service, changes, argv::nginx, |text| {
                format!("error_log stderr;\nevents {{}}\nhttp {{\n{text}\n}}\n")
            }),
            Service::Systemd => self.units(changes),
            // exportfs(8) has no way to go over a file without doing what it says. What it complains of when
            // it does brings the old file back.
            Service::Nfs => Ok(()),
        }
    }

    /// Write a file into the folder; where it lies for a program.
    fn write(&mut self, name: &str, text: &str) -> Result<String, BackendError> {
        let path = format!("{}/{name}", self.places.scratch);
        self.root.replace(&path, text.as_bytes(), 0o600)?;
        self.written.push(path.clone());
        Ok(self.root.path(path).display().to_string())
    }

    /// What a file will be: as it is changed, or as it is.
    fn text_of(&self, changes: &[FileChange], path: &str) -> Result<Option<String>, BackendError> {
        match changes.iter().find(|it| it.path == path) {
            Some(change) => Ok(change.after.clone()),
            None => Ok(self.root.read(path)?),
        }
    }

    /// smb.conf(5) with ours in it. What it complains of already is the administrator's.
    fn samba(&mut self, changes: &[FileChange]) -> Result<(), BackendError> {
        let places = self.places;
        let ours = self.text_of(changes, &places.samba)?.unwrap_or_default();
        self.modules(&ours)?;
        let ours = self.write("moxnas.conf", &ours)?;
        let Some(main) = &places.samba_main else {
            let output = self.runner.run(&argv::testparm(&ours))?;
            return harmless::none_but(Service::Samba, &output);
        };
        let text = self.text_of(changes, main)?.unwrap_or_default();
        let moved = moved(&text, &places.samba, &ours);
        let whole = self.write("smb.conf", &moved)?;
        let output = self.runner.run(&argv::testparm(&whole))?;
        match harmless::none_but(Service::Samba, &output) {
            Err(BackendError::Refused { service, said }) if output.status == 0 => {
                let before = self.root.path(main).display().to_string();
                let before = self.runner.run(&argv::testparm(&before))?;
                let known = harmless::complaints(service, &before.errors());
                let new: Vec<String> = said.into_iter().filter(|it| !known.contains(it)).collect();
                match new.is_empty() {
                    true => Ok(()),
                    false => Err(BackendError::Refused { service, said: new }),
                }
            }
            done => done,
        }
    }

    /// testparm(1) takes the name of any module. smbd does too, and then lets nobody into the share.
    fn modules(&self, text: &str) -> Result<(), BackendError> {
        let said = text
            .lines()
            .filter_map(|it| it.trim().strip_prefix("vfs objects ="));
        let wanted: BTreeSet<&str> = said.flat_map(str::split_whitespace).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let mut there = Vec::new();
        let folders = self.root.list("/usr/lib")?.into_iter();
        for folder in folders.filter(|it| it.contains("-linux-")) {
            there.extend(self.root.list(format!("/usr/lib/{folder}/samba/vfs"))?);
        }
        let is_there = |it: &&str| there.contains(&format!("{it}.so"));
        match wanted.into_iter().find(|it| !is_there(it)) {
            None => Ok(()),
            Some(module) => Err(BackendError::NoModule {
                service: Service::Samba,
                module: module.to_owned(),
            }),
        }
    }

    /// vsftpd(8) has no checker: it is started for a moment where only this machine reaches it.
    fn ftp(&mut self, changes: &[FileChange]) -> Result<(), BackendError> {
        let service = Service::Ftp;
        let Some(text) = self.text_of(changes, &self.places.vsftpd)? else {
            return Ok(());
        };
        let Some(port) = free_port() else {
            let said = vec!["there is no port to try it on".to_owned()];
            return Err(BackendError::Refused { service, said });
        };
        // Its own folder without anything in it is made by its unit when it is started.
        let empty = format!("{}/empty", self.places.scratch);
        self.root.make_folder(&empty)?;
        let empty = self.root.path(empty).display().to_string();
        let allowed = self.text_of(changes, &self.places.vsftpd_allowed)?;
        let allowed = self.write("vsftpd.allowed", &allowed.unwrap_or_default())?;
        let local = [
            ("listen", "YES"),
            ("listen_ipv6", "NO"),
            ("listen_address", "127.0.0.1"),
            ("listen_port", &port.to_string()),
            ("background", "NO"),
            ("secure_chroot_dir", &empty),
            ("userlist_file", &allowed),
        ];
        let file = self.write("vsftpd.conf", &with(&text, &local))?;
        let first = RefCell::new(None);
        let done = self.runner.run_while(&argv::vsftpd(&file), &|| {
            let heard = banner(port);
            let goes_on = heard.is_none();
            first.replace(heard);
            goes_on
        });
        let mut said = Vec::new();
        match (first.into_inner(), done) {
            (Some(line), _) if line.starts_with(READY) => return Ok(()),
            (Some(line), _) => said.push(line),
            // What it complains of before somebody connects it tells its standard input, where nobody is.
            (None, Ok(output)) => {
                let bad = vsftpd_conf::parse(&text).errors;
                said.extend(bad.iter().map(ToString::to_string));
                said.extend(self.missing(&text));
                if said.is_empty() {
                    said.push(format!(
                        "it ends at once, with exit status {}",
                        output.status
                    ));
                }
            }
            (None, Err(err)) if matches!(err.cause, Cause::TimedOut(_) | Cause::Ended) => {
                said.push("it does not answer".to_owned());
            }
            (None, Err(err)) => return Err(err.into()),
        }
        Err(BackendError::Refused { service, said })
    }

    /// Files that vsftpd.conf(5) names and that are not there.
    fn missing(&self, text: &str) -> Vec<String> {
        let named = text.lines().filter_map(|it| it.split_once('='));
        let named =
            named.filter(|(key, _)| ["rsa_cert_file", "rsa_private_key_file"].contains(key));
        let missing = named.filter(|(_, path)| !self.root.exists(path));
        missing
            .map(|(key, path)| format!("{key}: {path} is not there"))
            .collect()
    }

    /// A daemon with a checker that takes one file.
    fn whole(
        &mut self,
        service: Service,
        changes: &[FileChange],
        checker: fn(&str) -> moxnas_core::cmd::Cmd,
        around: fn(&str) -> String,
    ) -> Result<(), BackendError> {
        for change in changes {
            if let Some(text) = &change.after {
                let file = self.write("whole.conf", &around(text))?;
                let output = self.runner.run(&checker(&file))?;
                harmless::none_but(service, &output)?;
            }
        }
        Ok(())
    }

    fn units(&mut self, changes: &[FileChange]) -> Result<(), BackendError> {
        let mut files = Vec::new();
        for change in changes {
            let unit = change.path.strip_prefix(&format!("{}/", self.places.units));
            let unit = unit.filter(|it| !it.contains('/'));
            if let (Some(unit), Some(text)) = (unit, &change.after) {
                files.push(self.write(unit, text)?);
            }
        }
        if files.is_empty() {
            return Ok(());
        }
        let output = self.runner.run(&argv::verify_units(&files))?;
        harmless::none_but(Service::Systemd, &output)
    }
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        for path in &self.written {
            // What stays is overwritten by the next check.
            _ = self.root.remove(path);
        }
    }
}

/// smb.conf(5) that includes a file from elsewhere, if it does not yet at its end.
fn moved(main: &str, from: &str, to: &str) -> String {
    let mut text = String::new();
    let is_included = includes(main, from);
    for line in main.lines() {
        match includes(line, from) {
            true => text.push_str(&format!("include = {to}")),
            false => text.push_str(line),
        }
        text.push('\n');
    }
    if !is_included {
        text.push_str(&format!("include = {to}\n"));
    }
    text
}

/// vsftpd.conf(5) with other values of some options.
fn with(text: &str, values: &[(&str, &str)]) -> String {
    let is_kept = |line: &&str| {
        let key = line.split('=').next().unwrap_or("");
        values.iter().all(|(it, _)| *it != key)
    };
    let kept = text.lines().filter(is_kept).map(str::to_owned);
    let new = values.iter().map(|(key, value)| format!("{key}={value}"));
    kept.chain(new).collect::<Vec<_>>().join("\n") + "\n"
}

fn free_port() -> Option<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).ok()?;
    listener.local_addr().ok().map(|it| it.port())
}
