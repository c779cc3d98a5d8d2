//! What a simulated machine sends to another one, and takes in: a stream that may break off anywhere.

use std::{
    io::{BufRead as _, BufReader, Read},
    sync::Arc,
    time::SystemTime,
};

use data_encoding::HEXLOWER;
use moxnas_core::{clock::Clock as _, units::Bytes};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    SimPools, failed, new_uuid,
    volume::{Extent, New, snapshot_at},
};
use crate::{
    backend::{BackendError, PoolBackend as _},
    dataset::{DatasetName, SnapshotName},
    model::{Pool, PoolName},
    remote::{
        Digest, Place,
        serve::{Receives, Turn},
    },
    replica::Route,
};

/// A line of what is sent.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    /// Of whom it is a copy, and what has to be there for that.
    Begin { of: String, base: Option<String> },
    /// A file that the base does not have, or has otherwise.
    Put { name: String, extent: Extent },
    /// A file that only the base has.
    Remove { name: String },
    /// That was all.
    End,
}

impl SimPools {
    /// What is sent of a snapshot, from the base on.
    pub(crate) fn send(
        &self,
        route: &Route,
        snapshot: &SnapshotName,
        base: Option<&SnapshotName>,
    ) -> Result<Vec<u8>, BackendError> {
        let (unit, _) = self.mounted(&self.state(), &route.from)?;
        let volumes = self.volumes();
        let volume = volumes.get(&unit.uuid);
        let find = |snapshot: &SnapshotName| {
            let path = snapshot_at(&route.dataset, snapshot);
            let found = volume.and_then(|it| it.subvolumes.get(&path));
            let found = found.filter(|it| it.read_only);
            found.ok_or_else(|| failed(&format!("{path}: subvolume is not read-only")))
        };
        let source = find(snapshot)?;
        let base = base.map(find).transpose()?;
        let identity = |it: &super::volume::Subvolume| {
            let known = it.received.as_ref().unwrap_or(&it.uuid);
            known.clone()
        };
        let has = |name: &str| base.and_then(|it| it.files.get(name));
        let mut lines = vec![Line::Begin {
            of: identity(source),
            base: base.map(identity),
        }];
        let new = source
            .files
            .iter()
            .filter(|(name, it)| has(name) != Some(*it));
        lines.extend(new.map(|(name, extent)| Line::Put {
            name: name.clone(),
            extent: *extent,
        }));
        let gone = base.iter().flat_map(|it| it.files.keys());
        let gone = gone.filter(|it| !source.files.contains_key(*it));
        lines.extend(gone.map(|name| Line::Remove { name: name.clone() }));
        lines.push(Line::End);
        let text = |it: &Line| serde_json::to_string(it).expect("lines are plain data") + "\n";
        Ok(lines.iter().map(text).collect::<String>().into_bytes())
    }
}

/// Nobody else is there.
struct Alone;

impl Turn for Alone {
    fn is_mine(&self) -> bool {
        true
    }
}

impl Receives for SimPools {
    fn pool(&self, name: &PoolName) -> Result<Option<Pool>, BackendError> {
        let devices = self.state().block_devices();
        Ok(self.observe(&devices)?.find(name.as_str()).cloned())
    }

    fn take_turn(&self, _: &PoolName, _: &DatasetName) -> Result<Box<dyn Turn>, BackendError> {
        Ok(Box::new(Alone))
    }

    fn receive(
        &self,
        place: &Place,
        taken: Option<SystemTime>,
        stream: Box<dyn Read + Send>,
        _: &dyn Fn() -> bool,
    ) -> Result<Bytes, BackendError> {
        let at = self.machine.now();
        let mut state = self.state();
        let (unit, on) = self.mounted(&state, &place.pool)?;
        let uuid = new_uuid(&mut state);
        drop(state);
        let mut volumes = self.volumes();
        let volume = volumes.entry(unit.uuid).or_default();
        if volume.is_forced_read_only {
            return Err(failed("Read-only file system"));
        }
        let path = snapshot_at(&place.dataset, &place.snapshot);
        volume.notes.entry(path.clone()).or_default().taken = taken;
        let mut bytes = 0;
        let mut origin = None;
        for line in BufReader::new(stream).lines() {
            let line = line.map_err(|err| failed(&err.to_string()))?;
            bytes += line.len() as u64 + 1;
            let short = |_| failed("short read from stream");
            match (serde_json::from_str(&line).map_err(short)?, &origin) {
                (Line::Begin { of, base }, None) => {
                    let mut here = volume.subvolumes.values();
                    let base = base.map(|base| {
                        let found =
                            here.find(|it| it.read_only && it.received.as_ref() == Some(&base));
                        let files = found.map(|it| Arc::clone(&it.files));
                        files.ok_or_else(|| failed("cannot find parent subvolume"))
                    });
                    let base = base.transpose()?.unwrap_or_default();
                    let new = New {
                        uuid: uuid.clone(),
                        at,
                    };
                    let added = volume.add(path.clone(), None, false, new);
                    added.map_err(|why| failed(&why))?;
                    if let Some(it) = volume.subvolumes.get_mut(&path) {
                        it.files = base;
                    }
                    origin = Some(of);
                }
                (Line::Put { name, extent }, Some(_)) => {
                    volume.put(&path, &name, Some(extent));
                    if let Err(err) = volume.check_limits(&path, on) {
                        volume.put(&path, &name, None);
                        return Err(failed(&err.to_string()));
                    }
                }
                (Line::Remove { name }, Some(_)) => volume.put(&path, &name, None),
                (Line::End, Some(origin)) => {
                    if let Some(it) = volume.subvolumes.get_mut(&path) {
                        (it.read_only, it.received) = (true, Some(origin.clone()));
                    }
                    return Ok(Bytes(bytes));
                }
                _ => return Err(failed("what is sent makes no sense")),
            }
        }
        Err(failed("short read from stream"))
    }

    fn digest(&self, at: &Place, _: &dyn Fn() -> bool) -> Result<Digest, BackendError> {
        let (unit, _) = self.mounted(&self.state(), &at.pool)?;
        let volumes = self.volumes();
        let path = snapshot_at(&at.dataset, &at.snapshot);
        let found = volumes
            .get(&unit.uuid)
            .and_then(|it| it.subvolumes.get(&path));
        let found = found.ok_or_else(|| failed(&format!("{path}: No such file or directory")))?;
        let mut sum = Sha256::new();
        for (name, extent) in found.files.iter() {
            sum.update(format!("{name} {extent:?}\n"));
        }
        Ok(Digest {
            sha256: HEXLOWER.encode(&sum.finalize()),
            entries: found.files.len() as u64,
            bytes: found.files.values().map(|it| it.size).sum(),
        })
    }
}
