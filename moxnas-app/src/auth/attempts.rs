//! How often a password may be guessed.
//!
//! Failures are counted for a name *and* an address together, so that nobody can lock another out by
//! guessing for them from elsewhere: each failure beyond the first few makes that address wait
//! longer for that name. Beside it all failures of an address are counted, so that trying one
//! password on many names is slow too. The counts are in memory; a restart forgets them, which
//! whoever can restart the service may do by other means as well.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    sync::Mutex,
    time::{Duration, SystemTime},
};

/// Failures before an address has to wait.
const FREE: usize = 5;
/// How long to wait after the fifth failure, the sixth, and so on; the last one from then on.
const WAITS: [Duration; 6] = [
    Duration::from_secs(30),
    Duration::from_secs(60),
    Duration::from_secs(2 * 60),
    Duration::from_secs(4 * 60),
    Duration::from_secs(8 * 60),
    Duration::from_secs(15 * 60),
];
/// After this long without another failure all is forgotten.
const QUIET: Duration = Duration::from_secs(60 * 60);
/// Failures of one address for all names ...
const OF_ADDRESS: usize = 50;
/// ... within this time.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Names come from outside, so what is kept is bounded: about 1 MB.
const KEPT: usize = 4096;

/// Where an attempt comes from. Each is counted for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source<'a> {
    /// Somebody who logs in, from this address.
    Network(Option<&'a str>),
    /// Somebody who is logged in and has to show the password again.
    Proof,
    /// Somebody who is logged in and has to show a code.
    Code,
}

/// Recent failures.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// By name and source.
    names: BTreeMap<(String, String), Vec<SystemTime>>,
    /// By address, for all names.
    addresses: BTreeMap<String, Vec<SystemTime>>,
}

impl Attempts {
    /// Count an attempt as failed until [`Attempts::succeeded`] says otherwise: so that many at
    /// once are no more guesses than one after the other. The error is the time to wait.
    pub(super) fn begin(
        &self,
        name: &str,
        source: Source<'_>,
        now: SystemTime,
    ) -> Result<(), Duration> {
        let mut all = self.0.lock().expect("no holder of this lock panics");
        let Counts { names, addresses } = &mut *all;
        let from = source.key();
        if let Source::Network(_) = source {
            let recent = entry(addresses, from.clone(), now, WINDOW);
            recent.retain(|at| counts(*at, now, WINDOW));
            if recent.len() >= OF_ADDRESS {
                let oldest = recent.first().copied().unwrap_or(now);
                return Err(left(oldest, WINDOW, now));
            }
        }
        let recent = entry(names, (name.to_owned(), from.clone()), now, QUIET);
        if !recent.last().is_some_and(|at| counts(*at, now, QUIET)) {
            recent.clear();
        }
        if let Some(last) = recent.last().copied()
            && let Some(beyond) = recent.len().checked_sub(FREE)
        {
            let left = left(last, WAITS[beyond.min(WAITS.len() - 1)], now);
            if !left.is_zero() {
                return Err(left);
            }
        }
        if recent.len() >= FREE + WAITS.len() {
            recent.remove(0);
        }
        recent.push(now);
        if let (Source::Network(_), Some(recent)) = (source, addresses.get_mut(&from)) {
            recent.push(now);
        }
        Ok(())
    }

    /// The password was not looked at: the service was busy or broken, which is nobody's failure.
    /// If others were to make it busy, they would lock this one out.
    pub(super) fn take_back(&self, name: &str, source: Source<'_>) {
        let mut all = self.0.lock().expect("no holder of this lock panics");
        let from = source.key();
        if let Some(recent) = all.names.get_mut(&(name.to_owned(), from.clone())) {
            recent.pop();
        }
        if let (Source::Network(_), Some(recent)) = (source, all.addresses.get_mut(&from)) {
            recent.pop();
        }
    }

    /// The password was right. What the address did to other names stays counted.
    pub(super) fn succeeded(&self, name: &str, source: Source<'_>) {
        self.take_back(name, source);
        let mut all = self.0.lock().expect("no holder of this lock panics");
        all.names.remove(&(name.to_owned(), source.key()));
    }
}

impl Source<'_> {
    /// Who is behind it. A single client of IPv6 usually has a whole /64.
    fn key(self) -> String {
        let address = match self {
            Source::Network(Some(address)) => address,
            Source::Network(None) => return String::new(),
            Source::Proof => return "proof".to_owned(),
            Source::Code => return "code".to_owned(),
        };
        match address.parse() {
            Ok(IpAddr::V6(v6)) => match v6.to_ipv4_mapped() {
                Some(v4) => v4.to_string(),
                None => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).to_string(),
            },
            _ => address.to_owned(),
        }
    }
}

/// A failure in the future does not count: the clock was set back.
fn counts(at: SystemTime, now: SystemTime, within: Duration) -> bool {
    now.duration_since(at).is_ok_and(|age| age < within)
}

fn left(since: SystemTime, wait: Duration, now: SystemTime) -> Duration {
    wait.saturating_sub(now.duration_since(since).unwrap_or_default())
}

