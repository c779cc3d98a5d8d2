//! Every command that is run on behalf of services.

use std::time::Duration;

use moxnas_core::cmd::{Cmd, Tool};

use crate::services::{
    model::Unit,
    plan::{Act, Step},
};

const SYSTEMCTL: Tool = Tool::new("systemctl").of("systemd");
const JOURNALCTL: Tool = Tool::new("journalctl").of("systemd");

/// What is asked of each unit, in the words that D-Bus has for it as well.
pub const PROPERTIES: &str = "LoadState,ActiveState,SubState,UnitFileState,StateChangeTimestamp,\
     MainPID,MemoryCurrent,NRestarts,Result,ExecMainCode,ExecMainStatus,CanReload,TriggeredBy";

/// How long a daemon may take to start or stop. systemd itself gives up after 90 s, twice if what
/// it ends does not go.
pub const PATIENCE: Duration = Duration::from_secs(190);

/// What there is to know of all units, a block for each, in this order. Times to the microsecond,
/// as on the bus.
#[must_use]
pub fn show() -> Cmd {
    Cmd::new(SYSTEMCTL)
        .args(["show", "--timestamp=us+utc"])
        .arg(format!("--property={PROPERTIES}"))
        .arg("--")
        .args(Unit::ALL.map(Unit::as_str))
}

/// A step, where there is no bus to ask for it on.
#[must_use]
pub fn argv(step: &Step) -> Cmd {
    let verb = match step.act {
        Act::Start => "start",
        Act::Stop => "stop",
        Act::Restart => "restart",
        Act::Reload => "reload",
        Act::Enable => "enable",
        Act::Disable => "disable",
        Act::Forget => "reset-failed",
    };
    Cmd::new(SYSTEMCTL)
        .args([verb, "--", step.unit.as_str()])
        .limit(PATIENCE)
}

/// The last lines that a unit wrote.
#[must_use]
pub fn log(unit: Unit, lines: u32) -> Cmd {
    Cmd::new(JOURNALCTL)
        .args(["--quiet", "--no-pager", "--output=json"])
        .arg("--output-fields=MESSAGE,PRIORITY,SYSLOG_IDENTIFIER")
        .arg(format!("--lines={lines}"))
        .arg(format!("--unit={unit}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All there are.
    #[test]
    fn the_commands_are_these() {
        let steps = Act::ALL.map(|act| Step {
            act,
            unit: Unit::Smbd,
        });
        let all = [show(), log(Unit::Ssh, 20)];
        let all = all.into_iter().chain(steps.iter().map(argv));
        let all: Vec<String> = all.map(|it| it.to_string()).collect();
        assert_eq!(
            all,
            [
                "systemctl show --timestamp=us+utc --property=LoadState,ActiveState,SubState,UnitFileState,\
                 StateChangeTimestamp,MainPID,MemoryCurrent,NRestarts,Result,ExecMainCode,ExecMainStatus,\
                 CanReload,TriggeredBy -- smbd.service nmbd.service nfs-server.service vsftpd.service \
                 ssh.service nginx.service avahi-daemon.service avahi-daemon.socket \
                 wsdd.service wsdd2.service",
                "journalctl --quiet --no-pager --output=json \
                 --output-fields=MESSAGE,PRIORITY,SYSLOG_IDENTIFIER --lines=20 --unit=ssh.service",
                "systemctl start -- smbd.service",
                "systemctl stop -- smbd.service",
                "systemctl restart -- smbd.service",
                "systemctl reload -- smbd.service",
                "systemctl enable -- smbd.service",
                "systemctl disable -- smbd.service",
                "systemctl reset-failed -- smbd.service",
            ]
        );
    }
}
