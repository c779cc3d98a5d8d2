//! The lab itself: power, disks and commands do what their names say.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context as _, Result};
use moxnas_tests::lab::{Disk, Exec, Lab, MIB, MdSample, WatchMd, wire::Request};

#[test]
fn disks_are_there_by_serial_and_can_be_pulled_and_plugged() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let mut machine = lab.nvme(64 * MIB).scsi(64 * MIB).virtio(64 * MIB).start()?;

    let serials: Vec<String> = machine.disks_by_serial()?.into_keys().collect();
    assert_eq!(
        serials,
        ["LABNVME00", "LABSCSI01", "LABVIRTIO02", "labroot"]
    );
    assert!(machine.disk("LABNVME00")?.starts_with("nvme"));

    for serial in ["LABNVME00", "LABSCSI01", "LABVIRTIO02"] {
        let node = machine.node(serial)?;
        machine.sh(&format!(
            "echo kept | dd of={node} bs=512 conv=sync oflag=direct status=none"
        ))?;
        machine.pull(serial)?;
        assert!(machine.disk(serial).is_err());
        machine.plug_back(serial)?;
        let node = machine.node(serial)?;
        assert_eq!(
            machine.sh(&format!("head -c 4 {node}"))?,
            "kept",
            "{serial}"
        );
    }

    let added = machine.plug(Disk::scsi(32 * MIB).serial("LABNEW"))?;
    let name = machine.disk(&added)?;
    assert_eq!(
        machine.read_file(&format!("/sys/block/{name}/size"))?,
        "65536\n"
    );
    Ok(())
}

#[test]
fn a_power_cut_keeps_what_was_written_and_a_disk_can_miss_the_next_boot() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let mut machine = lab.nvme(64 * MIB).scsi(64 * MIB).start()?;
    let node = machine.node("LABNVME00")?;
    machine.sh(&format!(
        "echo kept | dd of={node} bs=512 conv=sync,fsync status=none"
    ))?;
    machine.sh("echo kept > /root/kept; sync")?;

    machine.power_cut()?;
    assert!(machine.exec(["true"]).is_err(), "it is off");
    machine.without("LABSCSI01")?;
    machine.boot_again()?;

    let node = machine.node("LABNVME00")?;
    assert_eq!(
        machine.sh(&format!("head -c 4 {node}; cat /root/kept"))?,
        "keptkept\n"
    );
    assert!(machine.disk("LABSCSI01").is_err());
    machine.plug_back("LABSCSI01")?;
    machine.disk("LABSCSI01")?;
    Ok(())
}

#[test]
fn an_array_is_followed_through_its_states_and_survives_a_reboot() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let mut machine = lab.nvme(64 * MIB).scsi(64 * MIB).start()?;
    let (one, other) = (machine.node("LABNVME00")?, machine.node("LABSCSI01")?);
    let watch = machine.start_watch_md(&WatchMd::until(
        "tank",
        &[
            ("sync_action", "idle"),
            ("degraded", "0"),
            ("resync_start", "none"),
        ],
    ))?;
    machine.sh(&format!(
        "echo 5000 > /proc/sys/dev/raid/speed_limit_max
         mdadm --create --run --homehost=lab /dev/md/tank --level=1 --raid-devices=2 \
             --bitmap=none {one} {other}
         sleep 1; echo 500000 > /proc/sys/dev/raid/speed_limit_max"
    ))?;
    let seen = watch.finish()?;
    let actions: Vec<&str> = seen.iter().map(|it| it.sync_action.as_str()).collect();
    assert!(actions.contains(&"resync"), "{seen:?}");
    assert_eq!(seen.last().context("nothing was seen")?.sync_action, "idle");

    machine.reboot()?;
    let seen = machine.watch_md(&WatchMd::until_idle("tank"))?;
    let clean = |it: &MdSample| matches!(it.array_state.as_str(), "clean" | "active" | "read-auto");
    assert!(seen.last().is_some_and(clean), "{seen:?}");
    Ok(())
}

#[test]
fn commands_report_status_output_and_overrun() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let mut machine = lab.start()?;
    let output = machine.exec(["sh", "-c", "echo out; echo err >&2; exit 3"])?;
    assert_eq!(
        (output.status, &*output.stdout, &*output.stderr),
        (3, "out\n", "err\n")
    );
    assert!(machine.run(["false"]).is_err());
    let overrun = machine.exec_with(Exec {
        timeout_s: 1,
        ..Exec::new(["sleep", "60"])
    });
    assert!(overrun.is_err());

    let job = machine.spawn(["sh", "-c", "echo started; exec sleep 600"])?;
    machine.wait_until("the job starts", |it| {
        Ok(it.read_file(&job.output)? == "started\n")
    })?;
    assert_eq!(machine.status(&job)?, None);
    machine.kill(&job, 15)?;
    machine.wait_until("the job ends", |it| Ok(it.status(&job)? == Some(128 + 15)))?;

    machine.write_file("/etc/a/b", "text")?;
    assert_eq!(machine.read_file("/etc/a/b")?, "text");
    Ok(())
}

#[test]
fn a_port_of_the_guest_is_reached_from_the_host() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let mut machine = lab.start()?;
    // The agent is a server that is there anyway.
    let url = machine.url(moxnas_tests::lab::wire::AGENT_PORT)?;
    let address = url.strip_prefix("http://").context("no address")?;
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.write_all(b"{\"do\":\"ping\"}\n")?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer)?;
    assert_eq!(&answer, b"{\"ok\":null}\n");
    Ok(())
}

#[test]
fn only_disks_of_the_lab_may_be_destroyed() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let mut machine = lab.scsi(64 * MIB).scsi(64 * MIB).start()?;
    let mut check = |name: &str| {
        machine.ask::<()>(&Request::CheckDisk {
            kernel_name: name.to_owned(),
        })
    };
    for forbidden in ["vda", "md127", "no-such-disk", "../vda"] {
        assert!(check(forbidden).is_err(), "{forbidden}");
    }
    check("sda")?;
    machine.sh("printf 'size=40M\n' | sfdisk -q /dev/sda; udevadm settle
        mdadm --create --run --quiet /dev/md127 --level=0 --raid-devices=2 /dev/sda1 /dev/sdb")?;
    let mut check = |name: &str| {
        machine.ask::<()>(&Request::CheckDisk {
            kernel_name: name.to_owned(),
        })
    };
    check("sda1")?;
    check("md127")
}

#[test]
fn hardware_can_be_made_to_complain() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let mut machine = lab
        .nvme(64 * MIB)
        .disk(Disk::scsi(64 * MIB).bad_sectors(2048, 8))
        .start()?;
    let (nvme, scsi) = (machine.node("LABNVME00")?, machine.node("LABSCSI01")?);

    assert_eq!(machine.exec(["smartctl", "--health", &nvme])?.status, 0);
    machine.nvme_warning("LABNVME00", 4)?;
    assert_eq!(machine.exec(["smartctl", "--health", &nvme])?.status, 8);

    let read = |sector: u32| {
        let from = format!("if={scsi}");
        let skip = format!("skip={sector}");
        [
            "dd".to_owned(),
            from,
            "of=/dev/null".into(),
            "count=8".into(),
            "iflag=direct".into(),
            skip,
        ]
    };
    assert_eq!(machine.exec(read(0))?.status, 0);
    assert_ne!(machine.exec(read(2048))?.status, 0);
    Ok(())
}
