//! What is in the guest: packages, kernel modules, and units that would only slow its boot.

/// Debian packages beyond `minbase`, without their recommendations.
pub(super) const PACKAGES: &[&str] = &[
    // A machine that boots and can be looked at.
    "systemd", "systemd-sysv", "udev", "dbus", "kmod", "procps", "iproute2", "util-linux", "fdisk",
    "curl", "ca-certificates",
    // Disks and arrays.
    "mdadm", "lvm2", "smartmontools", "nvme-cli", "hdparm", "sg3-utils",
    // Filesystems.
    "e2fsprogs", "btrfs-progs", "xfsprogs",
];

/// Folders of kernel modules that are taken whole.
pub(super) const MODULE_FOLDERS: &[&str] = &[
    "kernel/drivers/md/",
    "kernel/drivers/nvme/",
    "kernel/drivers/virtio/",
    "kernel/crypto/",
    "kernel/arch/x86/crypto/",
    "kernel/lib/",
    "kernel/fs/nls/",
];

/// Single kernel modules; what they depend on comes along.
pub(super) const MODULES: &[&str] = &[
    // Devices of the virtual machine.
    "virtio_blk", "virtio_scsi", "virtio_console", "virtio_net", "virtio-rng", "9pnet_virtio", "9p",
    "ahci", "sd_mod", "sg", "ses", "scsi_debug", "xhci-pci", "usb-storage", "uas", "i6300esb",
    "button", "drivetemp",
    // Filesystems and what stands under them.
    "ext4", "btrfs", "xfs", "vfat", "overlay", "loop", "fuse", "autofs4", "configfs", "efivarfs",
    // Network file services and what guards them.
    "nfsd", "nfsv3", "nfsv4", "cifs", "8021q", "bonding", "bridge", "dummy", "veth", "nf_tables",
    "tcm_loop", "target_core_user", "softdog",
];

/// Modules of the initial ramdisk: enough to mount the root disk and talk to the host.
pub(super) const INITRD_MODULES: &[&str] =
    &["virtio_pci", "virtio_blk", "crc32c_generic", "ext4", "overlay", "virtio_console"];

/// Units that are masked: they do nothing for a test and cost boot time, or act at random moments.
pub(super) const MASKED_UNITS: &[&str] = &[
    "apt-daily-upgrade.timer", "apt-daily.timer", "blk-availability.service",
    "console-getty.service", "dev-hugepages.mount", "dev-mqueue.mount", "dpkg-db-backup.timer",
    "e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer", "getty-static.service",
    "getty@tty1.service", "kmod-static-nodes.service", "mdadm-shutdown.service",
    "mdcheck_continue.timer", "mdcheck_start.timer", "mdmonitor-oneshot.timer",
    "modprobe@configfs.service", "modprobe@dm_mod.service", "modprobe@drm.service",
    "modprobe@efi_pstore.service", "modprobe@fuse.service", "modprobe@loop.service",
    "nvmefc-boot-connections.service", "nvmf-autoconnect.service", "serial-getty@ttyS0.service",
    "smartmontools.service", "sys-fs-fuse-connections.mount", "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount", "systemd-ask-password-console.path",
    "systemd-ask-password-wall.path", "systemd-binfmt.service",
    "systemd-boot-system-token.service", "systemd-firstboot.service",
    "systemd-hwdb-update.service", "systemd-journal-flush.service", "systemd-logind.service",
    "systemd-machine-id-commit.service", "systemd-network-generator.service",
    "systemd-pcrphase-sysinit.service", "systemd-pcrphase.service", "systemd-pstore.service",
    "systemd-random-seed.service", "systemd-sysusers.service", "systemd-timesyncd.service",
    "systemd-tpm2-setup-early.service", "systemd-tpm2-setup.service",
    "systemd-udev-settle.service", "systemd-update-utmp-runlevel.service",
    "systemd-update-utmp.service",
];
