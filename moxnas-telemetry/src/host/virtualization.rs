//! Whether this is a container or a virtual machine, and what says so.
//!
//! The signs are those of `systemd-detect-virt` (systemd's `src/basic/virt.c`), as far as they can
//! be read from files.

use moxnas_core::{chain::chain, root::Root};
use serde::{Deserialize, Serialize};

/// Where this program runs. A container may stand on a virtual machine, so these are two answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Virtualization {
    /// Whether it sees the machine from a container.
    pub container: Container,
    /// Whether the machine is a real one.
    pub machine: Machine,
    /// What says so, and what could not be asked, for people.
    pub evidence: Vec<String>,
}

/// Whether this program runs in a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Container {
    /// It does not.
    No,
    /// It does.
    Yes {
        /// What made the container, in its own word: `lxc`, `docker`, `podman`, `systemd-nspawn`.
        engine: Option<String>,
        /// Whether its root is the machine's root. `None` when that could not be read.
        privileged: Option<bool>,
    },
    /// It could not be told.
    #[default]
    Unknown,
}

/// Whether the machine is a real one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Machine {
    /// It is.
    Physical,
    /// It is a virtual machine.
    Virtual {
        /// What runs it, where it gives its name: `qemu`, `vmware`, `xen`.
        hypervisor: Option<String>,
    },
    /// It could not be told.
    #[default]
    Unknown,
}

/// How hypervisors name themselves in the fields of DMI, by the start of the text; after
/// `dmi_vendor_table` of systemd.
const HYPERVISORS: [(&str, &str); 16] = [
    ("KVM", "kvm"),
    ("OpenStack", "kvm"),
    ("KubeVirt", "kvm"),
    ("Amazon EC2", "amazon"),
    ("QEMU", "qemu"),
    ("VMware", "vmware"),
    ("VMW", "vmware"),
    ("innotek GmbH", "virtualbox"),
    ("VirtualBox", "virtualbox"),
    ("Xen", "xen"),
    ("Bochs", "bochs"),
    ("Parallels", "parallels"),
    ("BHYVE", "bhyve"),
    ("Hyper-V", "hyper-v"),
    ("Apple Virtualization", "apple"),
    ("Google Compute Engine", "google"),
];

/// Look for the signs. `flags` are those of the first processor in `/proc/cpuinfo`, which only
/// x86 has.
pub(crate) fn detect(root: &Root, flags: Option<&[String]>) -> Virtualization {
    let mut signs = Signs {
        root,
        evidence: Vec::new(),
    };
    let container = signs.container();
    let machine = signs.machine(flags);
    Virtualization {
        container,
        machine,
        evidence: signs.evidence,
    }
}

struct Signs<'a> {
    root: &'a Root,
    evidence: Vec<String>,
}

impl Signs<'_> {
    fn container(&mut self) -> Container {
        let engine = self.engine();
        let Some(engine) = engine else {
            // systemd as the first process writes down what container it is in.
            if self.root.exists("/run/systemd/system") {
                self.say("systemd runs the machine and names no container");
                return Container::No;
            }
            let told = self
                .root
                .read("/proc/1/environ")
                .is_ok_and(|it| it.is_some());
            return if told {
                Container::No
            } else {
                Container::Unknown
            };
        };
        let privileged = self
            .read("/proc/self/uid_map")
            .map(|it| maps_everybody(&it));
        match privileged {
            Some(true) => self.say("/proc/self/uid_map: its root is the root of the machine"),
            Some(false) => self.say("/proc/self/uid_map: its users are others outside"),
            None => (),
        }
        Container::Yes {
            engine: Some(engine).filter(|it| !it.is_empty()),
            privileged,
        }
    }

    /// The word of who made the container, empty where it left a sign and no word.
    fn engine(&mut self) -> Option<String> {
        for path in ["/run/systemd/container", "/run/host/container-manager"] {
            if let Some(engine) = self.read(path) {
                self.say(format!("{path} says {engine:?}"));
                return Some(engine);
            }
        }
        if let Some(environ) = self.read("/proc/1/environ") {
            let engine = environ
                .split('\0')
                .find_map(|it| it.strip_prefix("container="));
            match engine {
                Some(engine) => {
                    self.say(format!(
                        "the first process was started with container={engine}"
                    ));
                    return Some(engine.to_owned());
                }
                None => self.say("the first process was started without container="),
            }
        }
        for (path, engine) in [("/run/.containerenv", "podman"), ("/.dockerenv", "docker")] {
            if self.root.exists(path) {
                self.say(format!("there is {path}"));
                return Some(engine.to_owned());
            }
        }
        None
    }

    fn machine(&mut self, flags: Option<&[String]>) -> Machine {
        let dmi = ["product_name", "sys_vendor", "board_vendor", "bios_vendor"];
        let dmi: Vec<(&str, String)> = dmi
            .into_iter()
            .filter_map(|it| Some((it, self.read(&format!("/sys/class/dmi/id/{it}"))?)))
            .collect();
        let is_metal = dmi
            .iter()
            .any(|(name, it)| *name == "product_name" && it.ends_with(".metal"));
        for (field, text) in dmi.iter().filter(|_| !is_metal) {
            if let Some(name) = hypervisor(field, text) {
                self.say(format!("DMI {field} is {text:?}"));
                return Machine::Virtual {
                    hypervisor: Some(name.to_owned()),
                };
            }
        }
        for path in [
            "/sys/hypervisor/type",
            "/proc/device-tree/hypervisor/compatible",
        ] {
            if let Some(name) = self.read(path) {
                self.say(format!("{path} says {name:?}"));
                return Machine::Virtual {
                    hypervisor: Some(name),
                };
            }
        }
        match flags {
            Some(flags) if flags.iter().any(|it| it == "hypervisor") => {
                self.say("the processor says that it runs under a hypervisor");
                Machine::Virtual { hypervisor: None }
            }
            Some(_) => {
                self.say("the processor does not say that it runs under a hypervisor");
                Machine::Physical
            }
            None => match dmi.first() {
                Some((field, text)) => {
                    self.say(format!("DMI {field} is {text:?}"));
                    Machine::Physical
                }
                None => {
                    self.say("neither DMI nor the processor tells what machine this is");
                    Machine::Unknown
                }
            },
        }
    }

    /// A file's text. One that is there and cannot be read is said; one that says nothing is
    /// none.
    fn read(&mut self, path: &str) -> Option<String> {
        let text = self.root.read(path).unwrap_or_else(|err| {
            // The reason, without the path as it is outside.
            self.say(format!("{path} could not be read: {}", chain(&err.cause)));
            None
        })?;
        let text = text.trim().trim_end_matches('\0');
        (!text.is_empty()).then(|| text.to_owned())
    }

    fn say(&mut self, words: impl Into<String>) {
        self.evidence.push(words.into());
    }
}

fn hypervisor(field: &str, text: &str) -> Option<&'static str> {
    if field == "product_name" && text == "Virtual Machine" {
        return Some("hyper-v");
    }
    HYPERVISORS
        .iter()
        .find(|(start, _)| text.starts_with(start))
        .map(|(_, name)| *name)
}

/// Whether a map of users is the one that every machine starts with; see user_namespaces(7).
fn maps_everybody(map: &str) -> bool {
    let fields: Vec<&str> = map.split_whitespace().collect();
    fields == ["0", "0", "4294967295"]
}
