//! Other machines, reached by ssh(1).

use std::{
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use moxnas_core::{
    cmd::{Cause, CmdError, Runner, SystemRunner},
    root::{FileError, Root},
    units::Bytes,
};

use super::{
    Address, Answer, Facts, HostKey, RemoteError, Request, Target, TargetBackend,
    backend::{compare, granted, not_remote, odd, request_of},
    scanned,
    serve::Receives,
};
use crate::{
    backend::BackendError,
    model::PoolName,
    plan::Step,
    real::{SystemPools, argv},
    replica,
};

/// Other machines as a real one reaches them. Its key, and by which keys it knows them again, are files
/// in a folder of its own, which only root may read.
pub struct SshTargets {
    root: Root,
    runner: Arc<dyn Runner>,
    folder: PathBuf,
    pools: SystemPools,
}

impl SshTargets {
    /// From this machine, with the key in this folder.
    #[must_use]
    pub fn system(folder: &Path) -> SshTargets {
        SshTargets::new(Root::system(), Arc::new(SystemRunner), folder)
    }

    /// From a machine whose files are below `root` and whose programs `runner` starts.
    #[must_use]
    pub fn new(root: Root, runner: Arc<dyn Runner>, folder: &Path) -> SshTargets {
        SshTargets {
            pools: SystemPools::new(root.clone(), Arc::clone(&runner)),
            folder: folder.to_owned(),
            root,
            runner,
        }
    }

    fn make_folder(&self) -> Result<(), RemoteError> {
        let path = self.root.path(&self.folder);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
        made.map_err(|cause| {
            let verb = "made";
            BackendError::from(FileError { verb, path, cause }).into()
        })
    }

    /// ssh(1) knows the machine by the key that was confirmed, and by no other file.
    fn write_known(&self, target: &Target) -> Result<(), RemoteError> {
        self.make_folder()?;
        let line = format!("{} {}\n", target.name, target.host_key);
        let path = argv::known_hosts(&self.folder, target);
        let is_there = self.root.read(&path).map_err(BackendError::from)?;
        if is_there.as_ref() != Some(&line) {
            let written = self.root.replace(&path, line.as_bytes(), 0o600);
            written.map_err(BackendError::from)?;
        }
        Ok(())
    }

    fn ask(
        &self,
        target: &Target,
        request: &Request,
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<Answer, RemoteError> {
        self.public_key()?;
        self.write_known(target)?;
        let cmd = argv::ssh(&self.folder, target, request);
        let said = self.runner.run_while(&cmd, is_wanted);
        let said = said.map_err(|err| RemoteError::of_ssh(target, &err))?;
        granted(target, Answer::parse(&said.text()))
    }

    /// What one machine sends the other has to take in as a whole.
    fn send(
        &self,
        target: &Target,
        (send, request): (&moxnas_core::cmd::Cmd, &Request),
        is_wanted: &dyn Fn() -> bool,
        passed: &dyn Fn(Bytes),
    ) -> Result<(), RemoteError> {
        self.public_key()?;
        self.write_known(target)?;
        let ssh = argv::ssh(&self.folder, target, request);
        let passed = |it| passed(Bytes(it));
        let said = self.runner.pipe(send, &ssh, is_wanted, &passed);
        let said = said.map_err(|err: CmdError| match (&err.cause, err.cmd.tool) {
            (Cause::Ended, _) => RemoteError::Ended,
            (_, argv::SSH) => RemoteError::of_ssh(target, &err),
            _ => BackendError::from(err).into(),
        })?;
        match granted(target, Answer::parse(&said.text()))? {
            Answer::Received { .. } => Ok(()),
            _ => Err(odd(target)),
        }
    }
}

impl TargetBackend for SshTargets {
    fn host_keys(&self, address: &Address) -> Result<Vec<HostKey>, RemoteError> {
        let unreachable = |why: String| RemoteError::Unreachable {
            address: address.to_string(),
            why,
        };
        let said = self.runner.run(&argv::scan(address));
        let said = said.map_err(|err| match &err.cause {
            Cause::Exit { stderr, .. } => {
                let last = stderr.lines().rfind(|it| !it.trim().is_empty());
                unreachable(last.unwrap_or("nothing answers there").to_owned())
            }
            _ => BackendError::from(err).into(),
        })?;
        let keys = scanned(&said.text());
        match keys.is_empty() {
            true => Err(unreachable("no host key was given".to_owned())),
            false => Ok(keys),
        }
    }

    fn public_key(&self) -> Result<String, RemoteError> {
        let here = |err: CmdError| BackendError::from(err);
        let key = argv::key_file(&self.folder);
        if !self.root.exists(&key) {
            self.make_folder()?;
            let name = self.root.read("/proc/sys/kernel/hostname");
            let name = name.ok().flatten().unwrap_or_default();
            let name = name.trim().parse::<super::HostName>();
            let name = name.map_or_else(|_| "nas".to_owned(), |it| it.to_string());
            let made = self.runner.run(&argv::make_key(&key, &name));
            made.map_err(here)?;
        }
        let said = self.runner.run(&argv::public_key(&key)).map_err(here)?;
        Ok(said.text().trim().to_owned())
    }

    fn look(&self, target: &Target, pool: &PoolName) -> Result<Facts, RemoteError> {
        let request = Request::Look { pool: pool.clone() };
        match self.ask(target, &request, &|| true)? {
            Answer::Facts(facts) if facts.pool.name == *pool => Ok(*facts),
            _ => Err(odd(target)),
        }
    }

    fn apply(
        &self,
        target: &Target,
        step: &Step,
        is_wanted: &dyn Fn() -> bool,
        passed: &dyn Fn(Bytes),
    ) -> Result<(), RemoteError> {
        let request = request_of(step).ok_or_else(|| not_remote(step))?;
        match (step, &request) {
            (Step::Replicate { route, step }, Request::Receive { .. }) => {
                let (send, _) = argv::transfer(route, step);
                self.send(target, (&send, &request), is_wanted, passed)
            }
            (Step::Replicate { route, step }, Request::Digest { at }) => {
                let Answer::Digest(there) = self.ask(target, &request, is_wanted)? else {
                    return Err(odd(target));
                };
                compare((route, step), &at.snapshot, there, |here| {
                    self.pools.digest(here, is_wanted)
                })
            }
            _ => match self.ask(target, &request, is_wanted)? {
                Answer::Done => Ok(()),
                _ => Err(odd(target)),
            },
        }
    }
}

/// What is shown of a step as a command: what sends, and what asks the other machine.
#[must_use]
pub fn commands(
    folder: &Path,
    target: &Target,
    step: &Step,
) -> Option<(Option<moxnas_core::cmd::Cmd>, moxnas_core::cmd::Cmd)> {
    let request = request_of(step)?;
    let send = match step {
        Step::Replicate {
            route,
            step: step @ replica::Step::Send { .. },
        } => Some(argv::transfer(route, step).0),
        _ => None,
    };
    Some((send, argv::ssh(folder, target, &request)))
}
