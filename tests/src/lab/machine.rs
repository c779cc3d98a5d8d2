//! A virtual machine of a test: power, disks, commands.

mod commands;
mod disks;
mod folder;

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::UnixStream,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;

pub use self::commands::{Job, Watch};
use self::folder::Folder;
use super::{
    Bus, Lab, Start,
    agent_client::AgentClient,
    disk::{Owned, Place},
    image::Image,
    qemu::{self, Files, PCI_PORTS, Qemu},
    qmp::Qmp,
    template::{BOOT_PATIENCE, Memory, Template, ignore_shared_memory, memory_argument},
    wire::AGENT_PORT,
};

/// PCI ports that are taken: the rest is for disks.
const SHARE_PORT: usize = 0;
const NETWORK_PORT: usize = 1;
const FIRST_DISK_PORT: usize = 2;
/// The name of the agent on the share; the guest's start script knows it.
const AGENT_FILE: &str = "lab-agent";
/// For disks to appear in the guest, or to be gone.
const DISK_PATIENCE: Duration = Duration::from_secs(60);
/// For a clean shutdown.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(120);

/// A machine with disks that may be destroyed. It ends when it is dropped, and all its files go.
#[derive(Debug)]
pub struct Machine {
    image: Image,
    disks: Vec<Owned>,
    /// `None` while it is off. Before `folder`, so that it is dropped first.
    power: Option<Power>,
    files: Files,
    /// Deleted with the machine.
    _folder: Folder,
}

/// What exists only while the machine runs.
#[derive(Debug)]
struct Power {
    qemu: Qemu,
    qmp: Qmp,
    agent: AgentClient,
    /// Forwarded ports by the guest's port.
    forwarded: BTreeMap<u16, u16>,
}

impl Machine {
    pub(super) fn start(lab: Lab) -> Result<Self> {
        let template = match lab.start {
            Start::Warm => Some(Template::ensure(&lab.image, lab.prepared)?),
            Start::Cold => None,
        };
        let folder = Folder::new()?;
        let files = Files {
            folder: folder.path().to_owned(),
        };
        fs::create_dir(files.share())?;
        fs::copy(&lab.agent, files.share().join(AGENT_FILE))
            .with_context(|| format!("cannot share the agent {}", lab.agent.display()))?;
        let disks = lab.disks.into_iter().enumerate();
        let disks = disks
            .map(|(number, disk)| Owned::new(disk, number, &files.folder))
            .collect();
        let mut machine = Self {
            image: lab.image,
            disks,
            power: None,
            files,
            _folder: folder,
        };
        machine.disks.iter().try_for_each(disks::create_file)?;
        match template {
            Some(template) => machine.restore(&template)?,
            None => {
                let (backing, root) = (machine.image.root_disk(), machine.files.root_disk());
                qemu::create_overlay(&backing, "raw", &root)?;
                machine.boot_again()?;
            }
        }
        Ok(machine)
    }

    /// Off at once, with whatever was not yet written lost.
    pub fn power_cut(&mut self) -> Result<()> {
        let mut power = self.power.take().context("the machine is off already")?;
        power.qemu.kill().context("cannot end QEMU")
    }

    /// Asks the system to shut down and waits until the power is off.
    pub fn power_off(&mut self) -> Result<()> {
        // Not run to its end: the agent is among the first to be stopped.
        self.spawn(["systemctl", "poweroff"])?;
        let mut power = self.power.take().context("the machine is off already")?;
        let ended = power.qemu.wait(SHUTDOWN_PATIENCE);
        ended.map_err(|err| err.context(self.files.last_words()))
    }

    /// Shut down cleanly and boot.
    pub fn reboot(&mut self) -> Result<()> {
        self.power_off()?;
        self.boot_again()
    }

    /// Boots a machine that is off: the same root disk and the same disks, except those taken out.
    pub fn boot_again(&mut self) -> Result<()> {
        ensure!(self.power.is_none(), "the machine is on");
        self.try_boot()
            .map_err(|err| self.with_last_words(err, "the machine does not boot"))
    }

