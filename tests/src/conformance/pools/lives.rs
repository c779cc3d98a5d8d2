//! Scenarios of whole lives of pools.

use anyhow::Result;
use moxnas_pool::model::Filesystem;

use super::PoolJournal;

/// From a blank disk and back, over a restart. Each machine of the lab starts once more at most: that
/// takes most of the time.
fn lives_and_dies(it: &mut PoolJournal<'_>, filesystem: Filesystem) -> Result<()> {
    it.create(filesystem, "LABA", &["noatime"])?;
    it.write("", "a", 5)?;
    it.option("tank", "noatime")?;
    it.reboot()?;
    it.option("tank", "noatime")?;
    it.unmount("tank")?;
    it.mount("tank")?;
    it.mount("tank")?;
    it.delete("tank")
}

pub(super) fn a_pool_of_ext4_lives_and_dies(it: &mut PoolJournal<'_>) -> Result<()> {
    lives_and_dies(it, Filesystem::Ext4)
}

pub(super) fn a_pool_of_xfs_lives_and_dies(it: &mut PoolJournal<'_>) -> Result<()> {
    lives_and_dies(it, Filesystem::Xfs)
}

pub(super) fn a_pool_of_btrfs_lives_and_dies(it: &mut PoolJournal<'_>) -> Result<()> {
    lives_and_dies(it, Filesystem::Btrfs)
}
