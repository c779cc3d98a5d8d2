//! Schemas, backups, and what happens when something goes wrong on the way.

use std::{
    collections::BTreeSet, fs, os::unix::fs::MetadataExt, path::Path, sync::Arc, time::SystemTime,
};

use moxnas_app::{
    app::App,
    offline,
    scenario::Scenario,
    seal::Sealer,
    settings::Settings,
    store::{
        Chains, DatabaseUrl, Dump, DumpError, MadeSchedule, Node, RestoreError, Step, Store,
        StoredGeneration,
        catalogue::{Kind, NOT_KEPT, TABLES},
        newest_schema, restore, verify_dump,
    },
};
use moxnas_core::units::Bytes;
use moxnas_pool::growth::Sample;
use moxnas_shares::model::{self, Intent, Share};
use serde_json::json;
use sqlx::{Connection, PgConnection, Row, SqliteConnection};

use crate::engines::{Raw, places, postgres};

const AT: SystemTime = SystemTime::UNIX_EPOCH;

/// A database of schema 1, as the release that had it left it.
const SCHEMA_1: &str = include_str!("../../fixtures/schema-1/moxnas.sql");

/// Fill every table, by statements that both engines take.
const ROWS: &str = include_str!("../../fixtures/schema-2-rows/moxnas.sql");

fn node() -> Node {
    Node {
        id: "0123456789abcdef0123456789abcdef".to_owned(),
        name: "nas".to_owned(),
    }
}

/// A column of a schema: name, kind, whether it may be without a value.
type Shape = BTreeSet<(String, String, String, bool)>;

async fn shape(url: &DatabaseUrl) -> (Shape, BTreeSet<String>) {
    let word = |it: &str| {
        let kind = match it.to_ascii_lowercase().as_str() {
            "integer" | "bigint" => Kind::Integer,
            "boolean" => Kind::Flag,
            "text" => Kind::Text,
            "blob" | "bytea" => Kind::Bytes,
            other => panic!("{other}"),
        };
        format!("{kind:?}")
    };
    let columns = |rows: Vec<(String, String, String, bool)>| {
        let all = rows.into_iter();
        all.map(|(table, column, kind, null)| (table, column, word(&kind), null))
            .collect()
    };
    match url {
        DatabaseUrl::Postgres(_) => {
            let mut db = PgConnection::connect(&url.to_string()).await.unwrap();
            let rows = sqlx::query_as(
                "SELECT table_name::text, column_name::text, data_type::text, is_nullable = 'YES'
                 FROM information_schema.columns
                 WHERE table_schema = 'public' AND table_name NOT LIKE '\\_sqlx%'",
            );
            let rows = rows.fetch_all(&mut db).await.unwrap();
            let unique = sqlx::query(
                "SELECT t.relname || '(' || string_agg(a.attname, ',' ORDER BY k.n) || ')'
                        || CASE WHEN i.indpred IS NULL THEN '' ELSE ' in part' END
                 FROM pg_index i
                 JOIN pg_class t ON t.oid = i.indrelid
                 JOIN pg_namespace s ON s.oid = t.relnamespace AND s.nspname = 'public'
                 CROSS JOIN LATERAL unnest(i.indkey::int[]) WITH ORDINALITY AS k (column_id, n)
                 JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.column_id
                 WHERE i.indisunique AND t.relname NOT LIKE '\\_sqlx%'
                 GROUP BY i.indexrelid, t.relname, i.indpred",
            );
            let unique = unique.fetch_all(&mut db).await.unwrap();
            let unique = unique.iter().map(|it| it.get::<String, _>(0));
            (columns(rows), unique.collect())
        }
        _ => {
            let mut db = SqliteConnection::connect(&url.to_string()).await.unwrap();
            // The key of a table without one of its own is its row id, which is not listed.
            let rows = sqlx::query_as(
                "SELECT t.name, c.name, c.type, c.\"notnull\" = 0 AND c.pk = 0
                 FROM pragma_table_list t JOIN pragma_table_info(t.name) c
                 WHERE t.schema = 'main' AND t.type = 'table'
                   AND t.name NOT LIKE 'sqlite%' AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\'",
            );
            let rows = rows.fetch_all(&mut db).await.unwrap();
            let unique = sqlx::query(
                "SELECT t.name || '(' || (SELECT group_concat(name, ',') FROM
                            (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno)) || ')'
                        || CASE i.partial WHEN 0 THEN '' ELSE ' in part' END
                 FROM pragma_table_list t JOIN pragma_index_list(t.name) i
                 WHERE i.\"unique\" AND t.schema = 'main'
                   AND t.name NOT LIKE 'sqlite%' AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\'
                 UNION
                 SELECT t.name || '(' || c.name || ')'
                 FROM pragma_table_list t JOIN pragma_table_info(t.name) c
                 WHERE c.pk = 1 AND c.type = 'INTEGER' AND t.schema = 'main' AND t.type = 'table'
                   AND t.name NOT LIKE 'sqlite%' AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\'
                   AND (SELECT count(*) FROM pragma_table_info(t.name) WHERE pk > 0) = 1",
            );
            let unique = unique.fetch_all(&mut db).await.unwrap();
            let unique = unique.iter().map(|it| it.get::<String, _>(0));
            (columns(rows), unique.collect())
        }
    }
}

