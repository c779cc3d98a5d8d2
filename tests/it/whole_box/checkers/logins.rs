//! Logins: what a session is worth follows from what the database says of its login.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use moxnas_app::{App, store::Credentials};

/// More sessions than these are not looked after.
const SESSIONS: usize = 4;

/// Logins as they were last seen, and their sessions.
#[derive(Default)]
pub(in crate::whole_box) struct Logins {
    known: BTreeMap<String, Credentials>,
    /// Access tokens that were just given out.
    given: Arc<Mutex<Vec<String>>>,
    sessions: Vec<Session>,
}

struct Session {
    token: String,
    login: String,
    has_ended: bool,
}

impl Logins {
    pub(in crate::whole_box) fn is_there(&self, name: &str) -> bool {
        self.known.contains_key(name)
    }

    /// Where access tokens go.
    pub(in crate::whole_box) fn sessions(&self) -> Arc<Mutex<Vec<String>>> {
        Arc::clone(&self.given)
    }

    pub(super) async fn check(&mut self, app: &App) -> String {
        let mut words = String::new();
        let logins = app.store.logins().await.unwrap();
        let is_there = |name: &str| logins.iter().any(|it| it.username == name);
        self.known.retain(|name, _| is_there(name));
        for it in &mut self.sessions {
            // Whoever comes after of the same name is another.
            it.has_ended |= !is_there(&it.login);
        }
        for login in logins {
            let now = app.store.credentials(&login.username).await.unwrap();
            let now = now.unwrap();
            let before = self.known.insert(login.username.clone(), now.clone());
            if before.as_ref() == Some(&now) {
                continue;
            }
            words.push_str(&format!(
                "\n  {} is {:?}, disabled: {}",
                login.username, login.role, login.disabled
            ));
            let has_other = before.is_some_and(|it| it.password_hash != now.password_hash);
            for it in &mut self.sessions {
                it.has_ended |= it.login == login.username && (login.disabled || has_other);
            }
        }
        let given: Vec<String> = self.given.lock().unwrap().drain(..).collect();
        for token in given {
            let who = app.auth.authenticate(&token).await.unwrap();
            self.sessions.push(Session {
                token,
                login: who.username,
                has_ended: false,
            });
        }
        let many = self.sessions.len();
        self.sessions.drain(..many.saturating_sub(SESSIONS));
        for it in &self.sessions {
            let who = app.auth.authenticate(&it.token).await;
            match (it.has_ended, who) {
                (true, Ok(who)) => panic!("the session of {who:?} should have ended"),
                (true, Err(_)) => (),
                (false, Ok(who)) => {
                    assert_eq!(who.username, it.login);
                    assert_eq!(who.role, self.known[&it.login].login.role, "{}", it.login);
                }
                (false, Err(err)) => panic!("the session of {} ended: {err:?}", it.login),
            }
        }
        words
    }
}
