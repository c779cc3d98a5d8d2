//! Codes and recovery codes.

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, Mac};
use moxnas_app::auth::LoginAttempt;
use sha1::Sha1;

use super::{users::attempt, *};

/// What an app shows that was given this secret, at this moment.
fn code(secret: &Secret, at: SystemTime) -> String {
    let key = BASE32_NOPAD.decode(secret.expose().as_bytes()).unwrap();
    let step = at.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() / 30;
    let mut mac = Hmac::<Sha1>::new_from_slice(&key).unwrap();
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let at = usize::from(hash[19] & 15);
    let four = u32::from_be_bytes(hash[at..at + 4].try_into().unwrap());
    format!("{:06}", (four & 0x7fff_ffff) % 1_000_000)
}

struct Enrolled {
    bench: Bench,
    login: i64,
    secret: Secret,
    recovery: Vec<Secret>,
}

impl Enrolled {
    async fn new(bench: Bench) -> Enrolled {
        let login = bench.auth.named("ann").await.unwrap().id;
        let enrolment = bench
            .auth
            .enrol_totp(login, PASSWORD, "MoxNAS box")
            .await
            .unwrap();
        let secret = enrolment.secret;
        let first = code(&secret, bench.clock.now());
        let recovery = bench.auth.confirm_totp(login, &first).await.unwrap();
        bench.clock.advance(Duration::from_secs(30));
        Enrolled {
            bench,
            login,
            secret,
            recovery,
        }
    }

    fn now(&self) -> String {
        code(&self.secret, self.bench.clock.now())
    }

    async fn login(&self, code: Option<&str>) -> Result<Session, AuthError> {
        let attempt = LoginAttempt {
            code: code.map(Secret::from),
            ..attempt("ann")
        };
        self.bench.auth.login_with(attempt).await
    }
}

#[tokio::test]
async fn a_login_with_a_second_factor_takes_both_and_each_code_once() {
    for bench in benches().await {
        let it = Enrolled::new(bench).await;
        refused!(it.login(None).await, AuthError::TotpRequired);
        refused!(it.login(Some("000000")).await, AuthError::TotpWrong);
        let now = it.now();
        it.login(Some(&now)).await.unwrap();
        refused!(it.login(Some(&now)).await, AuthError::TotpWrong);
        // Not the one before it either, which would still be in time.
        let before = code(&it.secret, it.bench.clock.now() - Duration::from_secs(30));
        refused!(it.login(Some(&before)).await, AuthError::TotpWrong);
        it.bench.clock.advance(Duration::from_secs(30));
        let now = it.now();
        it.login(Some(&format!("{} {}", &now[..3], &now[3..])))
            .await
            .unwrap();
        // A wrong password says nothing of the second factor.
        it.bench.clock.advance(Duration::from_secs(30));
        let wrong = LoginAttempt {
            password: OTHER.into(),
            code: Some(it.now().into()),
            ..attempt("ann")
        };
        refused!(
            it.bench.auth.login_with(wrong).await,
            AuthError::WrongCredentials
        );
    }
}

#[tokio::test]
async fn a_recovery_code_works_once_and_as_people_type_it() {
    for bench in benches().await {
        let it = Enrolled::new(bench).await;
        assert_eq!(it.recovery.len(), 10);
        let first = it.recovery[0].expose();
        assert_eq!(first.len(), 19);
        it.login(Some(first)).await.unwrap();
        refused!(it.login(Some(first)).await, AuthError::TotpWrong);
        let typed = it.recovery[1].expose().to_uppercase().replace('-', " ");
        it.login(Some(&typed)).await.unwrap();
        refused!(it.login(Some("")).await, AuthError::TotpWrong);
        assert!(!format!("{:?}", it.recovery).contains(first));
    }
}

#[tokio::test]
async fn wrong_codes_are_guesses() {
    let it = Enrolled::new(bench().await).await;
    for _ in 0..5 {
        // Being asked for the code is neither a failure nor a success.
        refused!(it.login(None).await, AuthError::TotpRequired);
        refused!(it.login(Some("000000")).await, AuthError::TotpWrong);
    }
    refused!(
        it.login(Some(&it.now())).await,
        AuthError::TooManyAttempts { .. }
    );
    // Nor can the codes be guessed by somebody who has the password and a session.
    let disable = async |code: &str| {
        let auth = &it.bench.auth;
        auth.disable_totp(it.login, PASSWORD, code).await
    };
    for _ in 0..5 {
        refused!(disable("000000").await, AuthError::CodeWrong);
    }
    refused!(disable(&it.now()).await, AuthError::TooManyAttempts { .. });
}

#[tokio::test]
async fn a_second_factor_is_enrolled_confirmed_and_taken_away() {
    for bench in benches().await {
        let auth = bench.auth.clone();
        let login = auth.named("ann").await.unwrap().id;
        refused!(
            auth.enrol_totp(login, OTHER, "i").await,
            AuthError::WrongPassword
        );
        refused!(auth.confirm_totp(login, "000000").await, AuthError::NoTotp);
        refused!(auth.reset_totp(login).await, AuthError::NoTotp);
        // It is not asked for before the first code.
        auth.enrol_totp(login, PASSWORD, "i").await.unwrap();
        bench.login().await;
        refused!(
            auth.confirm_totp(login, "000000").await,
            AuthError::CodeWrong
        );
        let it = Enrolled::new(bench).await;
        refused!(
            auth.enrol_totp(login, PASSWORD, "i").await,
            AuthError::TotpActive
        );
        refused!(
            auth.confirm_totp(login, &it.now()).await,
            AuthError::TotpActive
        );
        assert!(auth.named("ann").await.unwrap().has_totp);

        refused!(
            auth.disable_totp(login, OTHER, &it.now()).await,
            AuthError::WrongPassword
        );
        refused!(
            auth.disable_totp(login, PASSWORD, "000000").await,
            AuthError::CodeWrong
        );
        auth.disable_totp(login, PASSWORD, &it.now()).await.unwrap();
        it.login(None).await.unwrap();
        refused!(
            auth.disable_totp(login, PASSWORD, "").await,
            AuthError::NoTotp
        );

        let it = Enrolled::new(it.bench).await;
        refused!(it.login(None).await, AuthError::TotpRequired);
        auth.reset_totp(login).await.unwrap();
        it.login(None).await.unwrap();
        auth.delete_login("ann").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_logins_with_one_code_one_gets_in() {
    for bench in benches().await {
        let it = Enrolled::new(bench).await;
        let now = it.now();
        let tries: Vec<_> = (0..4)
            .map(|_| {
                let (auth, code) = (it.bench.auth.clone(), Some(Secret::from(now.as_str())));
                tokio::spawn(async move {
                    let attempt = LoginAttempt {
                        code,
                        ..attempt("ann")
                    };
                    auth.login_with(attempt).await
                })
            })
            .collect();
        let mut won = 0;
        for it in tries {
            won += usize::from(it.await.unwrap().is_ok());
        }
        assert_eq!(won, 1);
    }
}
