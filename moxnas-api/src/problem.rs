//! Every failure, the framework's own included, as RFC 9457 `application/problem+json`.
//!
//! A handler answers `Result<_, Problem>` ([`Answer`]). `?` then takes whatever has a `From` into
//! [`Problem`]: the application's errors by one `match` on their kind, poem's errors by the one
//! here. `poem::Result` would not do: an error of another crate cannot be taught to become a
//! [`poem::Error`].
//!
//! A problem is made anywhere and written in one place, [`catch`], which knows the request. The
//! document names the schema `Problem`, see [`crate::shape`].
//!
//! <https://www.rfc-editor.org/rfc/rfc9457>

mod foreign;

use std::{error::Error, fmt};

use poem::{
    Response,
    error::ResponseError,
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{CONTENT_TYPE, WWW_AUTHENTICATE},
    },
};
use poem_openapi::{
    ApiResponse, Object, OperationId,
    registry::{MetaResponses, Registry},
    types::ToJSON,
};
use serde_json::Value;

pub use foreign::settle;

/// The media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// What a handler answers.
pub type Answer<T> = Result<T, Problem>;

/// A failure on its way to the client. Small, so that results with it stay small.
#[derive(Clone, Debug)]
pub struct Problem(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    details: Details,
    headers: HeaderMap,
    /// For the log.
    operation: Option<OperationId>,
}

/// Why a request failed (RFC 9457).
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(rename = "Problem", skip_serializing_if_is_none)]
pub struct Details {
    /// Always `about:blank`: tell problems apart by `code`.
    #[oai(rename = "type")]
    pub kind: String,
    /// The name of the status.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong, for programs: a stable word such as `array_in_use`.
    pub code: String,
    /// What is wrong, for people.
    pub detail: Option<String>,
    /// The operation that failed, where it came to one.
    pub operation: Option<String>,
    /// What led to it, outermost first.
    pub causes: Vec<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Finds this request in the log.
    pub request_id: Option<String>,
    /// The fields and parameters that are wrong.
    pub errors: Vec<FieldError>,
    /// The plan to look at and to confirm (codes `confirmation_required`, `plan_changed`).
    pub plan: Option<Value>,
}

/// A field or parameter that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Object)]
pub struct FieldError {
    /// Its name.
    pub name: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Problem {
    /// A problem of this status and stable code.
    #[must_use]
    pub fn new(status: StatusCode, code: &str) -> Problem {
        let details = Details {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            code: code.to_owned(),
            detail: None,
            operation: None,
            causes: Vec::new(),
            hint: None,
            request_id: None,
            errors: Vec::new(),
            plan: None,
        };
        Problem(Box::new(Parts {
            details,
            headers: HeaderMap::new(),
            operation: None,
        }))
    }

    /// 400: understood as HTTP, but not as a request.
    #[must_use]
    pub fn invalid(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "invalid_request").detail(detail)
    }

    /// 401: nobody, or no longer somebody.
    #[must_use]
    pub fn unauthenticated() -> Problem {
        Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated").detail("a login is required")
    }

    /// 404.
    #[must_use]
    pub fn not_found(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "not_found").detail(detail)
    }

    /// 405. `allow` lists the methods that there are: `GET, HEAD, OPTIONS`.
    #[must_use]
    pub fn method_not_allowed(allow: &HeaderValue) -> Problem {
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed")
            .detail("there is nothing under this path with this method")
            .header(poem::http::header::ALLOW, allow.clone())
    }

    /// 500: our bug. Says nothing, as what it would say is not for everybody; the log has it.
    #[must_use]
    pub fn internal() -> Problem {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal")
            .detail("the service failed to answer this; its log says more, under the request id")
    }

    /// Say what is wrong, for people.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Problem {
        self.0.details.detail = Some(detail.into());
        self
    }

    /// Take the detail from an error and the causes from its sources, outermost first.
    #[must_use]
    pub fn because(mut self, error: &dyn Error) -> Problem {
        self.0.details.detail = Some(error.to_string());
        let sources = std::iter::successors(error.source(), |error: &&dyn Error| (*error).source());
        self.0.details.causes = sources.map(ToString::to_string).collect();
        self
    }

    /// Say what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Problem {
        self.0.details.hint = Some(hint.into());
        self
    }

    /// Name a field or parameter that is wrong.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, reason: impl Into<String>) -> Problem {
        self.0.details.errors.push(FieldError {
            name: name.into(),
            reason: reason.into(),
        });
        self
    }

    /// Show the plan that was refused or not confirmed.
    #[must_use]
    pub fn plan(mut self, plan: Value) -> Problem {
        self.0.details.plan = Some(plan);
        self
    }

    /// Set a header of the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Problem {
        self.0.headers.insert(name, value);
        self
    }

    /// Name the operation, unless that has been done nearer to it.
    #[must_use]
    pub fn operation(mut self, operation: Option<&str>) -> Problem {
        let known = &mut self.0.details.operation;
        if known.is_none() {
            *known = operation.map(ToOwned::to_owned);
        }
        self
    }

    /// Remember the operation for the log, as whoever routed the request to it has said.
    fn logged_as(mut self, operation: Option<OperationId>) -> Problem {
        self.0.operation = operation.or(self.0.operation);
        self
    }

    /// What the client will see, save for the request id.
    #[must_use]
    pub fn details(&self) -> &Details {
        &self.0.details
    }

    fn answer(self, request_id: Option<&str>) -> Response {
        let Parts {
            mut details,
            headers,
            operation,
        } = *self.0;
        details.request_id = request_id.map(ToOwned::to_owned);
        let status = StatusCode::from_u16(details.status).unwrap_or_default();
        let mut response = Response::builder()
            .status(status)
            .body(details.to_json_string());
        response.headers_mut().extend(headers);
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if status == StatusCode::UNAUTHORIZED {
            // RFC 9110 11.6.1: a 401 must name at least one scheme.
            let challenge = HeaderValue::from_static(r#"Bearer realm="moxnas""#);
            response
                .headers_mut()
                .entry(WWW_AUTHENTICATE)
                .or_insert(challenge);
        }
        if let Some(operation) = operation {
            response.set_data(operation);
        }
        response
    }
}

/// Write a failure as the answer to the request of this id.
#[must_use]
pub fn catch(error: poem::Error, request_id: Option<&str>) -> Response {
    Problem::from(error).answer(request_id)
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            self.0
                .details
                .detail
                .as_ref()
                .unwrap_or(&self.0.details.code),
        )
    }
}

impl Error for Problem {}

impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.details.status).unwrap_or_default()
    }

    fn as_response(&self) -> Response {
        self.clone().answer(None)
    }
}

/// For `Result<_, Problem>` as a handler's answer. Documents nothing: each operation can fail with
/// each problem, which [`crate::shape::Shaped`] says once for all.
impl ApiResponse for Problem {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: Vec::new(),
        }
    }

    fn register(_: &mut Registry) {}
}
