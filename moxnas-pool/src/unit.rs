//! The `.mount` unit of a pool, see systemd.mount(5): all that MoxNAS keeps of it.
//!
//! A unit for each pool, in a file of its own that MoxNAS owns whole: `/etc/fstab` is somebody else's.
//! `nofail` is in its options, so that systemd does not hold the start of the machine up for it
//! (systemd.mount(5): then it is not ordered before `local-fs.target`), and it is wanted, not
//! required, by `multi-user.target`: a pool whose disk is missing keeps nobody from logging in.

use std::fmt::Write as _;

pub use moxnas_core::systemd::unit_of;

use crate::{
    devices::DevicesUnit,
    lvm::{ThinUnit, is_physical_uuid},
    model::{Filesystem, PoolName},
};

/// Where units are that an administrator made, or a program on behalf of one.
pub const UNIT_FOLDER: &str = "/etc/systemd/system";

/// Where systemctl(1) links the units that are started with the machine.
pub const WANTED_FOLDER: &str = "/etc/systemd/system/multi-user.target.wants";
/// Where pools are mounted.
pub const POOL_FOLDER: &str = "/srv";

const MARK: &str = "# Made by MoxNAS: pool ";
const NOFAIL: &str = "nofail";

/// What a unit says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountUnit {
    /// The pool.
    pub name: PoolName,
    /// What it is.
    pub filesystem: Filesystem,
    /// The UUID of the filesystem.
    pub uuid: String,
    /// Options of mount(8), beside `nofail`.
    pub options: Vec<String>,
    /// Its datasets are thin volumes.
    pub thin: Option<ThinUnit>,
    /// It is on several devices.
    pub devices: Option<DevicesUnit>,
}

/// Why a file with the mark of MoxNAS is no unit of a pool.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUnit {
    /// The name behind the mark is none.
    #[error("its pool has a name that none can have: {0:?}")]
    Name(String),
    /// A line that has to be there.
    #[error("it has no line {0}=")]
    Missing(&'static str),
    /// A value that is none of ours.
    #[error("{key}={value} was not written by MoxNAS")]
    Value {
        /// What.
        key: &'static str,
        /// Its value.
        value: String,
    },
}

impl MountUnit {
    /// Where it is mounted.
    #[must_use]
    pub fn at(&self) -> String {
        mount_point(&self.name)
    }

    /// The text of the file.
    #[must_use]
    pub fn render(&self) -> String {
        let MountUnit {
            name,
            filesystem,
            uuid,
            options,
            thin,
            devices,
        } = self;
        let mut text = format!("{MARK}{name}\n");
        let options: Vec<&str> = [NOFAIL]
            .into_iter()
            .chain(options.iter().map(String::as_str))
            .collect();
        let (at, options) = (self.at(), options.join(","));
        let _ = write!(
            text,
            "[Unit]\n\
             Description=Pool {name}\n\
             \n\
             [Mount]\n\
             What=/dev/disk/by-uuid/{uuid}\n\
             Where={at}\n\
             Type={filesystem}\n\
             Options={options}\n\
             \n\
             [Install]\n\
             WantedBy=multi-user.target\n"
        );
        if let Some(ThinUnit {
            physical,
            filesystem,
        }) = thin
        {
            let _ = write!(
                text,
                "\n\
                 [X-MoxNAS]\n\
                 PhysicalVolume={physical}\n\
                 Datasets={filesystem}\n"
            );
        }
        if let Some(DevicesUnit { profile, members }) = devices {
            let members = members.join(",");
            let _ = write!(text, "\n[X-MoxNAS]\nMembers={members}\n");
            if let Some(profile) = profile {
                let _ = writeln!(text, "Profile={profile}");
            }
        }
        text
    }

    /// Read a file; `None` for one that MoxNAS did not make.
    pub fn parse(text: &str) -> Option<Result<MountUnit, BadUnit>> {
        let name = text.lines().next()?.strip_prefix(MARK)?;
        Some(MountUnit::read(name, text))
    }

