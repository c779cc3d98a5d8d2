//! Logins that are made, changed, listed and removed; and that everything ends with them.

use moxnas_app::auth::{KeyWish, LoginAttempt, LoginChange, LoginWish};

use super::*;

fn wish(username: &str, role: Role, password: Option<&str>) -> LoginWish {
    LoginWish {
        username: username.to_owned(),
        role,
        password: password.map(Secret::from),
        account: None,
    }
}

#[tokio::test]
async fn the_last_admin_stays() {
    for bench in benches().await {
        let auth = &bench.auth;
        let make = async |name: &str, password| {
            auth.make_login(wish(name, Role::Admin, password))
                .await
                .unwrap()
        };
        make("root", Some(PASSWORD)).await;
        // Neither of these could administer anything.
        make("without-password", None).await;
        make("disabled", Some(PASSWORD)).await;
        auth.disable_login("disabled").await.unwrap();

        refused!(auth.disable_login("root").await, AuthError::LastAdmin(_));
        refused!(auth.delete_login("root").await, AuthError::LastAdmin(_));
        refused!(
            auth.set_role("root", Role::Operator).await,
            AuthError::LastAdmin(_)
        );
        // All or nothing: the account is not linked either.
        let change = LoginChange {
            account: Some(Some("root".to_owned())),
            disabled: Some(true),
            ..LoginChange::default()
        };
        refused!(
            auth.alter_login("root", change).await,
            AuthError::LastAdmin(_)
        );
        assert_eq!(auth.named("root").await.unwrap().account, None);
        auth.delete_login("without-password").await.unwrap();
        auth.set_role("root", Role::Admin).await.unwrap();

        make("second", Some(PASSWORD)).await;
        auth.delete_login("root").await.unwrap();
        refused!(auth.disable_login("second").await, AuthError::LastAdmin(_));
    }
}

#[tokio::test]
async fn a_login_is_changed_and_read_back() {
    for bench in benches().await {
        let auth = &bench.auth;
        let made = auth
            .make_login(wish("Bob", Role::User, None))
            .await
            .unwrap();
        assert_eq!(
            (made.username.as_str(), made.role, made.has_password),
            ("bob", Role::User, false)
        );
        refused!(
            auth.login("bob", "", HERE).await,
            AuthError::WrongCredentials
        );
        bench.clock.advance(Duration::from_secs(5));
        let change = LoginChange {
            role: Some(Role::Viewer),
            disabled: Some(true),
            account: Some(Some("bob".to_owned())),
        };
        let changed = auth.alter_login("bob", change).await.unwrap();
        assert_eq!(
            (changed.role, changed.disabled, changed.account.as_deref()),
            (Role::Viewer, true, Some("bob"))
        );
        assert!(changed.updated_at > made.updated_at);
        let change = LoginChange {
            disabled: Some(false),
            account: Some(None),
            ..LoginChange::default()
        };
        let changed = auth.alter_login("bob", change).await.unwrap();
        assert_eq!(
            (changed.role, changed.disabled, changed.account),
            (Role::Viewer, false, None)
        );
        refused!(
            auth.alter_login("eve", LoginChange::default()).await,
            AuthError::NoSuchLogin(_)
        );
        refused!(
            auth.make_login(wish("BOB", Role::User, None)).await,
            AuthError::Store(StoreError::NameTaken(_))
        );
    }
}

#[tokio::test]
async fn logins_are_listed_in_pages_without_secrets() {
    for bench in benches().await {
        for name in ["bob", "eve", "a.b", "a-b", "a_b"] {
            bench
                .auth
                .make_login(wish(name, Role::User, None))
                .await
                .unwrap();
        }
        bench.login().await;
        let all = bench.store.logins_after("", 100).await.unwrap();
        let names: Vec<&str> = all.iter().map(|it| it.username.as_str()).collect();
        assert_eq!(names, ["a-b", "a.b", "a_b", "ann", "bob", "eve"]);
        assert_eq!(all, bench.store.logins().await.unwrap());
        let page = bench.store.logins_after("a_b", 2).await.unwrap();
        assert_eq!(page, all[3..5]);
        assert_eq!(all[3].last_login_at, Some(bench.clock.now()));
        assert_eq!(all[4].last_login_at, None);
        assert!(!format!("{all:?}").contains("argon2"));
    }
}

/// Access token, refresh token, cookie and API key, each of which works before.
#[tokio::test]
async fn everything_ends_when_a_login_is_disabled_or_deleted() {
    for bench in benches().await {
        let auth = &bench.auth;
        for end in ["disabled", "deleted"] {
            auth.create_login(end, Role::Operator, PASSWORD)
                .await
                .unwrap();
            let session = auth
                .login_with(LoginAttempt {
                    browser: moxnas_app::auth::Browser::Cookie,
                    ..attempt(end)
                })
                .await
                .unwrap();
            let key = auth
                .create_key(
                    session.login.id,
                    KeyWish {
                        name: "k".to_owned(),
                        role: None,
                        scopes: vec!["*".parse().unwrap()],
                        networks: Vec::new(),
                        expires_at: None,
                    },
                )
                .await
                .unwrap();
            let (cookie, key) = (session.cookie.as_ref().unwrap(), key.secret);
            auth.authenticate(session.token.expose()).await.unwrap();
            auth.authenticate_cookie(cookie.expose()).await.unwrap();
            auth.authenticate_key(key.expose(), HERE).await.unwrap();
            match end {
                "disabled" => auth.disable_login(end).await.unwrap(),
                _ => auth.delete_login(end).await.unwrap(),
            }
            assert!(auth.authenticate(session.token.expose()).await.is_err());
            assert!(auth.authenticate_cookie(cookie.expose()).await.is_err());
            assert!(auth.authenticate_key(key.expose(), HERE).await.is_err());
            assert!(auth.refresh(session.refresh_token.expose()).await.is_err());
            assert!(auth.login(end, PASSWORD, HERE).await.is_err());
            if end == "disabled" {
                auth.enable_login(end).await.unwrap();
                // What ended stays ended.
                refused!(
                    auth.authenticate_cookie(cookie.expose()).await,
                    AuthError::SessionEnded
                );
                refused!(
                    auth.authenticate_key(key.expose(), HERE).await,
                    AuthError::KeyRevoked
                );
            }
        }
    }
}

pub(super) fn attempt(username: &str) -> LoginAttempt {
    LoginAttempt {
        username: username.to_owned(),
        password: PASSWORD.into(),
        code: None,
        address: HERE.map(str::to_owned),
        user_agent: None,
        browser: moxnas_app::auth::Browser::TokensOnly,
    }
}
