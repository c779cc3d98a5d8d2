//! `mdadm --detail-platform`: what the controller's own RAID can do.

use serde::{Deserialize, Serialize};

use super::blocks::{self, Message};
use super::values;
use crate::parsed::{Log, Parsed, Reason, lines, number, once};

/// What the platform can do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Platform {
    /// `Intel(R) Rapid Storage Technology`, ….
    pub platform: Option<String>,
    /// Version of the firmware.
    pub version: Option<String>,
    /// Levels it can boot from.
    pub raid_levels: Vec<String>,
    /// Chunks, `4k` to `128k`.
    pub chunk_sizes: Vec<String>,
    /// Disks at most.
    pub max_disks: Option<u32>,
    /// Other fields, verbatim; controllers and ports among them.
    pub other: Vec<(String, String)>,
    /// What mdadm said about its own work.
    pub messages: Vec<Message>,
}

/// Reads the output of `mdadm --detail-platform`.
pub fn parse_platform(text: &str) -> Parsed<Platform> {
    let (mut platform, mut log) = (Platform::default(), Log::default());
    let mut other = Vec::new();
    for line in lines(text) {
        if line.trimmed().is_empty() {
            continue;
        }
        match Message::of(line) {
            Some(message) => platform.messages.push(message),
            None => {
                blocks::file(line, &mut log, &mut other, |key, value| {
                    field(&mut platform, key, value)
                });
            }
        }
    }
    platform.other = other;
    log.with(platform)
}

fn field(it: &mut Platform, key: &str, value: &str) -> Result<bool, Reason> {
    let words = || value.split_whitespace().map(str::to_owned).collect();
    match key {
        // Several controllers give several blocks: what comes a second time is kept verbatim.
        "Platform" if it.platform.is_none() => {
            once(
                &mut it.platform,
                "platform",
                values::text("platform", value),
            )?;
        }
        "Version" if it.version.is_none() => {
            once(&mut it.version, "version", values::text("version", value))?;
        }
        "RAID Levels" if it.raid_levels.is_empty() => it.raid_levels = words(),
        "Chunk Sizes" if it.chunk_sizes.is_empty() => it.chunk_sizes = words(),
        "Max Disks" if it.max_disks.is_none() => {
            once(&mut it.max_disks, "disks", number("disks", value))?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}
