//! What is in the images of a real machine: unpacked by `unmkinitramfs(8)` into a scratch folder.

use std::{fs, io, os::unix::fs::MetadataExt, path::Path, time::Duration};

use moxnas_core::{
    chain::chain,
    cmd::{Cmd, Runner},
    root::Root,
};

use super::argv::UNMKINITRAMFS;
use crate::{
    backend::BackendError,
    conf::Conf,
    initramfs::{Content, IMAGE_FOLDER, Image, KernelRelease, releases},
};

/// A big image on a slow machine.
const LIMIT: Duration = Duration::from_secs(300);
/// Where an image is unpacked: it may have hundreds of megabytes, more than `/tmp` may hold.
const SCRATCH_FOLDER: &str = "/var/tmp";
const SCRATCH_PREFIX: &str = "moxnas-initramfs-";

/// Where the files of an image may be: behind an archive with microcode, or on their own.
const TREES: [&str; 2] = ["main", ""];

/// All images of the machine. One that was not written since it was read is not read again.
pub(super) fn images(
    root: &Root,
    runner: &dyn Runner,
    known: &[Image],
) -> Result<Vec<Image>, BackendError> {
    let running = root.read("/proc/sys/kernel/osrelease")?.unwrap_or_default();
    let image = |kernel: KernelRelease| {
        let stamp = stamp(root, &kernel);
        let is_same = |it: &&Image| it.kernel == kernel && it.stamp == stamp;
        let known = known.iter().find(is_same).map(|it| it.content.clone());
        Image {
            is_running: kernel.as_str() == running.trim(),
            content: match known {
                Some(Ok(content)) => Ok(content),
                // What kept it from being read may be mended.
                Some(Err(_)) | None => content(root, runner, &kernel),
            },
            stamp,
            kernel,
        }
    };
    let releases = releases(&root.list(IMAGE_FOLDER)?);
    Ok(releases.into_iter().map(image).collect())
}

fn stamp(root: &Root, kernel: &KernelRelease) -> String {
    match fs::metadata(root.path(kernel.image_path())) {
        Ok(it) => format!(
            "{} {} {}.{:09}",
            it.ino(),
            it.len(),
            it.mtime(),
            it.mtime_nsec()
        ),
        Err(err) => err.to_string(),
    }
}

fn content(root: &Root, runner: &dyn Runner, kernel: &KernelRelease) -> Result<Content, String> {
    let scratch = tempfile::Builder::new()
        .prefix(SCRATCH_PREFIX)
        .tempdir_in(root.path(SCRATCH_FOLDER))
        .map_err(|err| format!("it cannot be unpacked in {SCRATCH_FOLDER}: {err}"))?;
    let cmd = Cmd::new(UNMKINITRAMFS)
        .limit(LIMIT)
        .arg(root.path(kernel.image_path()))
        .arg(scratch.path());
    if let Err(err) = runner.run(&cmd) {
        let err = BackendError::Command(err);
        let remedy = err.hint().map(|it| format!(" ({it})")).unwrap_or_default();
        return Err(format!("{}{remedy}", chain(&err)));
    }
    let content = read(scratch.path());
    content.map_err(|err| format!("it was unpacked and cannot be read: {err}"))
}

/// What an unpacked image knows of arrays.
fn read(unpacked: &Path) -> io::Result<Content> {
    let is_there = |path: &Path| fs::symlink_metadata(path).is_ok();
    for tree in TREES {
        let tree = unpacked.join(tree);
        // What every image begins with.
        if !is_there(&tree.join("init")) {
            continue;
        }
        let conf = tree.join("etc/mdadm/mdadm.conf");
        // A link would lead out of the image, to the very file that it is compared with.
        if fs::symlink_metadata(&conf).is_ok_and(|it| it.is_file()) {
            let text = fs::read(&conf)?;
            return Ok(Content::Conf(Conf::parse(&String::from_utf8_lossy(&text))));
        }
        let has_mdadm = ["sbin/mdadm", "usr/sbin/mdadm", "usr/bin/mdadm"]
            .iter()
            .any(|it| is_there(&tree.join(it)));
        return Ok(match has_mdadm {
            true => Content::Conf(Conf::default()),
            false => Content::NoMdadm,
        });
    }
    let what = "there is no /init in it";
    Err(io::Error::new(io::ErrorKind::InvalidData, what))
}

