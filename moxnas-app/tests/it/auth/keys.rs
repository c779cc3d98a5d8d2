//! API keys.

use moxnas_app::auth::{KeyWish, MadeKey};

use super::*;

fn wish() -> KeyWish {
    KeyWish {
        name: "backup".to_owned(),
        role: None,
        scopes: vec!["array_*".parse().unwrap(), "disk_list".parse().unwrap()],
        networks: Vec::new(),
        expires_at: None,
    }
}

async fn key(bench: &Bench, wish: KeyWish) -> MadeKey {
    let ann = bench.auth.named("ann").await.unwrap().id;
    bench.auth.create_key(ann, wish).await.unwrap()
}

#[tokio::test]
async fn a_key_is_its_owner_or_less() {
    for bench in benches().await {
        let made = key(&bench, wish()).await;
        let text = made.secret.expose();
        assert!(text.starts_with(&format!("{}_", made.key.key.prefix)));
        assert_eq!((text.len(), made.key.key.prefix.len()), (56, 12));
        let identity = bench.auth.authenticate_key(text, HERE).await.unwrap();
        assert_eq!(
            (identity.username.as_str(), identity.role),
            ("ann", Role::Operator)
        );
        assert_eq!(
            identity.via.to_string(),
            format!("api-key:{}", made.key.key.id)
        );
        // At most the role of its owner, at every call.
        bench.auth.set_role("ann", Role::Viewer).await.unwrap();
        let identity = bench.auth.authenticate_key(text, HERE).await.unwrap();
        assert_eq!(identity.role, Role::Viewer);
        bench.auth.set_role("ann", Role::Admin).await.unwrap();
        let identity = bench.auth.authenticate_key(text, HERE).await.unwrap();
        assert_eq!(identity.role, Role::Operator);
        assert!(
            !format!("{made:?}").contains(&text[14..]),
            "not by accident"
        );
    }
}

#[tokio::test]
async fn keys_that_are_not_right_open_nothing() {
    for bench in benches().await {
        let auth = &bench.auth;
        let soon = bench.clock.now() + Duration::from_secs(60);
        let made = key(
            &bench,
            KeyWish {
                expires_at: Some(soon),
                networks: vec!["10.0.0.0/24".parse().unwrap()],
                ..wish()
            },
        )
        .await;
        let text = made.secret.expose();
        auth.authenticate_key(text, HERE).await.unwrap();
        for elsewhere in [Some("10.0.1.1"), Some("2001:db8::1"), None] {
            refused!(
                auth.authenticate_key(text, elsewhere).await,
                AuthError::KeyNetwork(_)
            );
        }
        let mut forged = text.to_owned();
        forged.replace_range(55..56, if text.ends_with('A') { "B" } else { "A" });
        for unknown in [
            forged.as_str(),
            "mxk_",
            "",
            &text[..55],
            &made.key.key.prefix,
        ] {
            refused!(
                auth.authenticate_key(unknown, HERE).await,
                AuthError::KeyUnknown
            );
        }
        // As an access token and as a refresh token it is nothing either.
        assert!(auth.authenticate(text).await.is_err());
        assert!(auth.refresh(text).await.is_err());
        bench.clock.advance(Duration::from_secs(60));
        refused!(
            auth.authenticate_key(text, HERE).await,
            AuthError::KeyExpired
        );

        let made = key(&bench, wish()).await;
        let (id, text) = (made.key.key.id, made.secret.expose());
        auth.authenticate_key(text, HERE).await.unwrap();
        refused!(
            auth.delete_key(id, Some(made.key.owner.id + 1)).await,
            AuthError::NoSuchKey(_)
        );
        auth.delete_key(id, Some(made.key.owner.id)).await.unwrap();
        refused!(
            auth.authenticate_key(text, HERE).await,
            AuthError::KeyRevoked
        );
        refused!(auth.delete_key(id, None).await, AuthError::NoSuchKey(_));
    }
}

#[tokio::test]
async fn keys_are_made_by_the_rules() {
    let bench = bench().await;
    let ann = bench.auth.named("ann").await.unwrap().id;
    let now = bench.clock.now();
    for wrong in [
        KeyWish {
            name: " ".to_owned(),
            ..wish()
        },
        KeyWish {
            name: "a\nb".to_owned(),
            ..wish()
        },
        KeyWish {
            name: "a".repeat(65),
            ..wish()
        },
        KeyWish {
            role: Some(Role::Admin),
            ..wish()
        },
        KeyWish {
            expires_at: Some(now),
            ..wish()
        },
        KeyWish {
            scopes: vec!["*".parse().unwrap(); 65],
            ..wish()
        },
    ] {
        refused!(
            bench.auth.create_key(ann, wrong).await,
            AuthError::BadKey(_)
        );
    }
    assert_eq!(bench.store.api_keys(None, 0, 10).await.unwrap(), []);
}

#[tokio::test]
async fn what_is_listed_has_no_secret_and_says_when_it_was_used() {
    for bench in benches().await {
        let (one, two) = (key(&bench, wish()).await, key(&bench, wish()).await);
        let owner = Some(one.key.owner.id);
        let listed = bench.store.api_keys(owner, 0, 10).await.unwrap();
        assert_eq!(listed, [one.key.clone(), two.key.clone()]);
        let listed = bench
            .store
            .api_keys(None, one.key.key.id, 10)
            .await
            .unwrap();
        assert_eq!(listed, [two.key]);
        assert_eq!(bench.store.api_keys(Some(999), 0, 10).await.unwrap(), []);

        let text = one.secret.expose();
        let first = bench.clock.now();
        bench.auth.authenticate_key(text, HERE).await.unwrap();
        assert_eq!(used(&bench, Some(first)).await.as_deref(), HERE);
        // Once a minute, not at every call.
        bench.clock.advance(Duration::from_secs(59));
        bench.auth.authenticate_key(text, None).await.unwrap();
        assert_eq!(used(&bench, Some(first)).await.as_deref(), HERE);
        bench.clock.advance(Duration::from_secs(6));
        bench
            .auth
            .authenticate_key(text, Some("10.0.0.9"))
            .await
            .unwrap();
        let from = used(&bench, Some(bench.clock.now())).await;
        assert_eq!(from.as_deref(), Some("10.0.0.9"));
    }
}

/// Where the first key was used from, once the list says that it was used at this moment.
async fn used(bench: &Bench, at: Option<SystemTime>) -> Option<String> {
    let told = async {
        loop {
            let first = bench.store.api_keys(None, 0, 1).await.unwrap().remove(0);
            if first.key.last_used_at == at {
                return first.key.last_used_from;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), told)
        .await
        .unwrap()
}
