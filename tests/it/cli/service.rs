//! `moxnas serve`, and staying logged in to it.

use std::{fs, process::Command};

use serde_json::{Value, json};

use crate::product::{Served, binary, moxnas};

#[test]
fn the_network_is_not_listened_to_in_the_clear() {
    let ran = moxnas(["serve", "--sim", "blank", "--listen", "0.0.0.0:0"]).run();
    ran.fails(
        1,
        &["in the clear at 0.0.0.0:0", "--tls-cert", "--insecure-http"],
    );
    let ran = moxnas([
        "serve",
        "--sim",
        "blank",
        "--listen",
        "127.0.0.1:0",
        "--tls-cert",
        "x",
    ])
    .run();
    ran.fails(1, &["--tls-key"]);
    let ran = moxnas(["serve", "--sim", "none"]).run();
    ran.fails(1, &["there is no scenario none"]);
    let ran = moxnas(["serve", "--sim", "blank"])
        .env("MOXNAS_LISTEN", "nowhere")
        .run();
    ran.fails(1, &["MOXNAS_LISTEN: \"nowhere\" is no address and port"]);
}

#[test]
fn an_address_that_is_taken_is_refused() {
    let service = Served::start("blank");
    let address = service.url.strip_prefix("http://").unwrap();
    let ran = moxnas(["serve", "--sim", "blank", "--listen", address]).run();
    ran.fails(1, &["cannot listen on", "Address already in use"]);
}

#[test]
fn the_socket_belongs_to_one_service() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("run/moxnas.sock");
    let socket = socket.to_str().unwrap();
    let service = Served::with("blank", &["--socket", socket]);
    let second = moxnas([
        "serve",
        "--sim",
        "blank",
        "--listen",
        "127.0.0.1:0",
        "--socket",
        socket,
    ])
    .run();
    second.fails(1, &["another service answers on"]);
    // Whoever runs the service needs no login on its socket.
    let through = |words: &[&str]| moxnas(["--socket", socket].iter().chain(words)).run();
    assert_eq!(through(&["array", "list"]).ok(), "there are no arrays\n");
    let health = through(&["system", "health", "--output", "json"]).json();
    assert_eq!(health["status"], "healthy");

    // And can set passwords, which ends the sessions.
    let words = [
        "--socket",
        socket,
        "user",
        "passwd",
        "admin",
        "--password-stdin",
    ];
    let short = moxnas(words).input("short\n").run();
    short.fails(1, &["12"]);
    let ran = moxnas(words).input("another good password\n").run();
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{ran:?}");
    service
        .moxnas(&["array", "list"])
        .run()
        .fails(1, &["the session has ended"]);
    let home = folder.path();
    let login = |password: &str| {
        let words = ["--server", &service.url, "login", "--password-stdin"];
        moxnas(words).home(home).input(password).run()
    };
    login(&service.password).fails(1, &["wrong name or password"]);
    assert_eq!(login("another good password").code, 0);
}

