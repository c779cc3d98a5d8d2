//! A machine that has booted and waits, saved so that every test can go on from there.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{
    image::Image,
    qemu::{self, Files, MEMORY_MIB, Qemu},
    qmp::Qmp,
};

/// A cold boot takes five seconds when nothing else runs.
pub(super) const BOOT_PATIENCE: Duration = Duration::from_secs(300);
/// Time for what still runs in the guest when it says that it is ready.
const SETTLE: Duration = Duration::from_millis(500);

/// A saved machine: memory, state of the devices, root disk.
#[derive(Clone, Debug)]
pub struct Template {
    pub folder: PathBuf,
    pub image: Image,
}

/// What is done on a machine before it is saved, for tests that would all begin with it.
#[derive(Clone, Copy, Debug)]
pub struct Preparation {
    /// A template of the same name that was prepared otherwise is out of date.
    pub name: &'static str,
    /// Commands for a shell, one a line; each has to succeed.
    pub commands: &'static str,
}

impl Template {
    /// The image's template, made if it is not there; who comes at the same time waits.
    pub fn ensure(image: &Image, preparation: Option<Preparation>) -> Result<Self> {
        let plain = format!("template-{}", key(image)?);
        let name = match preparation {
            None => plain.clone(),
            Some(it) => format!(
                "{plain}-{}-{}",
                it.name,
                short(&Sha256::digest(it.commands))
            ),
        };
        let folder = image.folder.join(name);
        if folder.is_dir() {
            return Ok(Self {
                folder,
                image: image.clone(),
            });
        }
        let lock = File::create(image.folder.join("template.lock"))?;
        lock.lock()
            .context("cannot wait for another maker of the template")?;
        if !folder.is_dir() {
            remove_outdated(image, &plain, preparation)?;
            let unfinished = folder.with_extension("new");
            make(image, preparation, &unfinished).context("cannot make the lab's template")?;
            fs::rename(&unfinished, &folder)?;
        }
        Ok(Self {
            folder,
            image: image.clone(),
        })
    }

    #[must_use]
    pub fn root_disk(&self) -> PathBuf {
        self.folder.join("root.qcow2")
    }

    #[must_use]
    pub fn memory(&self) -> PathBuf {
        self.folder.join("memory")
    }

    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.folder.join("state")
    }
}

/// Whether memory written by a machine goes into the file.
#[derive(Clone, Copy)]
pub(super) enum Memory {
    Kept,
    Private,
}

pub(super) fn memory_argument(file: &Path, memory: Memory) -> String {
    let share = match memory {
        Memory::Kept => "on",
        Memory::Private => "off",
    };
    let file = file.display();
    format!("memory-backend-file,id=memory,size={MEMORY_MIB}M,mem-path={file},share={share}")
}

/// Changes with everything that a saved machine must agree on with the one that restores it.
fn key(image: &Image) -> Result<String> {
    let nowhere = Files {
        folder: PathBuf::from("/"),
    };
    let mut hash = Sha256::new();
    hash.update(fs::read(image.stamp()).context("there is no image: run `cargo xtask lab build`")?);
    hash.update(qemu::version()?);
    hash.update(qemu::common_arguments(image, &nowhere).join(" "));
    Ok(short(&hash.finalize()))
}

fn short(digest: &[u8]) -> String {
    let bytes = digest.iter().take(6);
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

/// A machine that still runs from an old template keeps its files open.
fn remove_outdated(image: &Image, plain: &str, preparation: Option<Preparation>) -> Result<()> {
    let same = preparation.map(|it| format!("{plain}-{}-", it.name));
    for entry in fs::read_dir(&image.folder)?.flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_replaced = same.as_ref().is_some_and(|it| name.starts_with(it));
        let is_outdated = !name.starts_with(plain) || is_replaced;
        if path.is_dir() && name.starts_with("template-") && is_outdated {
            fs::remove_dir_all(&path)
                .with_context(|| format!("cannot delete {}", path.display()))?;
        }
    }
    Ok(())
}

fn make(image: &Image, preparation: Option<Preparation>, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let files = Files {
        folder: folder.to_owned(),
    };
    boot_and_save(image, preparation, &files).map_err(|err| err.context(files.last_words()))?;
    for leftover in [files.monitor(), files.control(), files.console()] {
        let _ = fs::remove_file(leftover);
    }
    Ok(())
}

fn boot_and_save(image: &Image, preparation: Option<Preparation>, files: &Files) -> Result<()> {
    let template = Template {
        folder: files.folder.clone(),
        image: image.clone(),
    };
    qemu::create_overlay(&image.root_disk(), "raw", &template.root_disk())?;
    let mut arguments = qemu::common_arguments(image, files);
    arguments.extend([
        "-object".to_owned(),
        memory_argument(&template.memory(), Memory::Kept),
    ]);
    let mut qemu = Qemu::start(&arguments, files)?;
    let mut qmp = Qmp::new(qemu.connect(&files.monitor(), BOOT_PATIENCE)?)?;

    let control = qemu.connect(&files.control(), BOOT_PATIENCE)?;
    control.set_read_timeout(Some(BOOT_PATIENCE))?;
    // The connection stays open until the state is saved: the guest waits only while it is.
    let mut said = BufReader::new(&control);
    hear_ready(&mut said, "it started")?;
    for command in preparation.map_or("", |it| it.commands).lines() {
        let mut writer = &control;
        writer.write_all(format!("run {command}\n").as_bytes())?;
        hear_ready(&mut said, command)?;
    }
    thread::sleep(SETTLE);

    qmp.call("stop", json!({}))?;
    ignore_shared_memory(&mut qmp)?;
    let version = qmp.call("query-version", json!({}))?;
    let address = qemu::state_address(&version, ">", &template.state());
    qmp.call("migrate", json!({"uri": address}))?;
    loop {
        let told = qmp.call("query-migrate", json!({}))?;
        match told["status"].as_str() {
            Some("completed") => break,
            Some("failed" | "cancelled") => bail!("QEMU cannot save the machine: {told}"),
            _ => thread::sleep(Duration::from_millis(20)),
        }
    }
    qmp.call("quit", json!({}))?;
    qemu.wait(BOOT_PATIENCE)
}

fn hear_ready(said: &mut BufReader<&UnixStream>, after: &str) -> Result<()> {
    let mut line = String::new();
    said.read_line(&mut line)
        .with_context(|| format!("the guest does not get ready after: {after}"))?;
    ensure!(
        line.trim() == "ready",
        "the guest said {line:?} instead of \"ready\" after: {after}"
    );
    Ok(())
}

/// The state then holds only the devices; the memory is in its file already.
pub(super) fn ignore_shared_memory(qmp: &mut Qmp) -> Result<()> {
    let capability = json!({"capability": "x-ignore-shared", "state": true});
    qmp.call(
        "migrate-set-capabilities",
        json!({"capabilities": [capability]}),
    )
    .map(drop)
}
