//! The audit log: whoever changes it behind the service's back is found out.

mod export;
mod forward;
mod mark;
mod retention;
mod tampering;

use std::time::{Duration, SystemTime};

use moxnas_app::{
    actor::Actor,
    audit::chain::{Hash, Line, START, Verdict},
    store::{AuditOrder, Chains, DatabaseUrl, Entry, Node, Outcome, Phase, Store},
};
use sha2::{Digest, Sha256};

use crate::engines::{Raw, places, stores};

const NODE: &str = "0123456789abcdef0123456789abcdef";

fn at(second: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + second)
}

fn entry(n: u64) -> Entry {
    let mut entry = Entry::new(
        at(n),
        &Actor::nobody(format!("r{n}")),
        "array_create",
        Phase::Intent,
    );
    entry.object = n.is_multiple_of(3).then(|| format!("array {n}"));
    entry.result = n.is_multiple_of(2).then_some(Outcome::Ok);
    entry.detail = serde_json::json!({ "n": n, "words": ["a", "ü", "\""] });
    entry
}

async fn open(url: &DatabaseUrl) -> Store {
    let node = Node {
        id: NODE.to_owned(),
        name: "nas".to_owned(),
    };
    Store::open_on(url, node).await.unwrap()
}

pub(crate) async fn append(store: &Store, numbers: impl IntoIterator<Item = u64>) {
    for n in numbers {
        store.append_audit(&entry(n)).await.unwrap();
    }
}

async fn lines(store: &Store) -> Vec<Line> {
    let order = AuditOrder::OldestFirst;
    let wanted = Default::default();
    store
        .audit_lines(&wanted, order, None, 100_000)
        .await
        .unwrap()
}

async fn verify(store: &Store) -> Verdict {
    store.verify_audit(Chains::All, None, None).await.unwrap()
}

fn broken(verdict: &Verdict) -> Option<String> {
    let chains = verdict.chains.iter().map(|it| &it.broken);
    let mut all = chains.chain([&verdict.broken]).flatten();
    all.next().map(ToString::to_string)
}

/// The encoding as the documentation has it, written a second time.
fn hash(line: &Line, before: &Hash) -> Hash {
    fn text(it: Option<&String>) -> Vec<u8> {
        match it {
            None => vec![0],
            Some(it) => [&[1], &(it.len() as u64).to_be_bytes()[..], it.as_bytes()].concat(),
        }
    }
    let bytes = [
        b"moxnas-audit-1\n".to_vec(),
        before.to_vec(),
        text(line.node.as_ref()),
        line.seq.unwrap().to_be_bytes().to_vec(),
        line.at.to_be_bytes().to_vec(),
        text(Some(&line.actor)),
        text(Some(&line.via)),
        text(line.address.as_ref()),
        text(Some(&line.operation)),
        text(line.object.as_ref()),
        text(Some(&line.phase)),
        text(line.result.as_ref()),
        text(line.fingerprint.as_ref()),
        text(Some(&line.request_id)),
        text(Some(&line.detail)),
    ];
    Sha256::digest(bytes.concat()).into()
}

#[tokio::test]
async fn each_record_is_tied_to_the_one_before_as_documented() {
    for store in stores().await {
        append(&store, 0..20).await;
        let mut before = START;
        for (seq, line) in (1..).zip(lines(&store).await) {
            assert_eq!(line.seq, Some(seq));
            let hash = hash(&line, &before);
            assert_eq!(line.hash.as_deref(), Some(&hash[..]), "record {seq}");
            before = hash;
        }
        assert_eq!(store.audit_head().await.unwrap(), (20, before));
        let verdict = verify(&store).await;
        assert_eq!((verdict.records(), verdict.unchained), (20, 0));
        assert!(verdict.is_sound());
        let chain = &verdict.chains[0];
        assert_eq!((chain.from_seq, chain.to_seq), (Some(1), Some(20)));
    }
}

/// So that a change of the encoding shows: exports from before would not verify any more.
#[tokio::test]
async fn the_encoding_stays() {
    let store = Store::open(&DatabaseUrl::Memory).await.unwrap();
    append(&store, 0..2).await;
    let (_, head) = store.audit_head().await.unwrap();
    let text: String = head.iter().map(|it| format!("{it:02x}")).collect();
    assert_eq!(
        text,
        "4d46032786184895f06b3e1adf14b0ffb07bcbe1a99c82daf0f35b764fbf6eb6"
    );
}

#[tokio::test]
async fn an_empty_log_is_sound() {
    for store in stores().await {
        let verdict = verify(&store).await;
        assert!(verdict.is_sound());
        assert_eq!(verdict.chains[0].from_seq, None);
    }
}

