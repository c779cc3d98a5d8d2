//! Events.

use moxnas_app::events;
use poem_openapi::Object;
use time::OffsetDateTime;

use super::timestamp;

/// Something that happened
#[derive(Clone, Debug, PartialEq, Object)]
pub struct Event {
    /// Grows by one from event to event
    pub id: u64,
    /// When, by the machine's clock
    pub at: OffsetDateTime,
    /// `array`, `disk` or `job`
    pub kind: String,
    /// The name of the array, or the id of the disk or the job
    pub object: String,
    /// `appeared`, `left`, `health`, `sync` or `members`, and `differs` or `agrees` with what is
    /// expected; of a job its state
    pub change: String,
    /// In words
    pub message: String,
}

impl From<events::Event> for Event {
    fn from(it: events::Event) -> Event {
        let events::Event {
            id,
            at,
            kind,
            object,
            change,
            message,
        } = it;
        Event {
            id,
            at: timestamp(at),
            kind: kind.to_owned(),
            object,
            change: change.to_owned(),
            message,
        }
    }
}
