//! Work on single disks: wiped, tried out, and refused.

use anyhow::{Context as _, Result, bail};
use moxnas_tests::{
    disk_work::{Disks, World, check},
    lab::{Disk, Lab, MIB},
};
use serde_json::{Value, json};

use super::{
    SIZE,
    nas::{Http, Nas},
};

fn path(disk: &str, what: &str) -> String {
    format!("/api/storage/disks/{disk}/{what}")
}

/// Begin what the plan says. Returns the id of the job.
fn begin(http: &Http, disk: &str, what: &str, body: &Value) -> Result<String> {
    let begun = http.agreed("POST", &path(disk, what), &body.to_string())?;
    let id = begun.body["id"].as_str();
    let id = id.with_context(|| format!("no job: {begun:?}"))?;
    assert_eq!(begun.status, 202, "{begun:?}");
    Ok(id.to_owned())
}

fn job(http: &Http, id: &str) -> Result<Value> {
    Ok(http.get(&format!("/api/jobs/{id}"))?.body)
}

fn until(nas: &mut Nas, http: &Http, id: &str, is_so: impl Fn(&Value) -> bool) -> Result<Value> {
    let mut seen = Value::Null;
    let waited = nas.machine.wait_until("the job gets there", |_| {
        seen = job(http, id)?;
        if is_so(&seen) {
            return Ok(true);
        }
        if is_over(&seen) {
            bail!("it is over: {seen}");
        }
        Ok(false)
    });
    waited.with_context(|| seen.to_string())?;
    Ok(seen)
}

fn is_over(job: &Value) -> bool {
    ["succeeded", "failed", "cancelled"]
        .iter()
        .any(|it| job["state"] == *it)
}

fn is_at(percent: f64) -> impl Fn(&Value) -> bool {
    move |job| {
        job["progress_percent"]
            .as_f64()
            .is_some_and(|it| it >= percent)
    }
}

fn code(http: &Http, disk: &str, what: &str, body: &Value) -> Result<String> {
    let refused = http.post(&path(disk, what), body, None)?;
    assert!(refused.body["hint"].is_string(), "{refused:?}");
    Ok(refused.body["code"].as_str().unwrap_or_default().to_owned())
}

/// A service on a virtual machine.
struct Real {
    nas: Nas,
    http: Http,
}

impl World for Real {
    fn post(&mut self, path: &str, body: &Value, agreed: bool) -> Result<(u16, Value)> {
        let answer = match agreed {
            true => self.http.agreed("POST", path, &body.to_string())?,
            false => self.http.post(path, body, None)?,
        };
        Ok((answer.status, answer.body))
    }

    fn get(&mut self, path: &str) -> Result<Value> {
        Ok(self.http.get(path)?.body)
    }

    fn until_over(&mut self, job: &str) -> Result<Value> {
        until(&mut self.nas, &self.http, job, is_over)
    }

    fn format(&mut self, disk: &str) -> Result<()> {
        let node = self.nas.machine.node(disk)?;
        let script = format!("mkfs.ext4 -q -F {node}; udevadm settle");
        self.nas.machine.sh(&script).map(drop)
    }
}

/// The list that the simulation is held against, too.
#[test]
fn real_disks_go_through_the_list() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let mut nas = Nas::service(lab.nvme(SIZE).scsi(SIZE).start()?)?;
    let mounted = nas.machine.node("LABSCSI01")?;
    nas.machine.sh(&format!(
        "mkfs.ext4 -q {mounted}; mkdir /srv/a; mount {mounted} /srv/a; udevadm settle"
    ))?;
    let http = nas.http()?.log_in()?;
    let disks = Disks {
        free: "LABNVME00",
        mounted: "LABSCSI01",
        system: "vda",
        size: SIZE,
    };
    check(&mut Real { nas, http }, &disks)
}

