//! Failures, in words that are the same on every machine.

use moxnas_shares::{accounts, backend::BackendError, services, sessions, transaction::NotServed};

/// Why a daemon did not get its files, and what became of them.
#[must_use]
pub fn of_files(err: &NotServed) -> String {
    let why = match &err.cause {
        BackendError::Command(_) | BackendError::File(_) | BackendError::Injected(_) => {
            "what was to be done failed".to_owned()
        }
        BackendError::Refused { service, .. } => format!("{} does not take it", service.daemon()),
        BackendError::NotRunning { service, .. } => format!("{} does not run", service.daemon()),
        other => other.to_string(),
    };
    let left = match err.not_put_back.is_empty() {
        true => err.to_string(),
        false => "the files could not all be put back".to_owned(),
    };
    format!("{why}; {left}")
}

/// Why a step for a user was not done.
#[must_use]
pub fn of_accounts(err: &accounts::BackendError) -> String {
    use accounts::BackendError;
    match err {
        BackendError::Command(_) | BackendError::Injected(_) => "it failed".to_owned(),
        BackendError::HalfChanged { user, .. } => format!("{user} has two passwords"),
        other => other.to_string(),
    }
}

/// Why a step for a unit was not done.
#[must_use]
pub fn of_services(err: &services::BackendError) -> String {
    err.code().to_owned()
}

/// Why a session was not ended.
#[must_use]
pub fn of_sessions(err: &sessions::backend::BackendError) -> String {
    err.code().to_owned()
}
