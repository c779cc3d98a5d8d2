//! What machine this is.

pub(crate) mod virtualization;

use std::collections::BTreeMap;

use moxnas_core::root::Root;
use procfs::{CpuInfo, FromBufRead};
use serde::{Deserialize, Serialize};

use crate::{Missing, Virtualization, real::Reading};

/// What machine this is, as its kernel and its distribution say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostInfo {
    /// Its name in the network: `/proc/sys/kernel/hostname`.
    pub hostname: Option<String>,
    /// The distribution: os-release(5).
    pub os: Option<Os>,
    /// Release of the kernel, as `uname -r` says it.
    pub kernel: Option<String>,
    /// As `uname -m` says it: `x86_64`, `aarch64`.
    pub architecture: Option<String>,
    /// What the processor calls itself. ARM processors do not.
    pub cpu_model: Option<String>,
    /// Logical processors that are switched on.
    pub cores: Option<usize>,
    /// Whether this is a container or a virtual machine.
    pub virtualization: Virtualization,
    /// What is not known.
    pub missing: Vec<Missing>,
}

/// A distribution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Os {
    /// For people: `Debian GNU/Linux 12 (bookworm)`.
    pub name: String,
    /// For programs: `debian`.
    pub id: Option<String>,
    /// `12`; rolling distributions have none.
    pub version: Option<String>,
}

impl HostInfo {
    /// Read it below `root`.
    #[must_use]
    pub fn read(root: &Root) -> HostInfo {
        let mut read = Reading {
            root,
            missing: Vec::new(),
        };
        let os_release = ["/etc/os-release", "/usr/lib/os-release"];
        let os_release = os_release
            .iter()
            .find(|it| root.exists(it))
            .unwrap_or(&os_release[0]);
        let cpu = read.parsed("cores", "/proc/cpuinfo", parse_cpuinfo);
        let cpu_model = cpu.as_ref().and_then(|it| it.model.clone());
        if cpu_model.is_none() {
            read.missing("cpu_model", "/proc/cpuinfo does not name it");
        }
        let flags = cpu.as_ref().and_then(|it| it.flags.as_deref());
        HostInfo {
            hostname: read.parsed("hostname", "/proc/sys/kernel/hostname", word),
            os: read.parsed("os", os_release, parse_os_release),
            kernel: read.parsed("kernel", "/proc/sys/kernel/osrelease", word),
            architecture: architecture(&mut read),
            cpu_model,
            cores: cpu.as_ref().map(|it| it.cores),
            virtualization: virtualization::detect(root, flags),
            missing: read.missing,
        }
    }
}

/// The kernel says it since 6.1. Before that the only other source without a system call is what
/// this program was built for, which is the truth for the machine it runs on.
fn architecture(read: &mut Reading<'_>) -> Option<String> {
    let path = "/proc/sys/kernel/arch";
    if read.root.is_system() && !read.root.exists(path) {
        return Some(std::env::consts::ARCH.to_owned());
    }
    read.parsed("architecture", path, word)
}

fn word(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

struct Cpu {
    cores: usize,
    model: Option<String>,
    flags: Option<Vec<String>>,
}

fn parse_cpuinfo(text: &str) -> Option<Cpu> {
    let cores = text
        .lines()
        .filter(|it| it.starts_with("processor"))
        .count();
    let info = CpuInfo::from_buf_read(text.as_bytes())
        .ok()
        .filter(|_| cores > 0)?;
    let flags = info.get_field(0, "flags");
    Some(Cpu {
        cores,
        model: info.get_field(0, "model name").map(str::to_owned),
        flags: flags.map(|it| it.split_whitespace().map(str::to_owned).collect()),
    })
}

/// os-release(5): assignments as in a shell, without its substitutions.
fn parse_os_release(text: &str) -> Option<Os> {
    let assignments = text.lines().filter(|it| !it.starts_with('#'));
    let values: BTreeMap<&str, String> = assignments
        .filter_map(|it| it.split_once('='))
        .map(|(key, value)| (key.trim(), unquote(value)))
        .collect();
    let get = |key| values.get(key).filter(|it| !it.is_empty()).cloned();
    Some(Os {
        name: get("PRETTY_NAME").or_else(|| get("NAME"))?,
        id: get("ID"),
        version: get("VERSION_ID"),
    })
}

fn unquote(value: &str) -> String {
    let value = value.trim();
    if let Some(plain) = value
        .strip_prefix('\'')
        .and_then(|it| it.strip_suffix('\''))
    {
        return plain.to_owned();
    }
    let quoted = value
        .strip_prefix('"')
        .and_then(|it| it.strip_suffix('"'))
        .unwrap_or(value);
    let mut text = String::new();
    let mut letters = quoted.chars();
    while let Some(letter) = letters.next() {
        text.extend(if letter == '\\' {
            letters.next()
        } else {
            Some(letter)
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn os_release_is_read_with_its_quotes() {
        let os = parse_os_release(
            "# a comment\nNAME='Some OS'\nPRETTY_NAME=\"Some \\\"good\\\" OS 3\"\nID=some\n\nBUILD\n",
        );
        let name = "Some \"good\" OS 3".to_owned();
        assert_eq!(
            os,
            Some(Os {
                name,
                id: Some("some".to_owned()),
                version: None
            })
        );
        assert_eq!(parse_os_release("ID=some\n"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "(?s).{0,200}") {
            parse_os_release(&text);
            parse_cpuinfo(&text);
        }

        #[test]
        fn any_values_are_survived(text in r#"PRETTY_NAME=['"\\a é]{0,9}"#, cpu in "(processor\t?:? ?[0-9:]{0,3}\n|\n|flags: a\n){0,6}") {
            parse_os_release(&text);
            parse_cpuinfo(&cpu);
        }
    }
}