#[test]
fn disks_are_wiped_to_each_level() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let lab = lab.nvme(SIZE).scsi(SIZE).disk(Disk::sata(SIZE)).scsi(SIZE);
    let mut nas = Nas::service(lab.start()?)?;
    let (nvme, scsi) = (
        nas.machine.node("LABNVME00")?,
        nas.machine.node("LABSCSI01")?,
    );
    let sata = nas.machine.node("LABSATA02")?;
    let mounted = nas.machine.node("LABSCSI03")?;
    nas.machine.sh(&format!(
        "for it in {nvme} {scsi}; do
             head -c {SIZE} /dev/zero | tr '\\0' U > $it; mkfs.ext4 -q -F $it
         done
         printf 'size=40M\\n' | sfdisk -q {sata}; udevadm settle; mkfs.ext4 -q {sata}1
         mkfs.ext4 -q {mounted}; mkdir /srv/a; mount {mounted} /srv/a; udevadm settle"
    ))?;
    let http = nas.http()?.log_in()?;
    let level = |level: &str| json!({ "level": level });

    // What cannot be is refused, with its reason.
    let overwrite = level("overwrite");
    assert_eq!(
        code(&http, "LABSCSI03", "wipe", &overwrite)?,
        "device_in_use"
    );
    assert_eq!(code(&http, "vda", "wipe", &overwrite)?, "system_disk");
    for disk in ["LABNVME00", "LABSCSI01", "LABSATA02", "vda"] {
        let is = code(&http, disk, "wipe", &level("sanitize"))?;
        let expected = if disk == "vda" {
            "system_disk"
        } else {
            "sanitize_not_supported"
        };
        assert_eq!(is, expected, "{disk}");
    }
    let light = http.post(&path("LABSCSI01", "locate"), &json!({ "on": true }), None)?;
    assert_eq!(light.body["code"], "locate_not_supported", "{light:?}");

    let id = begin(&http, "LABSCSI01", "wipe", &overwrite)?;
    let done = until(&mut nas, &http, &id, is_over)?;
    assert_eq!(done["state"], "succeeded", "{done}");
    assert_eq!(done["result"]["written_bytes"], SIZE);
    assert_eq!(done["result"]["samples"], SIZE / MIB);
    nas.machine
        .sh(&format!("cmp --bytes={SIZE} {scsi} /dev/zero"))?;

    let id = begin(&http, "LABNVME00", "wipe", &level("discard"))?;
    let done = until(&mut nas, &http, &id, is_over)?;
    assert_eq!(done["state"], "succeeded", "{done}");
    assert_eq!(done["result"]["discarded_bytes"], SIZE);
    assert_eq!(nas.machine.run(["wipefs", &nvme])?, "");

    let id = begin(&http, "LABSATA02", "wipe", &level("signatures"))?;
    let done = until(&mut nas, &http, &id, is_over)?;
    assert_eq!(done["state"], "succeeded", "{done}");
    assert_eq!(nas.machine.run(["wipefs", &sata])?, "");
    nas.machine.sh(&format!("! test -e {sata}1"))?;
    let seen = http.get("/api/storage/disks/LABSATA02?fresh=true")?.body;
    assert_eq!(
        (&seen["content"], &seen["partitions"]),
        (&json!("no signature"), &json!([]))
    );

    // By command line, which stays until it is done.
    nas.machine
        .sh(&format!("mkfs.ext4 -q -F {scsi}; udevadm settle"))?;
    let said = nas.moxnas(&[
        "--yes",
        "disk",
        "wipe",
        "LABSCSI01",
        "--level",
        "signatures",
    ])?;
    assert!(said.contains("the data itself was not erased"), "{said}");
    assert_eq!(nas.machine.run(["wipefs", &scsi])?, "");
    Ok(())
}

