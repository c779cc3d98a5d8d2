//! What daemons would read, laid out where none of them looks, and gone over by their own programs.

use std::{cell::RefCell, collections::BTreeSet, net::TcpListener, path::PathBuf};

use moxnas_core::{
    cmd::{Cause, Runner},
    root::Root,
};

use super::{
    argv, harmless,
    private::{self, Instead},
    probe::{READY, banner},
};
use crate::{
    backend::BackendError,
    plan::{FileChange, includes},
    render::{Places, Service},
    vsftpd_conf,
};

/// Where exportfs(8) writes down what it offered.
const EXPORTFS_STATE: &str = "/var/lib/nfs";
/// Where units are that packages bring, systemd.unit(5).
const UNIT_FOLDERS: &[&str] = &[
    "/run/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];
/// What exportfs(8) reads besides exports(5), where the name ends with `.exports`.
const EXPORTS_FOLDER: &str = "/etc/exports.d/";

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
            Service::Discovery => self.announced(changes),
            Service::Nfs => self.exports(changes),
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
        let said = harmless::said(Service::Samba, &output);
        if output.status != 0 {
            return harmless::none_of(Service::Samba, said);
        }
        harmless::none_but_known(Service::Samba, said, || {
            let before = self.root.path(main).display().to_string();
            let before = self.runner.run(&argv::testparm(&before))?;
            Ok(harmless::said(Service::Samba, &before))
        })
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

    /// exportfs(8) has no way to go over a file without doing what it says: it does so where nobody
    /// looks. What it complains of already is known. Where there can be no such place, what it
    /// complains of when the files are there brings the old ones back.
    fn exports(&mut self, changes: &[FileChange]) -> Result<(), BackendError> {
        if !self.root.is_system() {
            // It reads the machine's own files.
            return Ok(());
        }
        let Some(said) = self.exported(changes)? else {
            return Ok(());
        };
        harmless::none_but_known(Service::Nfs, said, || {
            Ok(self.exported(&[])?.unwrap_or_default())
        })
    }

    /// What exportfs(8) complains of; `None`: it cannot be asked without doing what it says.
    fn exported(&mut self, changes: &[FileChange]) -> Result<Option<Vec<String>>, BackendError> {
        let path = |path: &str| PathBuf::from(path);
        let state = format!("{}/nfs", self.places.scratch);
        self.empty(&state)?;
        let mut instead = vec![Instead {
            of: path(EXPORTFS_STATE),
            from: path(&state),
        }];
        let text = self.text_of(changes, &self.places.exports)?;
        match self.places.exports.strip_prefix(EXPORTS_FOLDER) {
            Some(ours) => {
                let folder = format!("{}/exports.d", self.places.scratch);
                self.empty(&folder)?;
                self.root.make_folder(EXPORTS_FOLDER)?;
                let all = self.root.list(EXPORTS_FOLDER)?.into_iter();
                let others = all.filter(|it| it.ends_with(".exports") && it != ours);
                for name in others {
                    let Ok(Some(text)) = self.root.read(format!("{EXPORTS_FOLDER}{name}")) else {
                        // What exportfs would make of all of them cannot be told.
                        return Ok(None);
                    };
                    self.write(&format!("exports.d/{name}"), &text)?;
                }
                if let Some(text) = text {
                    self.write(&format!("exports.d/{ours}"), &text)?;
                }
                instead.push(Instead {
                    of: path(EXPORTS_FOLDER),
                    from: path(&folder),
                });
            }
            None => {
                let file = self.write("exports", &text.unwrap_or_default())?;
                instead.push(Instead {
                    of: path(&self.places.exports),
                    from: path(&file),
                });
            }
        }
        let runner = self.runner;
        let asked = private::with(&instead, || runner.run(&argv::exportfs_reload()));
        Ok(match asked {
            Ok(output) => Some(harmless::said(Service::Nfs, &output?)),
            Err(_) => None,
        })
    }

    /// A folder with nothing in it.
    fn empty(&self, folder: &str) -> Result<(), BackendError> {
        self.root.make_folder(folder)?;
        for name in self.root.list(folder)? {
            self.root.remove(format!("{folder}/{name}"))?;
        }
        Ok(())
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

    /// avahi-daemon has no checker, and takes a file that is not right for none. What goes over it
    /// is not part of what serves, so that it may be missing.
    fn announced(&mut self, changes: &[FileChange]) -> Result<(), BackendError> {
        let avahi = changes.iter().find(|it| it.path == self.places.avahi);
        if let Some(text) = avahi.and_then(|it| it.after.as_ref())
            && argv::XMLLINT.find().is_some()
        {
            let file = self.write("avahi.service", text)?;
            let output = self.runner.run(&argv::xmllint(&file))?;
            harmless::none_but(Service::Discovery, &output)?;
        }
        let wsdd = changes.iter().find(|it| it.path == self.places.wsdd_unit);
        match wsdd.and_then(|it| Some((it, self.adds_to(&it.path)?))) {
            Some((change, unit)) => self.drop_in(Service::Discovery, unit, change),
            None => Ok(()),
        }
    }

    fn units(&mut self, changes: &[FileChange]) -> Result<(), BackendError> {
        let mut files = Vec::new();
        for change in changes {
            let Some(text) = &change.after else { continue };
            if let Some(unit) = self.adds_to(&change.path) {
                self.drop_in(Service::Systemd, unit, change)?;
            } else if let Some(unit) = self.below_units(&change.path)
                && !unit.contains('/')
            {
                files.push(self.write(unit, text)?);
            }
        }
        if files.is_empty() {
            return Ok(());
        }
        let output = self.runner.run(&argv::verify_units(&files))?;
        harmless::none_but(Service::Systemd, &output)
    }

    fn below_units<'p>(&self, path: &'p str) -> Option<&'p str> {
        path.strip_prefix(&self.places.units)?.strip_prefix('/')
    }

    /// The unit that a file adds to.
    fn adds_to<'p>(&self, path: &'p str) -> Option<&'p str> {
        let (unit, _) = self.below_units(path)?.split_once(".d/")?;
        Some(unit)
    }

    /// What adds to a unit is gone over with the unit that it adds to, whatever that is complained
    /// of for already. Where the unit is not there nothing reads it.
    fn drop_in(
        &mut self,
        service: Service,
        unit: &str,
        change: &FileChange,
    ) -> Result<(), BackendError> {
        let read = |folder: &str| self.root.read(format!("{folder}/{unit}")).transpose();
        let packaged = UNIT_FOLDERS.iter().copied();
        let mut folders = std::iter::once(self.places.units.as_str()).chain(packaged);
        let Some(base) = folders.find_map(read).transpose()? else {
            return Ok(());
        };
        let base = self.write(unit, &base)?;
        let addition = format!("{unit}.d/moxnas.conf");
        let mut said = |text: &Option<String>| -> Result<Vec<String>, BackendError> {
            // The name is the same, so that it is read in place of the one that is there.
            self.write(&addition, text.as_deref().unwrap_or(""))?;
            let verify = argv::verify_units(std::slice::from_ref(&base));
            Ok(harmless::said(service, &self.runner.run(&verify)?))
        };
        let after = said(&change.after)?;
        harmless::none_but_known(service, after, || said(&change.before))
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
