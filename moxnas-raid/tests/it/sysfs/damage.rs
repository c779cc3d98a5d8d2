//! A damaged array is told of, and harms no other.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use moxnas_raid::{Health, Inventory, health};
use tempfile::TempDir;

use crate::captured::{self, Captured};

/// A captured machine that may be damaged.
pub(super) struct Copy(TempDir);

impl Copy {
    pub(super) fn of(captured: &Captured) -> Copy {
        let copy = Copy(captured::scratch());
        copy_tree(&captured.root(), copy.0.path());
        copy
    }

    pub(super) fn observe(&self) -> Inventory {
        captured::observe(self.0.path())
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    /// Take away a file or a folder.
    pub(super) fn remove(&self, path: &str) {
        let path = self.path(path);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        fs::write(self.path(path), text).unwrap();
    }

    pub(super) fn edit(&self, path: &str, edit: impl FnOnce(String) -> String) {
        let text = fs::read_to_string(self.path(path)).unwrap();
        self.write(path, &edit(text));
    }
}

pub(crate) fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        let kind = entry.file_type().unwrap();
        if kind.is_symlink() {
            symlink(fs::read_link(entry.path()).unwrap(), target).unwrap();
        } else if kind.is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The files of an array that are read.
const FILES: [&str; 17] = [
    "array_state",
    "level",
    "raid_disks",
    "degraded",
    "chunk_size",
    "component_size",
    "layout",
    "metadata_version",
    "sync_action",
    "sync_completed",
    "sync_speed",
    "resync_start",
    "mismatch_cnt",
    "consistency_policy",
    "dev-sda1/state",
    "dev-sda1/slot",
    "dev-sda1/errors",
];

/// Words that the kernel may have newly learned are shown, and texts that only say how far
/// something is are not worth an error.
const ANY_TEXT: [&str; 8] = [
    "array_state",
    "level",
    "metadata_version",
    "consistency_policy",
    "resync_start",
    "sync_completed",
    "sync_speed",
    "dev-sda1/state",
];

/// Damage md126 in one place after the other, and see each time that the two other arrays stay as
/// they are.
fn check(how: &str, damage: impl Fn(&Path)) {
    for it in captured::named("three-arrays") {
        let copy = Copy::of(&it);
        let whole = copy.observe();
        let others = |seen: &Inventory| {
            let mut arrays = seen.arrays.clone();
            arrays.retain(|it| it.kernel_name != "md126");
            arrays
        };
        for file in FILES {
            let path = copy.path(&format!("sys/block/md126/md/{file}"));
            let text = fs::read(&path).unwrap();
            fs::remove_file(&path).unwrap();
            damage(&path);
            let seen = copy.observe();
            assert_eq!(others(&seen), others(&whole), "{file} {how}");
            let case = format!("{file} {how}: {:?}", seen.errors);
            match seen.find("md126") {
                None => {
                    let [error] = seen.errors.as_slice() else {
                        panic!("{case}")
                    };
                    assert!(error.contains("md126") && error.contains(file), "{case}");
                }
                Some(array) => {
                    assert_eq!(seen.errors, Vec::<String>::new(), "{case}");
                    assert!(how != "is nonsense" || ANY_TEXT.contains(&file), "{case}");
                    let is_well = matches!(health(array).0, Health::Optimal { .. });
                    assert!(!is_well, "{case}: {array:?}");
                }
            }
            if path.is_dir() {
                fs::remove_dir(&path).unwrap();
            }
            fs::write(&path, text).unwrap();
        }
        assert_eq!(copy.observe(), whole);
    }
}

#[test]
fn nonsense_is_an_error_of_that_array_only() {
    check("is nonsense", |path| fs::write(path, "¿?\n").unwrap());
}

#[test]
fn an_empty_file_harms_that_array_only() {
    check("is empty", |path| fs::write(path, "").unwrap());
}

#[test]
fn a_missing_file_harms_that_array_only() {
    check("is missing", |_| ());
}

#[test]
fn a_folder_in_place_of_a_file_harms_that_array_only() {
    check("is a folder", |path| fs::create_dir(path).unwrap());
}

/// The kernel gives the name to the next disk as soon as nobody holds it.
#[test]
fn another_disk_of_the_same_name_is_not_taken_for_the_member_that_left() {
    for it in captured::named("three-arrays") {
        let copy = Copy::of(&it);
        copy.remove("sys/block/md126/md/dev-sda1/block");
        let seen = copy.observe();
        assert!(seen.devices.get("sda1").is_some());
        let (health, _) = health(seen.find("md126").unwrap());
        assert_eq!(health, Health::Failed { missing: 2 });
    }
}

#[test]
fn a_damaged_text_beside_sysfs_harms_no_array() {
    for it in captured::named("three-arrays") {
        let whole = it.observe().arrays;
        for file in [
            "run/mdadm/map",
            "proc/mdstat",
            "proc/swaps",
            "etc/mdadm/mdadm.conf",
        ] {
            let copy = Copy::of(&it);
            copy.write(file, "¿? \\ = : ::: [ ( \u{0} \n md126\n");
            assert_eq!(copy.observe().arrays, whole, "{file}");
        }
        let copy = Copy::of(&it);
        copy.remove("run/mdadm");
        assert_eq!(copy.observe().arrays, whole, "without a map");
    }
}

#[test]
fn two_arrays_of_one_name_go_by_their_kernel_names() {
    for it in captured::named("three-arrays") {
        let copy = Copy::of(&it);
        copy.edit("run/udev/data/b9:126", |it| {
            it.replace("MD_DEVNAME=b", "MD_DEVNAME=a")
        });
        let seen = copy.observe();
        let names: Vec<&str> = seen.arrays.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["c", "md126", "md127"]);
    }
}
