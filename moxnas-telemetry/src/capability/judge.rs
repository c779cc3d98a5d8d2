//! Facts to verdicts.

use serde::{Deserialize, Serialize};

use super::{Capability, Facts};
use crate::Container;

/// Something that a storage server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// Arrays of md(4).
    MdArrays,
    /// Mounting filesystems of disks.
    Mounts,
    /// Showing a folder at another place too.
    BindMounts,
    /// nfsd(7), which is in the kernel.
    NfsServer,
    /// smbd(8)
    SmbServer,
    /// vsftpd(8)
    FtpServer,
    /// sshd(8), each user in a folder of their own.
    SftpServer,
    /// Health of disks, smartctl(8).
    Smart,
    /// Being told of disks that come and go.
    DiskEvents,
    /// Lists of access, acl(5).
    PosixAcl,
    /// Limits for folders.
    ProjectQuotas,
    /// Users and groups of any number.
    UserIds,
    /// Ports below 1024.
    LowPorts,
    /// Setting the clock.
    Clock,
    /// systemd(1), and a bus to ask it by.
    Systemd,
    /// What the kernel says.
    KernelLog,
    /// Filesystems that programs make, fuse(4).
    Fuse,
}

impl Feature {
    /// All there are.
    pub const ALL: [Feature; 17] = [
        Feature::MdArrays,
        Feature::Mounts,
        Feature::BindMounts,
        Feature::NfsServer,
        Feature::SmbServer,
        Feature::FtpServer,
        Feature::SftpServer,
        Feature::Smart,
        Feature::DiskEvents,
        Feature::PosixAcl,
        Feature::ProjectQuotas,
        Feature::UserIds,
        Feature::LowPorts,
        Feature::Clock,
        Feature::Systemd,
        Feature::KernelLog,
        Feature::Fuse,
    ];
}

/// How well something works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// It does.
    Works,
    /// In part, or perhaps.
    Degraded,
    /// It does not.
    Impossible,
}

/// How well a feature works, and what would help.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Which.
    pub feature: Feature,
    /// How well.
    pub level: Level,
    /// Why, for people.
    pub reason: String,
    /// What would help; where it works there is nothing to help with.
    pub remedy: Option<String>,
}

/// How well each feature works, in the order of [`Feature::ALL`].
#[must_use]
pub fn judge(facts: &Facts) -> Vec<Verdict> {
    let verdict = |feature| of(feature, facts).named(feature);
    Feature::ALL.into_iter().map(verdict).collect()
}

