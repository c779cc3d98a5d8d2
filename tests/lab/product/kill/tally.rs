//! What came of all kills.

use std::{collections::BTreeMap, fmt, time::Duration};

#[derive(Default)]
pub(super) struct Tally {
    /// With a job in flight.
    pub(super) kills: usize,
    /// Without.
    pub(super) missed: usize,
    /// While a new mdadm.conf was being written beside the old one.
    pub(super) unfinished: usize,
    pub(super) restarts: Vec<Duration>,
    /// How often the audit log proved itself.
    pub(super) verified: usize,
    /// In the database at the end.
    pub(super) jobs: usize,
    pub(super) records: usize,
    pub(super) faults: Vec<String>,
    in_flight: BTreeMap<String, usize>,
    reconciled: BTreeMap<String, usize>,
    /// What was wished, and what was said to that.
    said: BTreeMap<String, usize>,
}

impl Tally {
    pub(super) fn in_flight(&mut self, kind: &str) {
        *self.in_flight.entry(kind.to_owned()).or_default() += 1;
    }

    pub(super) fn reconciled(&mut self, what: &str) {
        *self.reconciled.entry(what.to_owned()).or_default() += 1;
    }

    pub(super) fn fault(&mut self, err: &anyhow::Error) {
        let fault = format!("after kill {}: {err:#}", self.kills);
        super::say(&format!("FAULT {fault}"));
        self.faults.push(fault);
    }

    pub(super) fn said(&mut self, wish: &str, answer: &str) {
        let what = format!("{wish}: {answer}");
        *self.said.entry(what).or_default() += 1;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut restarts = self.restarts.clone();
        restarts.sort();
        let at = |share: usize| {
            let place = (restarts.len() * share / 100).min(restarts.len().saturating_sub(1));
            restarts.get(place).copied().unwrap_or_default()
        };
        let many = |it: &BTreeMap<String, usize>| it.values().sum::<usize>();
        writeln!(f, "kills with a job in flight {:6}", self.kills)?;
        writeln!(f, "kills without              {:6}", self.missed)?;
        writeln!(f, "kills while writing mdadm.conf {:2}", self.unfinished)?;
        writeln!(
            f,
            "restarts, until listening: median {:.2?}, 95 of 100 {:.2?}, longest {:.2?}",
            at(50),
            at(95),
            at(100)
        )?;
        writeln!(f, "jobs in the end            {:6}", self.jobs)?;
        writeln!(f, "audit records in the end   {:6}", self.records)?;
        writeln!(f, "audit log verified         {:6} times", self.verified)?;
        for (title, table) in [
            ("jobs in flight when killed", &self.in_flight),
            ("what became of them", &self.reconciled),
            ("what was wished", &self.said),
        ] {
            writeln!(f, "{title} ({})", many(table))?;
            for (what, count) in table {
                writeln!(f, "  {count:5}  {what}")?;
            }
        }
        writeln!(f, "faults ({})", self.faults.len())?;
        for fault in &self.faults {
            writeln!(f, "  {fault}")?;
        }
        Ok(())
    }
}
