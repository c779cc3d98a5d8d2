//! What recent callers' sessions and keys are worth, so that a request does not wait for the
//! database.
//!
//! The database stays the truth. An entry is what it said, forgotten in three ways: every change
//! to logins and sessions empties the lot (changes are rare, and one indexed read brings an entry
//! back); an entry is asked for again after [`FRESH`], for a database that was changed by another
//! process or restored; and there are at most [`KEPT`]. Keeping revoked sessions instead would
//! fail open whenever one was missed.

use std::{
    collections::HashMap,
    sync::{
        Arc, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

/// How long a change made behind our back can go unnoticed.
const FRESH: Duration = Duration::from_secs(5);
/// How often it is written down that a credential is in use.
const TOUCHED: Duration = Duration::from_secs(60);
/// More sessions than a NAS has; about 2 MB.
const KEPT: usize = 8192;

/// What was recently seen, by the id or the hash of the credential.
#[derive(Debug)]
pub(super) struct Known<T>(RwLock<Kept<T>>);

#[derive(Debug)]
struct Kept<T> {
    /// How often it was emptied.
    generation: u64,
    entries: HashMap<String, (SystemTime, Arc<Seen<T>>)>,
}

impl<T> Default for Known<T> {
    fn default() -> Known<T> {
        Known(RwLock::new(Kept {
            generation: 0,
            entries: HashMap::new(),
        }))
    }
}

/// What the database said of a credential.
#[derive(Debug)]
pub(super) struct Seen<T> {
    /// What it is worth.
    pub(super) state: T,
    used_at: Option<SystemTime>,
    is_touched: AtomicBool,
}

impl<T> Seen<T> {
    /// `used_at` is when it was last written down that the credential is in use.
    pub(super) fn new(state: T, used_at: Option<SystemTime>) -> Seen<T> {
        Seen {
            state,
            used_at,
            is_touched: AtomicBool::new(false),
        }
    }

    /// Whether it has to be written down again. Says so once.
    pub(super) fn is_due(&self, now: SystemTime) -> bool {
        let is_recent = |at: SystemTime| now.duration_since(at).is_ok_and(|age| age < TOUCHED);
        !self.used_at.is_some_and(is_recent) && !self.is_touched.swap(true, Ordering::Relaxed)
    }
}

/// What [`Known`] was when a read of the database began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Generation(u64);

impl<T> Known<T> {
    /// What is known of it, or what to hand to [`Known::learn`] after asking the database.
    pub(super) fn get(&self, id: &str, now: SystemTime) -> Result<Arc<Seen<T>>, Generation> {
        let known = self.0.read().expect("no holder of this lock panics");
        match known.entries.get(id) {
            Some((asked, state)) if now.duration_since(*asked).is_ok_and(|age| age < FRESH) => {
                Ok(Arc::clone(state))
            }
            _ => Err(Generation(known.generation)),
        }
    }

    /// Keep what the database said, unless something has changed since it was asked.
    pub(super) fn learn(
        &self,
        id: &str,
        state: &Arc<Seen<T>>,
        asked: SystemTime,
        generation: Generation,
    ) {
        let mut known = self.0.write().expect("no holder of this lock panics");
        if known.generation != generation.0 {
            return;
        }
        if known.entries.len() >= KEPT {
            known.entries.clear();
        }
        known
            .entries
            .insert(id.to_owned(), (asked, Arc::clone(state)));
    }

    /// Something has changed.
    pub(super) fn forget(&self) {
        let mut known = self.0.write().expect("no holder of this lock panics");
        known.generation += 1;
        known.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn state() -> Arc<Seen<u8>> {
        Arc::new(Seen::new(1, None))
    }

    #[test]
    fn use_is_written_down_once_a_minute() {
        let seen = Seen::new((), Some(NOW));
        assert!(!seen.is_due(NOW + TOUCHED / 2));
        assert!(seen.is_due(NOW + TOUCHED));
        assert!(!seen.is_due(NOW + TOUCHED * 2), "it is being written");
        assert!(Seen::new((), None).is_due(NOW));
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept() {
        let known = Known::default();
        let generation = known.get("s", NOW).unwrap_err();
        known.forget();
        known.learn("s", &state(), NOW, generation);
        let generation = known.get("s", NOW).unwrap_err();
        known.learn("s", &state(), NOW, generation);
        assert!(known.get("s", NOW).is_ok());
        known.forget();
        assert!(known.get("s", NOW).is_err());
    }

    #[test]
    fn what_is_kept_ages_and_a_clock_set_back_does_not_renew_it() {
        let known = Known::default();
        let later = NOW + Duration::from_secs(100);
        let generation = known.get("s", later).unwrap_err();
        known.learn("s", &state(), later, generation);
        assert!(known.get("s", later + FRESH / 2).is_ok());
        assert!(known.get("s", later + FRESH).is_err());
        assert!(known.get("s", NOW).is_err());
    }

    #[test]
    fn memory_is_bounded() {
        let known = Known::<u8>::default();
        for n in 0..KEPT + 10 {
            let generation = known.get("s", NOW).unwrap_err();
            known.learn(&n.to_string(), &state(), NOW, generation);
        }
        assert_eq!(known.0.read().unwrap().entries.len(), 10);
    }
}
