//! Schedules: no run that was due is lost, and none is made twice.

use std::{collections::BTreeSet, time::SystemTime};

use moxnas_app::{
    App,
    store::{Job, JobState, StoredSchedule},
};

use super::jobs::{Jobs, News};

/// What schedules did.
#[derive(Default)]
pub(in crate::whole_box) struct Schedules {
    /// As they were last seen.
    known: Vec<StoredSchedule>,
    /// What was due once and has its job.
    due: BTreeSet<String>,
    /// How many jobs were made by a schedule, with those that were skipped.
    pub(in crate::whole_box) runs: u64,
}

impl Schedules {
    /// When a schedule is due next.
    pub(in crate::whole_box) fn next(&self, name: &str) -> Option<SystemTime> {
        let known = self.known.iter().find(|it| it.name == name);
        known?.next_at
    }

    /// `ticked`: somebody asked whose time has come. `killed`: perhaps not to the end.
    pub(super) async fn check(
        &mut self,
        app: &App,
        news: &News,
        ticked: bool,
        killed: bool,
    ) -> String {
        let now = app.machine.clock.now();
        let stored = app.store.schedules().await.unwrap();
        let mut words = String::new();
        for it in &stored {
            let before = self.known.iter().find(|before| before.name == it.name);
            let made: Vec<&Job> = news.made.iter().filter(|job| is_run(job, it)).collect();
            self.runs += made.len() as u64;
            for job in &made {
                let is_new = self.due.insert(job.new.request_id.clone());
                assert!(is_new, "made twice for the same time: {job:?}");
            }
            let due = before.filter(|it| ticked && it.enabled);
            let due = due.and_then(|it| it.next_at).filter(|at| *at <= now);
            let Some(due) = due else {
                assert!(made.is_empty(), "nothing was due: {made:?}, {before:?}");
                words.push_str(&self.words(before, it));
                continue;
            };
            let request_id = format!("{}-{}", it.name, millis(due));
            let of = |job: &&Job| job.new.schedule.as_deref() == Some(it.name.as_str());
            let is_resumed = news.resumed.iter().any(|job| of(&job));
            let is_made = made.len() == 1 && made[0].new.request_id == request_id;
            let is_done = is_made || (made.is_empty() && is_resumed);
            // Whoever was killed handled it before the next process was started.
            let handled = if killed { it.last_at } else { Some(now) };
            let is_next = it.next_at.is_none_or(|at| Some(at) > handled);
            let is_untouched = made.is_empty() && it.next_at == Some(due);
            assert!(
                (is_done && is_next) || (killed && is_untouched),
                "due at {} and lost: {before:?}, {it:?}, {made:?}, {:?}",
                millis(due),
                news.resumed
            );
            words.push_str(&self.words(before, it));
        }
        if ticked && !killed {
            let late = stored
                .iter()
                .find(|it| it.enabled && it.next_at.is_none_or(|at| at <= now));
            assert_eq!(
                late, None,
                "the next time is not to come, and it is {now:?}"
            );
        }
        self.known = stored;
        words
    }

    fn words(&self, before: Option<&StoredSchedule>, it: &StoredSchedule) -> String {
        if before == Some(it) {
            return String::new();
        }
        let next = it.next_at.map(millis);
        format!("\n  {} enabled: {}, next at {next:?}", it.name, it.enabled)
    }
}

/// Whether the schedule itself made the job.
fn is_run(job: &Job, schedule: &StoredSchedule) -> bool {
    let made = job.new.actor == format!("schedule:{}", schedule.name)
        && !Jobs::is_part(job)
        && job.new.retry_of.is_none();
    assert!(made || job.state != JobState::Skipped || job.new.actor.starts_with("schedule:"));
    made
}

fn millis(at: SystemTime) -> u128 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_millis()
}