/// Remove what a process left that was killed while it read an image.
pub(super) fn tidy(root: &Root) -> Result<(), BackendError> {
    for name in root.list(SCRATCH_FOLDER)? {
        if name.starts_with(SCRATCH_PREFIX) {
            // Somebody else's file of that name, or one that another process has removed, is no
            // reason not to start.
            let _ = fs::remove_dir_all(root.path(SCRATCH_FOLDER).join(name));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use moxnas_core::cmd::{CmdError, Output};

    use super::*;

    /// Unpacks any image into these files, which all have one text.
    struct Unpacks(&'static [&'static str]);

    impl Runner for Unpacks {
        fn run_while(&self, cmd: &Cmd, _: &dyn Fn() -> bool) -> Result<Output, CmdError> {
            let into = cmd.words().pop().unwrap();
            for path in self.0 {
                let path = Path::new(&into).join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, LINE).unwrap();
            }
            Ok(Output::default())
        }

        fn pipe(
            &self,
            _: &Cmd,
            to: &Cmd,
            _: &dyn Fn() -> bool,
            _: &dyn Fn(u64),
        ) -> Result<Output, CmdError> {
            unreachable!("no image is unpacked into {to}")
        }

        fn feed(
            &self,
            _: Box<dyn std::io::Read + Send>,
            to: &Cmd,
            _: &dyn Fn() -> bool,
            _: &dyn Fn(u64),
        ) -> Result<Output, CmdError> {
            unreachable!("no image is unpacked into {to}")
        }
    }

    fn machine() -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["boot", "var/tmp", "proc/sys/kernel"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        fs::write(dir.path().join("proc/sys/kernel/osrelease"), "6.1.0-40\n").unwrap();
        for name in [
            "initrd.img-6.1.0-40",
            "initrd.img-6.1.0-9",
            "initrd.img-6.1.0-40.dpkg-bak",
            "initrd.img-6.1.0-40.new",
            "initrd.img",
            "vmlinuz-6.1.0-40",
        ] {
            fs::write(dir.path().join("boot").join(name), "").unwrap();
        }
        let root = Root::fixture(dir.path());
        (dir, root)
    }

    const LINE: &str = "ARRAY /dev/md/tank UUID=11111111:22222222:33333333:44444444\n";

    #[test]
    fn an_image_is_read_wherever_its_files_are() {
        let (dir, root) = machine();
        let named = Ok(Content::Conf(Conf::parse(LINE)));
        let nothing = Ok(Content::Conf(Conf::default()));
        for (files, expected) in [
            (&["main/init", "main/etc/mdadm/mdadm.conf"][..], &named),
            (&["init", "etc/mdadm/mdadm.conf"], &named),
            (&["main/init", "main/usr/sbin/mdadm"], &nothing),
            (&["main/init", "main/bin/sh"], &Ok(Content::NoMdadm)),
        ] {
            let images = images(&root, &Unpacks(files), &[]).unwrap();
            let kernels: Vec<(&str, bool)> = images
                .iter()
                .map(|it| (it.kernel.as_str(), it.is_running))
                .collect();
            assert_eq!(kernels, [("6.1.0-40", true), ("6.1.0-9", false)]);
            assert!(
                images.iter().all(|it| it.content == *expected),
                "{images:?}"
            );
        }
        // A tool that says nothing of what went wrong.
        let images = images(&root, &Unpacks(&["etc/mdadm/mdadm.conf"]), &[]).unwrap();
        assert!(images[0].content.as_ref().unwrap_err().contains("no /init"));
        let left = fs::read_dir(dir.path().join("var/tmp")).unwrap().count();
        assert_eq!(left, 0);
    }

    #[test]
    fn an_image_is_unpacked_again_when_it_was_written() {
        let (dir, root) = machine();
        let first = images(&root, &Unpacks(&["init", "etc/mdadm/mdadm.conf"]), &[]).unwrap();
        let without = Unpacks(&["init", "bin/sh"]);
        assert_eq!(images(&root, &without, &first).unwrap(), first);
        fs::write(dir.path().join("boot/initrd.img-6.1.0-9"), "another").unwrap();
        let second = images(&root, &without, &first).unwrap();
        assert_eq!(second[0], first[0]);
        assert_eq!(second[1].content, Ok(Content::NoMdadm));
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_nothing_else() {
        let (dir, root) = machine();
        let folder = dir.path().join("var/tmp");
        fs::create_dir_all(folder.join("moxnas-initramfs-abc/main/etc")).unwrap();
        fs::create_dir(folder.join("somebody")).unwrap();
        tidy(&root).unwrap();
        let left: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|it| it.unwrap().file_name())
            .collect();
        assert_eq!(left, ["somebody"]);
    }
}
