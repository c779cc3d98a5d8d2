//! What a scenario of shares saw, in words that are the same on every machine.

use anyhow::{Context as _, Result};
use moxnas_core::plan::Plan;
use moxnas_shares::{
    accounts::{self, Change, plan::CreateUser},
    generation::Generation,
    model::{Intent, Share},
    plan::{NoPlan, Step, plan, revert},
    render::Places,
    services::{self, Asked, Wish},
};

use super::{
    Deed, Key, Seen, ShareWorld, Told, Visit,
    offers::{smb, users},
    words::{Facts, Processes, facts, session},
};

/// A world, what is meant to be offered by it, and the record of what happens in it.
pub struct ShareJournal<'w> {
    world: &'w mut dyn ShareWorld,
    lines: Vec<String>,
    /// What is meant.
    pub intent: Intent,
    /// What was seen last. Nothing happens between one look and the next wish.
    seen: Option<Seen>,
    last: Facts,
    processes: Processes,
}

impl<'w> ShareJournal<'w> {
    pub(super) fn new(world: &'w mut dyn ShareWorld) -> Self {
        let mut intent = Intent::default();
        // The lab has no certificate, and nobody on the way.
        intent.settings.ftp.plaintext = true;
        // Nothing in the lab would tell other machines.
        intent.settings.discovery.enabled = false;
        Self {
            world,
            lines: Vec::new(),
            intent,
            seen: None,
            last: Facts::new(),
            processes: Processes::default(),
        }
    }

    /// Looks at what there is before anything happens. One scenario tells of it.
    pub(super) fn begin(&mut self) -> Result<()> {
        let seen = self.world.look()?;
        self.last = facts(&seen, &self.intent, &mut self.processes)?;
        self.seen = Some(seen);
        Ok(())
    }

    fn seen(&self) -> Result<Seen> {
        self.seen.clone().context("nobody looked yet")
    }

    pub(super) fn text(&self) -> String {
        self.lines.iter().map(|it| format!("{it}\n")).collect()
    }

    /// Writes down all there is, and not only what changed.
    pub fn everything(&mut self) -> Result<()> {
        self.last.clear();
        self.look("all there is")
    }

    /// Means to offer a share, beside those that are there or in place of one, and has it served.
    pub fn offer(&mut self, share: Share) -> Result<()> {
        self.mean(share);
        self.serve()
    }

    /// Means to offer a share, and does nothing yet.
    pub fn mean(&mut self, share: Share) {
        self.intent.shares.retain(|it| it.name != share.name);
        self.intent.shares.push(share);
    }

    /// Means not to offer a share any more, and has that served.
    pub fn withdraw(&mut self, name: &str) -> Result<()> {
        self.intent.shares.retain(|it| it.name.as_str() != name);
        self.serve()
    }

    /// Has everything served as it is meant.
    pub fn serve(&mut self) -> Result<()> {
        let seen = self.seen()?;
        let planned = plan(&seen.served, &self.intent, &Places::default());
        self.give(planned)
    }

    /// Goes back to what files were before a change.
    pub fn revert(&mut self, generation: u32) -> Result<()> {
        let seen = self.seen()?;
        let text = seen.kept.get(&generation).context("no such generation")?;
        let kept = Generation::parse(generation, text)?;
        self.give(Ok(revert(&seen.served, &kept)))
    }

    fn give(&mut self, planned: Result<Plan<Step>, NoPlan>) -> Result<()> {
        let planned = planned.map_err(|err| (err.code(), err.to_string()));
        self.carry_out(planned, |world, step| {
            let files: Vec<&str> = step.changes.iter().map(|it| it.path.as_str()).collect();
            let text = format!("give {} {}", step.service.daemon(), files.join(" "));
            Ok((text, world.serve(step)?))
        })
    }

    /// Something is wished of users and groups.
    pub fn people(&mut self, change: &Change) -> Result<()> {
        self.people_until(change, usize::MAX)
    }

    /// The first steps of it, as if the rest had been cut off.
    pub fn people_until(&mut self, change: &Change, steps: usize) -> Result<()> {
        let seen = self.seen()?;
        let planned = accounts::plan(&seen.accounts, change);
        let mut planned = planned.map_err(|err| (err.code(), err.to_string()));
        let is_cut = planned.as_ref().is_ok_and(|it| it.steps.len() > steps);
        if let Ok(plan) = &mut planned {
            plan.steps.truncate(steps);
        }
        self.carry_out(planned, |world, step| {
            Ok((step.to_string(), world.account(step)?))
        })?;
        if is_cut {
            self.lines.push("and no further".to_owned());
        }
        Ok(())
    }

    /// Something is wished of a service.
    pub fn daemon(&mut self, service: &str, wish: Wish) -> Result<()> {
        let seen = self.seen()?;
        let planned = services::plan(&seen.services, &Asked::new(service, wish));
        let planned = planned.map_err(|err| (err.code(), err.to_string()));
        let is_planned = planned.is_ok();
        self.carry_out(planned, |world, step| {
            Ok((step.to_string(), world.service(step)?))
        })?;
        if is_planned {
            let after = self.seen()?;
            let name = service.parse()?;
            let so = services::verify(&seen.services, &after.services, name, wish);
            self.lines.push(match so {
                Ok(()) => "  it came about".to_owned(),
                Err(err) => format!("  it did not come about: {err}"),
            });
        }
        Ok(())
    }

