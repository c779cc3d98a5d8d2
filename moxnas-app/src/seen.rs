//! What was last seen of the machine. Every answer to a GET comes from here, so that no hung disk
//! can delay it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::SystemTime,
};

use moxnas_core::disk::{Abilities, DeviceId, ResolveError};
use moxnas_pool::{
    model::{PoolName, Pools},
    remote::{Facts, TargetName},
};
use moxnas_raid::{Array, Difference, Inventory, Member, expected::compare};
use moxnas_telemetry::capability::Verdict;
use sha2::{Digest, Sha256};

use crate::{
    answers::Answers,
    error::Error,
    expected::Expected,
    sharing::Sharing,
    targets::{Known, TargetError},
};

/// A look at the machine. What is large in it is shared by all that was seen until it is another one.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Arrays and block devices.
    pub raid: Arc<Inventory>,
    /// The pools.
    pub pools: Arc<Pools>,
    /// What is offered to the network.
    pub sharing: Arc<Sharing>,
    /// What the disks can do, by kernel name.
    pub abilities: Arc<BTreeMap<String, Abilities>>,
    /// What no look asks, as it was answered last.
    pub answers: Arc<Answers>,
    /// Whether the machine's kernels start with an initramfs, which has an mdadm.conf of its own.
    pub has_initramfs: bool,
    /// When, by the machine's clock.
    pub as_of: SystemTime,
    /// Since which start of the machine, see [`boot_id`](crate::machine::Host::boot_id).
    pub boot: Option<String>,
    /// Which look it was: a look that began earlier and is done later is not the newer one.
    pub look: u64,
    /// Grows with every look that found something new. The same serial means the same facts.
    pub serial: u64,
    /// Grows with every answer: the same number means the same [`answers`](Seen::answers).
    pub answered: u64,
    /// What should be there. `None`: nobody has ever agreed to anything.
    pub expected: Option<Arc<Expected>>,
    /// What can work on this machine, and what cannot.
    pub capabilities: Arc<Vec<Verdict>>,
    /// The machines that replicas may be sent to.
    pub targets: Arc<Known>,
    /// What is not as it should be.
    pub differences: Vec<Difference>,
}

impl Seen {
    /// What is not as it should be.
    pub(crate) fn compare(&self) -> Vec<Difference> {
        match &self.expected {
            Some(expected) => compare(&expected.plain(), &self.raid),
            None => Vec::new(),
        }
    }

    /// What the disk of this kernel name can do.
    #[must_use]
    pub fn abilities_of(&self, name: &str) -> Abilities {
        self.abilities.get(name).cloned().unwrap_or_default()
    }

    /// The id of the device that a person means.
    pub fn device(&self, text: &str) -> Result<DeviceId, ResolveError> {
        self.raid.devices.resolve(text).map(|it| it.id.clone())
    }

    /// The member of an array that a person means: also one whose device has left.
    pub fn member(&self, array: &Array, text: &str) -> Result<DeviceId, ResolveError> {
        let name = text.strip_prefix("/dev/").unwrap_or(text);
        let named = |it: &&Member| it.device.to_string() == text || it.kernel_name == name;
        match array.members.iter().find(named) {
            Some(member) => Ok(member.device.clone()),
            None => self.device(text),
        }
    }

    /// What another machine said last of a pool.
    pub fn there(&self, target: &TargetName, pool: &PoolName) -> Result<&Arc<Facts>, Error> {
        let asked = self.answers.targets.get(&(target.clone(), pool.clone()));
        match asked {
            Some(Ok(facts)) => Ok(facts),
            Some(Err(why)) => Err(why.clone().into()),
            None => Err(TargetError::NotAsked {
                target: target.to_string(),
                pool: pool.clone(),
            }
            .into()),
        }
    }

    /// A tag over the configuration of an array: who it is, its shape, who is in it. Progress and
    /// state are not in it.
    #[must_use]
    pub fn array_etag(array: &Array) -> String {
        let members: BTreeSet<String> = array
            .members
            .iter()
            .map(|it| format!("{} {}", it.device, it.role))
            .collect();
        let facts = format!(
            "{:?} {} {} {} {} {:?} {members:?}",
            array.uuid, array.name, array.level, array.slots, array.size.0, array.chunk
        );
        let hash = Sha256::digest(facts);
        let hex: String = hash.iter().take(8).map(|it| format!("{it:02x}")).collect();
        format!("\"{hex}\"")
    }
}
