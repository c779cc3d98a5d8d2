//! The daemons that serve, as systemd runs them: whether each is there, runs, comes with the
//! machine and why not; and starting, stopping, restarting, reloading, enabling and disabling them.
//!
//! A [service](model::ServiceName) is one or more [units](model::Unit) of systemd. Facts of a unit
//! are systemd's own words; what they come to is a [verdict](verdict()) with its reasons, derived each time. A
//! wish gives steps on single units, or the reason why not; [`verify`](plan::verify()) says
//! afterwards whether it came about.
//!
//! What it deliberately does not do: it touches no unit that is none of these, writes no unit file,
//! and decides nothing by the log of a daemon, which is for people.

pub mod backend;
pub mod model;
pub mod plan;
pub mod real;
pub mod sim;
pub mod verdict;

pub use backend::{BackendError, ServiceBackend};
pub use model::{ServiceName, Services, Unit, UnitFacts};
pub use plan::{Asked, Refusal, Step, Wish, plan, verify};
pub use verdict::{Reason, Standing, Verdict, verdict};
