//! What is said of folders: read and changed through the folder itself, once it is open, and never
//! through a symbolic link that somebody may have put in its place.

use std::{collections::BTreeMap, io, os::fd::OwnedFd};

use moxnas_core::{
    root::{FileError, Root},
    units::Bytes,
};
use nix::unistd::{Gid, Group, Uid, User};
use rustix::{
    fs::{
        Mode, OFlags, XattrFlags, fchmod, fchown, fgetxattr, fremovexattr, fsetxattr, fstat, fsync,
        open,
    },
    io::Errno,
};

use crate::{
    backend::BackendError,
    dataset::{
        Access, Account, AccountKind, AccountName, Acl, Compression, Contents, Folder, Names,
        Owner, SOFT_QUOTA, Step, Whom, dataset_path,
    },
    model::{Filesystem, Pool},
};

const ACCESS: &str = "system.posix_acl_access";
const DEFAULT: &str = "system.posix_acl_default";
/// See `btrfs property`, which sets the same.
const COMPRESSION: &str = "btrfs.compression";
/// The longest value that an extended attribute has, see xattr(7).
const LONGEST: usize = 64 << 10;

/// Look at the folders of all datasets that are mounted. One that cannot be looked at hides no other.
pub(super) fn look_into(root: &Root, pool: &Pool, contents: &mut Contents) {
    let mut known = Known::default();
    for dataset in &mut contents.datasets {
        if !pool.kind.is_away(dataset.name.as_str()) {
            let path = dataset_path(&pool.name, &dataset.name);
            dataset.folder = look(root, &path, &mut known).ok();
        }
        if let Some(folder) = &mut dataset.folder {
            folder.compresses = pool.filesystem == Filesystem::Btrfs;
        }
    }
}

/// What numbers are called, asked once each.
#[derive(Default)]
struct Known {
    users: BTreeMap<u32, Option<String>>,
    groups: BTreeMap<u32, Option<String>>,
}

impl Known {
    fn account(&mut self, kind: AccountKind, id: u32) -> Account {
        let ask = || match kind {
            AccountKind::User => Some(User::from_uid(Uid::from_raw(id)).ok()??.name),
            AccountKind::Group => Some(Group::from_gid(Gid::from_raw(id)).ok()??.name),
        };
        let known = match kind {
            AccountKind::User => &mut self.users,
            AccountKind::Group => &mut self.groups,
        };
        let name = known.entry(id).or_insert_with(ask).clone();
        Account { id, name }
    }
}

/// The number of whoever is called so.
pub(super) fn account(kind: AccountKind, name: &AccountName) -> Result<Option<u32>, BackendError> {
    let found = match kind {
        AccountKind::User => User::from_name(name.as_str()).map(|it| it.map(|it| it.uid.as_raw())),
        AccountKind::Group => {
            Group::from_name(name.as_str()).map(|it| it.map(|it| it.gid.as_raw()))
        }
    };
    found.map_err(|err| BackendError::NotLookedUp {
        kind,
        name: name.clone(),
        source: err.into(),
    })
}

fn look(root: &Root, path: &str, known: &mut Known) -> Result<Folder, FileError> {
    let wrap = |cause: io::Error| FileError {
        verb: "looked at",
        path: root.path(path),
        cause,
    };
    let folder = folder(root, path).map_err(wrap)?;
    let status = fstat(&folder).map_err(|err| wrap(err.into()))?;
    let of_mode = Access::of_mode(status.st_mode);
    let (has_acl, acl) = match value(&folder, ACCESS) {
        Err(Errno::OPNOTSUPP) => (false, None),
        said => (true, said.map_err(|err| wrap(err.into()))?),
    };
    let default = match has_acl {
        true => value(&folder, DEFAULT).map_err(|err| wrap(err.into()))?,
        false => None,
    };
    let parse = |it: Vec<u8>| {
        Acl::parse(&it).map_err(|odd| wrap(io::Error::new(io::ErrorKind::InvalidData, odd)))
    };
    let access = Access {
        acl: acl.map(parse).transpose()?.unwrap_or(of_mode.acl),
        default: default.map(parse).transpose()?,
        special: of_mode.special,
    };
    let text = |name| {
        let value = value(&folder, name).ok().flatten()?;
        String::from_utf8(value).ok()
    };
    Ok(Folder {
        owner: Owner {
            user: known.account(AccountKind::User, status.st_uid),
            group: known.account(AccountKind::Group, status.st_gid),
        },
        names: names_in(&access, known),
        access,
        has_acl,
        compresses: false,
        compression: text(COMPRESSION).and_then(|it| Compression::of_word(&it)),
        soft_quota: text(SOFT_QUOTA).and_then(|it| it.parse().ok().map(Bytes)),
    })
}

