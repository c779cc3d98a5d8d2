//! How fast pools grow: how full each is is written down once an hour.

use std::time::UNIX_EPOCH;

use moxnas_pool::{
    growth::{KEPT, Sample, growth},
    model::Pool,
};

use super::App;
use crate::error::Error;

const HOUR: u64 = 3600;

impl App {
    /// Write down how full a pool is, if that is due, and say how fast it grows. What is not known is
    /// not written down. Only in the process that may change the machine.
    pub async fn note_space(&self, pool: &Pool) -> Result<(), Error> {
        let seen = self.seen();
        let Some(asked) = seen.answers.contents.get(&pool.name) else {
            return Ok(());
        };
        let Ok(contents) = &asked.said else {
            return Ok(());
        };
        let hour = asked.as_of.duration_since(UNIX_EPOCH).unwrap_or_default();
        let hour = hour.as_secs() / HOUR;
        if !self.may_change() || self.space_noted(&pool.uuid) == Some(hour) {
            return Ok(());
        }
        let sample = Sample {
            at: asked.as_of,
            used: contents.space.used,
        };
        let mut write = self.store.begin_write().await?;
        let forget = sample.at.checked_sub(KEPT).unwrap_or(UNIX_EPOCH);
        write.add_pool_sample(&pool.uuid, sample, forget).await?;
        write.commit().await?;
        let grows = growth(&self.store.pool_samples(&pool.uuid).await?);
        self.see_answer(|answers| {
            match grows {
                Some(grows) => answers.growth.insert(pool.name.clone(), grows),
                None => answers.growth.remove(&pool.name),
            };
        });
        let mut noted = self.noted_at.lock().expect("no holder of this lock panics");
        noted.insert(pool.uuid.clone(), hour);
        Ok(())
    }

    /// The hour in which a pool was last written down.
    fn space_noted(&self, pool: &str) -> Option<u64> {
        let noted = self.noted_at.lock().expect("no holder of this lock panics");
        noted.get(pool).copied()
    }
}
