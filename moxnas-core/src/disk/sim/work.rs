//! What is done to the disks of a simulated machine.
//!
//! Writing takes time: as much is done as a disk of its speed can do in the time that has passed.

use std::{
    collections::BTreeMap,
    sync::{Arc, MutexGuard},
    time::{Duration, SystemTime},
};

use super::super::{
    Abilities, BadFault, BadPlace, DeviceId, DiskStep, DiskWork, Language, Locator, ObserveError,
    OpenDisk, Sanitize, SanitizeMethod, SanitizeState, Signature, Stretch, WorkError,
};
use crate::{
    clock::Clock,
    disk::Bus,
    sim::{Erasing, Fault, SimDisk, SimMachine, SimState},
    units::Bytes,
};

/// How long a disk needs to erase itself, if it does not write to all of it.
const QUICK: Duration = Duration::from_secs(120);
/// A media error is that long, and in the middle of a disk that fails.
const BAD: u64 = 4096;
const MIB: u64 = 1 << 20;

/// Works on the disks of a [`SimMachine`].
#[derive(Clone, Debug)]
pub struct SimDiskWork(Arc<SimMachine>);

impl SimDiskWork {
    /// The disks of the machine.
    #[must_use]
    pub fn new(machine: Arc<SimMachine>) -> SimDiskWork {
        SimDiskWork(machine)
    }

    /// The machine, with what disks did to themselves meanwhile.
    fn settled(&self) -> MutexGuard<'_, SimState> {
        let now = self.0.now();
        let mut state = self.0.state();
        settle(&mut state, now);
        state
    }

    /// Whether a step of this text goes wrong.
    fn struck(&self, text: &str) -> Result<bool, WorkError> {
        let fault = self.0.state().take_fault(text);
        let injected = |why: &str| Err(WorkError::Injected(format!("`{text}` {why}")));
        match fault {
            None => Ok(false),
            Some(Fault::StepLies { .. }) => Ok(true),
            Some(Fault::StepFails { .. }) => injected("failed: the simulation was told so"),
            Some(Fault::StepHangs { .. }) => injected("was stopped after 120s"),
            Some(Fault::PowerCut { .. }) => {
                self.0.power_cut();
                injected("was not reached: power was cut")
            }
        }
    }
}

/// Serial number of the disk that a device is, or is a partition of.
fn serial(state: &SimState, device: &DeviceId) -> Result<String, WorkError> {
    let id = match device {
        DeviceId::Disk(id) | DeviceId::Partition(id, _) => id,
        _ => return Err(WorkError::Gone(device.clone())),
    };
    let found = state
        .disks
        .iter()
        .find(|(_, it)| it.id.as_ref() == Some(id) && it.kernel_name.is_some());
    let (serial, _) = found.ok_or_else(|| WorkError::Gone(device.clone()))?;
    Ok(serial.clone())
}

fn disk<'a>(state: &'a mut SimState, device: &DeviceId) -> Result<&'a mut SimDisk, WorkError> {
    let serial = serial(state, device)?;
    let disk = state.disks.get_mut(&serial);
    disk.ok_or_else(|| WorkError::Gone(device.clone()))
}

/// As `O_EXCL` has it: nothing is mounted from it, swapped to or made of it.
fn must_be_free(state: &mut SimState, device: &DeviceId) -> Result<(), WorkError> {
    let it = disk(state, device)?;
    let name = it.kernel_name.clone().unwrap_or_default();
    if it.taken || !state.block_devices().uses(&name).is_empty() {
        return Err(WorkError::InUse(device.clone()));
    }
    Ok(())
}

/// Forget what was on a disk, and its partitions.
fn clear(state: &mut SimState, device: &DeviceId) -> Result<(), WorkError> {
    let parts = disk(state, device)?.spec.partitions.len();
    *state.contents_mut(device) = Default::default();
    if let DeviceId::Disk(id) = device {
        for number in (1_u32..).take(parts) {
            *state.contents_mut(&DeviceId::Partition(id.clone(), number)) = Default::default();
        }
        disk(state, device)?.spec.partitions.clear();
    }
    Ok(())
}

/// What disks that erase themselves have done by now.
fn settle(state: &mut SimState, now: SystemTime) {
    let mut erased = Vec::new();
    for it in state.disks.values_mut() {
        let size = it.spec.size.0;
        let Some(erasing) = it.erasing.as_mut().filter(|it| !it.is_over) else {
            continue;
        };
        if now.duration_since(erasing.since).unwrap_or_default() < erasing.takes {
            continue;
        }
        erasing.is_over = true;
        match erasing.method {
            // What it reads as with another key is noise.
            SanitizeMethod::Crypto => it.surface.forget(0, size),
            SanitizeMethod::Block | SanitizeMethod::Overwrite => it.surface.fill(0, size, 0),
        }
        erased.extend(it.id.clone().map(DeviceId::Disk));
    }
    for id in erased {
        // Also of a disk that was pulled out meanwhile: then there is nothing to forget yet.
        let _ = clear(state, &id);
    }
}

