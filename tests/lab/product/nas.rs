//! A lab machine with the product on it, and ways to talk to it.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use moxnas_tests::lab::{Job, Machine, Output};
use serde_json::{Value, json};

const PASSWORD: &str = "a password for the lab only";
const PORT: u16 = 8000;

/// A machine on which the product does the work.
pub(super) struct Nas {
    pub(super) machine: Machine,
    way: &'static [&'static str],
    service: Option<Job>,
}

impl Nas {
    /// Every command does its work by itself.
    pub(super) fn local(mut machine: Machine) -> Result<Self> {
        machine.install_moxnas()?;
        Ok(Self {
            machine,
            way: &["--local"],
            service: None,
        })
    }

    /// A service does the work, reached over its socket by commands and over HTTP by tests.
    pub(super) fn service(machine: Machine) -> Result<Self> {
        let mut nas = Self::not_started(machine)?;
        nas.start_service()?;
        Ok(nas)
    }

    /// The same, once somebody has started the service.
    pub(super) fn not_started(mut machine: Machine) -> Result<Self> {
        machine.install_moxnas()?;
        Ok(Self {
            machine,
            way: &[],
            service: None,
        })
    }

    /// Starts the service and waits until it listens.
    pub(super) fn start_service(&mut self) -> Result<()> {
        let job = self.machine.spawn([
            "env",
            &format!("MOXNAS_ADMIN_PASSWORD={PASSWORD}"),
            "moxnas",
            "serve",
            "--insecure-http",
            &format!("--listen=0.0.0.0:{PORT}"),
        ])?;
        self.machine.wait_until("the service listens", |it| {
            let said = it.read_file(&job.output)?;
            if let Some(status) = it.status(&job)? {
                bail!("the service ended with status {status}:\n{said}");
            }
            Ok(said.contains("listening on /run/"))
        })?;
        self.service = Some(job);
        Ok(())
    }

    /// `kill -9` of the service. Returns what it had said since its start.
    pub(super) fn kill_service(&mut self) -> Result<String> {
        let job = self.service.take().context("the service does not run")?;
        self.machine.kill(&job, 9)?;
        self.machine
            .wait_until("the service is gone", |it| Ok(it.status(&job)?.is_some()))?;
        self.machine.read_file(&job.output)
    }

    pub(super) fn exec(&mut self, arguments: &[&str]) -> Result<Output> {
        let argv = ["moxnas"].iter().chain(self.way).chain(arguments);
        self.machine.exec(argv.copied())
    }

    /// Runs a command that must succeed. Returns what it said, results and remarks.
    pub(super) fn moxnas(&mut self, arguments: &[&str]) -> Result<String> {
        let Output {
            status,
            stdout,
            stderr,
        } = self.exec(arguments)?;
        ensure!(
            status == 0,
            "{arguments:?} ended with status {status}:\n{stdout}{stderr}"
        );
        Ok(stdout + &stderr)
    }

    /// Runs a command with its plan agreed to. Returns its result.
    pub(super) fn json(&mut self, arguments: &[&str]) -> Result<Value> {
        let output = self.exec(&[&["--yes", "--output", "json"], arguments].concat())?;
        let text = output.success().with_context(|| format!("{arguments:?}"))?;
        serde_json::from_str(&text).with_context(|| format!("{arguments:?} printed {text}"))
    }

    pub(super) fn show(&mut self) -> Result<Value> {
        self.json(&["array", "show", "tank"])
    }

    /// What is not as expected, in the words for programs.
    pub(super) fn differences(&mut self) -> Result<Vec<String>> {
        let page = self.json(&["array", "expected"])?;
        let all = page["differences"].as_array().context("no list")?;
        let words = all.iter().filter_map(|it| it["difference"].as_str());
        Ok(words.map(str::to_owned).collect())
    }

    /// The array once nothing runs in the background.
    pub(super) fn at_rest(&mut self) -> Result<Value> {
        let limits = "cd /proc/sys/dev/raid; echo 1000000 | tee speed_limit_max speed_limit_min";
        self.machine.sh(limits)?;
        let mut seen = Value::Null;
        let way = self.way;
        self.machine.wait_until("the array comes to rest", |it| {
            let show = ["--output", "json", "array", "show", "tank"];
            let text = it.run(["moxnas"].iter().chain(way).chain(&show).copied())?;
            seen = serde_json::from_str(&text)?;
            Ok(seen["sync"]["state"] == "idle")
        })?;
        Ok(seen)
    }