fn names_in(access: &Access, known: &mut Known) -> Names {
    let lists = std::iter::once(&access.acl).chain(&access.default);
    let mut names = Names::default();
    for whom in lists.flat_map(|it| it.named.keys()) {
        let (kind, id) = match whom {
            Whom::User(id) => (AccountKind::User, *id),
            Whom::Group(id) => (AccountKind::Group, *id),
        };
        names.learn(kind, &known.account(kind, id));
    }
    names
}

/// A folder, open; an error if it is anything else.
fn folder(root: &Root, path: &str) -> io::Result<OwnedFd> {
    let how = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(open(root.path(path), how, Mode::empty())?)
}

/// An extended attribute; `None`: it has none of that name.
fn value(folder: &OwnedFd, name: &str) -> Result<Option<Vec<u8>>, Errno> {
    // Nearly all are short.
    for room in [1 << 10, LONGEST] {
        let mut value = vec![0; room];
        match fgetxattr(folder, name, value.as_mut_slice()) {
            Ok(length) => {
                value.truncate(length);
                return Ok(Some(value));
            }
            Err(Errno::NODATA) => return Ok(None),
            Err(Errno::RANGE) => (),
            Err(other) => return Err(other),
        }
    }
    Err(Errno::RANGE)
}

/// Set an extended attribute, or let there be none.
fn write(folder: &OwnedFd, name: &str, value: Option<&[u8]>) -> Result<(), Errno> {
    match value {
        Some(value) => fsetxattr(folder, name, value, XattrFlags::empty()),
        None => match fremovexattr(folder, name) {
            Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(()),
            other => other,
        },
    }
}

/// Do a step that says something of a folder. It is on the disk when this returns.
pub(super) fn set(root: &Root, path: &str, step: &Step) -> Result<(), FileError> {
    let change = || -> io::Result<()> {
        let folder = folder(root, path)?;
        match step {
            Step::SetOwner { to, .. } => {
                let user = rustix::fs::Uid::from_raw(to.user.id);
                let group = rustix::fs::Gid::from_raw(to.group.id);
                fchown(&folder, Some(user), Some(group))?;
            }
            Step::SetAccess { to, .. } => set_access(&folder, to)?,
            Step::SetCompression { to, .. } => {
                let word = to.map(|it| it.word().as_bytes());
                write(&folder, COMPRESSION, word)?;
            }
            Step::SetSoftQuota { to, .. } => {
                let text = to.map(|it| it.0.to_string());
                write(&folder, SOFT_QUOTA, text.as_deref().map(str::as_bytes))?;
            }
            _ => return Ok(()),
        }
        Ok(fsync(&folder)?)
    };
    change().map_err(|cause| FileError {
        verb: "changed",
        path: root.path(path),
        cause,
    })
}

/// A list that names nobody is the mode, and is not kept beside it. chmod(2) goes last: it has the bits
/// that a list has not.
fn set_access(folder: &OwnedFd, to: &Access) -> Result<(), Errno> {
    let list = (!to.acl.named.is_empty()).then(|| to.acl.render());
    write(folder, ACCESS, list.as_deref())?;
    let default = to.default.as_ref().map(Acl::render);
    write(folder, DEFAULT, default.as_deref())?;
    fchmod(folder, Mode::from_raw_mode(to.special << 9 | to.acl.mode()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// What needs no root: a mode, and what a link is not.
    #[test]
    fn a_folder_is_changed_and_what_a_link_leads_to_is_not() {
        let there = tempfile::tempdir().unwrap();
        let root = Root::fixture(there.path());
        for name in ["folder", "other"] {
            std::fs::create_dir(there.path().join(name)).unwrap();
        }
        symlink(there.path().join("other"), there.path().join("link")).unwrap();
        let step = Step::SetAccess {
            dataset: "data".parse().unwrap(),
            from: None,
            to: Access::of_mode(0o1710),
            names: Names::default(),
        };
        set(&root, "/folder", &step).unwrap();
        let mut known = Known::default();
        let seen = look(&root, "/folder", &mut known).unwrap();
        assert_eq!(seen.access.mode(), 0o1710);
        let before = look(&root, "/other", &mut known).unwrap();
        for path in ["/link", "/none"] {
            assert!(set(&root, path, &step).is_err(), "{path}");
            assert!(look(&root, path, &mut known).is_err(), "{path}");
        }
        assert_eq!(look(&root, "/other", &mut known).unwrap(), before);
    }

    #[test]
    fn every_machine_knows_root() {
        let known = account(AccountKind::User, &"root".parse().unwrap());
        assert_eq!(known.unwrap(), Some(0));
        let nobody = account(AccountKind::Group, &"no-such-group-here".parse().unwrap());
        assert_eq!(nobody.unwrap(), None);
    }
}