#[test]
fn an_overwrite_is_cancelled_and_goes_on_after_a_kill() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let mut nas = Nas::service(lab.scsi(SIZE).scsi(SIZE).start()?)?;
    let node = nas.machine.node("LABSCSI00")?;
    nas.machine.sh(&format!(
        "head -c {SIZE} /dev/zero | tr '\\0' U > {node}; sync {node}"
    ))?;
    nas.machine.slow_down("LABSCSI00", 6 * MIB)?;
    let http = nas.http()?.log_in()?;
    let body = json!({ "level": "overwrite" });
    let id = begin(&http, "LABSCSI00", "wipe", &body)?;
    until(&mut nas, &http, &id, is_at(20.0))?;
    // It is held: by the kernel against others, by its job against us.
    nas.machine
        .sh(&format!("! mkfs.ext4 -q -F {node} 2>/dev/null"))?;
    let disks = json!({"name": "tank", "level": "raid1", "members": ["LABSCSI00", "LABSCSI01"]});
    let refused = http.agreed("POST", "/api/storage/arrays", &disks.to_string())?;
    assert_eq!(refused.body["code"], "disk_worked_on", "{refused:?}");
    http.post(&format!("/api/jobs/{id}/cancel"), &Value::Null, None)?;
    let over = until(&mut nas, &http, &id, is_over)?;
    assert_eq!(over["state"], "cancelled", "{over}");
    nas.machine.sh(&format!(
        "cmp --bytes={} {node} /dev/zero; test \"$(tail -c 4 {node})\" = UUUU",
        10 * MIB
    ))?;

    let id = begin(&http, "LABSCSI00", "wipe", &body)?;
    until(&mut nas, &http, &id, is_at(30.0))?;
    nas.kill_service()?;
    nas.start_service()?;
    let http = nas.http()?.log_in()?;
    let done = until(&mut nas, &http, &id, is_over)?;
    assert_eq!(done["state"], "succeeded", "{done}");
    let log = http.get(&format!("/api/jobs/{id}/log"))?.body.to_string();
    assert!(log.contains("goes on at"), "{log}");
    nas.machine
        .sh(&format!("cmp --bytes={SIZE} {node} /dev/zero"))?;
    Ok(())
}

#[test]
fn a_burn_in_tells_a_good_disk_from_a_bad_one() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    // 1,024 sectors from 40 MiB and a half on.
    let first = 40 * MIB / 512 + 1024;
    let bad = Disk::scsi(SIZE).bad_sectors(first, 1024);
    let mut nas = Nas::service(lab.nvme(SIZE).disk(bad).start()?)?;
    let http = nas.http()?.log_in()?;
    let body = json!({ "passes": 2 });
    let id = begin(&http, "LABNVME00", "burn-in", &body)?;
    let done = until(&mut nas, &http, &id, is_over)?;
    assert_eq!(done["state"], "succeeded", "{done}");
    let said = done["message"].as_str().context("no message")?;
    assert!(
        said.contains("2 times without a fault; self-test not run"),
        "{said}"
    );
    assert_eq!(done["result"]["passes"][1]["read_bytes"], SIZE);
    let node = nas.machine.node("LABNVME00")?;
    let text = nas.machine.sh(&format!("tail -c 4 {node} | od -An -tx1"))?;
    assert_eq!(text.trim(), "55 55 55 55");

    let id = begin(&http, "LABSCSI01", "burn-in", &json!({ "passes": 1 }))?;
    let over = until(&mut nas, &http, &id, is_over)?;
    assert_eq!(over["error_code"], "disk_has_errors", "{over}");
    let error = over["error"].as_str().context("no error")?;
    let place = format!("{} bytes at {}", 1024 * 512, first * 512);
    assert!(error.contains(&place), "{error}");
    Ok(())
}

#[test]
fn a_disk_that_is_pulled_while_it_is_wiped_is_gone() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let mut nas = Nas::service(lab.scsi(SIZE).nvme(SIZE).start()?)?;
    let http = nas.http()?.log_in()?;
    for disk in ["LABSCSI00", "LABNVME01"] {
        nas.machine.slow_down(disk, 6 * MIB)?;
        let id = begin(&http, disk, "wipe", &json!({ "level": "overwrite" }))?;
        until(&mut nas, &http, &id, is_at(20.0))?;
        nas.machine.pull(disk)?;
        let over = until(&mut nas, &http, &id, is_over)?;
        assert_eq!(over["state"], "failed", "{over}");
        assert_eq!(over["error_code"], "disk_gone", "{over}");
    }
    Ok(())
}