    /// `http://127.0.0.1:PORT`, forwarded to a port of the guest.
    pub fn url(&mut self, guest_port: u16) -> Result<String> {
        Ok(format!("http://127.0.0.1:{}", self.forward(guest_port)?))
    }

    /// The port of this host's loopback that leads to a port of the guest.
    pub fn forward(&mut self, guest_port: u16) -> Result<u16> {
        let power = self.power()?;
        if let Some(&port) = power.forwarded.get(&guest_port) {
            return Ok(port);
        }
        let said = power.qmp.human(&format!(
            "hostfwd_add network tcp:127.0.0.1:0-:{guest_port}"
        ))?;
        ensure!(said.trim().is_empty(), "QEMU forwards no port: {said}");
        let port = host_port(&power.qmp.human("info usernet")?, guest_port)?;
        power.forwarded.insert(guest_port, port);
        Ok(port)
    }

    /// The folder both sides see: here, and as `/mnt/lab` in the guest.
    #[must_use]
    pub fn share(&self) -> std::path::PathBuf {
        self.files.share()
    }

    fn power(&mut self) -> Result<&mut Power> {
        self.power.as_mut().context("the machine is off")
    }

    fn with_last_words(&self, err: anyhow::Error, what: &'static str) -> anyhow::Error {
        err.context(self.files.last_words()).context(what)
    }

    fn restore(&mut self, template: &Template) -> Result<()> {
        self.try_restore(template)
            .map_err(|err| self.with_last_words(err, "the machine cannot be restored"))
    }

    fn try_restore(&mut self, template: &Template) -> Result<()> {
        qemu::create_overlay(&template.root_disk(), "qcow2", &self.files.root_disk())?;
        let mut arguments = self.arguments();
        let memory = memory_argument(&template.memory(), Memory::Private);
        arguments.extend(["-object", &memory, "-incoming", "defer", "-S"].map(str::to_owned));
        let mut power = Power::on(&arguments, &self.files)?;
        // Before the state is loaded, or the guest would see its port closed and stop waiting.
        let control = power.qemu.connect(&self.files.control(), BOOT_PATIENCE)?;
        let qmp = &mut power.qmp;
        ignore_shared_memory(qmp)?;
        let version = qmp.call("query-version", json!({}))?;
        let address = qemu::state_address(&version, "", &template.state());
        qmp.call("migrate-incoming", json!({"uri": address}))?;
        let began = Instant::now();
        while qmp.call("query-status", json!({}))?["status"] == "inmigrate" {
            ensure!(
                began.elapsed() < BOOT_PATIENCE,
                "QEMU does not finish restoring"
            );
            thread::sleep(Duration::from_millis(5));
        }
        qmp.call("cont", json!({}))?;
        for device in built_in_devices() {
            qmp.call("device_add", device)?;
        }
        self.power = Some(power);
        for index in 0..self.disks.len() {
            self.insert(index)?;
        }
        self.meet_agent(&control, Greeting::Over)
    }

    fn try_boot(&mut self) -> Result<()> {
        let mut arguments = self.arguments();
        let memory = format!("memory-backend-ram,id=memory,size={}M", qemu::MEMORY_MIB);
        arguments.extend(["-object".to_owned(), memory]);
        let mut add = |option: &str, value: String| arguments.extend([option.to_owned(), value]);
        for device in built_in_devices() {
            add("-device", device.to_string());
        }
        let mut sata_ports = 0..;
        let mut pci_ports = FIRST_DISK_PORT..PCI_PORTS;
        for disk in self.disks.iter_mut().filter(|it| it.place != Place::Out) {
            let port = match disk.disk.bus {
                Bus::Nvme | Bus::Virtio => Some(
                    pci_ports
                        .next()
                        .context("the machine has no free PCI port")?,
                ),
                Bus::Sata => sata_ports.next(),
                Bus::Scsi | Bus::Usb => None,
            };
            disk.place = Place::In(port);
            add("-blockdev", disk.blockdev().to_string());
            add("-device", disk.device(port).to_string());
        }
        let mut power = Power::on(&arguments, &self.files)?;
        let control = power.qemu.connect(&self.files.control(), BOOT_PATIENCE)?;
        self.power = Some(power);
        self.meet_agent(&control, Greeting::Due)
    }

