//! The server and what goes around each request, with interfaces made for the tests.
#![expect(
    clippy::unwrap_used,
    reason = "as clippy.toml allows it in the tests themselves"
)]

mod attacks;
mod body;
mod client;
mod nas;
mod page;
mod problem;
mod server;
mod shape;
mod tls;
mod unix;
