//! What files say of what this process may do.

use std::collections::BTreeSet;

use moxnas_core::root::{FileError, Root};
use serde::{Deserialize, Serialize};

use crate::Container;

/// A right of capabilities(7), by its number in `linux/capability.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// Become another user.
    Setuid = 7,
    /// Listen on ports below 1024.
    NetBindService = 10,
    /// Speak to devices in their own commands.
    SysRawio = 17,
    /// Shut somebody into a folder.
    SysChroot = 18,
    /// Mount, and much else.
    SysAdmin = 21,
    /// Set the clock.
    SysTime = 25,
    /// Read what the kernel says.
    Syslog = 34,
}

/// What files say of what this process may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Whether it sees the machine from a container.
    pub container: Container,
    /// Whether its users are those of the machine: `/proc/self/uid_map` has all of them.
    pub has_all_ids: bool,
    /// How many users it knows.
    pub ids: u64,
    /// `CapEff` of `/proc/self/status`.
    pub capabilities: u64,
    /// What the kernel can mount at present, `/proc/filesystems`.
    pub filesystems: BTreeSet<String>,
    /// The AppArmor profile that it is confined by; `None`: by none.
    pub apparmor: Option<String>,
    /// md(4) is loaded: `/proc/mdstat` is there.
    pub has_md: bool,
    /// Disks of which there are device nodes.
    pub disks: BTreeSet<String>,
    /// `/dev/fuse` is there.
    pub has_fuse: bool,
    /// `/dev/kmsg` is there.
    pub has_kmsg: bool,
    /// Only those with a right to it read the log of the kernel: `dmesg_restrict`.
    pub restricts_log: bool,
    /// systemd runs it.
    pub has_systemd: bool,
    /// There is a bus to ask systemd by.
    pub has_bus: bool,
    /// The first port that needs no right.
    pub first_free_port: u32,
}

impl Facts {
    /// Read them below `root`; `container` is what was found out of the machine before. What is not
    /// there is not so.
    pub fn read(root: &Root, container: Container) -> Result<Facts, FileError> {
        let text = |path: &str| root.read(path).map(Option::unwrap_or_default);
        let ids = counted(&text("/proc/self/uid_map")?);
        let status = text("/proc/self/status")?;
        let effective = status.lines().find_map(|it| it.strip_prefix("CapEff:"));
        let filesystems = text("/proc/filesystems")?;
        let filesystems = filesystems
            .lines()
            .filter_map(|it| it.split_whitespace().last());
        let devices = root.list("/dev")?;
        let free = text("/proc/sys/net/ipv4/ip_unprivileged_port_start")?;
        Ok(Facts {
            container,
            has_all_ids: ids >= u64::from(u32::MAX),
            ids,
            capabilities: effective
                .and_then(|it| u64::from_str_radix(it.trim(), 16).ok())
                .unwrap_or_default(),
            filesystems: filesystems.map(str::to_owned).collect(),
            // Without AppArmor the file is there and cannot be read.
            apparmor: root
                .read("/proc/self/attr/current")
                .ok()
                .flatten()
                .and_then(|it| confined(&it)),
            has_md: root.exists("/proc/mdstat"),
            has_fuse: devices.iter().any(|it| it == "fuse"),
            has_kmsg: devices.iter().any(|it| it == "kmsg"),
            disks: devices.into_iter().filter(|it| is_disk(it)).collect(),
            restricts_log: text("/proc/sys/kernel/dmesg_restrict")?.trim() != "0",
            has_systemd: root.exists("/run/systemd/system"),
            has_bus: root.exists("/run/dbus/system_bus_socket"),
            first_free_port: free.trim().parse().unwrap_or(1024),
        })
    }

    /// Whether this process has a right, be it over its own container only.
    #[must_use]
    pub fn has(&self, capability: Capability) -> bool {
        self.capabilities >> (capability as u32) & 1 == 1
    }

    /// Whether it has that right over the machine.
    #[must_use]
    pub fn has_of_machine(&self, capability: Capability) -> bool {
        self.has_all_ids && self.has(capability)
    }
}

/// How many numbers the lines of a map have, see user_namespaces(7).
fn counted(map: &str) -> u64 {
    let count = |it: &str| it.split_whitespace().nth(2)?.parse::<u64>().ok();
    map.lines().filter_map(count).sum()
}

/// `PROFILE (MODE)`, or a word for none.
fn confined(text: &str) -> Option<String> {
    let (profile, mode) = text.trim_end_matches(['\0', '\n']).rsplit_once(" (")?;
    (mode == "enforce)").then(|| profile.to_owned())
}

/// Whole disks of SCSI, ATA and NVMe; the controllers of the last too.
fn is_disk(name: &str) -> bool {
    let letters = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_lowercase());
    name.strip_prefix("sd").is_some_and(letters)
        || name
            .strip_prefix("nvme")
            .is_some_and(|it| it.starts_with(|it: char| it.is_ascii_digit()) && !it.contains('p'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_as_the_kernel_writes_them() {
        assert_eq!(counted("         0          0 4294967295\n"), 4_294_967_295);
        assert_eq!(counted("0 100000 65536\n70000 70000 1\n"), 65537);
        assert_eq!(counted(""), 0);
        let lxc = "lxc-101_</var/lib/lxc>//&:lxc-101_<-var-lib-lxc>:unconfined (enforce)\n";
        assert!(confined(lxc).is_some());
        for free in ["unconfined\n", "", "a (complain)"] {
            assert_eq!(confined(free), None, "{free:?}");
        }
        let disks = ["sda", "sdaa", "nvme0", "nvme0n1"];
        assert!(disks.iter().all(|it| is_disk(it)));
        let others = ["sda1", "sd", "nvme0n1p1", "nvme-fabrics", "vda", "loop0"];
        assert!(!others.iter().any(|it| is_disk(it)));
    }
}
