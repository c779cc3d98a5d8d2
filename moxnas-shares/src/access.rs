//! Why somebody may, or may not, do something with a file of a share.
//!
//! A [`Question`] is who, by which protocol, from where, which path of which share, and what for.
//! [`explain()`] goes through everything that has a say in it, in the order in which it is asked on
//! a machine: the share and its lists, as whom the daemon then works, and what the kernel makes of
//! each folder on the way and of the file. The first [`Link`] of the chain that denies is the
//! answer, and its [`Remedy`] the least change by which that one would not.
//!
//! It is judgement over [`Facts`] and asks nobody. What is on the way is looked at by a
//! [`PathBackend`]; it opens nothing but the places themselves, reads no file, and may hang where a
//! filesystem hangs, so whoever calls it does so with that in mind.
//!
//! What it deliberately does not do: it knows no users of domains, no answers of a resolver and no
//! netgroups. What hangs on these is [`Outcome::Unknown`], which is not the same as allowed.

mod answer;
pub mod backend;
mod explain;
mod facts;
mod grant;
mod kernel;
mod nfs;
mod path;
mod question;
pub mod real;
mod remedy;
pub mod sim;
mod smb;
mod transfer;
mod walk;

pub use answer::{Answer, Explanation, Link, Outcome, Rule};
pub use backend::{PathBackend, TrailError};
pub use explain::explain;
pub use facts::{End, Facts, Flags, IdMap, IdRange, Kind, Node, Space, Trail};
pub use kernel::{Class, Verdict, judge};
pub use path::SharePath;
pub use question::{Ids, Last, Machine, Protocol, Question, Who, Wish};
pub use remedy::{Bits, Remedy};
