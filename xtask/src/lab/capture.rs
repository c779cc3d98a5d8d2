//! `cargo xtask lab capture`: what kernel, udev and mdadm say of arrays in every state that matters,
//! written as fixtures for `moxnas-raid`.

use std::{
    collections::BTreeSet,
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};
use moxnas_tests::lab::{Image, Lab, MIB, Machine, Output, Tree, workspace};

use super::{
    Which,
    states::{STATES, State},
    template,
};
use crate::binaries::{Agent, build_agent};

const FIXTURES: &str = "moxnas-raid/fixtures";
const FUNCTIONS: &str = include_str!("../../lab/states.sh");
/// Big enough for every level, small enough that a slow resync does not end.
const DISK_SIZE: u64 = 128 * MIB;
/// The disks of every machine: the variable in the scripts, and the serial.
const DISKS: [(&str, &str); 6] = [
    ("N0", "LABNVME00"),
    ("N1", "LABNVME01"),
    ("S0", "LABSCSI02"),
    ("S1", "LABSCSI03"),
    ("S2", "LABSCSI04"),
    ("S3", "LABSCSI05"),
];

/// What is kept of the guest's files. Links that end a path are kept as links.
const PATTERNS: &[&str] = &[
    "/proc/mdstat",
    "/proc/partitions",
    "/proc/swaps",
    "/proc/self/mountinfo",
    "/etc/hostname",
    "/etc/mdadm/mdadm.conf",
    "/run/mdadm/map",
    "/run/udev/data/b*",
    "/dev/md/*",
    // Every block device.
    "/sys/block/*/dev",
    "/sys/block/*/hidden",
    "/sys/block/*/removable",
    "/sys/block/*/ro",
    "/sys/block/*/serial",
    "/sys/block/*/size",
    "/sys/block/*/wwid",
    "/sys/block/*/holders/*",
    "/sys/block/*/slaves/*",
    "/sys/block/*/queue/logical_block_size",
    "/sys/block/*/queue/minimum_io_size",
    "/sys/block/*/queue/optimal_io_size",
    "/sys/block/*/queue/physical_block_size",
    "/sys/block/*/queue/rotational",
    // Disks.
    "/sys/block/*/device/firmware_rev",
    "/sys/block/*/device/model",
    "/sys/block/*/device/rev",
    "/sys/block/*/device/serial",
    "/sys/block/*/device/state",
    "/sys/block/*/device/type",
    "/sys/block/*/device/vendor",
    "/sys/block/*/device/wwid",
    // Partitions.
    "/sys/block/*/*/dev",
    "/sys/block/*/*/partition",
    "/sys/block/*/*/ro",
    "/sys/block/*/*/size",
    "/sys/block/*/*/start",
    "/sys/block/*/*/holders/*",
    // Device mapper and arrays.
    "/sys/block/dm-*/dm/name",
    "/sys/block/dm-*/dm/uuid",
    "/sys/block/md*/md/*",
    "/sys/block/md*/md/bitmap/*",
    "/sys/block/md*/md/dev-*/*",
    "/sys/module/md_mod/parameters/start_ro",
];

#[derive(clap::Args)]
pub(crate) struct Capture {
    #[command(flatten)]
    which: Which,
    /// Only the states whose names contain this.
    #[arg(long)]
    state: Option<String>,
    /// Folder for the suite's folder, instead of moxnas-raid/fixtures.
    #[arg(long)]
    into: Option<PathBuf>,
}

impl Capture {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let image = template(self.which.suite)?.image;
        let agent = build_agent(Agent::Plain)?;
        let fixtures = self.into.unwrap_or_else(|| workspace().join(FIXTURES));
        let wanted = |it: &&State| {
            self.state
                .as_ref()
                .is_none_or(|part| it.name.contains(part))
        };
        let states: Vec<&State> = STATES.iter().filter(wanted).collect();
        ensure!(!states.is_empty(), "no state has such a name");
        for state in states {
            let began = Instant::now();
            let capture = Captured {
                state,
                image: &image,
                agent: &agent,
                fixtures: &fixtures,
            };
            let folder = capture
                .capture()
                .with_context(|| format!("state {}", state.name))?;
            eprintln!(
                "{:5.1} s  {}",
                began.elapsed().as_secs_f32(),
                folder.display()
            );
        }
        Ok(ExitCode::SUCCESS)
    }
}

