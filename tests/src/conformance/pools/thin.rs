//! Scenarios of pools of thin volumes.
//!
//! How much a volume takes is told in no figures: chunks of the thin pool and tables of a filesystem
//! are nobody's wish. Writes stay far from the size of a volume, or go far beyond it.

use std::collections::BTreeMap;

use anyhow::Result;
use moxnas_pool::{
    dataset::{self, Contents, Sight},
    model::{
        Filesystem::{Ext4, Xfs},
        Pool,
    },
    plan::Change,
};

use super::{Deed, PoolJournal, words::told_files};
use crate::lab::MIB;

impl PoolJournal<'_> {
    /// Makes the pool `tank` of thin volumes of ext4.
    fn create_thin(&mut self, serial: &str) -> Result<()> {
        let Change::Create(mut wish) = self.creation("tank", Ext4, serial, &[])? else {
            unreachable!("it is what it makes");
        };
        wish.thin = true;
        self.wish(&Change::Create(wish))
    }

    fn look_into(&mut self, dataset: &str, snapshot: &str) -> Result<()> {
        let (dataset, snapshot) = (dataset.to_owned(), snapshot.to_owned());
        self.inside(&dataset::Change::MountSnapshot { dataset, snapshot })
    }

    fn look_no_more(&mut self, dataset: &str, snapshot: &str) -> Result<()> {
        let (dataset, snapshot) = (dataset.to_owned(), snapshot.to_owned());
        self.inside(&dataset::Change::UnmountSnapshot { dataset, snapshot })
    }

    /// What is in a pool of thin volumes, and the files of all that is mounted.
    pub(super) fn volumes(&mut self, pool: &Pool, seen: &Contents) -> Result<()> {
        let mut lines = Vec::new();
        let mut places = Vec::new();
        let mut show = |line: String, place: Option<String>| lines.push((line, place));
        for it in &seen.datasets {
            let is_away = pool.kind.is_away(it.name.as_str());
            let size = it.quota.unwrap_or_default().0 / MIB;
            let place = (!is_away).then(|| it.name.to_string());
            show(format!("    {} of {size} MiB", it.name), place);
        }
        for it in &seen.replaced {
            show(format!("    .rollback-{}", it.name), None);
        }
        for it in &seen.snapshots {
            let place = match pool.sight(&it.dataset, &it.name) {
                Sight::At(_) => Some(format!(".snapshots/{}/{}", it.dataset, it.name)),
                Sight::After(_) => None,
            };
            show(format!("    {}@{}", it.dataset, it.name), place);
        }
        places.extend(lines.iter().filter_map(|(_, place)| place.clone()));
        let mut files: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
        if !places.is_empty() {
            let found = self.world.files(pool.name.as_str(), &places)?;
            files.extend(places.into_iter().zip(found));
        }
        let is_full = seen.thin.as_ref().is_some_and(|it| it.data > 9_500);
        self.say(match is_full {
            true => "    full".to_owned(),
            false => "    not full".to_owned(),
        });
        for (line, place) in lines {
            let found = place.as_ref().map(|it| told_files(&files[it]));
            self.say(line + found.as_deref().unwrap_or(", not mounted"));
        }
        Ok(())
    }
}

/// A pool with a dataset of 60 MiB, a file in it, and a snapshot that has another one.
fn prepared(it: &mut PoolJournal<'_>) -> Result<()> {
    it.create_thin("LABA")?;
    it.dataset("photos", Some(60))?;
    it.write("photos", "a", 10)?;
    it.snapshot("photos", "monday")?;
    it.write("photos", "a", 5)
}

/// From a blank disk and back, over a restart.
pub(super) fn thin_volumes_live_and_die(it: &mut PoolJournal<'_>) -> Result<()> {
    it.create_thin("LABA")?;
    it.dataset("photos", Some(60))?;
    it.dataset("music", Some(40))?;
    it.write("photos", "a", 10)?;
    it.reboot()?;
    it.unmount("tank")?;
    it.mount("tank")?;
    it.delete_dataset("music")?;
    it.delete("tank")
}

