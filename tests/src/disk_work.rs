//! What every machine does when its disks are worked on: the same list for the simulation and for a
//! virtual machine with real disks.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

/// A machine that is asked over REST.
pub trait World {
    /// Ask, and agree with the plan if `agreed`. Returns the status and the answer.
    fn post(&mut self, path: &str, body: &Value, agreed: bool) -> Result<(u16, Value)>;

    /// Look at the machine and ask.
    fn get(&mut self, path: &str) -> Result<Value>;

    /// The job once it is over.
    fn until_over(&mut self, job: &str) -> Result<Value>;

    /// Put a filesystem on a disk.
    fn format(&mut self, disk: &str) -> Result<()>;
}

/// The disks that the list is about.
#[derive(Debug)]
pub struct Disks {
    /// Unused. It discards, does not erase itself, and is in no slot with a light.
    pub free: &'static str,
    /// A filesystem on it is mounted.
    pub mounted: &'static str,
    /// The running system is on it.
    pub system: &'static str,
    /// Size of the first.
    pub size: u64,
}

fn path(disk: &str, what: &str) -> String {
    format!("/api/storage/disks/{disk}/{what}")
}

/// Go through the list.
pub fn check(world: &mut impl World, disks: &Disks) -> Result<()> {
    refused(world, disks)?;
    for level in ["signatures", "discard", "overwrite"] {
        wiped(world, disks, level).with_context(|| format!("wipe to {level}"))?;
    }
    burned_in(world, disks)
}

fn refused(world: &mut impl World, disks: &Disks) -> Result<()> {
    let wipe = |level: &str| json!({ "level": level });
    let Disks {
        free,
        mounted,
        system,
        ..
    } = disks;
    let list = [
        (mounted, "wipe", wipe("overwrite"), 409, "device_in_use"),
        (mounted, "wipe", wipe("signatures"), 409, "device_in_use"),
        (mounted, "burn-in", json!({}), 409, "device_in_use"),
        (system, "wipe", wipe("signatures"), 409, "system_disk"),
        (system, "wipe", wipe("sanitize"), 409, "system_disk"),
        (system, "burn-in", json!({}), 409, "system_disk"),
        (
            free,
            "wipe",
            wipe("sanitize"),
            409,
            "sanitize_not_supported",
        ),
        (
            free,
            "locate",
            json!({"on": true}),
            409,
            "locate_not_supported",
        ),
        (
            free,
            "wipe",
            wipe("overwrite"),
            428,
            "confirmation_required",
        ),
        (free, "burn-in", json!({}), 428, "confirmation_required"),
        (
            free,
            "burn-in",
            json!({"passes": 0}),
            400,
            "invalid_request",
        ),
        (free, "wipe", wipe("nonsense"), 400, "invalid_request"),
        (&"none", "wipe", wipe("overwrite"), 404, "not_found"),
    ];
    for (disk, what, body, status, code) in list {
        let (is, answer) = world.post(&path(disk, what), &body, false)?;
        ensure!(
            is == status && answer["code"] == code,
            "{disk} {what} {body}: {is} {answer}"
        );
        let has_remedy = answer["hint"].is_string();
        ensure!(status != 409 || has_remedy, "no remedy: {answer}");
    }
    Ok(())
}

fn job(world: &mut impl World, disk: &str, what: &str, body: &Value) -> Result<Value> {
    let (status, begun) = world.post(&path(disk, what), body, true)?;
    ensure!(status == 202, "{status} {begun}");
    let object = begun["object"].as_str().unwrap_or_default();
    ensure!(object.starts_with("disk:"), "{begun}");
    let id = begun["id"].as_str().context("no id")?;
    let over = world.until_over(id)?;
    ensure!(over["state"] == "succeeded", "{over}");
    Ok(over["result"].clone())
}

fn wiped(world: &mut impl World, disks: &Disks, level: &str) -> Result<()> {
    let Disks { free, size, .. } = disks;
    world.format(free)?;
    let before = world.get(&format!("/api/storage/disks/{free}?fresh=true"))?;
    let content = before["content"].as_str().unwrap_or_default();
    ensure!(content.contains("ext4"), "{before}");
    let body = json!({ "level": level });
    let (_, unconfirmed) = world.post(&path(free, "wipe"), &body, false)?;
    let shown = unconfirmed["plan"]["dangers"].to_string();
    ensure!(
        shown.contains("ext4"),
        "it shows what is lost: {unconfirmed}"
    );
    let result = job(world, free, "wipe", &body)?;
    match level {
        "signatures" => ensure!(result["signatures_left"] == 0, "{result}"),
        "discard" => ensure!(result["discarded_bytes"] == *size, "{result}"),
        _ => ensure!(
            result["written_bytes"] == *size && result["samples_differ"] == 0,
            "{result}"
        ),
    }
    let after = world.get(&format!("/api/storage/disks/{free}?fresh=true"))?;
    ensure!(after["content"] == "no signature", "{after}");
    Ok(())
}

fn burned_in(world: &mut impl World, disks: &Disks) -> Result<()> {
    let Disks { free, size, .. } = disks;
    let result = job(world, free, "burn-in", &json!({ "passes": 1 }))?;
    let pass = &result["passes"][0];
    ensure!(
        pass["written_bytes"] == *size && pass["read_bytes"] == *size && pass["byte"] == 0xaa,
        "{result}"
    );
    ensure!(result["self_test"]["is"] == "not_run", "{result}");
    Ok(())
}
