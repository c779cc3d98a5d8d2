//! Work on single disks: the commands, and a simulated machine.

use std::{sync::Arc, time::Duration};

use moxnas_core::{
    chain::chain,
    disk::{
        BadFault, DeviceId, DiskBackend, DiskStep, DiskWork, Locator, OpenDisk, Sanitize,
        SanitizeMethod, SanitizeState, Signature, SimDiskWork, SimDisks, WorkError,
        sanitize_command, work_argv,
    },
    sim::{DiskSpec, Fault, SimMachine},
    units::Bytes,
};

const GIB: u64 = 1 << 30;

fn id(text: &str) -> DeviceId {
    text.parse().unwrap()
}

#[test]
fn these_are_all_commands_that_are_run() {
    let disk = || id("wwn-0x5000c500a1b2c3d4");
    let show = |step: &DiskStep| work_argv::argv(step).unwrap().map(|it| it.to_string());
    let steps = [
        DiskStep::WipeSignatures {
            device: id("wwn-0x5000c500a1b2c3d4-part1"),
        },
        DiskStep::Discard {
            disk: disk(),
            at: Bytes(GIB),
            length: Bytes(4096),
        },
        DiskStep::Locate {
            disk: disk(),
            by: Locator::Ledctl,
            on: true,
        },
        DiskStep::Locate {
            disk: disk(),
            by: Locator::Ledctl,
            on: false,
        },
    ];
    let shown: Vec<String> = steps.iter().filter_map(show).collect();
    let by = "/dev/disk/by-id/wwn-0x5000c500a1b2c3d4";
    assert_eq!(
        shown,
        [
            format!("wipefs --all {by}-part1"),
            format!("blkdiscard --offset 1073741824 --length 4096 {by}"),
            format!("ledctl locate={by}"),
            format!("ledctl locate_off={by}"),
        ]
    );
    assert_eq!(
        work_argv::probe(&disk()).unwrap().to_string(),
        format!("wipefs --no-act --noheadings --parsable --output TYPE,UUID,LABEL {by}")
    );
    assert_eq!(
        work_argv::settle().to_string(),
        "udevadm settle --timeout=30"
    );
    let no_command = [
        DiskStep::Locate {
            disk: disk(),
            by: Locator::Slot {
                enclosure: "0:0:8:0".to_owned(),
                slot: "Slot 01".to_owned(),
            },
            on: true,
        },
        DiskStep::Sanitize {
            disk: disk(),
            method: SanitizeMethod::Crypto,
            command: sanitize_command(moxnas_core::disk::Language::Nvme, SanitizeMethod::Crypto),
        },
        DiskStep::Overwrite {
            disk: disk(),
            size: Bytes(GIB),
            byte: 0,
        },
    ];
    assert!(no_command.iter().all(|it| show(it).is_none()));
    let unnamed = DiskStep::WipeSignatures {
        device: id("kernel:sdb"),
    };
    assert!(work_argv::argv(&unnamed).is_err(), "sdb may be any disk");
}

struct Box_ {
    sim: Arc<SimMachine>,
    work: SimDiskWork,
    disk: DeviceId,
}

fn box_with(spec: DiskSpec) -> Box_ {
    let sim = SimMachine::new(1);
    let disk = id(&spec.link().unwrap());
    sim.plug(spec);
    Box_ {
        work: SimDiskWork::new(Arc::clone(&sim)),
        sim,
        disk,
    }
}

impl Box_ {
    fn has_gpt(&self) {
        let gpt = Signature::new("gpt", "1234");
        let mut state = self.sim.state();
        state.contents_mut(&self.disk).signatures.push(gpt);
    }

    fn fill(&self, open: &mut dyn OpenDisk, byte: u8) -> Result<(), WorkError> {
        let mut at = 0;
        while at < open.size().0 {
            self.sim.advance(Duration::from_secs(10));
            at += open.fill(Bytes(at), Bytes(GIB), byte)?.done.0;
        }
        Ok(())
    }
}

#[test]
fn writing_takes_time_and_is_read_back() {
    let it = box_with(DiskSpec::hdd("A", 4 * GIB));
    it.has_gpt();
    let mut open = it.work.open(&it.disk).unwrap();
    let nothing = open.fill(Bytes(0), Bytes(GIB), 0).unwrap();
    assert_eq!(nothing.done, Bytes(0), "no time has passed");
    it.sim.advance(Duration::from_secs(1));
    let some = open.fill(Bytes(0), Bytes(GIB), 0).unwrap().done.0;
    assert!((100 << 20..GIB).contains(&some), "{some}");
    assert_eq!(
        it.work.probe(&it.disk).unwrap(),
        [],
        "its first MiB is gone"
    );
    it.fill(&mut *open, 0x55).unwrap();
    it.sim.advance(Duration::from_secs(100));
    let read = open.compare(Bytes(0), Bytes(4 * GIB), 0x55).unwrap();
    assert_eq!((read.done, read.bad), (Bytes(4 * GIB), Vec::new()));
    it.sim.advance(Duration::from_secs(100));
    let read = open.compare(Bytes(0), Bytes(4 * GIB), 0xaa).unwrap();
    assert_eq!(read.bad[0].fault, BadFault::Differs);
    assert_eq!(read.bad[0].length, Bytes(4 * GIB));
}

