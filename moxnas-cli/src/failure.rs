//! How a command fails, and with which exit code.

use std::process::ExitCode;

use moxnas_api::problem::Details;

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The interface said no.
    #[error("{}", .0.detail.as_deref().unwrap_or(&.0.title))]
    Problem(Box<Details>),
    /// The command itself is at fault, or the person said no.
    #[error("{message}")]
    Refused {
        /// What is wrong.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// Something on the way does not work.
    #[error("{0}")]
    Broken(String),
    /// All was said already.
    #[error("")]
    Silent,
}

impl Failure {
    /// A refusal without a remedy.
    pub(crate) fn refused(message: impl Into<String>) -> Failure {
        Failure::Refused {
            message: message.into(),
            hint: None,
        }
    }

    /// A refusal with a remedy.
    pub(crate) fn with_hint(message: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure::Refused {
            message: message.into(),
            hint: Some(hint.into()),
        }
    }

    /// 1: refused or invalid; 2: broken.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Failure::Problem(problem) if problem.status >= 500 => ExitCode::from(2),
            Failure::Problem(_) | Failure::Refused { .. } | Failure::Silent => ExitCode::from(1),
            Failure::Broken(_) => ExitCode::from(2),
        }
    }
}
