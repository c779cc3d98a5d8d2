//! Every way to change the log with SQL, by somebody who can do anything to the database.

use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};

use super::{NODE, append, broken, lines, open, verify};
use crate::engines::{Raw, places};

const RECORDS: u64 = 12;

/// What was done to a sound log.
#[derive(Clone, Debug)]
enum Tampering {
    Text { seq: i64, column: &'static str },
    Time { seq: i64 },
    Hash { seq: i64 },
    Remove { seq: i64, count: i64 },
    Swap { one: i64, other: i64 },
    Insert { seq: i64 },
    Untie { seq: i64 },
    HalfTie { seq: i64 },
    Id { seq: i64 },
    Node { seq: i64 },
    AddUntied,
}

impl Tampering {
    fn any() -> impl Strategy<Value = Tampering> {
        let last = RECORDS as i64;
        let seq = 1..=last;
        let column = prop::sample::select(vec![
            "actor",
            "via",
            "address",
            "operation",
            "object",
            "phase",
            "result",
            "fingerprint",
            "request_id",
            "detail",
        ]);
        prop_oneof![
            4 => (seq.clone(), column).prop_map(|(seq, column)| Tampering::Text { seq, column }),
            1 => seq.clone().prop_map(|seq| Tampering::Time { seq }),
            1 => seq.clone().prop_map(|seq| Tampering::Hash { seq }),
            // Not the end: that is what the mark is for.
            2 => (1..last, 1..last).prop_map(move |(seq, count)| Tampering::Remove {
                seq,
                count: count.min(last - seq),
            }),
            2 => (1..last, 1..last)
                .prop_filter("two", |(one, other)| one != other)
                .prop_map(|(one, other)| Tampering::Swap { one, other }),
            1 => seq.clone().prop_map(|seq| Tampering::Insert { seq }),
            1 => (2..last).prop_map(|seq| Tampering::Untie { seq }),
            1 => seq.clone().prop_map(|seq| Tampering::HalfTie { seq }),
            1 => (1..last).prop_map(|seq| Tampering::Id { seq }),
            1 => seq.prop_map(|seq| Tampering::Node { seq }),
            1 => Just(Tampering::AddUntied),
        ]
    }

    /// What it takes, and what has to be said about it.
    fn statements(&self) -> (Vec<String>, String) {
        let altered = |seq: &i64| format!("record {seq} is not what was written");
        match self {
            Tampering::Text { seq, column } => {
                let value = match *column {
                    "detail" => "'{\"n\": 0}'",
                    _ => "'somebody else'",
                };
                let statement = format!("UPDATE audit SET {column} = {value} WHERE seq = {seq}");
                (vec![statement], altered(seq))
            }
            Tampering::Time { seq } => (
                vec![format!("UPDATE audit SET at = at + 1 WHERE seq = {seq}")],
                altered(seq),
            ),
            Tampering::Hash { seq } => (
                vec![format!(
                    "UPDATE audit SET hash = (SELECT hash FROM audit WHERE seq = {}) WHERE seq = {seq}",
                    seq % RECORDS as i64 + 1
                )],
                altered(seq),
            ),
            Tampering::Remove { seq, count } => (
                vec![format!(
                    "DELETE FROM audit WHERE seq >= {seq} AND seq < {}",
                    seq + count
                )],
                format!("record {seq} is missing"),
            ),
            Tampering::Swap { one, other } => (
                vec![
                    format!("UPDATE audit SET seq = -1 WHERE seq = {one}"),
                    format!("UPDATE audit SET seq = {one} WHERE seq = {other}"),
                    format!("UPDATE audit SET seq = {other} WHERE seq = -1"),
                ],
                altered(one.min(other)),
            ),
            Tampering::Insert { seq } => (
                vec![
                    format!("UPDATE audit SET seq = -seq WHERE seq > {seq}"),
                    format!("UPDATE audit SET seq = 1 - seq WHERE seq < 0"),
                    format!(
                        "INSERT INTO audit (at, actor, via, operation, phase, request_id, detail,
                                            node, seq, hash)
                         SELECT at, actor, via, operation, phase, 'another', detail,
                                node, seq + 1, hash
                         FROM audit WHERE seq = {seq}"
                    ),
                ],
                altered(&(seq + 1)),
            ),
            Tampering::Untie { seq } => (
                vec![format!(
                    "UPDATE audit SET seq = NULL, hash = NULL, node = NULL WHERE seq = {seq}"
                )],
                format!("record {seq} is missing"),
            ),
            Tampering::HalfTie { seq } => (
                vec![format!("UPDATE audit SET hash = NULL WHERE seq = {seq}")],
                altered(seq),
            ),
            Tampering::Id { seq } => (
                vec![format!("UPDATE audit SET id = id + 1000 WHERE seq = {seq}")],
                format!("record {seq} was put in later than the one after it"),
            ),
            Tampering::Node { seq } if *seq == RECORDS as i64 => (
                vec![format!("UPDATE audit SET node = 'other' WHERE seq = {seq}")],
                "record 1 is missing".to_owned(),
            ),
            Tampering::Node { seq } => (
                vec![format!("UPDATE audit SET node = 'other' WHERE seq = {seq}")],
                format!("record {seq} is missing"),
            ),
            Tampering::AddUntied => (
                vec![
                    "INSERT INTO audit (at, actor, via, operation, phase, request_id, detail)
                     SELECT at, actor, via, operation, phase, request_id, detail
                     FROM audit WHERE seq = 1"
                        .to_owned(),
                ],
                format!(
                    "the record with the id {} has no place in the chain and is not from before it",
                    RECORDS + 1
                ),
            ),
        }
    }
}