struct Captured<'a> {
    state: &'a State,
    image: &'a Image,
    agent: &'a Path,
    fixtures: &'a Path,
}

impl Captured<'_> {
    /// Returns the folder of the state.
    fn capture(&self) -> Result<PathBuf> {
        let mut machine = DISKS
            .iter()
            .fold(
                Lab::new(self.image.clone(), self.agent),
                |lab, (_, serial)| {
                    if serial.contains("NVME") {
                        lab.nvme(DISK_SIZE)
                    } else {
                        lab.scsi(DISK_SIZE)
                    }
                },
            )
            .start()?;
        self.bring_about(&mut machine)?;

        let suite_folder = self.describe_suite(&mut machine)?;
        let folder = suite_folder.join(self.state.name);
        match fs::remove_dir_all(&folder) {
            Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(err.into()),
            _ => {}
        }
        let tree = machine.gather(PATTERNS)?;
        write_tree(&tree, &folder.join("root"))?;
        fs::write(
            folder.join("mdstat.txt"),
            tree.files.get("/proc/mdstat").context("no mdstat")?,
        )?;
        ask_mdadm(&mut machine, &block_devices(&tree), &folder)?;
        Ok(folder)
    }

    fn bring_about(&self, machine: &mut Machine) -> Result<()> {
        let mut script = FUNCTIONS.to_owned();
        for (variable, serial) in DISKS {
            script.push_str(&format!("{variable}={}\n", machine.node(serial)?));
        }
        script.push_str(self.state.script);
        machine.sh(&script).context("its script fails").map(drop)
    }

    /// Named after what decides the dialect: release, kernel, mdadm.
    fn describe_suite(&self, machine: &mut Machine) -> Result<PathBuf> {
        let kernel = machine.run(["uname", "-r"])?;
        let mdadm = machine.exec(["mdadm", "--version"])?;
        let mdadm = format!("{}{}", mdadm.stdout, mdadm.stderr);
        // `mdadm - v4.2 - 2021-12-30 - Debian 4.2-5`
        let version = mdadm
            .split_whitespace()
            .nth(2)
            .context("mdadm says no version")?;
        let suite = self
            .image
            .folder
            .file_name()
            .context("the image has no name")?;
        let name = format!(
            "{}-{}-mdadm-{}",
            suite.to_string_lossy(),
            kernel.trim().trim_end_matches("-amd64"),
            version.trim_start_matches('v'),
        );
        let folder = self.fixtures.join(name);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("uname.txt"), kernel)?;
        fs::write(folder.join("mdadm-version.txt"), mdadm)?;
        Ok(folder)
    }
}

/// `detail-<array>.txt`, `examine-<serial>.txt` and the same with `--export`.
fn ask_mdadm(machine: &mut Machine, devices: &BTreeSet<String>, folder: &Path) -> Result<()> {
    let disks = machine.disks_by_serial()?;
    let mut ask = |arguments: &[&str], name: &str| -> Result<()> {
        let output = machine.exec(["mdadm"].iter().chain(arguments).copied())?;
        write_said(&output, &folder.join(format!("{name}.txt")))
    };
    ask(&["--detail", "--scan"], "detail-scan")?;
    for array in devices
        .iter()
        .filter(|it| it.starts_with("md") && !it.contains('p'))
    {
        let node = format!("/dev/{array}");
        ask(&["--detail", &node], &format!("detail-{array}"))?;
        ask(
            &["--detail", "--export", &node],
            &format!("detail-export-{array}"),
        )?;
    }
    for (serial, disk) in disks.iter().filter(|(serial, _)| serial.starts_with("LAB")) {
        for device in devices.iter().filter(|it| is_part_of(it, disk)) {
            let node = format!("/dev/{device}");
            let label = match device[disk.len()..].trim_start_matches('p') {
                "" => serial.clone(),
                part => format!("{serial}-part{part}"),
            };
            ask(&["--examine", &node], &format!("examine-{label}"))?;
            ask(
                &["--examine", "--export", &node],
                &format!("examine-export-{label}"),
            )?;
        }
    }
    Ok(())
}