/// A flag is a number in SQLite.
fn as_sqlite(shape: Shape) -> Shape {
    let all = shape.into_iter();
    all.map(|(table, column, kind, null)| (table, column, kind.replace("Flag", "Integer"), null))
        .collect()
}

#[tokio::test]
async fn both_engines_have_one_schema_and_backups_know_all_of_it() {
    let mut shapes = Vec::new();
    for (url, folder) in places().await {
        Store::open(&url).await.unwrap().close().await;
        shapes.push(shape(&url).await);
        drop(folder);
    }
    let (columns, _) = &shapes[0];
    let is_kept = |table: &str| !NOT_KEPT.contains(&table);
    let known: BTreeSet<(String, String, String)> = TABLES
        .iter()
        .flat_map(|table| {
            let columns = table.columns.iter();
            columns.map(|it| {
                let kind = format!("{:?}", it.kind).replace("Flag", "Integer");
                (table.name.to_owned(), it.name.to_owned(), kind)
            })
        })
        .collect();
    let there: BTreeSet<_> = columns
        .iter()
        .filter(|(table, ..)| is_kept(table))
        .map(|(table, column, kind, _)| (table.clone(), column.clone(), kind.clone()))
        .collect();
    assert_eq!(known, there, "the catalogue and the schema differ");
    if let [(sqlite, unique), (postgres, unique_of_postgres)] = &shapes[..] {
        assert_eq!(*sqlite, as_sqlite(postgres.clone()));
        assert_eq!(unique, unique_of_postgres);
    }
}

/// Statements that both engines take, but for `BYTES(…)` and truth.
async fn fill(url: &DatabaseUrl, statements: &str) {
    let mut raw = Raw::open(url).await;
    let (before, after) = match &raw {
        Raw::Sqlite(_) => ("x'", "'"),
        Raw::Postgres(_) => ("'\\x", "'::bytea"),
    };
    let parts: Vec<&str> = statements.split("BYTES(").collect();
    let mut parts = parts.into_iter();
    let mut statements = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (bytes, rest) = part.split_once(')').unwrap();
        statements += &format!("{before}{bytes}{after}{rest}");
    }
    for statement in statements.split(";\n").map(str::trim) {
        if !statement.is_empty() {
            raw.execute(statement).await.unwrap();
        }
    }
}

