//! Stopping, starting and deleting whole arrays.

use std::collections::{BTreeMap, BTreeSet};

use moxnas_core::{
    disk::{DeviceId, Signature},
    names::ArrayName,
    plan::{Danger, Plan},
};

use super::{ArrayRef, CreateArray, Refusal, Step, array_evidence, device::usable};
use crate::model::{Array, Inventory};

/// What libblkid calls a device that carries an md superblock.
pub(crate) const MEMBER: &str = "linux_raid_member";

/// An array whose members lie around without being assembled.
pub(super) struct StoppedArray {
    pub(super) uuid: String,
    /// As the members have it, without the name of the machine before it.
    pub(super) name: String,
    pub(super) members: Vec<DeviceId>,
}

impl StoppedArray {
    /// Whether creating an array of this wish wipes all its members anyway.
    pub(super) fn is_within(&self, want: &CreateArray) -> bool {
        self.members
            .iter()
            .all(|it| want.members.contains(it) || want.spares.contains(it))
    }
}

/// The arrays that could be assembled, from the signatures on devices that nothing holds.
pub(super) fn stopped_arrays(seen: &Inventory) -> Vec<StoppedArray> {
    let listed: BTreeSet<&str> = seen
        .arrays
        .iter()
        .flat_map(|it| &it.members)
        .map(|it| it.kernel_name.as_str())
        .collect();
    let mut found: BTreeMap<String, StoppedArray> = BTreeMap::new();
    for device in seen.devices.by_name.values() {
        let signature = device.signatures.iter().find(|it| it.kind == MEMBER);
        let Some(Signature {
            uuid: Some(uuid),
            label,
            ..
        }) = signature
        else {
            continue;
        };
        if listed.contains(device.name.as_str()) || !device.id.is_stable() {
            continue;
        }
        let uuid = colon_form(uuid);
        let label = label.as_deref().unwrap_or(&uuid);
        let name = label
            .rsplit_once(':')
            .map_or(label, |(_, name)| name)
            .to_owned();
        found
            .entry(uuid.clone())
            .or_insert_with(|| StoppedArray {
                uuid,
                name,
                members: Vec::new(),
            })
            .members
            .push(device.id.clone());
    }
    found.into_values().collect()
}

/// The stopped array that a person means, if it is one and not several.
fn stopped(seen: &Inventory, text: &str) -> Option<StoppedArray> {
    let mut found = stopped_arrays(seen);
    found.retain(|it| it.uuid == text || it.name == text);
    if found.len() == 1 { found.pop() } else { None }
}

/// libblkid writes the UUID of an array with dashes, mdadm the same digits in four groups.
pub(crate) fn colon_form(uuid: &str) -> String {
    let digits: Vec<char> = uuid.chars().filter(char::is_ascii_hexdigit).collect();
    let groups = digits.chunks(8).map(|it| it.iter().collect::<String>());
    groups.collect::<Vec<_>>().join(":")
}

pub(super) fn plan_stop(seen: &Inventory, array: &Array) -> Result<Plan<Step>, Refusal> {
    check_unused(seen, array)?;
    Ok(Plan {
        steps: vec![Step::Stop {
            array: ArrayRef::of(array),
        }],
        evidence: vec![array_evidence(array)],
        dangers: vec![Danger::Stops {
            object: format!("array {}", array.name),
        }],
        warnings: Vec::new(),
    })
}

