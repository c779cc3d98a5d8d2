//! One after the other: who may use the database next.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use tokio::sync::Semaphore;

/// Turns of those who use the database, for a runtime of one thread that says when it has nothing
/// else to do: see [`Turns::idle`].
///
/// Whoever has the turn is the only one for whom something happens elsewhere, and everybody else
/// waits for a turn or for an event that somebody with a turn would bring about. So it makes no
/// difference how fast the database is.
#[derive(Clone, Default)]
pub struct Turns(Arc<Queue>);

struct Queue {
    free: Semaphore,
    waiting: AtomicUsize,
    is_given: AtomicBool,
}

impl Default for Queue {
    fn default() -> Queue {
        Queue {
            free: Semaphore::new(0),
            waiting: AtomicUsize::new(0),
            is_given: AtomicBool::new(false),
        }
    }
}

impl Turns {
    /// Nothing else is left to do: whoever has waited longest has the turn, if nobody has it. To be
    /// called when the thread of the runtime is about to wait (`on_thread_park`).
    pub fn idle(&self) {
        let queue = &self.0;
        if queue.waiting.load(Ordering::Relaxed) > 0
            && !queue.is_given.swap(true, Ordering::Relaxed)
        {
            queue.free.add_permits(1);
        }
    }

    /// Wait for the turn. It lasts until the answer is dropped.
    pub(crate) async fn take(&self) -> Turn {
        let waits = Waits::new(&self.0);
        let free = self.0.free.acquire().await;
        free.expect("it is never closed").forget();
        drop(waits);
        Turn(Arc::clone(&self.0))
    }
}

impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Turns(..)")
    }
}

/// Counted for as long as it waits, also where it is given up.
struct Waits<'a>(&'a Queue);

impl Waits<'_> {
    fn new(queue: &Queue) -> Waits<'_> {
        queue.waiting.fetch_add(1, Ordering::Relaxed);
        Waits(queue)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The turn.
pub(crate) struct Turn(Arc<Queue>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.is_given.store(false, Ordering::Relaxed);
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Turn(..)")
    }
}
