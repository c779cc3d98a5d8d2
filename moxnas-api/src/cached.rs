//! Answers that are JSON already, and answers the client may know already.
//!
//! A handler that answers [`Cached`] tags its answer; comparing the tag with `If-None-Match` and
//! answering 304, and documenting that header, is done for all of them around the handler
//! ([`crate::shape`]).

use std::{fmt, marker::PhantomData};

use bytes::Bytes;
use poem::{
    Body, IntoResponse, Response,
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG},
    },
};
use poem_openapi::{
    ApiResponse,
    payload::Payload,
    registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry},
    types::{ToJSON, Type},
};
use sha2::{Digest, Sha256};

use crate::{problem::Problem, shape::JSON};

/// JSON text, documented as a `T`. That it is the text of a `T` is for its maker to see to.
pub struct JsonBytes<T>(Bytes, PhantomData<fn() -> T>);

impl<T> JsonBytes<T> {
    /// Text that was made before.
    #[must_use]
    pub fn new(text: Bytes) -> JsonBytes<T> {
        JsonBytes(text, PhantomData)
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &Bytes {
        &self.0
    }
}

impl<T: ToJSON> JsonBytes<T> {
    /// The text of `value`.
    #[must_use]
    pub fn of(value: &T) -> JsonBytes<T> {
        JsonBytes::new(value.to_json_string().into())
    }
}

impl<T> Clone for JsonBytes<T> {
    fn clone(&self) -> JsonBytes<T> {
        JsonBytes::new(self.0.clone())
    }
}

impl<T> fmt::Debug for JsonBytes<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JsonBytes").field(&self.0).finish()
    }
}

impl<T: Type> Payload for JsonBytes<T> {
    const CONTENT_TYPE: &'static str = JSON;

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T> IntoResponse for JsonBytes<T>
where
    T: Send,
{
    fn into_response(self) -> Response {
        Response::builder().header(CONTENT_TYPE, JSON).body(self.0)
    }
}

impl<T: Type> ApiResponse for JsonBytes<T> {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![ok::<T>(Vec::new())],
        }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// The state of a thing, as an entity tag (RFC 9110 8.8.3). Made over what a change is refused for
/// when it lost a race: the configuration, not the progress or the temperature. It is written as
/// a strong tag all the same, as `If-Match` never matches a weak one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ETag(HeaderValue);

impl ETag {
    /// The tag of these bytes: half of their SHA-256.
    #[must_use]
    pub fn of(bytes: &[u8]) -> ETag {
        let digest = Sha256::digest(bytes);
        let hex: String = digest[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        ETag(HeaderValue::from_str(&format!("\"{hex}\"")).expect("hex digits are visible ASCII"))
    }

    /// A tag that was made elsewhere, with its quotes.
    ///
    /// # Panics
    /// If it is not visible ASCII: such a tag would be a mistake of its maker.
    #[must_use]
    pub fn quoted(tag: &str) -> ETag {
        ETag(HeaderValue::from_str(tag).expect("tags are visible ASCII"))
    }

    /// As in the header, with its quotes.
    #[must_use]
    pub fn header(&self) -> &HeaderValue {
        &self.0
    }

    /// Refuse a change of something that is not as the client last saw it. Without `If-Match` the
    /// client does not ask for that.
    ///
    /// # Errors
    /// 412 `changed_since_read`.
    pub fn check(&self, if_match: Option<&str>) -> Result<(), Problem> {
        match if_match {
            Some(seen) if !is_listed(&self.0, seen) => Err(Problem::new(
                StatusCode::PRECONDITION_FAILED,
                "changed_since_read",
            )
            .detail("it was changed since it was read")
            .hint("read it again, look whether the change is still wanted, and repeat it")),
            _ => Ok(()),
        }
    }
}

/// An answer with its tag.
#[derive(Clone, Debug)]
pub struct Cached<T> {
    json: JsonBytes<T>,
    tag: ETag,
}

impl<T> Cached<T> {
    /// An answer with the tag of what it describes.
    #[must_use]
    pub fn new(json: JsonBytes<T>, tag: ETag) -> Cached<T> {
        Cached { json, tag }
    }

    /// An answer that is its own tag: good where it holds no time, progress or reading.
    #[must_use]
    pub fn whole(json: JsonBytes<T>) -> Cached<T> {
        let tag = ETag::of(json.text());
        Cached { json, tag }
    }
}

impl<T: Send> IntoResponse for Cached<T> {
    fn into_response(self) -> Response {
        let mut response = self.json.into_response();
        let headers = response.headers_mut();
        headers.insert(ETAG, self.tag.0);
        // Keep it, and ask each time whether it is still so.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        response
    }
}

impl<T: Type> ApiResponse for Cached<T> {
    fn meta() -> MetaResponses {
        let unchanged = MetaResponse {
            description: "As the client knows it",
            status: Some(304),
            status_range: None,
            content: Vec::new(),
            headers: vec![etag()],
        };
        MetaResponses {
            responses: vec![ok::<T>(vec![etag()]), unchanged],
        }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// `response`, or 304 if the client has it: `if_none_match` lists its tag.
pub(crate) fn unless_known(response: Response, if_none_match: Option<&HeaderValue>) -> Response {
    let known = if_none_match.and_then(|list| list.to_str().ok());
    let is_known = match (known, response.headers().get(ETAG)) {
        (Some(known), Some(tag)) if response.status() == StatusCode::OK => is_listed(tag, known),
        _ => false,
    };
    if !is_known {
        return response;
    }
    let (mut parts, _) = response.into_parts();
    parts.status = StatusCode::NOT_MODIFIED;
    parts.headers.remove(CONTENT_TYPE);
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::empty())
}

/// A proxy may have made a strong tag weak by compressing what it tags.
fn is_listed(tag: &HeaderValue, list: &str) -> bool {
    let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let tag = tag.to_str().unwrap_or_default();
    list.trim() == "*" || list.split(',').any(|listed| strong(listed) == strong(tag))
}

fn ok<T: Type>(headers: Vec<MetaHeader>) -> MetaResponse {
    MetaResponse {
        description: "",
        status: Some(200),
        status_range: None,
        content: vec![MetaMediaType {
            content_type: JSON,
            schema: T::schema_ref(),
        }],
        headers,
    }
}

fn etag() -> MetaHeader {
    MetaHeader {
        name: "ETag".to_owned(),
        description: Some("For `If-None-Match` and `If-Match`".to_owned()),
        required: true,
        deprecated: false,
        schema: String::schema_ref(),
    }
}