    fn arguments(&self) -> Vec<String> {
        let mut arguments = qemu::common_arguments(&self.image, &self.files);
        let share = self.files.share();
        arguments.extend([
            "-fsdev".to_owned(),
            format!(
                "local,id=share,path={},security_model=none,multidevs=remap",
                share.display()
            ),
            "-netdev".to_owned(),
            // Nothing leaves the machine: only the host can reach in.
            format!("user,id=network,restrict=on,hostfwd=tcp:127.0.0.1:0-:{AGENT_PORT}"),
        ]);
        arguments
    }

    /// The guest says `ready`, is told to `go`, and says `listening` when its agent is up.
    fn meet_agent(&mut self, control: &UnixStream, greeting: Greeting) -> Result<()> {
        control.set_read_timeout(Some(BOOT_PATIENCE))?;
        let mut lines = BufReader::new(control);
        let mut hear = |wanted: &str| -> Result<()> {
            let mut line = String::new();
            lines
                .read_line(&mut line)
                .with_context(|| format!("the guest is not {wanted}"))?;
            ensure!(
                line.trim() == wanted,
                "the guest said {line:?} instead of {wanted:?}"
            );
            Ok(())
        };
        if greeting == Greeting::Due {
            hear("ready")?;
        }
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let mut writer = control;
        writer.write_all(format!("go {seconds}\n").as_bytes())?;
        hear("listening")?;
        self.wait_for_disks()
    }
}

/// Whether the guest has yet to say that it is ready: in a template it has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Greeting {
    Due,
    Over,
}

impl Drop for Machine {
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = writeln!(std::io::stderr(), "{}", self.files.last_words());
        }
    }
}

impl Power {
    fn on(arguments: &[String], files: &Files) -> Result<Self> {
        for socket in [files.monitor(), files.control()] {
            let _ = fs::remove_file(socket);
        }
        let mut qemu = Qemu::start(arguments, files)?;
        let mut qmp = Qmp::new(qemu.connect(&files.monitor(), BOOT_PATIENCE)?)?;
        let port = host_port(&qmp.human("info usernet")?, AGENT_PORT)?;
        Ok(Self {
            qemu,
            qmp,
            agent: AgentClient { port },
            forwarded: BTreeMap::new(),
        })
    }
}

fn built_in_devices() -> [serde_json::Value; 2] {
    let port = |it: usize| format!("port{it}");
    [
        json!({
            "driver": "virtio-9p-pci", "id": "share0", "fsdev": "share", "mount_tag": "lab",
            "bus": port(SHARE_PORT),
        }),
        json!({
            "driver": "virtio-net-pci", "id": "card0", "netdev": "network",
            "bus": port(NETWORK_PORT),
        }),
    ]
}

/// Finds a forwarded port in a table of protocol and state, descriptor, source address and port,
/// destination address and port.
fn host_port(table: &str, guest_port: u16) -> Result<u16> {
    let guest_port = guest_port.to_string();
    for line in table.lines().filter(|it| it.contains("HOST_FORWARD")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [_, _, _, host, _, guest, ..] = words[..]
            && guest == guest_port
        {
            return host.parse().with_context(|| format!("no port in {line:?}"));
        }
    }
    bail!("QEMU forwards nothing to port {guest_port}:\n{table}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forwarded_ports_are_found() {
        // `info usernet` of QEMU 7.2.
        let table = "Hub -1 (network):\n  \
            Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\n  \
            TCP[HOST_FORWARD]  14       127.0.0.1 41231       10.0.2.15  9000     0     0\n  \
            TCP[HOST_FORWARD]  15       127.0.0.1 41232       10.0.2.15  8000     0     0\n";
        assert_eq!(host_port(table, 8000).unwrap(), 41232);
        assert!(host_port(table, 80).is_err());
    }
}
