//! Jobs: none lost, none done twice, each with one intent and one outcome.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use moxnas_app::{
    App, Seen,
    store::{Job, JobFilter, JobState, Phase, Record},
};
use moxnas_raid::SyncAction;

/// So many are asked for at once.
const PAGE: u32 = 10;
const SCRUB: &str = "array_scrub";

/// All jobs there ever were.
#[derive(Default)]
pub(in crate::whole_box) struct Jobs {
    /// As they were last seen, by id.
    pub(in crate::whole_box) known: BTreeMap<String, Job>,
    /// How many were begun.
    pub(in crate::whole_box) begun: u64,
    stories: BTreeMap<String, Story>,
    /// How often it was right to tell md again: the machine stopped, the service did for long, or a
    /// pause was cut short.
    gaps: u64,
    /// The same when the last event was over.
    gaps_before: u64,
}

/// What happened to a job.
#[derive(Debug, Default)]
struct Story {
    number: usize,
    intents: u32,
    outcomes: u32,
    /// How often md was told to do its work.
    told: u64,
    pauses: u64,
    gaps_before: u64,
}

/// What is new.
pub(super) struct News {
    pub(super) made: Vec<Job>,
    /// Those that were paused and go on.
    pub(super) resumed: Vec<Job>,
    /// Those that were going on and did what they should.
    pub(super) succeeded: Vec<Job>,
    pub(super) words: String,
}

impl Jobs {
    /// Those that are not over.
    pub(in crate::whole_box) fn open(&self) -> impl Iterator<Item = &Job> {
        self.known.values().filter(|it| !it.state.is_over())
    }

    /// Whether it may be right to tell md again.
    pub(in crate::whole_box) fn gap_if(&mut self, is_one: bool) {
        self.gaps += u64::from(is_one);
    }

    /// A text with numbers in place of ids, which are random.
    pub(in crate::whole_box) fn named(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (id, story) in &self.stories {
            if text.contains(id.as_str()) {
                text = text.replace(id.as_str(), &format!("job-{}", story.number));
            }
        }
        text
    }

    /// Take in a record about a job.
    pub(super) fn record(&mut self, id: &str, record: &Record) {
        let story = self.stories.entry(id.to_owned()).or_default();
        match record.entry.phase {
            Phase::Intent => story.intents += 1,
            Phase::Outcome => story.outcomes += 1,
            _ => panic!("what is this of a job: {record:?}"),
        }
    }

    /// Look at all jobs. `told`: the arrays that md was told to read since the last time.
    pub(super) async fn check(&mut self, app: &App, seen: &Seen, told: Vec<String>) -> News {
        let now = self.read(app).await;
        let mut made = Vec::new();
        let mut resumed = Vec::new();
        let mut succeeded = Vec::new();
        let mut words = String::new();
        let mut candidates: BTreeSet<String> = self.open().map(|it| it.new.id.clone()).collect();
        for (id, job) in now {
            candidates.insert(id.clone());
            let number = self.known.len() + 1;
            let story = self.stories.entry(id.clone()).or_default();
            let before = self.known.get(&id);
            if before.is_none() {
                story.number = number;
                story.gaps_before = self.gaps_before;
                made.push(job.clone());
            }
            let was = before.map(|it| it.state);
            if was == Some(JobState::Paused) && job.state != JobState::Paused {
                resumed.push(job.clone());
            }
            if was == Some(JobState::Running) && job.state == JobState::Succeeded {
                succeeded.push(job.clone());
            }
            if was != Some(JobState::Paused) && job.state == JobState::Paused {
                story.pauses += 1;
            }
            if was != Some(job.state) {
                words.push_str(&format!(
                    "\n  job-{} {} of {} is {} {:?}, tried {} times",
                    story.number,
                    job.new.kind,
                    job.new.object,
                    job.state,
                    job.error_code,
                    job.new.attempt,
                ));
            }
            let expected = match job.state {
                JobState::Skipped => (0, 0),
                it if it.is_over() => (1, 1),
                _ => (1, 0),
            };
            assert_eq!(
                (story.intents, story.outcomes),
                expected,
                "audit of {job:?}"
            );
            self.known.insert(id, job);
        }
        self.begun += made
            .iter()
            .filter(|it| it.state != JobState::Skipped)
            .count() as u64;
        let unknown = self.stories.keys().find(|it| !self.known.contains_key(*it));
        assert_eq!(unknown, None, "the audit log knows a job that is not there");
        for uuid in told {
            self.md_was_told(&uuid, &candidates);
        }
        self.gaps_before = self.gaps;
        self.each_is_alone();
        self.each_goes_on(app, seen);
        News {
            made,
            resumed,
            succeeded,
            words,
        }
    }