/// The disk itself or one of its partitions.
fn is_part_of(device: &str, disk: &str) -> bool {
    let rest = device.strip_prefix(disk);
    rest.is_some_and(|it| {
        it.trim_start_matches('p')
            .bytes()
            .all(|byte| byte.is_ascii_digit())
    })
}

/// What it printed. A command that only complained has no file: there is nothing to parse.
fn write_said(output: &Output, path: &Path) -> Result<()> {
    if output.stdout.is_empty() {
        return Ok(());
    }
    fs::write(path, &output.stdout).with_context(|| format!("cannot write {}", path.display()))
}

/// Names of whole devices and partitions.
fn block_devices(tree: &Tree) -> BTreeSet<String> {
    let paths = tree
        .files
        .keys()
        .filter_map(|it| it.strip_prefix("/sys/block/")?.strip_suffix("/dev"));
    paths
        .filter_map(|it| it.rsplit('/').next())
        .map(str::to_owned)
        .collect()
}

/// Writes files and links below `root`. On a system `/sys/block/sda` is a link into the tree of
/// devices; here it is the folder, and links that led into that tree lead to it.
fn write_tree(tree: &Tree, root: &Path) -> Result<()> {
    let place = |path: &str| root.join(path.trim_start_matches('/'));
    for (path, content) in &tree.files {
        let path = place(path);
        create_parent(&path)?;
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let names = block_devices(tree);
    for (path, target) in &tree.links {
        let (link, target) = (place(path), settled(target, &names));
        create_parent(&link)?;
        if names_only(path) {
            fs::write(&link, "").with_context(|| format!("cannot write {}", link.display()))?;
            continue;
        }
        symlink(relative(path, &target), &link)
            .with_context(|| format!("cannot link {}", link.display()))?;
    }
    Ok(())
}

fn create_parent(path: &Path) -> Result<()> {
    Ok(fs::create_dir_all(path.parent().unwrap_or(path))?)
}

/// Links among `slaves` and `holders` lead in circles, for whoever walks the folder. What they are
/// called is all there is to know of them.
fn names_only(path: &str) -> bool {
    path.contains("/slaves/") || path.contains("/holders/")
}

/// `/sys/devices/…/block/sda/sda1` becomes `/sys/block/sda/sda1`.
fn settled(target: &str, names: &BTreeSet<String>) -> String {
    if !target.starts_with("/sys/devices/") {
        return target.to_owned();
    }
    let parts: Vec<&str> = target.split('/').collect();
    match parts.iter().position(|&it| names.contains(it)) {
        Some(at) => format!("/sys/block/{}", parts[at..].join("/")),
        None => target.to_owned(),
    }
}

/// The way from the folder of a link to its target, both absolute.
fn relative(link: &str, target: &str) -> String {
    let (link, target): (Vec<_>, Vec<_>) = (link.split('/').collect(), target.split('/').collect());
    let folders = &link[..link.len() - 1];
    let shared = folders
        .iter()
        .zip(&target)
        .take_while(|(a, b)| a == b)
        .count();
    let up = folders[shared..].iter().map(|_| "..");
    up.chain(target[shared..].iter().copied())
        .collect::<Vec<_>>()
        .join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_the_captured_folders() {
        let names = BTreeSet::from(["sda".to_owned(), "sda1".to_owned(), "md127".to_owned()]);
        let target = settled("/sys/devices/pci0000:00/host0/block/sda/sda1", &names);
        assert_eq!(target, "/sys/block/sda/sda1");
        assert_eq!(
            relative("/sys/block/md127/slaves/sda1", &target),
            "../../sda/sda1"
        );
        assert_eq!(relative("/dev/md/tank", "/dev/md127"), "../md127");
    }

    #[test]
    fn partitions_belong_to_their_disk() {
        assert!(is_part_of("sda", "sda") && is_part_of("sda1", "sda"));
        assert!(is_part_of("nvme0n1p2", "nvme0n1"));
        assert!(!is_part_of("sdaa", "sda") && !is_part_of("sdb1", "sda"));
    }
}
