//! The first login of a new box.

use super::*;

async fn first_start(given: Option<&str>, terminal: Terminal) -> (Auth, Store, FirstStart) {
    let store = Store::open(&DatabaseUrl::Memory).await.unwrap();
    let clock = Arc::new(ManualClock::default());
    let auth = auth_on(&store, &SigningKey::random().unwrap(), &clock);
    let done = auth
        .first_start(given.map(Secret::from), terminal)
        .await
        .unwrap();
    (auth, store, done)
}

#[tokio::test]
async fn the_first_start_takes_a_password_from_the_environment() {
    let (auth, store, done) = first_start(Some(PASSWORD), Terminal::Attached).await;
    assert_eq!(done, FirstStart::MadeFromEnvironment);
    let session = auth.login("admin", PASSWORD, None).await.unwrap();
    assert_eq!(session.login.role, Role::Admin);
    let again = auth
        .first_start(Some(OTHER.into()), Terminal::Attached)
        .await
        .unwrap();
    assert_eq!(again, FirstStart::AlreadySet);
    auth.login("admin", PASSWORD, None).await.unwrap();
    assert_eq!(store.count_logins().await.unwrap(), 1);
}

#[tokio::test]
async fn the_first_start_shows_a_random_password_on_a_terminal_once() {
    let (auth, _, done) = first_start(Some(""), Terminal::Attached).await;
    let FirstStart::MadeRandom { password } = done else {
        panic!("{done:?}")
    };
    assert_eq!(password.expose().len(), 20);
    assert!(
        !password
            .expose()
            .contains(['0', 'o', '1', 'l', 'i', 'O', 'I'])
    );
    auth.login("admin", password.expose(), None).await.unwrap();
    let again = auth.first_start(None, Terminal::Attached).await.unwrap();
    assert_eq!(again, FirstStart::AlreadySet);
    let (_, _, other) = first_start(None, Terminal::Attached).await;
    assert_ne!(other, FirstStart::MadeRandom { password });
}

#[tokio::test]
async fn without_a_terminal_root_gives_the_first_password() {
    let (auth, store, done) = first_start(None, Terminal::Absent).await;
    assert_eq!(done, FirstStart::NoPasswordYet);
    let again = auth.first_start(None, Terminal::Absent).await.unwrap();
    assert_eq!(again, FirstStart::NoPasswordYet);
    let admin = store.login("admin").await.unwrap().unwrap();
    assert_eq!((admin.role, admin.has_password), (Role::Admin, false));
    for guess in ["", "admin", "nobody has this password, ever.."] {
        refused!(
            auth.login("admin", guess, None).await,
            AuthError::WrongCredentials
        );
    }
    auth.set_password("admin", PASSWORD).await.unwrap();
    auth.login("admin", PASSWORD, Some("10.0.0.1"))
        .await
        .unwrap();
    let again = auth
        .first_start(Some(OTHER.into()), Terminal::Absent)
        .await
        .unwrap();
    assert_eq!(again, FirstStart::AlreadySet);
}

#[tokio::test]
async fn a_weak_password_from_the_environment_is_refused() {
    let (auth, store, _) = first_start(None, Terminal::Absent).await;
    let answer = auth
        .first_start(Some("admin".into()), Terminal::Attached)
        .await;
    refused!(answer, AuthError::Weak(WeakPassword::Short(5)));
    assert!(!store.login("admin").await.unwrap().unwrap().has_password);
    let done = auth
        .first_start(Some(PASSWORD.into()), Terminal::Absent)
        .await
        .unwrap();
    assert_eq!(done, FirstStart::MadeFromEnvironment);
    auth.login("admin", PASSWORD, None).await.unwrap();
}
