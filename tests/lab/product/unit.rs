//! The service as systemd runs it.

use anyhow::{Result, ensure};
use moxnas_tests::lab::{Disk, Lab, MIB};

use super::nas::Nas;

const UNIT: &str = "moxnas unit >/etc/systemd/system/moxnas.service; systemctl daemon-reload";

/// A fact that systemd knows of the unit.
fn fact(nas: &mut Nas, of: &str) -> Result<String> {
    let show = ["systemctl", "show", "-P", of, "moxnas"];
    Ok(nas.machine.run(show)?.trim().to_owned())
}

/// What it mounts is for everybody; it is back when it was killed, and its work goes on.
#[test]
fn systemd_runs_the_service() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let lab = lab.disk(Disk::scsi(400 * MIB).serial("A"));
    let mut nas = Nas::not_started(lab.start()?)?;
    let nas = &mut nas;
    nas.machine.sh(UNIT)?;
    let said = "systemd-analyze verify /etc/systemd/system/moxnas.service 2>&1";
    assert_eq!(nas.machine.sh(said)?, "");
    // It returns once the service listens.
    nas.machine.sh("systemctl enable --now moxnas")?;
    nas.json(&["pool", "create", "tank", "--device", "A", "--fs", "xfs"])?;
    nas.machine.sh("findmnt /srv/tank")?;
    nas.json(&["dataset", "create", "tank", "photos"])?;

    let before = fact(nas, "MainPID")?;
    nas.machine.sh("systemctl reload moxnas")?;
    assert_eq!(fact(nas, "MainPID")?, before);
    nas.machine.sh("systemctl kill -s KILL moxnas")?;
    nas.machine.wait_until("the service is back", |it| {
        let state = it.sh("systemctl is-active moxnas || true")?;
        let now = it.run(["systemctl", "show", "-P", "MainPID", "moxnas"])?;
        Ok(state.trim() == "active" && now.trim() != before)
    })?;
    assert_eq!(fact(nas, "NRestarts")?, "1");
    let shown = nas.json(&["dataset", "show", "tank", "photos"])?;
    assert_eq!(shown["name"], "photos", "{shown}");

    nas.machine.sh("systemctl stop moxnas")?;
    assert_eq!(fact(nas, "Result")?, "success");
    nas.machine.sh("findmnt /srv/tank")?;
    let log = nas.machine.sh("journalctl -u moxnas -o cat")?;
    ensure!(log.contains("listening on /run/moxnas"), "{log}");
    Ok(())
}
