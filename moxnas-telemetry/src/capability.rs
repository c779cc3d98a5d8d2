//! What can work here, and what cannot: in a container much is for the host to do.
//!
//! [`Facts`] are what files of the kernel say of this process; [`judge()`] makes of them, for each
//! [`Feature`], whether it works, and if not, why and what would help. It tries nothing: a mount
//! that is tried may hang, and one that works leaves something behind.
//!
//! What it deliberately does not do: it asks no host, so a remedy that is done there is told for
//! the container of any number, as `pct set ID …` of pct(1).

mod facts;
mod judge;
mod profile;

pub use facts::{Capability, Facts};
pub use judge::{Feature, Level, Verdict, judge};
pub use profile::Profile;
