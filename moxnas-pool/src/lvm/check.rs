//! Going over a pool of thin volumes: first what the thin pool knows of its volumes, then the filesystem
//! of each of them.

use moxnas_core::{
    disk::BlockDevice,
    plan::{Danger, Plan},
};

use super::{GroupStep, Thin, Volume, mapped, plan::thin};
use crate::{
    model::{Filesystem, Pool},
    plan::{Facts, Part, Refusal, Step},
};

/// thin_check(8) wants the metadata for itself, so no volume is active meanwhile. The same steps again do
/// all of it anew, wherever they were stopped. Metadata are never repaired: lvconvert(8) does that, into a
/// new volume, and what it cannot make out is lost.
pub(crate) fn check(
    facts: Facts<'_>,
    pool: &Pool,
    volumes: &Thin,
    device: &BlockDevice,
    repair: bool,
) -> Result<Plan<Step>, Refusal> {
    let name = &pool.name;
    if pool.is_mounted {
        return Err(Refusal::CheckNeedsUnmount {
            pool: name.clone(),
            filesystem: pool.filesystem,
        });
    }
    let tower = facts.devices.tower(&device.name);
    if let Some(at) = tower.iter().flat_map(|it| &it.mounts).next() {
        return Err(Refusal::MountedElsewhere {
            pool: name.clone(),
            at: at.clone(),
        });
    }
    if repair && device.read_only {
        return Err(Refusal::ReadOnly(device.id.clone()));
    }
    // Not the volumes: there are fewer of them while it goes on, and it may have to begin anew.
    let mut plan = Plan {
        evidence: vec![format!("physical volume {}", volumes.physical)],
        ..Plan::default()
    };
    let group = [
        GroupStep::Deactivate,
        GroupStep::OpenMetadata,
        GroupStep::CheckMetadata,
        GroupStep::CloseMetadata,
        GroupStep::Activate,
    ];
    plan.steps.extend(group.map(|it| thin(name, it)));
    let folder = [(Part::Folder, Volume::Root, Filesystem::Ext4)];
    let datasets = volumes.datasets.iter().map(|it| {
        let dataset = || it.dataset.clone();
        (
            Part::Dataset(dataset()),
            Volume::Dataset(dataset()),
            it.filesystem,
        )
    });
    for (part, volume, filesystem) in folder.into_iter().chain(datasets) {
        plan.steps.push(Step::Check {
            pool: name.clone(),
            device: mapped(name, &volume),
            part,
            filesystem,
            repair,
        });
    }
    if repair {
        plan.dangers.push(Danger::GivesUpDamaged {
            object: format!("the filesystems of pool {name}"),
        });
    }
    plan.warnings.push(
        "what is damaged in the metadata of the thin pool is said, and is not put right by this"
            .to_owned(),
    );
    Ok(plan)
}
