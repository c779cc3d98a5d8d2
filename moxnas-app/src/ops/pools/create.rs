//! A new pool: on a device that is there, or on an array that is made for it in the same change.

use std::collections::BTreeSet;

use moxnas_core::{
    disk::{BlockDevices, DeviceId},
    plan::{Danger, Plan},
};
use moxnas_pool::{
    self as pool,
    devices::{CreateOnDevices, Profile},
    directory::{self, CreateDirectory, FolderPath, Mark},
    lvm::Kind,
    model::{Pool, Standing},
    plan::{CreatePool, Facts, MountOption, Refusal, Step},
};
use moxnas_raid::{
    Array, CreateArray, Inventory,
    plan::{made, predict},
};

use super::{Base, PoolCreate, PoolView, contents_of, device, must_be, planned};
use crate::{
    answers::Question,
    error::Error,
    machine::AppStep,
    new_array::{self, OnNewArray},
    operation::{Change, Lane},
    ops::arrays::ArrayCreate,
    seen::Seen,
};

impl Change for PoolCreate {
    const LANE: Lane = Lane::Storage;

    fn plan(&self, seen: &Seen) -> Result<Plan<AppStep>, Error> {
        let devices = &seen.raid.devices;
        match &self.base {
            Base::Device(text) => {
                let plan = self.on(seen, devices, device(seen, text)?)?;
                Ok(plan.map(AppStep::Pool))
            }
            Base::Devices { devices, profile } => {
                let plan = self.on_devices(seen, devices, *profile)?;
                Ok(plan.map(AppStep::Pool))
            }
            Base::Directory(path) => Ok(self.of_folder(seen, path)?.map(AppStep::Pool)),
            Base::Array(array) => {
                let wish = array.resolved(seen)?;
                match made(&seen.raid, &wish) {
                    Some(found) => self.go_on(seen, array, found),
                    None => self.with_array(seen, array, &wish),
                }
            }
        }
    }

    fn asks(&self, seen: &Seen) -> Vec<Question> {
        let mut asks = contents_of(seen, self.name.as_str());
        if let Base::Directory(path) = &self.base {
            asks.push(Question::Folder(path.clone()));
        }
        asks
    }

    fn etag(&self, _: &Seen) -> Option<String> {
        None
    }

    fn verify(&self, after: &Seen) -> Result<PoolView, Error> {
        let not = |why: String| Err(Error::NotVerified(why));
        let array = match &self.base {
            Base::Device(_) => None,
            Base::Devices { devices, .. } => return self.verify_devices(after, devices),
            Base::Directory(path) => return self.verify_folder(after, path),
            Base::Array(array) => Some(array.verify(after)?.array),
        };
        let view = must_be(after, self.name.as_str(), Standing::Mounted)?;
        let is_thin = matches!(view.pool.kind, Kind::Thin(_));
        if is_thin != self.thin {
            return not("it is of another kind".to_owned());
        }
        let (is, wished) = (view.pool.filesystem, self.filesystem);
        if is != wished {
            return not(format!("it is {is}, not {wished}"));
        }
        let Some(array) = array else {
            return Ok(view);
        };
        let node = after.raid.devices.get(&array.kernel_name);
        match node.is_some_and(|it| view.pool.device.as_ref() == Some(&it.id)) {
            true => Ok(view),
            false => not(format!("it is not on array {}", array.name)),
        }
    }
}

impl PoolCreate {
    /// One filesystem on all of these devices.
    fn on_devices(
        &self,
        seen: &Seen,
        devices: &[String],
        profile: Profile,
    ) -> Result<Plan<Step>, Error> {
        let named = devices.iter().map(|it| device(seen, it));
        let wish = CreateOnDevices {
            name: self.name.clone(),
            devices: named.collect::<Result<_, _>>()?,
            filesystem: self.filesystem,
            profile,
            options: self.options.clone(),
        };
        planned(seen, &pool::plan::Change::CreateOnDevices(wish))
    }

    /// It is on all of them.
    fn verify_devices(&self, after: &Seen, devices: &[String]) -> Result<PoolView, Error> {
        let view = must_be(after, self.name.as_str(), Standing::Mounted)?;
        let used: BTreeSet<&DeviceId> = match &view.pool.kind {
            Kind::Devices(it) => it
                .members
                .iter()
                .filter(|it| it.in_use)
                .filter_map(|it| it.device.as_ref())
                .collect(),
            _ => BTreeSet::new(),
        };
        for text in devices {
            let id = device(after, text)?;
            if !used.contains(&id) {
                return Err(Error::NotVerified(format!("it is not on {id}")));
            }
        }
        Ok(view)
    }

    /// The pool that is this folder, as it was asked just before.
    fn of_folder(&self, seen: &Seen, path: &FolderPath) -> Result<Plan<Step>, Error> {
        let not_known = |why: &str| {
            let (path, why) = (path.clone(), why.to_owned());
            Refusal::Directory(directory::Refusal::NotKnown { path, why })
        };
        let folder = match &seen.answers.folder {
            Some((asked, Ok(folder))) if asked == path => folder.clone(),
            Some((asked, Err(why))) if asked == path => return Err(not_known(why).into()),
            _ => return Err(not_known("it was not asked").into()),
        };
        let name = self.name.clone();
        let wish = CreateDirectory { name, folder };
        planned(seen, &pool::plan::Change::CreateDirectory(wish))
    }

