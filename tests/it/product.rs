//! The product as its users have it: the binary `moxnas`.

use std::{
    ffi::OsStr,
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader, Read, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::Duration,
};

use serde_json::Value;

/// The binary, built if need be. `MOXNAS_BIN` names one that was built before.
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(named) = std::env::var_os("MOXNAS_BIN") {
            return PathBuf::from(named);
        }
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "--package", "moxnas-cli"]);
        // The test lies in `target/PROFILE/deps`.
        let this = std::env::current_exe().unwrap();
        let profile = this.parent().unwrap().parent().unwrap();
        if profile.ends_with("release") {
            build.arg("--release");
        }
        let built = build.current_dir(crate::source::root()).status().unwrap();
        assert!(built.success(), "the product does not build");
        profile.join("moxnas")
    })
}

/// What a command did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    #[track_caller]
    pub(crate) fn json(self) -> Value {
        let text = self.ok();
        serde_json::from_str(&text).unwrap_or_else(|err| panic!("{err}: {text:?}"))
    }

    /// It was not done, with this exit code, and says so in these words.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        assert_eq!(self.out, "", "what failed has no result");
        assert!(self.err.contains("error: "), "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "{word:?} is not in {self:?}");
        }
    }
}

/// The binary with these words and nothing from outside: no environment of whoever runs the test,
/// no session, no terminal.
pub(crate) fn moxnas<S: AsRef<OsStr>>(words: impl IntoIterator<Item = S>) -> Run {
    let mut command = Command::new(binary());
    let home = tempfile::tempdir().unwrap();
    command
        .args(words)
        .env_clear()
        .env("HOME", home.path())
        .env("COLUMNS", "100");
    Run {
        command,
        input: String::new(),
        home: Some(home),
    }
}

/// A command that has not run yet.
pub(crate) struct Run {
    command: Command,
    input: String,
    home: Option<tempfile::TempDir>,
}

impl Run {
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Run {
        self.command.env(name, value);
        self
    }

    /// Keep sessions here.
    pub(crate) fn home(self, home: &Path) -> Run {
        self.env("HOME", home)
    }

    pub(crate) fn input(mut self, text: &str) -> Run {
        text.clone_into(&mut self.input);
        self
    }

    pub(crate) fn run(mut self) -> Ran {
        let pipes = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = pipes.spawn().unwrap();
        // It may not want to read.
        let _ = child.stdin.take().unwrap().write_all(self.input.as_bytes());
        let output = child.wait_with_output().unwrap();
        drop(self.home);
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A simulated service in a process of its own. Ends with this value.
pub(crate) struct Served {
    child: Child,
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) password: String,
    /// All that it printed before it was ready.
    pub(crate) said: String,
    _home: tempfile::TempDir,
}

impl Served {
    /// `moxnas serve --sim SCENARIO`, logged in to.
    pub(crate) fn start(scenario: &str) -> Served {
        Served::with(scenario, &[])
    }

    pub(crate) fn with(scenario: &str, more: &[&str]) -> Served {
        let home = tempfile::tempdir().unwrap();
        let mut child = Command::new(binary())
            .args(["serve", "--sim", scenario, "--listen", "127.0.0.1:0"])
            .args(more)
            .env_clear()
            .env("HOME", home.path())
            .env("MOXNAS_LOG", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said = String::new();
        let mut served = Served {
            child,
            url: String::new(),
            token: String::new(),
            password: String::new(),
            said: String::new(),
            _home: home,
        };
        while served.url.is_empty() {
            let line = lines.next().expect("it says where it listens").unwrap();
            writeln!(said, "{line}").unwrap();
            if let Some((_, rest)) = line.split_once("password: ") {
                rest.split(' ')
                    .next()
                    .unwrap()
                    .clone_into(&mut served.password);
            }
            if let Some(rest) = line.strip_prefix("listening on ") {
                rest.split(',').next().unwrap().clone_into(&mut served.url);
            }
        }
        served.said = said;
        // Whatever it prints later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let body = serde_json::json!({ "username": "admin", "password": served.password });
        let answer = http(
            &served.url,
            "POST",
            "/api/auth/login",
            &[],
            Some(&body.to_string()),
        );
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["token"]
            .as_str()
            .unwrap()
            .clone_into(&mut served.token);
        served
    }

    /// The binary as a client of this service.
    pub(crate) fn moxnas(&self, words: &[&str]) -> Run {
        moxnas(["--server", &self.url].iter().chain(words)).env("MOXNAS_TOKEN", &self.token)
    }

    /// A `GET` by the admin.
    pub(crate) fn get(&self, path: &str) -> Value {
        let answer = self.ask("GET", path, None);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    pub(crate) fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let login = ("Authorization", format!("Bearer {}", self.token));
        http(
            &self.url,
            method,
            path,
            &[login],
            body.map(ToString::to_string).as_deref(),
        )
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What came over the wire.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|err| panic!("{err}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(it, _)| it.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// HTTP/1.1 by hand, as `curl` speaks it: a test of a server should not trust a library that may
/// share its mistakes.
pub(crate) fn http(
    url: &str,
    method: &str,
    path: &str,
    headers: &[(&str, String)],
    body: Option<&str>,
) -> Answer {
    let host = url.strip_prefix("http://").unwrap();
    let mut wire = TcpStream::connect(host).unwrap();
    wire.set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in headers {
        write!(text, "{name}: {value}\r\n").unwrap();
    }
    if let Some(body) = body {
        write!(
            text,
            "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
    } else {
        text.push_str("\r\n");
    }
    wire.write_all(text.as_bytes()).unwrap();
    let mut answer = Vec::new();
    wire.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let mut head = head.split("\r\n");
    let status = head
        .next()
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let headers = head.map(|it| it.split_once(": ").unwrap());
    let headers = headers
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let answer = Answer {
        status,
        headers,
        body: body.to_owned(),
    };
    assert_eq!(
        answer.header("transfer-encoding"),
        None,
        "these answers have a length"
    );
    answer
}

/// Every command with its help, in the order of the help.
pub(crate) fn command_tree() -> Vec<(String, String)> {
    let mut tree = Vec::new();
    let mut todo = vec![Vec::<String>::new()];
    while let Some(path) = todo.pop() {
        let words = path.iter().map(String::as_str).chain(["--help"]);
        let help = moxnas(words).run().ok();
        let mut below: Vec<Vec<String>> = subcommands(&help)
            .into_iter()
            .filter(|it| it != "help")
            .map(|it| path.iter().cloned().chain([it]).collect())
            .collect();
        below.reverse();
        todo.extend(below);
        tree.push((
            ["moxnas"]
                .into_iter()
                .chain(path.iter().map(String::as_str))
                .collect::<Vec<_>>()
                .join(" "),
            help,
        ));
    }
    tree
}

/// The words of the chapter `Commands:`.
fn subcommands(help: &str) -> Vec<String> {
    let chapter = help.lines().skip_while(|it| *it != "Commands:").skip(1);
    let lines = chapter.take_while(|it| !it.is_empty());
    let words = lines.filter(|it| it.starts_with("  ") && !it.starts_with("   "));
    words
        .filter_map(|it| it.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

/// A file in a folder that goes away.
pub(crate) fn file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}
