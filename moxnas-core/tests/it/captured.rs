//! Block devices of the machines captured for moxnas-raid.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use moxnas_core::{
    disk::{BlockDevice, BlockDevices, BlockKind, DeviceId, DiskBackend, SystemDisks},
    root::Root,
};

/// Fewer were lost, not meant.
const FEWEST_STATES: usize = 25;

fn folders(of: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(of)
        .unwrap()
        .map(|it| it.unwrap().path())
        .filter(|it| it.is_dir())
}

fn states() -> Vec<PathBuf> {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../moxnas-raid/fixtures");
    let states: Vec<PathBuf> = folders(&all)
        .flat_map(|it| folders(&it).collect::<Vec<_>>())
        .collect();
    states
        .into_iter()
        .filter(|it| it.join("root/sys/block").is_dir())
        .collect()
}

/// The array's UUID as mdadm said it in the same moment.
fn told_by_mdadm(state: &Path, array: &str) -> Option<String> {
    let detail = fs::read_to_string(state.join(format!("detail-export-{array}.txt"))).ok()?;
    detail
        .lines()
        .find_map(|it| it.strip_prefix("MD_UUID="))
        .map(str::to_owned)
}

fn check_id(state: &Path, seen: &BlockDevices, device: &BlockDevice) {
    let context = format!("{} in {}: {device:?}", device.name, state.display());
    assert!(device.id.is_stable(), "{context}");
    assert!(
        seen.by_id(&device.id).is_some(),
        "its id is not its own: {context}"
    );
    assert!(
        device.slaves.iter().all(|it| seen.get(it).is_some()),
        "{context}"
    );
    match &device.id {
        DeviceId::Md(uuid) => {
            let told = told_by_mdadm(state, &device.name);
            assert!(told.is_none() || told.as_ref() == Some(uuid), "{context}");
        }
        id => assert!(device.aliases.contains(&id.to_string()), "{context}"),
    }
}

#[test]
fn every_captured_machine_is_read_whole() {
    let states = states();
    assert!(states.len() >= FEWEST_STATES, "{} states", states.len());
    let mut kinds = BTreeSet::new();
    for state in states {
        let seen = SystemDisks::new(Root::fixture(state.join("root")))
            .devices()
            .unwrap();
        assert_eq!(seen.errors, Vec::<String>::new(), "{}", state.display());
        assert!(seen.disks().count() >= 5, "{}", state.display());
        assert!(
            seen.by_name
                .values()
                .any(|it| it.mounts.contains(&"/".to_owned()))
        );
        for device in seen.by_name.values() {
            check_id(&state, &seen, device);
            kinds.insert(match &device.kind {
                BlockKind::Disk(disk) => {
                    let id = device.id.to_string();
                    let serial = disk.serial.as_deref().unwrap();
                    // The WWN of the lab's SCSI disks ends with the number in the serial.
                    let scsi = serial
                        .strip_prefix("LABSCSI")
                        .map(|it| format!("wwn-0x5000c500000000{it}"));
                    match scsi {
                        Some(scsi) => assert_eq!(id, scsi),
                        None => assert!(id.contains(serial), "{id} of {serial}"),
                    }
                    "disk"
                }
                BlockKind::Partition { .. } => "partition",
                BlockKind::Md => "md",
                BlockKind::Dm { .. } => "dm",
                BlockKind::Other => "other",
            });
        }
    }
    assert_eq!(kinds, BTreeSet::from(["disk", "dm", "md", "partition"]));
}

#[test]
fn a_captured_array_uses_its_disks() {
    let mut arrays = 0;
    for state in states() {
        let seen = SystemDisks::new(Root::fixture(state.join("root")))
            .devices()
            .unwrap();
        for array in seen.by_name.values().filter(|it| it.kind == BlockKind::Md) {
            arrays += 1;
            for member in &array.slaves {
                let uses = seen.uses(member);
                assert!(
                    !uses.is_empty(),
                    "{member} of {} in {}",
                    array.name,
                    state.display()
                );
            }
        }
    }
    assert!(arrays >= 20, "{arrays} arrays");
}
