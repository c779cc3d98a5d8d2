//! What arrays should be there, as somebody has agreed to it. What is there, only a look says.

use std::time::SystemTime;

use moxnas_raid::{Array, ExpectedArray, Health, Inventory, expected, health};

use crate::seen::Seen;

/// What should be there on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// When what was there was first agreed to.
    pub since: SystemTime,
    /// The arrays, by UUID.
    pub arrays: Vec<Expectation>,
}

/// An array that should be there, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// The array.
    pub array: ExpectedArray,
    /// When somebody agreed to it last.
    pub since: SystemTime,
    /// Who.
    pub accepted_by: String,
    /// The start of the machine after which it was first seen, see
    /// [`boot_id`](crate::machine::Host::boot_id).
    pub boot: Option<String>,
}

/// Who agrees, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Agreed<'a> {
    pub(crate) by: &'a str,
    pub(crate) at: SystemTime,
}

impl Agreed<'_> {
    fn to(self, array: ExpectedArray, boot: Option<String>) -> Expectation {
        Expectation {
            array,
            since: self.at,
            accepted_by: self.by.to_owned(),
            boot,
        }
    }
}

impl Expected {
    /// All that is there.
    pub(crate) fn all_of(seen: &Seen, agreed: Agreed<'_>) -> Expected {
        let arrays = ExpectedArray::all_of(&seen.raid).into_iter();
        Expected {
            since: agreed.at,
            arrays: arrays.map(|it| agreed.to(it, seen.boot.clone())).collect(),
        }
    }

    /// The arrays alone.
    pub(crate) fn plain(&self) -> Vec<ExpectedArray> {
        self.arrays.iter().map(|it| it.array.clone()).collect()
    }

    /// After a change that somebody wished.
    pub(crate) fn after_change(
        &self,
        before: &Inventory,
        after: &Seen,
        agreed: Agreed<'_>,
    ) -> Expected {
        let follows = expected::follow(&self.plain(), before, &after.raid);
        let kept = |array: ExpectedArray| {
            let old = self.arrays.iter().find(|it| it.array.uuid == array.uuid);
            match old {
                Some(old) if old.array == array => old.clone(),
                Some(old) => agreed.to(array, old.boot.clone()),
                None => agreed.to(array, after.boot.clone()),
            }
        };
        self.with(follows.into_iter().map(kept).collect())
    }

    /// With the array as it is now, or without it if it is not there. `None`: nothing of this name
    /// or UUID is there or expected.
    pub(crate) fn with_array(
        &self,
        text: &str,
        seen: &Seen,
        agreed: Agreed<'_>,
    ) -> Option<Expected> {
        let there = seen.raid.find(text);
        let there = there.and_then(|it| ExpectedArray::of(it, &seen.raid));
        let is_meant = |it: &Expectation| {
            let is_missing = seen.raid.by_uuid(&it.array.uuid).is_none();
            is_missing && (it.array.uuid == text || it.array.name == text)
        };
        if there.is_none() && !self.arrays.iter().any(is_meant) {
            return None;
        }
        let mut arrays = self.arrays.clone();
        arrays.retain(|it| !is_meant(it));
        if let Some(array) = there {
            arrays.retain(|it| it.array.uuid != array.uuid);
            arrays.push(agreed.to(array, seen.boot.clone()));
        }
        Some(self.with(arrays))
    }

    /// Whether each array was whole when it was first seen since the machine was started. The
    /// answer is `None` if that is known already.
    pub(crate) fn since_boot(&self, seen: &Seen) -> Option<Expected> {
        let mut arrays = self.arrays.clone();
        for it in &mut arrays {
            let Some(array) = seen.raid.by_uuid(&it.array.uuid) else {
                continue;
            };
            if it.boot != seen.boot {
                it.boot.clone_from(&seen.boot);
                it.array.degraded_at_boot = !is_whole(array);
            } else if is_whole(array) {
                it.array.degraded_at_boot = false;
            }
        }
        (arrays != self.arrays).then(|| self.with(arrays))
    }

    fn with(&self, mut arrays: Vec<Expectation>) -> Expected {
        arrays.sort_by(|a, b| a.array.uuid.cmp(&b.array.uuid));
        let since = self.since;
        Expected { since, arrays }
    }
}

fn is_whole(array: &Array) -> bool {
    matches!(health(array).0, Health::Optimal { .. })
}
