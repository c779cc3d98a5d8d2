//! `cargo xtask lab build`: a Debian image made of packages, small and quick to boot.

use std::{
    fs::{self, File},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};
use moxnas_tests::lab::{Image, Suite};
use sha2::{Digest as _, Sha256};

use super::{
    apt_sources::Mirrors,
    command::run,
    cpio::Archive,
    kernel,
    packages::{DISABLED_UNITS, INITRD_MODULES, MASKED_UNITS, MODULE_FOLDERS, MODULES, PACKAGES},
};

const INIT_SOURCE: &str = include_str!("../../lab/guest/init.c");
const START_SCRIPT: &str = include_str!("../../lab/guest/lab-start");
const SERVICE: &str = include_str!("../../lab/guest/lab.service");
const TARGET: &str = include_str!("../../lab/guest/lab.target");
/// Everything that decides what an image holds; a change of any makes images out of date.
const INPUTS: [&str; 7] = [
    INIT_SOURCE,
    START_SCRIPT,
    SERVICE,
    TARGET,
    include_str!("build.rs"),
    include_str!("kernel.rs"),
    include_str!("packages.rs"),
];
/// Room for tests to write; the file is sparse.
const ROOT_SIZE: u64 = 2 << 30;
/// The first of the three locks that keep the lab off real machines.
const MARKER: &str = "etc/moxnas-lab";

/// Builds the suite's image unless the one that is there was built from the same inputs. Two
/// builders wait for each other.
pub(super) fn build(suite: Suite) -> Result<Image> {
    let image = Image::of(suite);
    fs::create_dir_all(&image.folder)?;
    let lock = File::create(image.folder.join("build.lock"))?;
    lock.lock()
        .context("cannot wait for another build of the image")?;

    let digest = digest(suite);
    if fs::read_to_string(image.stamp()).is_ok_and(|it| it == digest) {
        return Ok(image);
    }
    ensure!(
        is_root(),
        "building an image needs root: mmdebstrap and chroot write a system"
    );
    let began = Instant::now();
    eprintln!("lab: building the {suite} image");
    let work = image.folder.join("work");
    remove_tree(&work)?;
    let _ = fs::remove_file(image.stamp());
    fs::create_dir_all(&work)?;
    Builder {
        suite,
        image: &image,
        root: work.join("root"),
        work: work.clone(),
    }
    .build()?;
    remove_tree(&work)?;
    fs::write(image.stamp(), digest)?;
    eprintln!(
        "lab: built the {suite} image in {:.1} s",
        began.elapsed().as_secs_f32()
    );
    Ok(image)
}

struct Builder<'a> {
    suite: Suite,
    image: &'a Image,
    work: PathBuf,
    root: PathBuf,
}

