//! The opposite of the reader: an inventory as the files of a machine.
//!
//! After the files captured in `fixtures/` and Documentation/admin-guide/md.rst.

use std::{fmt::Write, fs, os::unix::fs::symlink, path::Path};

use moxnas_core::{
    disk::{BlockDevice, BlockKind, Bus, DeviceId, Disk, Signature},
    units::Bytes,
};
use moxnas_raid::{
    Array, ArrayState, Inventory, Level, Member, MemberFlag, Role, SyncAction, SyncState, conf,
};

/// Write the machine below a folder.
pub(crate) fn render(seen: &Inventory, root: &Path) {
    // They are there on a machine without disks too.
    for folder in ["sys/block", "run/udev/data"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    for device in seen.devices.by_name.values() {
        block_device(seen, device, root);
        write(
            root,
            &format!("run/udev/data/b{}:{}", device.number.0, device.number.1),
            &udev(seen, device),
        );
    }
    for array in &seen.arrays {
        md_folder(array, root);
    }
    write(root, "run/mdadm/map", &map(seen));
    write(root, "proc/mdstat", &mdstat(seen));
    write(root, "proc/self/mountinfo", &mountinfo(seen));
    write(root, "proc/swaps", &swaps(seen));
    let mut text = "# mdadm.conf\nHOMEHOST <system>\n".to_owned();
    for (uuid, device) in &seen.conf.others {
        let line = conf::array_line(uuid, device, seen.conf.spare_group(uuid));
        text += &format!("{line}\n");
    }
    for (uuid, device) in &seen.conf.ours {
        text = conf::with_array(&text, uuid, device);
        text = conf::with_spare_group(&text, uuid, seen.conf.spare_group(uuid));
    }
    write(root, conf::CONF_PATH, &text);
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path.trim_start_matches('/'));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn folder(device: &BlockDevice) -> String {
    match (&device.kind, device.slaves.first()) {
        (BlockKind::Partition { .. }, Some(disk)) => format!("sys/block/{disk}/{}", device.name),
        _ => format!("sys/block/{}", device.name),
    }
}

fn block_device(seen: &Inventory, device: &BlockDevice, root: &Path) {
    let at = folder(device);
    let attr = |name: &str, text: &str| write(root, &format!("{at}/{name}"), &format!("{text}\n"));
    attr("dev", &format!("{}:{}", device.number.0, device.number.1));
    attr("size", &device.size.sectors().to_string());
    attr("ro", if device.read_only { "1" } else { "0" });
    match &device.kind {
        BlockKind::Partition { number } => attr("partition", &number.to_string()),
        BlockKind::Disk(disk) => disk_attrs(disk, attr),
        BlockKind::Md => {
            for slave in &device.slaves {
                let slave = folder(&seen.devices.by_name[slave]);
                link(root, &format!("{at}/slaves"), &slave);
            }
        }
        other => panic!("the simulation has no {other:?}"),
    }
}

/// A link of the same name in a folder, to a folder of `sys/block`.
fn link(root: &Path, at: &str, to: &str) {
    let name = to.rsplit('/').next().unwrap();
    fs::create_dir_all(root.join(at)).unwrap();
    symlink(root.join(to), root.join(at).join(name)).unwrap();
}

fn disk_attrs(disk: &Disk, attr: impl Fn(&str, &str)) {
    let flag = |it: bool| if it { "1" } else { "0" };
    attr("removable", flag(disk.removable));
    attr("hidden", "0");
    attr("queue/rotational", flag(disk.rotational.unwrap()));
    attr("queue/discard_max_bytes", "0");
    attr("queue/logical_block_size", &disk.logical_sector.to_string());
    attr(
        "queue/physical_block_size",
        &disk.physical_sector.to_string(),
    );
    attr("device/state", "running");
    if disk.bus == Bus::Ata {
        attr("device/vendor", "ATA     ");
    }
    if disk.bus == Bus::Nvme {
        attr("device/serial", disk.serial.as_deref().unwrap_or_default());
    }
}

fn udev(seen: &Inventory, device: &BlockDevice) -> String {
    let mut text = String::new();
    for alias in &device.aliases {
        writeln!(text, "S:disk/by-id/{alias}").unwrap();
    }
    let mut put = |key: &str, value: &Option<String>| {
        if let Some(value) = value {
            writeln!(text, "E:{key}={value}").unwrap();
        }
    };
    if let BlockKind::Disk(disk) = &device.kind {
        put(
            "ID_MODEL",
            &disk.model.as_ref().map(|it| it.replace(' ', "_")),
        );
        put("ID_MODEL_ENC", &disk.model.as_ref().map(|it| encode(it)));
        put("ID_SERIAL_SHORT", &disk.serial);
        put("ID_WWN", &disk.wwn);
        put("ID_REVISION", &disk.firmware);
        let bus = match disk.bus {
            Bus::Ata => Some("ata"),
            Bus::Scsi => Some("scsi"),
            _ => None,
        };
        put("ID_BUS", &bus.map(str::to_owned));
    }
    for Signature {
        kind,
        uuid,
        label,
        member,
    } in &device.signatures
    {
        let is_table = kind == "gpt" || kind == "dos";
        let prefix = if is_table { "ID_PART_TABLE" } else { "ID_FS" };
        put(&format!("{prefix}_TYPE"), &Some(kind.clone()));
        put(&format!("{prefix}_UUID"), uuid);
        put(&format!("{prefix}_UUID_SUB"), member);
        put(
            &format!("{prefix}_LABEL_ENC"),
            &label.as_ref().map(|it| encode(it)),
        );
    }
    // mdadm tells udev of arrays that were started.
    if let Some(array) = seen.arrays.iter().find(|it| it.kernel_name == device.name)
        && array.state.is_started()
    {
        put("MD_LEVEL", &Some(array.level.to_string()));
        put("MD_UUID", &array.uuid);
        put("MD_DEVNAME", &Some(array.name.clone()));
        put("MD_NAME", &Some(format!("sim:{}", array.name)));
    }
    text
}

/// As libblkid does for udev.
fn encode(text: &str) -> String {
    let plain = |it: u8| it.is_ascii_alphanumeric() || b"#+-.:=@_".contains(&it) || !it.is_ascii();
    let mut bytes = Vec::new();
    for byte in text.bytes() {
        if plain(byte) {
            bytes.push(byte);
        } else {
            bytes.extend(format!("\\x{byte:02x}").bytes());
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// mdadm prints the bytes of a UUID there as numbers of this machine.
fn map(seen: &Inventory) -> String {
    let mut text = String::new();
    for array in &seen.arrays {
        let uuid = array.uuid.as_ref().unwrap();
        let words = uuid
            .split(':')
            .map(|it| u32::from_str_radix(it, 16).unwrap().to_be());
        let words: Vec<String> = words.map(|it| format!("{it:08x}")).collect();
        let uuid = words.join(":");
        writeln!(
            text,
            "{} 1.2 {uuid} /dev/md/{}",
            array.kernel_name, array.name
        )
        .unwrap();
    }
    text
}

fn md_folder(array: &Array, root: &Path) {
    let attr = |name: &str, text: &str| {
        write(
            root,
            &format!("sys/block/{}/md/{name}", array.kernel_name),
            &format!("{text}\n"),
        );
    };
    let is_started = array.state.is_started();
    attr("array_state", &array.state.to_string());
    attr("metadata_version", &array.metadata);
    attr("consistency_policy", &array.consistency);
    attr("component_size", &array.component_size.kib().to_string());
    // The number that was, if another one is to be.
    let both = |now: u64, was: Option<u64>| match was.filter(|it| *it != now) {
        Some(was) => format!("{now} ({was})"),
        None => now.to_string(),
    };
    let was = array.reshape;
    let chunk = |it: Option<Bytes>| it.unwrap_or(Bytes(0)).0;
    let old_chunk = was.map(|it| chunk(it.chunk));
    attr("chunk_size", &both(chunk(array.chunk), old_chunk));
    let old_layout = was.map(|it| it.layout.into());
    attr("layout", &both(array.layout.into(), old_layout));
    let position = if was.is_some() { "0" } else { "none" };
    attr("reshape_position", position);
    if let Some(limits) = array.speed_limits {
        for (file, limit) in [("min", limits.min), ("max", limits.max)] {
            let whose = if limit.is_own { "local" } else { "system" };
            let text = format!("{} ({whose})", limit.per_second.kib());
            attr(&format!("sync_speed_{file}"), &text);
        }
    }
    attr("uuid", "00000000-0000-0000-0000-000000000000");
    attr(
        "level",
        if is_started {
            array.level.to_string()
        } else {
            String::new()
        }
        .as_str(),
    );
    attr(
        "raid_disks",
        if is_started {
            both(array.slots.into(), was.map(|it| it.slots.into()))
        } else {
            String::new()
        }
        .as_str(),
    );
    let agrees = is_started && !array.resync_due;
    attr("resync_start", if agrees { "none" } else { "0" });
    if let Some(degraded) = array.degraded {
        attr("degraded", &degraded.to_string());
        sync(array, attr);
    }
    if let Some(mismatch) = array.mismatch {
        attr("mismatch_cnt", &mismatch.sectors().to_string());
    }
    let sync_min = array.scrub_stopped_at.map_or(0, |it| it.sectors());
    attr("sync_min", &sync_min.to_string());
    for member in &array.members {
        let at = format!("dev-{}", member.kernel_name.replace('/', "!"));
        attr(&format!("{at}/state"), &member_state(member));
        let slot = match member.role {
            Role::Journal => "journal".to_owned(),
            _ => member.slot().map_or("none".to_owned(), |it| it.to_string()),
        };
        attr(&format!("{at}/slot"), &slot);
        attr(&format!("{at}/errors"), &member.errors.to_string());
        if let Some(usable) = member.usable {
            attr(&format!("{at}/size"), &usable.kib().to_string());
        }
        if !matches!(member.device, DeviceId::Gone(_)) {
            let at = root.join(format!("sys/block/{}/md/{at}/block", array.kernel_name));
            symlink(format!("../../../{}", member.kernel_name), &at).unwrap();
            // A partition has its folder in that of its disk; the link leads there all the same.
            if !at.exists() {
                fs::remove_file(&at).unwrap();
                let disk = member
                    .kernel_name
                    .trim_end_matches(|it: char| it.is_ascii_digit());
                let disk = if disk.starts_with("nvme") {
                    disk.strip_suffix('p').unwrap()
                } else {
                    disk
                };
                symlink(format!("../../../{disk}/{}", member.kernel_name), &at).unwrap();
            }
        }
    }
}

fn member_state(member: &Member) -> String {
    let mut words = vec![match member.role {
        Role::Active { .. } => "in_sync",
        Role::Recovering { .. } | Role::Spare => "spare",
        Role::Replacement { .. } => "spare,replacement",
        Role::Faulty => "faulty",
        Role::Journal => "journal",
    }];
    words.extend(member.flags.iter().map(|it| match it {
        MemberFlag::WantReplacement => "want_replacement",
        MemberFlag::WriteMostly => "write_mostly",
        other => panic!("the simulation has no {other:?}"),
    }));
    words.join(",")
}

fn sync(array: &Array, attr: impl Fn(&str, &str)) {
    let none = || "none".to_owned();
    match &array.sync {
        // What waits for the first write shows in `resync_start` only.
        SyncState::Idle | SyncState::Pending { .. } | SyncState::Frozen => {
            let is_frozen = array.sync == SyncState::Frozen;
            attr("sync_action", if is_frozen { "frozen" } else { "idle" });
            attr("sync_completed", "none");
            attr("sync_speed", "none");
        }
        SyncState::Running {
            action,
            done,
            of,
            speed,
        } => {
            attr("sync_action", action.word());
            // What members were told: less than is true, see `md_do_sync` in md.c.
            let told = done.map_or(0, |it| it.sectors() / 2);
            attr(
                "sync_completed",
                &of.map_or(none(), |it| format!("{told} / {}", it.sectors())),
            );
            attr(
                "sync_speed",
                &speed.map_or(none(), |it| it.kib().to_string()),
            );
        }
        SyncState::Delayed { action } => {
            attr("sync_action", action.word());
            attr("sync_completed", "delayed");
            attr("sync_speed", "none");
        }
    }
}

fn mountinfo(seen: &Inventory) -> String {
    let mut text = "21 24 0:5 / /dev rw,relatime shared:2 - devtmpfs devtmpfs rw\n".to_owned();
    for device in seen.devices.by_name.values() {
        for at in &device.mounts {
            let (major, minor) = device.number;
            let at = at.replace('\\', "\\134").replace(' ', "\\040");
            writeln!(
                text,
                "33 27 {major}:{minor} / {at} rw - ext4 /dev/{} rw",
                device.name
            )
            .unwrap();
        }
    }
    text
}

fn swaps(seen: &Inventory) -> String {
    let mut text = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n".to_owned();
    for device in seen.devices.by_name.values().filter(|it| it.swap) {
        writeln!(text, "/dev/{} partition\t1000444\t\t0\t\t-2", device.name).unwrap();
    }
    text
}

/// As `md_seq_show` in md.c and the `status` functions of the levels print it.
pub(crate) fn mdstat(seen: &Inventory) -> String {
    let mut text = "Personalities : [raid0] [raid1] [raid10] [raid6] [raid5] [raid4] \n".to_owned();
    for array in &seen.arrays {
        let is_started = array.state.is_started();
        let state = match (is_started, array.state == ArrayState::Broken) {
            (false, _) => "inactive",
            (true, true) => "broken",
            (true, false) => "active",
        };
        write!(text, "{} : {state}", array.kernel_name).unwrap();
        match array.state {
            ArrayState::ReadAuto => text += " (auto-read-only)",
            ArrayState::ReadOnly => text += " (read-only)",
            _ => (),
        }
        if is_started {
            write!(text, " {}", array.level).unwrap();
        }
        for (number, member) in array.members.iter().enumerate() {
            let mark = match member.role {
                Role::Active { .. } | Role::Recovering { .. } => "",
                Role::Replacement { .. } => "(R)",
                Role::Spare => "(S)",
                Role::Faulty => "(F)",
                Role::Journal => "(J)",
            };
            write!(text, " {}[{number}]{mark}", member.kernel_name).unwrap();
        }
        write!(
            text,
            "\n      {} blocks super {}",
            array.size.kib(),
            array.metadata
        )
        .unwrap();
        if is_started {
            text += &shape(array);
        }
        text += "\n";
        if let SyncState::Running {
            action,
            done,
            of,
            speed,
        } = &array.sync
        {
            text += &progress(*action, done.unwrap(), of.unwrap(), speed.unwrap());
        }
        let waits = match array.sync {
            SyncState::Pending { action } => Some((action, "PENDING")),
            SyncState::Delayed { action } => Some((action, "DELAYED")),
            _ => None,
        };
        if let Some((action, word)) = waits {
            text += &format!("      \t{}={word}\n", sync_word(action));
        }
        if array.consistency == "bitmap" {
            text += "      bitmap: 1/1 pages [4KB], 65536KB chunk\n";
        }
        text += "\n";
    }
    text + "unused devices: <none>\n"
}

/// Chunks, layout and who is there.
fn shape(array: &Array) -> String {
    let chunk = array.chunk.map_or(0, |it| it.kib());
    let mut text = match array.level {
        Level::Raid0 => return format!(" {chunk}k chunks"),
        Level::Raid4 => format!(" level 4, {chunk}k chunk, algorithm {}", array.layout),
        Level::Raid5 => format!(" level 5, {chunk}k chunk, algorithm {}", array.layout),
        Level::Raid6 => format!(" level 6, {chunk}k chunk, algorithm {}", array.layout),
        Level::Raid10 => format!(" {chunk}K chunks {} near-copies", array.layout & 0xff),
        _ => String::new(),
    };
    // As the kernel counts: what has left without being thrown out is there.
    let is_there = |slot: u32| {
        let fills = |it: &Member| it.role == Role::Active { slot };
        array.members.iter().any(fills)
    };
    let here = (0..array.slots).filter(|it| is_there(*it)).count();
    write!(text, " [{}/{here}] [", array.slots).unwrap();
    text.extend((0..array.slots).map(|it| if is_there(it) { 'U' } else { '_' }));
    text + "]"
}

fn sync_word(action: SyncAction) -> &'static str {
    match action {
        SyncAction::Resync | SyncAction::Repair => "resync",
        SyncAction::Recover => "recovery",
        SyncAction::Check => "check",
        SyncAction::Reshape => "reshape",
    }
}

fn progress(action: SyncAction, done: Bytes, of: Bytes, speed: Bytes) -> String {
    let word = sync_word(action);
    let tenths = done.0 * 1000 / of.0.max(1);
    format!(
        "      [>....................]  {word} = {}.{}% ({}/{}) finish=1.3min speed={}K/sec\n",
        tenths / 10,
        tenths % 10,
        done.kib(),
        of.kib(),
        speed.kib()
    )
}
