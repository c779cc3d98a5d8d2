//! Changes of arrays: what is wished of the planner, and what must be seen afterwards.

use std::sync::Arc;

use moxnas_core::{disk::DeviceId, plan::Plan};
use moxnas_raid::{
    self as raid, Array, CreateArray, Refusal, Role as MemberRole, Step, SyncAction,
    growth::{CannotGrow, array_grown},
    plan::Scrub,
};

use super::{
    ArrayAssemble, ArrayCreate, ArrayDelete, ArrayGrow, ArrayScrub, ArraySet, ArrayStop, ArrayView,
    ArraysView, MemberAdd, MemberFail, MemberReAdd, MemberRemove, MemberReplace, SpareMove, find,
};
use crate::{
    error::Error,
    jobs::array_scrub::ScrubArray,
    machine::AppStep,
    operation::{Change, Lane, LongChange, Operation},
    seen::Seen,
};

/// A change that the raid crate plans.
trait ArrayChange: Operation {
    /// The array that is changed, if it is there already.
    fn array(&self) -> Option<&str>;

    /// The same in the words of the raid crate: names that people gave are devices now.
    fn wish(&self, seen: &Seen) -> Result<raid::Change, Error>;

    /// What to answer, if the machine is as promised.
    fn check(&self, after: &Seen) -> Result<Self::Output, Error>;
}

impl<T: ArrayChange> Change for T {
    const LANE: Lane = Lane::Storage;

    fn plan(&self, seen: &Seen) -> Result<Plan<AppStep>, Error> {
        let mut plan = raid::plan(&seen.raid, &self.wish(seen)?)?;
        let changes_conf = |it: &Step| matches!(it, Step::Record { .. } | Step::Forget { .. });
        if seen.has_initramfs && plan.steps.iter().any(changes_conf) {
            plan.warnings.push(
                "the initramfs in /boot has the mdadm.conf of before: `moxnas system \
                 update-initramfs` makes it again"
                    .to_owned(),
            );
        }
        Ok(plan.map(AppStep::Raid))
    }

    fn etag(&self, seen: &Seen) -> Option<String> {
        seen.raid.find(self.array()?).map(Seen::array_etag)
    }

    fn verify(&self, after: &Seen) -> Result<Self::Output, Error> {
        self.check(after)
    }
}

fn view(seen: &Seen, array: &Array) -> ArrayView {
    ArrayView {
        array: array.clone(),
        seen: Arc::new(seen.clone()),
    }
}

fn not_shown<T>(what: String) -> Result<T, Error> {
    Err(Error::NotVerified(what))
}

fn must_be_gone(after: &Seen, array: &str) -> Result<(), Error> {
    match after.raid.find(array) {
        None => Ok(()),
        Some(_) => not_shown(format!("array {array} is still there")),
    }
}

impl ArrayCreate {
    /// The same in the words of the raid crate: names that people gave are devices now.
    pub(crate) fn resolved(&self, seen: &Seen) -> Result<CreateArray, Error> {
        let ids = |texts: &[String]| -> Result<Vec<DeviceId>, Error> {
            texts.iter().map(|it| Ok(seen.device(it)?)).collect()
        };
        Ok(CreateArray {
            name: self.name.clone(),
            level: self.level.clone(),
            members: ids(&self.members)?,
            spares: ids(&self.spares)?,
            chunk: self.chunk,
            layout: self.layout,
            metadata: self.metadata,
            consistency: self.consistency,
            journal: self
                .journal
                .as_ref()
                .map(|it| seen.device(it))
                .transpose()?,
            write_mostly: ids(&self.write_mostly)?.into_iter().collect(),
            assume_clean: self.assume_clean.clone(),
        })
    }
}

impl ArrayChange for ArrayCreate {
    fn array(&self) -> Option<&str> {
        None
    }

    fn wish(&self, seen: &Seen) -> Result<raid::Change, Error> {
        Ok(raid::Change::Create(self.resolved(seen)?))
    }

    fn check(&self, after: &Seen) -> Result<ArrayView, Error> {
        let name = &self.name;
        let Some(array) = after.raid.find(name.as_str()) else {
            return not_shown(format!("there is no array {name}"));
        };
        if array.level != self.level {
            return not_shown(format!("{name} is {}, not {}", array.level, self.level));
        }
        for text in self.members.iter().chain(&self.spares).chain(&self.journal) {
            let device = after.device(text)?;
            if array.member(&device).is_none() {
                return not_shown(format!("{device} is not a member of {name}"));
            }
        }
        if array
            .uuid
            .as_ref()
            .is_none_or(|uuid| !after.raid.conf.names(uuid))
        {
            return not_shown(format!("mdadm.conf does not name {name}"));
        }
        Ok(view(after, array))
    }
}

