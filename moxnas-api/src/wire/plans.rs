//! Plans.

use std::collections::BTreeMap;

use moxnas_app::report;
use moxnas_raid::consequences as inside;
use poem_openapi::Object;
use serde_json::Value;

use super::{arrays::Verdict, consequences::BackgroundWork};

/// A change to plan without making it
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(deny_unknown_fields)]
pub struct PlanRequest {
    /// The id of the operation, such as `array_create`
    pub operation: String,
    /// The parameters of its path
    #[oai(default)]
    pub path: BTreeMap<String, String>,
    /// Its body
    #[oai(skip_serializing_if_is_none)]
    pub body: Option<Value>,
}

/// What would be done
#[derive(Clone, Debug, PartialEq, Object)]
pub struct Plan {
    /// Names this very plan; send it as `X-Confirm-Plan` to agree
    pub fingerprint: String,
    /// The operation that was planned
    pub operation: String,
    /// What would be done, in this order
    pub steps: Vec<PlanStep>,
    /// What has to be confirmed; empty if nothing
    pub dangers: Vec<String>,
    /// What the caller should know
    pub warnings: Vec<String>,
    /// The arrays that would change, as they are
    pub before: Vec<ArrayOutlook>,
    /// The same afterwards, once nothing runs in the background any more
    pub after: Vec<ArrayOutlook>,
    /// How little redundancy arrays that are there have at the worst moment
    pub lowest: Vec<PlanLowest>,
}

/// How little redundancy an array has while a plan is carried out
#[derive(Clone, Debug, PartialEq, Eq, Object)]
pub struct PlanLowest {
    /// Its name
    pub array: String,
    /// How many members may fail now, whichever they are
    pub before: u32,
    /// How many may fail at the worst moment
    pub lowest: u32,
}

/// One step
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct PlanStep {
    /// In words
    pub what: String,
    /// The program and its arguments; left out for a step that runs none
    pub command: Option<Vec<String>>,
    /// The command that goes to the disk itself, in hexadecimal; left out for a step that sends none
    pub command_block: Option<String>,
    /// The files that are written
    pub files: Vec<PlanFile>,
    /// Ids of the devices whose data is lost
    pub destroys: Vec<String>,
    /// Whether another step could undo it without loss
    pub reversible: bool,
    /// How long it takes; left out if moments, or if `work` says
    pub takes: Option<PlanTime>,
    /// The array that it changes; left out if it changes none
    pub array: Option<PlanArray>,
    /// What it begins in the background; left out if nothing
    pub work: Option<BackgroundWork>,
    /// What is lost with it, and was not lost with an earlier step
    pub lost: Vec<PlanLoss>,
}

/// How long a step takes
#[derive(Clone, Debug, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct PlanTime {
    /// Not faster than this; left out if nobody can tell
    pub at_least_s: Option<u64>,
    /// Not slower than this, unless the disk has other work to do; left out if nobody can tell
    pub at_most_s: Option<u64>,
    /// From what it was derived, or why it cannot be told
    pub because: String,
}

/// An array around a step
#[derive(Clone, Debug, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct PlanArray {
    /// Its name
    pub name: String,
    /// Before the step, while what earlier steps began still runs; left out if it is not there
    pub before: Option<PlanStage>,
    /// Right after the step, while what it began still runs; left out if it is not there
    pub at_once: Option<PlanStage>,
    /// Once nothing runs in the background any more; left out if it is not there
    pub in_the_end: Option<PlanStage>,
}

/// How much an array holds, and how safe that is
#[derive(Clone, Copy, Debug, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct PlanStage {
    /// How it is
    pub health: Verdict,
    /// How many members may fail, whichever they are; left out if it cannot be told or is too late
    pub can_lose: Option<u32>,
    /// Its size
    pub size_bytes: u64,
}

/// Something that is lost with a step
#[derive(Clone, Debug, PartialEq, Eq, Object)]
pub struct PlanLoss {
    /// Id of the device that it is on
    pub device: String,
    /// What it is, as far as anybody can see
    pub content: String,
}

/// A file that a step writes
#[derive(Clone, Debug, PartialEq, Eq, Object)]
pub struct PlanFile {
    /// The file
    pub path: String,
    /// What is taken out and put in
    pub diff: String,
}

/// An array in one line
#[derive(Clone, Debug, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ArrayOutlook {
    /// Its name
    pub name: String,
    /// Its level
    pub level: String,
    /// Its size
    pub size_bytes: u64,
    /// How it is
    pub health: String,
    /// How many members may fail; left out if it cannot be told
    pub can_lose: Option<u32>,
    /// How many members it lists
    pub members: u32,
}

impl From<report::PlanReport> for Plan {
    fn from(it: report::PlanReport) -> Plan {
        let report::PlanReport {
            fingerprint,
            operation,
            steps,
            dangers,
            warnings,
            before,
            after,
            lowest,
        } = it;
        let low = |inside::Lowest {
                       array,
                       before,
                       lowest,
                   }| PlanLowest {
            array,
            before,
            lowest,
        };
        Plan {
            fingerprint,
            operation,
            steps: steps.into_iter().map(PlanStep::from).collect(),
            dangers,
            warnings,
            before: before.into_iter().map(ArrayOutlook::from).collect(),
            after: after.into_iter().map(ArrayOutlook::from).collect(),
            lowest: lowest.into_iter().map(low).collect(),
        }
    }
}

impl From<report::StepReport> for PlanStep {
    fn from(it: report::StepReport) -> PlanStep {
        let report::StepReport {
            what,
            command,
            command_block,
            files,
            destroys,
            reversible,
            takes,
            outlook: inside::StepOutlook { array, work, lost },
        } = it;
        let loss = |inside::LostContent { device, content }| PlanLoss {
            device: device.to_string(),
            content,
        };
        let file = |report::FileReport { path, diff }| PlanFile { path, diff };
        let takes = takes.map(|it| PlanTime {
            at_least_s: it.at_least.map(|it| it.as_secs()),
            at_most_s: it.at_most.map(|it| it.as_secs()),
            because: it.because,
        });
        PlanStep {
            what,
            command,
            command_block,
            files: files.into_iter().map(file).collect(),
            destroys,
            reversible,
            takes,
            array: array.map(PlanArray::from),
            work: work.map(BackgroundWork::from),
            lost: lost.into_iter().map(loss).collect(),
        }
    }
}

impl From<inside::ArrayStage> for PlanArray {
    fn from(it: inside::ArrayStage) -> PlanArray {
        let inside::ArrayStage {
            name,
            before,
            at_once,
            in_the_end,
        } = it;
        PlanArray {
            name,
            before: before.map(PlanStage::from),
            at_once: at_once.map(PlanStage::from),
            in_the_end: in_the_end.map(PlanStage::from),
        }
    }
}

impl From<inside::Stage> for PlanStage {
    fn from(it: inside::Stage) -> PlanStage {
        let inside::Stage { health, size } = it;
        PlanStage {
            health: health.into(),
            can_lose: health.can_lose(),
            size_bytes: size.0,
        }
    }
}

impl From<report::ArrayOutlook> for ArrayOutlook {
    fn from(it: report::ArrayOutlook) -> ArrayOutlook {
        let report::ArrayOutlook {
            name,
            level,
            size_bytes,
            health,
            can_lose,
            members,
        } = it;
        ArrayOutlook {
            name,
            level,
            size_bytes,
            health,
            can_lose,
            members,
        }
    }
}
