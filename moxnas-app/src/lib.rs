//! What the MoxNAS service does, without a frontend.
//!
//! Everything that a caller can ask for is an [`operation`]; every request, whatever frontend it
//! comes through, enters by [`App::call`] or [`App::change`], where access, one change at a time
//! and audit are settled once. The machine is the truth about the machine: the database holds
//! logins and history, never what the kernel can tell.
//!
//! ```
//! use moxnas_app::{App, ops::arrays::ArrayList, scenario::Scenario, settings::Settings};
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let settings = Settings::simulated(Scenario::built_in("small-office")?);
//! let app = App::start(&settings).await?;
//! let arrays = app.call(&App::this_process("doc"), ArrayList).await?;
//! assert_eq!(arrays.seen.raid.arrays[0].name, "media");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod actor;
pub mod answers;
pub mod app;
pub mod audit;
pub mod auth;
pub mod calendar;
pub mod disk_plan;
pub mod error;
mod event_count;
pub mod events;
pub mod expected;
mod hex;
pub mod in_use;
pub mod jobs;
pub mod loops;
pub mod machine;
pub mod marked;
pub mod new_array;
pub mod offline;
pub mod operation;
pub mod ops;
mod private_file;
pub mod report;
pub mod scenario;
pub mod schedules;
pub mod seal;
pub mod seen;
pub mod settings;
pub mod sharing;
pub mod store;
pub mod targets;
pub mod turns;

pub use actor::{Actor, Credential, Role, Via};
pub use app::App;
pub use error::{Error, Kind};
pub use operation::{Change, Effect, Keys, Lane, LongChange, Operation, Query};
pub use private_file::PrivateFileError;
pub use seen::Seen;
