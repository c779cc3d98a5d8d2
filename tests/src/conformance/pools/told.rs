//! Errors of a backend, in words that are the same on every machine.

use moxnas_core::chain::chain;
use moxnas_pool::backend::BackendError;

/// What went wrong, without what differs from program to program and from run to run: what a program
/// said, and the numbers of processes.
#[must_use]
pub fn told(err: &BackendError) -> String {
    match err {
        BackendError::Command(_)
        | BackendError::Injected(_)
        | BackendError::NotMounted { .. }
        | BackendError::Odd(_) => "a program fails".to_owned(),
        BackendError::Busy { at, by } => {
            let names = by.iter().map(|it| it.split(" (").next().unwrap_or(it));
            format!("{at} is in use by {}", names.collect::<Vec<_>>().join(", "))
        }
        BackendError::HasErrors(_) => "there are errors in it".to_owned(),
        BackendError::NotMoved { from, to, .. } => format!("{from} could not be moved to {to}"),
        other => chain(other),
    }
}
