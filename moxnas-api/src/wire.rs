//! What goes over the wire: the types of requests and answers, for REST and for the command line.
//!
//! They are apart from the types inside on purpose. The inside stays free to change, and every
//! change of the outside shows in the committed `openapi.json`.

pub mod access;
pub mod accounts;
pub mod api_keys;
pub mod arrays;
pub mod attributes;
pub mod audit;
pub mod auth;
pub mod consequences;
pub mod datasets;
pub mod disks;
pub mod events;
pub mod expected;
pub mod initramfs;
pub mod jobs;
pub mod plans;
pub mod pools;
pub mod replicas;
pub mod schedules;
pub mod services;
pub mod sessions;
pub mod shares;
pub mod simulation;
pub mod system;
pub mod targets;
pub mod users;

use std::time::SystemTime;

use time::OffsetDateTime;

/// A point in time as the wire has it: UTC, whole milliseconds.
#[must_use]
pub fn timestamp(at: SystemTime) -> OffsetDateTime {
    let at = OffsetDateTime::from(at);
    let millis = at.millisecond();
    at.replace_nanosecond(u32::from(millis) * 1_000_000)
        .unwrap_or(at)
}
