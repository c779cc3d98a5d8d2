//! The store: every statement, on the real migrations.

use std::{
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    time::{Duration, SystemTime},
};

use moxnas_app::{
    actor::{Actor, Credential, Role, Via},
    store::{
        DatabaseUrl, DatabaseUrlError, Entry, NewLogin, NewSession, Outcome, Phase, Revoked, Store,
        StoreError,
    },
};
use sqlx::{Connection, SqliteConnection};

use crate::engines::stores;

async fn memory() -> Store {
    Store::open(&DatabaseUrl::Memory).await.unwrap()
}

fn at(second: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + second)
}

async fn add_login(store: &Store, username: &str) -> i64 {
    let mut write = store.begin_write().await.unwrap();
    let hash = Some("$hash".to_owned());
    let new = NewLogin {
        username: username.to_owned(),
        role: Role::Viewer,
        password_hash: hash,
        account: None,
        at: at(0),
    };
    let id = write.create_login(&new).await.unwrap();
    write.commit().await.unwrap();
    id
}

async fn add_session(store: &Store, id: &str, login: i64) {
    let mut write = store.begin_write().await.unwrap();
    let address = Some("10.0.0.1".to_owned());
    let new = NewSession {
        id: id.to_owned(),
        login,
        address,
        user_agent: None,
        cookie_hash: None,
        at: at(0),
        expires_at: at(10),
    };
    write.begin_session(&new).await.unwrap();
    write.commit().await.unwrap();
}

async fn raw(path: &Path) -> SqliteConnection {
    SqliteConnection::connect(&DatabaseUrl::File(path.to_owned()).to_string())
        .await
        .unwrap()
}

#[test]
fn database_urls() {
    let file = |path: &str| Ok(DatabaseUrl::File(path.into()));
    for (text, expect) in [
        ("sqlite::memory:", Ok(DatabaseUrl::Memory)),
        ("sqlite://moxnas.db", file("moxnas.db")),
        (
            "sqlite:///var/lib/moxnas/moxnas.db",
            file("/var/lib/moxnas/moxnas.db"),
        ),
        ("sqlite:moxnas.db", Err(DatabaseUrlError::NoPath)),
        ("sqlite://", Err(DatabaseUrlError::NoPath)),
        ("sqlite://a.db?mode=ro", Err(DatabaseUrlError::Options)),
        ("moxnas.db", Err(DatabaseUrlError::NoScheme)),
        ("postgresql:moxnas", Err(DatabaseUrlError::Server)),
        ("postgres://db:port/moxnas", Err(DatabaseUrlError::Server)),
        (
            "mysql://root:secret@db",
            Err(DatabaseUrlError::Scheme("mysql".to_owned())),
        ),
    ] {
        let read = text.parse::<DatabaseUrl>();
        assert_eq!(read, expect, "{text}");
        match read {
            Ok(url) => assert_eq!(url.to_string(), text),
            Err(error) => assert!(!error.to_string().contains("secret"), "{error}"),
        }
    }
    for (text, shown) in [
        (
            "postgresql://moxnas:secret@db/moxnas",
            "postgresql://moxnas@db/moxnas",
        ),
        ("postgres://db:5433/moxnas", "postgres://db:5433/moxnas"),
        (
            "postgresql://moxnas@db/moxnas?password=secret&sslmode=require",
            "postgresql://moxnas@db/moxnas",
        ),
    ] {
        let url: DatabaseUrl = text.parse().unwrap();
        assert_eq!(url.to_string(), shown);
        assert!(!format!("{url:?}").contains("secret"));
    }
    assert_eq!(
        DatabaseUrl::in_folder(Path::new("/d")).to_string(),
        "sqlite:///d/moxnas.db"
    );
}

#[tokio::test]
async fn a_new_database_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/moxnas.db");
    let store = Store::open(&DatabaseUrl::File(path.clone())).await.unwrap();
    add_login(&store, "ann").await;
    let mode = |path: &Path| path.metadata().unwrap().mode() & 0o777;
    assert_eq!(mode(&folder.path().join("a")), 0o700);
    assert_eq!(mode(&folder.path().join("a/b")), 0o700);
    for name in ["moxnas.db", "moxnas.db-wal", "moxnas.db-shm"] {
        assert_eq!(mode(&path.with_file_name(name)), 0o600, "{name}");
    }
    store.close().await;
    assert!(!path.with_file_name("moxnas.db-wal").exists());

    let store = Store::open(&DatabaseUrl::File(path)).await.unwrap();
    assert_eq!(store.count_logins().await.unwrap(), 1);
}

