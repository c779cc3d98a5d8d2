//! What recent callers' sessions are worth, so that a request does not wait for the database.
//!
//! The database stays the truth. An entry is what it said, forgotten in three ways: every change
//! to logins and sessions empties the lot (changes are rare, and one indexed read brings an entry
//! back); an entry is asked for again after [`FRESH`], for a database that was changed by another
//! process or restored; and there are at most [`KEPT`]. Keeping revoked sessions instead would
//! fail open whenever one was missed.

use std::{
    collections::HashMap,
    sync::{Arc, RwLock},
    time::{Duration, SystemTime},
};

use crate::store::SessionState;

/// How long a change made behind our back can go unnoticed.
const FRESH: Duration = Duration::from_secs(5);
/// More sessions than a NAS has; about 2 MB.
const KEPT: usize = 8192;

/// Recently seen sessions.
#[derive(Debug, Default)]
pub(super) struct KnownSessions(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    /// How often it was emptied.
    generation: u64,
    sessions: HashMap<String, (SystemTime, Arc<SessionState>)>,
}

/// What [`KnownSessions`] was when a read of the database began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Generation(u64);

impl KnownSessions {
    /// The session, or what to hand to [`KnownSessions::learn`] after asking the database.
    pub(super) fn get(&self, id: &str, now: SystemTime) -> Result<Arc<SessionState>, Generation> {
        let known = self.0.read().expect("no holder of this lock panics");
        match known.sessions.get(id) {
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
        state: &Arc<SessionState>,
        asked: SystemTime,
        generation: Generation,
    ) {
        let mut known = self.0.write().expect("no holder of this lock panics");
        if known.generation != generation.0 {
            return;
        }
        if known.sessions.len() >= KEPT {
            known.sessions.clear();
        }
        known
            .sessions
            .insert(id.to_owned(), (asked, Arc::clone(state)));
    }

    /// Something has changed.
    pub(super) fn forget(&self) {
        let mut known = self.0.write().expect("no holder of this lock panics");
        known.generation += 1;
        known.sessions.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{actor::Role, store::Login};

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn state() -> Arc<SessionState> {
        let login = Login {
            id: 1,
            username: "ann".to_owned(),
            role: Role::User,
            disabled: false,
            has_password: true,
            has_totp: false,
            account: None,
            last_login_at: None,
            created_at: NOW,
            updated_at: NOW,
        };
        Arc::new(SessionState {
            login,
            revoked_at: None,
        })
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept() {
        let known = KnownSessions::default();
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
        let known = KnownSessions::default();
        let later = NOW + Duration::from_secs(100);
        let generation = known.get("s", later).unwrap_err();
        known.learn("s", &state(), later, generation);
        assert!(known.get("s", later + FRESH / 2).is_ok());
        assert!(known.get("s", later + FRESH).is_err());
        assert!(known.get("s", NOW).is_err());
    }

    #[test]
    fn memory_is_bounded() {
        let known = KnownSessions::default();
        for n in 0..KEPT + 10 {
            let generation = known.get("s", NOW).unwrap_err();
            known.learn(&n.to_string(), &state(), NOW, generation);
        }
        assert_eq!(known.0.read().unwrap().sessions.len(), 10);
    }
}
