//! How often a password may be guessed.
//!
//! Failures are counted for a name *and* an address together: nobody can lock another out by
//! guessing for them from elsewhere. The counts are in memory; a restart forgets them, which
//! whoever can restart the service may do by other means as well.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    sync::Mutex,
    time::{Duration, SystemTime},
};

/// Failures after which an address has to wait.
const LIMIT: usize = 5;
/// How long a failure counts.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Names come from outside, so what is kept is bounded: about 1 MB.
const KEPT: usize = 4096;

/// Recent failures, by name and source.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<BTreeMap<(String, String), Vec<SystemTime>>>);

impl Attempts {
    /// Count an attempt as failed until [`Attempts::succeeded`] says otherwise: so that many at
    /// once are no more guesses than one after the other. The error is the time to wait.
    pub(super) fn begin(
        &self,
        name: &str,
        address: Option<&str>,
        now: SystemTime,
    ) -> Result<(), Duration> {
        let mut all = self.0.lock().expect("no holder of this lock panics");
        let key = (name.to_owned(), source(address));
        if all.len() >= KEPT && !all.contains_key(&key) {
            make_room(&mut all, now);
        }
        let recent = all.entry(key).or_default();
        recent.retain(|at| counts(*at, now));
        if recent.len() >= LIMIT {
            let oldest = recent.first().copied().unwrap_or(now);
            return Err(WINDOW.saturating_sub(now.duration_since(oldest).unwrap_or_default()));
        }
        recent.push(now);
        Ok(())
    }

    /// The password was not looked at: the service was busy or broken, which is nobody's failure.
    /// If others were to make it busy, they would lock this one out.
    pub(super) fn take_back(&self, name: &str, address: Option<&str>) {
        let mut all = self.0.lock().expect("no holder of this lock panics");
        if let Some(recent) = all.get_mut(&(name.to_owned(), source(address))) {
            recent.pop();
        }
    }

    /// The password was right.
    pub(super) fn succeeded(&self, name: &str, address: Option<&str>) {
        let mut all = self.0.lock().expect("no holder of this lock panics");
        all.remove(&(name.to_owned(), source(address)));
    }
}

/// A failure in the future does not count: the clock was set back.
fn counts(at: SystemTime, now: SystemTime) -> bool {
    now.duration_since(at).is_ok_and(|age| age < WINDOW)
}

/// Forget what no longer counts; if that is nothing, who has been quiet for longest.
fn make_room(all: &mut BTreeMap<(String, String), Vec<SystemTime>>, now: SystemTime) {
    all.retain(|_, recent| recent.last().is_some_and(|at| counts(*at, now)));
    if all.len() >= KEPT {
        let quietest = all.iter().min_by_key(|(_, recent)| recent.last().copied());
        if let Some(key) = quietest.map(|(key, _)| key.clone()) {
            all.remove(&key);
        }
    }
}

/// Who is behind an address. A single client of IPv6 usually has a whole /64.
fn source(address: Option<&str>) -> String {
    let Some(address) = address else {
        return String::new();
    };
    match address.parse() {
        Ok(IpAddr::V6(v6)) => match v6.to_ipv4_mapped() {
            Some(v4) => v4.to_string(),
            None => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).to_string(),
        },
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + second)
    }

    #[test]
    fn the_sixth_failure_waits_for_the_first_to_age() {
        let attempts = Attempts::default();
        for second in 0..5 {
            assert_eq!(attempts.begin("ann", Some("10.0.0.1"), at(second)), Ok(()));
        }
        let wait = Duration::from_secs(15 * 60 - 10);
        assert_eq!(attempts.begin("ann", Some("10.0.0.1"), at(10)), Err(wait));
        assert_eq!(attempts.begin("ann", Some("10.0.0.2"), at(10)), Ok(()));
        assert_eq!(attempts.begin("bob", Some("10.0.0.1"), at(10)), Ok(()));
        assert_eq!(attempts.begin("ann", Some("10.0.0.1"), at(900)), Ok(()));
        assert!(attempts.begin("ann", Some("10.0.0.1"), at(900)).is_err());
    }

    #[test]
    fn success_forgets_and_a_clock_set_back_does_not_lock_out() {
        let attempts = Attempts::default();
        for _ in 0..4 {
            attempts.begin("ann", None, at(0)).unwrap();
        }
        attempts.succeeded("ann", None);
        for _ in 0..5 {
            attempts.begin("ann", None, at(50)).unwrap();
        }
        assert!(attempts.begin("ann", None, at(50)).is_err());
        assert_eq!(attempts.begin("ann", None, at(0)), Ok(()));
    }

    #[test]
    fn what_was_not_looked_at_is_no_failure() {
        let attempts = Attempts::default();
        for _ in 0..20 {
            attempts.begin("ann", None, at(0)).unwrap();
            attempts.take_back("ann", None);
        }
        attempts.take_back("bob", None);
    }

    #[test]
    fn one_ipv6_network_is_one_source() {
        assert_eq!(
            source(Some("2001:db8::1")),
            source(Some("2001:db8::ffff:0:1"))
        );
        assert_ne!(source(Some("2001:db8::1")), source(Some("2001:db8:0:1::1")));
        assert_eq!(source(Some("::ffff:10.0.0.1")), source(Some("10.0.0.1")));
        assert_ne!(source(Some("::ffff:10.0.0.1")), source(Some("10.0.0.2")));
    }

    #[test]
    fn memory_is_bounded() {
        let attempts = Attempts::default();
        for n in 0..KEPT + 100 {
            attempts
                .begin(&format!("name{n}"), None, at(n as u64 / 100))
                .unwrap();
        }
        assert_eq!(attempts.0.lock().unwrap().len(), KEPT);
    }
}
