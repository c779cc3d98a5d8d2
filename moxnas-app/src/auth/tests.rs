//! What only the inside shows: how much work a refusal takes.

use moxnas_core::clock::ManualClock;

use super::*;
use crate::store::DatabaseUrl;

/// The time a refusal takes is that of its argon2 runs. Counting them is exact on a busy machine,
/// where measuring is not; that each run costs the same is a test of `password`.
#[tokio::test]
async fn unknown_logins_take_as_long_as_known_ones() {
    let store = Store::open(&DatabaseUrl::Memory).await.unwrap();
    let key = SigningKey::random().unwrap();
    let sealer = Sealer::random().unwrap();
    let auth = Auth::new(store, &key, sealer, Arc::new(ManualClock::default()));
    let password = "correct horse battery";
    for name in ["known", "disabled"] {
        auth.create_login(name, Role::User, password).await.unwrap();
    }
    auth.disable_login("disabled").await.unwrap();
    let without = LoginWish {
        username: "without-password".to_owned(),
        role: Role::User,
        password: None,
        account: None,
    };
    auth.make_login(without).await.unwrap();
    for name in [
        "known",
        "unknown",
        "disabled",
        "without-password",
        "no name at all",
        "",
    ] {
        let before = auth.0.passwords.runs();
        let refused = auth.login(name, "wrong", Some("10.0.0.1")).await;
        assert!(
            matches!(refused, Err(AuthError::WrongCredentials)),
            "{name}"
        );
        assert_eq!(auth.0.passwords.runs() - before, 1, "{name}");
    }
}
