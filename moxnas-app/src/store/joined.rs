//! One read for all who ask at the same time.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

/// Lets callers share a read of the database that began after each of them came: as good for all of
/// them as one of their own.
#[derive(Debug)]
pub(super) struct Joined<T> {
    begun: AtomicU64,
    /// The number of the last read that was done, and what it said.
    last: Mutex<(u64, Option<T>)>,
}

impl<T> Default for Joined<T> {
    fn default() -> Joined<T> {
        Joined {
            begun: AtomicU64::new(0),
            last: Mutex::new((0, None)),
        }
    }
}

impl<T: Clone> Joined<T> {
    /// What `read` says, or what one said that began after the call. A failure is the caller's own:
    /// the next one reads again.
    pub(super) async fn get<E>(&self, read: impl AsyncFnOnce() -> Result<T, E>) -> Result<T, E> {
        let before = self.begun.load(Ordering::Acquire);
        let mut last = self.last.lock().await;
        if let (number, Some(said)) = &*last
            && *number > before
        {
            return Ok(said.clone());
        }
        let number = self.begun.fetch_add(1, Ordering::AcqRel) + 1;
        let said = read().await?;
        *last = (number, Some(said.clone()));
        Ok(said)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize},
    };

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nobody_gets_what_was_read_before_it_came() {
        let (joined, truth) = (Arc::new(Joined::default()), Arc::new(AtomicU64::new(0)));
        let (reads, is_over) = (
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let writer = {
            let (truth, is_over) = (Arc::clone(&truth), Arc::clone(&is_over));
            std::thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    truth.fetch_add(1, Ordering::SeqCst);
                }
            })
        };
        let readers = (0..16).map(|_| {
            let (joined, truth, reads) =
                (Arc::clone(&joined), Arc::clone(&truth), Arc::clone(&reads));
            tokio::spawn(async move {
                for _ in 0..500 {
                    let at_least = truth.load(Ordering::SeqCst);
                    let read = async || {
                        reads.fetch_add(1, Ordering::Relaxed);
                        tokio::task::yield_now().await;
                        Ok::<_, ()>(truth.load(Ordering::SeqCst))
                    };
                    assert!(joined.get(read).await.unwrap() >= at_least);
                }
            })
        });
        for it in readers.collect::<Vec<_>>() {
            it.await.unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
        writer.join().unwrap();
        let reads = reads.load(Ordering::Relaxed);
        assert!((2..8000).contains(&reads), "{reads} reads for 8000 answers");
    }

    #[tokio::test]
    async fn who_is_alone_reads_and_a_failure_is_told_once() {
        let joined = Joined::default();
        assert_eq!(joined.get(async || Err(1)).await, Err::<u8, _>(1));
        assert_eq!(joined.get(async || Ok::<_, u8>(2)).await, Ok(2));
        assert_eq!(joined.get(async || Ok::<_, u8>(3)).await, Ok(3));
    }
}