pub(super) fn power_is_cut_on_thin_volumes(it: &mut PoolJournal<'_>) -> Result<()> {
    prepared(it)?;
    it.power_cut()?;
    it.write("photos", "b", 10)?;
    it.rollback("photos", "monday")
}

/// What is written beyond its size is refused, and room is made by a wish.
pub(super) fn a_thin_volume_is_full(it: &mut PoolJournal<'_>) -> Result<()> {
    let pool = "tank";
    let place = "photos";
    it.create_thin("LABA")?;
    it.dataset(place, Some(40))?;
    it.write(place, "a", 60)?;
    it.deed(Deed::Fill { pool, place })?;
    it.quota(place, Some(20))?;
    it.quota(place, Some(100))?;
    it.write(place, "a", 30)?;
    it.remove(place, "fill")
}

pub(super) fn a_thin_volume_is_rolled_back(it: &mut PoolJournal<'_>) -> Result<()> {
    prepared(it)?;
    it.rollback("photos", "sunday")?;
    it.rollback("photos", "monday")?;
    it.write("photos", "b", 3)?;
    it.delete_snapshot("photos", "monday")
}

pub(super) fn a_rollback_of_a_thin_volume_is_cut_off(it: &mut PoolJournal<'_>) -> Result<()> {
    prepared(it)?;
    it.rollback_until("photos", "monday", 3)?;
    it.rollback("photos", "monday")
}

pub(super) fn a_thin_snapshot_is_cloned(it: &mut PoolJournal<'_>) -> Result<()> {
    prepared(it)?;
    it.clone_snapshot("photos", "monday", "photos", None)?;
    it.clone_snapshot("photos", "monday", "copy", Some(80))?;
    it.write("copy", "b", 55)?;
    it.delete_snapshot("photos", "monday")?;
    it.delete_dataset("copy")
}

/// Nothing can be written there, and whoever deletes it ends that somebody looks into it.
pub(super) fn somebody_looks_into_a_thin_snapshot(it: &mut PoolJournal<'_>) -> Result<()> {
    prepared(it)?;
    it.look_into("photos", "monday")?;
    it.look_into("photos", "monday")?;
    it.remove(".snapshots/photos/monday", "a")?;
    it.look_no_more("photos", "monday")?;
    it.look_no_more("photos", "monday")?;
    it.look_into("photos", "monday")?;
    it.unmount("tank")?;
    it.mount("tank")?;
    it.look_into("photos", "monday")?;
    it.delete_snapshot("photos", "monday")
}

pub(super) fn a_thin_volume_is_renamed(it: &mut PoolJournal<'_>) -> Result<()> {
    prepared(it)?;
    it.dataset("music", Some(40))?;
    it.rename("photos", "music")?;
    it.rename("photos", "pictures")?;
    it.write("pictures", "b", 3)
}

pub(super) fn thin_volumes_are_exported_and_come_back(it: &mut PoolJournal<'_>) -> Result<()> {
    prepared(it)?;
    it.export("tank")?;
    it.import("other", "LABA", false, &[])?;
    it.import("tank", "LABA", false, &[])?;
    it.write("photos", "b", 3)
}

pub(super) fn thin_volumes_are_checked(it: &mut PoolJournal<'_>) -> Result<()> {
    prepared(it)?;
    it.check("tank", false)?;
    it.unmount("tank")?;
    it.check("tank", false)?;
    it.mount("tank")
}

pub(super) fn what_thin_volumes_cannot_do_is_refused(it: &mut PoolJournal<'_>) -> Result<()> {
    it.create_thin("LABC")?;
    it.create_thin("LABA")?;
    it.dataset("photos", Some(60))?;
    it.dataset("photos", Some(60))?;
    it.snapshot("photos", "monday")?;
    it.delete_dataset("photos")?;
    it.delete("tank")?;
    it.create_named("other", Xfs, "LABA", &[])
}
