//! What is and is not taken for an access token.

use super::*;

#[tokio::test]
async fn forged_tokens_are_refused() {
    let bench = bench().await;
    let session = bench.login().await;
    let auth = &bench.auth;
    let good = bench.token(&session, json!({}), &KEY);
    auth.authenticate(&good).await.unwrap();

    let other_key = bench.token(&session, json!({}), b"another key of thirty-two bytes.");
    refused!(
        auth.authenticate(&other_key).await,
        AuthError::Token(TokenError::Signature)
    );
    let parts: Vec<_> = good.split('.').collect();
    let other = bench.token(&session, json!({"sid": "x"}), &KEY);
    let mixed = format!(
        "{}.{}.{}",
        parts[0],
        other.split('.').nth(1).unwrap(),
        parts[2]
    );
    refused!(
        auth.authenticate(&mixed).await,
        AuthError::Token(TokenError::Signature)
    );
    let cut = format!("{}.{}.", parts[0], parts[1]);
    refused!(
        auth.authenticate(&cut).await,
        AuthError::Token(TokenError::Signature)
    );
    for garbage in [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "Bearer",
        "\0",
        &*"a.".repeat(10_000),
    ] {
        refused!(
            auth.authenticate(garbage).await,
            AuthError::Token(TokenError::Malformed(_))
        );
    }
}

#[tokio::test]
async fn other_algorithms_are_refused() {
    let bench = bench().await;
    let session = bench.login().await;
    let claims = bench.claims(&session, json!({}));
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        let token = encode(
            &Header::new(algorithm),
            &claims,
            &EncodingKey::from_secret(&KEY),
        );
        let answer = bench.auth.authenticate(&token.unwrap()).await;
        refused!(answer, AuthError::Token(TokenError::Algorithm));
    }
    // {"alg":"none"}, {"alg":"None"} and {"typ":"JWT","alg":"none"}, signed with nothing.
    let good = bench.token(&session, json!({}), &KEY);
    let body = good.split('.').nth(1).unwrap();
    for header in [
        "eyJhbGciOiJub25lIn0",
        "eyJhbGciOiJOb25lIn0",
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0",
    ] {
        for signature in ["", "AAAA", good.split('.').nth(2).unwrap()] {
            let answer = bench
                .auth
                .authenticate(&format!("{header}.{body}.{signature}"))
                .await;
            refused!(answer, AuthError::Token(TokenError::Malformed(_)));
        }
    }
}

#[tokio::test]
async fn claims_are_checked() {
    let bench = bench().await;
    let session = bench.login().await;
    let read = async |changes| {
        bench
            .auth
            .authenticate(&bench.token(&session, changes, &KEY))
            .await
    };
    refused!(
        read(json!({"typ": "refresh"})).await,
        AuthError::Token(TokenError::Type)
    );
    refused!(
        read(json!({"aud": "other"})).await,
        AuthError::Token(TokenError::Audience)
    );
    refused!(
        read(json!({"iss": "other"})).await,
        AuthError::Token(TokenError::Issuer)
    );
    refused!(
        read(json!({"exp": bench.seconds()})).await,
        AuthError::Token(TokenError::Expired)
    );
    refused!(
        read(json!({"exp": 0})).await,
        AuthError::Token(TokenError::Expired)
    );
    refused!(
        read(json!({"sid": "unknown"})).await,
        AuthError::SessionEnded
    );
    for name in ["iss", "aud", "sub", "sid", "typ", "exp"] {
        let answer = read(json!({ name: null })).await;
        refused!(answer, AuthError::Token(TokenError::Malformed(_)));
    }
    refused!(
        read(json!({"exp": "never"})).await,
        AuthError::Token(TokenError::Malformed(_))
    );
    refused!(
        read(json!({"exp": -1})).await,
        AuthError::Token(TokenError::Malformed(_))
    );
}

#[tokio::test]
async fn an_access_token_lasts_a_quarter_of_an_hour_to_the_second() {
    let bench = bench().await;
    let session = bench.login().await;
    bench.clock.advance(Duration::from_secs(899));
    bench.role(&session).await.unwrap();
    bench.clock.advance(Duration::from_secs(1));
    refused!(
        bench.role(&session).await,
        AuthError::Token(TokenError::Expired)
    );
    let session = bench
        .auth
        .refresh(session.refresh_token.expose())
        .await
        .unwrap();
    bench.role(&session).await.unwrap();
}

#[tokio::test]
async fn neither_token_can_be_taken_for_the_other() {
    let bench = bench().await;
    let session = bench.login().await;
    let answer = bench
        .auth
        .authenticate(session.refresh_token.expose())
        .await;
    refused!(answer, AuthError::Token(TokenError::Type));
    refused!(
        bench.auth.refresh(session.token.expose()).await,
        AuthError::RefreshUnknown
    );
    refused!(
        bench.auth.logout(session.token.expose()).await,
        AuthError::RefreshUnknown
    );
    bench.role(&session).await.unwrap();
}

#[test]
fn the_signing_key_is_made_once_and_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwt.key");
    SigningKey::load_or_make(folder.path()).unwrap();
    let bytes = fs::read(&path).unwrap();
    assert_eq!(
        (bytes.len(), path.metadata().unwrap().mode() & 0o777),
        (32, 0o600)
    );
    assert_ne!(bytes, [0; 32]);
    SigningKey::load_or_make(folder.path()).unwrap();
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "nothing is left beside it"
    );

    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    refused!(
        SigningKey::load_or_make(folder.path()),
        KeyError::Exposed { mode: 0o640, .. }
    );
    for length in [0, 31, 33] {
        fs::remove_file(&path).unwrap();
        write_key(folder.path(), &vec![7; length], 0o600);
        refused!(
            SigningKey::load_or_make(folder.path()),
            KeyError::Damaged { .. }
        );
        assert_eq!(fs::read(&path).unwrap().len(), length, "it is left alone");
    }
    let nowhere = folder.path().join("nowhere");
    refused!(SigningKey::load_or_make(&nowhere), KeyError::Write { .. });
}

#[tokio::test]
async fn secrets_are_not_printed() {
    let bench = bench().await;
    let session = bench.login().await;
    let first = FirstStart::MadeRandom {
        password: PASSWORD.into(),
    };
    let printed = format!("{:?} {session:?} {first:?} {:?}", bench.auth, known_key());
    for secret in [
        session.token.expose(),
        session.refresh_token.expose(),
        PASSWORD,
        "thirty-two",
    ] {
        assert!(!printed.contains(secret), "{printed}");
    }
}