impl ArrayChange for ArrayDelete {
    fn array(&self) -> Option<&str> {
        Some(&self.array)
    }

    fn wish(&self, _: &Seen) -> Result<raid::Change, Error> {
        Ok(raid::Change::Delete {
            array: self.array.clone(),
        })
    }

    fn check(&self, after: &Seen) -> Result<(), Error> {
        must_be_gone(after, &self.array)
    }
}

impl ArrayChange for ArrayStop {
    fn array(&self) -> Option<&str> {
        Some(&self.array)
    }

    fn wish(&self, _: &Seen) -> Result<raid::Change, Error> {
        Ok(raid::Change::Stop {
            array: self.array.clone(),
        })
    }

    fn check(&self, after: &Seen) -> Result<(), Error> {
        must_be_gone(after, &self.array)
    }
}

impl ArrayChange for ArrayAssemble {
    fn array(&self) -> Option<&str> {
        Some(&self.array)
    }

    fn wish(&self, _: &Seen) -> Result<raid::Change, Error> {
        Ok(raid::Change::Assemble {
            array: self.array.clone(),
        })
    }

    fn check(&self, after: &Seen) -> Result<ArrayView, Error> {
        match after.raid.find(&self.array) {
            Some(array) if array.state.is_started() => Ok(view(after, array)),
            _ => not_shown(format!("array {} is not started", self.array)),
        }
    }
}

impl ArrayChange for ArrayScrub {
    fn array(&self) -> Option<&str> {
        Some(&self.array)
    }

    fn wish(&self, _: &Seen) -> Result<raid::Change, Error> {
        Ok(raid::Change::Scrub {
            array: self.array.clone(),
            scrub: self.scrub,
        })
    }

    fn check(&self, after: &Seen) -> Result<ArrayView, Error> {
        let array = find(after, &self.array)?;
        let runs = matches!(
            array.sync.action(),
            Some(SyncAction::Check | SyncAction::Repair)
        );
        // A small array may have been read to its end by now; then nothing runs any more.
        match self.scrub {
            Scrub::Idle if runs => not_shown("the scrub goes on".to_owned()),
            _ => Ok(view(after, array)),
        }
    }
}

impl LongChange for ArrayScrub {
    type Job = ScrubArray;

    fn job(&self, seen: &Seen) -> Result<ScrubArray, Error> {
        let array = find(seen, &self.array)?;
        let uuid = array.uuid.clone();
        Ok(ScrubArray {
            name: array.name.clone(),
            uuid: uuid.ok_or_else(|| Refusal::NoIdentity {
                array: array.name.clone(),
            })?,
            scrub: self.scrub,
        })
    }
}

impl ArrayChange for MemberAdd {
    fn array(&self) -> Option<&str> {
        Some(&self.array)
    }

    fn wish(&self, seen: &Seen) -> Result<raid::Change, Error> {
        let device = seen.device(&self.device)?;
        Ok(raid::Change::Add {
            array: self.array.clone(),
            device,
            as_spare: self.as_spare,
        })
    }

    fn check(&self, after: &Seen) -> Result<ArrayView, Error> {
        let array = find(after, &self.array)?;
        let device = after.device(&self.device)?;
        match array.member(&device) {
            Some(_) => Ok(view(after, array)),
            None => not_shown(format!("{device} is not a member of {}", self.array)),
        }
    }
}

impl ArrayChange for MemberReAdd {
    fn array(&self) -> Option<&str> {
        Some(&self.array)
    }

    fn wish(&self, seen: &Seen) -> Result<raid::Change, Error> {
        let device = seen.member(find(seen, &self.array)?, &self.device)?;
        Ok(raid::Change::ReAdd {
            array: self.array.clone(),
            device,
        })
    }

    fn check(&self, after: &Seen) -> Result<ArrayView, Error> {
        let array = find(after, &self.array)?;
        let device = after.device(&self.device)?;
        match array.member(&device).map(|it| it.role) {
            Some(MemberRole::Active { .. } | MemberRole::Recovering { .. }) => {
                Ok(view(after, array))
            }
            Some(role) => not_shown(format!("{device} is {role}")),
            None => not_shown(format!("{device} is not a member of {}", self.array)),
        }
    }
}

