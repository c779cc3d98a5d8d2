//! The lab: a virtual machine with real disks and real arrays, which a test may destroy.
//!
//! ```no_run
//! # use moxnas_tests::lab::{Lab, MIB};
//! # fn main() -> anyhow::Result<()> {
//! let Some(lab) = Lab::from_env()? else { return Ok(()) };
//! let mut machine = lab.nvme(128 * MIB).scsi(128 * MIB).start()?;
//! machine.sh("mdadm --create --run /dev/md/tank --level=1 --raid-devices=2 /dev/nvme0n1 /dev/sda")?;
//! machine.pull("LABSCSI01")?;
//! # Ok(())
//! # }
//! ```
//!
//! A machine is restored from a [`Template`] that has booted already, and its disks are plugged in
//! while it runs: about two seconds. [`Machine::boot_again`] is a boot from cold. The kernel names
//! hot-plugged disks in any order, so a test asks [`Machine::disk`] for a name.

#![expect(missing_docs, reason = "names say it, and only tests read them")]

pub mod agent;
mod agent_client;
mod disk;
mod image;
mod machine;
mod qemu;
mod qmp;
mod template;
pub mod wire;

use std::{
    env,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Once,
};

use anyhow::{Context as _, Result};

pub use self::{
    disk::{Bus, Disk},
    image::{
        AGENT_VARIABLE, FOLDER_VARIABLE, IMAGE_VARIABLE, Image, PRODUCT_VARIABLE, Suite, workspace,
    },
    machine::{Job, Machine, Watch},
    qemu::{Accelerator, version as qemu_version},
    template::{Preparation, Template},
    wire::{Exec, MdSample, Output, Tree, WatchMd},
};

pub const MIB: u64 = 1 << 20;

/// A machine in the making.
#[derive(Clone, Debug)]
pub struct Lab {
    image: Image,
    agent: PathBuf,
    disks: Vec<Disk>,
    start: Start,
    prepared: Option<Preparation>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// From the template.
    Warm,
    /// From power off, with the disks in place.
    Cold,
}

impl Lab {
    /// The lab the environment names. `None` where there is none: the test then has nothing to do,
    /// and one line says so.
    pub fn from_env() -> Result<Option<Self>> {
        let Some(image) = Image::from_env()? else {
            skip_once();
            return Ok(None);
        };
        let agent = env::var_os(AGENT_VARIABLE).map(PathBuf::from);
        let agent = agent.with_context(|| format!("{AGENT_VARIABLE} does not name the agent"))?;
        Ok(Some(Self::new(image, &agent)))
    }

    #[must_use]
    pub fn new(image: Image, agent: &Path) -> Self {
        Self {
            image,
            agent: agent.to_owned(),
            disks: Vec::new(),
            start: Start::Warm,
            prepared: None,
        }
    }

    /// The release of Debian that its machines run.
    pub fn suite(&self) -> Result<Suite> {
        let name = self
            .image
            .folder
            .file_name()
            .context("the image has no folder")?;
        name.to_string_lossy().parse()
    }

    #[must_use]
    pub fn disk(mut self, disk: Disk) -> Self {
        if disk.bus == Bus::Sata {
            // Its controller cannot take a disk while the machine runs.
            self.start = Start::Cold;
        }
        self.disks.push(disk);
        self
    }

    #[must_use]
    pub fn nvme(self, size: u64) -> Self {
        self.disk(Disk::nvme(size))
    }

    #[must_use]
    pub fn scsi(self, size: u64) -> Self {
        self.disk(Disk::scsi(size))
    }

    #[must_use]
    pub fn virtio(self, size: u64) -> Self {
        self.disk(Disk::virtio(size))
    }

    #[must_use]
    pub fn usb(self, size: u64) -> Self {
        self.disk(Disk::usb(size))
    }

    #[must_use]
    pub fn sata(self, size: u64) -> Self {
        self.disk(Disk::sata(size))
    }

    /// From a template of its own, on which this was done before it was saved.
    #[must_use]
    pub fn prepared(mut self, preparation: Preparation) -> Self {
        self.prepared = Some(preparation);
        self
    }

    /// Boots instead of restoring the template.
    #[must_use]
    pub fn cold(mut self) -> Self {
        self.start = Start::Cold;
        self
    }

    /// Returns once the agent answers and every disk is there.
    pub fn start(self) -> Result<Machine> {
        Machine::start(self)
    }
}

/// Written past the test harness, which would keep the output of a test that passes.
fn skip_once() {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        let _ = writeln!(
            std::io::stderr(),
            "lab tests skipped: {IMAGE_VARIABLE} is not set; run `cargo xtask lab test`"
        );
    });
}
