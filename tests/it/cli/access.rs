//! Every command with a login of each role, through a service.

use moxnas_app::{Role, ops};
use serde_json::json;

use crate::{
    contract::access_table::COMMANDS,
    product::{Served, http, moxnas},
};

const PASSWORD: &str = "correct horse battery";

fn token(service: &Served, username: &str) -> String {
    let body = json!({ "username": username, "password": PASSWORD }).to_string();
    let answer = http(&service.url, "POST", "/api/auth/login", &[], Some(&body));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["token"].as_str().unwrap().to_owned()
}

#[test]
fn every_command_lets_in_exactly_who_may() {
    let service = Served::start("blank");
    for role in Role::ALL {
        let (name, role) = (format!("one-{role}"), role.to_string());
        let words = ["user", "create", &name, "--role", &role, "--password-stdin"];
        let made = service.moxnas(&words).input(PASSWORD).run();
        assert_eq!(made.code, 0, "{made:?}");
        assert!(!format!("{made:?}").contains(PASSWORD));
    }
    let run = |command: &str, more: &str, token: &str| {
        let words = command.split(' ').chain(more.split_whitespace());
        let words: Vec<&str> = ["--server", &service.url]
            .into_iter()
            .chain(words)
            .collect();
        moxnas(words)
            .env("MOXNAS_TOKEN", token)
            .input("wrong\n")
            .run()
    };
    let tokens = Role::ALL.map(|role| (role, token(&service, &format!("one-{role}"))));
    for (id, command, more) in COMMANDS {
        // It ends the session that the next ones need; it has a test of its own.
        if *id == "auth_logout" {
            continue;
        }
        let needs = ops::all().iter().find(|it| it.name == *id).unwrap().needs;
        for (role, token) in &tokens {
            let ran = run(command, more, token);
            let is_refused = ran.err.contains("may not do this: it needs the role");
            assert_eq!(
                is_refused,
                needs > Some(*role),
                "{command} by {role}: {ran:?}"
            );
            assert!(ran.code < 2, "{command} by {role}: {ran:?}");
            assert!(!is_refused || ran.code == 1, "{command} by {role}: {ran:?}");
        }
        let ran = run(command, more, "nonsense");
        let is_refused = ran.err.contains("the token cannot be read");
        assert_eq!(is_refused, needs.is_some(), "{command}: {ran:?}");
    }
}

/// A key from its making to its end, as somebody who writes a script meets it.
#[test]
fn a_key_is_made_used_and_ended() {
    let service = Served::start("blank");
    let made = service
        .moxnas(&["key", "create", "script", "--scope", "array_*"])
        .run();
    let key = made.clone().ok().trim().to_owned();
    assert!(key.starts_with("mxk_") && key.len() == 56, "{made:?}");
    let by_key = |words: &[&str]| service.moxnas(words).env("MOXNAS_TOKEN", &key).run();
    assert_eq!(by_key(&["array", "list"]).ok(), "there are no arrays\n");
    by_key(&["disk", "list"]).fails(1, &["does not cover disk_list: its scopes are array_*"]);
    by_key(&["key", "create", "x", "--scope", "*"]).fails(1, &["may not do this"]);
    let listed = service.moxnas(&["key", "list"]).run().ok();
    assert!(
        listed.contains("script") && !listed.contains(&key),
        "{listed}"
    );
    service.moxnas(&["key", "delete", "1"]).run().ok();
    by_key(&["array", "list"]).fails(1, &["the API key was ended"]);

    let sessions = service.moxnas(&["session", "list"]).run().ok();
    assert!(sessions.contains("token, this one"), "{sessions}");
    let users = service.moxnas(&["user", "list"]).run().ok();
    assert!(users.contains("admin"), "{users}");
    let own = service.moxnas(&["user", "disable", "admin"]).run();
    own.fails(1, &["your own login"]);
}
