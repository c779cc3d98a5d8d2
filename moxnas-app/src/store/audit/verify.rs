//! Going along the chains, a page at a time: a million records need no memory.

use super::{
    super::{
        Store, StoreError,
        engine::{Tx, on_begun, on_pool, on_tx},
        failed,
    },
    Anchor, head_of, line_columns,
};
use crate::audit::{
    AuditKey,
    chain::{AnchorFound, Broken, Hash, Line, MarkFound, START, Verdict, Verified, Walk, Why},
    mark::Mark,
};

/// How many records are read at once.
const PAGE: i64 = 1000;

/// Which chains are verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chains {
    /// That of this machine.
    Own,
    /// Those of all machines that share the database.
    All,
}

impl Store {
    /// Go along the chains, at one moment of the database.
    ///
    /// With a key also what retention dropped from this machine's chain is verified; with a mark,
    /// that nothing was cut off its end.
    pub async fn verify_audit(
        &self,
        chains: Chains,
        key: Option<&AuditKey>,
        mark: Option<&Mark>,
    ) -> Result<Verdict, StoreError> {
        let mut snapshot = self.snapshot().await?;
        verify_chains(&mut snapshot.tx, chains, &self.node.id, key, mark).await
    }
}

/// Go along the chains that a transaction sees; `own` is this machine.
pub(in crate::store) async fn verify_chains(
    tx: &mut Tx,
    chains: Chains,
    own: &str,
    key: Option<&AuditKey>,
    mark: Option<&Mark>,
) -> Result<Verdict, StoreError> {
    let (unchained, broken) = outside_chains(tx).await?;
    let nodes = match chains {
        Chains::Own => vec![own.to_owned()],
        Chains::All => audit_nodes(tx, own).await?,
    };
    let mut verdict = Verdict {
        chains: Vec::new(),
        unchained,
        broken,
        mark: MarkFound::None,
    };
    for node in nodes {
        let marked = mark.filter(|it| it.node == node);
        let key = key.filter(|_| node == own);
        let (verified, mark) = verify_chain(tx, node, key, marked).await?;
        verdict.chains.push(verified);
        if let Some((mark, broken)) = mark {
            verdict.mark = mark;
            verdict.broken = verdict.broken.or(broken);
        }
    }
    Ok(verdict)
}

impl Store {
    /// The end of this machine's log, if the log goes on from the mark: the marked record is there
    /// with its hash, or retention has dropped it and says so with the key.
    pub async fn audit_head_behind(
        &self,
        mark: &Mark,
        key: &AuditKey,
    ) -> Result<Option<(i64, Hash)>, StoreError> {
        let mut snapshot = self.snapshot().await?;
        let hash: Option<Vec<u8>> = on_tx!(snapshot, db => sqlx::query_scalar(
            "SELECT hash FROM audit WHERE node = $1 AND seq = $2",
        )
        .bind(&mark.node)
        .bind(mark.seq)
        .fetch_optional(db)
        .await)
        .map_err(failed("look for a marked audit record"))?;
        let goes_on = match hash {
            Some(hash) => hash == mark.hash,
            None => {
                let anchor = Anchor::of(&mut snapshot.tx, &mark.node).await?;
                anchor.is_some_and(|it| it.seq >= mark.seq && it.is_by(key, &mark.node))
            }
        };
        if !goes_on {
            return Ok(None);
        }
        Ok(Some(head_of(&mut snapshot.tx, &mark.node).await?))
    }

    /// Where the chains begin since older records were dropped: machine, record, hash.
    pub async fn audit_anchors(&self) -> Result<Vec<(String, i64, Vec<u8>)>, StoreError> {
        on_pool!(self, db => sqlx::query_as(
            "SELECT node, seq, hash FROM audit_anchor ORDER BY node",
        )
        .fetch_all(db)
        .await)
        .map_err(failed("read where the audit log begins"))
    }
}

type Marked = (MarkFound, Option<Broken>);

/// How many records are from before the chain, and what should not be outside it.
async fn outside_chains(tx: &mut Tx) -> Result<(u64, Option<Broken>), StoreError> {
    let wrong = failed("look at the records outside the chain");
    let (unchained, half, untied): (i64, Option<i64>, Option<i64>) =
        on_begun!(tx, db => sqlx::query_as(
                "SELECT
                    (SELECT count(*) FROM audit WHERE seq IS NULL),
                    (SELECT min(id) FROM audit
                     WHERE (seq IS NULL) <> (hash IS NULL) OR (seq IS NULL) <> (node IS NULL)),
                    (SELECT max(id) FROM audit
                     WHERE seq IS NULL AND id > (SELECT min(id) FROM audit WHERE seq IS NOT NULL))",
            )
            .fetch_one(db)
            .await)
        .map_err(wrong)?;
    let why = half
        .map(|id| Why::HalfTied { id })
        .or(untied.map(|id| Why::Untied { id }));
    let broken = why.map(|why| Broken { seq: None, why });
    Ok((unchained.unsigned_abs(), broken))
}

