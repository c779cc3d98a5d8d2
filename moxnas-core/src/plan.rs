//! Plans: what would be done, on what evidence, and carrying it out.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What makes a change wait for a confirmation. None of these is undone by a later step.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Danger {
    /// The data on a device is lost.
    DestroysData {
        /// The device, in its stable name.
        device: String,
        /// What is on it, as far as anybody can see.
        content: String,
    },
    /// Fewer members may fail afterwards than before.
    LowersRedundancy {
        /// The array.
        object: String,
        /// How many members may still fail before the step.
        before: u32,
        /// How many may still fail after it.
        after: u32,
    },
    /// Of what is damaged, that is lost which cannot be put right.
    GivesUpDamaged {
        /// What is damaged.
        object: String,
    },
    /// Something stops answering until somebody starts it again.
    Stops {
        /// What stops.
        object: String,
    },
}

impl fmt::Display for Danger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Danger::DestroysData { device, content } => {
                write!(f, "all data on {device} is lost ({content})")
            }
            Danger::LowersRedundancy {
                object,
                before,
                after,
            } => {
                write!(
                    f,
                    "{object} can lose {after} more members afterwards, {before} before"
                )
            }
            Danger::GivesUpDamaged { object } => {
                write!(
                    f,
                    "what is damaged in {object} and cannot be put right is lost"
                )
            }
            Danger::Stops { object } => write!(f, "{object} is not available until started again"),
        }
    }
}

/// Steps, and the facts they rest on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan<S> {
    /// What is done, in this order. Nothing is left to choose for whoever carries them out.
    pub steps: Vec<S>,
    /// What was seen of every device that a step touches: identity, signatures, holders, event
    /// counts. Part of the fingerprint, so that new data on a disk makes it another plan although
    /// the steps are the same.
    pub evidence: Vec<String>,
    /// What has to be confirmed before the plan may run.
    pub dangers: Vec<Danger>,
    /// What the caller should know, without having to confirm it.
    pub warnings: Vec<String>,
}

impl<S> Default for Plan<S> {
    fn default() -> Plan<S> {
        Plan {
            steps: Vec::new(),
            evidence: Vec::new(),
            dangers: Vec::new(),
            warnings: Vec::new(),
        }
    }
}

impl<S> Plan<S> {
    /// Whether the caller has to confirm the plan by its fingerprint.
    #[must_use]
    pub fn needs_confirmation(&self) -> bool {
        !self.dangers.is_empty()
    }

    /// This plan, and another one after it.
    #[must_use]
    pub fn then(mut self, next: Plan<S>) -> Plan<S> {
        let Plan {
            steps,
            evidence,
            dangers,
            warnings,
        } = next;
        self.steps.extend(steps);
        self.evidence.extend(evidence);
        self.dangers.extend(dangers);
        self.warnings.extend(warnings);
        self
    }

    /// The same plan over another type of step.
    pub fn map<T>(self, step: impl FnMut(S) -> T) -> Plan<T> {
        let Plan {
            steps,
            evidence,
            dangers,
            warnings,
        } = self;
        Plan {
            steps: steps.into_iter().map(step).collect(),
            evidence,
            dangers,
            warnings,
        }
    }
}

impl<S: Serialize> Plan<S> {
    /// A hash of the steps, the evidence and the dangers.
    ///
    /// The same facts and the same wish give the same fingerprint, on any machine.
    pub fn fingerprint(&self) -> Fingerprint {
        let text = serde_json::to_vec(&(&self.steps, &self.evidence, &self.dangers))
            .expect("steps have no maps with keys that are not text");
        let hash = Sha256::digest(text);
        Fingerprint(hash.iter().take(16).map(|it| format!("{it:02x}")).collect())
    }
}

/// Names one plan. 32 hexadecimal digits, of SHA-256.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A text is not a fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint of a plan has 32 hexadecimal digits")]
pub struct BadFingerprint;

impl FromStr for Fingerprint {
    type Err = BadFingerprint;
    fn from_str(text: &str) -> Result<Fingerprint, BadFingerprint> {
        let hexadecimal = text
            .bytes()
            .all(|it| it.is_ascii_digit() || (b'a'..=b'f').contains(&it));
        if text.len() == 32 && hexadecimal {
            Ok(Fingerprint(text.to_owned()))
        } else {
            Err(BadFingerprint)
        }
    }
}

/// Stopped part way: the first `done` steps took effect, the rest were not started.
#[derive(Debug)]
pub struct Stopped<S, E> {
    /// How many steps took effect.
    pub done: usize,
    /// How many there were.
    pub of: usize,
    /// The step that failed.
    pub step: S,
    /// Why.
    pub cause: E,
}

impl<S: fmt::Display, E> fmt::Display for Stopped<S, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "stopped after {} of {} steps, at: {}",
            self.done, self.of, self.step
        )
    }
}

impl<S, E> std::error::Error for Stopped<S, E>
where
    S: fmt::Debug + fmt::Display,
    E: std::error::Error + 'static,
{
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

/// Carry out steps in order, and say exactly how far it got.
///
/// There is no rollback: after a stop, observe and plan again.
pub fn execute<S: Clone, E>(
    steps: &[S],
    mut apply: impl FnMut(&S) -> Result<(), E>,
) -> Result<(), Box<Stopped<S, E>>> {
    for (done, step) in steps.iter().enumerate() {
        apply(step).map_err(|cause| {
            Box::new(Stopped {
                done,
                of: steps.len(),
                step: step.clone(),
                cause,
            })
        })?;
    }
    Ok(())
}

/// For tests: let `at` steps through, then fail for good.
pub fn fail_at<S, E>(
    at: usize,
    fault: impl Fn() -> E,
    mut apply: impl FnMut(&S) -> Result<(), E>,
) -> impl FnMut(&S) -> Result<(), E> {
    let mut left = at;
    move |step| {
        if left == 0 {
            return Err(fault());
        }
        left -= 1;
        apply(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_covers_steps_and_evidence() {
        let plan = |step: &str, evidence: &str| Plan {
            steps: vec![step.to_owned()],
            evidence: vec![evidence.to_owned()],
            ..Plan::default()
        };
        let seen = plan("wipe a", "a is empty").fingerprint();
        assert_eq!(seen, plan("wipe a", "a is empty").fingerprint());
        assert_ne!(seen, plan("wipe a", "a has ext4").fingerprint());
        assert_ne!(seen, plan("wipe b", "a is empty").fingerprint());
        assert_eq!(seen.to_string().parse(), Ok(seen));
        assert_eq!("x".repeat(32).parse::<Fingerprint>(), Err(BadFingerprint));
    }

    #[test]
    fn a_stop_says_how_far_it_got() {
        #[derive(Debug, thiserror::Error)]
        #[error("no power")]
        struct NoPower;
        let mut done = Vec::new();
        let stopped = execute(
            &["a", "b", "c"],
            fail_at(
                1,
                || NoPower,
                |it: &&str| {
                    done.push(*it);
                    Ok(())
                },
            ),
        )
        .unwrap_err();
        assert_eq!(
            crate::chain::chain(&stopped),
            "stopped after 1 of 3 steps, at: b: no power"
        );
        assert_eq!(done, ["a"]);
    }
}
