//! A machine as a folder: `/sys`, `/run` and `/proc` with what a test needs.

use std::{fs, os::unix::fs::symlink, path::Path};

use moxnas_core::{
    disk::{BlockDevices, DiskBackend, SystemDisks},
    root::Root,
};
use tempfile::TempDir;

pub(crate) struct Tree(TempDir);

impl Tree {
    /// A machine without devices, which knows udev and has nothing mounted.
    pub(crate) fn new() -> Tree {
        let tree = Tree(tempfile::tempdir().unwrap());
        fs::create_dir_all(tree.0.path().join("sys/block")).unwrap();
        fs::create_dir_all(tree.0.path().join("run/udev/data")).unwrap();
        tree.file("proc/self/mountinfo", "")
            .file("proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n")
    }

    pub(crate) fn root(&self) -> Root {
        Root::fixture(self.0.path())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn file(self, path: &str, text: impl AsRef<[u8]>) -> Tree {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// Attributes below `/sys/block`: `sda size=8 ro=0`.
    pub(crate) fn attrs(mut self, device: &str, attrs: &str) -> Tree {
        for attr in attrs.split_whitespace() {
            let (name, value) = attr.split_once('=').unwrap();
            self = self.file(&format!("sys/block/{device}/{name}"), format!("{value}\n"));
        }
        self
    }

    pub(crate) fn link(self, path: &str, target: &str) -> Tree {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
        self
    }

    /// A disk of 4 TB at a place in the tree of devices, as the kernel shows it.
    pub(crate) fn disk(self, name: &str, number: &str, place: &str) -> Tree {
        let folder = format!("../devices/{place}/block/{name}");
        fs::create_dir_all(self.0.path().join("sys/block").join(&folder)).unwrap();
        self.link(&format!("sys/block/{name}"), &folder)
            .attrs(name, "size=7814037168 ro=0 removable=0 hidden=0")
            .attrs(name, &format!("dev={number}"))
            .attrs(name, "queue/rotational=1 queue/logical_block_size=512")
            .attrs(name, "queue/physical_block_size=4096 device/type=0")
    }

    /// Partition 1, 2, … of a device.
    pub(crate) fn part(self, of: &str, name: &str, number: &str) -> Tree {
        let digits = name.rsplit(|it: char| !it.is_ascii_digit()).next().unwrap();
        self.attrs(
            &format!("{of}/{name}"),
            &format!("partition={digits} size=2048 ro=0"),
        )
        .attrs(&format!("{of}/{name}"), &format!("dev={number}"))
    }

    /// An array or a volume of these devices.
    pub(crate) fn stacked(mut self, name: &str, number: &str, on: &[&str]) -> Tree {
        self = self.attrs(name, &format!("size=4096 ro=0 dev={number}"));
        for part in on {
            self = self.link(
                &format!("sys/block/{name}/slaves/{part}"),
                &format!("../../{part}"),
            );
        }
        self
    }

    pub(crate) fn udev(self, number: &str, entry: &str) -> Tree {
        let lines: Vec<&str> = entry.lines().map(str::trim).collect();
        self.file(&format!("run/udev/data/b{number}"), lines.join("\n") + "\n")
    }

    pub(crate) fn look(&self) -> BlockDevices {
        SystemDisks::new(self.root()).devices().unwrap()
    }

    /// As [`Tree::look`], of a machine of which everything can be read.
    pub(crate) fn look_clean(&self) -> BlockDevices {
        let seen = self.look();
        assert_eq!(seen.errors, Vec::<String>::new());
        seen
    }
}
