//! Keeping the database small and sound.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Done, Job, JobError, Run};
use crate::{actor::Role, store::Level};

/// How long jobs that are over are kept.
const KEEP_JOBS: Duration = Duration::from_secs(90 * 24 * 3600);

/// Look whether the database is sound, forget what is too old, and give back what it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaintainDatabase {}

impl Job for MaintainDatabase {
    const KIND: &'static str = "db_maintenance";
    const NEEDS: Role = Role::Admin;

    fn object(&self) -> String {
        "database".to_owned()
    }

    // Each part may be done again without harm: after a restart it simply begins anew.
    async fn run(self, run: &mut Run) -> Result<Done, JobError> {
        let app = std::sync::Arc::clone(run.app());
        run.progress(Some(0.1), "looking whether the database is sound")
            .await?;
        let faults = app.store.check().await?;
        if !faults.is_empty() {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            for it in &faults {
                run.say(Level::Error, it).await?;
            }
            return Err(JobError::Failed {
                code: "database_damaged",
                why: format!(
                    "the database is damaged, restore a backup: {}",
                    faults.join("; ")
                ),
            });
        }
        run.progress(Some(0.5), "forgetting what is too old")
            .await?;
        let now = app.machine.clock.now();
        let mut write = app.store.begin_write().await?;
        let sessions = write.forget_expired(app.wall_now()).await?;
        let jobs = write.drop_jobs_before(now - KEEP_JOBS).await?;
        write.commit().await?;
        let records = app.maintain_audit().await?;
        run.progress(Some(0.8), "giving back room").await?;
        app.store.tidy().await?;
        let result = json!({
            "sessions_forgotten": sessions,
            "jobs_forgotten": jobs,
            "audit_records_dropped": records,
        });
        Ok(Done {
            message: format!("the database is sound; {jobs} old jobs were forgotten"),
            result,
        })
    }
}
