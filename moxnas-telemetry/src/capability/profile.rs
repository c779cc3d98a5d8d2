//! Machines that are not there, as far as this is about.

use serde::{Deserialize, Serialize};

use super::Facts;
use crate::Container;

/// What MoxNAS may run on, as Proxmox VE makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// The machine itself, or a virtual one.
    Host,
    /// A container whose root is that of the machine.
    PrivilegedContainer,
    /// A container whose users are others outside. The usual one.
    UnprivilegedContainer,
}

/// All rights that Linux 6.1 has.
const ALL: u64 = (1 << 41) - 1;
/// What LXC takes from a privileged container: mac_admin, mac_override, sys_module, sys_rawio and
/// sys_time, see `common.conf` of LXC.
const KEPT: u64 = ALL & !(1 << 32 | 1 << 33 | 1 << 16 | 1 << 17 | 1 << 25);

impl Profile {
    /// All there are.
    pub const ALL: [Profile; 3] = [
        Profile::Host,
        Profile::PrivilegedContainer,
        Profile::UnprivilegedContainer,
    ];

    /// What such a machine says of itself.
    #[must_use]
    pub fn facts(self) -> Facts {
        let privileged = self == Profile::PrivilegedContainer;
        let is_container = self != Profile::Host;
        let ids = match self {
            Profile::Host | Profile::PrivilegedContainer => u64::from(u32::MAX),
            Profile::UnprivilegedContainer => 65536,
        };
        let filesystems = ["ext4", "xfs", "btrfs", "nfsd", "fuse", "tmpfs"];
        Facts {
            container: match is_container {
                false => Container::No,
                true => Container::Yes {
                    engine: Some("lxc".to_owned()),
                    privileged: Some(privileged),
                },
            },
            has_all_ids: self != Profile::UnprivilegedContainer,
            ids,
            capabilities: if privileged { KEPT } else { ALL },
            filesystems: filesystems.map(str::to_owned).into(),
            apparmor: is_container.then(|| "lxc-101_</var/lib/lxc>".to_owned()),
            has_md: true,
            disks: match is_container {
                true => Default::default(),
                false => ["sda".to_owned(), "sdb".to_owned()].into(),
            },
            has_fuse: !is_container,
            has_kmsg: !is_container,
            restricts_log: true,
            has_systemd: true,
            has_bus: true,
            first_free_port: 1024,
        }
    }
}
