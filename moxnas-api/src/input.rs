//! The JSON body of a request, refused with the name of each field that is wrong.
//!
//! poem-openapi's own `Json` stops at the first wrong field, and names it only if it is too long
//! or the like: of a field that is missing it says that a "string" was expected. So a body that
//! it refuses is compared with the schema that the document shows.

mod compare;

use poem::{FromRequest, Request, RequestBody};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    error::ContentTypeError,
    payload::{Json, Payload},
    registry::{MetaMediaType, MetaRequest, Registry},
    types::ParseFromJSON,
};
use serde_json::Value;

use crate::{
    problem::{Answer, Problem},
    shape::JSON,
};

/// A JSON body. Takes the place of poem-openapi's `Json` in the arguments of a handler.
#[derive(Clone, Copy, Debug)]
pub struct Input<T>(pub T);

impl<'a, T: ParseFromJSON> ApiExtractor<'a> for Input<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let media = MetaMediaType {
            content_type: JSON,
            schema: T::schema_ref(),
        };
        Some(MetaRequest {
            description: None,
            content: vec![media],
            required: T::IS_REQUIRED,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Input<T>> {
        match request.content_type() {
            Some(kind) if <Json<T> as Payload>::check_content_type(kind) => {}
            Some(kind) => {
                return Err(ContentTypeError::NotSupported {
                    content_type: kind.into(),
                }
                .into());
            }
            None => return Err(ContentTypeError::ExpectContentType.into()),
        }
        let bytes = <Vec<u8> as FromRequest>::from_request(request, body).await?;
        // Where every field can be left out, so can the body.
        let value = match bytes.as_slice() {
            [] => Value::Null,
            text => serde_json::from_slice(text).map_err(|error| Problem::not_json(&error))?,
        };
        Ok(Input(parse(value)?))
    }
}

/// What `value` says, or all that is wrong with it.
pub fn parse<T: ParseFromJSON>(value: Value) -> Answer<T> {
    let parsed = T::parse_from_json(Some(value.clone()));
    // Also when it was parsed: poem-openapi takes a number or a truth value for a text. What takes
    // no value at all has no fields.
    if parsed.is_err() || !value.is_null() {
        let wrong = wrong::<T>(&value);
        if !wrong.is_empty() {
            return Err(refuse(wrong));
        }
    }
    parsed.map_err(|it| Problem::of_payload(it.message()))
}

/// The fields that are not as the schema says.
fn wrong<T: ParseFromJSON>(value: &Value) -> Vec<(String, String)> {
    let mut registry = Registry::new();
    T::register(&mut registry);
    compare::compare(value, &T::schema_ref(), &registry)
}

fn refuse(wrong: Vec<(String, String)>) -> Problem {
    let detail = match wrong.as_slice() {
        [(name, reason)] if name.is_empty() => format!("the body: {reason}"),
        [(name, reason)] => format!("field `{name}`: {reason}"),
        _ => format!("{} fields are wrong", wrong.len()),
    };
    let problem = Problem::invalid(detail);
    wrong.into_iter().fold(problem, |problem, (name, reason)| {
        problem.field(name, reason)
    })
}
