//! The simulation as a world of shares.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use moxnas_core::{folder::is_in, sim::SimMachine};
use moxnas_shares::{
    access::{Kind, Node, sim::SimPaths},
    accounts::{self, AccountBackend as _, sim::SimAccounts},
    backend::ShareBackend as _,
    generation::Generation,
    model::UserName,
    plan,
    render::Places,
    services::{
        self, ServiceBackend as _, Unit,
        model::Exit,
        sim::{SimServices, Trouble},
    },
    sessions::{SessionBackend as _, SessionId, sim::SimSessions},
    sim::SimShares,
    transaction::serve,
};

use super::{
    BEGIN, Deed, Seen, SeenFile, ShareWorld, TOP, Told, Visit,
    deed::Ill,
    told::{of_accounts, of_files, of_services, of_sessions},
};
use crate::conformance::Shutdown;

/// smb.conf as Debian 12 brings it, without its comments.
const SMB_CONF: &str = include_str!("debian-smb.conf");

/// Of what serves names the lab has nothing.
const NOT_IN_THE_LAB: [Unit; 3] = [Unit::Avahi, Unit::AvahiSocket, Unit::Wsdd2];

/// Time stands still but for what scenarios let pass.
pub struct SimShareWorld {
    pub(super) machine: Arc<SimMachine>,
    pub(super) shares: Arc<SimShares>,
    pub(super) services: SimServices,
    pub(super) accounts: SimAccounts,
    pub(super) sessions: SimSessions,
    pub(super) paths: SimPaths,
    /// Everything below [`TOP`], by its path.
    pub(super) texts: BTreeMap<String, Option<String>>,
    /// The number of the process that the next session has.
    pub(super) next_process: u32,
}

impl SimShareWorld {
    #[must_use]
    pub fn new() -> Self {
        let machine = SimMachine::new(1);
        machine.advance(Duration::from_secs(BEGIN));
        let places = Places::default();
        let mut state = machine.state();
        let main = places.samba_main.clone().unwrap_or_default();
        state.files.insert(main, SMB_CONF.to_owned());
        state
            .files
            .insert(places.exports_main.clone(), String::new());
        drop(state);
        let shares = Arc::new(SimShares::new(Arc::clone(&machine), places));
        let services = SimServices::new(Arc::clone(&shares));
        for unit in NOT_IN_THE_LAB {
            services.uninstall(unit);
        }
        shares.only_folders([]);
        Self {
            accounts: SimAccounts::new(Arc::clone(&machine)),
            sessions: SimSessions::new(Arc::clone(&shares)),
            machine,
            shares,
            services,
            paths: SimPaths::new(),
            texts: BTreeMap::new(),
            next_process: 1,
        }
    }

    /// The numbers of a user, or of a group.
    fn numbers(&self, owner: &str, group: &str) -> Result<(u32, u32)> {
        let seen = self.accounts.observe()?;
        let user = seen.user(owner).context("no such user")?;
        let group = seen.group(group).context("no such group")?;
        Ok((user.uid, group.gid))
    }

    fn tell_folders(&self) {
        let folders = self.texts.iter().filter(|(_, text)| text.is_none());
        let folders = folders.map(|(path, _)| path.clone());
        self.shares.only_folders(folders);
    }

    pub(super) fn put(&mut self, node: Node, text: Option<String>) {
        self.texts.insert(node.path.clone(), text);
        self.paths.put(node);
        self.tell_folders();
    }
}

impl Default for SimShareWorld {
    fn default() -> Self {
        Self::new()
    }
}

