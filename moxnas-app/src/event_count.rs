//! Events that many wait for.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// How often something has happened. Those who wait for it to happen again are woken in the order
/// in which they came, which a `watch` channel leaves to chance: the same calls then have the same
/// effects on a runtime of one thread.
#[derive(Debug, Default)]
pub(crate) struct EventCount {
    count: AtomicU64,
    more: Notify,
}

impl EventCount {
    /// It has happened.
    pub(crate) fn add(&self) {
        self.count.fetch_add(1, Ordering::AcqRel);
        self.more.notify_waiters();
    }

    /// How often so far.
    pub(crate) fn now(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// Wait until it has happened more often than `known`, which then is how often.
    pub(crate) async fn beyond(&self, known: &mut u64) {
        loop {
            // Made before the look at the count: no event falls between the two.
            let more = self.more.notified();
            let now = self.now();
            if now > *known {
                *known = now;
                return;
            }
            more.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[tokio::test]
    async fn all_are_woken_in_the_order_in_which_they_came() {
        let events = Arc::new(EventCount::default());
        let woken = Arc::new(Mutex::new(Vec::new()));
        let waiting: Vec<_> = (0..50)
            .map(|number| {
                let (events, woken) = (Arc::clone(&events), Arc::clone(&woken));
                tokio::spawn(async move {
                    for round in 0..3 {
                        let mut known = round;
                        events.beyond(&mut known).await;
                        assert_eq!(known, round + 1);
                        woken.lock().unwrap().push(number);
                    }
                })
            })
            .collect();
        for _ in 0..3 {
            tokio::task::yield_now().await;
            events.add();
            tokio::task::yield_now().await;
            let woken = std::mem::take(&mut *woken.lock().unwrap());
            assert_eq!(woken, (0..50).collect::<Vec<_>>());
        }
        for it in waiting {
            it.await.unwrap();
        }
    }

    #[tokio::test]
    async fn what_happened_before_is_not_waited_for() {
        let events = EventCount::default();
        events.add();
        events.add();
        let mut known = 0;
        events.beyond(&mut known).await;
        assert_eq!(known, events.now());
    }
}
