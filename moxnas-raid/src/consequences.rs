//! Consequences, before anything is done: of a device that leaves, and of each step of a plan. Pure.
//!
//! What cannot be known is said with its reason. How long something takes is a range, with what it
//! was derived from.

mod estimate;
mod leaving;
mod outlook;
#[cfg(test)]
mod tests;
mod tower;

pub use estimate::{Basis, Estimate, Medium, Work};
pub use leaving::{
    ArrayWithout, Leaving, LostData, Note, Outcome, Repair, Unclear, Verdict, if_it_leaves,
};
pub(crate) use outlook::change_what_is_there;
pub use outlook::{ArrayStage, LostContent, Lowest, Stage, StepOutlook, lowest, outlook};