impl DiskWork for SimDiskWork {
    fn abilities(&self) -> Result<BTreeMap<String, Abilities>, ObserveError> {
        let state = self.settled();
        let there = state.disks.values().filter_map(|it| {
            let name = it.kernel_name.clone()?;
            let slot = it.spec.slot.clone();
            let can = Abilities {
                discard_max: Bytes(if it.spec.discards { 2 << 30 } else { 0 }),
                locator: slot.map(|(enclosure, slot)| Locator::Slot { enclosure, slot }),
            };
            Some((name, can))
        });
        Ok(there.collect())
    }

    fn sanitize(&self, device: &DeviceId) -> Result<Sanitize, WorkError> {
        self.struck(&format!("ask {device} how it erases itself"))?;
        let now = self.0.now();
        let mut state = self.settled();
        let it = disk(&mut state, device)?;
        if it.spec.sanitizes.is_empty() {
            return Ok(Sanitize::Cannot {
                because: "it does not have the feature".to_owned(),
            });
        }
        let language = match it.spec.bus {
            Bus::Nvme => Language::Nvme,
            Bus::Ata => Language::Ata,
            _ => Language::Scsi,
        };
        let took = |method| (language == Language::Nvme).then(|| takes(it, method));
        Ok(Sanitize::Can {
            methods: it.spec.sanitizes.iter().map(|&m| (m, took(m))).collect(),
            language,
            state: match it.erasing {
                None => SanitizeState::Idle,
                Some(it) if it.is_over => SanitizeState::Done,
                Some(it) => SanitizeState::Running {
                    done: Some(share(it, now)),
                },
            },
        })
    }

    fn light(&self, device: &DeviceId) -> Result<Option<bool>, WorkError> {
        self.struck(&format!("ask for the light of {device}"))?;
        let mut state = self.settled();
        let it = disk(&mut state, device)?;
        Ok(it.spec.slot.is_some().then_some(it.light))
    }

    fn probe(&self, device: &DeviceId) -> Result<Vec<Signature>, WorkError> {
        self.struck(&format!("look for signatures on {device}"))?;
        let state = self.settled();
        serial(&state, device)?;
        Ok(state.contents_of(device).signatures)
    }

    fn apply(&self, step: &DiskStep) -> Result<(), WorkError> {
        let text = step.to_string();
        if step.is_pass() {
            return Err(WorkError::IsPass(text));
        }
        if self.struck(&text)? {
            return Ok(());
        }
        let now = self.0.now();
        let mut state = self.settled();
        if step.is_destructive() {
            must_be_free(&mut state, step.device())?;
        }
        match step {
            DiskStep::WipeSignatures { device } => clear(&mut state, device)?,
            DiskStep::Discard {
                disk: id,
                at,
                length,
            } => {
                let it = disk(&mut state, id)?;
                it.surface.fill(at.0, at.0 + length.0, 0);
                if at.0 == 0 {
                    clear(&mut state, id)?;
                }
            }
            DiskStep::Sanitize {
                disk: id, method, ..
            } => {
                let it = disk(&mut state, id)?;
                it.erasing = Some(Erasing {
                    method: *method,
                    since: now,
                    takes: takes(it, *method),
                    is_over: false,
                });
            }
            DiskStep::Locate { disk: id, on, .. } => disk(&mut state, id)?.light = *on,
            DiskStep::Overwrite { .. }
            | DiskStep::WriteAndRead { .. }
            | DiskStep::SelfTest { .. } => return Err(WorkError::IsPass(text)),
        }
        Ok(())
    }

    fn open(&self, device: &DeviceId) -> Result<Box<dyn OpenDisk>, WorkError> {
        self.struck(&format!("open {device}"))?;
        let since = self.0.now();
        let starts = self.0.starts();
        let mut state = self.settled();
        must_be_free(&mut state, device)?;
        let it = disk(&mut state, device)?;
        if it.erasing.is_some_and(|it| !it.is_over) {
            return Err(WorkError::Refused {
                disk: device.clone(),
                why: "it erases itself".to_owned(),
            });
        }
        it.taken = true;
        let (size, speed) = (it.spec.size, it.spec.speed());
        drop(state);
        Ok(Box::new(SimOpenDisk {
            work: self.clone(),
            device: device.clone(),
            size,
            speed,
            since,
            starts,
        }))
    }
}