    /// The service as another machine sees it.
    pub(super) fn http(&mut self) -> Result<Http> {
        let url = self.machine.url(PORT)?;
        let address = url
            .strip_prefix("http://")
            .context("no address")?
            .to_owned();
        Ok(Http {
            address,
            token: None,
        })
    }
}

/// Just enough of a client: one request per connection.
#[derive(Clone)]
pub(super) struct Http {
    address: String,
    token: Option<String>,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    head: String,
    pub(super) body: Value,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(super) fn fingerprint(&self) -> Result<String> {
        let text = self.body["fingerprint"].as_str();
        text.map(str::to_owned)
            .with_context(|| format!("no plan: {self:?}"))
    }
}

impl Http {
    pub(super) fn log_in(self) -> Result<Self> {
        let body = json!({"username": "admin", "password": PASSWORD});
        let answer = self.post("/api/auth/login", &body, None)?;
        let token = answer.body["token"].as_str();
        let token = token
            .with_context(|| format!("no login: {answer:?}"))?
            .to_owned();
        Ok(Self {
            token: Some(token),
            ..self
        })
    }

    pub(super) fn get(&self, path: &str) -> Result<Answer> {
        self.ask("GET", path, "", "")
    }

    pub(super) fn post(&self, path: &str, body: &Value, confirm: Option<&str>) -> Result<Answer> {
        let confirm = confirm.map(|it| format!("X-Confirm-Plan: {it}\r\n"));
        self.ask(
            "POST",
            path,
            &confirm.unwrap_or_default(),
            &body.to_string(),
        )
    }

    /// Asks, and agrees with the plan that is shown.
    pub(super) fn agreed(&self, method: &str, path: &str, body: &str) -> Result<Answer> {
        let answer = self.ask(method, path, "", body)?;
        if answer.status != 428 {
            return Ok(answer);
        }
        let fingerprint = answer.body["plan"]["fingerprint"].as_str();
        let fingerprint = fingerprint.with_context(|| format!("no plan: {answer:?}"))?;
        self.ask(
            method,
            path,
            &format!("X-Confirm-Plan: {fingerprint}\r\n"),
            body,
        )
    }

    fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Result<Answer> {
        let mut text = String::new();
        self.send(method, path, headers, body)?
            .read_to_string(&mut text)?;
        let (head, body) = text.split_once("\r\n\r\n").context("no answer")?;
        let status = head.split(' ').nth(1).context("no status")?.parse()?;
        let body = if body.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(body)?
        };
        Ok(Answer {
            status,
            head: head.to_owned(),
            body,
        })
    }

    /// HTTP/1.0, so that the answer is as it is, and ends with the connection.
    fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> Result<TcpStream> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let token = self
            .token
            .as_ref()
            .map(|it| format!("Authorization: Bearer {it}\r\n"));
        let token = token.unwrap_or_default();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n{token}{headers}\r\n{body}"
        );
        stream.write_all(request.as_bytes())?;
        Ok(stream)
    }

    /// Opens a stream of events. Returns once the service has answered.
    pub(super) fn listen(&self, path: &str) -> Result<Events> {
        let mut lines = BufReader::new(self.send("GET", path, "", "")?);
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            ensure!(
                lines.read_line(&mut line)? > 0,
                "the service ended the stream"
            );
        }
        Ok(Events(lines))
    }
}

/// What a service tells as it happens.
pub(super) struct Events(BufReader<TcpStream>);

impl Events {
    /// The next line; empty at the end.
    pub(super) fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        Ok(line)
    }

    /// Returns what was heard, as soon as a line has this in it.
    pub(super) fn until(mut self, part: &str) -> Result<String> {
        let mut heard = String::new();
        loop {
            let from = heard.len();
            let length = self.0.read_line(&mut heard);
            let length = length.with_context(|| format!("no {part}, only:\n{heard}"))?;
            ensure!(length > 0, "the stream ended without {part}:\n{heard}");
            if heard[from..].contains(part) {
                return Ok(heard);
            }
        }
    }
}
