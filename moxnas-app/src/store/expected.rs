//! What arrays should be there.

use std::{collections::BTreeSet, time::SystemTime};

use moxnas_core::disk::{BadDeviceId, DeviceId};
use moxnas_raid::{ExpectedArray, Level};
use sqlx::FromRow;

use super::{
    Store, StoreError, Write,
    engine::{on_pool, on_tx},
    failed, from_millis, to_millis,
};
use crate::expected::{Expectation, Expected};

impl Store {
    /// What should be there on this machine; `None`: nobody has ever agreed to anything.
    pub async fn expected(&self) -> Result<Option<Expected>, StoreError> {
        let since: Option<i64> = on_pool!(self, db => sqlx::query_scalar(
            "SELECT at FROM expected_since WHERE node = $1",
        )
        .bind(&self.node.id)
        .fetch_optional(db)
        .await)
        .map_err(failed("tell since when arrays are expected"))?;
        let Some(since) = since else {
            return Ok(None);
        };
        let rows: Vec<Row> = on_pool!(self, db => sqlx::query_as(
            "SELECT uuid, name, level, slots, members, spares, journal, mounts, since, accepted_by,
                    boot, degraded_at_boot
             FROM expected_array WHERE node = $1 ORDER BY uuid",
        )
        .bind(&self.node.id)
        .fetch_all(db)
        .await)
        .map_err(failed("list the arrays that are expected"))?;
        let arrays: Result<Vec<Expectation>, Damaged> =
            rows.into_iter().map(Expectation::try_from).collect();
        let damaged = |err| failed("read an expected array")(sqlx::Error::Decode(Box::new(err)));
        Ok(Some(Expected {
            since: from_millis(since),
            arrays: arrays.map_err(damaged)?,
        }))
    }
}

impl Write {
    /// From now on arrays are expected on this machine.
    pub async fn begin_to_expect(&mut self, at: SystemTime) -> Result<(), StoreError> {
        let node = self.node.id.clone();
        on_tx!(self, db => sqlx::query(
            "INSERT INTO expected_since (node, at) VALUES ($1, $2) ON CONFLICT (node) DO NOTHING",
        )
        .bind(&node)
        .bind(to_millis(at))
        .execute(db)
        .await
        .map(|it| it.rows_affected()))
        .map_err(failed("begin to expect arrays"))?;
        Ok(())
    }

    /// Expect an array, or otherwise than before.
    pub async fn expect_array(&mut self, expectation: &Expectation) -> Result<(), StoreError> {
        let node = self.node.id.clone();
        let Expectation {
            array,
            since,
            accepted_by,
            boot,
        } = expectation;
        let list = |it| serde_json::to_string(it).expect("a list of texts is plain data");
        let mounts = serde_json::to_string(&array.mounts).expect("a list of texts is plain data");
        on_tx!(self, db => sqlx::query(
            "INSERT INTO expected_array (node, uuid, name, level, slots, members, spares, journal,
                                         mounts, since, accepted_by, boot, degraded_at_boot)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
             ON CONFLICT (node, uuid) DO UPDATE SET
                name = excluded.name, level = excluded.level, slots = excluded.slots,
                members = excluded.members, spares = excluded.spares,
                journal = excluded.journal, mounts = excluded.mounts, since = excluded.since,
                accepted_by = excluded.accepted_by, boot = excluded.boot,
                degraded_at_boot = excluded.degraded_at_boot",
        )
        .bind(&node)
        .bind(&array.uuid)
        .bind(&array.name)
        .bind(array.level.to_string())
        .bind(i64::from(array.slots))
        .bind(list(&array.members))
        .bind(list(&array.spares))
        .bind(array.journal.as_ref().map(ToString::to_string))
        .bind(&mounts)
        .bind(to_millis(*since))
        .bind(accepted_by)
        .bind(boot)
        .bind(array.degraded_at_boot)
        .execute(db)
        .await
        .map(|it| it.rows_affected()))
        .map_err(failed("expect an array"))?;
        Ok(())
    }

    /// Expect an array no more.
    pub async fn expect_no_array(&mut self, uuid: &str) -> Result<(), StoreError> {
        let node = self.node.id.clone();
        on_tx!(self, db => sqlx::query("DELETE FROM expected_array WHERE node = $1 AND uuid = $2")
            .bind(&node)
            .bind(uuid)
            .execute(db)
            .await
            .map(|it| it.rows_affected()))
        .map_err(failed("expect an array no more"))?;
        Ok(())
    }
}

#[derive(FromRow)]
struct Row {
    uuid: String,
    name: String,
    level: String,
    slots: i64,
    members: String,
    spares: String,
    journal: Option<String>,
    mounts: String,
    since: i64,
    accepted_by: String,
    boot: Option<String>,
    degraded_at_boot: bool,
}

/// A row is not as it was written.
#[derive(Debug, thiserror::Error)]
enum Damaged {
    #[error("a list is none")]
    List(#[from] serde_json::Error),
    #[error(transparent)]
    Device(#[from] BadDeviceId),
}

impl TryFrom<Row> for Expectation {
    type Error = Damaged;
    fn try_from(row: Row) -> Result<Expectation, Damaged> {
        let Row {
            uuid,
            name,
            level,
            slots,
            members,
            spares,
            journal,
            mounts,
            since,
            accepted_by,
            boot,
            degraded_at_boot,
        } = row;
        let journal = journal.map(|it| it.parse::<DeviceId>()).transpose()?;
        let array = ExpectedArray {
            uuid,
            name,
            level: Level::from(level),
            slots: slots.try_into().unwrap_or_default(),
            members: serde_json::from_str::<BTreeSet<DeviceId>>(&members)?,
            spares: serde_json::from_str::<BTreeSet<DeviceId>>(&spares)?,
            journal,
            mounts: serde_json::from_str(&mounts)?,
            degraded_at_boot,
        };
        Ok(Expectation {
            array,
            since: from_millis(since),
            accepted_by,
            boot,
        })
    }
}
