//! Making the images again that the machine's kernels start with.

use moxnas_raid::{Step, initramfs::KernelRelease};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Done, Job, JobError, Run};
use crate::{
    actor::Role,
    machine::AppStep,
    operation::{Change, Operation},
    ops::initramfs::InitramfsUpdate,
    store::Level,
};

/// Make images again. To make one twice does no harm, and until a new one is whole the old one stays:
/// there is nothing to note on the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateInitramfs {
    /// The kernels that they are for.
    pub kernels: Vec<KernelRelease>,
}

impl Job for UpdateInitramfs {
    const KIND: &'static str = InitramfsUpdate::NAME;
    const NEEDS: Role = Role::Admin;

    fn object(&self) -> String {
        "initramfs".to_owned()
    }

    async fn run(self, run: &mut Run) -> Result<Done, JobError> {
        for kernel in &self.kernels {
            run.obey()?;
            let step = AppStep::Raid(Step::UpdateInitramfs {
                kernel: kernel.clone(),
            });
            let words = step.to_string();
            run.say(Level::Info, &words).await?;
            let done = run.app().with_machine(move |it| it.apply(&step)).await?;
            done.map_err(|err| JobError::Failed {
                code: "initramfs_not_made",
                why: match err.hint() {
                    Some(hint) => format!("{}: {hint}", moxnas_core::chain::chain(&err)),
                    None => moxnas_core::chain::chain(&err),
                },
            })?;
        }
        let wish = InitramfsUpdate;
        wish.verify(&*run.app().look_for(&wish).await?)?;
        let message = match self.kernels.len() {
            0 => "every initramfs named the arrays as they are".to_owned(),
            1 => "1 initramfs was made again, and names the arrays as they are".to_owned(),
            many => format!("{many} were made again, and name the arrays as they are"),
        };
        Ok(Done {
            message,
            result: json!({ "kernels": self.kernels }),
        })
    }
}
