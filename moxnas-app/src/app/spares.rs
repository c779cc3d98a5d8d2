//! Spares that go where they are needed, without anybody asking.

use std::sync::Arc;

use moxnas_core::chain::chain;
use moxnas_raid::plan::failover;

use super::App;
use crate::{
    error::Error,
    operation::{Operation, Terms},
    ops::arrays::SpareMove,
};

impl App {
    /// Where an array of a spare group has an empty slot and no spare, and another one of its group
    /// has, the spare goes there: as the operation that anybody may ask for, with its audit records.
    ///
    /// A move that failed is not tried again until the machine is another one.
    pub async fn move_spares(self: &Arc<Self>) {
        while let Some(plan) = failover(&self.seen().raid) {
            let fingerprint = plan.fingerprint().to_string();
            let mut failed = self.failed_move.lock().await;
            if failed.as_ref() == Some(&fingerprint) {
                return;
            }
            tracing::warn!("{}", plan.warnings.join("; "));
            let actor = App::this_process("spare-group");
            let moved = self.change(&actor, SpareMove, Terms::default()).await;
            match moved {
                Ok(_) => *failed = None,
                // Somebody was faster.
                Err(Error::Refused(_)) => return,
                Err(err) => {
                    tracing::error!("{} failed: {}", SpareMove::NAME, chain(&err));
                    *failed = Some(fingerprint);
                    return;
                }
            }
        }
    }
}
