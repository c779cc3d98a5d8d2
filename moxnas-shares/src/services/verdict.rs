//! What the facts of a service come to, with the reasons. Derived each time, so that it cannot be
//! stale.

use std::{fmt, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::model::{Active, AtBoot, Exit, Load, RunResult, ServiceName, Services, Unit, UnitFacts};

/// How a service stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// In one word, which is that of its first unit.
    pub standing: Standing,
    /// What somebody should know of any of its units.
    pub reasons: Vec<Reason>,
}

impl Verdict {
    /// Whether anything is not as it is meant to be.
    #[must_use]
    pub fn is_trouble(&self) -> bool {
        self.reasons.iter().any(Reason::is_trouble)
    }
}

/// How a service stands, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is not on the machine.
    NotInstalled,
    /// It does not run, and nothing went wrong.
    Stopped,
    /// It is about to start or to end.
    Changing,
    /// It runs.
    Running,
    /// It ends again and again, and systemd starts it each time.
    Restarting,
    /// It does not run because something went wrong.
    Failed,
}

impl Standing {
    /// A stable word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Standing::NotInstalled => "not_installed",
            Standing::Stopped => "stopped",
            Standing::Changing => "changing",
            Standing::Running => "running",
            Standing::Restarting => "restarting",
            Standing::Failed => "failed",
        }
    }
}

/// What somebody should know of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum Reason {
    /// Nothing of it is on the machine.
    NotInstalled {
        /// What brings it.
        package: String,
    },
    /// Its unit file cannot be used.
    Broken {
        /// The unit.
        unit: Unit,
        /// systemd's word for it.
        load: Load,
    },
    /// An administrator forbade that it is started.
    Masked {
        /// The unit.
        unit: Unit,
    },
    /// It ended, and not well.
    Failed {
        /// The unit.
        unit: Unit,
        /// How.
        result: RunResult,
        /// How its process ended, if it had one.
        exit: Option<Exit>,
    },
    /// It ends again and again.
    Restarting {
        /// The unit.
        unit: Unit,
        /// How often it was started again.
        restarts: u32,
        /// How its process ended the last time.
        exit: Option<Exit>,
    },
    /// It comes with the machine, and does not run.
    NotRunning {
        /// The unit.
        unit: Unit,
    },
    /// It was started again by itself, and runs since.
    Restarted {
        /// The unit.
        unit: Unit,
        /// How often.
        restarts: u32,
    },
    /// It runs, and will not after the machine is started anew.
    NotAtBoot {
        /// The unit.
        unit: Unit,
    },
    /// It is about to start or to end.
    Changing {
        /// The unit.
        unit: Unit,
    },
}

impl Reason {
    /// Whether something is not as it is meant to be. What is no trouble is good to know.
    #[must_use]
    pub fn is_trouble(&self) -> bool {
        match self {
            Reason::Broken { .. }
            | Reason::Failed { .. }
            | Reason::Restarting { .. }
            | Reason::NotRunning { .. } => true,
            Reason::NotInstalled { .. }
            | Reason::Masked { .. }
            | Reason::Restarted { .. }
            | Reason::NotAtBoot { .. }
            | Reason::Changing { .. } => false,
        }
    }