/// A verdict on what is said elsewhere.
struct Said(Level, &'static str, Option<String>);

impl Said {
    fn named(self, feature: Feature) -> Verdict {
        let Said(level, reason, remedy) = self;
        Verdict {
            feature,
            level,
            reason: reason.to_owned(),
            remedy,
        }
    }
}

fn works(reason: &'static str) -> Said {
    Said(Level::Works, reason, None)
}

fn degraded(reason: &'static str, remedy: &str) -> Said {
    Said(Level::Degraded, reason, Some(remedy.to_owned()))
}

fn impossible(reason: &'static str, remedy: &str) -> Said {
    Said(Level::Impossible, reason, Some(remedy.to_owned()))
}

const ON_HOST: &str =
    "do it on the host, and give the container the folder: pct set ID --mp0 /srv/POOL,mp=/srv/POOL";
const AS_ROOT: &str = "run the service as root, with the rights that its unit has";

fn of(feature: Feature, facts: &Facts) -> Said {
    let is_container = matches!(facts.container, Container::Yes { .. });
    let has = |it| facts.has(it);
    match feature {
        Feature::MdArrays => match (of_machine(facts, is_container), is_container) {
            (Some(said), _) => said,
            (None, true) => impossible(
                "udev, which arrays need, does not run in containers",
                ON_HOST,
            ),
            (None, false) if !facts.has_md => degraded("md is not loaded yet", "modprobe md_mod"),
            (None, false) => works("md is there"),
        },
        Feature::Mounts => match (of_machine(facts, is_container), &facts.apparmor) {
            (Some(said), _) => said,
            (None, Some(_)) if is_container => degraded(
                "AppArmor lets a container mount only what it is told",
                "pct set ID --features \"mount=ext4;xfs;btrfs\"",
            ),
            (None, _) => works("filesystems of disks can be mounted"),
        },
        Feature::BindMounts => bind_mounts(facts, is_container),
        Feature::NfsServer => match (of_machine(facts, is_container), is_container) {
            (Some(Said(level, reason, _)), true) => Said(
                level,
                reason,
                Some(
                    "export the folder on the host, or run MoxNAS in a virtual machine".to_owned(),
                ),
            ),
            (Some(said), false) => said,
            (None, true) if !facts.filesystems.contains("nfsd") => impossible(
                "nfsd is not loaded on the host",
                "modprobe nfsd on the host",
            ),
            (None, true) if facts.apparmor.is_some() => degraded(
                "AppArmor lets a container mount only what it is told",
                "pct set ID --features mount=nfsd",
            ),
            (None, _) => works("nfsd can be started"),
        },
        Feature::SmbServer => becomes(facts),
        Feature::FtpServer => also(becomes(facts), bind_mounts(facts, is_container)),
        Feature::SftpServer => match has(Capability::SysChroot) {
            true => also(becomes(facts), bind_mounts(facts, is_container)),
            false => impossible("nobody can be shut into a folder here", AS_ROOT),
        },
        Feature::Smart => match of_machine(facts, is_container) {
            Some(Said(level, reason, _)) => {
                Said(level, reason, Some("ask the disks on the host".to_owned()))
            }
            None if facts.disks.is_empty() && is_container => {
                impossible("no disk is passed through", "pct set ID --dev0 /dev/sda")
            }
            None if !has(Capability::SysRawio) && is_container => degraded(
                "not all that disks are asked is let through",
                "in /etc/pve/lxc/ID.conf of the host, lxc.cap.drop without sys_rawio",
            ),
            None if !has(Capability::SysRawio) => {
                degraded("not all that disks are asked is let through", AS_ROOT)
            }
            None => works("disks can be asked"),
        },
        Feature::DiskEvents => match (facts.has_all_ids, is_container) {
            (true, false) => works("the kernel and udev tell"),
            (true, true) => degraded(
                "udev does not run in containers",
                "a look each 30 s sees it too",
            ),
            (false, _) => degraded(
                "the kernel tells nobody in here",
                "a look each 30 s sees what is passed through",
            ),
        },
        Feature::PosixAcl => works("filesystems keep them for anybody"),
        Feature::ProjectQuotas => match of_machine(facts, is_container) {
            Some(said) => said,
            None => works("quotas can be set"),
        },
        Feature::UserIds => match (facts.has_all_ids, facts.ids > 65534) {
            (true, _) => works("all numbers are known"),
            (false, true) => degraded(
                "numbers from 65536 on are not known here, also those of domains",
                "more numbers in lxc.idmap and in /etc/subuid and /etc/subgid of the host",
            ),
            (false, false) => impossible(
                "not even the numbers below 65536 are known here, so users cannot be made",
                "lxc.idmap = u 0 100000 65536, the same for g, and both in /etc/subuid and /etc/subgid",
            ),
        },
        Feature::LowPorts => low_ports(facts),
        Feature::Clock => match of_machine(facts, is_container) {
            _ if facts.has_of_machine(Capability::SysTime) => works("the clock can be set"),
            None if !is_container => impossible("there is no right to set the clock", AS_ROOT),
            _ => impossible("the clock is the host's", "set up chrony on the host"),
        },
        Feature::Systemd => match (facts.has_systemd, facts.has_bus) {
            (true, true) => works("systemd runs and can be asked"),
            (true, false) => degraded("there is no bus to ask systemd by", "apt-get install dbus"),
            (false, _) if is_container => impossible(
                "systemd does not run here",
                "a container with systemd as its first process: pct set ID --features nesting=1",
            ),
            (false, _) => impossible(
                "systemd does not run here",
                "start the machine with systemd",
            ),
        },
        Feature::KernelLog => {
            let is_open = !facts.restricts_log || facts.has_of_machine(Capability::Syslog);
            match facts.has_kmsg && is_open {
                true => works("the log of the kernel can be read"),
                false => degraded(
                    "what the kernel says in its log only is not seen",
                    "read it on the host: journalctl -k",
                ),
            }
        }
        Feature::Fuse => match (facts.has_fuse, has(Capability::SysAdmin)) {
            (true, true) => works("/dev/fuse is there"),
            (true, false) => degraded("fusermount3 has to help", AS_ROOT),
            (false, _) if is_container => {
                impossible("/dev/fuse is not there", "pct set ID --features fuse=1")
            }
            (false, _) => impossible("/dev/fuse is not there", "modprobe fuse"),
        },
    }
}

/// What the kernel asks the right over the machine for, whoever is root of a container; `None`: it
/// is there.
fn of_machine(facts: &Facts, is_container: bool) -> Option<Said> {
    match (facts.has_of_machine(Capability::SysAdmin), is_container) {
        (true, _) => None,
        (false, false) if facts.has_all_ids => Some(impossible(
            "there is no right to administer the machine",
            AS_ROOT,
        )),
        (false, _) => Some(impossible(
            "root of an unprivileged container has no right over the machine",
            ON_HOST,
        )),
    }
}

fn bind_mounts(facts: &Facts, is_container: bool) -> Said {
    match (facts.has(Capability::SysAdmin), &facts.apparmor) {
        (false, _) => impossible("there is no right to mount", AS_ROOT),
        (true, Some(_)) if is_container => degraded(
            "AppArmor lets a container mount only what it is told",
            "pct set ID --features nesting=1",
        ),
        (true, _) => works("folders can be mounted at other places"),
    }
}

fn low_ports(facts: &Facts) -> Said {
    match facts.has(Capability::NetBindService) || facts.first_free_port <= 21 {
        true => works("services can listen on their ports"),
        false => impossible(
            "nobody listens on ports below 1024 here",
            "sysctl net.ipv4.ip_unprivileged_port_start=21",
        ),
    }
}

/// What all daemons need that go on as whoever logs in.
fn becomes(facts: &Facts) -> Said {
    match facts.has(Capability::Setuid) {
        true => low_ports(facts),
        false => impossible("nobody can go on as another user here", AS_ROOT),
    }
}

/// The worse of two.
fn also(one: Said, other: Said) -> Said {
    match other.0 > one.0 {
        true => other,
        false => one,
    }
}
