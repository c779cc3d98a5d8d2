//! Passwords, names and guesses.

use super::*;

#[tokio::test]
async fn a_password_gives_a_session() {
    let bench = bench().await;
    let session = bench.auth.login("Ann", PASSWORD, HERE).await.unwrap();
    assert_eq!(session.expires_in, Duration::from_secs(900));
    assert_eq!(
        (session.login.username.as_str(), session.login.role),
        ("ann", Role::Operator)
    );
    let identity = bench
        .auth
        .authenticate(session.token.expose())
        .await
        .unwrap();
    let actor = identity.actor(HERE.map(str::to_owned), "r1");
    assert_eq!(
        (actor.login(), actor.session()),
        (Some(session.login.id), Some(&*session.id))
    );
    assert_eq!(
        (actor.name.as_str(), actor.role, actor.via),
        ("ann", Some(Role::Operator), Via::Token)
    );
    assert!(session.refresh_token.expose().starts_with("mxr_"));
}

#[tokio::test]
async fn wrong_names_and_passwords_are_refused_alike() {
    let bench = bench().await;
    for (name, password) in [
        ("ann", OTHER),
        ("ann", ""),
        ("bob", PASSWORD),
        ("", ""),
        ("' OR 1=1 --", "x"),
        (&*"a".repeat(100_000), PASSWORD),
        ("ann", &*"a".repeat(100_000)),
    ] {
        refused!(
            bench.auth.login(name, password, HERE).await,
            AuthError::WrongCredentials
        );
    }
}

#[tokio::test]
async fn guessing_makes_one_address_wait_and_nobody_else() {
    let bench = bench().await;
    for _ in 0..5 {
        refused!(
            bench.auth.login("ann", OTHER, HERE).await,
            AuthError::WrongCredentials
        );
    }
    bench.clock.advance(Duration::from_secs(10));
    match bench.auth.login("ANN", PASSWORD, HERE).await {
        Err(AuthError::TooManyAttempts { retry_after }) => {
            assert_eq!(retry_after, Duration::from_secs(20));
        }
        other => panic!("{other:?}"),
    }
    bench
        .auth
        .login("ann", PASSWORD, Some("10.0.0.2"))
        .await
        .unwrap();
    bench.auth.login("ann", PASSWORD, None).await.unwrap();
    bench.clock.advance(Duration::from_secs(20));
    bench.login().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_guesses_at_once_are_no_more_than_five() {
    let bench = bench().await;
    let guesses: Vec<_> = (0..20)
        .map(|_| {
            let auth = bench.auth.clone();
            tokio::spawn(async move { auth.login("ann", OTHER, HERE).await })
        })
        .collect();
    let mut checked = 0;
    for it in guesses {
        checked += usize::from(matches!(
            it.await.unwrap(),
            Err(AuthError::WrongCredentials)
        ));
    }
    assert_eq!(checked, 5);
}

#[tokio::test]
async fn another_password_ends_all_sessions() {
    let bench = bench().await;
    let session = bench.login().await;
    bench.role(&session).await.unwrap();
    bench.auth.set_password("ann", OTHER).await.unwrap();
    refused!(bench.role(&session).await, AuthError::SessionEnded);
    refused!(
        bench.auth.login("ann", PASSWORD, HERE).await,
        AuthError::WrongCredentials
    );
    let session = bench.auth.login("ann", OTHER, HERE).await.unwrap();

    let id = session.login.id;
    let change = async |id: i64, old: &str, new: &str, keep: Option<&str>| {
        bench.auth.change_password(id, old, new, keep).await
    };
    refused!(
        change(id, PASSWORD, OTHER, None).await,
        AuthError::WrongPassword
    );
    refused!(
        change(99, PASSWORD, OTHER, None).await,
        AuthError::NoSuchLogin(_)
    );
    refused!(
        change(id, OTHER, "short", None).await,
        AuthError::Weak(WeakPassword::Short(5))
    );
    bench.role(&session).await.unwrap();
    let elsewhere = bench.auth.login("ann", OTHER, HERE).await.unwrap();
    change(id, OTHER, PASSWORD, Some(&session.id))
        .await
        .unwrap();
    bench.role(&session).await.unwrap();
    refused!(bench.role(&elsewhere).await, AuthError::SessionEnded);
    change(id, PASSWORD, OTHER, None).await.unwrap();
    refused!(bench.role(&session).await, AuthError::SessionEnded);
}

#[tokio::test]
async fn the_old_password_cannot_be_guessed_with_a_stolen_token() {
    let bench = bench().await;
    let id = bench.login().await.login.id;
    for _ in 0..5 {
        refused!(
            bench.auth.change_password(id, "wrong", OTHER, None).await,
            AuthError::WrongPassword
        );
    }
    let answer = bench.auth.change_password(id, PASSWORD, OTHER, None).await;
    refused!(answer, AuthError::TooManyAttempts { .. });
    bench.login().await;
}

#[tokio::test]
async fn logins_are_made_by_the_rules() {
    let bench = bench().await;
    let auth = &bench.auth;
    let made = auth
        .create_login("Bob", Role::User, PASSWORD)
        .await
        .unwrap();
    assert_eq!((made.username.as_str(), made.role), ("bob", Role::User));
    refused!(
        auth.create_login("BOB", Role::Admin, PASSWORD).await,
        AuthError::Store(StoreError::NameTaken(_))
    );
    refused!(
        auth.create_login("eve", Role::User, "Password1234").await,
        AuthError::Weak(WeakPassword::Common)
    );
    refused!(
        auth.create_login("e ve", Role::User, PASSWORD).await,
        AuthError::Name(_)
    );
    refused!(
        auth.set_password("eve", OTHER).await,
        AuthError::NoSuchLogin(_)
    );
    refused!(
        auth.set_password("bob", "bobbobbobbob").await,
        AuthError::Weak(WeakPassword::Name)
    );
    assert_eq!(bench.store.count_logins().await.unwrap(), 2);
    let kept = bench
        .store
        .credentials("bob")
        .await
        .unwrap()
        .unwrap()
        .password_hash
        .unwrap();
    assert!(
        kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{kept}"
    );
}

#[test]
fn login_names() {
    for (text, expect) in [
        ("Ann.B_c-9", Ok("ann.b_c-9")),
        ("", Err(LoginNameError::Empty)),
        (&*"a".repeat(33), Err(LoginNameError::Long)),
        ("-rf", Err(LoginNameError::Beginning)),
        ("a\nb", Err(LoginNameError::Character('\n'))),
        ("ünn", Err(LoginNameError::Character('ü'))),
    ] {
        let read = text.parse::<LoginName>();
        assert_eq!(
            read.as_ref().map(LoginName::as_str),
            expect.as_ref().copied(),
            "{text}"
        );
    }
}

#[test]
fn roles_are_ordered_and_nobody_has_none() {
    assert!(Role::ALL.is_sorted());
    for role in Role::ALL {
        assert_eq!(role.to_string().parse(), Ok(role));
        assert_eq!(serde_json::to_value(role).unwrap(), json!(role.as_str()));
        assert!(!Actor::nobody("r").may(role));
        let actor = Actor {
            role: Some(role),
            ..Actor::nobody("r")
        };
        assert!(actor.may(Role::User) && actor.may(role));
        assert_eq!(actor.may(Role::Admin), role == Role::Admin);
    }
    assert!("root".parse::<Role>().is_err());
}