impl ArrayChange for ArrayGrow {
    fn array(&self) -> Option<&str> {
        Some(&self.array)
    }

    fn wish(&self, seen: &Seen) -> Result<raid::Change, Error> {
        let add = self.add.iter().map(|it| Ok(seen.device(it)?));
        Ok(raid::Change::Grow {
            array: self.array.clone(),
            grow: self.grow.clone(),
            add: add.collect::<Result<_, Error>>()?,
        })
    }

    /// That md has begun, or is done already: it moves data for hours.
    fn check(&self, after: &Seen) -> Result<ArrayView, Error> {
        let array = find(after, &self.array)?;
        let is_so = array_grown(array, &self.grow) == Err(CannotGrow::Already);
        match is_so {
            true => Ok(view(after, array)),
            false => not_shown(format!("{} did not grow {}", self.array, self.grow)),
        }
    }
}

impl ArrayChange for ArraySet {
    fn array(&self) -> Option<&str> {
        Some(&self.array)
    }

    fn wish(&self, _: &Seen) -> Result<raid::Change, Error> {
        Ok(raid::Change::Set {
            array: self.array.clone(),
            settings: self.settings.clone(),
        })
    }

    fn check(&self, after: &Seen) -> Result<ArrayView, Error> {
        let array = find(after, &self.array)?;
        match raid::plan::unset(&after.raid, array, &self.settings) {
            None => Ok(view(after, array)),
            Some(what) => not_shown(format!("{what} of {} is not as wished", self.array)),
        }
    }
}

impl ArrayChange for SpareMove {
    fn array(&self) -> Option<&str> {
        None
    }

    fn wish(&self, _: &Seen) -> Result<raid::Change, Error> {
        Ok(raid::Change::MoveSpare)
    }

    fn check(&self, after: &Seen) -> Result<ArraysView, Error> {
        Ok(ArraysView {
            seen: Arc::new(after.clone()),
        })
    }
}

impl ArrayChange for MemberFail {
    fn array(&self) -> Option<&str> {
        Some(&self.array)
    }

    fn wish(&self, seen: &Seen) -> Result<raid::Change, Error> {
        let device = seen.member(find(seen, &self.array)?, &self.device)?;
        Ok(raid::Change::Fail {
            array: self.array.clone(),
            device,
        })
    }

    fn check(&self, after: &Seen) -> Result<ArrayView, Error> {
        let array = find(after, &self.array)?;
        let device = after.member(array, &self.device)?;
        match array.member(&device).map(|it| it.role) {
            None | Some(MemberRole::Faulty) => Ok(view(after, array)),
            Some(role) => not_shown(format!("{device} is {role}")),
        }
    }
}

impl ArrayChange for MemberRemove {
    fn array(&self) -> Option<&str> {
        Some(&self.array)
    }

    fn wish(&self, seen: &Seen) -> Result<raid::Change, Error> {
        let device = seen.member(find(seen, &self.array)?, &self.device)?;
        Ok(raid::Change::Remove {
            array: self.array.clone(),
            device,
        })
    }

    fn check(&self, after: &Seen) -> Result<ArrayView, Error> {
        let array = find(after, &self.array)?;
        let device = after.member(array, &self.device);
        match device.ok().and_then(|it| array.member(&it)) {
            None => Ok(view(after, array)),
            Some(member) => not_shown(format!("{} is still listed", member.device)),
        }
    }
}

impl ArrayChange for MemberReplace {
    fn array(&self) -> Option<&str> {
        Some(&self.array)
    }

    fn wish(&self, seen: &Seen) -> Result<raid::Change, Error> {
        let device = seen.member(find(seen, &self.array)?, &self.device)?;
        let with = self.with.as_ref().map(|it| seen.device(it)).transpose()?;
        Ok(raid::Change::Replace {
            array: self.array.clone(),
            device,
            with,
        })
    }

    fn check(&self, after: &Seen) -> Result<ArrayView, Error> {
        let array = find(after, &self.array)?;
        let Some(with) = &self.with else {
            return Ok(view(after, array));
        };
        let with = after.device(with)?;
        match array.member(&with).map(|it| it.role) {
            Some(MemberRole::Spare | MemberRole::Faulty) | None => {
                not_shown(format!("{with} does not take the place"))
            }
            Some(_) => Ok(view(after, array)),
        }
    }
}
