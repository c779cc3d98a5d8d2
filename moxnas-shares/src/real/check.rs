//! What daemons would read, laid out where none of them looks, and gone over by their own programs.

use std::{cell::Cell, collections::BTreeSet, net::TcpListener};

use moxnas_core::{
    cmd::{Cause, Output, Runner},
    root::Root,
};

use super::{argv, harmless, probe::says};
use crate::{
    backend::BackendError,
    plan::{FileChange, includes},
    render::{Places, Service},
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
            Service::Ssh => self.whole(service, changes, argv::sshd, |text| text.to_owned()),
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
                let known = harmless::complaints(service, &String::from_utf8_lossy(&before.stderr));
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
        let file = self.write("vsftpd.conf", &local_only(&text, port))?;
        let answered = Cell::new(false);
        let done = self.runner.run_while(&argv::vsftpd(&file), &|| {
            answered.set(answered.get() || says(port, "220"));
            !answered.get()
        });
        if answered.get() {
            return Ok(());
        }
        let output = match done {
            Ok(output) => output,
            Err(err) if matches!(err.cause, Cause::TimedOut(_) | Cause::Ended) => Output {
                stderr: b"it does not answer".to_vec(),
                ..Output::default()
            },
            Err(err) => return Err(err.into()),
        };
        let mut said = harmless::complaints(service, &String::from_utf8_lossy(&output.stderr));
        said.extend(harmless::complaints(service, &output.text()));
        Err(BackendError::Refused { service, said })
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

/// smb.conf(5) that includes a file from elsewhere.
fn moved(main: &str, from: &str, to: &str) -> String {
    let mut text = String::new();
    for line in main.lines() {
        match includes(line, from) {
            true => text.push_str(&format!("include = {to}")),
            false => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

/// The same, on another port that only this machine reaches.
fn local_only(text: &str, port: u16) -> String {
    let is_other = |line: &&str| {
        let key = line.split('=').next().unwrap_or("");
        ![
            "listen",
            "listen_ipv6",
            "listen_port",
            "listen_address",
            "listen_address6",
            "background",
        ]
        .contains(&key)
    };
    let mut all: Vec<String> = text.lines().filter(is_other).map(str::to_owned).collect();
    all.extend([
        "listen=YES".to_owned(),
        "listen_address=127.0.0.1".to_owned(),
        format!("listen_port={port}"),
        "background=NO".to_owned(),
    ]);
    all.join("\n") + "\n"
}

fn free_port() -> Option<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).ok()?;
    listener.local_addr().ok().map(|it| it.port())
}
