//! systemd over D-Bus, see org.freedesktop.systemd1(5).

use std::{collections::BTreeMap, sync::mpsc, thread, time::Duration};

use futures_util::StreamExt as _;
use jiff::Timestamp;
use moxnas_core::{root::Root, units::Bytes};
use zbus::{
    Connection, Error, MatchRule, MessageStream, OwnedObjectPath, OwnedVariant,
    connection::Builder,
    message::{Message, Type},
};

use super::argv::PATIENCE;
use crate::services::{
    backend::BackendError,
    model::{Exit, Services, Unit, UnitFacts},
    plan::{Act, Step},
};

const SYSTEMD: &str = "org.freedesktop.systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const OBJECT: &str = "/org/freedesktop/systemd1";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
const SOCKET: &str = "/run/dbus/system_bus_socket";

/// How long an answer may take that waits for no daemon.
const LIMIT: Duration = Duration::from_secs(10);

/// What systemd says of a number that it does not know.
const NOT_SET: u64 = u64::MAX;

/// The system bus of a machine.
pub(super) struct Bus(Connection);

impl Bus {
    /// `None`: there is none that anybody could be asked on.
    pub(super) fn connect(root: &Root) -> Option<Bus> {
        if !root.exists(SOCKET) {
            return None;
        }
        let address = format!("unix:path={}", root.path(SOCKET).display());
        let connected = within(LIMIT, move || {
            let bus = Builder::address(address.as_str()).method_timeout(LIMIT);
            zbus::block_on(bus.build())
        });
        connected?.ok().map(Bus)
    }

    pub(super) fn observe(&self) -> Result<Services, BackendError> {
        let mut all = Services::default();
        for unit in Unit::ALL {
            all.units.insert(unit, self.facts(unit)?);
        }
        Ok(all)
    }

    fn facts(&self, unit: Unit) -> Result<UnitFacts, BackendError> {
        // An interface without a name means the properties of all. Asking for a unit loads it.
        let asked = zbus::block_on(self.0.call_method(
            Some(SYSTEMD),
            path(unit).as_str(),
            Some(PROPERTIES),
            "GetAll",
            &"",
        ));
        let answer = asked.map_err(|err| failed(unit, err))?;
        let body = answer.body();
        let all = body.deserialize::<BTreeMap<String, OwnedVariant>>();
        let read = all.map_err(|err| err.to_string()).and_then(Told::facts);
        read.map_err(|why| BackendError::Unreadable { unit, why })
    }

    pub(super) fn apply(&self, step: &Step) -> Result<(), BackendError> {
        let unit = step.unit;
        let done = match step.act {
            Act::Start => return self.job("StartUnit", unit),
            Act::Stop => return self.job("StopUnit", unit),
            Act::Restart => return self.job("RestartUnit", unit),
            Act::Reload => return self.job("ReloadUnit", unit),
            Act::Enable => {
                // For good, and never in place of another link.
                self.manager("EnableUnitFiles", &(vec![unit.as_str()], false, false))
                    .and_then(|_| self.manager("Reload", &()))
            }
            Act::Disable => self
                .manager("DisableUnitFiles", &(vec![unit.as_str()], false))
                .and_then(|_| self.manager("Reload", &())),
            Act::Forget => self.manager("ResetFailedUnit", &unit.as_str()),
        };
        done.map(drop).map_err(|err| failed(unit, err))
    }

    fn manager<B>(&self, method: &'static str, body: &B) -> Result<Message, Error>
    where
        B: serde::Serialize + zbus::DynamicType,
    {
        let asked = self
            .0
            .call_method(Some(SYSTEMD), OBJECT, Some(MANAGER), method, body);
        zbus::block_on(asked)
    }

    /// Have systemd do something, and wait until it says how that went.
    fn job(&self, method: &'static str, unit: Unit) -> Result<(), BackendError> {
        let bus = self.0.clone();
        let ended = within(PATIENCE, move || {
            zbus::block_on(async {
                // Whoever listens after it asked may miss the answer.
                let rule = MatchRule::builder()
                    .msg_type(Type::Signal)
                    .sender(SYSTEMD)
                    .interface(MANAGER)
                    .member("JobRemoved")
                    .build()?;
                let mut ended = MessageStream::for_match_rule(rule, &bus, None).await?;
                let to = (Some(SYSTEMD), OBJECT, Some(MANAGER));
                bus.call_method(to.0, to.1, to.2, "Subscribe", &()).await?;
                let body = (unit.as_str(), "replace");
                let answer = bus.call_method(to.0, to.1, to.2, method, &body).await?;
                let job: OwnedObjectPath = answer.body().deserialize()?;
                loop {
                    let Some(signal) = ended.next().await else {
                        return Err(Error::Failure("the bus is gone".to_owned()));
                    };
                    let signal = signal?;
                    let body = signal.body();
                    let (_, path, _, result): (u32, OwnedObjectPath, String, String) =
                        body.deserialize()?;
                    if path == job {
                        return Ok(result);
                    }
                }
            })
        });
        match ended {
            None => Err(BackendError::Hangs {
                unit,
                after: PATIENCE,
            }),
            Some(Err(err)) => Err(failed(unit, err)),
            Some(Ok(result)) if result == "done" => Ok(()),
            Some(Ok(result)) => Err(BackendError::Job { unit, result }),
        }
    }
}

/// Do something that may never end; `None`: it did not end in time, and is left to itself.
fn within<T: Send + 'static>(
    limit: Duration,
    act: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(act()));
    told.recv_timeout(limit).ok()
}

