//! Failures that are not ours become problems: poem's errors, bare error answers, panics.

use std::{any::Any, fmt::Display, panic::AssertUnwindSafe};

use futures_util::FutureExt;
use poem::{
    IntoResponse, Response,
    error::{MethodNotAllowedError, NotFoundError, ReadBodyError},
    http::{StatusCode, header::CONTENT_TYPE},
};
use poem_openapi::{
    OperationId,
    error::{
        AuthorizationError, ContentTypeError, ParseMultipartError, ParseParamError, ParsePathError,
        ParseRequestPayloadError,
    },
};

use super::{PROBLEM_JSON, Problem};

/// The answer of `call`, with any kind of failure as a [`Problem`]: an error, an answer that is
/// one by its status, a panic.
///
/// # Errors
/// All of these.
pub async fn settle<R: IntoResponse>(
    call: impl Future<Output = poem::Result<R>>,
) -> Result<Response, Problem> {
    let response = match AssertUnwindSafe(call).catch_unwind().await {
        Ok(Ok(response)) => response.into_response(),
        Ok(Err(error)) => return Err(Problem::from(error)),
        Err(panic) => {
            tracing::error!(
                panic = panic_text(&*panic),
                "panic while answering a request"
            );
            return Err(Problem::internal());
        }
    };
    if is_bare_failure(&response) {
        Err(of_response(response))
    } else {
        Ok(response)
    }
}

impl Problem {
    /// 400: the body is not JSON.
    pub(crate) fn not_json(reason: &impl Display) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "invalid_json").detail(reason.to_string())
    }

    /// The body was read and is not what the operation takes; `reason` as poem-openapi words it.
    pub(crate) fn of_payload(reason: &str) -> Problem {
        // serde_json ends its messages with the position; poem-openapi begins its own like this.
        let is_own = ["failed to parse \"", "Expected input", "Type \""];
        let is_own = is_own.iter().any(|beginning| reason.starts_with(beginning));
        if !is_own && reason.contains(" at line ") {
            return Problem::not_json(&reason);
        }
        let problem = Problem::invalid(without_type(reason));
        match field_of(reason) {
            Some((name, reason)) => problem.field(name, reason),
            None => problem,
        }
    }

    /// A parameter could not be read; `reason` as poem-openapi words it.
    pub(crate) fn of_parameter(name: &str, reason: &str) -> Problem {
        let reason = without_type(reason);
        Problem::invalid(format!("parameter `{name}`: {reason}")).field(name, reason)
    }
}

impl From<poem::Error> for Problem {
    fn from(error: poem::Error) -> Problem {
        if error.is_from_response() {
            return of_response(error.into_response());
        }
        let operation = error.data::<OperationId>().copied();
        let problem = match error.downcast::<Problem>() {
            Ok(problem) => problem,
            Err(error) => of_error(&error),
        };
        problem.logged_as(operation)
    }
}

fn of_error(error: &poem::Error) -> Problem {
    if let Some(it) = error.downcast_ref::<ParseRequestPayloadError>() {
        Problem::of_payload(&it.reason)
    } else if let Some(it) = error.downcast_ref::<ParseParamError>() {
        Problem::of_parameter(it.name, &it.reason)
    } else if let Some(it) = error.downcast_ref::<ParsePathError>() {
        Problem::of_parameter(it.name, &it.reason)
    } else if let Some(it) = error.downcast_ref::<ParseMultipartError>() {
        Problem::invalid(&it.reason)
    } else if let Some(it) = error.downcast_ref::<ContentTypeError>() {
        let hint = "send JSON with the header Content-Type: application/json";
        of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
            .detail(it.to_string())
            .hint(hint)
    } else if error.is::<AuthorizationError>() {
        Problem::unauthenticated()
    } else if error.is::<NotFoundError>() {
        Problem::not_found("there is nothing under this path")
    } else if let Some(it) = error.downcast_ref::<ReadBodyError>() {
        of_body(it)
    } else if error.is::<MethodNotAllowedError>() {
        of_status(StatusCode::METHOD_NOT_ALLOWED)
            .detail("there is nothing under this path with this method")
    } else {
        match error.status() {
            status if status.is_server_error() => {
                tracing::error!(error = chain(error), "failed to answer a request");
                of_status(status)
            }
            status => of_status(status).because(error),
        }
    }
}

/// The body could not be read to its end.
fn of_body(error: &ReadBodyError) -> Problem {
    match error {
        ReadBodyError::PayloadTooLarge => of_status(StatusCode::PAYLOAD_TOO_LARGE),
        ReadBodyError::BodyHasBeenTaken => Problem::internal(),
        ReadBodyError::Utf8(_) => Problem::invalid("the body is not UTF-8"),
        ReadBodyError::Io(_) => Problem::invalid("the body ended before its time"),
    }
}

/// An answer that is a failure by its status, and has another shape than ours.
fn is_bare_failure(response: &Response) -> bool {
    let status = response.status();
    let kind = response.headers().get(CONTENT_TYPE);
    (status.is_client_error() || status.is_server_error())
        && kind.is_none_or(|kind| kind != PROBLEM_JSON)
}

/// Keeps the headers, drops the text: who wrote it did not write it for this interface.
fn of_response(response: Response) -> Problem {
    let mut problem = of_status(response.status());
    for (name, value) in response.headers() {
        let is_of_body = name.as_str().starts_with("content-");
        if !is_of_body {
            problem = problem.header(name.clone(), value.clone());
        }
    }
    problem
}

/// The code of a failure of which only the status is known.
fn of_status(status: StatusCode) -> Problem {
    let code = match status {
        StatusCode::UNAUTHORIZED => return Problem::unauthenticated(),
        StatusCode::FORBIDDEN => "forbidden",
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
        StatusCode::REQUEST_TIMEOUT => "request_timeout",
        StatusCode::CONFLICT => "conflict",
        StatusCode::PRECONDITION_FAILED => "changed_since_read",
        StatusCode::PAYLOAD_TOO_LARGE => "payload_too_large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported_media_type",
        StatusCode::TOO_MANY_REQUESTS => "too_many_requests",
        StatusCode::SERVICE_UNAVAILABLE => "unavailable",
        status if status.is_client_error() => "invalid_request",
        _ => return Problem::internal(),
    };
    Problem::new(status, code)
}

/// Which field, and what is wrong with it, out of poem-openapi's sentence:
/// ``failed to parse "CreatePool": field `name` verification failed. pattern("…")``, or
/// `` unknown field `x`. ``.
fn field_of(reason: &str) -> Option<(&str, &str)> {
    let (before, after) = reason.split_once("field `")?;
    let (name, after) = after.split_once('`')?;
    let said = after
        .trim_start_matches([' ', ':', '.'])
        .trim_start_matches("verification failed. ");
    let reason = if before.ends_with("unknown ") {
        "there is no such field"
    } else {
        said
    };
    Some((name, reason))
}

/// ``failed to parse "integer(uint16)": invalid digit … (occurred while parsing "…")`` without the
/// names of types, which are of no use to who wrote the value.
fn without_type(reason: &str) -> &str {
    let said = reason.strip_prefix("failed to parse \"");
    let said = said
        .and_then(|said| said.split_once("\": "))
        .map_or(reason, |(_, said)| said);
    said.split_once(" (occurred while parsing ")
        .map_or(said, |(said, _)| said)
}

fn chain(error: &poem::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error).and_then(|it| it.source());
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
