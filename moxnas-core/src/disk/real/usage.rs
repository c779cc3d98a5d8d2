//! What is mounted and swapped to, entered at the devices.

use std::collections::BTreeMap;

use super::{
    super::{BlockDevice, BlockKind},
    attrs::Errors,
    lines::Lines,
    mounts::{MOUNTINFO, Mount, SWAPS, parse_mountinfo, parse_swaps},
};
use crate::{chain::chain, root::Root};

/// Filesystems on several devices, which the kernel gives a number `0:N` of their own.
const ON_SEVERAL: [&str; 2] = ["btrfs", "bcachefs"];

/// The devices and all their names.
#[derive(Debug)]
pub(super) struct Named<'a> {
    pub(super) root: &'a Root,
    pub(super) errors: &'a Errors,
    pub(super) devices: &'a mut BTreeMap<String, BlockDevice>,
    /// Kernel names by link below `/dev`, as udev keeps them.
    pub(super) links: &'a BTreeMap<String, String>,
}

impl Named<'_> {
    /// Enter all mounts.
    pub(super) fn enter_mounts(&mut self) {
        let Some(mounts) = self.read(MOUNTINFO, parse_mountinfo) else {
            return;
        };
        let by_number: BTreeMap<(u32, u32), String> = self
            .devices
            .values()
            .map(|it| (it.number, it.name.clone()))
            .collect();
        for mount in mounts {
            let names = match by_number.get(&mount.number) {
                Some(name) => vec![name.clone()],
                None if mount.number.0 == 0 => self.sources(&mount),
                None => Vec::new(),
            };
            for name in names {
                let Some(device) = self.devices.get_mut(&name) else {
                    continue;
                };
                if !device.mounts.contains(&mount.at) {
                    device.mounts.push(mount.at.clone());
                }
            }
        }
    }

    /// Enter all swap devices. A swap file keeps its filesystem mounted, which is enough.
    pub(super) fn enter_swaps(&mut self) {
        let Some(swaps) = self.read(SWAPS, parse_swaps) else {
            return;
        };
        for swap in swaps.into_iter().filter(|it| !it.is_file) {
            let name = swap
                .path
                .strip_prefix("/dev/")
                .and_then(|it| self.resolve(it));
            match name.and_then(|it| self.devices.get_mut(&it)) {
                Some(device) => device.swap = true,
                None => self
                    .errors
                    .add(format!("{} is swapped to and not known", swap.path)),
            }
        }
    }

    /// The devices of a mount without a number of its own.
    fn sources(&self, mount: &Mount) -> Vec<String> {
        let Some(below) = mount.source.strip_prefix("/dev/") else {
            return Vec::new();
        };
        if !ON_SEVERAL.contains(&mount.filesystem.as_str()) {
            return Vec::new();
        }
        let mut names = Vec::new();
        // bcachefs: `/dev/sda:/dev/sdb`.
        for below in below.split(":/dev/") {
            // The kernel may name one that is gone; the others are in use all the same.
            let gone = || Some(below.to_owned()).filter(|it| self.is_of_btrfs(it));
            match self.resolve(below).or_else(gone) {
                Some(name) => names.extend(self.btrfs_with(&name)),
                None => self.errors.add(format!(
                    "/dev/{below} is mounted at {} and not known",
                    mount.at
                )),
            }
        }
        names
    }

    fn is_of_btrfs(&self, name: &str) -> bool {
        self.btrfs_with(name).len() > 1
    }

    /// The device and all others of its btrfs, of which mountinfo shows one.
    fn btrfs_with(&self, name: &str) -> Vec<String> {
        let list = |path: &str| self.root.list(path).unwrap_or_default();
        for filesystem in list("/sys/fs/btrfs") {
            let members = list(&format!("/sys/fs/btrfs/{filesystem}/devices"));
            if members.iter().any(|it| it == name) {
                return members;
            }
        }
        vec![name.to_owned()]
    }

    /// The kernel name behind a path below `/dev`.
    fn resolve(&self, below: &str) -> Option<String> {
        let kernel_name = below.replace('/', "!");
        if self.devices.contains_key(&kernel_name) {
            return Some(kernel_name);
        }
        let mapped = |it: &&BlockDevice| match &it.kind {
            BlockKind::Dm { name, .. } => below.strip_prefix("mapper/") == Some(name),
            _ => false,
        };
        let mapped = self.devices.values().find(mapped).map(|it| &it.name);
        self.links.get(below).or(mapped).cloned()
    }

    fn read<T>(&self, path: &str, parse: impl Fn(&str) -> Lines<T>) -> Option<Vec<T>> {
        let text = match self.root.read(path) {
            Ok(Some(text)) => text,
            Ok(None) => {
                self.errors
                    .add(format!("{path} is not there: what is in use is not known"));
                return None;
            }
            Err(err) => {
                self.errors.add(chain(&err));
                return None;
            }
        };
        let lines = parse(&text);
        for bad in lines.bad {
            self.errors.add(format!("{path}: {bad}"));
        }
        Some(lines.items)
    }
}
