//! What should be there: kept in step with what MoxNAS does, and with what somebody agrees to.

use moxnas_shares::{generation::KEPT, model::Intent};

use super::*;
use crate::expected::Agreed;

/// As long as it is there MoxNAS itself changes the machine, and what is not as expected is what it
/// was before.
pub(super) struct Changing<'a>(&'a AtomicU64);

impl<'a> Changing<'a> {
    pub(super) fn new(count: &'a AtomicU64) -> Changing<'a> {
        count.fetch_add(1, Ordering::AcqRel);
        Changing(count)
    }
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What is written down in the same transaction.
#[derive(Default)]
pub(super) struct Beside<'a> {
    /// What the audit log is told.
    pub(super) entry: Option<&'a Entry>,
    /// What is meant to be offered to the network from now on.
    pub(super) offer: Option<Offer<'a>>,
}

/// What is meant to be offered to the network, and who says so.
pub(super) struct Offer<'a> {
    pub(super) intent: Intent,
    pub(super) operation: &'static str,
    pub(super) by: &'a str,
    /// The first generation of files that it made; `None`: no file changed.
    pub(super) generation: Option<u32>,
}

impl App {
    /// What is meant to be offered to the network.
    #[must_use]
    pub fn offered(&self) -> Arc<Offered> {
        let offered = self.offered.read();
        Arc::clone(&offered.expect("no holder of this lock panics"))
    }

    /// Write down what is meant from now on, as far as it is otherwise than before.
    async fn write_offer(
        &self,
        write: &mut store::Write,
        offer: Offer<'_>,
    ) -> Result<Offered, Error> {
        let (old, at) = (self.offered(), self.wall_now());
        let new = old.meant(offer.intent, at);
        for share in &new.intent.shares {
            if !old.intent.shares.contains(share) {
                write.put_share(share, at).await?;
            }
        }
        for share in &old.intent.shares {
            if !new.times.contains_key(&share.name) {
                write.delete_share(share.name.as_str()).await?;
            }
        }
        if new.intent.settings != old.intent.settings {
            write.put_share_settings(&new.intent.settings, at).await?;
        }
        if let Some(number) = offer.generation {
            let generation = store::StoredGeneration {
                number,
                at,
                by: offer.by.to_owned(),
                operation: offer.operation.to_owned(),
                before: old.intent.clone(),
            };
            let kept = u32::try_from(KEPT).unwrap_or(u32::MAX);
            let oldest = number.saturating_sub(kept);
            write.add_share_generation(&generation, oldest).await?;
        }
        Ok(new)
    }

    /// What should be there. `None`: nobody has ever agreed to anything.
    pub(super) fn expected(&self) -> Option<Arc<Expected>> {
        let expected = self.expected.read();
        expected.expect("no holder of this lock panics").clone()
    }

    /// Agree to everything that was seen at the very first look, so that a machine which has arrays
    /// already begins without complaints.
    pub(super) async fn expect_at_first(
        store: &Store,
        first: &Seen,
        at: std::time::SystemTime,
    ) -> Result<Expected, Error> {
        let actor = App::this_process("first-look");
        let by = &actor.name;
        let expected = Expected::all_of(first, Agreed { by, at });
        let mut write = store.begin_write().await?;
        write.begin_to_expect(at).await?;
        for it in &expected.arrays {
            write.expect_array(it).await?;
        }
        let names: Vec<&str> = expected.arrays.iter().map(|it| &*it.array.name).collect();
        if !names.is_empty() {
            let mut entry = Entry::new(at, &actor, "expected_accept", Phase::Outcome);
            entry.object = Some("all".to_owned());
            entry.result = Some(Outcome::Ok);
            entry.detail = json!({ "at": "the first look at this machine", "arrays": names });
            write.append_audit(&entry).await?;
        }
        write.commit().await?;
        Ok(expected)
    }

    /// Expect what a change that somebody wished has led to, if it was verified, and write down
    /// what came of it: the one lasts when the other does.
    pub(super) async fn expect_what_was_done(
        &self,
        before: &Seen,
        after: Option<&Seen>,
        by: &str,
        beside: Beside<'_>,
    ) -> Result<(), Error> {
        let at = self.wall_now();
        let follow = |old: &Expected| {
            let after = after?;
            Some(old.after_change(&before.raid, after, Agreed { by, at }))
        };
        self.expect(follow, beside).await.map(drop)
    }