/// Where a unit is: letters and digits stay, anything else is `_` and two hexadecimal digits.
fn path(unit: Unit) -> String {
    let name = unit.as_str().bytes().map(|byte| match byte {
        it if it.is_ascii_alphanumeric() => char::from(it).to_string(),
        it => format!("_{it:02x}"),
    });
    format!("{OBJECT}/unit/{}", name.collect::<String>())
}

fn failed(unit: Unit, err: Error) -> BackendError {
    match err {
        Error::MethodError(_, Some(why), _) => BackendError::Denied { unit, why },
        Error::FDO(err) => match *err {
            zbus::fdo::Error::AccessDenied(why)
            | zbus::fdo::Error::InteractiveAuthorizationRequired(why) => {
                BackendError::Denied { unit, why }
            }
            err => BackendError::Bus(err.to_string()),
        },
        err => BackendError::Bus(err.to_string()),
    }
}

/// What systemd tells of a unit, by name.
struct Told(BTreeMap<String, OwnedVariant>);

impl Told {
    fn facts(all: BTreeMap<String, OwnedVariant>) -> Result<UnitFacts, String> {
        let told = Told(all);
        let pid = told.number("MainPID")?;
        let memory = match told.0.contains_key("MemoryCurrent") {
            true => Some(told.number("MemoryCurrent")?),
            false => None,
        };
        let since = told.number("StateChangeTimestamp")?;
        let small = |name| {
            let it = told.number(name)?;
            i32::try_from(it).map_err(|_| format!("{name} is too large: {it}"))
        };
        let mut triggered_by: Vec<String> = match told.0.get("TriggeredBy") {
            Some(it) => it
                .try_clone()
                .and_then(Vec::try_from)
                .map_err(|err| format!("TriggeredBy: {err}"))?,
            None => Vec::new(),
        };
        triggered_by.sort_unstable();
        Ok(UnitFacts {
            load: told.text("LoadState")?.into(),
            active: told.text("ActiveState")?.into(),
            sub: told.text("SubState")?,
            at_boot: told.text("UnitFileState")?.into(),
            since: match i64::try_from(since) {
                Ok(0) => None,
                Ok(it) => Some(Timestamp::from_microsecond(it).map_err(|err| err.to_string())?),
                Err(_) => return Err(format!("StateChangeTimestamp is too large: {since}")),
            },
            main_pid: match pid {
                0 => None,
                it => Some(u32::try_from(it).map_err(|_| format!("MainPID is too large: {it}"))?),
            },
            memory: memory.filter(|it| *it != NOT_SET).map(Bytes),
            restarts: u32::try_from(told.number("NRestarts")?).unwrap_or(u32::MAX),
            result: told.text("Result")?.into(),
            exit: Exit::of(small("ExecMainCode")?, small("ExecMainStatus")?),
            can_reload: match told.0.get("CanReload") {
                Some(it) => bool::try_from(it).map_err(|err| format!("CanReload: {err}"))?,
                None => return Err("there is no CanReload".to_owned()),
            },
            triggered_by,
        })
    }

    fn text(&self, name: &str) -> Result<String, String> {
        let found = self.0.get(name);
        let found = found.ok_or_else(|| format!("there is no {name}"))?;
        let text = <&str>::try_from(found).map_err(|err| format!("{name}: {err}"))?;
        Ok(text.to_owned())
    }

    /// Of whatever width it is. What there is not, as the process of a socket, is as good as zero.
    fn number(&self, name: &str) -> Result<u64, String> {
        let Some(found) = self.0.get(name) else {
            return Ok(0);
        };
        let any = u64::try_from(found)
            .or_else(|_| u32::try_from(found).map(u64::from))
            .or_else(|_| i32::try_from(found).map(|it| u64::try_from(it).unwrap_or(0)));
        any.map_err(|err| format!("{name}: {err}"))
    }
}