fn takes(disk: &SimDisk, method: SanitizeMethod) -> Duration {
    match method {
        SanitizeMethod::Crypto | SanitizeMethod::Block => QUICK,
        SanitizeMethod::Overwrite => Duration::from_secs(disk.spec.size.0 / disk.spec.speed()),
    }
}

fn share(erasing: Erasing, now: SystemTime) -> u16 {
    let gone = now.duration_since(erasing.since).unwrap_or_default();
    let all = erasing.takes.as_millis().max(1);
    u16::try_from(gone.as_millis() * 65_536 / all).unwrap_or(u16::MAX)
}

/// A simulated disk that nobody else uses.
struct SimOpenDisk {
    work: SimDiskWork,
    device: DeviceId,
    size: Bytes,
    speed: u64,
    /// The time up to which it was busy.
    since: SystemTime,
    /// The start of the machine in which it was opened.
    starts: u64,
}

impl Drop for SimOpenDisk {
    fn drop(&mut self) {
        if self.is_held()
            && let Ok(it) = disk(&mut self.work.0.state(), &self.device)
        {
            it.taken = false;
        }
    }
}

impl SimOpenDisk {
    fn is_held(&self) -> bool {
        self.work.0.starts() == self.starts
    }

    /// How much of a stretch there was time for: all of it, or whole MiB.
    fn allowed(&mut self, length: u64) -> u64 {
        let now = self.work.0.now();
        let gone = now.duration_since(self.since).unwrap_or_default();
        let could = u128::from(self.speed) * gone.as_millis() / 1000;
        let could = u64::try_from(could).unwrap_or(u64::MAX);
        let does = if could >= length {
            length
        } else {
            could / MIB * MIB
        };
        self.since += Duration::from_nanos(
            u64::try_from(u128::from(does) * 1_000_000_000 / u128::from(self.speed))
                .unwrap_or(u64::MAX),
        );
        does
    }

    fn stretch(
        &mut self,
        verb: &str,
        at: Bytes,
        length: Bytes,
        bad: BadFault,
        work: impl FnOnce(&mut SimDisk, u64, u64) -> Vec<BadPlace>,
    ) -> Result<Stretch, WorkError> {
        let does = self.allowed(length.0);
        if does == 0 {
            return Ok(Stretch::default());
        }
        let percent = u128::from(at.0) * 100 / u128::from(self.size.0.max(1));
        let text = format!("{verb} {} at {percent} %", self.device);
        let lies = self.work.struck(&text)?;
        if !self.is_held() {
            return Err(WorkError::Gone(self.device.clone()));
        }
        if lies {
            let done = Bytes(does);
            return Ok(Stretch {
                done,
                ..Stretch::default()
            });
        }
        let mut state = self.work.settled();
        let it = disk(&mut state, &self.device)?;
        if !it.taken {
            // It was pulled, and is back as if it were another.
            return Err(WorkError::Gone(self.device.clone()));
        }
        let mut found = work(it, at.0, at.0 + does);
        let middle = it.spec.size.0 / 2 / BAD * BAD;
        if it.spec.failing && (at.0..at.0 + does).contains(&middle) {
            found.push(BadPlace {
                at: Bytes(middle),
                length: Bytes(BAD),
                fault: bad,
            });
        }
        if bad == BadFault::NotWritten && at.0 == 0 {
            clear(&mut state, &self.device)?;
        }
        Ok(Stretch {
            done: Bytes(does),
            bad: found,
        })
    }
}

impl OpenDisk for SimOpenDisk {
    fn size(&self) -> Bytes {
        self.size
    }

    fn fill(&mut self, at: Bytes, length: Bytes, byte: u8) -> Result<Stretch, WorkError> {
        self.stretch(
            "write to",
            at,
            length,
            BadFault::NotWritten,
            |it, from, to| {
                it.surface.fill(from, to, byte);
                Vec::new()
            },
        )
    }

    fn compare(&mut self, at: Bytes, length: Bytes, byte: u8) -> Result<Stretch, WorkError> {
        self.stretch("read of", at, length, BadFault::NotRead, |it, from, to| {
            let differs = it.surface.differs(from, to, byte).into_iter();
            differs
                .map(|(from, to)| BadPlace {
                    at: Bytes(from),
                    length: Bytes(to - from),
                    fault: BadFault::Differs,
                })
                .collect()
        })
    }
}
