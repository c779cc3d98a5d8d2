//! The log as text, and what can be told from the text alone.

use moxnas_app::{
    audit::{
        AuditKey,
        chain::AnchorFound,
        export::{Export, ExportError, Format, verify},
    },
    store::{AuditFilter, Store},
};

use super::{append, at, broken, entry};
use crate::engines::stores;

async fn export(store: &Store, filter: AuditFilter, format: Format) -> String {
    let mut export = Export::begin(store.clone(), filter, format).await.unwrap();
    // What comes later is not part of it.
    append(store, [999]).await;
    let mut text = String::new();
    while let Some(piece) = export.next().await.unwrap() {
        text += &piece;
    }
    text
}

async fn whole(store: &Store) -> String {
    export(store, AuditFilter::default(), Format::Json).await
}

#[tokio::test]
async fn an_export_is_verified_without_its_machine() {
    for store in stores().await {
        append(&store, 0..1200).await;
        let text = whole(&store).await;
        assert_eq!(text.lines().count(), 1202);
        let verdict = verify(text.as_bytes()).unwrap();
        assert_eq!((verdict.records(), verdict.is_sound()), (1200, true));

        let key = AuditKey::random().unwrap();
        store
            .drop_audit_before(at(700), 0, &key, at(0))
            .await
            .unwrap();
        let verdict = verify(whole(&store).await.as_bytes()).unwrap();
        assert!(verdict.is_sound());
        let chain = &verdict.chains[0];
        assert_eq!((chain.from_seq, chain.to_seq), (Some(701), Some(1201)));
        assert_eq!(chain.anchor, AnchorFound::Unproven);
    }
}

#[tokio::test]
async fn an_export_that_was_changed_is_found_out() {
    for store in stores().await {
        append(&store, 0..10).await;
        let text = whole(&store).await;
        let said = |text: &str| broken(&verify(text.as_bytes()).unwrap()).unwrap();
        let changed = text.replace("\"request_id\":\"r4\"", "\"request_id\":\"r5\"");
        assert_eq!(said(&changed), "record 5 is not what was written");

        let lines: Vec<&str> = text.lines().collect();
        let mut fewer = lines.clone();
        fewer.remove(3);
        let fewer = fewer
            .join("\n")
            .replace("{\"records\":10}", "{\"records\":9}");
        assert_eq!(said(&fewer), "record 3 is missing");
        let mut swapped = lines.clone();
        swapped.swap(3, 4);
        assert_eq!(said(&swapped.join("\n")), "record 3 is missing");

        for incomplete in [
            lines[..8].join("\n"),
            lines[1..].join("\n"),
            text.replace("{\"records\":10}", "{\"records\":11}"),
            text.clone() + &text,
            text.replace("\"at\"", "\"when\""),
            String::new(),
        ] {
            assert!(verify(incomplete.as_bytes()).is_err(), "{incomplete}");
        }
    }
}

#[tokio::test]
async fn a_selection_is_not_taken_for_the_whole() {
    for store in stores().await {
        append(&store, 0..10).await;
        let filter = AuditFilter {
            from: Some(at(5)),
            ..AuditFilter::default()
        };
        let text = export(&store, filter, Format::Json).await;
        let lines = text.lines().count();
        assert_eq!(lines, 2 + 5);
        let error = verify(text.as_bytes()).unwrap_err();
        assert!(matches!(error, ExportError::Selection), "{error:?}");
    }
}

#[tokio::test]
async fn a_spreadsheet_runs_nothing_of_it() {
    for store in stores().await {
        for (object, detail) in [
            ("=1+1", "a"),
            ("+1", "a,b"),
            ("-1", "\"quoted\""),
            ("@sum", "line\nbreak"),
            ("\tx", "a"),
            ("plain", "a"),
        ] {
            let mut entry = entry(0);
            entry.object = Some(object.to_owned());
            entry.detail = serde_json::json!({ "text": detail });
            store.append_audit(&entry).await.unwrap();
        }
        let text = export(&store, AuditFilter::default(), Format::Csv).await;
        assert_eq!(text.matches("\r\n").count(), 7, "{text}");
        let lines: Vec<&str> = text.split("\r\n").collect();
        assert!(lines[0].starts_with("id,at,actor,via,"), "{text}");
        let start = "1,2023-11-14T22:13:20Z,nobody,nobody,,array_create,\"'=1+1\",intent,ok,,r0,";
        assert!(lines[1].starts_with(start), "{text}");
        assert!(lines[2].contains(r#","'+1","#), "{text}");
        assert!(lines[3].contains(r#","'-1","#), "{text}");
        assert!(lines[4].contains(r#","'@sum","#), "{text}");
        assert!(lines[5].contains("\"'\tx\""), "{text}");
        assert!(lines[6].contains(",plain,"), "{text}");
        assert!(
            lines[3].contains(r#""{""text"":""\""quoted\""""}""#),
            "{text}"
        );
    }
}