    /// It is that folder, and has its mark.
    fn verify_folder(&self, after: &Seen, path: &FolderPath) -> Result<PoolView, Error> {
        let not = |why: &str| Err(Error::NotVerified(why.to_owned()));
        let view = must_be(after, self.name.as_str(), Standing::Mounted)?;
        let is_it = |it: &Kind| matches!(it, Kind::Directory(it) if it.path == *path);
        if !is_it(&view.pool.kind) {
            return not("it is something else");
        }
        let asked = after.answers.contents.get(&self.name);
        match asked.and_then(|it| it.said.as_ref().ok()?.directory.as_ref()) {
            Some(Mark::Ours) => Ok(view),
            _ => not("the folder does not have its mark"),
        }
    }

    /// The pool on one of these devices.
    fn on(
        &self,
        seen: &Seen,
        devices: &BlockDevices,
        device: DeviceId,
    ) -> Result<Plan<Step>, Error> {
        let facts = Facts {
            devices,
            pools: &seen.pools,
        };
        let wish = self.wish(device);
        Ok(pool::plan::plan(facts, &pool::plan::Change::Create(wish))?)
    }

    fn wish(&self, device: DeviceId) -> CreatePool {
        CreatePool {
            name: self.name.clone(),
            device,
            filesystem: self.filesystem,
            thin: self.thin,
            options: self.options.clone(),
        }
    }

    /// The array first, then the pool on what it will be.
    fn with_array(
        &self,
        seen: &Seen,
        array: &ArrayCreate,
        wish: &CreateArray,
    ) -> Result<Plan<AppStep>, Error> {
        let first = array.plan(seen)?;
        let steps = first.steps.iter().filter_map(AppStep::of_array);
        let after = steps.fold(Inventory::clone(&seen.raid), |seen, step| {
            predict(&seen, step)
        });
        let size = after.find(wish.name.as_str()).map(|it| it.size);
        let to_come = new_array::device(size.unwrap_or_default());
        let mut devices = seen.raid.devices.clone();
        devices.by_name.insert(to_come.name.clone(), to_come);
        let id = new_array::id();
        let mut next = self.on(seen, &devices, id.clone())?;
        // What is lost is what is on its members, and is said of each of them.
        let is_of_it = |it: &Danger| match it {
            Danger::DestroysData { device, .. } => *device == id.to_string(),
            Danger::LowersRedundancy { .. }
            | Danger::GivesUpDamaged { .. }
            | Danger::Stops { .. } => false,
        };
        next.dangers.retain(|it| !is_of_it(it));
        Ok(
            first.then(next.map(|step| match step.touches().contains(&&id) {
                true => AppStep::OnNewArray(OnNewArray {
                    array: wish.clone(),
                    step,
                }),
                false => AppStep::Pool(step),
            })),
        )
    }

    /// Just that array is there, as an earlier try has left it: what is missing is done.
    fn go_on(
        &self,
        seen: &Seen,
        array: &ArrayCreate,
        found: &Array,
    ) -> Result<Plan<AppStep>, Error> {
        let is_recorded = |uuid: &String| seen.raid.conf.names(uuid);
        let first = match found.uuid.as_ref().is_some_and(is_recorded) {
            true => Plan::default(),
            false => array.plan(seen)?,
        };
        let device = device(seen, &found.name)?;
        let there = seen.pools.find(self.name.as_str());
        let next = match there.filter(|it| self.is_made(it, &device)) {
            Some(pool) => {
                let pool = pool.name.to_string();
                planned(seen, &pool::plan::Change::Mount { pool })?
            }
            None => self.on_empty(seen, found, device)?,
        };
        let mut plan = first.then(next.map(AppStep::Pool));
        if let (Some(pool), true) = (there, plan.steps.is_empty()) {
            return Err(Error::Pool(Refusal::NameTaken {
                pool: pool.name.clone(),
                standing: pool.judge().standing,
            }));
        }
        plan.warnings.push(format!(
            "array {} is there already as it was wished: what is missing is done",
            found.name
        ));
        Ok(plan)
    }

    /// Whether a pool is what was wished for, on this device.
    fn is_made(&self, pool: &Pool, device: &DeviceId) -> bool {
        let options = self.wish(device.clone()).mount_options();
        let options: Vec<&str> = options.iter().map(MountOption::as_str).collect();
        pool.device.as_ref() == Some(device)
            && matches!(pool.kind, Kind::Thin(_)) == self.thin
            && pool.filesystem == self.filesystem
            && pool.options == options
    }

    /// The pool on an array that was there before. What is on it by now may be somebody's data, which
    /// was no part of this wish.
    fn on_empty(&self, seen: &Seen, array: &Array, device: DeviceId) -> Result<Plan<Step>, Error> {
        let devices = &seen.raid.devices;
        let plan = self.on(seen, devices, device)?;
        let tower = devices.tower(&array.kernel_name);
        match tower.iter().find(|it| !it.signatures.is_empty()) {
            None => Ok(plan),
            Some(full) => Err(Error::ArrayNotEmpty {
                array: array.name.clone(),
                content: full.content(),
                pool: self.name.clone(),
                filesystem: self.filesystem,
            }),
        }
    }
}
