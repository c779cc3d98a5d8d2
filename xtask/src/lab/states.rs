//! The states of arrays and disks that fixtures show, each with the script that brings it about.
//!
//! Every state begins with a fresh machine. In a script `$N0` and `$N1` are NVMe disks, `$S0` to
//! `$S3` SCSI disks, and the functions are those of `xtask/lab/states.sh`.

/// A state to be captured.
pub(super) struct State {
    /// The folder of its fixture.
    pub(super) name: &'static str,
    pub(super) script: &'static str,
}

const fn state(name: &'static str, script: &'static str) -> State {
    State { name, script }
}

pub(super) const STATES: &[State] = &[
    // Disks without arrays.
    state("disks-blank", "true"),
    state(
        "disks-partitioned",
        "printf 'label: gpt\nsize=40M\nsize=40M,type=swap\n' | sfdisk -q $S0
         printf 'label: dos\nsize=40M\nsize=40M,type=8e\n' | sfdisk -q $S1
         printf 'label: gpt\nsize=40M\nsize=40M,type=lvm\n' | sfdisk -q $N0
         udevadm settle
         mkfs.ext4 -q -F -L data ${S0}1; mkdir -p /mnt/data; mount ${S0}1 /mnt/data
         mkswap -q ${S0}2; swapon ${S0}2
         mkfs.ext4 -q -F ${S1}1
         pvcreate -q -y ${N0}p2; vgcreate -q vault ${N0}p2; lvcreate -q -y -n safe -L 16M vault
         mkfs.ext4 -q -F -L whole $S2",
    ),
    // Levels at rest.
    state(
        "raid0-clean",
        "create r0 --level=0 --raid-devices=4 --chunk=64 $S0 $S1 $S2 $S3",
    ),
    state(
        "raid1-clean-bitmap",
        "create r1 --level=1 --raid-devices=2 --bitmap=internal --assume-clean $N0 $S0",
    ),
    state(
        "raid1-metadata-0.90",
        "create r1 --metadata=0.90 --level=1 --raid-devices=2 --bitmap=none --assume-clean $S0 $S1",
    ),
    state(
        "raid1-write-mostly",
        "create r1 --level=1 --raid-devices=2 --bitmap=internal --assume-clean \
             $N0 --write-mostly $S0",
    ),
    state(
        "raid5-clean",
        "create r5 --level=5 --raid-devices=3 --assume-clean $S0 $S1 $S2",
    ),
    state(
        "raid5-with-spare",
        "create r5 --level=5 --raid-devices=3 --spare-devices=1 --assume-clean $S0 $S1 $S2 $S3",
    ),
    state(
        "raid5-with-journal",
        "create r5 --level=5 --raid-devices=3 --write-journal $N0 $S0 $S1 $S2; fast; rest r5",
    ),
    state(
        "raid6-clean",
        "create r6 --level=6 --raid-devices=4 --assume-clean $S0 $S1 $S2 $S3",
    ),
    // First resync or recovery.
    state(
        "raid1-resync-running",
        "slow; create r1 --level=1 --raid-devices=2 --bitmap=none $N0 $S0; action r1 resync",
    ),
    state(
        "raid5-initial-recovery-running",
        "slow; create r5 --level=5 --raid-devices=3 $S0 $S1 $S2; action r5 recover",
    ),
    state(
        "raid6-resync-running",
        "slow; create r6 --level=6 --raid-devices=4 $S0 $S1 $S2 $S3; action r6 resync",
    ),
    state(
        "resync-delayed",
        "for disk in $S0 $S1; do
             printf 'label: gpt\nsize=40M,type=raid\nsize=40M,type=raid\n' | sfdisk -q $disk
         done
         udevadm settle; slow
         create first --level=1 --raid-devices=2 --bitmap=none ${S0}1 ${S1}1; action first resync
         create second --level=1 --raid-devices=2 --bitmap=none ${S0}2 ${S1}2; sleep 2",
    ),
    state(
        "raid1-auto-read-only-pending",
        "slow; create r1 --level=1 --raid-devices=2 --bitmap=none $S0 $S1; action r1 resync
         stop r1; echo 1 > /sys/module/md_mod/parameters/start_ro
         mdadm --assemble /dev/md/r1 $S0 $S1",
    ),
    state(
        "raid1-read-only",
        "create r1 --level=1 --raid-devices=2 --bitmap=none --assume-clean $S0 $S1
         mdadm --readonly /dev/md/r1",
    ),
    // Members that fail, go and come.
    state(
        "raid5-degraded-failed",
        "create r5 --level=5 --raid-devices=3 --assume-clean $S0 $S1 $S2
         mdadm /dev/md/r5 --fail $S1",
    ),
    state(
        "raid5-degraded-removed",
        "create r5 --level=5 --raid-devices=3 --assume-clean $S0 $S1 $S2
         mdadm /dev/md/r5 --fail $S1; again mdadm /dev/md/r5 --remove $S1",
    ),
    state(
        "raid5-recovery-running",
        "create r5 --level=5 --raid-devices=3 --assume-clean $S0 $S1 $S2; slow
         mdadm /dev/md/r5 --fail $S1; again mdadm /dev/md/r5 --remove $S1
         mdadm /dev/md/r5 --add $S3; action r5 recover",
    ),
    state(
        "raid5-failed-spare-rebuilding",
        "create r5 --level=5 --raid-devices=3 --spare-devices=1 --assume-clean $S0 $S1 $S2 $S3
         slow; mdadm /dev/md/r5 --fail $S1; action r5 recover",
    ),
    state(
        "raid5-replace-running",
        "create r5 --level=5 --raid-devices=3 --assume-clean $S0 $S1 $S2
         mdadm /dev/md/r5 --add-spare $S3; slow
         mdadm /dev/md/r5 --replace $S0 --with $S3; action r5 recover",
    ),
    state(
        "raid5-two-members-gone-mounted",
        "create r5 --level=5 --raid-devices=3 --assume-clean $S0 $S1 $S2
         mkfs.ext4 -q -F /dev/md/r5; mkdir -p /mnt/data; mount /dev/md/r5 /mnt/data
         for disk in $S0 $S1; do
             echo 1 > /sys/block/${disk#/dev/}/device/delete; sleep 1
             dd if=/dev/urandom of=/mnt/data/file bs=1M count=2 conv=fsync || true
         done
         udevadm settle",
    ),
    state(
        "raid6-two-failed",
        "create r6 --level=6 --raid-devices=4 --assume-clean $S0 $S1 $S2 $S3
         mdadm /dev/md/r6 --fail $S0 --fail $S1",
    ),
    state(
        "raid10-near2-degraded",
        "create r10 --level=10 --layout=n2 --raid-devices=4 --assume-clean $S0 $S1 $S2 $S3
         mdadm /dev/md/r10 --fail $S0",
    ),
    // Checks.
    state(
        "raid1-check-running",
        "create r1 --level=1 --raid-devices=2 --bitmap=none --assume-clean $N0 $S0; slow
         mdadm --action=check /dev/md/r1; action r1 check",
    ),
    state(
        "raid1-check-done-mismatch",
        "create r1 --level=1 --raid-devices=2 --bitmap=none --assume-clean $N0 $S0
         offset=$(cat $(md r1)/dev-${S0#/dev/}/offset)
         dd if=/dev/urandom of=$S0 bs=512 seek=$((offset + 20480)) count=512 oflag=direct \
             conv=notrunc status=none
         fast; mdadm --action=check /dev/md/r1; sleep 1; rest r1",
    ),
    // Arrays that change, that do not run, and that are not ours.
    state(
        "raid5-reshape-running",
        "create r5 --level=5 --raid-devices=3 --bitmap=none --assume-clean $S0 $S1 $S2
         mdadm /dev/md/r5 --add $S3; sleep 0.5; slow
         mdadm --grow /dev/md/r5 --raid-devices=4; action r5 reshape",
    ),
    state(
        "raid5-inactive-incomplete",
        "create r5 --level=5 --raid-devices=4 --assume-clean $S0 $S1 $S2 $S3; stop r5
         mdadm --incremental $S0; mdadm --incremental $S1; udevadm settle",
    ),
    state(
        "raid5-stopped",
        "create r5 --level=5 --raid-devices=3 --assume-clean $S0 $S1 $S2; stop r5",
    ),
    state(
        "raid1-foreign-homehost",
        "mdadm --create --run --homehost=other --name=tank /dev/md/tank --level=1 \
             --raid-devices=2 --bitmap=none --assume-clean $S0 $S1
         stop tank; mdadm --assemble --scan",
    ),
    state(
        "ddf-container-with-volume",
        "mdadm --create --run /dev/md/ddf0 --metadata=ddf --raid-devices=4 $S0 $S1 $S2 $S3
         slow; sleep 1
         mdadm --create --run /dev/md/volume --level=1 --raid-devices=2 --size=40M /dev/md/ddf0
         sleep 2",
    ),
    state(
        "imsm-container-with-volume",
        // mdmon, which systemd starts, needs them as much as mdadm.
        "export IMSM_NO_PLATFORM=1 IMSM_DEVNAME_AS_SERIAL=1
         systemctl import-environment IMSM_NO_PLATFORM IMSM_DEVNAME_AS_SERIAL
         mdadm --create --run /dev/md/imsm0 --metadata=imsm --raid-devices=4 $S0 $S1 $S2 $S3
         slow; sleep 1
         mdadm --create --run /dev/md/volume --level=5 --raid-devices=4 --size=60M /dev/md/imsm0
         sleep 2",
    ),
    // Several arrays at once, in different health.
    state(
        "three-arrays",
        "create a --level=1 --raid-devices=2 --bitmap=internal --assume-clean $N0 $N1
         printf 'label: gpt\nsize=40M,type=raid\n' | tee >(sfdisk -q $S0) >(sfdisk -q $S1) |
             sfdisk -q $S2
         sleep 1; udevadm settle
         create b --level=5 --raid-devices=3 --bitmap=none --assume-clean ${S0}1 ${S1}1 ${S2}1
         mdadm /dev/md/b --fail ${S1}1
         printf 'label: gpt\nsize=20M\nsize=20M\n' | sfdisk -q /dev/md/a; udevadm settle
         mkfs.ext4 -q -F $(readlink -f /dev/md/a)p1; mkdir -p /mnt/a
         mount $(readlink -f /dev/md/a)p1 /mnt/a
         create c --level=1 --raid-devices=2 --bitmap=none --assume-clean $S3 missing",
    ),
];
