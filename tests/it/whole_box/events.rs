//! What happens in a life.

use std::time::Duration;

use moxnas_app::{
    Change, Query,
    auth::{Browser, LoginChange, LoginWish, Secret},
    jobs::Job as _,
    operation::{LongChange, Terms},
    ops::{
        arrays::{
            ArrayAssemble, ArrayDelete, ArrayScrub, ArrayStop, MemberAdd, MemberFail, MemberReAdd,
            MemberRemove, MemberReplace, SpareMove,
        },
        auth::AuthLogin,
        jobs::{JobCancel, JobRetry},
        schedules::{ScheduleChange, ScheduleRetry, ScheduleRun, ScheduleToggle},
        simulation::{SimAdvance, SimFault, Trouble},
        users::{UserChange, UserCreate, UserDelete, UserPasswd},
    },
    store::{Job, JobState},
};
use moxnas_core::{clock::Clock as _, plan::Fingerprint, sim::Fault};
use moxnas_raid::{Role, plan::Scrub};

use super::{
    checkers::Attempt,
    life::{DISKS, Life, settle},
    process::Kill,
};

const HOUR: u64 = 3600;
/// Good enough for the rules.
const PASSWORDS: [&str; 2] = ["correct horse battery", "staple in the stable"];
const LOGINS: [&str; 2] = ["ann", "bob"];
const SCHEDULES: [&str; 2] = ["raid_scrub", "db_maintenance"];

/// A change with the plan that was agreed to.
struct Agreed<C> {
    what: String,
    change: C,
    terms: Terms,
    plan: Option<moxnas_core::plan::Plan<moxnas_app::machine::AppStep>>,
}

impl Life {
    pub(super) fn event(&mut self) {
        match self.random.below(54) {
            0..=4 => self.create(),
            5..=6 => {
                let array = self.array();
                let device = self.spare();
                let as_spare = self.random.one_in(4);
                self.change(MemberAdd {
                    array,
                    device,
                    as_spare,
                });
            }
            7..=8 => {
                let array = self.array();
                let device = self.member(&array);
                self.change(MemberFail { array, device });
            }
            9..=11 => {
                let array = self.array();
                let device = self.idle(&array);
                self.change(MemberRemove { array, device });
            }
            12..=13 => {
                let array = self.array();
                let device = self.member(&array);
                let with = (!self.random.one_in(3)).then(|| self.spare());
                self.change(MemberReplace {
                    array,
                    device,
                    with,
                });
            }
            14..=18 => {
                let array = self.array();
                let scrub =
                    self.random
                        .of(&[Scrub::Check, Scrub::Check, Scrub::Repair, Scrub::Idle]);
                self.begin_job(ArrayScrub { array, scrub });
            }
            19 => {
                let array = self.array();
                self.stopped.push(array.clone());
                self.change(ArrayStop { array });
            }
            20..=21 => {
                // Mostly one that was stopped.
                let array = match self.stopped.pop() {
                    Some(stopped) if !self.random.one_in(4) => stopped,
                    _ => self.array(),
                };
                self.change(ArrayAssemble { array });
            }
            22 => {
                let array = self.array();
                self.change(ArrayDelete { array });
            }
            23..=31 => self.time_passes(),
            32..=36 => self.trouble(),
            37..=38 => {
                let job = self.job();
                let call = JobCancel { job: job.clone() };
                self.act(
                    format!("cancel {job}"),
                    Attempt::Call,
                    |app, actor| async move { app.call(&actor, call).await.map(drop) },
                );
            }
            39 => {
                let job = self.failed_job();
                let call = JobRetry { job: job.clone() };
                self.act(
                    format!("retry {job}"),
                    Attempt::Call,
                    |app, actor| async move { app.call(&actor, call).await.map(drop) },
                );
            }
            40..=41 => self.run_schedule(),
            42..=43 => self.set_schedule(),
            44..=45 => self.account(),
            48..=49 => {
                let array = self.array();
                let device = self.member(&array);
                self.change(MemberReAdd { array, device });
            }
            50..=51 => self.grow(),
            52 => self.set_array(),
            53 => self.change(SpareMove),
            46 => {
                let serial = format!("BOX{}", self.random.below(DISKS));
                self.plug_back(serial);
            }
            _ => self.kill_at_rest(),
        }
    }

