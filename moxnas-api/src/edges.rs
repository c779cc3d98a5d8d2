//! What is settled before a request is looked at: who the client is, whether it asks too often,
//! which host it thinks it talks to, and which page of another site asks.
//!
//! All of it is about clients of the network. A process on the Unix socket, or a caller within
//! this process, has neither an address nor a browser, and passes.
//!
//! [`Edges`] is what an administrator decides; `Guard` is that at work.

mod buckets;
mod client;
mod forwarded;
mod hosts;
mod network;
mod origins;
mod rates;

use std::sync::Arc;

use poem::{Endpoint, IntoResponse, Request, Response};

use crate::{limit::BodyLimit, problem::Problem};

pub use client::{ClientAddress, ClientKey, IsSecure};
pub use hosts::{BadHost, Hosts};
pub use network::{BadNetwork, Network};
pub use origins::{BadOrigin, Origins};
pub use rates::Rates;

/// What clients of the network may do, as whoever runs the service decides it.
#[derive(Clone, Debug, Default)]
pub struct Edges {
    /// How large and how slow a body may be.
    pub body: BodyLimit,
    /// How often one client may ask.
    pub rates: Rates,
    /// The proxies whose word about the client counts. Nobody's by default.
    pub proxies: Vec<Network>,
    /// The names under which this service is reached.
    pub hosts: Hosts,
    /// The sites whose pages may use this service. None by default.
    pub origins: Origins,
}

impl From<BodyLimit> for Edges {
    fn from(body: BodyLimit) -> Edges {
        Edges {
            body,
            ..Edges::default()
        }
    }
}

/// The edges of one interface, with what it remembers about its clients.
#[derive(Debug)]
pub(crate) struct Guard {
    edges: Edges,
    meters: rates::Meters,
}

impl Guard {
    pub(crate) fn new(edges: Edges) -> Arc<Guard> {
        let meters = rates::Meters::new(edges.rates);
        Arc::new(Guard { edges, meters })
    }

    /// Write into the extensions of `request` who the client is, and whether what it says is
    /// hidden from the network. Whatever comes later reads it there.
    pub(crate) fn introduce(&self, mut request: Request) -> Request {
        client::introduce(&mut request, &self.edges.proxies);
        request
    }

    /// Pass on what may come in.
    pub(crate) async fn admit<E: Endpoint>(
        &self,
        endpoint: Arc<E>,
        request: Request,
    ) -> poem::Result<Response> {
        if let Some(answer) = self.turn_away(&request)? {
            return Ok(answer);
        }
        let limit = self.edges.body;
        limit.call(endpoint, request).await
    }

    /// Tell the browser of a listed site that its page may read the answer.
    pub(crate) async fn share<E: Endpoint>(
        &self,
        endpoint: Arc<E>,
        request: Request,
    ) -> poem::Result<Response> {
        let origin = self.edges.origins.listed(&request);
        let mut response = endpoint.call(request).await?.into_response();
        self.edges.origins.share(origin, &mut response);
        Ok(response)
    }

    /// The answer to what needs no endpoint.
    fn turn_away(&self, request: &Request) -> Result<Option<Response>, Problem> {
        // First, so that everything else is limited too.
        self.meters.count(request)?;
        if request.extensions().get::<ClientAddress>().is_some() {
            self.edges.hosts.check(request)?;
        }
        self.edges.origins.preflight(request)
    }
}
