//! Sealed secrets and the file of their keys.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    time::SystemTime,
};

use moxnas_app::{
    PrivateFileError,
    seal::{SealError, Sealed, Sealer},
    store::Store,
};

use crate::engines::stores;

const AT: SystemTime = SystemTime::UNIX_EPOCH;

async fn put(store: &Store, name: &str, sealed: &Sealed) {
    let mut write = store.begin_write().await.unwrap();
    write.put_secret(name, sealed, AT).await.unwrap();
    write.commit().await.unwrap();
}

/// Every secret of the database opens with the keys of the folder.
async fn check(store: &Store, folder: &Path) {
    let sealer = Sealer::load_or_make(folder).unwrap();
    let secrets = store.secrets().await.unwrap();
    assert_eq!(secrets.len(), 20);
    for it in secrets {
        let clear = sealer.open(&it.name, &it.sealed).unwrap();
        assert_eq!(clear, format!("clear {}", it.name).as_bytes());
    }
}

fn keys(folder: &Path) -> usize {
    let text = fs::read_to_string(folder.join("secrets.key")).unwrap();
    text.lines().count() - 1
}

#[test]
fn what_is_sealed_opens_under_its_name_alone() {
    let sealer = Sealer::random().unwrap();
    let sealed = sealer.seal("totp:1", b"clear");
    assert_eq!(sealer.open("totp:1", &sealed).unwrap(), b"clear");
    assert_eq!(sealer.clone().open("totp:1", &sealed).unwrap(), b"clear");
    assert_ne!(
        sealer.seal("totp:1", b"clear"),
        sealed,
        "a nonce is used once"
    );
    let error = sealer.open("totp:2", &sealed).unwrap_err();
    assert!(matches!(error, SealError::Forged(_)), "{error:?}");
    for at in 0..sealed.bytes.len() {
        let mut other = sealed.clone();
        other.bytes[at] ^= 1;
        assert!(sealer.open("totp:1", &other).is_err(), "byte {at}");
        other.bytes.truncate(at);
        assert!(sealer.open("totp:1", &other).is_err(), "{at} bytes");
    }
    let error = Sealer::random()
        .unwrap()
        .open("totp:1", &sealed)
        .unwrap_err();
    assert!(matches!(error, SealError::NoSuchKey { .. }), "{error:?}");
    assert!(!format!("{sealer:?}").contains(&sealed.key_id));
}

#[test]
fn the_key_file_is_made_once_and_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secrets.key");
    let sealed = Sealer::load_or_make(folder.path()).unwrap().seal("a", b"b");
    assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
    let again = Sealer::load_or_make(folder.path()).unwrap();
    assert_eq!(again.open("a", &sealed).unwrap(), b"b");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

    for mode in [0o640, 0o604, 0o660, 0o622] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = Sealer::load_or_make(folder.path()).unwrap_err();
        let is_exposed = matches!(
            error,
            SealError::File(PrivateFileError::Exposed { mode: it, .. }) if it == mode
        );
        assert!(is_exposed && error.hint().is_some(), "{error:?}");
    }
}

#[test]
fn a_damaged_key_file_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secrets.key");
    Sealer::load_or_make(folder.path()).unwrap();
    let good = fs::read(&path).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        // Another digit, and another letter.
        bad[at] = if bad[at] == b'1' { b'2' } else { b'1' };
        for text in [&bad[..], &good[..at]] {
            fs::write(&path, text).unwrap();
            let error = Sealer::load_or_make(folder.path()).unwrap_err();
            assert!(
                matches!(error, SealError::Damaged { .. }),
                "{at}: {error:?}"
            );
            assert_eq!(fs::read(&path).unwrap(), text);
        }
    }
}

#[tokio::test]
async fn secrets_are_kept_replaced_and_forgotten() {
    for store in stores().await {
        let sealer = Sealer::random().unwrap();
        assert_eq!(store.secret("a").await.unwrap(), None);
        put(&store, "b", &sealer.seal("b", b"")).await;
        put(&store, "a", &sealer.seal("a", b"one")).await;
        put(&store, "a", &sealer.seal("a", b"two")).await;
        let names: Vec<_> = store.secrets().await.unwrap();
        let names: Vec<_> = names.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        let kept = store.secret("a").await.unwrap().unwrap();
        assert_eq!(sealer.open("a", &kept.sealed).unwrap(), b"two");
        let mut write = store.begin_write().await.unwrap();
        assert_eq!(write.secret("a").await.unwrap(), Some(kept));
        assert!(write.delete_secret("a").await.unwrap());
        assert!(!write.delete_secret("a").await.unwrap());
        write.commit().await.unwrap();
        assert_eq!(store.secrets().await.unwrap().len(), 1);
    }
}

/// Stopped after any part of a rotation, everything opens, and the next one comes to its end.
#[tokio::test]
async fn a_rotation_that_stops_loses_nothing() {
    for store in stores().await {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let sealer = Sealer::load_or_make(folder).unwrap();
        for n in 0..20 {
            let name = format!("secret {n}");
            put(
                &store,
                &name,
                &sealer.seal(&name, format!("clear {name}").as_bytes()),
            )
            .await;
        }

        sealer.add_key().unwrap();
        check(&store, folder).await;
        assert_eq!(keys(folder), 2);

        let sealer = Sealer::load_or_make(folder).unwrap();
        sealer.add_key().unwrap();
        let mut write = store.begin_write().await.unwrap();
        sealer.seal_again(&mut write, AT).await.unwrap();
        drop(write);
        check(&store, folder).await;

        let sealer = Sealer::load_or_make(folder).unwrap();
        sealer.add_key().unwrap();
        let mut write = store.begin_write().await.unwrap();
        assert_eq!(sealer.seal_again(&mut write, AT).await.unwrap(), 20);
        write.commit().await.unwrap();
        check(&store, folder).await;
        assert_eq!(keys(folder), 4);

        let old = store.secrets().await.unwrap();
        let sealer = Sealer::load_or_make(folder).unwrap();
        assert_eq!(sealer.rotate(&store, AT).await.unwrap(), 20);
        check(&store, folder).await;
        assert_eq!(keys(folder), 1);
        // What was sealed before is out of reach.
        let error = sealer.open(&old[0].name, &old[0].sealed).unwrap_err();
        assert!(matches!(error, SealError::NoSuchKey { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_rotation_stops_at_what_it_cannot_open() {
    for store in stores().await {
        let folder = tempfile::tempdir().unwrap();
        let sealer = Sealer::load_or_make(folder.path()).unwrap();
        put(&store, "a", &sealer.seal("a", b"a")).await;
        put(&store, "b", &sealer.seal("another name", b"b")).await;
        let error = sealer.rotate(&store, AT).await.unwrap_err();
        assert!(matches!(error, SealError::Forged(name) if name == "b"));
        let sealer = Sealer::load_or_make(folder.path()).unwrap();
        let kept = store.secret("a").await.unwrap().unwrap();
        assert_eq!(sealer.open("a", &kept.sealed).unwrap(), b"a");
    }
}
