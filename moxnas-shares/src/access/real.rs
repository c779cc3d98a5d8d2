//! The machine: each name is opened in the folder that was opened before it, so that nobody can put
//! something else in between.

use std::{io, os::fd::AsRawFd, os::fd::OwnedFd};

use moxnas_core::{acl::Acl, folder::FolderPath, root::Root};
use rustix::{
    fs::{
        AtFlags, CWD, FileType, Mode, OFlags, StatVfsMountFlags, StatxAttributes, StatxFlags,
        fstatvfs, getxattr, openat, readlinkat, statx,
    },
    io::Errno,
};

use super::{
    Flags, IdMap, Kind, Last, Node, PathBackend, SharePath, Space, Trail, TrailError,
    walk::{Found, Tree, walk},
};

/// A machine that has files.
pub struct SystemPaths {
    root: Root,
}

impl SystemPaths {
    /// A machine whose files are below `root`.
    #[must_use]
    pub fn new(root: Root) -> SystemPaths {
        SystemPaths { root }
    }

    fn numbers(&self, path: &'static str) -> Result<Vec<super::IdRange>, TrailError> {
        // A kernel without namespaces has no such file, and all numbers.
        let Some(text) = self.root.read(path)? else {
            return Ok(IdMap::default().uids);
        };
        IdMap::parse(&text).ok_or(TrailError::Odd { path, text })
    }
}

impl PathBackend for SystemPaths {
    fn trail(&self, share: &FolderPath, path: &SharePath, last: Last) -> Result<Trail, TrailError> {
        walk(self, share, path, last)
    }

    fn ids(&self) -> Result<IdMap, TrailError> {
        Ok(IdMap {
            uids: self.numbers("/proc/self/uid_map")?,
            gids: self.numbers("/proc/self/gid_map")?,
        })
    }
}

/// As it is: no link is followed, nothing is read, no device wakes up.
const HOW: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl Tree for SystemPaths {
    type Place = OwnedFd;

    fn top(&self) -> Result<Found<OwnedFd>, TrailError> {
        let opened = openat(CWD, self.root.path("/"), HOW, Mode::empty());
        let place = opened.map_err(|err| unseen("/".to_owned(), err))?;
        look(place, "/".to_owned())
    }

    fn below(
        &self,
        folder: &OwnedFd,
        name: &str,
        path: String,
    ) -> Result<Option<Found<OwnedFd>>, TrailError> {
        match openat(folder, name, HOW, Mode::empty()) {
            Ok(place) => look(place, path).map(Some),
            Err(Errno::NOENT) => Ok(None),
            Err(err) => Err(unseen(path, err)),
        }
    }

    fn space(&self, place: &OwnedFd) -> Option<Space> {
        let room = fstatvfs(place).ok()?;
        Some(Space {
            bytes: room.f_bavail.saturating_mul(room.f_frsize),
            // Where files are made as they are needed nobody counts them.
            files: (room.f_files > 0).then_some(room.f_favail),
        })
    }
}

fn unseen(path: String, err: Errno) -> TrailError {
    TrailError::Place {
        path,
        cause: err.into(),
    }
}

fn look(place: OwnedFd, path: String) -> Result<Found<OwnedFd>, TrailError> {
    match node(&place, &path) {
        Ok(node) => Ok(Found { place, node }),
        Err(cause) => Err(TrailError::Place { path, cause }),
    }
}

fn node(place: &OwnedFd, path: &str) -> io::Result<Node> {
    let asked = StatxFlags::BASIC_STATS | StatxFlags::MNT_ID;
    let status = statx(place, "", AtFlags::EMPTY_PATH, asked)?;
    let kind = match FileType::from_raw_mode(status.stx_mode.into()) {
        FileType::Directory => Kind::Folder,
        FileType::RegularFile => Kind::File,
        FileType::Symlink => {
            let target = readlinkat(place, "", Vec::new())?;
            Kind::Link(target.to_string_lossy().into_owned())
        }
        _ => Kind::Other,
    };
    let (keeps_acl, acl) = match kind {
        Kind::Link(_) => (false, None),
        _ => list(place)?,
    };
    let has = |it| status.stx_attributes.contains(it);
    let mount = match StatxFlags::from_bits_retain(status.stx_mask).contains(StatxFlags::MNT_ID) {
        true => status.stx_mnt_id,
        // Linux before 5.8 does not number them here; the filesystem is what it can tell.
        false => u64::from(status.stx_dev_major) << 32 | u64::from(status.stx_dev_minor),
    };
    Ok(Node {
        path: path.to_owned(),
        kind,
        uid: status.stx_uid,
        gid: status.stx_gid,
        mode: u32::from(status.stx_mode) & 0o7777,
        acl,
        keeps_acl,
        flags: Flags {
            immutable: has(StatxAttributes::IMMUTABLE),
            append_only: has(StatxAttributes::APPEND),
        },
        mount,
        is_read_only: fstatvfs(place)?.f_flag.contains(StatVfsMountFlags::RDONLY),
    })
}

/// The longest list, see xattr(7).
const LONGEST: usize = 64 << 10;

/// What is open by its path alone gives no attributes itself; the name that proc(5) has for it
/// does.
fn list(place: &OwnedFd) -> io::Result<(bool, Option<Acl>)> {
    let itself = format!("/proc/self/fd/{}", place.as_raw_fd());
    for room in [1 << 10, LONGEST] {
        let mut value = vec![0; room];
        match getxattr(&itself, "system.posix_acl_access", value.as_mut_slice()) {
            Ok(length) => {
                let acl = Acl::parse(&value[..length]);
                let odd = |it| io::Error::new(io::ErrorKind::InvalidData, it);
                return Ok((true, Some(acl.map_err(odd)?)));
            }
            Err(Errno::NODATA) => return Ok((true, None)),
            Err(Errno::OPNOTSUPP) => return Ok((false, None)),
            Err(Errno::RANGE) => (),
            Err(err) => return Err(err.into()),
        }
    }
    Err(Errno::RANGE.into())
}
