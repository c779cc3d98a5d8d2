//! Token buckets, one for each client, in bounded memory.
//!
//! A bucket is one point in time, the generic cell rate algorithm
//! (<https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm>): when the client will have paid
//! for all it has asked. Who has paid need not be remembered, so that forgetting loses nothing
//! until more clients are in debt than there is room for; then those with the least debt are
//! forgotten, and whoever asks most stays limited.
//!
//! Made here and not taken from a crate, as the room has to be bounded whatever the flood, and the
//! time has to be tokio's, which tests can stop.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use tokio::time::Instant;

use super::ClientKey;

/// Clients in debt that are remembered: about 4 MiB.
const ROOM: usize = 1 << 16;

/// How many requests each client may make.
#[derive(Debug)]
pub(super) struct Buckets {
    /// What one request costs.
    cost: Duration,
    /// What a client may owe.
    credit: Duration,
    /// Until when each client has asked.
    paid: Mutex<HashMap<ClientKey, Instant>>,
    room: usize,
}

impl Buckets {
    /// `rate` requests a second for each client, and twice as many at once.
    pub(super) fn new(rate: NonZeroU32) -> Buckets {
        Buckets {
            cost: Duration::from_secs(1) / rate.get(),
            credit: Duration::from_secs(2),
            paid: Mutex::default(),
            room: ROOM,
        }
    }

    /// Let `client` ask once.
    ///
    /// # Errors
    /// It has asked too often; how long it should wait.
    pub(super) fn take(&self, client: ClientKey) -> Result<(), Duration> {
        let now = Instant::now();
        let mut paid = self.paid();
        let until = paid.get(&client).map_or(now, |until| now.max(*until)) + self.cost;
        let owes = until - now;
        if owes > self.credit {
            return Err(owes - self.credit);
        }
        if paid.len() >= self.room && !paid.contains_key(&client) {
            make_room(&mut paid, now, self.room / 2);
        }
        paid.insert(client, until);
        Ok(())
    }

    fn paid(&self) -> MutexGuard<'_, HashMap<ClientKey, Instant>> {
        self.paid.lock().expect("no holder of this lock panics")
    }
}

/// Forget who has paid, and if those are few also who owes least, until fewer than `keep` are left.
fn make_room(paid: &mut HashMap<ClientKey, Instant>, now: Instant, keep: usize) {
    paid.retain(|_, until| *until > now);
    if paid.len() <= keep {
        return;
    }
    let mut all: Vec<Instant> = paid.values().copied().collect();
    let cut = all.len() - keep;
    let (_, least, _) = all.select_nth_unstable(cut);
    paid.retain(|_, until| *until > *least);
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use tokio::time::advance;

    use super::*;

    fn client(number: u32) -> ClientKey {
        ClientKey::from(IpAddr::V4(Ipv4Addr::from_bits(number)))
    }

    fn ten() -> Buckets {
        Buckets::new(NonZeroU32::new(10).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_then_the_rate() {
        let buckets = ten();
        for _ in 0..20 {
            buckets.take(client(1)).unwrap();
        }
        assert_eq!(buckets.take(client(1)), Err(Duration::from_millis(100)));
        buckets.take(client(2)).expect("the other is not concerned");
        // Who asks in vain does not wait longer for it.
        assert_eq!(buckets.take(client(1)), Err(Duration::from_millis(100)));
        advance(Duration::from_millis(99)).await;
        buckets.take(client(1)).unwrap_err();
        advance(Duration::from_millis(1)).await;
        buckets.take(client(1)).unwrap();
        buckets.take(client(1)).unwrap_err();
        advance(Duration::from_secs(3600)).await;
        for _ in 0..20 {
            buckets.take(client(1)).unwrap();
        }
        buckets.take(client(1)).unwrap_err();
    }

    #[tokio::test(start_paused = true)]
    async fn the_room_is_bounded_and_who_asks_most_is_remembered() {
        let buckets = Buckets { room: 100, ..ten() };
        for _ in 0..20 {
            buckets.take(client(0)).unwrap();
        }
        for number in 1..10_000 {
            buckets.take(client(number)).unwrap();
            assert!(buckets.paid().len() <= 100);
        }
        buckets.take(client(0)).unwrap_err();
        advance(Duration::from_secs(3)).await;
        for number in 20_000..20_101 {
            buckets.take(client(number)).unwrap();
        }
        assert!(buckets.paid().len() <= 100, "all others had paid");
    }

    #[test]
    fn a_household_is_one_client() {
        let key = |it: &str| ClientKey::from(it.parse::<IpAddr>().unwrap());
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("192.0.2.1"), key("::ffff:192.0.2.1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    }
}