#[test]
fn a_session_is_kept_renewed_and_ended() {
    let service = Served::start("blank");
    let home = tempfile::tempdir().unwrap();
    let run = |words: &[&str], input: &str| {
        let words = ["--server", &service.url]
            .into_iter()
            .chain(words.iter().copied());
        moxnas(words).home(home.path()).input(input).run()
    };
    run(&["array", "list"], "").fails(1, &["a login is required"]);
    run(&["login"], "").fails(1, &["--password-stdin"]);
    run(&["login", "--password-stdin"], "wrong wrong wrong\n")
        .fails(1, &["wrong name or password"]);
    let login = run(
        &["login", "admin", "--password-stdin"],
        &format!("{}\n", service.password),
    );
    assert_eq!((login.code, login.out.as_str()), (0, ""), "{login:?}");
    assert!(login.err.contains("logged in as admin"));
    assert!(!login.err.contains(&service.password));
    assert_eq!(run(&["array", "list"], "").ok(), "there are no arrays\n");

    // Only its owner can read it.
    let path = home.path().join(".local/state/moxnas/session.json");
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);

    // An access token that is not taken any more is renewed without a word.
    let mut session: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let refresh = session["refresh_token"].clone();
    session["token"] = json!("expired");
    fs::write(&path, session.to_string()).unwrap();
    assert_eq!(run(&["array", "list"], "").ok(), "there are no arrays\n");
    let renewed: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_ne!(renewed["refresh_token"], refresh, "it works once");
    assert_eq!(run(&["array", "list"], "").ok(), "there are no arrays\n");

    // Another service gets nothing of it.
    let other = Served::start("blank");
    let ran = moxnas(["--server", &other.url, "array", "list"])
        .home(home.path())
        .run();
    ran.fails(1, &["a login is required"]);

    assert_eq!(run(&["logout"], "").code, 0);
    assert!(!path.exists());
    run(&["array", "list"], "").fails(1, &["a login is required"]);
    let me = [(
        "Authorization",
        format!("Bearer {}", renewed["token"].as_str().unwrap()),
    )];
    let me = crate::product::http(&service.url, "GET", "/api/auth/me", &me, None);
    assert_eq!(me.status, 401, "the service has ended it, too");
}

/// A session that the service has ended must not lock its owner in.
#[test]
fn one_can_log_out_of_a_session_that_has_ended() {
    let service = Served::start("blank");
    let home = tempfile::tempdir().unwrap();
    let run = |words: &[&str], input: &str| {
        let words = ["--server", &service.url]
            .into_iter()
            .chain(words.iter().copied());
        moxnas(words).home(home.path()).input(input).run()
    };
    assert_eq!(
        run(&["login", "--password-stdin"], &service.password).code,
        0
    );
    let path = home.path().join(".local/state/moxnas/session.json");
    let mut session: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    session["token"] = json!("expired");
    session["refresh_token"] = json!("mxr_none");
    fs::write(&path, session.to_string()).unwrap();
    let ran = run(&["logout"], "");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(!path.exists());
}

#[test]
fn a_password_that_is_given_is_not_printed() {
    let (_folder, home) = crate::product::file("");
    let listen = ["serve", "--sim", "blank", "--listen", "127.0.0.1:0"];
    // A weak one is refused before anything listens.
    let ran = moxnas(listen)
        .env("HOME", home)
        .env("MOXNAS_ADMIN_PASSWORD", "secret")
        .run();
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        !ran.err.contains("\"secret\"") && ran.err.contains("12"),
        "{ran:?}"
    );
}

/// Who is not root may look, and try the product out, and nothing more.
#[test]
fn an_ordinary_user_may_look() {
    // Where the sources lie may be closed to others.
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(
        folder.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let copy = folder.path().join("moxnas");
    fs::copy(binary(), &copy).unwrap();
    let is_root = nix::unistd::geteuid().is_root();
    let run = |words: &[&str]| {
        let mut command = if is_root {
            let mut command = Command::new("setpriv");
            command
                .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
                .arg(&copy);
            command
        } else {
            Command::new(&copy)
        };
        let output = command
            .args(words)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .output();
        let output = output.expect("setpriv of util-linux is there");
        (
            output.status.code().unwrap_or(-1),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (code, err) = run(&["serve"]);
    assert!(
        code == 1 && err.contains("has to be run by root") && err.contains("--sim"),
        "{code} {err}"
    );
    let (code, err) = run(&["--sim", "blank", "array", "list"]);
    assert_eq!(code, 0, "{err}");
    // This machine itself, whatever it has: it can be looked at, or the remedy is said.
    let (code, err) = run(&["--local", "disk", "list"]);
    assert!(code == 0 || err.contains("error: "), "{code} {err}");
    let (code, err) = run(&["--local", "array", "delete", "none", "--yes"]);
    assert!(
        code == 1 && err.contains("there is no array none"),
        "{code} {err}"
    );
}
