//! The guest's kernel: taken out of its package, unpacked so that the guest need not do it, and its
//! modules thinned to those the lab uses.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use super::{
    command::{filter, run},
    packages::{INITRD_MODULES, MODULE_FOLDERS, MODULES},
};

/// Folder of the modules of every kernel, below the root of the guest.
const MODULES_FOLDER: &str = "usr/lib/modules";

/// Unpacks the package at `deb` below `work` and moves its modules into `root`. Returns the kernel's
/// release, as `uname -r` says it.
pub(super) fn install(deb: &Path, work: &Path, root: &Path, vmlinux: &Path) -> Result<String> {
    let unpacked = work.join("kernel");
    run(Command::new("dpkg-deb").arg("-x").arg(deb).arg(&unpacked))?;
    let modules = [unpacked.join(MODULES_FOLDER), unpacked.join("lib/modules")];
    let modules = modules
        .iter()
        .find(|it| it.is_dir())
        .context("the package holds no modules")?;
    let mut releases = fs::read_dir(modules)?;
    let release = releases
        .next()
        .context("the package holds no modules")??
        .file_name();
    let release = release
        .into_string()
        .ok()
        .context("the kernel's release is no text")?;

    let bz_image = fs::read(unpacked.join(format!("boot/vmlinuz-{release}")))?;
    fs::write(vmlinux, unpack_kernel(bz_image)?)?;

    // Says how an initramfs may be compressed.
    let config = format!("boot/config-{release}");
    fs::copy(unpacked.join(&config), root.join(&config))
        .context("the kernel's configuration cannot be copied")?;

    let target = root.join(MODULES_FOLDER).join(&release);
    fs::create_dir_all(root.join(MODULES_FOLDER))?;
    run(Command::new("cp")
        .arg("-a")
        .arg(modules.join(&release))
        .arg(&target))?;
    depmod(root, &release)?;
    thin(&target)?;
    depmod(root, &release)?;
    Ok(release)
}

/// The modules of the initial ramdisk, in the order in which they can be inserted, uncompressed.
pub(super) fn initrd_modules(root: &Path, release: &str) -> Result<Vec<(String, Vec<u8>)>> {
    let folder = root.join(MODULES_FOLDER).join(release);
    let index = Index::read(&folder)?;
    index
        .with_dependencies(INITRD_MODULES)
        .iter()
        .enumerate()
        .map(|(number, path)| {
            let bytes =
                fs::read(folder.join(path)).with_context(|| format!("cannot read {path}"))?;
            let bytes = if path.ends_with(".xz") {
                filter(Command::new("xz").arg("-dc"), bytes)?
            } else {
                bytes
            };
            Ok((format!("{number:02}-{}.ko", name_of(path)), bytes))
        })
        .collect()
}

fn depmod(root: &Path, release: &str) -> Result<()> {
    run(Command::new("chroot").arg(root).args(["depmod", release])).map(drop)
}

/// The compressed kernel inside a bzImage: the setup header says where it is, see
/// <https://docs.kernel.org/arch/x86/boot.html>.
fn unpack_kernel(bz_image: Vec<u8>) -> Result<Vec<u8>> {
    let word = |at: usize| -> Result<usize> {
        let bytes = bz_image
            .get(at..at + 4)
            .context("the kernel is cut short")?;
        Ok(u32::from_le_bytes(bytes.try_into()?) as usize)
    };
    ensure!(
        word(0x202)? & 0xffff >= 0x208,
        "the kernel's boot protocol is too old"
    );
    let setup_sectors = usize::from(bz_image[0x1f1]);
    let start = (setup_sectors + 1) * 512 + word(0x248)?;
    let payload = bz_image
        .get(start..start + word(0x24c)?)
        .context("the kernel is cut short")?;
    // All but gzip have their unpacked size appended, which the tools would call trailing garbage.
    let (tool, end) = match payload {
        [0xfd, b'7', ..] => ("xz", payload.len() - 4),
        [0x28, 0xb5, ..] => ("zstd", payload.len() - 4),
        _ => ("gzip", payload.len()),
    };
    let unpacked = filter(Command::new(tool).arg("-dc"), payload[..end].to_vec())?;
    ensure!(
        unpacked.starts_with(b"\x7fELF"),
        "the unpacked kernel is no ELF file"
    );
    Ok(unpacked)
}

/// Deletes every module the lab does not name and nothing it names depends on.
fn thin(folder: &Path) -> Result<()> {
    let index = Index::read(folder)?;
    let mut named: Vec<&str> = MODULES.to_vec();
    named.extend(INITRD_MODULES);
    let whole = index
        .paths()
        .filter(|path| MODULE_FOLDERS.iter().any(|it| path.starts_with(it)));
    let whole: Vec<&str> = whole.map(name_of).collect();
    named.extend(whole);
    let wanted: BTreeSet<&str> = index.with_dependencies(&named).into_iter().collect();
    for path in index.paths().filter(|it| !wanted.contains(it)) {
        fs::remove_file(folder.join(path)).with_context(|| format!("cannot delete {path}"))?;
    }
    Ok(())
}

/// What `modules.dep` says: every module's path and the paths it needs, nearest first.
struct Index(BTreeMap<String, Vec<String>>);

impl Index {
    fn read(folder: &Path) -> Result<Self> {
        let text = fs::read_to_string(folder.join("modules.dep"))?;
        let entries = text.lines().filter_map(|line| line.split_once(':'));
        Ok(Self(
            entries
                .map(|(path, needs)| {
                    let needs = needs.split_whitespace().map(str::to_owned).collect();
                    (path.to_owned(), needs)
                })
                .collect(),
        ))
    }

    fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Paths of these modules and all they need, needed ones first. A name the kernel does not have
    /// is passed over: it may be built in, or gone in that release.
    fn with_dependencies(&self, names: &[&str]) -> Vec<&str> {
        let mut ordered: Vec<&str> = Vec::new();
        for name in names {
            let plain = name.replace('-', "_");
            let Some((path, needs)) = self
                .0
                .iter()
                .find(|(path, _)| name_of(path).replace('-', "_") == plain)
            else {
                continue;
            };
            for path in needs.iter().rev().chain([path]) {
                if !ordered.contains(&path.as_str()) {
                    ordered.push(path);
                }
            }
        }
        ordered
    }
}

/// `raid1` of `kernel/drivers/md/raid1.ko.xz`.
fn name_of(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split(".ko").next().unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_come_first_and_unknown_names_are_passed_over() {
        let index = Index(BTreeMap::from([
            (
                "kernel/a/top-level.ko.xz".to_owned(),
                vec!["b/near.ko".into(), "c/far.ko".into()],
            ),
            ("b/near.ko".to_owned(), vec!["c/far.ko".into()]),
            ("c/far.ko".to_owned(), vec![]),
        ]));
        let ordered = index.with_dependencies(&["top_level", "builtin", "near"]);
        assert_eq!(
            ordered,
            ["c/far.ko", "b/near.ko", "kernel/a/top-level.ko.xz"]
        );
    }
}
