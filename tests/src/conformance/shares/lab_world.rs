//! A lab machine as a world of shares: real daemons and a real systemd, asked and told by the
//! agent.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use moxnas_shares::{
    accounts, plan,
    services::{self, Unit},
    sessions::SessionId,
};

use serde::de::DeserializeOwned;

use super::{AccountOrder, BEGIN, Deed, Seen, ShareWorld, TOP, Told, Visit, deed::Ill};
use crate::{
    conformance::Shutdown,
    lab::{Lab, Machine, Preparation, wire::Request},
};

/// For a step on a loaded machine.
const STEP_PATIENCE: Duration = Duration::from_secs(240);

/// The lab keeps what serves from starting with it; a machine of somebody starts all of it. nmbd
/// waits for an address of a network, and the lab's card comes later.
const DAEMONS: Preparation = Preparation {
    name: "daemons",
    commands: "\
SYSTEMCTL_SKIP_SYSV=1 systemctl enable --quiet smbd nmbd nfs-server vsftpd ssh
sed -i '/^[#;]/d; /^ *[#;]/d; /^ *$/d' /etc/samba/smb.conf; : >/etc/exports
ip link add lab0 type dummy; ip address add 192.0.2.1/24 dev lab0; ip link set lab0 up
systemctl start systemd-user-sessions smbd nmbd nfs-server vsftpd ssh
sync",
};

pub struct LabShareWorld {
    machine: Machine,
    /// What was seen last, if nothing was done since.
    seen: Option<Seen>,
    /// What was seen last, if nothing but a visit came since. A look takes long on a machine as
    /// slow as those of the lab, so what a visit cannot change is not looked at again; the next
    /// look at everything shows it.
    before_visits: Option<Seen>,
}

impl LabShareWorld {
    pub fn start(lab: Lab) -> Result<Self> {
        let mut machine = lab.prepared(DAEMONS).start()?;
        machine.sh(&format!("date -s @{BEGIN}"))?;
        Ok(Self {
            machine,
            seen: None,
            before_visits: None,
        })
    }

    fn request<T: DeserializeOwned>(&mut self, request: &Request) -> Result<T> {
        self.machine.request(request, STEP_PATIENCE)
    }

    /// What a unit does in place of what it would.
    fn arrange(&mut self, unit: Unit, trouble: Option<Ill>) -> Result<()> {
        let folder = format!("/etc/systemd/system/{unit}.d");
        let file = format!("{folder}/lab-trouble.conf");
        let status = match trouble {
            None => {
                self.machine
                    .sh(&format!("rm -f {file}; systemctl daemon-reload"))?;
                return Ok(());
            }
            Some(Ill::RefusesToStart(status)) => {
                format!("ExecStartPre=\nExecStart=\nExecStart=/bin/sh -c 'exit {status}'\n")
            }
            Some(Ill::EndsAtOnce(status)) => format!(
                "Type=simple\nExecStartPre=\nExecStart=\nExecStart=/bin/sh -c 'exit {status}'\n"
            ),
        };
        self.machine
            .write_file(&file, &format!("[Service]\n{status}"))?;
        self.machine.run(["systemctl", "daemon-reload"])?;
        Ok(())
    }

    fn restart(&mut self, how: Shutdown) -> Result<()> {
        self.machine.run(["sync"])?;
        match how {
            Shutdown::Clean => self.machine.power_off()?,
            Shutdown::PowerCut => self.machine.power_cut()?,
        }
        self.machine.boot_again()?;
        self.machine
            .sh("systemctl start multi-user.target || true")?;
        Ok(())
    }
}

impl ShareWorld for LabShareWorld {
    fn look(&mut self) -> Result<Seen> {
        let seen = match self.before_visits.take() {
            None => self.request(&Request::ObserveShares)?,
            Some(mut seen) => {
                (seen.sessions, seen.files) = self.request(&Request::ObserveVisited)?;
                seen
            }
        };
        self.seen = Some(seen.clone());
        Ok(seen)
    }

    fn serve(&mut self, step: &plan::Step) -> Result<Told> {
        let step = step.clone();
        self.seen = None;
        self.request(&Request::ServeShares { step })
    }

    fn account(&mut self, step: &accounts::Step) -> Result<Told> {
        let order = AccountOrder::new(step)?;
        self.seen = None;
        self.request(&Request::ApplyToAccounts { order })
    }

    fn service(&mut self, step: &services::Step) -> Result<Told> {
        let step = *step;
        self.seen = None;
        self.request(&Request::ApplyToServices { step })
    }

    fn disconnect(&mut self, session: SessionId) -> Result<Told> {
        self.seen = None;
        self.request(&Request::Disconnect { session })
    }

    fn visit(&mut self, visit: &Visit) -> Result<Told<String>> {
        let visit = visit.clone();
        self.before_visits = self.seen.take();
        self.request(&Request::Visit { visit })
    }

    fn deed(&mut self, deed: &Deed) -> Result<()> {
        self.seen = None;
        match *deed {
            Deed::Folder {
                folder,
                owner,
                group,
                mode,
            } => {
                let at = format!("{TOP}/{folder}");
                self.machine.sh(&format!(
                    "mkdir -p {at}; chown {owner}:{group} {at}; chmod {mode:o} {at}"
                ))?;
            }
            Deed::NoFolder { folder } => {
                let at = format!("{TOP}/{folder}");
                self.machine.run(["rm", "-r", &at])?;
            }
            Deed::Write {
                path,
                text: Some(text),
            } => self.machine.write_file(path, text)?,
            Deed::Write { path, text: None } => _ = self.machine.run(["rm", path])?,
            Deed::Edit { path, from, to } => {
                let text = self.machine.read_file(path)?;
                ensure!(text.contains(from), "{path} has no {from:?}:\n{text}");
                self.machine.write_file(path, &text.replace(from, to))?;
            }
            Deed::Passwd { user, key } => {
                let user = user.to_owned();
                self.request::<()>(&Request::Passwd { user, key })?;
            }
            Deed::UserAdd { user, uid } => {
                let uid = uid.to_string();
                let add = ["useradd", "-u", &uid, "-U", "-s", "/bin/sh", user];
                self.machine.run(add)?;
            }
            Deed::Crash { unit } => {
                self.machine.sh(&format!(
                    "pid() {{ systemctl show --property=MainPID --value {unit}; }}
                     was=$(pid); kill -KILL $was; while [ $(pid) = $was ]; do sleep 0.1; done"
                ))?;
            }
            Deed::Arrange { unit, trouble } => self.arrange(unit, trouble)?,
            Deed::Mask { unit } => _ = self.machine.sh(&format!("systemctl mask -q {unit}"))?,
            Deed::Unmask { unit } => _ = self.machine.sh(&format!("systemctl unmask -q {unit}"))?,
            Deed::Stop { unit } => _ = self.machine.sh(&format!("systemctl stop {unit}"))?,
            Deed::Uninstall { unit } => {
                let package = match unit {
                    Unit::Smbd | Unit::Nmbd => "samba",
                    Unit::Vsftpd => "vsftpd",
                    Unit::NfsServer => "nfs-kernel-server",
                    other => bail!("which package brings {other} is not known here"),
                };
                self.machine.sh(&format!(
                    "dpkg --remove --force-depends {package} >/dev/null 2>&1; systemctl daemon-reload"
                ))?;
            }
            Deed::Days { days } => _ = self.machine.sh(&format!("date -s '+{days} days'"))?,
            Deed::Restart { how } => self.restart(how)?,
        }
        Ok(())
    }
}