async fn audit_nodes(tx: &mut Tx, own: &str) -> Result<Vec<String>, StoreError> {
    let mut nodes: Vec<String> = on_begun!(tx, db => sqlx::query_scalar(
            "SELECT node FROM audit WHERE node IS NOT NULL
             UNION SELECT node FROM audit_anchor ORDER BY 1",
        )
        .fetch_all(db)
        .await)
    .map_err(failed("list the machines of the audit log"))?;
    if !nodes.iter().any(|it| it == own) {
        nodes.push(own.to_owned());
    }
    Ok(nodes)
}

async fn verify_chain(
    tx: &mut Tx,
    node: String,
    key: Option<&AuditKey>,
    mark: Option<&Mark>,
) -> Result<(Verified, Option<Marked>), StoreError> {
    let anchor = Anchor::of(&mut *tx, &node).await?;
    let mut walk = match &anchor {
        None => Walk::behind(0, START),
        Some(anchor) => Walk::behind(anchor.seq, anchor.hash),
    };
    let found = match (&anchor, key) {
        (None, _) => AnchorFound::None,
        (Some(_), None) => AnchorFound::Unproven,
        (Some(anchor), Some(key)) if anchor.is_by(key, &node) => AnchorFound::Proven,
        (Some(_), Some(_)) => {
            walk.give_up(Why::AnchorForged);
            AnchorFound::Unproven
        }
    };
    let mut marker = mark.map(|mark| Marker::new(mark, &walk));
    let each = |line: &Line| {
        if let Some(marker) = &mut marker {
            marker.step(line);
        }
    };
    go_along(&mut *tx, &node, &mut walk, i64::MAX, each).await?;
    let mut verified = walk.end(node);
    verified.anchor = found;
    let marked = marker.map(|it| it.end(verified.broken.is_some()));
    Ok((verified, marked))
}

/// Go along a chain up to the record `to`, or to the first that is broken.
pub(super) async fn go_along(
    tx: &mut Tx,
    node: &str,
    walk: &mut Walk,
    to: i64,
    mut each: impl FnMut(&Line),
) -> Result<(), StoreError> {
    let mut after = i64::MIN;
    while !walk.is_broken() {
        let lines: Vec<Line> = on_begun!(&mut *tx, db => sqlx::query_as(concat!(
            "SELECT ",
            line_columns!(),
            " FROM audit WHERE node = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4"
        ))
        .bind(node)
        .bind(after)
        .bind(to)
        .bind(PAGE)
        .fetch_all(db)
        .await)
        .map_err(failed("read the audit log"))?;
        for line in &lines {
            walk.step(line);
            if walk.is_broken() {
                break;
            }
            each(line);
        }
        match lines.last().and_then(|it| it.seq) {
            Some(last) => after = last,
            None => break,
        }
    }
    Ok(())
}

/// Holds a chain against the mark.
struct Marker<'a> {
    mark: &'a Mark,
    /// The hash of the marked record, as the chain has it; `None`: it was not met so far.
    met: Option<Hash>,
    /// Retention has dropped the marked record.
    is_dropped: bool,
}

impl Marker<'_> {
    fn new<'a>(mark: &'a Mark, walk: &Walk) -> Marker<'a> {
        let (seq, hash) = walk.head();
        Marker {
            mark,
            met: (seq == mark.seq).then_some(hash),
            is_dropped: mark.seq < seq,
        }
    }

    fn step(&mut self, line: &Line) {
        if line.seq == Some(self.mark.seq) {
            self.met = line.hash.as_deref().and_then(|it| it.try_into().ok());
        }
    }

    fn end(self, is_broken: bool) -> Marked {
        let seq = self.mark.seq;
        match self.met {
            Some(hash) if hash == self.mark.hash => (MarkFound::Holds { seq }, None),
            None if self.is_dropped => (MarkFound::Holds { seq }, None),
            // The chain itself says what is wrong.
            None if is_broken => (MarkFound::Fails, None),
            None => (
                MarkFound::Fails,
                Some(Broken {
                    seq: None,
                    why: Why::CutOff { marked: seq },
                }),
            ),
            Some(_) => (
                MarkFound::Fails,
                Some(Broken {
                    seq: Some(seq),
                    why: Why::NotAsMarked,
                }),
            ),
        }
    }
}