#[test]
fn who_has_a_disk_has_it_alone() {
    let it = box_with(DiskSpec::ssd("A", GIB));
    let open = it.work.open(&it.disk).unwrap();
    let wipe = DiskStep::WipeSignatures {
        device: it.disk.clone(),
    };
    assert!(matches!(it.work.open(&it.disk), Err(WorkError::InUse(_))));
    assert!(matches!(it.work.apply(&wipe), Err(WorkError::InUse(_))));
    drop(open);
    it.work.apply(&wipe).unwrap();
    let mut open = it.work.open(&it.disk).unwrap();
    it.sim.power_cut();
    it.sim.advance(Duration::from_secs(9));
    let cut = open.fill(Bytes(0), Bytes(GIB), 0);
    assert!(matches!(cut, Err(WorkError::Gone(_))), "{cut:?}");
    let _again = it.work.open(&it.disk).unwrap();
    drop(open);
    assert!(
        it.work.open(&it.disk).is_err(),
        "it is not the old one's to give back"
    );
}

#[test]
fn work_is_struck_at_a_share_of_its_way() {
    let it = box_with(DiskSpec::hdd("A", 8 * GIB));
    let matching = "write to ".to_owned() + &it.disk.to_string() + " at 50 %";
    it.sim.inject(Fault::StepFails { matching });
    let mut open = it.work.open(&it.disk).unwrap();
    let err = it.fill(&mut *open, 0).unwrap_err();
    assert!(
        chain(&err).contains("at 50 % failed") || chain(&err).contains("at 50 %"),
        "{err}"
    );
    let half = open.compare(Bytes(0), Bytes(4 * GIB), 0).unwrap();
    assert_eq!(half.bad, []);
}

#[test]
fn a_disk_that_fails_has_a_bad_place() {
    let spec = DiskSpec {
        failing: true,
        ..DiskSpec::hdd("A", 2 * GIB)
    };
    let it = box_with(spec);
    let mut open = it.work.open(&it.disk).unwrap();
    it.sim.advance(Duration::from_secs(100));
    let done = open.fill(Bytes(0), Bytes(2 * GIB), 0).unwrap();
    assert_eq!(done.bad.len(), 1);
    assert_eq!(
        (done.bad[0].at, done.bad[0].fault),
        (Bytes(GIB), BadFault::NotWritten)
    );
}

#[test]
fn a_sanitize_goes_on_over_a_power_cut_to_its_end() {
    let it = box_with(DiskSpec::nvme("N", 4 * GIB));
    it.has_gpt();
    let state = || match it.work.sanitize(&it.disk).unwrap() {
        Sanitize::Can { state, .. } => state,
        it => panic!("{it:?}"),
    };
    assert_eq!(state(), SanitizeState::Idle);
    it.work
        .apply(&DiskStep::Sanitize {
            disk: it.disk.clone(),
            method: SanitizeMethod::Block,
            command: sanitize_command(moxnas_core::disk::Language::Nvme, SanitizeMethod::Block),
        })
        .unwrap();
    it.sim.advance(Duration::from_secs(60));
    it.sim.power_cut();
    let done = Some(0x8000);
    assert_eq!(state(), SanitizeState::Running { done });
    assert!(it.work.open(&it.disk).is_err(), "it answers nothing else");
    it.sim.advance(Duration::from_secs(60));
    assert_eq!(state(), SanitizeState::Done);
    assert_eq!(it.work.probe(&it.disk).unwrap(), []);
    assert_eq!(
        SimDisks::new(Arc::clone(&it.sim))
            .devices()
            .unwrap()
            .by_name
            .len(),
        1
    );
    let cannot = box_with(DiskSpec::hdd("A", GIB));
    let said = cannot.work.sanitize(&cannot.disk).unwrap();
    assert!(matches!(said, Sanitize::Cannot { .. }));
}

#[test]
fn a_light_is_switched_where_there_is_one() {
    let it = box_with(DiskSpec {
        slot: Some(("0:0:8:0".to_owned(), "Slot 03".to_owned())),
        ..DiskSpec::sas("S", GIB)
    });
    let can = || it.work.abilities().unwrap()["sda"].clone();
    let light = || it.work.light(&it.disk).unwrap();
    assert_eq!(light(), Some(false));
    let by = can().locator.unwrap();
    assert_eq!(
        by.file().unwrap(),
        "/sys/class/enclosure/0:0:8:0/Slot 03/locate"
    );
    it.work
        .apply(&DiskStep::Locate {
            disk: it.disk.clone(),
            by,
            on: true,
        })
        .unwrap();
    assert_eq!(light(), Some(true));
    let dark = box_with(DiskSpec::hdd("A", GIB));
    assert_eq!(dark.work.abilities().unwrap()["sda"].locator, None);
    assert_eq!(dark.work.light(&dark.disk).unwrap(), None);
}
