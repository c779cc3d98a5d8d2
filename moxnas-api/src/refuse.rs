//! The application's errors as problems: the one `match` from kind to status.

use moxnas_app::{Error, Kind};
use moxnas_core::names::BadName;
use poem::http::{HeaderName, HeaderValue, StatusCode, header::RETRY_AFTER};
use poem_openapi::types::ToJSON;

use crate::{problem::Problem, wire};

/// Carries the fingerprint of the plan that the caller agrees with.
pub const CONFIRM: HeaderName = HeaderName::from_static("x-confirm-plan");

fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Stale => StatusCode::PRECONDITION_FAILED,
        Kind::NeedsConfirmation => StatusCode::PRECONDITION_REQUIRED,
        Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<BadName> for Problem {
    fn from(error: BadName) -> Problem {
        Problem::invalid(error.to_string()).field("name", error.why.to_string())
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        let kind = error.kind();
        if kind == Kind::Internal {
            tracing::error!("{}", moxnas_core::chain::chain(&error));
            return Problem::internal();
        }
        let mut problem = Problem::new(status(kind), error.code()).because(&error);
        if let Some(hint) = error.hint() {
            problem = problem.hint(hint);
        }
        if let Some(plan) = error.plan() {
            let plan = wire::plans::Plan::from(plan.clone());
            problem = problem.plan(plan.to_json().unwrap_or_default());
        }
        if let Some(wait) = error.retry_after() {
            problem = problem.header(RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        problem
    }
}
