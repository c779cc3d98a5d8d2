//! What arrays should be there.

use moxnas_app::{
    expected::Expectation,
    ops::expected::{Accepted, ExpectedAccept, ExpectedView},
};
use moxnas_core::disk::DeviceId;
use moxnas_raid::{Difference as Told, ExpectedArray as Inside};
use poem_openapi::Object;
use time::OffsetDateTime;

use super::timestamp;

/// What should be there, and what is not as it should be
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ExpectedPage {
    /// The arrays that should be there. Whether they are, `differences` says
    pub items: Vec<ExpectedArray>,
    /// There is one page
    pub next: Option<String>,
    /// What is not as it should be
    pub differences: Vec<Difference>,
    /// When what was there was first agreed to; left out where nobody has ever agreed to anything
    pub since: Option<OffsetDateTime>,
    /// When the machine was looked at
    pub as_of: OffsetDateTime,
}

/// An array that should be there
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ExpectedArray {
    /// Who it is
    pub uuid: String,
    /// The name it should have
    pub name: String,
    /// The level it should have
    pub level: String,
    /// How many members it should have, spares not counted; left out if it was not started when
    /// somebody agreed to it
    pub slots: Option<u32>,
    /// The devices that should fill its slots
    pub members: Vec<String>,
    /// The devices that should wait
    pub spares: Vec<String>,
    /// The device that should keep its journal
    pub journal: Option<String>,
    /// Where it, or what stands on it, should be mounted
    pub mounts: Vec<String>,
    /// When somebody agreed to it last
    pub since: OffsetDateTime,
    /// Who agreed to it
    pub accepted_by: String,
}

/// Something about an array is not as it should be
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Difference {
    /// The name of the array
    pub array: String,
    /// Who it is; left out if nothing tells
    pub uuid: Option<String>,
    /// `array_missing`, `member_missing`, `fewer_spares`, `degraded_at_boot`, `mount_missing`,
    /// `foreign_array`, `renamed`, `reshaped`, `member_unexpected`, `mount_unexpected`
    pub difference: String,
    /// Whether something is lost or may soon be; the rest is for somebody to agree to
    pub is_fault: bool,
    /// In words
    pub explanation: String,
    /// What to do about it
    pub remedy: String,
}

/// Agree to what is there: of one array, or of all. Exactly one of the two is to be said
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct AcceptExpected {
    /// Name or UUID of the array; one that is not there is then expected no more
    pub array: Option<String>,
    /// `true`: all that is there, and nothing else
    pub all: Option<bool>,
}

impl AcceptExpected {
    /// The operation; `None` if not exactly one of the two is said.
    #[must_use]
    pub fn operation(self) -> Option<ExpectedAccept> {
        let of = match (self.array, self.all.unwrap_or_default()) {
            (Some(array), false) => Accepted::Array(array),
            (None, true) => Accepted::All,
            _ => return None,
        };
        Some(ExpectedAccept { of })
    }
}

impl From<ExpectedView> for ExpectedPage {
    fn from(view: ExpectedView) -> ExpectedPage {
        let seen = view.seen;
        let expected = seen.expected.as_deref();
        ExpectedPage {
            items: expected
                .iter()
                .flat_map(|it| &it.arrays)
                .map(ExpectedArray::from)
                .collect(),
            next: None,
            differences: seen.differences.iter().map(Difference::from).collect(),
            since: expected.map(|it| timestamp(it.since)),
            as_of: timestamp(seen.as_of),
        }
    }
}

impl From<&Expectation> for ExpectedArray {
    fn from(it: &Expectation) -> ExpectedArray {
        let Expectation {
            array,
            since,
            accepted_by,
            boot: _,
        } = it;
        let Inside {
            uuid,
            name,
            level,
            slots,
            members,
            spares,
            journal,
            mounts,
            degraded_at_boot: _,
        } = array;
        ExpectedArray {
            uuid: uuid.clone(),
            name: name.clone(),
            level: level.to_string(),
            slots: Some(*slots).filter(|it| *it > 0),
            members: members.iter().map(DeviceId::to_string).collect(),
            spares: spares.iter().map(DeviceId::to_string).collect(),
            journal: journal.as_ref().map(DeviceId::to_string),
            mounts: mounts.iter().cloned().collect(),
            since: timestamp(*since),
            accepted_by: accepted_by.clone(),
        }
    }
}

impl From<&Told> for Difference {
    fn from(it: &Told) -> Difference {
        Difference {
            array: it.array.clone(),
            uuid: it.uuid.clone(),
            difference: it.code().to_owned(),
            is_fault: it.is_fault(),
            explanation: it.to_string(),
            remedy: it.remedy(),
        }
    }
}