    /// Ends the sessions of somebody.
    pub fn disconnect(&mut self, user: &str) -> Result<()> {
        let seen = self.seen()?;
        let of = seen.sessions.sessions.iter();
        let of: Vec<_> = of.filter(|it| it.user.as_deref() == Some(user)).collect();
        if of.is_empty() {
            self.lines.push(format!("{user} has no session to end"));
        }
        for it in of {
            let told = self.world.disconnect(it.id)?;
            self.done(&format!("end {}", session(it)), &told);
        }
        self.look("then")
    }

    /// A client comes. Writes down what it got.
    pub fn visit(&mut self, visit: &Visit) -> Result<()> {
        let told = self.world.visit(visit)?;
        let came = match told {
            Ok(text) => text,
            Err(why) => why,
        };
        self.lines.push(format!("{visit}: {came}"));
        self.look_for_changes()
    }

    /// Does it, and writes down what came of it.
    pub fn deed(&mut self, deed: Deed) -> Result<()> {
        self.world.deed(&deed)?;
        if matches!(deed, Deed::Restart { .. }) {
            self.processes.machine_was_started();
        }
        self.look(&deed.to_string())
    }

    fn carry_out<S>(
        &mut self,
        planned: Result<Plan<S>, (&'static str, String)>,
        act: impl Fn(&mut dyn ShareWorld, &S) -> Result<(String, Told)>,
    ) -> Result<()> {
        let plan = match planned {
            Ok(plan) => plan,
            Err((code, text)) => {
                self.lines.push(format!("refused, {code}: {text}"));
                return Ok(());
            }
        };
        for danger in &plan.dangers {
            self.lines.push(format!("danger: {danger}"));
        }
        for warning in &plan.warnings {
            self.lines.push(format!("note: {warning}"));
        }
        if plan.steps.is_empty() {
            self.lines.push("nothing has to be done".to_owned());
        }
        for step in &plan.steps {
            let (text, told) = act(self.world, step)?;
            self.done(&text, &told);
            if told.is_err() {
                break;
            }
        }
        self.look("then")
    }

    fn done(&mut self, what: &str, told: &Told) {
        self.lines.push(match told {
            Ok(()) => format!("do: {what}"),
            Err(why) => format!("do: {what}, but: {why}"),
        });
    }

    /// Writes down what is otherwise than it was.
    fn look(&mut self, moment: &str) -> Result<()> {
        self.lines.push(format!("{moment}:"));
        let before = self.lines.len();
        self.look_for_changes()?;
        if self.lines.len() == before {
            self.lines.push("  all is as it was".to_owned());
        }
        Ok(())
    }

    fn look_for_changes(&mut self) -> Result<()> {
        let seen: Seen = self.world.look()?;
        let now = facts(&seen, &self.intent, &mut self.processes)?;
        let about = |key: &str| key.split_once(' ').map_or("", |(_, it)| it).to_owned();
        for (key, text) in &now {
            if self.last.get(key) != Some(text) {
                self.lines.push(format!("  {}: {text}", about(key)));
            }
        }
        for key in self.last.keys().filter(|it| !now.contains_key(*it)) {
            self.lines.push(format!("  {}: gone", about(key)));
        }
        self.last = now;
        self.seen = Some(seen);
        Ok(())
    }
}

/// What many scenarios begin with.
impl ShareJournal<'_> {
    /// A folder that everybody may write to.
    pub fn folder(&mut self, folder: &'static str) -> Result<()> {
        self.deed(Deed::Folder {
            folder,
            owner: "root",
            group: "root",
            mode: 0o777,
        })
    }

    pub fn group(&mut self, name: &str) -> Result<()> {
        let (name, gid) = (name.parse()?, None);
        self.people(&Change::CreateGroup { name, gid })
    }

    /// A user whom Samba knows, with the first password.
    pub fn user(&mut self, name: &str) -> Result<()> {
        self.people(&Change::CreateUser(CreateUser {
            password: Some(Key::First.secret()),
            samba: true,
            ..CreateUser::new(name.parse()?)
        }))
    }

    pub fn alice(&mut self) -> Result<()> {
        self.user("alice")
    }

    /// alice, and a folder of hers that is offered to her by SMB, FTP and SFTP.
    pub fn alice_with_photos(&mut self) -> Result<()> {
        self.alice()?;
        self.deed(Deed::Folder {
            folder: "photos",
            owner: "alice",
            group: "alice",
            mode: 0o770,
        })?;
        let alice = users(&[("alice", true)])?;
        let mut photos = smb("photos")?;
        photos.ftp = Some(alice.clone());
        photos.sftp = Some(alice);
        self.offer(photos)
    }
}
