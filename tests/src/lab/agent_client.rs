//! The host's end of the wire to the agent in the guest.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, TcpStream},
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow};
use serde::de::DeserializeOwned;

use super::wire::{Reply, Request};

/// What a request may take beyond the time the guest was given for it.
const SLACK: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug)]
pub(super) struct AgentClient {
    /// On the host, forwarded to the agent.
    pub(super) port: u16,
}

/// Why there is no answer: the machine may be to blame, or only the request.
#[derive(Debug)]
pub(super) enum Failure {
    Unreachable(anyhow::Error),
    Refused(anyhow::Error),
}

impl AgentClient {
    pub(super) fn call<T: DeserializeOwned>(
        self,
        request: &Request,
        patience: Duration,
    ) -> Result<T, Failure> {
        let reply = self
            .converse(request, patience)
            .map_err(Failure::Unreachable)?;
        match reply {
            Reply::Ok(value) => {
                serde_json::from_value(value).map_err(|err| Failure::Unreachable(err.into()))
            }
            Reply::Error(text) => Err(Failure::Refused(anyhow!(text))),
        }
    }

    fn converse(self, request: &Request, patience: Duration) -> Result<Reply> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))
            .context("the forwarded port of the agent does not answer")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience + SLACK))?;
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        (&stream).write_all(&line)?;
        let mut answer = String::new();
        let length = BufReader::new(&stream).read_line(&mut answer);
        if length.context("the agent does not answer")? == 0 {
            return Err(anyhow!("the agent closed the connection"));
        }
        serde_json::from_str(&answer).with_context(|| format!("the agent said {answer:?}"))
    }
}