    fn read(name: &str, text: &str) -> Result<MountUnit, BadUnit> {
        let name: PoolName = name.parse().map_err(|_| BadUnit::Name(name.to_owned()))?;
        let value = |key: &'static str| {
            let mut lines = text.lines().filter_map(|it| it.split_once('='));
            let found = lines.find(|(it, _)| it.trim() == key);
            found
                .map(|(_, it)| it.trim().to_owned())
                .ok_or(BadUnit::Missing(key))
        };
        let ours = |key, value: String| BadUnit::Value { key, value };
        let what = value("What")?;
        let uuid = what.strip_prefix("/dev/disk/by-uuid/");
        let uuid = uuid.filter(|it| is_uuid(it)).map(str::to_owned);
        let uuid = uuid.ok_or_else(|| ours("What", what))?;
        let kind = value("Type")?;
        let filesystem = kind.parse().map_err(|_| ours("Type", kind))?;
        let at = value("Where")?;
        if at != mount_point(&name) {
            return Err(ours("Where", at));
        }
        let options = value("Options")?;
        let options = options
            .split(',')
            .filter(|it| !it.is_empty() && *it != NOFAIL);
        let thin = match value("PhysicalVolume") {
            Err(_) => None,
            Ok(physical) if is_physical_uuid(&physical) => {
                let kind = value("Datasets")?;
                let filesystem = kind.parse().map_err(|_| ours("Datasets", kind))?;
                Some(ThinUnit {
                    physical,
                    filesystem,
                })
            }
            Ok(physical) => return Err(ours("PhysicalVolume", physical)),
        };
        let devices = match value("Members") {
            Err(_) => None,
            Ok(members) if members.split(',').all(is_uuid) => {
                let profile = value("Profile").ok();
                let profile = profile
                    .map(|it| it.parse().map_err(|_| ours("Profile", it)))
                    .transpose()?;
                let members = members.split(',').map(str::to_owned).collect();
                Some(DevicesUnit { profile, members })
            }
            Ok(members) => return Err(ours("Members", members)),
        };
        Ok(MountUnit {
            thin,
            devices,
            options: options.map(str::to_owned).collect(),
            name,
            filesystem,
            uuid,
        })
    }
}

/// Whether a text may be the UUID of a filesystem: part of a path and of a line.
#[must_use]
pub fn is_uuid(text: &str) -> bool {
    let is_fine = |it: u8| it.is_ascii_hexdigit() || it == b'-';
    !text.is_empty() && text.len() <= 36 && text.bytes().all(is_fine)
}

/// Where a pool is mounted.
#[must_use]
pub fn mount_point(name: &PoolName) -> String {
    format!("{POOL_FOLDER}/{name}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tank() -> MountUnit {
        MountUnit {
            name: "tank".parse().unwrap(),
            filesystem: Filesystem::Btrfs,
            uuid: "0f3c7a54-7d3e-4d9a-9d8e-0a6b6b0c1d2e".to_owned(),
            options: vec!["noatime".to_owned(), "compress=zstd".to_owned()],
            thin: None,
            devices: None,
        }
    }

    #[test]
    fn only_files_with_our_mark_are_ours() {
        assert_eq!(MountUnit::parse(""), None);
        let theirs = tank().render().replacen(MARK, "# pool ", 1);
        assert_eq!(MountUnit::parse(&theirs), None);
    }

    #[test]
    fn what_somebody_changed_is_an_error_that_names_it() {
        let text = tank().render();
        for (old, new, key) in [
            ("Where=/srv/tank", "Where=/etc", "Where"),
            ("Type=btrfs", "Type=nfs", "Type"),
            ("by-uuid/0f3c", "by-uuid/../sda", "What"),
        ] {
            let err = MountUnit::parse(&text.replacen(old, new, 1)).unwrap();
            assert!(
                matches!(&err, Err(BadUnit::Value { key: it, .. }) if *it == key),
                "{err:?}"
            );
        }
        let cut = text.replacen("Options=", "Option=", 1);
        let missing = Err(BadUnit::Missing("Options"));
        assert_eq!(MountUnit::parse(&cut).unwrap(), missing);
        let named = text.replacen("pool tank", "pool ../x", 1);
        let bad = Err(BadUnit::Name("../x".to_owned()));
        assert_eq!(MountUnit::parse(&named).unwrap(), bad);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(name in "[a-zA-Z0-9][a-zA-Z0-9_-]{0,31}", uuid in "[0-9a-f-]{1,36}", kind in 0..3_usize, options in prop::collection::vec("[a-z=]{1,12}", 0..4), physical in prop::option::of("[a-zA-Z0-9-]{38}"), members in prop::option::of(prop::collection::vec("[0-9a-f-]{36}", 1..4)), profile in prop::option::of(0..5_usize)) {
            let unit = MountUnit {
                name: name.parse().unwrap(),
                filesystem: Filesystem::ALL[kind],
                uuid,
                options: options.into_iter().filter(|it| it != NOFAIL).collect(),
                thin: physical.map(|physical| ThinUnit {
                    physical,
                    filesystem: Filesystem::ALL[kind],
                }),
                devices: members.map(|members| DevicesUnit {
                    profile: profile.map(|it| crate::devices::Profile::ALL[it]),
                    members,
                }),
            };
            prop_assert_eq!(MountUnit::parse(&unit.render()), Some(Ok(unit)));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,300}") {
            _ = MountUnit::parse(&format!("{MARK}{text}"));
        }
    }
}
