//! Reading all of every array, one after the other.

use moxnas_raid::{Array, Health, geometry, health::health, plan::Scrub};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Done, Job, JobError, Run, Wanted, array_scrub::ScrubArray};
use crate::{
    actor::Role,
    store::{JobState, Level},
};

/// Check every array that has redundancy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScrubAll {}

/// The arrays that this run is about: those that there were when it began.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Noted {
    arrays: Vec<ScrubArray>,
}

impl Job for ScrubAll {
    const KIND: &'static str = "raid_scrub";
    const NEEDS: Role = Role::Operator;

    fn object(&self) -> String {
        "raid-scrub".to_owned()
    }

    async fn run(self, run: &mut Run) -> Result<Done, JobError> {
        let arrays = match run.noted::<Noted>()? {
            Some(noted) => noted.arrays,
            None => {
                let arrays = choose(run).await?;
                let noted = Noted { arrays };
                run.checkpoint(&noted).await?;
                noted.arrays
            }
        };
        let mut failed = Vec::new();
        let parts = run.app().parts_of(run.id()).await?;
        for (number, array) in arrays.iter().enumerate() {
            match run.wanted() {
                Wanted::Run => (),
                Wanted::Pause => return Err(JobError::Paused),
                Wanted::Cancel => return Err(JobError::Cancelled),
            }
            #[expect(clippy::cast_precision_loss, reason = "a share for people")]
            let share = number as f64 / arrays.len() as f64;
            let what = format!(
                "checking {}, {} of {}",
                array.name,
                number + 1,
                arrays.len()
            );
            run.progress(Some(share), &what).await?;
            // One that somebody is reading already, or that is busy otherwise, is its own failure.
            let part = match run.part(array, &parts).await {
                Ok(part) => part,
                Err(JobError::Operation(err)) => {
                    let why = moxnas_core::chain::chain(&err);
                    run.say(Level::Error, &format!("{}: {why}", array.name))
                        .await?;
                    failed.push(array.name.clone());
                    continue;
                }
                Err(err) => return Err(err),
            };
            match part.state {
                JobState::Succeeded => (),
                JobState::Paused => return Err(JobError::Paused),
                JobState::Cancelled if run.wanted() == Wanted::Cancel => {
                    return Err(JobError::Cancelled);
                }
                _ => {
                    let why = part.error.unwrap_or_else(|| part.state.to_string());
                    run.say(Level::Error, &format!("{}: {why}", array.name))
                        .await?;
                    failed.push(array.name.clone());
                }
            }
        }
        if failed.is_empty() {
            let message = match arrays.len() {
                0 => "there is no array to check".to_owned(),
                1 => "1 array was checked".to_owned(),
                many => format!("{many} arrays were checked"),
            };
            let result = json!({ "arrays": arrays.iter().map(|it| &it.name).collect::<Vec<_>>() });
            return Ok(Done { message, result });
        }
        Err(JobError::Failed {
            code: "not_all_checked",
            why: format!("not checked: {}", failed.join(", ")),
        })
    }
}

/// The arrays that can be checked now; of the others the log says why not.
async fn choose(run: &Run) -> Result<Vec<ScrubArray>, JobError> {
    let seen = run.app().look().await?;
    let mut chosen = Vec::new();
    for array in &seen.raid.arrays {
        match (obstacle(array), &array.uuid) {
            (None, Some(uuid)) => chosen.push(ScrubArray {
                name: array.name.clone(),
                uuid: uuid.clone(),
                scrub: Scrub::Check,
            }),
            (Some(why), _) => {
                run.say(Level::Info, &format!("{}: {why}", array.name))
                    .await?
            }
            (None, None) => {
                let line = format!("{}: it has no UUID", array.name);
                run.say(Level::Warning, &line).await?;
            }
        }
    }
    Ok(chosen)
}

/// Why an array is left out.
fn obstacle(array: &Array) -> Option<String> {
    if !geometry::is_redundant(&array.level) {
        return Some(format!("{} keeps nothing twice", array.level));
    }
    if !array.state.is_started() {
        return Some("it is not started".to_owned());
    }
    if let Some(action) = array.sync.action() {
        return Some(format!("{action} runs"));
    }
    match health(array).0 {
        Health::Degraded { .. } | Health::Failed { .. } => {
            Some("it is degraded: a check would have nothing to compare".to_owned())
        }
        _ => None,
    }
}
