//! Who is connected to what, and ending that.
//!
//! A session is what one client holds with one daemon: for SMB, FTP and SFTP a process, for NFS 4 a
//! client of the kernel. It is disconnected by its [id](model::SessionId), which names a process by
//! its number and the moment at which it began, so that a number that was given again is nobody
//! else's end.
//!
//! What it deliberately does not do: it does not guess. NFS 3 has no sessions, and what mountd(8)
//! once wrote down is no evidence that anybody is there; that is [said](model::Sessions::unknown).

pub mod backend;
pub mod model;
pub mod plan;
pub mod real;
pub mod sim;

pub use backend::{BackendError, SessionBackend};
pub use model::{Protocol, Session, SessionId, Sessions};
pub use plan::{Refusal, Step, plan};
