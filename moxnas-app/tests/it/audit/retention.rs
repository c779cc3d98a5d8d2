//! Old records go, and what is left is still proven.

use moxnas_app::{
    App,
    audit::{
        AuditKey, AuditLog, KEEP_AT_LEAST,
        chain::{AnchorFound, MarkFound},
    },
    scenario::Scenario,
    settings::{AuditSettings, Settings},
    store::{Chains, Dropped},
};

use super::{append, at, broken, lines, open};
use crate::engines::{Raw, places};

#[tokio::test]
async fn what_is_dropped_leaves_a_chain_that_is_proven() {
    for (url, folder) in places().await {
        let store = open(&url).await;
        let log = AuditLog::open(store.clone(), Some(folder.path())).unwrap();
        let key = AuditKey::load(folder.path()).unwrap().unwrap();
        append(&store, 0..100).await;
        log.move_mark().await.unwrap();
        let drop = async |time, keep| {
            let done = store.drop_audit_before(at(time), keep, &key, at(500));
            done.await.unwrap()
        };
        assert_eq!(drop(0, 0).await, Dropped::Records(0));
        assert_eq!(drop(30, 80).await, Dropped::Records(20));
        assert_eq!(drop(30, 0).await, Dropped::Records(10));
        assert_eq!(drop(30, 0).await, Dropped::Records(0));
        let verdict = log.verify(Chains::All).await.unwrap();
        assert!(verdict.is_sound());
        let chain = &verdict.chains[0];
        assert_eq!(
            (chain.records, chain.from_seq, chain.to_seq),
            (70, Some(31), Some(100))
        );
        assert_eq!(chain.anchor, AnchorFound::Proven);
        assert_eq!(verdict.mark, MarkFound::Holds { seq: 100 });

        // All of it, the marked one too; numbers go on.
        assert_eq!(drop(1000, 0).await, Dropped::Records(70));
        assert!(log.verify(Chains::All).await.unwrap().is_sound());
        append(&store, 200..203).await;
        assert_eq!(lines(&store).await[0].seq, Some(101));
        assert!(log.move_mark().await.unwrap());
        let verdict = log.verify(Chains::All).await.unwrap();
        assert!(verdict.is_sound());
        assert_eq!(verdict.mark, MarkFound::Holds { seq: 103 });
    }
}

/// A clock that was set back makes no gap.
#[tokio::test]
async fn only_a_beginning_is_dropped() {
    for (url, _folder) in places().await {
        let store = open(&url).await;
        let key = AuditKey::random().unwrap();
        append(&store, [10, 20, 90, 30, 40]).await;
        let dropped = store.drop_audit_before(at(50), 0, &key, at(99)).await;
        assert_eq!(dropped.unwrap(), Dropped::Records(2));
        let verdict = store.verify_audit(Chains::Own, Some(&key), None).await;
        assert!(verdict.unwrap().is_sound());
    }
}

#[tokio::test]
async fn nothing_is_dropped_over_what_was_changed() {
    for (url, _folder) in places().await {
        let store = open(&url).await;
        let key = AuditKey::random().unwrap();
        append(&store, 0..20).await;
        let mut raw = Raw::open(&url).await;
        raw.drop_guards().await;
        raw.execute("UPDATE audit SET actor = 'x' WHERE seq = 5")
            .await
            .unwrap();
        let dropped = store
            .drop_audit_before(at(10), 0, &key, at(99))
            .await
            .unwrap();
        let Dropped::Kept(why) = dropped else {
            panic!("{dropped:?}")
        };
        assert_eq!(why.to_string(), "record 5 is not what was written");
        assert_eq!(lines(&store).await.len(), 20);
    }
}

/// The triggers let an anchor decide; so an anchor has to be authentic.
#[tokio::test]
async fn an_anchor_of_somebody_else_is_found_out() {
    for (url, folder) in places().await {
        let store = open(&url).await;
        let log = AuditLog::open(store.clone(), Some(folder.path())).unwrap();
        let key = AuditKey::load(folder.path()).unwrap().unwrap();
        append(&store, 0..20).await;
        log.move_mark().await.unwrap();
        let mut raw = Raw::open(&url).await;
        raw.execute(
            "INSERT INTO audit_anchor (node, seq, hash, dropped, at, mac)
             SELECT node, seq, hash, seq, at, hash FROM audit WHERE seq = 10",
        )
        .await
        .unwrap();
        raw.execute("DELETE FROM audit WHERE seq <= 10")
            .await
            .unwrap();
        let expected = "the note of what retention dropped was not written by this service";
        let verdict = log.verify(Chains::Own).await.unwrap();
        assert_eq!(broken(&verdict).as_deref(), Some(expected));
        let dropped = store
            .drop_audit_before(at(15), 0, &key, at(99))
            .await
            .unwrap();
        assert!(matches!(dropped, Dropped::Kept(_)), "{dropped:?}");

        // An anchor cannot be taken back, nor taken away.
        for statement in [
            "DELETE FROM audit WHERE seq = 11",
            "UPDATE audit_anchor SET seq = 9",
            "UPDATE audit_anchor SET node = 'other'",
            "DELETE FROM audit_anchor",
        ] {
            let error = raw.execute(statement).await.unwrap_err().to_string();
            assert!(error.contains("append-only"), "{statement}: {error}");
        }
        // Behind a forged anchor that hides the marked record the mark stays where it is.
        raw.execute("UPDATE audit_anchor SET seq = 20")
            .await
            .unwrap();
        raw.execute("DELETE FROM audit").await.unwrap();
        append(&store, 0..3).await;
        assert!(!log.move_mark().await.unwrap());
    }
}

#[tokio::test]
async fn the_daily_maintenance_keeps_what_the_settings_say() {
    let start = async |keep_days| {
        let settings = Settings {
            audit: AuditSettings {
                keep_days,
                ..AuditSettings::default()
            },
            ..Settings::simulated(Scenario::built_in("blank").unwrap())
        };
        let app = App::start(&settings).await.unwrap();
        // Of 2023, a day and more ago whenever this runs.
        append(&app.store, 0..u64::from(KEEP_AT_LEAST) + 50).await;
        app
    };
    assert_eq!(start(0).await.maintain_audit().await.unwrap(), 0);
    let app = start(1).await;
    assert_eq!(app.maintain_audit().await.unwrap(), 50);
    let last = lines(&app.store).await.pop().unwrap();
    assert_eq!(
        (last.operation.as_str(), last.detail.as_str()),
        ("audit_retention", r#"{"dropped":50}"#)
    );
    assert!(app.audit.verify(Chains::Own).await.unwrap().is_sound());
    assert_eq!(AuditSettings::default().keep_days, 400);
}
