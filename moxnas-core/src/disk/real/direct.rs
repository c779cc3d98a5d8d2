//! Writing and reading all of a disk, past the kernel's cache.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
};

use nix::libc::{
    EBUSY, EILSEQ, EIO, ENODATA, ENODEV, ENXIO, EREMOTEIO, ETIMEDOUT, O_DIRECT, O_EXCL,
};

use super::super::{BadFault, BadPlace, DeviceId, OpenDisk, Stretch, WorkError};
use crate::units::Bytes;

/// What goes to the disk at a time.
const BLOCK: usize = 1 << 20;
/// Where a block does not work, it is tried again in pieces of this size: of the largest sectors
/// that there are.
const PIECE: usize = 4096;

/// A disk, opened so that nobody else can use it.
#[derive(Debug)]
pub(super) struct DirectDisk {
    file: File,
    device: DeviceId,
    size: Bytes,
    /// Longer than a block, so that one finds a place in it at which `O_DIRECT` takes it.
    buffer: Vec<u8>,
}

impl DirectDisk {
    /// `O_EXCL` fails while the disk, or a partition of it, is mounted, swapped to or part of
    /// something else, and has those fail until this is dropped.
    pub(super) fn open(
        path: &Path,
        device: &DeviceId,
        size: Bytes,
    ) -> Result<DirectDisk, WorkError> {
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(O_DIRECT | O_EXCL)
            .open(path);
        let file = opened.map_err(|cause| match cause.raw_os_error() {
            Some(EBUSY) => WorkError::InUse(device.clone()),
            _ if cause.kind() == io::ErrorKind::NotFound => WorkError::Gone(device.clone()),
            _ => WorkError::Io {
                verb: "opened",
                disk: device.clone(),
                cause,
            },
        })?;
        Ok(DirectDisk {
            file,
            device: device.clone(),
            size,
            buffer: vec![0; BLOCK + PIECE],
        })
    }

    fn failed(&self, verb: &'static str, cause: io::Error) -> WorkError {
        // The ways of the kernel to say that a disk was pulled out.
        if matches!(cause.raw_os_error(), Some(ENODEV | ENXIO)) {
            return WorkError::Gone(self.device.clone());
        }
        WorkError::Io {
            verb,
            disk: self.device.clone(),
            cause,
        }
    }

    /// Go over a stretch block by block, and piece by piece where a block does not work.
    fn go(
        &mut self,
        at: Bytes,
        length: Bytes,
        fault: BadFault,
        mut work: impl FnMut(&File, &mut [u8], u64) -> io::Result<Option<BadFault>>,
    ) -> Result<Stretch, WorkError> {
        let verb = match fault {
            BadFault::NotWritten => "written",
            BadFault::NotRead | BadFault::Differs => "read",
        };
        let end = (at.0.saturating_add(length.0)).min(self.size.0);
        let from = self.buffer.as_ptr().align_offset(PIECE);
        let mut stretch = Stretch::default();
        let mut next = at.0;
        while next < end {
            let size = usize::try_from(end - next).unwrap_or(BLOCK).min(BLOCK);
            let Some(block) = self.buffer.get_mut(from..from + size) else {
                return Err(self.failed(verb, io::ErrorKind::OutOfMemory.into()));
            };
            match work(&self.file, block, next) {
                Ok(None) => (),
                Ok(Some(_)) | Err(_) => {
                    // Which part of it?
                    let pieces = block.chunks_mut(PIECE);
                    let mut begin = next;
                    let mut ended = None;
                    for piece in pieces {
                        let length = Bytes(piece.len() as u64);
                        let bad = match work(&self.file, piece, begin) {
                            Ok(bad) => bad,
                            Err(cause) if is_of_the_medium(&cause) => Some(fault),
                            Err(cause) => {
                                ended = Some(cause);
                                break;
                            }
                        };
                        let at = Bytes(begin);
                        stretch
                            .bad
                            .extend(bad.map(|fault| BadPlace { at, length, fault }));
                        begin += length.0;
                    }
                    if let Some(cause) = ended {
                        return Err(self.failed(verb, cause));
                    }
                }
            }
            next += size as u64;
        }
        stretch.done = Bytes(next.saturating_sub(at.0));
        stretch.bad = joined(stretch.bad);
        Ok(stretch)
    }
}

/// Whether it is this place that does not work, rather than the disk.
fn is_of_the_medium(cause: &io::Error) -> bool {
    let number = cause.raw_os_error();
    matches!(number, Some(EIO | EREMOTEIO | ENODATA | EILSEQ | ETIMEDOUT))
}

/// Bad places that lie side by side are one.
fn joined(places: Vec<BadPlace>) -> Vec<BadPlace> {
    let mut all: Vec<BadPlace> = Vec::new();
    for it in places {
        match all.last_mut() {
            Some(last) if last.fault == it.fault && last.at.0 + last.length.0 == it.at.0 => {
                last.length = Bytes(last.length.0 + it.length.0);
            }
            _ => all.push(it),
        }
    }
    all
}

impl OpenDisk for DirectDisk {
    fn size(&self) -> Bytes {
        self.size
    }

    fn fill(&mut self, at: Bytes, length: Bytes, byte: u8) -> Result<Stretch, WorkError> {
        self.buffer.fill(byte);
        let stretch = self.go(at, length, BadFault::NotWritten, |file, block, at| {
            file.write_all_at(block, at).map(|()| None)
        })?;
        // Out of the disk's own cache.
        self.file
            .sync_data()
            .map_err(|cause| self.failed("written", cause))?;
        Ok(stretch)
    }

    fn compare(&mut self, at: Bytes, length: Bytes, byte: u8) -> Result<Stretch, WorkError> {
        self.go(at, length, BadFault::NotRead, |file, block, at| {
            // What a read that fails leaves must not look like what was there.
            block.fill(!byte);
            file.read_exact_at(block, at)?;
            let is_same = block.iter().all(|it| *it == byte);
            Ok((!is_same).then_some(BadFault::Differs))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const MIB: u64 = 1 << 20;

    /// A file stands for a disk, on a filesystem that takes `O_DIRECT`; elsewhere there is no test.
    fn disk(folder: &Path, size: u64) -> Option<DirectDisk> {
        let path = folder.join("disk");
        File::create(&path).unwrap().set_len(size).unwrap();
        let id = "wwn-0x5".parse().unwrap();
        DirectDisk::open(&path, &id, Bytes(size)).ok()
    }

    #[test]
    fn what_is_written_is_read_and_what_differs_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let size = 3 * MIB + 3 * PIECE as u64;
        let Some(mut disk) = disk(folder.path(), size) else {
            return;
        };
        let all = Bytes(size);
        let done = disk.fill(Bytes(0), all, 0xaa).unwrap();
        assert_eq!((done.done, done.bad), (all, Vec::new()));
        assert_eq!(disk.compare(Bytes(0), all, 0xaa).unwrap().bad, []);

        let mut bytes = fs::read(folder.path().join("disk")).unwrap();
        bytes[2 * MIB as usize + 5000] = 0;
        bytes[2 * MIB as usize + 9000] = 0;
        fs::write(folder.path().join("disk"), bytes).unwrap();
        let read = disk.compare(Bytes(MIB), all, 0xaa).unwrap();
        let place = BadPlace {
            at: Bytes(2 * MIB + PIECE as u64),
            length: Bytes(2 * PIECE as u64),
            fault: BadFault::Differs,
        };
        assert_eq!((read.done, read.bad), (Bytes(size - MIB), vec![place]));
    }
}