    /// An array, mostly one that is there.
    pub(super) fn array(&mut self) -> String {
        let seen = self.app().seen();
        let there: Vec<String> = seen.raid.arrays.iter().map(|it| it.name.clone()).collect();
        if there.is_empty() || self.random.one_in(8) {
            return self
                .random
                .of(&["alpha", "beta", "gamma", "none"])
                .to_owned();
        }
        self.random.of(&there)
    }

    /// Disks that no array has, each once, in any order.
    pub(super) fn free(&mut self) -> Vec<String> {
        let seen = self.app().seen();
        let free = |it: &&moxnas_core::disk::BlockDevice| {
            let has = |array: &moxnas_raid::Array| array.member(&it.id).is_some();
            !seen.raid.arrays.iter().any(has)
        };
        let mut free: Vec<String> = seen
            .raid
            .devices
            .disks()
            .filter(free)
            .map(|it| it.id.to_string())
            .collect();
        for at in (1..free.len()).rev() {
            free.swap(at, self.random.below(at + 1));
        }
        free
    }

    /// Mostly a disk that is free.
    pub(super) fn spare(&mut self) -> String {
        if self.random.one_in(3) {
            return self.disk();
        }
        self.free()
            .into_iter()
            .next()
            .unwrap_or_else(|| self.disk())
    }

    pub(super) fn disk(&mut self) -> String {
        match self.random.below(20) {
            0 => "none".to_owned(),
            1 => "sda".to_owned(),
            _ => format!("BOX{}", self.random.below(DISKS)),
        }
    }

    /// A member of the array, if it has one and the wish is to be a sensible one.
    fn member(&mut self, array: &str) -> String {
        let seen = self.app().seen();
        let members: Vec<String> = seen
            .raid
            .find(array)
            .map(|it| it.members.iter().map(|it| it.device.to_string()).collect())
            .unwrap_or_default();
        if members.is_empty() || self.random.one_in(5) {
            self.disk()
        } else {
            self.random.of(&members)
        }
    }

    /// A member that does not work, if the array has one.
    fn idle(&mut self, array: &str) -> String {
        let seen = self.app().seen();
        let members = seen.raid.find(array).map(|it| it.members.clone());
        let idle: Vec<String> = members
            .unwrap_or_default()
            .iter()
            .filter(|it| matches!(it.role, Role::Faulty | Role::Spare))
            .map(|it| it.device.to_string())
            .collect();
        if idle.is_empty() {
            self.member(array)
        } else {
            self.random.of(&idle)
        }
    }

    /// A job, mostly one that is not over.
    fn job(&mut self) -> String {
        let jobs = &self.checkers.jobs;
        let some: Vec<String> = match self.random.below(4) {
            0 => jobs.known.keys().rev().take(10).cloned().collect(),
            _ => jobs.open().map(|it: &Job| it.new.id.clone()).collect(),
        };
        if some.is_empty() {
            return "none".to_owned();
        }
        self.random.of(&some)
    }

    /// Mostly the last job that failed or was cancelled.
    fn failed_job(&mut self) -> String {
        let ended = |it: &&Job| matches!(it.state, JobState::Failed | JobState::Cancelled);
        let whole = |it: &&Job| it.new.parent.is_none();
        let known = self.checkers.jobs.known.values().rev();
        let last = known.filter(ended).find(whole);
        match last.map(|it| it.new.id.clone()) {
            Some(id) if !self.random.one_in(4) => id,
            _ => self.job(),
        }
    }

    fn time_passes(&mut self) {
        let minutes = [
            1,
            6,
            6,
            20,
            20,
            60,
            180,
            180,
            24 * 60,
            8 * 24 * 60,
            100 * 24 * 60,
        ];
        match self.random.below(4) {
            0 => {
                let due = self.until_due();
                self.let_pass(due.unwrap_or(Duration::from_secs(HOUR)));
                // Past the end of the shortest window.
                if self.random.one_in(2) {
                    self.let_pass(Duration::from_secs(6 * 60));
                }
            }
            _ => {
                let minutes = self.random.of(&minutes);
                self.let_pass(Duration::from_secs(minutes * 60));
            }
        }
    }

    fn let_pass(&mut self, time: Duration) {
        let what = format!("{time:?} pass");
        // As the loop of the service does it: whose time has come is begun, and whose window has
        // closed is paused first.
        self.act(what, Attempt::Tick, |app, actor| async move {
            let passed = app.call(&actor, SimAdvance(time)).await.map(drop);
            settle(&app).await;
            for _ in 0..2 {
                app.run_due_schedules().await;
                settle(&app).await;
            }
            passed
        });
    }

