//! What the machine's kernels know of arrays while they start, and making that right.

use std::sync::Arc;

use moxnas_core::plan::Plan;
use moxnas_raid::{
    Refusal, Step,
    initramfs::{KernelRelease, not_updated, plan_update},
};

use crate::{
    actor::{Actor, Role},
    answers::Question,
    app::App,
    error::Error,
    jobs::initramfs_update::UpdateInitramfs,
    machine::AppStep,
    operation::{Change, Effect, Lane, LongChange, Operation, Query},
    seen::Seen,
};

/// Show what the images know of arrays that the machine's kernels start with.
#[derive(Clone, Copy, Debug)]
pub struct InitramfsShow {
    /// Unpack again what has changed. Otherwise the answer is from memory.
    pub fresh: bool,
}

/// Make those images again that do not know the arrays as they are.
#[derive(Clone, Copy, Debug)]
pub struct InitramfsUpdate;

/// What was last said of the images, with the mdadm.conf that they are held against.
#[derive(Clone, Debug)]
pub struct InitramfsView {
    /// The look.
    pub seen: Arc<Seen>,
}

operation!(
    InitramfsShow,
    "initramfs_show",
    Some(Role::Viewer),
    InitramfsView
);
operation!(InitramfsUpdate, "initramfs_update", Some(Role::Admin), ());

impl Query for InitramfsShow {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<InitramfsView, Error> {
        let seen = match self.fresh {
            true => app.ask(Question::Initramfs).await?,
            false => app.seen(),
        };
        Ok(InitramfsView { seen })
    }
}

impl Change for InitramfsUpdate {
    const LANE: Lane = Lane::Storage;

    fn asks(&self, _: &Seen) -> Vec<Question> {
        vec![Question::Initramfs]
    }

    fn plan(&self, seen: &Seen) -> Result<Plan<AppStep>, Error> {
        let images = seen.answers.images().map_err(Refusal::InitramfsNotKnown)?;
        Ok(plan_update(images, &seen.raid.conf)?.map(AppStep::Raid))
    }

    fn etag(&self, _: &Seen) -> Option<String> {
        None
    }

    fn verify(&self, after: &Seen) -> Result<(), Error> {
        let images = after.answers.images().map_err(Error::NotVerified)?;
        match not_updated(images, &after.raid.conf) {
            None => Ok(()),
            Some(why) => Err(Error::NotVerified(why)),
        }
    }
}

impl LongChange for InitramfsUpdate {
    type Job = UpdateInitramfs;

    fn job(&self, seen: &Seen) -> Result<UpdateInitramfs, Error> {
        let plan = self.plan(seen)?;
        Ok(UpdateInitramfs {
            kernels: plan.steps.iter().filter_map(kernel).collect(),
        })
    }
}

/// The kernel whose image a step makes again.
fn kernel(step: &AppStep) -> Option<KernelRelease> {
    match step {
        AppStep::Raid(Step::UpdateInitramfs { kernel }) => Some(kernel.clone()),
        _ => None,
    }
}
