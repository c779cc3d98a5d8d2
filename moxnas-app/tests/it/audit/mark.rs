//! What is cut off the end is missed.

use std::fs;

use moxnas_app::{
    App,
    audit::{AuditLog, MARK_EVERY, chain::MarkFound},
    loops::keep_audit_marked,
    scenario::Scenario,
    settings::Settings,
    store::{Chains, DatabaseUrl},
};

use super::{append, broken, open};
use crate::engines::{Raw, places};

#[tokio::test]
async fn a_log_that_was_cut_off_is_missed_and_keeps_its_mark() {
    for (url, folder) in places().await {
        let store = open(&url).await;
        let log = AuditLog::open(store.clone(), Some(folder.path())).unwrap();
        assert!(log.move_mark().await.unwrap());
        append(&store, 0..10).await;
        assert_eq!(log.verify(Chains::Own).await.unwrap().mark, MarkFound::None);
        assert!(log.move_mark().await.unwrap());
        append(&store, 10..12).await;
        let verdict = log.verify(Chains::All).await.unwrap();
        assert_eq!(verdict.mark, MarkFound::Holds { seq: 10 });
        assert!(verdict.is_sound());

        // What the mark does not know can be cut off, what it knows cannot.
        let mut raw = Raw::open(&url).await;
        raw.drop_guards().await;
        raw.execute("DELETE FROM audit WHERE seq > 10")
            .await
            .unwrap();
        assert!(log.verify(Chains::Own).await.unwrap().is_sound());
        let mark = fs::read(folder.path().join("audit.mark")).unwrap();
        raw.execute("DELETE FROM audit WHERE seq > 8")
            .await
            .unwrap();
        let verdict = log.verify(Chains::Own).await.unwrap();
        let expected = "the log ends before record 10, which was there";
        assert_eq!(broken(&verdict).as_deref(), Some(expected));
        assert!(!log.move_mark().await.unwrap());

        // Nor does it help to write others in their place, however well they are tied.
        append(&store, 100..110).await;
        let verdict = log.verify(Chains::Own).await.unwrap();
        let expected = "record 10 is not the one that was there";
        assert_eq!(broken(&verdict).as_deref(), Some(expected));
        assert!(!log.move_mark().await.unwrap());
        assert_eq!(fs::read(folder.path().join("audit.mark")).unwrap(), mark);
    }
}

#[tokio::test]
async fn a_mark_of_somebody_else_is_found_out() {
    for (url, folder) in places().await {
        let store = open(&url).await;
        let log = AuditLog::open(store.clone(), Some(folder.path())).unwrap();
        append(&store, 0..10).await;
        assert!(log.move_mark().await.unwrap());
        let path = folder.path().join("audit.mark");
        let good = fs::read_to_string(&path).unwrap();
        for bad in [
            good.replace("\"seq\":10", "\"seq\":8"),
            good.replace("\"node\":\"0", "\"node\":\"1"),
            good.replace("\"hash\":\"", "\"hash\":\"00"),
            "{}".to_owned(),
            String::new(),
        ] {
            assert_ne!(bad, good);
            fs::write(&path, &bad).unwrap();
            let verdict = log.verify(Chains::Own).await.unwrap();
            let expected = "the mark of the log was not written by this service";
            assert_eq!(broken(&verdict).as_deref(), Some(expected), "{bad}");
            assert!(!log.move_mark().await.unwrap());
            assert_eq!(fs::read_to_string(&path).unwrap(), bad);
        }
    }
}

/// At the start, every so many records, and at the end.
#[tokio::test]
async fn the_service_moves_the_mark_on() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        data_dir: Some(folder.path().to_owned()),
        database: DatabaseUrl::in_folder(folder.path()),
        ..Settings::simulated(Scenario::built_in("blank").unwrap())
    };
    let app = App::start(&settings).await.unwrap();
    keep_audit_marked(&app);
    let path = folder.path().join("audit.mark");
    append(&app.store, 0..MARK_EVERY.unsigned_abs()).await;
    while !path.exists() {
        tokio::task::yield_now().await;
    }
    append(&app.store, 0..5).await;
    app.stop().await.unwrap();
    assert_eq!(app.audit.marked().await, MARK_EVERY + 5);
    let verdict = app.audit.verify(Chains::Own).await.unwrap();
    assert_eq!(
        verdict.mark,
        MarkFound::Holds {
            seq: MARK_EVERY + 5
        }
    );
}
