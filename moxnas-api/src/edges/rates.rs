//! How often a client may ask, for each sort of request.

use std::{num::NonZeroU32, time::Duration};

use poem::{
    Request,
    http::{
        HeaderName, HeaderValue, Method, StatusCode,
        header::{AUTHORIZATION, COOKIE, RETRY_AFTER},
    },
};

use super::{ClientAddress, buckets::Buckets};
use crate::problem::Problem;

/// A monitor asks here again and again, and the answer is at hand.
const LIVE: &str = "/api/system/health/live";
/// How much more often [`LIVE`] may be asked than the rest.
const LIVE_FACTOR: u32 = 10;
/// Logins, and what else belongs to becoming somebody.
const AUTH: &str = "/api/auth/";
/// Where a request may say who it is from, however it is meant.
const CREDENTIALS: [HeaderName; 3] = [AUTHORIZATION, COOKIE, HeaderName::from_static("x-api-key")];

/// Requests per second of one client, and twice as many at once; 0: as many as it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Of all but the following.
    pub api: u32,
    /// Of logins, and of all else that changes something and shows no credential.
    pub auth: u32,
}

impl Default for Rates {
    fn default() -> Rates {
        Rates { api: 100, auth: 10 }
    }
}

/// The buckets of each sort of request; `None`: no limit.
#[derive(Debug)]
pub(super) struct Meters {
    api: Option<Buckets>,
    auth: Option<Buckets>,
    live: Option<Buckets>,
}

impl Meters {
    pub(super) fn new(rates: Rates) -> Meters {
        let buckets = |rate| NonZeroU32::new(rate).map(Buckets::new);
        Meters {
            api: buckets(rates.api),
            auth: buckets(rates.auth),
            live: buckets(rates.api.saturating_mul(LIVE_FACTOR)),
        }
    }

    /// Count a request of a client of the network.
    ///
    /// # Errors
    /// 429 `rate_limited`.
    pub(super) fn count(&self, request: &Request) -> Result<(), Problem> {
        let Some(ClientAddress(client)) = request.extensions().get() else {
            return Ok(());
        };
        let buckets = if is_of_nobody(request) {
            &self.auth
        } else if request.uri().path() == LIVE {
            &self.live
        } else {
            &self.api
        };
        match buckets.as_ref().map(|it| it.take((*client).into())) {
            Some(Err(wait)) => Err(refusal(wait)),
            Some(Ok(())) | None => Ok(()),
        }
    }
}

/// Whether the request is an attempt to become somebody, or a change that shows no credential. The
/// path is compared as it was sent: another way to write it leads nowhere.
fn is_of_nobody(request: &Request) -> bool {
    let is_safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    let shows = |name| request.headers().contains_key(name);
    !is_safe && (request.uri().path().starts_with(AUTH) || !CREDENTIALS.into_iter().any(shows))
}

fn refusal(wait: Duration) -> Problem {
    // Whole seconds are all that the header can say (RFC 9110 10.2.3).
    let seconds = wait.as_secs() + 1;
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited")
        .detail("this client asks too often")
        .hint(format!("ask again in {seconds} s, and less often"))
        .header(RETRY_AFTER, HeaderValue::from(seconds))
}