    /// Agree to what is seen now: of one array, or of all. An array that is not there is then
    /// expected no more.
    pub(crate) async fn accept(&self, array: Option<&str>, by: &str) -> Result<Arc<Seen>, Error> {
        self.check_right()?;
        let _one_at_a_time = self.lane(Lane::Storage).lock().await;
        let seen = self.look().await?;
        let agreed = Agreed {
            by,
            at: self.wall_now(),
        };
        let accepted = |old: &Expected| match array {
            None => Some(Expected {
                since: old.since,
                ..Expected::all_of(&seen, agreed)
            }),
            Some(text) => old.with_array(text, &seen, agreed),
        };
        let found = self.expect(accepted, Beside::default()).await?;
        self.judge_again();
        match (found, array) {
            (false, Some(name)) => Err(Error::NotFound {
                what: "array",
                name: name.to_owned(),
            }),
            _ => Ok(self.seen()),
        }
    }

    /// Write down how arrays were when they were first seen since the machine was started.
    pub async fn expect_since_boot(&self) -> Result<(), Error> {
        if !self.may_change() {
            return Ok(());
        }
        let seen = self.seen();
        let is_known = |it: &Arc<Expected>| it.since_boot(&seen).is_none();
        if self.expected().as_ref().is_none_or(is_known) {
            return Ok(());
        }
        self.expect(|old| old.since_boot(&seen), Beside::default())
            .await
            .map(drop)
    }

    /// Expect otherwise, where `change` says so, and append to the audit log. The answer is whether
    /// it does say so.
    async fn expect(
        &self,
        change: impl FnOnce(&Expected) -> Option<Expected>,
        Beside { entry, offer }: Beside<'_>,
    ) -> Result<bool, Error> {
        let _one_at_a_time = self.expecting.lock().await;
        let old = self.expected();
        let new = old.as_deref().and_then(change);
        let is_said = new.is_some();
        let new = new.filter(|new| Some(new) != old.as_deref());
        if new.is_none() && entry.is_none() && offer.is_none() {
            return Ok(is_said);
        }
        let mut write = self.store.begin_write().await?;
        if let (Some(old), Some(new)) = (&old, &new) {
            for it in new.arrays.iter().filter(|it| !old.arrays.contains(it)) {
                write.expect_array(it).await?;
            }
            let is_left = |uuid: &str| new.arrays.iter().any(|it| it.array.uuid == uuid);
            for it in old.arrays.iter().filter(|it| !is_left(&it.array.uuid)) {
                write.expect_no_array(&it.array.uuid).await?;
            }
        }
        let meant = match offer {
            Some(offer) => Some(self.write_offer(&mut write, offer).await?),
            None => None,
        };
        if let Some(entry) = entry {
            write.append_audit(entry).await?;
        }
        write.commit().await?;
        if let Some(meant) = meant {
            let mut offered = self.offered.write();
            **offered.as_mut().expect("no holder of this lock panics") = Arc::new(meant);
        }
        if let Some(new) = new {
            let mut expected = self.expected.write();
            **expected.as_mut().expect("no holder of this lock panics") = Some(Arc::new(new));
        }
        Ok(is_said)
    }

    /// Hold what was last seen against what is expected since.
    pub(super) fn judge_again(&self) {
        self.see_anew(|new| {
            // While MoxNAS changed the machine it was held against nothing.
            new.expected = self.expected();
            new.differences = new.compare();
            let offered = self.offered();
            if !Arc::ptr_eq(&new.sharing.offered, &offered) {
                new.sharing = Arc::new(new.sharing.held_against(offered));
            }
        });
    }

    /// Say what of a new look is not as expected.
    pub(super) fn judge(&self, old: &Seen, new: &mut Seen) {
        let expected = self.expected();
        let is_held_against_it = match (&new.expected, &expected) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        if self.changing.load(Ordering::Acquire) > 0 {
            new.differences.clone_from(&old.differences);
            new.expected.clone_from(&old.expected);
        } else if !is_held_against_it {
            new.expected = expected;
            new.differences = new.compare();
        }
        let offered = self.offered();
        if self.changing.load(Ordering::Acquire) == 0
            && !Arc::ptr_eq(&new.sharing.offered, &offered)
        {
            new.sharing = Arc::new(new.sharing.held_against(offered));
        }
        if old.sharing.is_same(&new.sharing) {
            new.sharing = Arc::clone(&old.sharing);
        }
        let same = Arc::ptr_eq(&old.sharing, &new.sharing)
            && is_same(&old.raid, &new.raid)
            && is_same(&old.pools, &new.pools)
            && is_same(&old.abilities, &new.abilities)
            && old.expected == new.expected
            && old.differences == new.differences;
        if same {
            new.serial = old.serial;
        }
    }
}

fn is_same<T: PartialEq>(one: &Arc<T>, other: &Arc<T>) -> bool {
    Arc::ptr_eq(one, other) || one == other
}
