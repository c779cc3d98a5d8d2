//! What happened to a simulated machine, and what is going to go wrong.

use serde::{Deserialize, Serialize};

/// Something that happened, for the layers above to act on as the kernel and udev would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A disk appeared under this kernel name.
    Plugged(String),
    /// The disk of this kernel name left.
    Pulled(String),
    /// The kernel's memory is gone. In good order or not.
    Down {
        /// Whether arrays were stopped properly first.
        clean: bool,
    },
    /// The machine runs again and has found its disks.
    Up,
}

/// Something that will go wrong. Used up when it strikes, unless it says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Fault {
    /// The next step whose text contains this fails.
    StepFails {
        /// Part of the step's text; empty fits every step.
        matching: String,
    },
    /// The next step whose text contains this hangs and is given up at its limit.
    StepHangs {
        /// Part of the step's text; empty fits every step.
        matching: String,
    },
    /// The next step whose text contains this reports success and does nothing.
    StepLies {
        /// Part of the step's text; empty fits every step.
        matching: String,
    },
    /// Power is cut before the next step whose text contains this, and comes back.
    PowerCut {
        /// Part of the step's text; empty fits every step.
        matching: String,
    },
}

impl Fault {
    /// Which steps it strikes.
    #[must_use]
    pub fn matching(&self) -> &str {
        match self {
            Fault::StepFails { matching }
            | Fault::StepHangs { matching }
            | Fault::StepLies { matching }
            | Fault::PowerCut { matching } => matching,
        }
    }
}