    /// Until something is due.
    fn until_due(&mut self) -> Option<Duration> {
        let name = self.random.of(&SCHEDULES);
        let at = self.checkers.schedules.next(name)?;
        let wait = at.duration_since(self.world.sim.now()).ok()?;
        Some(wait + Duration::from_secs(1))
    }

    fn trouble(&mut self) {
        let serial = format!("BOX{}", self.random.below(DISKS));
        let matching = [
            "",
            "create",
            "erase",
            "mdadm.conf",
            "faulty",
            "add ",
            "check",
        ];
        let matching = self.random.of(&matching).to_owned();
        let trouble = match self.random.below(9) {
            0 => Trouble::Pull { serial },
            1..=2 => return self.plug_back(serial),
            3 => Trouble::Step(Fault::StepFails { matching }),
            4 => Trouble::Step(Fault::StepLies { matching }),
            5 => Trouble::Step(Fault::StepHangs { matching }),
            6 => Trouble::Step(Fault::PowerCut { matching }),
            7 => Trouble::PowerCut,
            _ => Trouble::Reboot,
        };
        self.counts.faults += 1;
        let what = format!("{trouble:?}");
        self.call(what, SimFault(trouble));
    }

    /// A disk that is out, if there is one.
    fn plug_back(&mut self, serial: String) {
        let state = self.world.sim.state();
        let out = state.disks.values().find(|it| it.kernel_name.is_none());
        let serial = out.map_or(serial, |it| it.spec.serial.clone());
        drop(state);
        let trouble = Trouble::PlugBack { serial };
        self.counts.faults += 1;
        let what = format!("{trouble:?}");
        self.call(what, SimFault(trouble));
    }

    /// Plan a change, agree, and make it.
    pub(super) fn change<C: Change + Clone + std::fmt::Debug>(&mut self, change: C) {
        let it = self.agree(change);
        let may = it.plan.is_some();
        let (what, change, terms) = (it.what.clone(), it.change, it.terms);
        self.act(it.what, Attempt::Change(it.plan), |app, actor| async move {
            let done = app.change(&actor, change, terms).await.map(drop);
            assert!(
                done.is_err() || may,
                "{what} was done without being agreed to"
            );
            done
        });
    }

    /// The same for one that a job makes.
    fn begin_job<C: LongChange + Clone + std::fmt::Debug>(&mut self, change: C) {
        let it = self.agree(change);
        let may = it.plan.is_some();
        let (what, change, terms) = (it.what.clone(), it.change, it.terms);
        self.act(
            it.what,
            Attempt::Begin(C::Job::KIND),
            |app, actor| async move {
                let begun = app.begin(&actor, change, terms).await.map(drop);
                assert!(
                    begun.is_err() || may,
                    "{what} was begun without being agreed to"
                );
                begun
            },
        );
    }

    /// Now and then without agreeing, or too late.
    fn agree<C: Change + Clone + std::fmt::Debug>(&mut self, change: C) -> Agreed<C> {
        let wish = change.clone();
        let planned = self.ask(|app, actor| async move { app.plan(&actor, &wish).await });
        let mut confirm: Option<Fingerprint> = planned
            .as_ref()
            .ok()
            .map(|it| it.fingerprint.parse().unwrap());
        if self.random.one_in(10) {
            confirm = None;
        } else if self.random.one_in(12) {
            // Between the look and the change the machine becomes another one.
            let serial = format!("BOX{}", self.random.below(DISKS));
            self.counts.faults += 1;
            let _ = self.world.sim.pull(&serial);
        }
        // What the change will be planned on: the same facts, so the same plan. Jobs that follow
        // the machine have had their say.
        let seen = self.ask(|app, _| async move {
            settle(&app).await;
            app.seen()
        });
        self.checkers.looked(&seen);
        let plan = change.plan(&seen).ok();
        let fits = |plan: &moxnas_core::plan::Plan<_>| {
            confirm
                .as_ref()
                .map_or(!plan.needs_confirmation(), |it| *it == plan.fingerprint())
        };
        Agreed {
            what: format!("{change:?}"),
            plan: plan.filter(fits),
            change,
            terms: Terms {
                confirm,
                if_match: None,
            },
        }
    }