impl Builder<'_> {
    fn build(&self) -> Result<()> {
        self.install_packages()
            .context("cannot install the guest's packages")?;
        let release = kernel::install(
            &self.kernel_package()?,
            &self.work,
            &self.root,
            &self.image.kernel(),
        )
        .context("cannot prepare the guest's kernel")?;
        fs::write(
            self.image.folder.join("kernel-release"),
            format!("{release}\n"),
        )?;
        self.configure().context("cannot configure the guest")?;
        self.pack_initrd(&release)
            .context("cannot make the initial ramdisk")?;
        self.pack_root().context("cannot make the root disk")
    }

    fn install_packages(&self) -> Result<()> {
        let mirrors = Mirrors::of_this_machine()?;
        let (suite, main) = (self.suite, &mirrors.main);
        let mut sources = vec![
            format!("deb {main} {suite} main"),
            format!("deb {main} {suite}-updates main"),
        ];
        sources.extend(
            mirrors
                .security
                .map(|it| format!("deb {it} {suite}-security main")),
        );
        // Installed, the kernel would build a big initial ramdisk; only its files are wanted.
        let fetch_kernel = "chroot \"$1\" sh -ec 'cd /var/tmp && apt-get download \
             -o APT::Sandbox::User=root $(apt-cache depends linux-image-amd64 \
             | sed -n \"s/^ *Depends: \\(linux-image-[0-9].*\\)/\\1/p\" | head -n 1)'";
        run(Command::new("mmdebstrap")
            .args(["--mode=root", "--variant=minbase", "--components=main"])
            .arg(format!("--include={}", PACKAGES.join(",")))
            .arg("--aptopt=APT::Install-Recommends \"false\"")
            .arg("--aptopt=Acquire::Languages \"none\"")
            .arg("--aptopt=Acquire::Retries \"3\"")
            .args(
                ["man", "doc", "locale", "info", "i18n", "lintian"]
                    .map(|it| format!("--dpkgopt=path-exclude=/usr/share/{it}/*")),
            )
            .arg(format!("--customize-hook={fetch_kernel}"))
            .arg(suite.to_string())
            .arg(&self.root)
            .args(sources))
        .map(drop)
    }

    fn kernel_package(&self) -> Result<PathBuf> {
        let folder = self.root.join("var/tmp");
        let mut packages = fs::read_dir(&folder)?.flatten().map(|it| it.path());
        let package = packages.find(|it| it.extension().is_some_and(|it| it == "deb"));
        let package = package.context("the kernel's package was not fetched")?;
        let moved = self.work.join("kernel.deb");
        fs::rename(package, &moved)?;
        Ok(moved)
    }

    fn configure(&self) -> Result<()> {
        self.write(MARKER, "Disks of this machine may be destroyed by tests.\n")?;
        self.write("etc/hostname", "lab\n")?;
        self.write("etc/hosts", "127.0.0.1 localhost lab\n")?;
        self.write("etc/machine-id", "0123456789abcdef0123456789abcdef\n")?;
        self.write("etc/fstab", "")?;
        self.write("etc/systemd/system/lab.service", SERVICE)?;
        self.write("etc/systemd/system/lab.target", TARGET)?;
        self.write("usr/local/sbin/lab-start", START_SCRIPT)?;
        let script = self.root.join("usr/local/sbin/lab-start");
        fs::set_permissions(script, fs::Permissions::from_mode(0o755))?;
        // Kept over a power cut, small, and quick to open.
        self.write(
            "etc/systemd/journald.conf.d/lab.conf",
            "[Journal]\nStorage=volatile\nRuntimeMaxUse=16M\nReadKMsg=no\nAudit=no\n",
        )?;
        self.write(
            "etc/systemd/system.conf.d/lab.conf",
            "[Manager]\nShowStatus=no\nDefaultTimeoutStartSec=180\nDefaultTimeoutStopSec=15\n",
        )?;
        fs::create_dir_all(self.root.join("mnt/lab"))?;
        self.link("etc/systemd/system/default.target", "lab.target")?;
        for unit in MASKED_UNITS {
            self.link(&format!("etc/systemd/system/{unit}"), "/dev/null")?;
        }
        run(Command::new("chroot")
            .arg(&self.root)
            .args(["passwd", "-d", "root"]))?;
        run(Command::new("chroot")
            .arg(&self.root)
            .args(["systemctl", "disable", "--quiet"])
            .args(DISABLED_UNITS))?;
        for leftover in ["var/lib/apt/lists", "var/cache/apt", "usr/share/doc"] {
            remove_tree(&self.root.join(leftover))?;
        }
        Ok(())
    }

    fn pack_initrd(&self, release: &str) -> Result<()> {
        let (source, init) = (self.work.join("init.c"), self.work.join("init"));
        fs::write(&source, INIT_SOURCE)?;
        run(Command::new("gcc")
            .args(["-O2", "-Wall", "-static", "-s", "-o"])
            .arg(&init)
            .arg(&source))?;
        let mut archive = Archive::default();
        for folder in ["dev", "proc", "sys", "root", "modules"] {
            archive.folder(folder);
        }
        archive.file("init", &fs::read(&init)?);
        for (name, bytes) in kernel::initrd_modules(&self.root, release)? {
            archive.file(&format!("modules/{name}"), &bytes);
        }
        fs::write(self.image.initrd(), archive.finish())?;
        Ok(())
    }

    /// With a journal: a machine whose power was cut boots again from the same disk.
    fn pack_root(&self) -> Result<()> {
        let path = self.image.root_disk();
        File::create(&path)?.set_len(ROOT_SIZE)?;
        run(Command::new("mke2fs")
            .args([
                "-q",
                "-t",
                "ext4",
                "-O",
                "has_journal,^metadata_csum",
                "-J",
                "size=16",
            ])
            .args([
                "-m",
                "0",
                "-L",
                "labroot",
                "-E",
                "lazy_itable_init=0,nodiscard",
                "-d",
            ])
            .arg(&self.root)
            .arg(&path))
        .map(drop)
    }

    fn write(&self, path: &str, content: &str) -> Result<()> {
        let path = self.root.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))
    }

    fn link(&self, path: &str, target: &str) -> Result<()> {
        let path = self.root.join(path);
        let _ = fs::remove_file(&path);
        symlink(target, &path).with_context(|| format!("cannot link {}", path.display()))
    }
}

fn digest(suite: Suite) -> String {
    let mut hash = Sha256::new();
    hash.update(suite.to_string());
    for list in [
        PACKAGES,
        MODULES,
        MODULE_FOLDERS,
        INITRD_MODULES,
        MASKED_UNITS,
        DISABLED_UNITS,
    ] {
        hash.update(list.join(" "));
    }
    for input in INPUTS {
        hash.update(input);
    }
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|it| std::os::unix::fs::MetadataExt::uid(&it) == 0)
}

fn remove_tree(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(err) if err.kind() != std::io::ErrorKind::NotFound => {
            Err(err).with_context(|| format!("cannot delete {}", path.display()))
        }
        _ => Ok(()),
    }
}