    /// The jobs that are new, and those that were not over, as they are now.
    async fn read(&self, app: &App) -> BTreeMap<String, Job> {
        let mut read = BTreeMap::new();
        let mut filter = JobFilter::default();
        loop {
            let page = app.store.jobs(&filter, PAGE).await.unwrap();
            let is_last = page.len() < PAGE as usize
                || page.iter().any(|it| self.known.contains_key(&it.new.id));
            filter.before = page.last().map(|it| it.new.id.clone());
            let is_news = |it: &Job| {
                let known = self.known.get(&it.new.id);
                known.is_none_or(|known| !known.state.is_over() || known.state != it.state)
            };
            let news = page.into_iter().filter(is_news);
            read.extend(news.map(|it| (it.new.id.clone(), it)));
            if is_last {
                break;
            }
        }
        for job in self.open() {
            let id = &job.new.id;
            if !read.contains_key(id) {
                let now = app.store.job(id).await.unwrap();
                read.insert(id.clone(), now.unwrap_or_else(|| panic!("{job:?} is gone")));
            }
        }
        for (id, job) in &read {
            if let Some(before) = self.known.get(id) {
                let is_over = before.state.is_over();
                assert!(!is_over, "it was over: {before:?}, and is {job:?}");
            }
        }
        read
    }

    /// A job has its work done once, unless it was paused, or nobody could know whether it was.
    fn md_was_told(&mut self, uuid: &str, candidates: &BTreeSet<String>) {
        let object = format!("array:{uuid}");
        let holds = |it: &&String| {
            let job = &self.known[*it];
            job.new.kind == SCRUB && job.new.object == object
        };
        let id = candidates
            .iter()
            .filter(holds)
            .min_by_key(|it| self.stories[*it].told)
            .unwrap_or_else(|| panic!("md was told to read {uuid} for no job"))
            .clone();
        let gaps = self.gaps;
        let story = self.stories.get_mut(&id).unwrap();
        story.told += 1;
        let may = 1 + story.pauses + (gaps - story.gaps_before);
        assert!(
            story.told <= may,
            "{:?} had its work done twice: {story:?}, {gaps} gaps",
            self.known[&id]
        );
    }

    fn each_is_alone(&self) {
        let mut held = BTreeMap::new();
        for job in self.open() {
            if let Some(other) = held.insert(&job.new.object, job) {
                panic!("both hold {}: {other:?} and {job:?}", job.new.object);
            }
        }
    }

    /// What is not over is paused, or goes on in this process; and what says that md reads, md
    /// reads.
    fn each_goes_on(&self, app: &App, seen: &Seen) {
        let active = app.jobs.active();
        for job in self.open() {
            let whole = job.new.parent.as_ref().map(|it| &self.known[it]);
            assert!(
                whole.is_none_or(|it| !it.state.is_over()),
                "{job:?} outlives {whole:?}"
            );
            if job.state == JobState::Paused {
                continue;
            }
            assert!(active.contains(&job.new.id), "nobody does {job:?}");
            assert_eq!(job.state, JobState::Running, "{job:?}");
            if job.new.kind != SCRUB {
                continue;
            }
            if let Some(uuid) = job.new.object.strip_prefix("array:") {
                let action = seen.raid.by_uuid(uuid).and_then(|it| it.sync.action());
                assert!(
                    matches!(action, Some(SyncAction::Check | SyncAction::Repair)),
                    "md does {action:?} for {job:?}"
                );
            }
        }
        let all: BTreeSet<&String> = self.open().map(|it| &it.new.id).collect();
        let over = active.iter().find(|it| !all.contains(it));
        assert_eq!(over, None, "it is over and still goes on");
    }

    /// md forgets what it reads when the machine stops: no job may call that the end.
    pub(super) fn none_read_to_the_end(news: &News) {
        let read = news
            .succeeded
            .iter()
            .find(|it| it.new.object.starts_with("array:"));
        assert!(read.is_none(), "the machine stopped meanwhile: {read:?}");
    }

    /// So that parts can be told from wholes.
    pub(super) fn is_part(job: &Job) -> bool {
        job.new.parent.is_some()
    }
}

/// The machine as it was last seen, for those who ask about jobs.
pub(super) fn starts(app: &Arc<App>) -> u64 {
    app.simulation.as_ref().unwrap().machine.starts()
}
