//! What is done about folders of the host: facts and a wish give steps, or the reason why not.

use moxnas_core::{
    folder::is_in,
    plan::{Danger, Plan},
};
use serde::{Deserialize, Serialize};

use super::{Directory, DirectoryStep, Folder, FolderPath, Is, MARK_FILE, Place};
use crate::{
    directory::Refusal as Why,
    lvm::Kind,
    model::{Pool, PoolName, Standing},
    plan::{Facts, Refusal, Step},
    unit::mount_point,
};

/// A folder that is to become a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateDirectory {
    /// The name that it gets.
    pub name: PoolName,
    /// The folder, as its filesystem showed it just before.
    pub folder: Folder,
}

fn step(pool: &PoolName, path: &FolderPath, step: DirectoryStep) -> Step {
    Step::Directory {
        pool: pool.clone(),
        path: path.clone(),
        step,
    }
}

/// Nothing in the folder is changed, but for the mark that it gets. One that has a mark keeps it: a pool
/// that was exported is taken in again.
pub(crate) fn create(facts: Facts<'_>, wish: &CreateDirectory) -> Result<Plan<Step>, Refusal> {
    let CreateDirectory { name, folder } = wish;
    let path = &folder.path;
    // What belongs to the system is refused whether it is there or not.
    if let Some(of) = path.of_the_system() {
        return refuse(Why::OfTheSystem {
            path: path.clone(),
            folder: of,
        });
    }
    match &folder.is {
        Is::Folder => (),
        Is::Nothing => return refuse(Why::NotThere(path.clone())),
        Is::Other => return refuse(Why::NotAFolder(path.clone())),
        Is::Link(target) => {
            return refuse(Why::Link {
                path: path.clone(),
                target: target.clone(),
            });
        }
    }
    beside_all(facts, folder)?;
    let Some(on) = &folder.on else {
        return refuse(Why::Nowhere(path.clone()));
    };
    if on.read_only {
        return refuse(Why::ReadOnly(on.at.clone()));
    }
    let mut plan = Plan::default();
    let mark = folder.mark.as_deref().unwrap_or("none");
    plan.evidence.push(format!(
        "folder {path} on {} at {}, mark {mark}",
        on.filesystem, on.at
    ));
    let note = DirectoryStep::Note {
        mount: on.at.clone(),
    };
    let steps = [DirectoryStep::Mark, note, DirectoryStep::Link];
    plan.steps.extend(steps.map(|it| step(name, path, it)));
    plan.warnings = warnings(folder, on);
    Ok(plan)
}

fn warnings(folder: &Folder, on: &Place) -> Vec<String> {
    let mut warnings = vec![
        "datasets are folders without quotas and snapshots, which only the host can give"
            .to_owned(),
    ];
    if on.at == "/" {
        warnings.push(
            "nothing is mounted at it or above it: it is on the filesystem of this machine, which stands \
             still when that is full"
                .to_owned(),
        );
    }
    if folder.mark.is_some() {
        warnings.push("it was a pool before, and is taken in again as it is".to_owned());
    }
    warnings
}

fn refuse<T>(why: Why) -> Result<T, Refusal> {
    Err(Refusal::Directory(why))
}

/// No pool has the folder, has it in itself, or is in it.
fn beside_all(facts: Facts<'_>, folder: &Folder) -> Result<(), Refusal> {
    let path = &folder.path;
    for pool in &facts.pools.all {
        let same = folder.mark.as_ref() == Some(&pool.uuid);
        let own = match &pool.kind {
            Kind::Directory(it) => Some(it.path.as_str()),
            _ => None,
        };
        if own == Some(path.as_str()) || (same && own.is_some()) {
            return refuse(Why::IsPool {
                path: path.clone(),
                pool: pool.name.clone(),
            });
        }
        let places = [Some(pool.at.as_str()), own];
        let meets = |it: &&str| is_in(path.as_str(), it) || is_in(it, path.as_str());
        if let Some(at) = places.into_iter().flatten().find(meets) {
            return refuse(Why::Overlaps {
                path: path.clone(),
                pool: pool.name.clone(),
                at: at.to_owned(),
            });
        }
    }
    Ok(())
}

/// The link is all that may be missing; the rest is for the host.
pub(crate) fn mount(pool: &Pool, directory: &Directory) -> Result<Plan<Step>, Refusal> {
    let verdict = pool.judge();
    let mut plan = Plan::default();
    match verdict.standing {
        Standing::Mounted | Standing::Damaged | Standing::ReadOnly => (),
        Standing::Unmounted => {
            let evidence = format!("folder {} of pool {}", directory.path, pool.uuid);
            plan.evidence.push(evidence);
            plan.steps
                .push(step(&pool.name, &directory.path, DirectoryStep::Link));
        }
        Standing::Missing => {
            return refuse(Why::NotGiven {
                pool: pool.name.clone(),
                mount: directory.mount.clone(),
            });
        }
        Standing::Confused => {
            return Err(Refusal::Confused {
                pool: pool.name.clone(),
                why: verdict.reasons.join("; "),
            });
        }
    }
    Ok(plan)
}

/// Also of one that is not there: nothing is done in it.
pub(crate) fn export(pool: &Pool, directory: &Directory) -> Plan<Step> {
    let steps = [DirectoryStep::Unlink, DirectoryStep::Forget];
    let mut plan = Plan {
        steps: steps.map(|it| step(&pool.name, &directory.path, it)).into(),
        ..Plan::default()
    };
    plan.evidence.push(format!("pool {}", pool.uuid));
    plan.warnings.push(format!(
        "the folder {} stays as it is, with its {MARK_FILE}, by which it is known when it is made a pool \
         again",
        directory.path
    ));
    if pool.is_mounted {
        plan.dangers.push(Danger::Stops {
            object: format!("what goes to pool {} at {}", pool.name, pool.at),
        });
    }
    if directory.path.as_str() != mount_point(&pool.name) {
        plan.warnings
            .push(format!("{} is gone then, for whoever uses it", pool.at));
    }
    plan
}