pub(super) fn plan_assemble(seen: &Inventory, text: &str) -> Result<Plan<Step>, Refusal> {
    if let Some(array) = seen.find(text) {
        if array.state.is_started() {
            return Err(Refusal::AlreadyStarted(array.name.clone()));
        }
        return Ok(Plan {
            steps: vec![Step::Start {
                array: ArrayRef::of(array),
            }],
            evidence: vec![array_evidence(array)],
            warnings: vec![format!(
                "{} is started with the members it has, which may leave it degraded",
                array.name
            )],
            ..Plan::default()
        });
    }
    let nothing = || Refusal::NothingToAssemble(text.to_owned());
    let array = stopped(seen, text).ok_or_else(nothing)?;
    // A member that was thrown out lies beside the array that it was thrown out of.
    if let Some(running) = seen.by_uuid(&array.uuid) {
        return Err(Refusal::AlreadyStarted(running.name.clone()));
    }
    // The label comes from a disk that may come from anywhere.
    let name = match array.name.parse::<ArrayName>() {
        Ok(name) => name.to_string(),
        Err(_) => format!(
            "md_{}",
            array
                .uuid
                .replace(':', "_")
                .chars()
                .take(8)
                .collect::<String>()
        ),
    };
    let members = array.members.iter().filter_map(|it| seen.devices.by_id(it));
    Ok(Plan {
        evidence: members.map(|it| seen.devices.evidence(it)).collect(),
        steps: vec![Step::Assemble {
            uuid: array.uuid,
            name,
            members: array.members,
        }],
        ..Plan::default()
    })
}

pub(super) fn plan_delete(seen: &Inventory, array: &Array) -> Result<Plan<Step>, Refusal> {
    check_unused(seen, array)?;
    let mut plan = Plan {
        evidence: vec![array_evidence(array)],
        ..Plan::default()
    };
    let content = seen.devices.get(&array.kernel_name).map(|it| {
        plan.evidence.push(seen.devices.evidence(it));
        it.content()
    });
    plan.dangers.push(Danger::DestroysData {
        device: format!("array {}", array.name),
        content: content.unwrap_or_else(|| "unknown".to_owned()),
    });
    plan.steps.push(Step::Stop {
        array: ArrayRef::of(array),
    });
    for member in &array.members {
        if member.device.is_stable() {
            plan.steps.push(Step::ZeroSuperblock {
                device: member.device.clone(),
            });
        } else {
            plan.warnings.push(format!(
                "{} keeps its superblock, the array would show up again in part with it",
                member.device
            ));
        }
    }
    let uuid = array.uuid.clone().unwrap_or_default();
    if seen.conf.others.contains_key(&uuid) {
        plan.warnings.push(format!(
            "mdadm.conf names {} in a line that MoxNAS did not write, which stays",
            array.name
        ));
    }
    if seen.conf.ours.contains_key(&uuid) {
        plan.steps.push(Step::Forget { uuid });
    }
    Ok(plan)
}

/// What is left of an array that is not assembled: superblocks on its members, its line in
/// mdadm.conf. That is all there is after a deletion that stopped half way.
pub(super) fn plan_delete_stopped(seen: &Inventory, text: &str) -> Result<Plan<Step>, Refusal> {
    let array = stopped(seen, text);
    let mut plan = Plan::default();
    for id in array.iter().flat_map(|it| &it.members) {
        let device = usable(seen, id)?;
        plan.evidence.push(seen.devices.evidence(device));
        plan.dangers.push(Danger::DestroysData {
            device: id.to_string(),
            content: device.content(),
        });
        plan.steps.push(Step::ZeroSuperblock { device: id.clone() });
    }
    let node = format!("/dev/md/{text}");
    let is_meant = |uuid: &str, device: &str| match &array {
        Some(array) => array.uuid == uuid,
        None => uuid == text || device == node,
    };
    let listed = seen
        .conf
        .ours
        .iter()
        .filter(|(uuid, device)| is_meant(uuid, device));
    // A line of an array that runs under another name is not what is left of this one.
    let left = listed.filter(|(uuid, _)| seen.by_uuid(uuid).is_none());
    plan.steps
        .extend(left.map(|(uuid, _)| Step::Forget { uuid: uuid.clone() }));
    if plan.steps.is_empty() {
        return Err(Refusal::NoSuchArray(text.to_owned()));
    }
    Ok(plan)
}

fn check_unused(seen: &Inventory, array: &Array) -> Result<(), Refusal> {
    match seen.devices.uses(&array.kernel_name).into_iter().next() {
        Some(of) => Err(Refusal::ArrayInUse {
            array: array.name.clone(),
            of,
        }),
        None => Ok(()),
    }
}