    /// A stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Reason::NotInstalled { .. } => "service_not_installed",
            Reason::Broken { .. } => "service_unit_broken",
            Reason::Masked { .. } => "service_masked",
            Reason::Failed { .. } => "service_failed",
            Reason::Restarting { .. } => "service_restarting",
            Reason::NotRunning { .. } => "service_not_running",
            Reason::Restarted { .. } => "service_restarted",
            Reason::NotAtBoot { .. } => "service_not_at_boot",
            Reason::Changing { .. } => "service_changing",
        }
    }

    /// What would help.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Reason::NotInstalled { package } => format!("install it: apt-get install {package}"),
            Reason::Broken { unit, .. } => {
                format!("`systemd-analyze verify {unit}` says what is wrong with its file")
            }
            Reason::Masked { unit } => format!("`systemctl unmask {unit}` allows it again"),
            Reason::Failed { unit, .. } | Reason::Restarting { unit, .. } => {
                format!("`journalctl -u {unit}` says more; start it when that is put right")
            }
            Reason::NotRunning { .. } => "start it, or disable it if that is meant".to_owned(),
            Reason::Restarted { unit, .. } => format!("`journalctl -u {unit}` says why"),
            Reason::NotAtBoot { .. } => "enable it, if it is to come with the machine".to_owned(),
            Reason::Changing { .. } => "look again in a moment".to_owned(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::NotInstalled { package } => write!(f, "{package} is not installed"),
            Reason::Broken { unit, load } => {
                write!(f, "systemd cannot use the file of {unit}: {}", load.word())
            }
            Reason::Masked { unit } => write!(f, "{unit} is masked: it cannot be started"),
            Reason::Failed { unit, result, exit } => {
                write!(f, "{unit} failed: {}", result.word())?;
                exit.map_or(Ok(()), |it| write!(f, ", {it}"))
            }
            Reason::Restarting {
                unit,
                restarts,
                exit,
            } => {
                write!(f, "{unit} ends again and again, {restarts} times so far")?;
                exit.map_or(Ok(()), |it| write!(f, ": {it}"))
            }
            Reason::NotRunning { unit } => {
                write!(f, "{unit} comes with the machine, and does not run")
            }
            Reason::Restarted { unit, restarts } => {
                write!(
                    f,
                    "{unit} ended and was started again, {restarts} times so far"
                )
            }
            Reason::NotAtBoot { unit } => {
                write!(
                    f,
                    "{unit} runs, and will not after the machine is started anew"
                )
            }
            Reason::Changing { unit } => write!(f, "{unit} is about to start or to end"),
        }
    }
}

/// As often as this, and the last time not long ago: again and again. Once in a while is no
/// pattern.
const AGAIN_AND_AGAIN: u32 = 3;

/// What is not long ago.
const NOT_LONG: Duration = Duration::from_secs(10 * 60);

/// How a service stands at a moment.
#[must_use]
pub fn verdict(seen: &Services, service: ServiceName, now: Timestamp) -> Verdict {
    let mut standing = None;
    let mut reasons = Vec::new();
    for (unit, facts) in seen.installed(service) {
        let (of_unit, reason) = of_unit(unit, facts, now);
        standing.get_or_insert(of_unit);
        reasons.extend(reason);
    }
    match standing {
        Some(standing) => Verdict { standing, reasons },
        None => Verdict {
            standing: Standing::NotInstalled,
            reasons: vec![Reason::NotInstalled {
                package: service.package().to_owned(),
            }],
        },
    }
}

fn of_unit(unit: Unit, facts: &UnitFacts, now: Timestamp) -> (Standing, Option<Reason>) {
    let (exit, restarts) = (facts.exit, facts.restarts);
    let again = Reason::Restarting {
        unit,
        restarts,
        exit,
    };
    match &facts.active {
        Active::Failed => {
            let result = facts.result.clone();
            (
                Standing::Failed,
                Some(Reason::Failed { unit, result, exit }),
            )
        }
        _ if facts.is_waiting_to_restart() => (Standing::Restarting, Some(again)),
        Active::Activating | Active::Deactivating | Active::Maintenance | Active::Other(_) => {
            (Standing::Changing, Some(Reason::Changing { unit }))
        }
        Active::Inactive => {
            let reason = match (&facts.load, &facts.at_boot) {
                (Load::Masked, _) => Some(Reason::Masked { unit }),
                (Load::BadSetting | Load::Error | Load::Other(_), _) => Some(Reason::Broken {
                    unit,
                    load: facts.load.clone(),
                }),
                // Its own file says that it is not to run as things are.
                _ if facts.result == RunResult::Condition => None,
                (_, AtBoot::Enabled) => Some(Reason::NotRunning { unit }),
                _ => None,
            };
            (Standing::Stopped, reason)
        }
        Active::Active | Active::Reloading | Active::Refreshing => {
            let since = facts.since.unwrap_or(Timestamp::UNIX_EPOCH);
            let is_recent = now.duration_since(since).unsigned_abs() < NOT_LONG;
            if restarts >= AGAIN_AND_AGAIN && is_recent {
                return (Standing::Restarting, Some(again));
            }
            let reason = match (restarts, &facts.at_boot) {
                (1.., _) => Some(Reason::Restarted { unit, restarts }),
                (_, AtBoot::Disabled) => Some(Reason::NotAtBoot { unit }),
                _ => None,
            };
            (Standing::Running, reason)
        }
    }
}
