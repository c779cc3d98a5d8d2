//! What goes wrong with filesystems.

use moxnas_core::disk::Signature;

use super::{SimPools, failed, unit_file, volume::Volume};
use crate::{
    backend::{BackendError, PoolBackend as _},
    check::{Checked, Outcome},
    model::{ErrorCount, Filesystem, PoolName},
    plan,
    real::HEARD,
};

impl SimPools {
    /// Let the filesystem of a pool come upon an error: it counts it, and lets nothing be written
    /// any more until it is mounted anew.
    pub fn break_filesystem(&self, pool: &PoolName) -> Result<(), BackendError> {
        let (unit, _) = self.mounted(&self.state(), pool)?;
        let mut volumes = self.volumes();
        volumes.entry(unit.uuid).or_default().come_upon_error();
        Ok(())
    }

    /// Let the filesystem of a pool count an error that it can get over: none is found when it is gone
    /// over.
    pub fn count_error(&self, pool: &PoolName) -> Result<(), BackendError> {
        let (unit, _) = self.mounted(&self.state(), pool)?;
        self.volumes().entry(unit.uuid).or_default().count_error();
        Ok(())
    }

    /// Let a block of a file be damaged that has no other copy: nothing puts that right. It is counted, as
    /// by one who reads the file.
    pub fn lose_block(&self, pool: &PoolName) -> Result<(), BackendError> {
        let (unit, _) = self.mounted(&self.state(), pool)?;
        self.volumes().entry(unit.uuid).or_default().lose_block();
        Ok(())
    }

    /// Let the superblock of a pool's filesystem be overwritten. As long as it is mounted the kernel has
    /// it in memory and nobody notices; then there is no filesystem of that UUID any more.
    pub fn lose_superblock(&self, pool: &PoolName) -> Result<(), BackendError> {
        let mut state = self.state();
        let unit = unit_file(&state, pool)?;
        let is_of = |it: &Signature| it.uuid.as_ref() == Some(&unit.uuid);
        let mut all = state.contents.iter_mut();
        let found = all.find(|(_, it)| it.signatures.iter().any(is_of));
        let (device, content) = found.ok_or_else(|| BackendError::NotThere(pool.clone()))?;
        content.is_overwritten = true;
        let device = device.clone();
        if !state.mounts.iter().any(|(it, _)| *it == device)
            && let Some(content) = state.contents.get_mut(&device)
        {
            content.let_go();
        }
        Ok(())
    }

    /// Let systemd take in what happened to the machine, which it does otherwise when somebody looks at
    /// the pools.
    pub fn settle(&self) {
        drop(self.state());
    }

    /// Write a file into a pool that is mounted, so large that there is no room left. Not into one of thin
    /// volumes, where there is no such place.
    pub fn fill(&self, pool: &PoolName) -> Result<(), BackendError> {
        let devices = self.state().block_devices();
        let pools = self.observe(&devices)?;
        let found = pools.find(pool.as_str()).filter(|it| it.is_mounted);
        let found = found.ok_or_else(|| BackendError::NotThere(pool.clone()))?;
        let room = self.contents(found)?.space.available;
        let written = self.write(pool, "", "filled", room);
        written.map_err(|err| failed(&err.to_string()))
    }
}

impl Volume {
    pub(super) fn come_upon_error(&mut self) {
        self.count_error();
        self.is_damaged = true;
        self.is_forced_read_only = true;
    }

    pub(super) fn count_error(&mut self) {
        self.errors += 1;
    }

    fn lose_block(&mut self) {
        self.count_error();
        self.is_damaged = true;
        self.is_beyond_repair = true;
    }

    pub(super) fn forget_errors(&mut self) {
        self.errors = 0;
    }

    pub(super) fn go_over(&mut self, step: &plan::Step, repairs: bool) -> Checked {
        let outcome = match (self.is_damaged, repairs) {
            (false, _) => Outcome::Clean,
            (true, true) if !self.is_beyond_repair => Outcome::Mended,
            (true, _) => Outcome::Errors,
        };
        if repairs {
            self.is_damaged = self.is_beyond_repair;
            // e2fsck(8) counts anew, also where it found nothing; btrfs only when it is told to.
            if matches!(step, plan::Step::Check { .. }) {
                self.errors = 0;
            }
        }
        let said = match outcome {
            Outcome::Clean => "no error was found",
            Outcome::Mended => "1 error was put right",
            Outcome::Errors => "1 error was found",
        };
        Checked {
            outcome,
            said: vec![said.to_owned()],
        }
    }

    /// What it has counted, in the words of its kind.
    pub(super) fn errors(&self, filesystem: Filesystem) -> Vec<ErrorCount> {
        let what = match filesystem {
            Filesystem::Ext4 => "errors_count",
            Filesystem::Btrfs => "corruption_errs",
            Filesystem::Xfs => HEARD,
        };
        let one = (self.errors > 0).then(|| ErrorCount {
            what: what.to_owned(),
            count: self.errors,
        });
        one.into_iter().collect()
    }

    /// What the kernel's log has of it last, where that is all that tells of it.
    pub(super) fn last_error(&self, filesystem: Filesystem) -> Option<String> {
        let is_told = filesystem == Filesystem::Xfs && self.errors > 0;
        is_told.then(|| "XFS: an error that is simulated".to_owned())
    }

    /// It was mounted: the kernel writes to it, and what it says of an xfs it says from then on.
    pub(super) fn is_mounted_anew(&mut self, filesystem: Filesystem) {
        self.is_forced_read_only = false;
        if filesystem == Filesystem::Xfs {
            self.errors = 0;
        }
    }
}
