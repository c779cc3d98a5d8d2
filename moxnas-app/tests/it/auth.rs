//! Logins, sessions and tokens, as their callers see them.

use std::{
    fs,
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use moxnas_app::{
    actor::{Actor, Role, Via},
    auth::{
        Auth, AuthError, FirstStart, KeyError, LoginName, LoginNameError, Secret, Session,
        SigningKey, Terminal, TokenError, WeakPassword,
    },
    seal::Sealer,
    store::{DatabaseUrl, Store, StoreError},
};
use moxnas_core::clock::{Clock, ManualClock};
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse battery";
const OTHER: &str = "staple battery correct";
const HERE: Option<&str> = Some("10.0.0.1");
const KEY: [u8; 32] = *b"thirty-two bytes that are a key.";

struct Bench {
    auth: Auth,
    store: Store,
    clock: Arc<ManualClock>,
}

/// One login, `ann`, who is an operator.
async fn bench() -> Bench {
    bench_on(Store::open(&DatabaseUrl::Memory).await.unwrap()).await
}

/// The same on each engine that is there.
async fn benches() -> Vec<Bench> {
    let mut all = Vec::new();
    for store in crate::engines::stores().await {
        all.push(bench_on(store).await);
    }
    all
}

async fn bench_on(store: Store) -> Bench {
    let clock = Arc::new(ManualClock::default());
    clock.advance(Duration::from_secs(1_800_000_000));
    let auth = auth_on(&store, &known_key(), &clock);
    auth.create_login("ann", Role::Operator, PASSWORD)
        .await
        .unwrap();
    Bench { auth, store, clock }
}

fn auth_on(store: &Store, key: &SigningKey, clock: &Arc<ManualClock>) -> Auth {
    Auth::new(store.clone(), key, Sealer::random().unwrap(), clock.clone())
}

fn known_key() -> SigningKey {
    let folder = tempfile::tempdir().unwrap();
    write_key(folder.path(), &KEY, 0o600);
    SigningKey::load_or_make(folder.path()).unwrap()
}

fn write_key(folder: &Path, bytes: &[u8], mode: u32) {
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(folder.join("jwt.key"))
        .unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
}

impl Bench {
    async fn login(&self) -> Session {
        self.auth.login("ann", PASSWORD, HERE).await.unwrap()
    }

    async fn role(&self, session: &Session) -> Result<Role, AuthError> {
        Ok(self.auth.authenticate(session.token.expose()).await?.role)
    }

    fn seconds(&self) -> u64 {
        self.clock
            .now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_secs()
    }

    /// What a token of the session says, with some of it changed, signed with `key`.
    fn token(&self, session: &Session, changes: Value, key: &[u8]) -> String {
        let claims = self.claims(session, changes);
        encode(
            &Header::new(Algorithm::HS256),
            &claims,
            &EncodingKey::from_secret(key),
        )
        .unwrap()
    }

    fn claims(&self, session: &Session, changes: Value) -> Value {
        let mut claims = json!({
            "iss": "moxnas", "aud": "moxnas-api", "sub": session.login.id.to_string(),
            "sid": session.id, "typ": "access", "iat": self.seconds(), "exp": self.seconds() + 60,
        });
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => claims.as_object_mut().unwrap().remove(name),
                value => claims
                    .as_object_mut()
                    .unwrap()
                    .insert(name.clone(), value.clone()),
            };
        }
        claims
    }
}

/// Asserts how something was refused.
macro_rules! refused {
    ($answer:expr, $pattern:pat) => {
        match $answer {
            Err($pattern) => {}
            other => panic!("not refused with {}: {other:?}", stringify!($pattern)),
        }
    };
}

// After the macro, which they use.
mod cookies;
mod first_start;
mod keys;
mod logins;
mod second_factor;
mod sessions;
mod tokens;
mod users;
