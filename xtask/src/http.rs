//! Just enough of an HTTP/1.1 client to take little of the time that it measures.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(10);

/// A connection that is kept.
pub(crate) struct Connection(BufReader<TcpStream>);

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Result<Connection> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIME_LIMIT))?;
        Ok(Connection(BufReader::with_capacity(1 << 16, stream)))
    }

    pub(crate) fn get(&mut self, path: &str, token: &str) -> Result<Answer> {
        self.ask(&get(path, token))
    }

    /// The token of `admin`.
    pub(crate) fn log_in(&mut self, password: &str) -> Result<String> {
        let login = serde_json::json!({ "username": "admin", "password": password });
        let answer = self.post("/api/auth/login", "", &login.to_string())?;
        ensure!(answer.status == 200, "the login gets {}", answer.status);
        let tokens: Value = serde_json::from_slice(&answer.body)?;
        let token = tokens["token"].as_str().context("there is no token")?;
        Ok(token.to_owned())
    }

    pub(crate) fn post(&mut self, path: &str, token: &str, json: &str) -> Result<Answer> {
        let (length, login) = (json.len(), login(token));
        self.ask(&format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n{login}\r\n{json}"
        ))
    }

    /// The JSON of an answer that has to be 200.
    pub(crate) fn json(&mut self, path: &str, token: &str) -> Result<Value> {
        let answer = self.get(path, token)?;
        ensure!(answer.status == 200, "{path} answers {}", answer.status);
        Ok(serde_json::from_slice(&answer.body)?)
    }

    fn ask(&mut self, request: &str) -> Result<Answer> {
        let mut body = Vec::new();
        let status = self.ask_into(request, &mut body)?;
        Ok(Answer { status, body })
    }

    /// Sends `request` and reads the body into `body`; the status.
    pub(crate) fn ask_into(&mut self, request: &str, body: &mut Vec<u8>) -> Result<u16> {
        self.0.get_mut().write_all(request.as_bytes())?;
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|it| it.parse().ok());
        let status = status.with_context(|| format!("no answer, but {line:?}"))?;
        let mut length = None;
        loop {
            line.clear();
            self.0.read_line(&mut line)?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = Some(value.trim().parse()?);
            }
        }
        body.resize(length.context("the answer has no length")?, 0);
        self.0.read_exact(body)?;
        Ok(status)
    }
}

/// The text of a request.
pub(crate) fn get(path: &str, token: &str) -> String {
    let login = login(token);
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{login}\r\n")
}

fn login(token: &str) -> String {
    match token {
        "" => String::new(),
        token => format!("authorization: Bearer {token}\r\n"),
    }
}
