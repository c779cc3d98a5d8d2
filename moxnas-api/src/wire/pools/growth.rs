//! How fast pools grow.

use moxnas_app::Seen;
use moxnas_pool::model::Pool;
use poem_openapi::Object;

/// How fast what is in a pool grows, told by how full it was each hour. What was copied or deleted once
/// does not count
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct PoolGrowth {
    /// Bytes a day; less than 0: it shrinks
    pub bytes_per_day: f64,
    /// Of how many days that is, 30 at most
    pub over_days: f64,
    /// How many days until nothing can be written any more, if that goes on; left out if it does not
    /// grow
    pub days_until_full: Option<f64>,
}

impl PoolGrowth {
    pub(super) fn of(pool: &Pool, seen: &Seen) -> Option<PoolGrowth> {
        let growth = seen.answers.growth.get(&pool.name)?;
        let asked = seen.answers.contents.get(&pool.name);
        let contents = asked.and_then(|it| it.said.as_deref().ok());
        Some(PoolGrowth {
            bytes_per_day: growth.per_day,
            over_days: growth.over.as_secs_f64() / 86_400.0,
            days_until_full: contents.and_then(|it| growth.days_until_full(&it.space)),
        })
    }
}
