//! What a real initramfs knows of arrays, and making it right with Debian's own tools.

use anyhow::Result;
use moxnas_tests::lab::Lab;
use serde_json::Value;

use super::{SIZE, nas::Nas};

fn show(nas: &mut Nas) -> Result<Value> {
    let all = nas.json(&["system", "initramfs"])?;
    assert_eq!(all["images"].as_array().map(Vec::len), Some(1), "{all}");
    assert_eq!(all["images"][0]["is_running"], true, "{all}");
    Ok(all["images"][0].clone())
}

fn reasons(image: &Value) -> String {
    image["reasons"].to_string()
}

#[test]
fn an_initramfs_is_read_and_made_again() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let mut nas = Nas::service(lab.nvme(SIZE).nvme(SIZE).start()?)?;
    let none = nas.json(&["system", "initramfs"])?;
    assert_eq!(none["images"], Value::Array(Vec::new()), "{none}");
    let refused = nas.exec(&["--yes", "system", "update-initramfs"])?;
    assert_ne!(refused.status, 0);
    assert!(refused.stderr.contains("container"), "{}", refused.stderr);

    // As few modules as it goes, and quickly compressed: the machine has no fast processor.
    nas.machine.sh(
        "printf 'MODULES=list\\nCOMPRESS=gzip\\nCOMPRESSLEVEL=1\\n' >/etc/initramfs-tools/conf.d/small
         update-initramfs -c -k \"$(uname -r)\"",
    )?;
    assert_eq!(show(&mut nas)?["standing"], "current");

    let members = ["--member", "LABNVME00", "--member", "LABNVME01"];
    let mut create = vec!["array", "create", "tank", "--level", "raid1"];
    create.extend(members);
    let array = nas.json(&create)?;
    let uuid = array["uuid"].as_str().unwrap_or_default().to_owned();
    let outdated = show(&mut nas)?;
    assert_eq!(outdated["standing"], "outdated");
    let why = reasons(&outdated);
    assert!(why.contains("does not name /dev/md/tank"), "{why}");

    let said = nas.moxnas(&["--yes", "system", "update-initramfs"])?;
    assert!(said.contains("update-initramfs -u -k"), "{said}");
    assert_eq!(show(&mut nas)?["standing"], "current");
    let inside = nas.machine.sh(
        "mkdir /var/tmp/look && unmkinitramfs /boot/initrd.img-\"$(uname -r)\" /var/tmp/look
         cat /var/tmp/look/etc/mdadm/mdadm.conf; rm -r /var/tmp/look",
    )?;
    assert!(inside.contains(&uuid), "{uuid} in {inside}");

    // Half an image, and no tool to read one.
    let image = outdated["path"].as_str().unwrap_or_default();
    let aside = format!("cp {image} /root/whole; truncate -s 1M {image}");
    nas.machine.sh(&aside)?;
    let unknown = show(&mut nas)?;
    assert_eq!(unknown["standing"], "unknown", "{unknown}");
    nas.machine.sh("mv /usr/bin/unmkinitramfs /root/")?;
    let why = reasons(&show(&mut nas)?);
    assert!(why.contains("initramfs-tools-core"), "{why}");
    let back = format!("mv /root/unmkinitramfs /usr/bin/; mv /root/whole {image}");
    nas.machine.sh(&back)?;
    assert_eq!(show(&mut nas)?["standing"], "current");

    nas.moxnas(&["--yes", "array", "delete", "tank"])?;
    let why = reasons(&show(&mut nas)?);
    assert!(why.contains("does not name any more"), "{why}");
    let left = nas.machine.sh("ls /var/tmp")?;
    assert!(!left.contains("moxnas-initramfs"), "{left}");
    Ok(())
}
