//! What btrfs-progs say of devices, and how far a btrfs is with what it does.

use moxnas_core::{root::Root, units::Bytes};

use super::{SystemPools, argv, btrfs::Odd};
use crate::{
    backend::BackendError,
    dataset::Contents,
    devices::{OnDevice, Task, Underway},
    lvm::Kind,
    model::{Filesystem, Pool},
};

impl SystemPools {
    /// Add to what is in a btrfs on which devices it is, and what it is at.
    pub(super) fn ask_devices(
        &self,
        pool: &Pool,
        contents: &mut Contents,
    ) -> Result<(), BackendError> {
        if pool.filesystem != Filesystem::Btrfs {
            return Ok(());
        }
        let mut task = scrubs(&self.root, &pool.uuid).then_some(Task::Scrub);
        if let Kind::Devices(devices) = &pool.kind {
            let said = self.runner.run(&argv::usage(&pool.name))?.text();
            let name = |path: &str| -> String {
                let below = path.strip_prefix("/dev/").unwrap_or(path);
                let link = self.root.link_name(path);
                link.unwrap_or_else(|| below.to_owned())
            };
            contents.devices = usage(&said, name)?;
            let busy = devices.busy.as_deref();
            task = busy.and_then(Task::of_word).or(task);
        }
        let Some(task) = task else {
            return Ok(());
        };
        // It may have ended meanwhile: then there is nothing to tell.
        let said = argv::progress(&pool.name, task).map(|it| self.runner.run(&it));
        let said = said.transpose()?.map(|it| it.text());
        contents.underway = Some(Underway {
            task,
            permille: said.and_then(|it| permille(task, &it)),
        });
        Ok(())
    }
}

/// btrfs-scrub(8) has this socket while it runs.
fn scrubs(root: &Root, uuid: &str) -> bool {
    root.exists(format!("/var/lib/btrfs/scrub.progress.{uuid}"))
}

/// What `btrfs device usage -b` says: a line for each device, such as `/dev/sda, ID: 1` or `missing, ID:
/// 2`, then a line for each use of it. `name` is what the kernel calls a path.
pub(super) fn usage(text: &str, name: impl Fn(&str) -> String) -> Result<Vec<OnDevice>, Odd> {
    let mut found: Vec<OnDevice> = Vec::new();
    for line in text.lines().filter(|it| !it.trim().is_empty()) {
        let odd = || Odd::Usage(line.to_owned());
        if let Some((path, number)) = line.split_once(", ID: ") {
            found.push(OnDevice {
                number: number.trim().parse().map_err(|_| odd())?,
                name: (path != "missing").then(|| name(path)),
                size: Bytes(0),
                allocated: Bytes(0),
            });
            continue;
        }
        let (what, bytes) = line.trim().rsplit_once(':').ok_or_else(odd)?;
        let bytes: u64 = bytes.trim().parse().map_err(|_| odd())?;
        let last = found.last_mut().ok_or_else(odd)?;
        match what {
            // Of the device, and not of what the filesystem may use of it.
            "Device size" | "Device slack" => (),
            "Unallocated" => last.size = Bytes(last.size.0 + bytes),
            _ => {
                last.size = Bytes(last.size.0 + bytes);
                last.allocated = Bytes(last.allocated.0 + bytes);
            }
        }
    }
    Ok(found)
}

/// How much is done, of 1000: `12.2% done` of a replacement, `(6.79%)` of a scrub, `80% left` of a balance.
fn permille(task: Task, text: &str) -> Option<u16> {
    let (mark, is_left) = match task {
        Task::Scrub => ("%)", false),
        Task::Replace => ("% done", false),
        Task::Balance => ("% left", true),
        Task::Remove => return None,
    };
    let before = text.split(mark).next().filter(|it| it.len() < text.len())?;
    let from = before.rfind(|it: char| !it.is_ascii_digit() && it != '.');
    let number: f64 = before[from.map_or(0, |it| it + 1)..].parse().ok()?;
    let share = (number * 10.0).clamp(0.0, 1000.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to what fits"
    )]
    let permille = share.round() as u16;
    Some(if is_left { 1000 - permille } else { permille })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As btrfs-progs 6.2 says it of a mirror that is mounted without one of its devices.
    const LACKING: &str = "\
/dev/sda, ID: 1
   Device size:           419430400
   Device slack:                  0
   Data,single:           100663296
   Data,RAID1:            150994944
   Metadata,RAID1:         41943040
   System,RAID1:            8388608
   Unallocated:           117440512

missing, ID: 2
   Device size:                   0
   Device slack:                  0
   Data,RAID1:            150994944
   Metadata,RAID1:         41943040
   System,RAID1:            8388608
   Unallocated:           218103808
";

    #[test]
    fn devices_have_what_the_filesystem_may_use_be_they_there_or_not() {
        let name = |it: &str| it.trim_start_matches("/dev/").to_owned();
        let found = usage(LACKING, name).unwrap();
        let told: Vec<_> = found
            .iter()
            .map(|it| (it.number, it.name.as_deref(), it.size.0, it.allocated.0))
            .collect();
        assert_eq!(
            told,
            [
                (1, Some("sda"), 419_430_400, 301_989_888),
                (2, None, 419_430_400, 201_326_592),
            ]
        );
        for bad in ["/dev/sda, ID: x", "Data: 1", "/dev/sda, ID: 1\nData"] {
            assert!(usage(bad, name).is_err(), "{bad}");
        }
    }

    /// As btrfs-progs 6.2 says it.
    #[test]
    fn each_program_says_in_its_way_how_far_it_is() {
        let scrub = "Total to scrub:   542.81MiB\nBytes scrubbed:   36.84MiB  (6.79%)\nRate: 1";
        let balance = "Balance on '/mnt' is running\n2 out of about 10 chunks balanced (5 considered),  \
                       80% left\n";
        let cases = [
            (Task::Scrub, scrub, Some(68)),
            (Task::Scrub, "\tno stats available\n", None),
            (
                Task::Replace,
                "12.2% done, 0 write errs, 0 uncorr. read errs\n",
                Some(122),
            ),
            (Task::Replace, "Never started\n", None),
            (Task::Balance, balance, Some(200)),
            (Task::Balance, "No balance found on '/mnt'\n", None),
            (Task::Remove, "50% left", None),
        ];
        for (task, text, expected) in cases {
            assert_eq!(permille(task, text), expected, "{text}");
        }
    }
}
