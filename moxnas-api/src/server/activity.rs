//! Knows whether a connection is at work, and ends endless answers at the stop.
//!
//! hyper has a time limit for HTTP/1 headers, but none for a client that sends nothing at all
//! (it waits to see which version is spoken) nor for an idle HTTP/2 connection.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::{sync::watch, time::timeout};

use super::Stop;

pub(super) type BoxBody = http_body_util::combinators::BoxBody<Bytes, io::Error>;

/// Counts the requests of a connection that are being answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Activity(watch::Sender<usize>);

/// One request being answered, until dropped.
#[derive(Debug)]
pub(super) struct Running(watch::Sender<usize>);

impl Activity {
    pub(super) fn begin(&self) -> Running {
        self.0.send_modify(|running| *running += 1);
        Running(self.0.clone())
    }

    /// Ready when no request came within `first` of now, or none for `later` after the last
    /// one was answered.
    pub(super) async fn idle(&self, first: Duration, later: Duration) {
        let mut running = self.0.subscribe();
        let mut limit = first;
        loop {
            // The sender lives in `self`, so that neither wait can fail.
            let _ = running.wait_for(|running| *running == 0).await;
            if timeout(limit, running.changed()).await.is_err() {
                return;
            }
            limit = later;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.send_modify(|running| *running -= 1);
    }
}

/// The body of an answer; its request is running until it is sent or given up.
pub(super) struct Answer {
    body: BoxBody,
    end: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    _running: Running,
}

impl Answer {
    pub(super) fn new(body: BoxBody, running: Running) -> Answer {
        Answer {
            body,
            end: None,
            _running: running,
        }
    }

    /// A body that is over at the stop, for event streams.
    pub(super) fn until(body: BoxBody, running: Running, mut stop: Stop) -> Answer {
        let end = Box::pin(async move { stop.wait().await });
        Answer {
            body,
            end: Some(end),
            _running: running,
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(end) = &mut self.end
            && end.as_mut().poll(context).is_ready()
        {
            self.end = None;
            self.body = BoxBody::default();
        }
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
