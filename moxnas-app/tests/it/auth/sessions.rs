//! How sessions go on and how they end.

use super::*;

#[tokio::test]
async fn a_refresh_token_works_once_and_its_reuse_ends_the_session() {
    let bench = bench().await;
    let (first, elsewhere) = (bench.login().await, bench.login().await);
    let second = bench
        .auth
        .refresh(first.refresh_token.expose())
        .await
        .unwrap();
    assert_eq!(second.id, first.id);
    assert_ne!(second.refresh_token, first.refresh_token);
    bench.role(&second).await.unwrap();

    match bench.auth.refresh(first.refresh_token.expose()).await {
        Err(AuthError::RefreshReused { username }) => assert_eq!(username, "ann"),
        other => panic!("{other:?}"),
    }
    refused!(bench.role(&first).await, AuthError::SessionEnded);
    refused!(bench.role(&second).await, AuthError::SessionEnded);
    refused!(
        bench.auth.refresh(second.refresh_token.expose()).await,
        AuthError::SessionEnded
    );
    refused!(
        bench.auth.refresh(first.refresh_token.expose()).await,
        AuthError::SessionEnded
    );
    bench.role(&elsewhere).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_refreshes_at_once_one_wins_and_the_session_ends() {
    let bench = bench().await;
    let session = bench.login().await;
    let tries: Vec<_> = (0..8)
        .map(|_| {
            let (auth, token) = (bench.auth.clone(), session.refresh_token.clone());
            tokio::spawn(async move { auth.refresh(token.expose()).await })
        })
        .collect();
    let (mut won, mut reused) = (0, 0);
    for it in tries {
        match it.await.unwrap() {
            Ok(_) => won += 1,
            Err(AuthError::RefreshReused { .. }) => reused += 1,
            Err(AuthError::SessionEnded) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!((won, reused), (1, 1));
    refused!(bench.role(&session).await, AuthError::SessionEnded);
}

#[tokio::test]
async fn a_refresh_token_expires_and_is_then_forgotten() {
    let bench = bench().await;
    let session = bench.login().await;
    bench.clock.advance(Duration::from_secs(7 * 24 * 3600 - 1));
    let session = bench
        .auth
        .refresh(session.refresh_token.expose())
        .await
        .unwrap();
    bench.clock.advance(Duration::from_secs(7 * 24 * 3600));
    let old = session.refresh_token.expose();
    refused!(bench.auth.refresh(old).await, AuthError::RefreshExpired);
    bench.login().await;
    refused!(bench.auth.refresh(old).await, AuthError::RefreshUnknown);
    refused!(
        bench.auth.refresh("mxr_0000").await,
        AuthError::RefreshUnknown
    );
    refused!(bench.auth.refresh("").await, AuthError::RefreshUnknown);
}

#[tokio::test]
async fn logout_counts_at_once() {
    let bench = bench().await;
    let (one, two, three) = (
        bench.login().await,
        bench.login().await,
        bench.login().await,
    );
    for it in [&one, &two, &three] {
        bench.role(it).await.unwrap();
    }
    let old = one.refresh_token.clone();
    let one = bench.auth.refresh(old.expose()).await.unwrap();
    bench.auth.logout(old.expose()).await.unwrap();
    bench.auth.logout(one.refresh_token.expose()).await.unwrap();
    refused!(bench.role(&one).await, AuthError::SessionEnded);
    refused!(
        bench.auth.refresh(one.refresh_token.expose()).await,
        AuthError::SessionEnded
    );

    let session = bench
        .auth
        .authenticate(two.token.expose())
        .await
        .unwrap()
        .actor(None, "r")
        .session()
        .unwrap()
        .to_owned();
    bench.auth.logout_session(&session).await.unwrap();
    refused!(bench.role(&two).await, AuthError::SessionEnded);
    bench.role(&three).await.unwrap();
}

#[tokio::test]
async fn a_disabled_login_is_out_at_once_and_its_sessions_stay_ended() {
    let bench = bench().await;
    let session = bench.login().await;
    bench.role(&session).await.unwrap();
    bench.auth.disable_login("ann").await.unwrap();
    refused!(bench.role(&session).await, AuthError::LoginDisabled);
    let refresh = session.refresh_token.expose();
    refused!(bench.auth.refresh(refresh).await, AuthError::LoginDisabled);
    refused!(
        bench.auth.login("ann", PASSWORD, HERE).await,
        AuthError::LoginDisabled
    );
    refused!(
        bench.auth.login("ann", OTHER, HERE).await,
        AuthError::WrongCredentials
    );
    bench.auth.enable_login("ann").await.unwrap();
    refused!(bench.role(&session).await, AuthError::SessionEnded);
    refused!(bench.auth.refresh(refresh).await, AuthError::SessionEnded);
    bench.login().await;
}

#[tokio::test]
async fn a_changed_role_counts_at_once() {
    let bench = bench().await;
    let session = bench.login().await;
    assert_eq!(bench.role(&session).await.unwrap(), Role::Operator);
    bench.auth.set_role("ann", Role::Viewer).await.unwrap();
    assert_eq!(bench.role(&session).await.unwrap(), Role::Viewer);
    refused!(
        bench.auth.set_role("bob", Role::Admin).await,
        AuthError::NoSuchLogin(_)
    );
}

/// Another process, a restored database: nothing tells this one.
#[tokio::test]
async fn a_change_made_elsewhere_counts_after_seconds() {
    let bench = bench().await;
    let session = bench.login().await;
    bench.role(&session).await.unwrap();
    let elsewhere = auth_on(&bench.store, &known_key(), &bench.clock);
    elsewhere.set_role("ann", Role::User).await.unwrap();
    bench.clock.advance(Duration::from_secs(5));
    assert_eq!(bench.role(&session).await.unwrap(), Role::User);
}

#[tokio::test]
async fn sessions_outlive_a_restart_with_the_same_key_only() {
    let bench = bench().await;
    let (session, ended) = (bench.login().await, bench.login().await);
    bench.auth.logout_session(&ended.id).await.unwrap();
    let again = auth_on(&bench.store, &known_key(), &bench.clock);
    again.authenticate(session.token.expose()).await.unwrap();
    refused!(
        again.authenticate(ended.token.expose()).await,
        AuthError::SessionEnded
    );
    let other = auth_on(&bench.store, &SigningKey::random().unwrap(), &bench.clock);
    refused!(
        other.authenticate(session.token.expose()).await,
        AuthError::Token(TokenError::Signature)
    );
}

#[tokio::test]
async fn a_caller_who_goes_away_does_not_stop_a_logout() {
    let bench = bench().await;
    let session = bench.login().await;
    bench.role(&session).await.unwrap();
    tokio::select! {
        biased;
        _ = bench.auth.logout_session(&session.id) => panic!("it takes more than one step"),
        () = std::future::ready(()) => {}
    }
    let ended = async {
        while bench.role(&session).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), ended)
        .await
        .unwrap();
    refused!(bench.role(&session).await, AuthError::SessionEnded);
}
