//! Plans.

use std::collections::BTreeMap;

use moxnas_app::report;
use poem_openapi::Object;
use serde_json::Value;

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
}

/// One step
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct PlanStep {
    /// In words
    pub what: String,
    /// The program and its arguments; left out for a step that runs none
    pub command: Option<Vec<String>>,
    /// The file that is written
    pub file: Option<PlanFile>,
    /// Ids of the devices whose data is lost
    pub destroys: Vec<String>,
    /// Whether another step could undo it without loss
    pub reversible: bool,
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
        } = it;
        Plan {
            fingerprint,
            operation,
            steps: steps.into_iter().map(PlanStep::from).collect(),
            dangers,
            warnings,
            before: before.into_iter().map(ArrayOutlook::from).collect(),
            after: after.into_iter().map(ArrayOutlook::from).collect(),
        }
    }
}

impl From<report::StepReport> for PlanStep {
    fn from(it: report::StepReport) -> PlanStep {
        let report::StepReport {
            what,
            command,
            file,
            destroys,
            reversible,
        } = it;
        let file = file.map(|report::FileReport { path, diff }| PlanFile { path, diff });
        PlanStep {
            what,
            command,
            file,
            destroys,
            reversible,
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
