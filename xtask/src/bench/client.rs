//! Just enough of an HTTP/1.1 client to take little of the time that it measures.

use std::{
    fmt,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};

/// Requests before those that count.
const WARM_UP: usize = 100;
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// A connection that is kept.
pub(super) struct Connection(BufReader<TcpStream>);

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Connection {
    pub(super) fn open(address: SocketAddr) -> Result<Connection> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIME_LIMIT))?;
        Ok(Connection(BufReader::with_capacity(1 << 16, stream)))
    }

    pub(super) fn get(&mut self, path: &str, token: &str) -> Result<Answer> {
        self.ask(&get(path, token))
    }

    /// The token of `admin`.
    pub(super) fn log_in(&mut self, password: &str) -> Result<String> {
        let login = serde_json::json!({ "username": "admin", "password": password });
        let answer = self.post("/api/auth/login", &login.to_string())?;
        ensure!(answer.status == 200, "the login gets {}", answer.status);
        let tokens: serde_json::Value = serde_json::from_slice(&answer.body)?;
        let token = tokens["token"].as_str().context("there is no token")?;
        Ok(token.to_owned())
    }

    fn post(&mut self, path: &str, json: &str) -> Result<Answer> {
        let length = json.len();
        self.ask(&format!(
            "POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{json}"
        ))
    }

    fn ask(&mut self, request: &str) -> Result<Answer> {
        let mut body = Vec::new();
        let status = self.ask_into(request, &mut body)?;
        Ok(Answer { status, body })
    }

    /// Sends `request` and reads the body into `body`; the status.
    fn ask_into(&mut self, request: &str, body: &mut Vec<u8>) -> Result<u16> {
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

fn get(path: &str, token: &str) -> String {
    let login = match token {
        "" => String::new(),
        token => format!("authorization: Bearer {token}\r\n"),
    };
    format!("GET {path} HTTP/1.1\r\nhost: bench\r\n{login}\r\n")
}

/// The same request, again and again, over some connections at once.
pub(super) struct Load<'a> {
    pub(super) connections: usize,
    pub(super) requests: usize,
    pub(super) path: &'a str,
    pub(super) token: &'a str,
}

pub(super) struct Measured {
    /// Bytes in each answer.
    pub(super) body: usize,
    per_second: f64,
    p50: Duration,
    pub(super) p99: Duration,
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99] = [self.p50, self.p99].map(|it| it.as_secs_f64() * 1000.0);
        write!(
            f,
            "{:>6.0}/s, p50 {p50:.2} ms, p99 {p99:.2} ms",
            self.per_second
        )
    }
}

impl Load<'_> {
    pub(super) fn run(&self, address: SocketAddr) -> Result<Measured> {
        let request = get(self.path, self.token);
        let barrier = Barrier::new(self.connections);
        let each = self.requests / self.connections;
        let one = || -> Result<(Vec<Duration>, usize, Instant, Instant)> {
            let opened = Connection::open(address);
            let mut body = Vec::new();
            let mut times = Vec::with_capacity(each);
            let warm = opened.and_then(|mut connection| {
                for _ in 0..WARM_UP {
                    let status = connection.ask_into(&request, &mut body)?;
                    ensure!(status == 200, "{} answers {status}", self.path);
                }
                Ok(connection)
            });
            // Whoever fails must still come here, or the others would wait for ever.
            barrier.wait();
            let mut connection = warm?;
            let began = Instant::now();
            let mut now = began;
            while times.len() < each && now - began < TIME_LIMIT {
                let asked = now;
                let status = connection.ask_into(&request, &mut body)?;
                ensure!(status == 200, "{} answers {status}", self.path);
                now = Instant::now();
                times.push(now - asked);
            }
            Ok((times, body.len(), began, now))
        };
        let ended: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..self.connections).map(|_| scope.spawn(one)).collect();
            threads.into_iter().map(|it| it.join()).collect()
        });
        let (mut times, mut body, mut span) = (Vec::new(), 0, None);
        for it in ended {
            let (its, length, began, end) = it.map_err(|_| anyhow!("a client panicked"))??;
            times.extend(its);
            body = length;
            span = match span {
                None => Some((began, end)),
                Some((first, last)) => Some((began.min(first), end.max(last))),
            };
        }
        times.sort_unstable();
        let (first, last) = span.context("no connection was asked for")?;
        let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied();
        Ok(Measured {
            body,
            per_second: times.len() as f64 / (last - first).as_secs_f64(),
            p50: at(0.5).context("nothing was measured")?,
            p99: at(0.99).context("nothing was measured")?,
        })
    }
}