    fn run_schedule(&mut self) {
        let schedule = self
            .random
            .of(&["raid_scrub", "raid_scrub", "db_maintenance"]);
        let schedule = schedule.to_owned();
        if self.random.one_in(4) {
            let what = format!("repeat {schedule}");
            self.call(what, ScheduleRetry { schedule });
        } else {
            let what = format!("run {schedule} now");
            self.call(what, ScheduleRun { schedule });
        }
    }

    fn set_schedule(&mut self) {
        let schedule = self.random.of(&SCHEDULES).to_owned();
        if self.random.one_in(3) {
            let enabled = !self.random.one_in(3);
            let what = format!("{schedule} enabled: {enabled}");
            self.call(what, ScheduleToggle { schedule, enabled });
            return;
        }
        let expressions = [
            ("hourly", ""),
            ("*:0/20", ""),
            ("01:00", "01:05"),
            ("hourly", "12:05"),
            ("01:00", "05:00"),
            ("Sun 01:00", ""),
            ("Mon..Fri 00:00", "12:00"),
            ("every now and then", ""),
            ("*-02-30", ""),
        ];
        let (expression, pause_at) = self.random.of(&expressions);
        let change = ScheduleChange {
            schedule,
            expression: Some(expression.to_owned()),
            timezone: Some("UTC".to_owned()),
            pause_at: Some(pause_at.to_owned()),
            jitter_s: self.random.one_in(2).then_some(60),
            enabled: Some(!self.random.one_in(8)),
        };
        let what = format!("{change:?}");
        self.call(what, change);
    }

    /// To hash a password takes long on purpose: few of these do.
    fn account(&mut self) {
        let name = self.random.of(&LOGINS).to_owned();
        // Seldom a wrong one: too many of these would have to wait, by the wall clock.
        let password = PASSWORDS[usize::from(self.random.one_in(6))];
        let role = self.random.of(&[
            moxnas_app::Role::User,
            moxnas_app::Role::Operator,
            moxnas_app::Role::Admin,
        ]);
        if self.random.one_in(5) {
            return self.call(format!("{name} is removed"), UserDelete { username: name });
        }
        let is_there = self.checkers.logins.is_there(&name);
        match self.random.below(8) {
            0 | 1 if !is_there => self.call(
                format!("{name} is made as {role:?}"),
                UserCreate(LoginWish {
                    username: name,
                    role,
                    password: Some(Secret::from(password)),
                    account: None,
                }),
            ),
            0 | 1 => self.log_in(name, password),
            2 => self.call(
                format!("{name} gets another password"),
                UserPasswd {
                    username: name,
                    password: Secret::from(password),
                },
            ),
            other => {
                let change = match other {
                    3 | 4 => LoginChange {
                        disabled: Some(true),
                        ..LoginChange::default()
                    },
                    5 => LoginChange {
                        disabled: Some(false),
                        ..LoginChange::default()
                    },
                    _ => LoginChange {
                        role: Some(role),
                        ..LoginChange::default()
                    },
                };
                self.call(
                    format!("{name} becomes {change:?}"),
                    UserChange {
                        username: name,
                        change,
                    },
                );
            }
        }
    }

    fn log_in(&mut self, username: String, password: &str) {
        let what = format!("{username} logs in");
        let login = AuthLogin {
            username,
            password: Secret::from(password),
            code: None,
            user_agent: None,
            browser: Browser::TokensOnly,
        };
        let sessions = self.checkers.logins.sessions();
        self.act(what, Attempt::Login, |app, actor| async move {
            let session = app.call(&actor, login).await?;
            let token = session.token.expose().to_owned();
            sessions.lock().unwrap().push(token);
            Ok(())
        });
    }

    fn call<Q: Query>(&mut self, what: String, query: Q) {
        self.act(what, Attempt::Call, |app, actor| async move {
            app.call(&actor, query).await.map(drop)
        });
    }

    /// Kill the process at a chosen moment of a change.
    pub(super) fn change_until<C: Change + Clone + std::fmt::Debug>(
        &mut self,
        kill: Kill,
        change: C,
    ) {
        let it = self.agree(change);
        let (change, terms) = (it.change, it.terms);
        let attempt = Attempt::Change(it.plan);
        self.act_until(Some(kill), it.what, attempt, |app, actor| async move {
            app.change(&actor, change, terms).await.map(drop)
        });
    }
}
