//! Devices that come and go while the pool is mounted: facts and a wish give steps, or the reason why not.
//!
//! The filesystem is changed before the unit of the pool, which only says what should be there: wherever
//! it stops, a start of the machine mounts what the kernel knows, and the same wish goes on from there.

use moxnas_core::{
    disk::DeviceId,
    plan::{Danger, Plan},
    units::Bytes,
};
use serde::{Deserialize, Serialize};

use super::{
    Devices, DevicesStep, Member, OnDevice, Profile, Refusal as Why,
    plan::{SMALLEST, refuse, step},
};
use crate::{
    dataset::{self, Contents},
    lvm::Kind,
    model::{Filesystem, Pool},
    plan::{Facts, Refusal, Step, give_up, usable},
};

/// What somebody wishes of the devices of a pool that is mounted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "change")]
pub enum Change {
    /// Take another device in.
    Add {
        /// The device.
        device: DeviceId,
    },
    /// Let a device go, after what is on it was moved to the others.
    Remove {
        /// Which.
        old: Old,
    },
    /// Put a device in the place of another one.
    Replace {
        /// Which goes.
        old: Old,
        /// Which comes.
        new: DeviceId,
    },
    /// Let all devices have their share.
    Balance {
        /// How data are to be put on them from now on; `None`: as before.
        profile: Option<Profile>,
    },
}

/// A device that is to go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Old {
    /// By what it is.
    Device(DeviceId),
    /// By its UUID among the devices of the pool.
    Member(String),
    /// One that is not there.
    Missing,
}

/// How the filesystem stands to a device that is to go.
enum Stands {
    /// It uses it.
    There(DeviceId, OnDevice),
    /// It lacks it.
    Lost(OnDevice),
    /// It has nothing of it.
    Gone,
}

struct Planner<'a> {
    facts: Facts<'a>,
    pool: &'a Pool,
    devices: &'a Devices,
    contents: &'a Contents,
}

/// What has to be done for a wish. Pure: the same facts and the same wish give the same plan. `contents`
/// is what the filesystem said of itself.
pub fn plan(
    facts: Facts<'_>,
    pool: &Pool,
    contents: &Contents,
    change: &Change,
) -> Result<Plan<Step>, Refusal> {
    let devices = match (&pool.kind, change) {
        (Kind::Devices(devices), _) => devices.clone(),
        // As if it had several, of which there is one.
        (Kind::Filesystem, Change::Add { .. }) if pool.filesystem == Filesystem::Btrfs => Devices {
            profile: Some(Profile::Single),
            members: vec![Member {
                uuid: String::new(),
                device: pool.device.clone(),
                size: pool.size,
                in_use: pool.is_mounted,
                is_noted: false,
            }],
            profiles: Vec::new(),
            numbers: vec![1],
            busy: None,
        },
        _ => return refuse(Why::NotSeveral(pool.name.clone())),
    };
    can_change(pool, &devices).or_else(|refusal| match (&refusal, change) {
        (Refusal::Devices(Why::Lacks { .. }), Change::Remove { .. } | Change::Replace { .. }) => {
            Ok(())
        }
        _ => Err(refusal),
    })?;
    let planner = Planner {
        facts,
        pool,
        devices: &devices,
        contents,
    };
    let mut plan = Plan::default();
    for device in devices.there().filter_map(|it| facts.devices.by_id(it)) {
        plan.evidence.push(facts.devices.evidence(device));
    }
    match change {
        Change::Add { device } => planner.add(device, &mut plan)?,
        Change::Remove { old } => planner.remove(old, &mut plan)?,
        Change::Replace { old, new } => planner.replace(old, new, &mut plan)?,
        Change::Balance { profile } => planner.balance(*profile, &mut plan)?,
    }
    Ok(plan)
}