/// What is kept under a key; another has to go if there are too many.
fn entry<K: Ord + Clone>(
    all: &mut BTreeMap<K, Vec<SystemTime>>,
    key: K,
    now: SystemTime,
    within: Duration,
) -> &mut Vec<SystemTime> {
    if all.len() >= KEPT && !all.contains_key(&key) {
        all.retain(|_, recent| recent.last().is_some_and(|at| counts(*at, now, within)));
        if all.len() >= KEPT {
            // Who has been quiet for longest.
            let quietest = all.iter().min_by_key(|(_, recent)| recent.last().copied());
            if let Some(key) = quietest.map(|(key, _)| key.clone()) {
                all.remove(&key);
            }
        }
    }
    all.entry(key).or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Source<'_> = Source::Network(Some("10.0.0.1"));
    const THERE: Source<'_> = Source::Network(Some("10.0.0.2"));

    fn at(second: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + second)
    }

    #[test]
    fn each_failure_beyond_the_fifth_waits_longer() {
        let attempts = Attempts::default();
        let mut now = 0;
        for _ in 0..5 {
            assert_eq!(attempts.begin("ann", HERE, at(now)), Ok(()));
        }
        for wait in [30, 60, 120, 240, 480, 900, 900, 900] {
            let left = Duration::from_secs(wait - 1);
            assert_eq!(attempts.begin("ann", HERE, at(now + 1)), Err(left));
            now += wait;
            assert_eq!(attempts.begin("ann", HERE, at(now)), Ok(()), "{wait}");
        }
        // Neither another address nor another name is concerned.
        assert_eq!(attempts.begin("ann", THERE, at(now)), Ok(()));
        assert_eq!(attempts.begin("ann", Source::Proof, at(now)), Ok(()));
        assert_eq!(attempts.begin("bob", HERE, at(now)), Ok(()));
        // An hour without a failure, and it begins anew.
        for _ in 0..5 {
            assert_eq!(attempts.begin("ann", HERE, at(now + 3600)), Ok(()));
        }
        assert!(attempts.begin("ann", HERE, at(now + 3600)).is_err());
    }

    #[test]
    fn one_password_on_many_names_is_slow_and_stops_nobody_elsewhere() {
        let attempts = Attempts::default();
        for n in 0..50 {
            assert_eq!(attempts.begin(&format!("name{n}"), HERE, at(n)), Ok(()));
        }
        let wait = Duration::from_secs(15 * 60 - 60);
        assert_eq!(attempts.begin("ann", HERE, at(60)), Err(wait));
        assert_eq!(attempts.begin("ann", THERE, at(60)), Ok(()));
        assert_eq!(attempts.begin("ann", Source::Proof, at(60)), Ok(()));
        assert_eq!(attempts.begin("ann", HERE, at(900)), Ok(()));
        assert!(attempts.begin("bob", HERE, at(900)).is_err());
    }

    /// Whoever has a login of their own must not wash the count of their address with it.
    #[test]
    fn a_success_does_not_excuse_what_was_done_to_others() {
        let attempts = Attempts::default();
        let mut failures = 0;
        while attempts
            .begin(&format!("name{failures}"), HERE, at(0))
            .is_ok()
        {
            failures += 1;
            if attempts.begin("mine", HERE, at(0)).is_ok() {
                attempts.succeeded("mine", HERE);
            }
        }
        assert_eq!(failures, 50);
    }

    #[test]
    fn success_forgets_and_a_clock_set_back_does_not_lock_out() {
        let attempts = Attempts::default();
        for _ in 0..4 {
            attempts.begin("ann", HERE, at(0)).unwrap();
        }
        attempts.succeeded("ann", HERE);
        for _ in 0..5 {
            attempts.begin("ann", HERE, at(50)).unwrap();
        }
        assert!(attempts.begin("ann", HERE, at(50)).is_err());
        assert_eq!(attempts.begin("ann", HERE, at(0)), Ok(()));
    }

    #[test]
    fn what_was_not_looked_at_is_no_failure() {
        let attempts = Attempts::default();
        for _ in 0..100 {
            attempts.begin("ann", HERE, at(0)).unwrap();
            attempts.take_back("ann", HERE);
        }
        attempts.take_back("bob", HERE);
    }

    #[test]
    fn one_ipv6_network_is_one_source() {
        let key = |address| Source::Network(Some(address)).key();
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:0:1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("::ffff:10.0.0.1"), key("10.0.0.1"));
        assert_ne!(key("::ffff:10.0.0.1"), key("10.0.0.2"));
    }

    #[test]
    fn memory_is_bounded() {
        let attempts = Attempts::default();
        for n in 0..KEPT + 100 {
            let address = format!("10.1.{}.{}", n / 256, n % 256);
            let from = Source::Network(Some(&address));
            attempts.begin(&format!("name{n}"), from, at(0)).unwrap();
        }
        let all = attempts.0.lock().unwrap();
        assert_eq!((all.names.len(), all.addresses.len()), (KEPT, KEPT));
    }
}