/// A database with rows in every table.
async fn full(url: &DatabaseUrl) -> Store {
    let store = Store::open_on(url, node()).await.unwrap();
    fill(url, ROWS).await;
    let sealer = Sealer::random().unwrap();
    let mut write = store.begin_write().await.unwrap();
    let sealed = sealer.seal("totp:1", b"clear");
    write.put_secret("totp:1", &sealed, AT).await.unwrap();
    write.begin_to_expect(AT).await.unwrap();
    let expectation = crate::expected::expectation("tank");
    write.expect_array(&expectation).await.unwrap();
    let made = MadeSchedule {
        name: "snapshots:data:photos:auto".to_owned(),
        expression: "hourly".to_owned(),
        kind: "dataset_snapshots".to_owned(),
        args: json!({ "pool": "data", "keep": { "last": 1 } }),
        made_at: AT,
        made_by: "anna".to_owned(),
    };
    write.put_made_schedule(&made).await.unwrap();
    let sample = Sample {
        at: AT,
        used: Bytes(1),
    };
    write.add_pool_sample("uuid", sample, AT).await.unwrap();
    let share = Share::new(
        "photos".parse().unwrap(),
        "/srv/data/photos".parse().unwrap(),
    );
    write.put_share(&share, AT).await.unwrap();
    write
        .put_share_settings(&model::Settings::default(), AT)
        .await
        .unwrap();
    let generation = StoredGeneration {
        number: 1,
        at: AT,
        by: "anna".to_owned(),
        operation: "smb_share_create".to_owned(),
        before: Intent::default(),
    };
    write.add_share_generation(&generation, 0).await.unwrap();
    write.commit().await.unwrap();
    crate::audit::append(&store, 0..5).await;
    store
}

/// What is in a backup, but for when and from where it is.
fn content(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    lines[1..lines.len() - 1].join("\n")
}

async fn dump(store: &Store, path: &Path) -> Dump {
    let dump = store.dump(path, AT).await.unwrap();
    assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
    assert_eq!(verify_dump(path).unwrap(), dump);
    dump
}

/// From each engine to each, and the same comes out again.
#[tokio::test]
async fn a_backup_goes_to_either_engine_and_back() {
    for (from, folder) in places().await {
        let store = full(&from).await;
        let first = folder.path().join("first");
        let made = dump(&store, &first).await;
        for table in TABLES {
            if table.name != "audit_anchor" {
                assert!(made.rows[table.name] > 0, "{} is empty", table.name);
            }
        }
        for (to, other) in places().await {
            let restored = restore(&first, &to, &node(), AT, |_| true).await.unwrap();
            assert_eq!((&restored.dump, &restored.kept), (&made, &None));
            let store = Store::open_on(&to, node()).await.unwrap();
            let second = other.path().join("second");
            dump(&store, &second).await;
            assert_eq!(content(&second), content(&first), "{from} to {to}");
            assert_eq!(store.check().await.unwrap(), []);
            // Numbers go on behind those that were given, and the chain behind its end.
            crate::audit::append(&store, [9]).await;
            let verdict = store.verify_audit(Chains::All, None, None).await.unwrap();
            assert!(verdict.is_sound() && verdict.records() == 6, "{verdict:?}");
        }
    }
}