#[tokio::test]
async fn a_place_that_cannot_be_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let path = folder.path().join("file/moxnas.db");
    let error = Store::open(&DatabaseUrl::File(path)).await.unwrap_err();
    assert!(matches!(error, StoreError::Place { .. }), "{error:?}");

    let path = folder.path().join("text.db");
    std::fs::write(
        &path,
        "this is not a database, however long one looks at it",
    )
    .unwrap();
    let error = Store::open(&DatabaseUrl::File(path)).await.unwrap_err();
    assert!(matches!(error, StoreError::Open { .. }), "{error:?}");
}

#[tokio::test]
async fn a_database_of_a_newer_release_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::in_folder(folder.path());
    Store::open(&url).await.unwrap().close().await;
    let mut other = raw(&folder.path().join("moxnas.db")).await;
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'of next year', true, x'00', 0)",
    )
    .execute(&mut other)
    .await
    .unwrap();
    let error = Store::open(&url).await.unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Newer {
                database: 9999,
                program: 1..
            }
        ),
        "{error:?}"
    );

    sqlx::query("DELETE FROM _sqlx_migrations WHERE version = 9999")
        .execute(&mut other)
        .await
        .unwrap();
    sqlx::query("UPDATE _sqlx_migrations SET checksum = x'00'")
        .execute(&mut other)
        .await
        .unwrap();
    let error = Store::open(&url).await.unwrap_err();
    assert!(matches!(error, StoreError::Foreign(1)), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_may_open_a_new_database_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::in_folder(folder.path());
    let opening: Vec<_> = (0..8)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { Store::open(&url).await })
        })
        .collect();
    for it in opening {
        it.await.unwrap().unwrap();
    }
}