#[tokio::test]
async fn a_nul_character_is_kept_as_one_that_every_engine_can_hold() {
    for store in stores().await {
        let mut entry = entry(0);
        entry.actor = "a\0b".to_owned();
        entry.object = Some("\0".to_owned());
        entry.detail = serde_json::json!({ "text": "c\0d" });
        store.append_audit(&entry).await.unwrap();
        let kept = &store.audit(0, 1).await.unwrap()[0].entry;
        assert_eq!(kept.actor, "a\u{fffd}b");
        assert_eq!(kept.object.as_deref(), Some("\u{fffd}"));
        assert_eq!(kept.detail, entry.detail);
        assert!(verify(&store).await.is_sound());
    }
}

/// Two processes of one machine, and another machine, write at once.
#[tokio::test(flavor = "multi_thread")]
async fn many_append_at_once_and_the_chains_hold() {
    for (url, _folder) in places().await {
        let stores = [
            open(&url).await,
            open(&url).await,
            Store::open(&url).await.unwrap(),
        ];
        let mut writers = Vec::new();
        for store in stores.iter().flat_map(|it| [it, it, it]) {
            let store = store.clone();
            writers.push(tokio::spawn(async move { append(&store, 0..30).await }));
        }
        for it in writers {
            it.await.unwrap();
        }
        let verdict = verify(&stores[0]).await;
        assert_eq!(broken(&verdict), None);
        let counts: Vec<_> = verdict
            .chains
            .iter()
            .map(|it| (it.records, it.to_seq))
            .collect();
        assert_eq!(counts, [(90, Some(90)), (180, Some(180))]);
        // Each process hears of its own.
        assert!(*stores[2].audit_grows().borrow() == 90);
    }
}

#[tokio::test]
async fn both_engines_refuse_to_change_the_log() {
    for (url, _folder) in places().await {
        let store = open(&url).await;
        append(&store, 0..3).await;
        let mut raw = Raw::open(&url).await;
        let mut statements = vec![
            "UPDATE audit SET actor = 'someone else'",
            "DELETE FROM audit",
            "DELETE FROM audit WHERE seq = 3",
        ];
        match raw {
            Raw::Sqlite(_) => statements.extend([
                "INSERT OR REPLACE INTO audit
                     (id, at, actor, via, operation, phase, request_id, detail)
                 VALUES (1, 0, 'x', 'x', 'x', 'intent', 'x', '{}')",
                "INSERT OR REPLACE INTO audit
                     (at, actor, via, operation, phase, request_id, detail, node, seq)
                 VALUES (0, 'x', 'x', 'x', 'intent', 'x', '{}',
                         '0123456789abcdef0123456789abcdef', 2)",
            ]),
            Raw::Postgres(_) => statements.push("TRUNCATE audit"),
        }
        for statement in statements {
            let error = raw.execute(statement).await.unwrap_err().to_string();
            assert!(error.contains("append-only"), "{statement}: {error}");
        }
        assert_eq!(lines(&store).await.len(), 3);
        assert!(verify(&store).await.is_sound());
    }
}

#[tokio::test]
async fn records_are_found_by_what_they_say() {
    for store in stores().await {
        append(&store, 0..30).await;
        let found = async |filter, order, after, limit| {
            let lines = store
                .audit_lines(&filter, order, after, limit)
                .await
                .unwrap();
            lines.into_iter().map(|it| it.id).collect::<Vec<_>>()
        };
        use moxnas_app::store::AuditFilter;
        let all = AuditFilter::default;
        let newest = AuditOrder::NewestFirst;
        assert_eq!(found(all(), newest, None, 3).await, [30, 29, 28]);
        assert_eq!(found(all(), newest, Some(28), 2).await, [27, 26]);
        assert_eq!(
            found(all(), AuditOrder::OldestFirst, Some(28), 9).await,
            [29, 30]
        );
        let filter = AuditFilter {
            object: Some("array 3".to_owned()),
            ..all()
        };
        assert_eq!(found(filter, newest, None, 9).await, [4]);
        let filter = AuditFilter {
            result: Some("ok".to_owned()),
            operation: Some("array_create".to_owned()),
            phase: Some("intent".to_owned()),
            from: Some(at(10)),
            to: Some(at(14)),
            ..all()
        };
        assert_eq!(found(filter, newest, None, 9).await, [13, 11]);
        let filter = AuditFilter {
            request_id: Some("r7' OR ''='".to_owned()),
            ..all()
        };
        assert_eq!(found(filter, newest, None, 9).await, [0; 0]);
        let filter = AuditFilter {
            request_id: Some("r7".to_owned()),
            actor: Some("nobody".to_owned()),
            ..all()
        };
        assert_eq!(found(filter, newest, None, 9).await, [8]);
    }
}