/// Whether its devices can be changed: it is mounted, can be written, and is at nothing else. Last, whether
/// all are there.
pub(super) fn can_change(pool: &Pool, devices: &Devices) -> Result<(), Refusal> {
    let name = &pool.name;
    if pool.covered_by.is_some() || !pool.clones.is_empty() {
        return Err(Refusal::Confused {
            pool: name.clone(),
            why: pool.judge().reasons.join("; "),
        });
    }
    if !pool.is_mounted {
        return Err(dataset::Refusal::NotMounted(name.clone()).into());
    }
    if pool.is_forced_read_only {
        return Err(dataset::Refusal::ForcedReadOnly(name.clone()).into());
    }
    if pool.options.iter().any(|it| it == "ro") {
        return Err(dataset::Refusal::ReadOnly(name.clone()).into());
    }
    if let Some(what) = &devices.busy {
        return refuse(Why::Busy {
            pool: name.clone(),
            what: what.clone(),
        });
    }
    match devices.lost() {
        0 => Ok(()),
        count => refuse(Why::Lacks {
            pool: name.clone(),
            count,
        }),
    }
}

impl Planner<'_> {
    fn push(&self, plan: &mut Plan<Step>, what: DevicesStep) {
        plan.steps.push(step(&self.pool.name, what));
    }

    /// Those that the filesystem works with.
    fn in_use(&self) -> impl Iterator<Item = &Member> {
        self.devices.members.iter().filter(|it| it.in_use)
    }

    fn ids(&self) -> Vec<DeviceId> {
        self.in_use().filter_map(|it| it.device.clone()).collect()
    }

    /// What it says of a device that it works with.
    fn told_of(&self, id: &DeviceId) -> Option<&OnDevice> {
        let name = &self.facts.devices.by_id(id)?.name;
        let mut all = self.contents.devices.iter();
        all.find(|it| it.name.as_ref() == Some(name))
    }

    /// What it says of those that are not there, by whatever name it knew them.
    fn lost(&self) -> Vec<&OnDevice> {
        let there: Vec<u64> = self
            .in_use()
            .filter_map(|it| Some(self.told_of(it.device.as_ref()?)?.number))
            .collect();
        let all = self.contents.devices.iter();
        all.filter(|it| !there.contains(&it.number)).collect()
    }

    fn stands(&self, old: &Old) -> Result<Stands, Refusal> {
        let members = &self.devices.members;
        let member = match old {
            Old::Device(id) => members.iter().find(|it| it.device.as_ref() == Some(id)),
            Old::Member(uuid) => members.iter().find(|it| it.uuid == *uuid),
            Old::Missing => None,
        };
        let lost = || match self.lost().first() {
            Some(lost) => Stands::Lost((*lost).clone()),
            None => Stands::Gone,
        };
        Ok(match (old, member) {
            (Old::Missing, _) => lost(),
            (_, None) => Stands::Gone,
            (_, Some(member)) => match &member.device {
                None => lost(),
                Some(device) if member.in_use => match self.told_of(device) {
                    Some(told) => Stands::There(device.clone(), told.clone()),
                    None => return Err(self.no_member(old)),
                },
                Some(device) if member.is_noted => {
                    return refuse(Why::Idle {
                        pool: self.pool.name.clone(),
                        device: device.clone(),
                    });
                }
                Some(_) => Stands::Gone,
            },
        })
    }

    fn no_member(&self, old: &Old) -> Refusal {
        let device = match old {
            Old::Device(id) => id.to_string(),
            Old::Member(uuid) => uuid.clone(),
            Old::Missing => "that is missing".to_owned(),
        };
        Refusal::Devices(Why::NoMember {
            pool: self.pool.name.clone(),
            device,
        })
    }

    /// The unit, if it does not say what is there.
    fn note(&self, plan: &mut Plan<Step>, more: Option<&DeviceId>, profile: Option<Profile>) {
        let mut devices = self.ids();
        devices.extend(more.cloned());
        self.push(
            plan,
            DevicesStep::WriteUnit {
                devices,
                profile,
                options: self.pool.options.clone(),
                missing: Vec::new(),
            },
        );
    }

    /// Whether the unit names those that it works with, and no others.
    fn is_noted(&self) -> bool {
        let mut members = self.devices.members.iter();
        members.all(|it| it.is_noted == (it.in_use || it.device.is_none()))
            && self.devices.missing().next().is_none()
    }

    /// Space and number of devices for this profile.
    fn has_room(&self, profile: Profile, sizes: &[Bytes]) -> Result<(), Refusal> {
        let (left, need) = (sizes.len(), profile.least());
        let pool = self.pool.name.clone();
        if left < need {
            return refuse(Why::TooFewLeft {
                pool,
                profile,
                need,
                left,
            });
        }
        let (used, room) = (self.contents.space.used, profile.room(sizes));
        match used > room {
            true => refuse(Why::NoRoom { pool, used, room }),
            false => Ok(()),
        }
    }

    fn add(&self, id: &DeviceId, plan: &mut Plan<Step>) -> Result<(), Refusal> {
        let profile = self.devices.profile;
        if self.in_use().any(|it| it.device.as_ref() == Some(id)) {
            if !self.is_noted() {
                self.note(plan, None, profile.or(Some(self.devices.wished())));
            }
            return Ok(());
        }
        let device = usable(self.facts.devices, id)?;
        if device.size < SMALLEST {
            return refuse(Why::TooSmall {
                device: id.clone(),
                need: SMALLEST,
                has: device.size,
            });
        }
        give_up(self.facts.devices, device, plan);
        let device = id.clone();
        self.push(plan, DevicesStep::Add { device });
        self.note(plan, Some(id), profile);
        let pool = &self.pool.name;
        plan.warnings.push(match self.devices.wished() {
            Profile::Single => format!(
                "its data have one copy as before: `moxnas pool balance {pool} --profile raid1` makes \
                 two of them"
            ),
            _ => format!(
                "what is in it stays where it is: `moxnas pool balance {pool}` lets all devices have \
                 their share"
            ),
        });
        Ok(())
    }

    fn remove(&self, old: &Old, plan: &mut Plan<Step>) -> Result<(), Refusal> {
        let (device, told) = match self.stands(old)? {
            Stands::There(device, told) => (device, told),
            Stands::Lost(_) => return refuse(Why::RemovesMissing(self.pool.name.clone())),
            // It was cut off before the unit was written.
            Stands::Gone if self.devices.lost() == 0 && !self.is_noted() => {
                self.note(plan, None, self.devices.profile);
                return Ok(());
            }
            Stands::Gone => return Err(self.no_member(old)),
        };
        let lost = self.lost();
        if !lost.is_empty() {
            return refuse(Why::Lacks {
                pool: self.pool.name.clone(),
                count: lost.len(),
            });
        }
        let stay: Vec<DeviceId> = self.ids().into_iter().filter(|it| *it != device).collect();
        let sizes: Vec<Bytes> = stay
            .iter()
            .filter_map(|it| Some(self.told_of(it)?.size))
            .collect();
        self.has_room(self.strictest(), &sizes)?;
        let number = told.number;
        self.push(
            plan,
            DevicesStep::Remove {
                device,
                number,
                stay: stay.clone(),
            },
        );
        let missing = self.devices.missing().map(|it| it.uuid.clone()).collect();
        self.push(
            plan,
            DevicesStep::WriteUnit {
                devices: stay,
                profile: self.devices.profile,
                options: self.pool.options.clone(),
                missing,
            },
        );
        plan.warnings.push(format!(
            "{} that it has are written to the others, beside all other work",
            told.allocated
        ));
        self.make_whole(plan);
        Ok(())
    }

    /// The profile that asks the most of those that its data have and should have.
    fn strictest(&self) -> Profile {
        let seen = self.devices.profiles.iter();
        let seen = seen.filter_map(|it| it.parse().ok());
        let all = seen.chain([self.devices.wished()]);
        all.max_by_key(|it: &Profile| it.least())
            .unwrap_or(Profile::Single)
    }

    fn replace(&self, old: &Old, new: &DeviceId, plan: &mut Plan<Step>) -> Result<(), Refusal> {
        let is_in = self.in_use().any(|it| it.device.as_ref() == Some(new));
        let stands = match (old, is_in) {
            // It has its UUID by now.
            (Old::Member(uuid), true)
                if self
                    .in_use()
                    .any(|it| it.uuid == *uuid && it.device.as_ref() == Some(new)) =>
            {
                Stands::Gone
            }
            _ => self.stands(old)?,
        };
        let (device, told) = match stands {
            Stands::There(device, told) => (Some(device), told),
            Stands::Lost(told) => (None, told),
            Stands::Gone if is_in => {
                self.finish(new, plan);
                return Ok(());
            }
            Stands::Gone => return Err(self.no_member(old)),
        };
        let node = usable(self.facts.devices, new)?;
        if node.size < told.size {
            return refuse(Why::Smaller {
                device: new.clone(),
                need: told.size,
                has: node.size,
            });
        }
        give_up(self.facts.devices, node, plan);
        let stay = self.ids().into_iter();
        self.push(
            plan,
            DevicesStep::Replace {
                old: device.clone(),
                number: told.number,
                device: new.clone(),
                stay: stay.filter(|it| Some(it) != device.as_ref()).collect(),
            },
        );
        if node.size > told.size {
            let number = told.number;
            self.push(plan, DevicesStep::Resize { number });
        }
        if device.is_none() {
            plan.warnings.push(
                "until that is done, what is lost with another device may be lost for good; the device \
                 that was there must not come back to this machine before it was erased: the kernel \
                 might take it for the new one"
                    .to_owned(),
            );
        }
        if device.is_none() || !self.devices.others().is_empty() {
            self.convert(plan);
        }
        Ok(())
    }

    /// What is left to do once a device has the place of another one.
    fn finish(&self, new: &DeviceId, plan: &mut Plan<Step>) {
        let size = self.facts.devices.by_id(new).map(|it| it.size);
        if let Some(told) = self.told_of(new)
            && size.is_some_and(|it| it > told.size)
        {
            let number = told.number;
            self.push(plan, DevicesStep::Resize { number });
        }
        self.make_whole(plan);
        if self.devices.lost() == 0 && !self.is_noted() {
            self.note(plan, None, self.devices.profile);
        }
    }

    /// What was written while there were too few devices gets its copies.
    fn make_whole(&self, plan: &mut Plan<Step>) {
        if !self.devices.others().is_empty() {
            self.convert(plan);
        }
    }

    fn convert(&self, plan: &mut Plan<Step>) {
        let balance = DevicesStep::Balance {
            convert: Some(self.devices.wished()),
            lowers: false,
        };
        self.push(plan, balance);
    }

    fn balance(&self, profile: Option<Profile>, plan: &mut Plan<Step>) -> Result<(), Refusal> {
        let wished = profile.unwrap_or(self.devices.wished());
        if !wished.is_safe() {
            return refuse(Why::WriteHole(wished));
        }
        let told = self.contents.devices.iter();
        let sizes: Vec<Bytes> = told.map(|it| it.size).collect();
        self.has_room(wished, &sizes)?;
        if profile.is_some() && self.devices.profile != profile {
            // First: wherever it stops, the verdict says what is not so yet.
            self.note(plan, None, profile);
        }
        let seen = self.devices.profiles.iter();
        let seen = seen.filter_map(|it| it.parse::<Profile>().ok());
        let before = seen.map(Profile::may_lose).max().unwrap_or_default();
        let after = wished.may_lose();
        let has_others = self.devices.profiles.iter().any(|it| it != wished.word());
        if profile.is_none() && !has_others {
            let balance = DevicesStep::Balance {
                convert: None,
                lowers: false,
            };
            self.push(plan, balance);
            plan.warnings.push(format!(
                "all {} that are in it are read and written anew, beside all other work",
                self.contents.space.used
            ));
            return Ok(());
        }
        if has_others {
            let balance = DevicesStep::Balance {
                convert: Some(wished),
                lowers: after < before,
            };
            self.push(plan, balance);
        }
        if after < before {
            let number = |it: usize| u32::try_from(it).unwrap_or(u32::MAX);
            plan.dangers.push(Danger::LowersRedundancy {
                object: format!("pool {}", self.pool.name),
                before: number(before),
                after: number(after),
            });
        }
        Ok(())
    }
}
