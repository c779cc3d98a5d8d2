//! The edges of the product, as its settings file and its environment set them.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::product::{Served, binary, file, http, moxnas};

const LIVE: &str = "/api/system/health/live";

#[test]
fn limits_of_the_file_hold() {
    let (_folder, path) = file(
        "trusted_proxies = [\"192.0.2.0/24\"]\n\
         allowed_hosts = [\"nas.example.com\"]\n\
         [limits]\n\
         requests_per_second = 1\n\
         auth_requests_per_second = 1\n\
         body_bytes = 1024\n",
    );
    let served = Served::with("sandbox", &["--config", &path]);
    let plan = serde_json::json!({ "operation": "x".repeat(2000) });
    assert_eq!(served.ask("POST", "/api/plans", Some(&plan)).status, 413);
    // Fifty in a row take less than fifty seconds, and forging an address is of no use.
    for path in ["/api/auth/login", "/api/auth/me"] {
        let ask = |number: usize| {
            let forged = ("X-Forwarded-For", format!("203.0.113.{number}"));
            let method = if path.ends_with("me") { "GET" } else { "POST" };
            http(&served.url, method, path, &[forged], None)
        };
        let limited = (0..50).map(ask).find(|it| it.status == 429);
        let limited = limited.unwrap_or_else(|| panic!("{path} has no limit"));
        assert_eq!(limited.json()["code"], "rate_limited");
        let wait = limited.header("retry-after").unwrap();
        assert!(wait.parse::<u64>().unwrap() >= 1, "{wait}");
    }
    assert_eq!(http(&served.url, "GET", LIVE, &[], None).status, 200);
}

#[test]
fn what_is_wrong_in_the_settings_is_named() {
    let serve = |text: &str| {
        let (_folder, path) = file(text);
        moxnas(["serve", "--sim", "--config", &path]).run()
    };
    for (text, words) in [
        (
            "trusted_proxies = [\"nas\"]",
            ["trusted_proxies", "\"nas\""],
        ),
        (
            "allowed_hosts = [\"http://nas\"]",
            ["allowed_hosts", "\"http://nas\""],
        ),
        ("cors_origins = [\"*\"]", ["cors_origins", "\"*\""]),
        ("[limits]\nconnections = 0", ["line 2", "from 1 to 100000"]),
        ("tls = \"none\"", ["line 1", "self-signed"]),
        ("tls_cert = \"/nowhere\"", ["certificate", "key"]),
    ] {
        serve(text).fails(1, &words);
    }
    let (_folder, path) = file("");
    let run = moxnas(["serve", "--sim", "--config", &path]).env("TRUSTED_PROXIES", "10.0.0.1/8");
    run.run().fails(1, &["trusted_proxies", "10.0.0.0/8"]);
}

/// A service that ends with the test.
struct Secure(std::process::Child);

impl Drop for Secure {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The first line of `lines` with `mark`, from there on.
fn after(lines: &mut impl Iterator<Item = String>, mark: &str) -> String {
    let found = lines.find_map(|it| Some(it.split_once(mark)?.1.to_owned()));
    found.unwrap_or_else(|| panic!("it ended without {mark:?}"))
}

#[test]
fn a_certificate_is_made_and_read_again_at_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(binary())
        .args(["serve", "--sim", "sandbox", "--listen", "127.0.0.1:0"])
        .args(["--tls", "self-signed", "--data-dir"])
        .arg(folder.path())
        .env_clear()
        .env("MOXNAS_LOG", "info")
        .env("MOXNAS_ADMIN_PASSWORD", "correct horse battery")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap()).lines();
    let log = BufReader::new(child.stderr.take().unwrap()).lines();
    let (mut out, mut log) = (out.map_while(Result::ok), log.map_while(Result::ok));
    let secure = Secure(child);
    let first = after(&mut out, "certificate: SHA-256 ");
    assert_eq!(
        after(&mut log, "certificate sha256="),
        first,
        "the log has it too"
    );
    let url = after(&mut out, "listening on ");
    let url = url.split(',').next().unwrap();
    let certificate = folder.path().join("tls/cert.pem");
    // It trusts the certificate, and comes as far as the login.
    let comes_through = || {
        let words = [
            "--server",
            url,
            "--cacert",
            certificate.to_str().unwrap(),
            "system",
            "health",
        ];
        moxnas(words).run().fails(1, &["a login is required"]);
    };
    comes_through();

    // Without its files a new one is made.
    fs::remove_file(&certificate).unwrap();
    let id = Pid::from_raw(i32::try_from(secure.0.id()).unwrap());
    // The signal is listened to from the moment that connections are served.
    kill(id, Signal::SIGHUP).unwrap();
    let second = after(&mut log, "certificate sha256=");
    assert_ne!(second, first);
    comes_through();
}
