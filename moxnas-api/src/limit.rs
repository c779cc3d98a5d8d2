//! How large and how slow a request's body may be.
//!
//! poem reads JSON without a limit, and its own `SizeLimit` refuses every request that does not
//! announce a length, each `GET` among them. hyper has no time limit for bodies.

use std::{
    pin::Pin,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use poem::{
    Body, Endpoint, IntoResponse, Request, Response,
    http::{
        StatusCode,
        header::{CONTENT_LENGTH, EXPECT},
    },
};
use tokio::time::{Instant, timeout, timeout_at};

use crate::problem::{Problem, settle};

/// What the bodies of an interface may be.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimit {
    /// Length, encoded as it was sent.
    pub bytes: u64,
    /// Longest pause of the client while sending; in all it may be twice as long behind [`SLOWEST`].
    pub pause: Duration,
}

/// Bytes per second that a client has to send at the least, on average.
pub const SLOWEST: u64 = 1024;

impl Default for BodyLimit {
    fn default() -> BodyLimit {
        BodyLimit {
            bytes: 1024 * 1024,
            pause: Duration::from_secs(20),
        }
    }
}

/// How much of a body that is refused is read to its end. A client in the middle of sending does
/// not look for an answer, and would see its connection reset in place of it.
const SWALLOWED_BYTES: u64 = 8 * 1024 * 1024;
const SWALLOWED_TIME: Duration = Duration::from_secs(5);

type Chunks = Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send>>;

/// Why the reading of a body was ended. Whoever read it saw only that it ended.
#[derive(Clone, Copy, Debug)]
enum Broken {
    TooLarge,
    Paused,
    TooSlow,
}

impl BodyLimit {
    /// Pass `request` on with its body under these limits.
    pub(crate) async fn call<E: Endpoint>(
        self,
        endpoint: Arc<E>,
        mut request: Request,
    ) -> poem::Result<Response> {
        let announced = request
            .header(CONTENT_LENGTH)
            .and_then(|it| it.parse::<u64>().ok());
        if announced.is_some_and(|bytes| bytes > self.bytes) {
            // Who asks first has sent nothing yet.
            if request.header(EXPECT).is_none() {
                swallow(Box::pin(request.take_body().into_bytes_stream())).await;
            }
            return Err(self.problem(Broken::TooLarge).into());
        }
        let body = request.take_body();
        if body.is_empty() {
            return endpoint
                .call(request)
                .await
                .map(IntoResponse::into_response);
        }
        let broken = Arc::new(OnceLock::new());
        let chunks = Box::pin(body.into_bytes_stream());
        request.set_body(self.guarded(chunks, Arc::clone(&broken)));
        match (settle(endpoint.call(request)).await, broken.get()) {
            (Err(seen), Some(broken)) => {
                let operation = seen.details().operation.as_deref();
                Err(self.problem(*broken).operation(operation).into())
            }
            (answer, _) => Ok(answer?),
        }
    }

    fn guarded(self, body: Chunks, broken: Arc<OnceLock<Broken>>) -> Body {
        let started = Instant::now();
        let chunks = stream::try_unfold((body, 0), move |(mut body, read)| {
            let broken = Arc::clone(&broken);
            async move {
                // A byte now and then is no pause, and would go on for days.
                let pace = started + 2 * self.pause + Duration::from_secs(read / SLOWEST);
                let pause = Instant::now() + self.pause;
                let Ok(next) = timeout_at(pace.min(pause), body.next()).await else {
                    let why = if pace < pause {
                        Broken::TooSlow
                    } else {
                        Broken::Paused
                    };
                    return Err(end(&broken, why));
                };
                let Some(chunk) = next.transpose()? else {
                    return Ok(None);
                };
                let read = read + chunk.len() as u64;
                if read > self.bytes {
                    swallow(body).await;
                    return Err(end(&broken, Broken::TooLarge));
                }
                Ok(Some((chunk, (body, read))))
            }
        });
        Body::from_bytes_stream(chunks)
    }

    fn problem(self, broken: Broken) -> Problem {
        match broken {
            Broken::TooLarge => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large")
                .detail(format!("the body is larger than {} bytes", self.bytes)),
            Broken::Paused => slow(format!(
                "nothing of the body came for {} s",
                self.pause.as_secs_f32()
            )),
            Broken::TooSlow => slow(format!(
                "the body came at less than {SLOWEST} bytes a second"
            )),
        }
    }
}

fn slow(detail: String) -> Problem {
    Problem::new(StatusCode::REQUEST_TIMEOUT, "request_timeout").detail(detail)
}

fn end(broken: &OnceLock<Broken>, why: Broken) -> std::io::Error {
    let _ = broken.set(why);
    std::io::Error::other("the body was cut off")
}

async fn swallow(mut body: Chunks) {
    let reading = async {
        let mut read = 0;
        while let Some(Ok(chunk)) = body.next().await {
            read += chunk.len() as u64;
            if read > SWALLOWED_BYTES {
                break;
            }
        }
    };
    let _ = timeout(SWALLOWED_TIME, reading).await;
}