#[tokio::test]
async fn a_backup_is_made_while_others_write() {
    for (url, folder) in places().await {
        let store = full(&url).await;
        let writer = store.clone();
        let writing = tokio::spawn(async move { crate::audit::append(&writer, 10..200).await });
        let path = folder.path().join("backup");
        for n in 0..5 {
            let path = path.with_extension(n.to_string());
            dump(&store, &path).await;
        }
        writing.await.unwrap();
        let error = store.dump(&path.with_extension("0"), AT).await.unwrap_err();
        assert!(matches!(error, DumpError::Exists(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_damaged_backup_is_refused() {
    let (url, folder) = places().await.remove(0);
    let store = full(&url).await;
    let path = folder.path().join("backup");
    dump(&store, &path).await;
    let good = fs::read(&path).unwrap();
    let bad = folder.path().join("bad");
    let to = DatabaseUrl::File(folder.path().join("other.db"));
    for at in (0..good.len()).step_by(97) {
        let mut flipped = good.clone();
        flipped[at] ^= 1;
        for text in [&flipped[..], &good[..at]] {
            fs::write(&bad, text).unwrap();
            assert!(verify_dump(&bad).is_err(), "byte {at}");
        }
    }
    fs::write(&bad, [&good[..], b"{}\n"].concat()).unwrap();
    assert!(verify_dump(&bad).is_err());
    assert!(restore(&bad, &to, &node(), AT, |_| true).await.is_err());
    assert!(!folder.path().join("other.db").exists());

    let text = String::from_utf8(good).unwrap();
    let schema = format!("\"schema\":{}", newest_schema());
    let newer = text.replacen(&schema, "\"schema\":99", 1);
    fs::write(&bad, newer).unwrap();
    let error = verify_dump(&bad).unwrap_err();
    assert!(
        matches!(error, DumpError::Newer { backup: 99, .. }),
        "{error:?}"
    );
}

/// Whatever step it stops at, what was there is there.
#[tokio::test]
async fn a_restore_that_stops_leaves_the_old_database() {
    for (url, folder) in places().await {
        let store = full(&url).await;
        let backup = folder.path().join("backup");
        dump(&store, &backup).await;
        for stop in Step::ALL {
            let target = match &url {
                DatabaseUrl::Postgres(_) => postgres().await.unwrap(),
                _ => {
                    // As after a power cut: what was written last is in its log alone.
                    let (there, cut) = ("there.db", format!("{stop:?}.db"));
                    let there = folder.path().join(format!("{stop:?}-{there}"));
                    let old = DatabaseUrl::File(there.clone());
                    let old = Store::open_on(&old, node()).await.unwrap();
                    crate::audit::append(&old, 0..3).await;
                    let cut = folder.path().join(cut);
                    for suffix in ["", "-wal"] {
                        let name = |it: &Path| format!("{}{suffix}", it.display());
                        fs::copy(name(&there), name(&cut)).unwrap();
                    }
                    old.close().await;
                    DatabaseUrl::File(cut)
                }
            };
            let done = restore(&backup, &target, &node(), AT, |step| step != stop).await;
            assert!(
                matches!(done, Err(RestoreError::Stopped)),
                "{stop:?}: {done:?}"
            );
            let store = Store::open_as_is(&target, node()).await.unwrap();
            match &target {
                DatabaseUrl::Postgres(_) => {
                    assert_eq!(store.schema().await.unwrap(), 0, "{stop:?}")
                }
                _ => assert_eq!(store.audit(0, 9).await.unwrap().len(), 3, "{stop:?}"),
            }
            store.close().await;
            // And the next one comes to its end.
            let later = AT + std::time::Duration::from_secs(1);
            let done = restore(&backup, &target, &node(), later, |_| true)
                .await
                .unwrap();
            assert_eq!(done.kept.is_some(), matches!(target, DatabaseUrl::File(_)));
            if let Some(kept) = done.kept {
                let old = Store::open_as_is(&DatabaseUrl::File(kept), node())
                    .await
                    .unwrap();
                assert_eq!(old.audit(0, 9).await.unwrap().len(), 3, "{stop:?}");
            }
            let left: Vec<_> = fs::read_dir(folder.path())
                .unwrap()
                .map(|it| it.unwrap().file_name().into_string().unwrap())
                .filter(|it| it.contains("restoring"))
                .collect();
            assert_eq!(left, [""; 0]);
        }
    }
}

#[tokio::test]
async fn a_database_that_is_open_is_not_replaced() {
    let (url, folder) = places().await.remove(0);
    let store = full(&url).await;
    let backup = folder.path().join("backup");
    dump(&store, &backup).await;
    let error = restore(&backup, &url, &node(), AT, |_| true)
        .await
        .unwrap_err();
    assert!(
        matches!(error, RestoreError::InUse(_)) && error.hint().is_some(),
        "{error:?}"
    );
    crate::audit::append(&store, 5..9).await;
    assert_eq!(store.check().await.unwrap(), []);
    store.close().await;
    restore(&backup, &url, &node(), AT, |_| true).await.unwrap();
}

#[tokio::test]
async fn a_server_that_holds_something_is_left_alone() {
    let Some(url) = postgres().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup");
    dump(&full(&url).await, &backup).await;
    let error = restore(&backup, &url, &node(), AT, |_| true)
        .await
        .unwrap_err();
    assert!(matches!(error, RestoreError::NotEmpty(_)) && error.hint().is_some());
    let store = Store::open_on(&url, node()).await.unwrap();
    assert_eq!(store.audit(0, 9).await.unwrap().len(), 5);
}

/// A database as each release left it, brought to the newest schema.
#[tokio::test]
async fn every_released_schema_is_brought_up_to_date() {
    for (url, folder) in places().await {
        Store::open(&url).await.unwrap().close().await;
        drop(folder);
        let fresh = match &url {
            DatabaseUrl::Postgres(_) => postgres().await.unwrap(),
            _ => {
                let folder = tempfile::tempdir().unwrap();
                let url = DatabaseUrl::in_folder(&folder.keep());
                Raw::make(&url).await;
                url
            }
        };
        let store = Store::open_as_is(&fresh, node()).await.unwrap();
        store.migrate_to(1).await.unwrap();
        store.close().await;
        fill(&fresh, SCHEMA_1).await;

        let folder = tempfile::tempdir().unwrap();
        let old = Store::open_as_is(&fresh, node()).await.unwrap();
        assert_eq!(old.schema().await.unwrap(), 1);
        let backup = folder.path().join("backup");
        assert_eq!(dump(&old, &backup).await.header.schema, 1);
        old.close().await;

        // By the start of the service, and by restoring an old backup.
        let store = Store::open_on(&fresh, node()).await.unwrap();
        assert_eq!(store.schema().await.unwrap(), newest_schema());
        let upgraded = folder.path().join("upgraded");
        dump(&store, &upgraded).await;
        for (to, other) in places().await {
            restore(&backup, &to, &node(), AT, |_| true).await.unwrap();
            let restored = other.path().join("restored");
            dump(&Store::open_on(&to, node()).await.unwrap(), &restored).await;
            assert_eq!(content(&restored), content(&upgraded));
        }
        let login = store.login("ann").await.unwrap().unwrap();
        assert_eq!((login.id, login.disabled), (7, false));
        let all = store.audit(0, 9).await.unwrap();
        let operations: Vec<_> = all.iter().map(|it| it.entry.operation.as_str()).collect();
        assert_eq!(operations, ["auth_login", "array_create", "array_create"]);
        let verdict = store.verify_audit(Chains::All, None, None).await.unwrap();
        assert!(verdict.is_sound() && verdict.unchained == 3);
        crate::audit::append(&store, 0..3).await;
        let verdict = store.verify_audit(Chains::All, None, None).await.unwrap();
        assert_eq!((verdict.records(), verdict.unchained), (3, 3));
        assert!(verdict.is_sound());
    }
}

/// What the commands do, on a folder of a service.
#[tokio::test]
async fn the_database_of_a_service_is_checked_saved_and_restored() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let url = DatabaseUrl::in_folder(folder);
    let settings = Settings {
        data_dir: Some(folder.to_owned()),
        database: url.clone(),
        ..Settings::simulated(Scenario::built_in("blank").unwrap())
    };
    let app = App::start(&settings).await.unwrap();
    crate::audit::append(&app.store, 0..5).await;
    let mut write = app.store.begin_write().await.unwrap();
    let sealed = app.sealer.seal("totp:1", b"clear");
    write.put_secret("totp:1", &sealed, AT).await.unwrap();
    write.commit().await.unwrap();
    // While it runs.
    let backup = folder.join("backup");
    offline::backup(&url, folder, &backup).await.unwrap();
    let checked = offline::check(&url, folder).await.unwrap();
    assert_eq!((checked.findings, checked.secrets), (vec![], 1));
    let error = offline::restore(&backup, &url, folder, |_| true)
        .await
        .unwrap_err();
    assert!(error.hint().unwrap().contains("systemctl stop"), "{error}");
    assert!(offline::rotate_keys(&url, folder).await.is_err());
    crate::audit::append(&app.store, 5..50).await;
    app.stop().await.unwrap();
    app.store.close().await;
    drop(app);

    assert_eq!(offline::rotate_keys(&url, folder).await.unwrap(), 1);
    let restored = offline::restore(&backup, &url, folder, |_| true)
        .await
        .unwrap();
    assert!(restored.kept.unwrap().exists());
    // The log is shorter than it was, and that is no alarm: it says itself that it was restored.
    let checked = offline::check(&url, folder).await.unwrap();
    let audit = checked.audit.unwrap();
    assert!(audit.is_sound());
    assert_eq!(audit.records(), 6);
    // The keys were rotated after the backup was made.
    assert_eq!((checked.secrets, checked.findings.len()), (0, 1));
    let app = App::start(&settings).await.unwrap();
    let last = app.store.audit(0, 99).await.unwrap().pop().unwrap();
    assert_eq!(last.entry.operation, "database_restore");
    app.store.close().await;
    drop(app);

    // What is wrong is said once.
    let mut raw = Raw::open(&url).await;
    raw.drop_guards().await;
    raw.execute("UPDATE audit SET actor = 'x' WHERE seq = 2")
        .await
        .unwrap();
    raw.execute("PRAGMA foreign_keys = OFF").await.unwrap();
    raw.execute("INSERT INTO totp (login_id, created_at) VALUES (99, 1)")
        .await
        .unwrap();
    let checked = offline::check(&url, folder).await.unwrap();
    let said: Vec<String> = checked.findings.iter().map(ToString::to_string).collect();
    assert_eq!(
        said[..2],
        [
            "1 rows of totp refer to a login that is not there",
            "the audit log: record 2 is not what was written",
        ]
    );
    assert_eq!(said.len(), 3, "and the secret: {said:?}");
}

/// A list that was read once counts until its mark is another one, whoever changed it.
#[tokio::test]
async fn every_change_of_the_list_of_logins_gives_it_another_mark() {
    let by_others = [
        "INSERT INTO login (id, username, role, created_at, updated_at)
         VALUES (5, 'ann', 'viewer', 1, 1)",
        "UPDATE login SET last_login_at = 2 WHERE id = 5",
        "INSERT INTO totp (login_id, created_at) VALUES (5, 1)",
        "UPDATE totp SET confirmed_at = 2 WHERE login_id = 5",
        "DELETE FROM totp WHERE login_id = 5",
        "DELETE FROM login WHERE id = 5",
    ];
    for (url, _folder) in places().await {
        let store = Store::open_on(&url, node()).await.unwrap();
        let mut marks = BTreeSet::from([store.login_mark().await.unwrap()]);
        let mut raw = Raw::open(&url).await;
        for (number, statement) in by_others.into_iter().enumerate() {
            raw.execute(statement).await.unwrap();
            let mark = store.login_mark().await.unwrap();
            assert!(marks.insert(Arc::clone(&mark)), "as before: {statement}");
            assert_eq!(store.login_mark().await.unwrap(), mark);
            assert_eq!(marks.len(), number + 2);
        }
        crate::audit::append(&store, 0..3).await;
        let mark = store.login_mark().await.unwrap();
        assert!(marks.contains(&mark), "nothing of the list was changed");
        store.close().await;
    }
}
