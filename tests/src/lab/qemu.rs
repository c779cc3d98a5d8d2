//! A QEMU process: its command line, its end, and what it left to read when something failed.

use std::{
    env,
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Sender, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::image::Image;

/// Another QEMU than the one in the path.
const PROGRAM_VARIABLE: &str = "MOXNAS_LAB_QEMU";
/// `kvm` or `tcg`, instead of what the processor suggests.
const ACCELERATOR_VARIABLE: &str = "MOXNAS_LAB_ACCEL";

pub(super) const MEMORY_MIB: u32 = 1024;
const PROCESSORS: u32 = 2;
/// Slots for hot-plugging PCI devices.
pub(super) const PCI_PORTS: usize = 16;

const KERNEL_ARGUMENTS: &str = "console=ttyS0 quiet panic=-1 net.ifnames=0 mitigations=off nokaslr \
     tsc=reliable no_timer_check audit=0 selinux=0 apparmor=0 random.trust_cpu=on cryptomgr.notests";

/// How the guest's instructions are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accelerator {
    Kvm,
    /// QEMU translates them: slower, and works everywhere.
    Tcg,
}

impl Accelerator {
    /// A `/dev/kvm` on a processor without `vmx` or `svm` is paravirtual: it opens, and then
    /// interprets a stock kernel so slowly that it never boots.
    #[must_use]
    pub fn of_this_machine() -> Self {
        match env::var(ACCELERATOR_VARIABLE).as_deref() {
            Ok("kvm") => return Self::Kvm,
            Ok("tcg") => return Self::Tcg,
            _ => {}
        }
        let flags = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let virtualizes = flags
            .split_whitespace()
            .any(|it| it == "vmx" || it == "svm");
        let opens = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/kvm")
            .is_ok();
        if virtualizes && opens {
            Self::Kvm
        } else {
            Self::Tcg
        }
    }

    fn arguments(self) -> [&'static str; 4] {
        match self {
            Self::Kvm => ["-accel", "kvm", "-cpu", "host"],
            Self::Tcg => ["-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max"],
        }
    }
}

fn program() -> OsString {
    env::var_os(PROGRAM_VARIABLE).unwrap_or_else(|| "qemu-system-x86_64".into())
}