/// Whatever is done, the first record that is wrong is named.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_changed_is_found_and_named() {
    for (url, _folder) in places().await {
        let store = open(&url).await;
        append(&store, 0..RECORDS).await;
        let sound = lines(&store).await;
        let mut raw = Raw::open(&url).await;
        raw.drop_guards().await;
        raw.execute("CREATE TABLE sound AS SELECT * FROM audit")
            .await
            .unwrap();
        let mut runner = TestRunner::deterministic();
        for _ in 0..150 {
            let it = Tampering::any().new_tree(&mut runner).unwrap().current();
            let (statements, expected) = it.statements();
            let mut changed = 0;
            for statement in &statements {
                changed += raw.execute(statement).await.unwrap();
            }
            assert!(changed > 0, "{it:?}");
            let verdict = verify(&store).await;
            assert_eq!(broken(&verdict), Some(expected), "{it:?}");
            raw.execute("DELETE FROM audit").await.unwrap();
            raw.execute("INSERT INTO audit SELECT * FROM sound")
                .await
                .unwrap();
            if let Raw::Sqlite(_) = raw {
                // Its numbers go on from the highest that there ever was.
                let reset =
                    format!("UPDATE sqlite_sequence SET seq = {RECORDS} WHERE name = 'audit'");
                raw.execute(&reset).await.unwrap();
            } else {
                let reset = format!(
                    "ALTER TABLE audit ALTER COLUMN id RESTART WITH {}",
                    RECORDS + 1
                );
                raw.execute(&reset).await.unwrap();
            }
            assert_eq!(lines(&store).await, sound, "{it:?}");
        }
        assert_eq!(broken(&verify(&store).await), None);
        assert_eq!(verify(&store).await.chains[0].node, NODE);
    }
}

/// What cannot be read as a record any more does not hide the others.
#[tokio::test]
async fn a_record_that_makes_no_sense_is_named_too() {
    for (url, _folder) in places().await {
        let store = open(&url).await;
        append(&store, 0..5).await;
        let mut raw = Raw::open(&url).await;
        raw.drop_guards().await;
        raw.execute("UPDATE audit SET phase = 'party', hash = NULL, node = node WHERE seq = 3")
            .await
            .unwrap();
        let expected = Some("record 3 is not what was written".to_owned());
        assert_eq!(broken(&verify(&store).await), expected);
        assert_eq!(lines(&store).await.len(), 5);
    }
}
