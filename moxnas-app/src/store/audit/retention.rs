//! Dropping old records, so that what is left is still proven.

use std::time::SystemTime;

use super::{
    super::{
        Store, StoreError,
        engine::{Tx, on_begun, on_tx},
        failed, to_millis,
    },
    verify::go_along,
};
use crate::audit::{
    AuditKey,
    chain::{Broken, Hash, START, Walk, Why},
};

const PURPOSE: &str = "moxnas audit anchor 1";

/// Where the chain of a machine begins since older records were dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The last record that was dropped.
    pub seq: i64,
    /// Its hash.
    pub hash: Hash,
    /// How many were dropped in all.
    pub dropped: i64,
    /// When the last of them were, in milliseconds since 1970.
    pub at: i64,
    mac: Vec<u8>,
}

/// What became of old records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// So many are gone.
    Records(u64),
    /// None are: they are not what was written, and dropping them would hide it.
    Kept(Broken),
}

impl Anchor {
    fn new(key: &AuditKey, node: &str, seq: i64, hash: Hash, dropped: i64, at: i64) -> Anchor {
        let mut anchor = Anchor {
            seq,
            hash,
            dropped,
            at,
            mac: Vec::new(),
        };
        anchor.mac = anchor.parts(node, |parts| key.mac(PURPOSE, parts).to_vec());
        anchor
    }

    /// Whether it was written with this key.
    #[must_use]
    pub fn is_by(&self, key: &AuditKey, node: &str) -> bool {
        self.parts(node, |parts| key.is_mac(PURPOSE, parts, &self.mac))
    }

    fn parts<T>(&self, node: &str, with: impl FnOnce(&[&[u8]]) -> T) -> T {
        with(&[
            node.as_bytes(),
            &self.seq.to_be_bytes(),
            &self.hash,
            &self.dropped.to_be_bytes(),
            &self.at.to_be_bytes(),
        ])
    }

    pub(super) async fn of(tx: &mut Tx, node: &str) -> Result<Option<Anchor>, StoreError> {
        let row: Option<(i64, Vec<u8>, i64, i64, Vec<u8>)> = on_begun!(tx, db => sqlx::query_as(
            "SELECT seq, hash, dropped, at, mac FROM audit_anchor WHERE node = $1",
        )
        .bind(node)
        .fetch_optional(db)
        .await)
        .map_err(failed("read where the audit log begins"))?;
        Ok(row.map(|(seq, hash, dropped, at, mac)| Anchor {
            seq,
            // A hash of another length is none that a record could have.
            hash: hash.try_into().unwrap_or([0xff; 32]),
            dropped,
            at,
            mac,
        }))
    }
}

impl Store {
    /// Drop this machine's records from before a point in time, but never the last `keep`.
    ///
    /// Only a beginning of the chain is dropped, however the clock was set meanwhile, and only
    /// after it was verified. Where the chain begins from then on is written down, authenticated
    /// with the key, in the same transaction. Records from before the chain stay.
    pub async fn drop_audit_before(
        &self,
        time: SystemTime,
        keep: u32,
        key: &AuditKey,
        now: SystemTime,
    ) -> Result<Dropped, StoreError> {
        let mut write = self.begin_write().await?;
        let node = self.node.id.clone();
        let (first_kept, last): (Option<i64>, Option<i64>) = on_tx!(write, db => sqlx::query_as(
            "SELECT (SELECT min(seq) FROM audit WHERE node = $1 AND at >= $2),
                    (SELECT max(seq) FROM audit WHERE node = $1)",
        )
        .bind(&node)
        .bind(to_millis(time))
        .fetch_one(db)
        .await)
        .map_err(failed("look for old audit records"))?;
        let Some(last) = last else {
            return Ok(Dropped::Records(0));
        };
        let to = first_kept.map_or(last, |it| it - 1);
        let to = to.min(last - i64::from(keep));
        let before = Anchor::of(&mut write.tx, &node).await?;
        let (from, hash, dropped) = match &before {
            Some(it) if !it.is_by(key, &node) => {
                let why = Why::AnchorForged;
                return Ok(Dropped::Kept(Broken { seq: None, why }));
            }
            Some(it) => (it.seq, it.hash, it.dropped),
            None => (0, START, 0),
        };
        if to <= from {
            return Ok(Dropped::Records(0));
        }
        let mut walk = Walk::behind(from, hash);
        go_along(&mut write.tx, &node, &mut walk, to, |_| ()).await?;
        let (seq, hash) = walk.head();
        let verified = walk.end(node.clone());
        let missing = || Broken {
            seq: Some(to),
            why: Why::Missing,
        };
        if let Some(broken) = verified.broken.or_else(|| (seq < to).then(missing)) {
            return Ok(Dropped::Kept(broken));
        }
        let count = i64::try_from(verified.records).unwrap_or(i64::MAX);
        let anchor = Anchor::new(key, &node, seq, hash, dropped + count, to_millis(now));
        put(&mut write.tx, &node, &anchor, before.is_some()).await?;
        on_tx!(write, db => sqlx::query("DELETE FROM audit WHERE node = $1 AND seq <= $2")
            .bind(&node)
            .bind(seq)
            .execute(db)
            .await
            .map(|it| it.rows_affected()))
        .map_err(failed("drop old audit records"))?;
        write.commit().await?;
        Ok(Dropped::Records(verified.records))
    }
}

async fn put(tx: &mut Tx, node: &str, anchor: &Anchor, is_there: bool) -> Result<(), StoreError> {
    let statement = match is_there {
        true => {
            "UPDATE audit_anchor SET seq = $2, hash = $3, dropped = $4, at = $5, mac = $6
             WHERE node = $1"
        }
        false => {
            "INSERT INTO audit_anchor (node, seq, hash, dropped, at, mac)
             VALUES ($1, $2, $3, $4, $5, $6)"
        }
    };
    on_begun!(tx, db => sqlx::query(statement)
        .bind(node)
        .bind(anchor.seq)
        .bind(&anchor.hash[..])
        .bind(anchor.dropped)
        .bind(anchor.at)
        .bind(&anchor.mac)
        .execute(db)
        .await
        .map(|it| it.rows_affected()))
    .map_err(failed("write down where the audit log begins"))?;
    Ok(())
}