/// The first line of `--version`.
pub fn version() -> Result<String> {
    let output = Command::new(program())
        .arg("--version")
        .output()
        .context("cannot start QEMU")?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// Files of one machine, all in its folder.
#[derive(Clone, Debug)]
pub(super) struct Files {
    pub(super) folder: PathBuf,
}

impl Files {
    pub(super) fn root_disk(&self) -> PathBuf {
        self.folder.join("root.qcow2")
    }

    /// What the guest's kernel and services wrote to the serial console.
    pub(super) fn console(&self) -> PathBuf {
        self.folder.join("console.log")
    }

    fn errors(&self) -> PathBuf {
        self.folder.join("qemu.err")
    }

    pub(super) fn monitor(&self) -> PathBuf {
        self.folder.join("qmp")
    }

    /// The serial port on which the guest says that it is ready.
    pub(super) fn control(&self) -> PathBuf {
        self.folder.join("ctl")
    }

    pub(super) fn share(&self) -> PathBuf {
        self.folder.join("share")
    }

    /// The ends of the console and of what QEMU complained of.
    pub(super) fn last_words(&self) -> String {
        let tail = |path: &Path| {
            let bytes = fs::read(path).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let lines: Vec<&str> = text.lines().collect();
            lines[lines.len().saturating_sub(60)..].join("\n")
        };
        let (console, errors) = (tail(&self.console()), tail(&self.errors()));
        format!("--- console of the guest ---\n{console}\n--- QEMU ---\n{errors}\n---")
    }
}

/// The part of the command line that a template and the machines restored from it must share.
pub(super) fn common_arguments(image: &Image, files: &Files) -> Vec<String> {
    let path = |it: PathBuf| it.to_string_lossy().into_owned();
    let mut all: Vec<String> = Vec::new();
    let mut add = |arguments: &[&str]| all.extend(arguments.iter().map(|&it| it.to_owned()));

    add(&[
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-no-reboot",
    ]);
    add(&["-machine", "q35,usb=off,vmport=off,memory-backend=memory"]);
    add(&Accelerator::of_this_machine().arguments());
    add(&[
        "-smp",
        &PROCESSORS.to_string(),
        "-m",
        &format!("{MEMORY_MIB}M"),
    ]);
    add(&[
        "-kernel",
        &path(image.kernel()),
        "-initrd",
        &path(image.initrd()),
    ]);
    add(&["-append", KERNEL_ARGUMENTS]);

    add(&[
        "-chardev",
        &format!("file,id=console,append=on,path={}", path(files.console())),
    ]);
    add(&["-serial", "chardev:console"]);
    add(&[
        "-qmp",
        &format!("unix:{},server=on,wait=off", path(files.monitor())),
    ]);
    let root = json!({
        "node-name": "root", "driver": "qcow2",
        "file": {"driver": "file", "filename": path(files.root_disk())},
    });
    add(&["-blockdev", &root.to_string()]);
    add(&[
        "-device",
        "virtio-blk-pci,drive=root,serial=labroot,addr=0x2",
    ]);
    add(&["-device", "virtio-scsi-pci,id=scsi0,addr=0x3"]);
    add(&["-device", "virtio-serial-pci,id=serial0,addr=0x4"]);
    let control = path(files.control());
    add(&[
        "-chardev",
        &format!("socket,id=control,path={control},server=on,wait=off"),
    ]);
    add(&[
        "-device",
        "virtserialport,bus=serial0.0,chardev=control,name=lab.ctl",
    ]);
    add(&["-device", "qemu-xhci,id=xhci,addr=0x5"]);
    // Else every machine restored from a template would hand out the same random numbers.
    add(&["-device", "vmgenid,guid=auto"]);
    for port in 0..PCI_PORTS {
        let (chassis, slot, function) = (port + 1, 0x10 + port / 8, port % 8);
        let device = format!(
            "pcie-root-port,id=port{port},chassis={chassis},multifunction=on,\
             addr={slot:#x}.{function}"
        );
        add(&["-device", &device]);
    }
    all
}

/// A disk that begins as another one and keeps what changes.
pub(super) fn create_overlay(backing: &Path, format: &str, path: &Path) -> Result<()> {
    let output = Command::new("qemu-img")
        .args(["create", "-q", "-f", "qcow2", "-F", format, "-b"])
        .args([backing, path])
        .output()
        .context("cannot start qemu-img")?;
    ensure!(
        output.status.success(),
        "qemu-img: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

/// `migrate` and `migrate-incoming` read and write a file directly since QEMU 8.2.
pub(super) fn state_address(version: &Value, verb: &str, state: &Path) -> String {
    let number = |name: &str| version["qemu"][name].as_u64().unwrap_or_default();
    if (number("major"), number("minor")) >= (8, 2) {
        return format!("file:{}", state.display());
    }
    format!("exec:cat {verb} '{}'", state.display())
}

/// A running QEMU; it dies with this value, and with this process.
#[derive(Debug)]
pub(super) struct Qemu {
    child: Child,
    /// Keeps the thread alive that is the parent of the process in the eyes of the kernel.
    _parent: Sender<()>,
}

impl Qemu {
    /// `setpriv` makes the kernel kill QEMU when its parent thread ends, however this process ends.
    /// So the thread must outlive the machine, which a thread of a test might not.
    pub(super) fn start(arguments: &[String], files: &Files) -> Result<Self> {
        let errors = File::options()
            .create(true)
            .append(true)
            .open(files.errors())?;
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL"])
            .arg(program())
            .args(arguments);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors);
        let (parent, until_dropped) = channel();
        let (give, taken) = channel();
        thread::spawn(move || {
            let _ = give.send(command.spawn());
            let _ = until_dropped.recv();
        });
        let child = taken
            .recv()?
            .context("cannot start QEMU (through setpriv)")?;
        Ok(Self {
            child,
            _parent: parent,
        })
    }

    /// Connects to one of its sockets, as soon as that is there.
    pub(super) fn connect(&mut self, socket: &Path, patience: Duration) -> Result<UnixStream> {
        let began = Instant::now();
        loop {
            match UnixStream::connect(socket) {
                Ok(stream) => return Ok(stream),
                Err(err) if began.elapsed() > patience => {
                    return Err(err).context("QEMU does not open its socket");
                }
                Err(_) => {}
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("QEMU ended at once ({status})");
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until it ends by itself.
    pub(super) fn wait(&mut self, patience: Duration) -> Result<()> {
        let began = Instant::now();
        while self.child.try_wait()?.is_none() {
            ensure!(
                began.elapsed() < patience,
                "QEMU still runs after {} s",
                patience.as_secs()
            );
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    pub(super) fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}