impl ShareWorld for SimShareWorld {
    fn look(&mut self) -> Result<Seen> {
        let places = Places::default();
        let files = self.texts.iter().filter_map(|(path, text)| {
            let node = self.paths.get(path)?;
            let below = path.strip_prefix(TOP)?.strip_prefix('/')?;
            let file = SeenFile {
                uid: node.uid,
                gid: node.gid,
                mode: node.mode,
                text: text.clone(),
            };
            Some((below.to_owned(), file))
        });
        let files = files.collect();
        let served = self.shares.observe(&places)?;
        let state = self.machine.state();
        let text = |number: &u32| {
            let file = Generation::file(&places.generations, *number);
            Some((*number, state.files.get(&file)?.clone()))
        };
        let kept = served.generations.iter().filter_map(text).collect();
        drop(state);
        Ok(Seen {
            served,
            services: self.services.observe()?,
            accounts: self.accounts.observe()?,
            sessions: self.sessions.observe()?,
            kept,
            files,
        })
    }

    fn serve(&mut self, step: &plan::Step) -> Result<Told> {
        let done = serve(self.shares.as_ref(), &Places::default(), step);
        Ok(done.map_err(|err| of_files(&err)))
    }

    fn account(&mut self, step: &accounts::Step) -> Result<Told> {
        Ok(self.accounts.apply(step).map_err(|err| of_accounts(&err)))
    }

    fn service(&mut self, step: &services::Step) -> Result<Told> {
        Ok(self.services.apply(step).map_err(|err| of_services(&err)))
    }

    fn disconnect(&mut self, session: SessionId) -> Result<Told> {
        let done = self.sessions.disconnect(session);
        Ok(done.map_err(|err| of_sessions(&err)))
    }

    fn visit(&mut self, visit: &Visit) -> Result<Told<String>> {
        self.come(visit)
    }

    fn deed(&mut self, deed: &Deed) -> Result<()> {
        match *deed {
            Deed::Folder {
                folder,
                owner,
                group,
                mode,
            } => {
                let (uid, gid) = self.numbers(owner, group)?;
                let node = Node::new(&format!("{TOP}/{folder}"), Kind::Folder);
                self.put(
                    Node {
                        uid,
                        gid,
                        mode,
                        ..node
                    },
                    None,
                );
            }
            Deed::NoFolder { folder } => {
                let top = format!("{TOP}/{folder}");
                let paths = self.texts.keys().filter(|it| is_in(it, &top));
                for path in paths.cloned().collect::<Vec<_>>() {
                    self.texts.remove(&path);
                    self.paths.remove(&path);
                }
                self.tell_folders();
            }
            Deed::Write {
                path,
                text: Some(text),
            } => {
                let mut state = self.machine.state();
                state.files.insert(path.to_owned(), text.to_owned());
            }
            Deed::Write { path, text: None } => {
                self.machine.state().files.remove(path);
            }
            Deed::Edit { path, from, to } => {
                let mut state = self.machine.state();
                let text = state.files.get_mut(path).context("no such file")?;
                ensure!(text.contains(from), "{path} has no {from:?}:\n{text}");
                *text = text.replace(from, to);
            }
            Deed::Passwd { user, key } => {
                let user: UserName = user.parse()?;
                self.accounts.passwd(&user, &key.secret());
            }
            Deed::UserAdd { user, uid } => self.accounts.useradd(&user.parse()?, uid),
            Deed::Crash { unit } => self.services.crash(unit, Exit::Signal(9)),
            Deed::Arrange { unit, trouble } => {
                let trouble = trouble.map(|it| match it {
                    Ill::RefusesToStart(status) => Trouble::RefusesToStart(status),
                    Ill::EndsAtOnce(status) => Trouble::EndsAtOnce(status),
                });
                self.services.arrange(unit, trouble);
            }
            Deed::Mask { unit } => self.services.mask(unit),
            Deed::Unmask { unit } => self.services.unmask(unit),
            Deed::Stop { unit } => self.services.apply(&services::Step {
                act: services::plan::Act::Stop,
                unit,
            })?,
            Deed::Uninstall { unit } => self.services.uninstall(unit),
            Deed::Days { days } => self.machine.advance(Duration::from_secs(days * 86_400)),
            Deed::Restart { how } => match how {
                Shutdown::Clean => self.machine.reboot(),
                Shutdown::PowerCut => self.machine.power_cut(),
            },
        }
        Ok(())
    }
}
