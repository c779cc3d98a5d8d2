//! What the audit log is told of a call.

use super::*;

impl App {
    pub(super) async fn record<O: Operation>(
        &self,
        actor: &Actor,
        phase: Phase,
        object: Option<String>,
        more: impl FnOnce(&mut Entry),
    ) -> Result<(), Error> {
        let mut entry = Entry::new(self.wall_now(), actor, O::NAME, phase);
        entry.object = object;
        more(&mut entry);
        self.store.append_audit(&entry).await?;
        Ok(())
    }

    pub(super) async fn record_refusal<O: Operation>(
        &self,
        actor: &Actor,
        object: Option<String>,
        refusal: &Error,
    ) -> Result<(), Error> {
        self.record::<O>(actor, Phase::Refused, object, |entry| {
            entry.result = Some(Outcome::Failed);
            entry.detail = json!({ "code": refusal.code(), "causes": causes(refusal) });
        })
        .await
    }

    pub(super) async fn record_outcome<O: Operation, T>(
        &self,
        actor: &Actor,
        object: Option<String>,
        result: &Result<T, Error>,
    ) -> Result<(), Error> {
        let entry = self.outcome::<O, T>(actor, object, None, result);
        self.store.append_audit(&entry).await?;
        Ok(())
    }

    /// What is to be recorded of what came of it.
    pub(super) fn outcome<O: Operation, T>(
        &self,
        actor: &Actor,
        object: Option<String>,
        fingerprint: Option<String>,
        result: &Result<T, Error>,
    ) -> Entry {
        let mut entry = Entry::new(self.wall_now(), actor, O::NAME, Phase::Outcome);
        entry.object = object;
        entry.fingerprint = fingerprint;
        entry.result = Some(if result.is_ok() {
            Outcome::Ok
        } else {
            Outcome::Failed
        });
        if let Err(err) = result {
            tracing::warn!(
                operation = O::NAME,
                request_id = actor.request_id,
                "{}",
                chain(err)
            );
            entry.detail = json!({ "code": err.code(), "causes": causes(err) });
        }
        entry
    }
}
