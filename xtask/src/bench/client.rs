//! The same request, again and again, and how long its answers take.

use std::{
    fmt,
    net::SocketAddr,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};

use crate::http::{Connection, TIME_LIMIT, get};

/// Requests before those that count.
const WARM_UP: usize = 100;

/// A request over some connections at once.
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
