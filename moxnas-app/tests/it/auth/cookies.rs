//! Sessions of browsers, and the list of sessions.

use moxnas_app::auth::{Browser, COOKIE_LIFE, LoginAttempt};

use super::{users::attempt, *};

async fn browser(bench: &Bench) -> Session {
    bench
        .auth
        .login_with(LoginAttempt {
            user_agent: Some("Firefox".repeat(100)),
            browser: Browser::Cookie,
            ..attempt("ann")
        })
        .await
        .unwrap()
}

#[tokio::test]
async fn a_cookie_is_a_session_for_half_a_day() {
    for bench in benches().await {
        let auth = &bench.auth;
        let session = browser(&bench).await;
        let cookie = session.cookie.as_ref().unwrap().expose();
        let actor = auth
            .authenticate_cookie(cookie)
            .await
            .unwrap()
            .actor(None, "r");
        assert_eq!(
            (actor.via, actor.session()),
            (Via::Cookie, Some(&*session.id))
        );
        for wrong in ["", "x", &cookie[1..], session.id.as_str()] {
            refused!(
                auth.authenticate_cookie(wrong).await,
                AuthError::SessionEnded
            );
        }
        // The tokens of the session outlive the cookie.
        bench.clock.advance(COOKIE_LIFE - Duration::from_secs(1));
        auth.authenticate_cookie(cookie).await.unwrap();
        bench.clock.advance(Duration::from_secs(1));
        refused!(
            auth.authenticate_cookie(cookie).await,
            AuthError::SessionEnded
        );
        auth.refresh(session.refresh_token.expose()).await.unwrap();

        // A logout by either ends both.
        let session = browser(&bench).await;
        let cookie = session.cookie.as_ref().unwrap().expose();
        auth.logout(session.refresh_token.expose()).await.unwrap();
        refused!(
            auth.authenticate_cookie(cookie).await,
            AuthError::SessionEnded
        );
        refused!(bench.role(&session).await, AuthError::SessionEnded);
        assert_eq!(bench.login().await.cookie, None);
    }
}

#[tokio::test]
async fn the_word_against_forged_requests_belongs_to_one_session() {
    let bench = bench().await;
    let (one, two) = (browser(&bench).await, browser(&bench).await);
    let word = bench.auth.csrf_token(&one.id);
    assert!(bench.auth.is_csrf_token(&one.id, word.expose()));
    assert!(!bench.auth.is_csrf_token(&two.id, word.expose()));
    for wrong in ["", "x", &word.expose()[1..], one.id.as_str()] {
        assert!(!bench.auth.is_csrf_token(&one.id, wrong), "{wrong}");
    }
    let again = auth_on(&bench.store, &known_key(), &bench.clock);
    assert!(
        again.is_csrf_token(&one.id, word.expose()),
        "after a restart"
    );
    let other = auth_on(&bench.store, &SigningKey::random().unwrap(), &bench.clock);
    assert!(!other.is_csrf_token(&one.id, word.expose()));
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    for bench in benches().await {
        let auth = &bench.auth;
        let first = bench.login().await;
        bench.clock.advance(Duration::from_secs(10));
        let second = browser(&bench).await;
        let ann = first.login.id;
        let bob = auth
            .create_login("bob", Role::User, PASSWORD)
            .await
            .unwrap()
            .id;
        let bobs = auth.login("bob", PASSWORD, HERE).await.unwrap();

        let all = auth.sessions(ann).await.unwrap();
        let ids: Vec<&str> = all.iter().map(|it| it.id.as_str()).collect();
        assert_eq!(ids, [&second.id, &first.id], "youngest first");
        assert_eq!((all[0].has_cookie, all[1].has_cookie), (true, false));
        assert_eq!(all[0].user_agent.as_ref().unwrap().len(), 256);
        assert_eq!(all[0].address.as_deref(), HERE);
        assert_eq!(all[1].last_seen_at, None);

        bench.role(&first).await.unwrap();
        let now = Some(bench.clock.now());
        let told = async {
            while auth.sessions(ann).await.unwrap()[1].last_seen_at != now {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), told)
            .await
            .unwrap();

        // Nobody ends the sessions of others by their id.
        refused!(
            auth.revoke_session(bob, &first.id).await,
            AuthError::NoSuchSession(_)
        );
        bench.role(&first).await.unwrap();
        auth.revoke_session(ann, &first.id).await.unwrap();
        refused!(bench.role(&first).await, AuthError::SessionEnded);
        refused!(
            auth.refresh(first.refresh_token.expose()).await,
            AuthError::SessionEnded
        );
        refused!(
            auth.revoke_session(ann, &first.id).await,
            AuthError::NoSuchSession(_)
        );
        assert_eq!(auth.revoke_sessions(ann).await.unwrap(), 1);
        assert_eq!(auth.sessions(ann).await.unwrap(), []);
        refused!(bench.role(&second).await, AuthError::SessionEnded);
        bench.role(&bobs).await.unwrap();
    }
}
