//! Users and groups of the machine, and what Samba knows of them.
//!
//! A user is in up to three databases: `/etc/passwd` with `/etc/group`, `/etc/shadow`, and the one
//! that Samba keeps, as it cannot check a password against a hash of the system. One wish changes
//! all of them or says how far it came; planning it again goes on from there. Three rules see to
//! that:
//!
//! - **Disabled is two things at once,** a lock and an expiry on [`Day::DISABLED`], in each
//!   database. The programs that set a password take the lock away, and the expiry holds meanwhile.
//!   It also keeps out who has a key and needs no password.
//! - **A user is made disabled everywhere,** then gets the password everywhere, and is enabled
//!   last.
//! - **A password is one step for all databases,** and that step takes back what it did where it
//!   cannot do all of it. A note of ours says that it was begun, for a machine that loses power
//!   meanwhile.
//!
//! A number is given once, ever: [`Record`] remembers those of users that are long gone, so that
//! nobody comes to own the files of somebody else.
//!
//! What it deliberately does not do: it asks no directory of a network, makes no folder, and never
//! touches users of the system or users whom nobody handed over to it. Keys that it is given open SFTP alone; those
//! in a user's own `.ssh` are the user's.

pub mod backend;
mod day;
pub mod effect;
mod key;
pub mod model;
mod names;
pub mod plan;
pub mod real;
mod record;
mod secret;
pub mod sim;

pub use backend::{AccountBackend, BackendError};
pub use day::{BadDay, Day};
pub use key::{BadKey, KEYS_FOLDER, SshKey};
pub use names::{FullName, LoginName};
pub use plan::{Change, Refusal, Step, plan};
pub use record::{BadRecord, FIRST_ID, FIRST_OF_PEOPLE, Given, LAST_ID, Life, RECORD_FILE, Record};
pub use secret::Secret;