/// With a plain BEGIN half of these fail with "database is locked".
#[tokio::test(flavor = "multi_thread")]
async fn two_processes_write_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::in_folder(folder.path());
    let stores = [
        Store::open(&url).await.unwrap(),
        Store::open(&url).await.unwrap(),
    ];
    let mut writers = Vec::new();
    for (n, store) in stores.iter().enumerate().flat_map(|it| [it, it, it, it]) {
        let store = store.clone();
        writers.push(tokio::spawn(async move {
            for _ in 0..25 {
                let mut write = store.begin_write().await.unwrap();
                assert!(write.credentials("nobody").await.unwrap().is_none());
                let entry =
                    Entry::new(at(0), &Actor::nobody("r"), &format!("op{n}"), Phase::Intent);
                write.append_audit(&entry).await.unwrap();
                write.commit().await.unwrap();
            }
        }));
    }
    for it in writers {
        it.await.unwrap();
    }
    let ids: Vec<_> = stores[0]
        .audit(0, 1000)
        .await
        .unwrap()
        .into_iter()
        .map(|it| it.id)
        .collect();
    assert_eq!(ids, (1..=200).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_in_memory_is_one_for_all_and_its_own() {
    let (one, other) = (memory().await, memory().await);
    let adding: Vec<_> = (0..20)
        .map(|n| {
            let store = one.clone();
            tokio::spawn(async move { add_login(&store, &format!("login{n}")).await })
        })
        .collect();
    for it in adding {
        it.await.unwrap();
    }
    assert_eq!(one.count_logins().await.unwrap(), 20);
    assert_eq!(other.count_logins().await.unwrap(), 0);
}

#[tokio::test]
async fn what_is_not_committed_did_not_happen() {
    for store in stores().await {
        what_is_not_committed_did_not_happen_on(store).await;
    }
}

async fn what_is_not_committed_did_not_happen_on(store: Store) {
    let mut write = store.begin_write().await.unwrap();
    let new = NewLogin {
        username: "ann".into(),
        role: Role::Admin,
        password_hash: None,
        account: None,
        at: at(0),
    };
    write.create_login(&new).await.unwrap();
    assert!(write.credentials("ann").await.unwrap().is_some());
    drop(write);
    assert!(store.login("ann").await.unwrap().is_none());
}

#[tokio::test]
async fn logins() {
    for store in stores().await {
        logins_on(store).await;
    }
}

async fn logins_on(store: Store) {
    let (bob, ann) = (
        add_login(&store, "bob").await,
        add_login(&store, "ann").await,
    );
    let found = store.login("ann").await.unwrap().unwrap();
    assert_eq!(
        (found.id, found.role, found.disabled),
        (ann, Role::Viewer, false)
    );
    assert!(found.has_password);
    assert_eq!((found.created_at, found.updated_at), (at(0), at(0)));
    let names = store
        .logins()
        .await
        .unwrap()
        .into_iter()
        .map(|it| it.username);
    assert_eq!(names.collect::<Vec<_>>(), ["ann", "bob"]);

    let mut write = store.begin_write().await.unwrap();
    write.set_role(ann, Role::Operator, at(1)).await.unwrap();
    write.set_password_hash(ann, "$other", at(2)).await.unwrap();
    write.disable_login(bob, at(3)).await.unwrap();
    write.commit().await.unwrap();
    let found = store.credentials("ann").await.unwrap().unwrap();
    assert_eq!(found.password_hash.as_deref(), Some("$other"));
    assert_eq!(
        (found.login.role, found.login.updated_at),
        (Role::Operator, at(2))
    );
    assert!(!format!("{found:?}").contains("$other"));
    assert!(store.login("bob").await.unwrap().unwrap().disabled);

    let mut write = store.begin_write().await.unwrap();
    write.enable_login(bob, at(4)).await.unwrap();
    write.commit().await.unwrap();
    assert!(
        !store
            .credentials_of(bob)
            .await
            .unwrap()
            .unwrap()
            .login
            .disabled
    );
    assert!(store.credentials_of(99).await.unwrap().is_none());

    let mut write = store.begin_write().await.unwrap();
    let new = NewLogin {
        username: "ann".into(),
        role: Role::User,
        password_hash: None,
        account: None,
        at: at(5),
    };
    let error = write.create_login(&new).await.unwrap_err();
    assert!(matches!(error, StoreError::NameTaken(name) if name == "ann"));
    drop(write);
    let mut write = store.begin_write().await.unwrap();
    let new = NewLogin {
        username: "Ann".into(),
        ..new
    };
    let error = write.create_login(&new).await.unwrap_err();
    assert!(
        matches!(error, StoreError::Statement { .. }),
        "upper case is refused: {error:?}"
    );
}

#[tokio::test]
async fn sessions_and_refresh_tokens() {
    for store in stores().await {
        sessions_and_refresh_tokens_on(store).await;
    }
}

async fn sessions_and_refresh_tokens_on(store: Store) {
    let ann = add_login(&store, "ann").await;
    for id in ["one", "two", "three"] {
        add_session(&store, id, ann).await;
    }
    let mut write = store.begin_write().await.unwrap();
    write
        .add_refresh_token("one", &[1; 32], at(0), at(10))
        .await
        .unwrap();
    write
        .add_refresh_token("one", &[2; 32], at(5), at(15))
        .await
        .unwrap();
    write.commit().await.unwrap();
    for (session, secret) in [("two", [1; 32]), ("none", [3; 32])] {
        let mut write = store.begin_write().await.unwrap();
        let added = write.add_refresh_token(session, &secret, at(0), at(10));
        assert!(added.await.is_err(), "{session}");
    }
    let mut write = store.begin_write().await.unwrap();
    let token = write.refresh_token(&[1; 32]).await.unwrap().unwrap();
    assert_eq!((token.session.as_str(), token.expires_at), ("one", at(10)));
    assert_eq!((token.used_at, token.state.revoked_at), (None, None));
    assert_eq!(token.state.login.username, "ann");
    write.use_refresh_token(token.id, at(5)).await.unwrap();
    assert_eq!(
        write
            .refresh_token(&[1; 32])
            .await
            .unwrap()
            .unwrap()
            .used_at,
        Some(at(5))
    );
    assert_eq!(
        write
            .refresh_token(&[2; 32])
            .await
            .unwrap()
            .unwrap()
            .used_at,
        None
    );
    assert!(write.refresh_token(&[9; 32]).await.unwrap().is_none());

    write
        .revoke_session("one", Revoked::Logout, at(6))
        .await
        .unwrap();
    write
        .revoke_session("one", Revoked::Reuse, at(7))
        .await
        .unwrap();
    assert_eq!(
        write
            .revoke_sessions_of(ann, Revoked::Password, at(8))
            .await
            .unwrap(),
        2
    );
    write.commit().await.unwrap();
    let revoked = async |id| store.session(id).await.unwrap().map(|it| it.revoked_at);
    assert_eq!(revoked("one").await, Some(Some(at(6))));
    assert_eq!(revoked("two").await, Some(Some(at(8))));
    assert_eq!(revoked("none").await, None);

    let mut write = store.begin_write().await.unwrap();
    assert_eq!(
        write.forget_expired(at(10)).await.unwrap(),
        2,
        "two and three; one was prolonged"
    );
    assert!(write.refresh_token(&[1; 32]).await.unwrap().is_none());
    assert!(write.refresh_token(&[2; 32]).await.unwrap().is_some());
    assert_eq!(write.forget_expired(at(15)).await.unwrap(), 1);
    assert!(write.refresh_token(&[2; 32]).await.unwrap().is_none());
}

#[tokio::test]
async fn the_audit_log_gives_back_what_was_put_in() {
    for store in stores().await {
        the_audit_log_gives_back_what_was_put_in_on(store).await;
    }
}

async fn the_audit_log_gives_back_what_was_put_in_on(store: Store) {
    let actor = Actor {
        name: "ann".into(),
        role: Some(Role::Admin),
        via: Via::Socket { uid: 0 },
        address: Some("10.0.0.1".into()),
        request_id: "r1".into(),
        credential: Credential::None,
    };
    let intent = Entry::new(at(1), &actor, "array_create", Phase::Intent);
    let outcome = Entry {
        object: Some("data".into()),
        phase: Phase::Outcome,
        result: Some(Outcome::Failed),
        fingerprint: Some("f00".into()),
        detail: serde_json::json!({"step": 2, "why": "line\nbreak 'quoted'"}),
        ..intent.clone()
    };
    assert_eq!(intent.via, "socket:0");
    let refused = Entry {
        phase: Phase::Refused,
        ..intent.clone()
    };
    let login = Entry {
        phase: Phase::Login,
        result: Some(Outcome::Ok),
        ..intent.clone()
    };
    let entries = [intent, outcome, refused, login];
    for (n, entry) in (1..).zip(&entries) {
        assert_eq!(store.append_audit(entry).await.unwrap(), n);
    }
    let all = store.audit(0, 10).await.unwrap();
    assert_eq!(all.iter().map(|it| it.id).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(
        all.into_iter().map(|it| it.entry).collect::<Vec<_>>(),
        entries
    );
    let some = store.audit(1, 2).await.unwrap();
    assert_eq!(some.iter().map(|it| it.id).collect::<Vec<_>>(), [2, 3]);
}

#[tokio::test]
async fn the_audit_log_only_grows() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&DatabaseUrl::in_folder(folder.path()))
        .await
        .unwrap();
    let entry = Entry::new(at(1), &Actor::nobody("r1"), "array_create", Phase::Refused);
    store.append_audit(&entry).await.unwrap();
    let mut other = raw(&folder.path().join("moxnas.db")).await;
    for statement in [
        "UPDATE audit SET actor = 'someone else'",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit (id, at, actor, via, operation, phase, request_id, detail)
         VALUES (1, 0, 'x', 'x', 'x', 'intent', 'x', '{}')",
    ] {
        let error = sqlx::query(statement)
            .execute(&mut other)
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("append-only"), "{error}");
    }
    assert_eq!(store.audit(0, 10).await.unwrap()[0].entry, entry);
}

#[tokio::test]
async fn every_table_is_strict() {
    let folder = tempfile::tempdir().unwrap();
    Store::open(&DatabaseUrl::in_folder(folder.path()))
        .await
        .unwrap()
        .close()
        .await;
    let mut other = raw(&folder.path().join("moxnas.db")).await;
    let lax: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM pragma_table_list
         WHERE type = 'table' AND strict = 0 AND name NOT LIKE 'sqlite%' AND name NOT LIKE '_sqlx%'",
    )
    .fetch_all(&mut other)
    .await
    .unwrap();
    assert_eq!(lax, [""; 0]);
}

#[tokio::test]
async fn an_existing_folder_keeps_its_mode() {
    let folder = tempfile::tempdir().unwrap();
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path(), mode).unwrap();
    Store::open(&DatabaseUrl::in_folder(folder.path()))
        .await
        .unwrap();
    assert_eq!(folder.path().metadata().unwrap().mode() & 0o777, 0o755);
}
