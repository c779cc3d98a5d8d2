//! Looking for records.

use std::{fmt::Write as _, time::SystemTime};

use sqlx::AssertSqlSafe;

use super::{
    super::{Store, StoreError, engine::on_pool, failed, to_millis},
    line_columns,
};
use crate::audit::chain::Line;

/// Which records are wanted; what is `None` does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// By this caller.
    pub actor: Option<String>,
    /// By this operation.
    pub operation: Option<String>,
    /// About this object.
    pub object: Option<String>,
    /// Of this phase.
    pub phase: Option<String>,
    /// With this result.
    pub result: Option<String>,
    /// Of this request.
    pub request_id: Option<String>,
    /// Not before.
    pub from: Option<SystemTime>,
    /// Before.
    pub to: Option<SystemTime>,
}

/// Which records come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuditOrder {
    /// The newest.
    #[default]
    NewestFirst,
    /// The oldest.
    OldestFirst,
}

impl AuditFilter {
    /// Whether every record is wanted.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == AuditFilter::default()
    }

    /// The conditions, and what is to be bound to them: texts, then numbers.
    fn conditions(&self) -> (String, Vec<&str>, Vec<i64>) {
        let texts = [
            ("actor", &self.actor),
            ("operation", &self.operation),
            ("object", &self.object),
            ("phase", &self.phase),
            ("result", &self.result),
            ("request_id", &self.request_id),
        ];
        let times = [("at >=", self.from), ("at <", self.to)];
        let (mut sql, mut bound) = (String::new(), 0);
        let mut and = |condition: &str| {
            bound += 1;
            // The names are those above: nothing of the caller's is part of the text.
            write!(sql, " AND {condition} ${bound}").expect("writing to a string does not fail");
        };
        let mut wanted = Vec::new();
        for (name, text) in texts {
            if let Some(text) = text {
                and(&format!("{name} ="));
                wanted.push(text.as_str());
            }
        }
        let mut between = Vec::new();
        for (condition, time) in times {
            if let Some(time) = time {
                and(condition);
                between.push(to_millis(time));
            }
        }
        (sql, wanted, between)
    }
}

impl Store {
    /// Up to `limit` records behind the one with the id `after`, in that order.
    pub async fn audit_lines(
        &self,
        filter: &AuditFilter,
        order: AuditOrder,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Line>, StoreError> {
        let (conditions, texts, numbers) = filter.conditions();
        let bound = texts.len() + numbers.len();
        let (behind, direction, start) = match order {
            AuditOrder::NewestFirst => ("<", "DESC", i64::MAX),
            AuditOrder::OldestFirst => (">", "ASC", i64::MIN),
        };
        let sql = format!(
            "SELECT {} FROM audit WHERE id {behind} ${}{conditions} ORDER BY id {direction} LIMIT ${}",
            line_columns!(),
            bound + 1,
            bound + 2,
        );
        on_pool!(self, db => {
            let mut query = sqlx::query_as::<_, Line>(AssertSqlSafe(sql));
            for text in texts {
                query = query.bind(text);
            }
            for number in numbers {
                query = query.bind(number);
            }
            query
                .bind(after.unwrap_or(start))
                .bind(i64::from(limit))
                .fetch_all(db)
                .await
        })
        .map_err(failed("read the audit log"))
    }

    /// Up to `limit` records of this machine behind the one with that place in the chain.
    pub async fn audit_lines_behind(&self, seq: i64, limit: u32) -> Result<Vec<Line>, StoreError> {
        on_pool!(self, db => sqlx::query_as(concat!(
            "SELECT ",
            line_columns!(),
            " FROM audit WHERE node = $1 AND seq > $2 ORDER BY seq LIMIT $3"
        ))
        .bind(&self.node.id)
        .bind(seq)
        .bind(i64::from(limit))
        .fetch_all(db)
        .await)
        .map_err(failed("read the audit log"))
    }
}
