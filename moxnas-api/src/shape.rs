//! Puts poem-openapi's document and routes into the shape of this interface.
//!
//! poem-openapi leaves the following undone, and all of it can be done from outside, by an
//! [`OpenApi`](trait@OpenApi) around another:
//!
//! * The media type of JSON is documented as `application/json; charset=utf-8`, which generators
//!   of client code do not recognise.
//! * Failures are not documented. Each operation can fail with a [`Problem`], so the ranges `4XX`
//!   and `5XX` say it once. The second media type is for generators that know only JSON.
//! * Two `impl` blocks with one path become the same key twice in the document.
//! * A wrong method is a 405 without `Allow`.
//! * What the registry cannot hold of a request is put into the text, by [`document::complete`].
//! * Path parameters are called `param0`, `param1` in error messages.
//!
//! The registry's types are hidden from poem-openapi's documentation; its version is pinned.

pub mod document;
mod operation;

use std::collections::HashMap;

use poem::{
    EndpointExt,
    endpoint::{BoxEndpoint, make_sync},
    http::{
        HeaderValue, Method, StatusCode,
        header::{ALLOW, CONTENT_TYPE},
    },
};
use poem_openapi::{
    OpenApi,
    registry::{
        MetaApi, MetaMediaType, MetaOperation, MetaOperationParam, MetaParamIn, MetaPath,
        MetaResponse, Registry,
    },
    types::Type,
};

use crate::problem::{Details, PROBLEM_JSON, Problem};
use operation::Operation;

/// The media type of every answer that is not a problem, as it is written on the wire too.
pub const JSON: &str = "application/json";
const JSON_OF_POEM: &str = "application/json; charset=utf-8";

/// The methods that are answered with 405 where a path does not have them. `HEAD` is answered by
/// `GET`, `OPTIONS` with the list of methods.
const METHODS: [Method; 7] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::CONNECT,
    Method::TRACE,
];

/// An interface in the shape described above. Goes around all of it once, around a tuple:
/// `Shaped((Disks, Arrays, Auth))`.
#[derive(Clone, Copy, Debug)]
pub struct Shaped<T>(pub T);

impl<T: OpenApi> OpenApi for Shaped<T> {
    fn meta() -> Vec<MetaApi> {
        let mut paths: Vec<MetaPath> = Vec::new();
        for mut path in T::meta().into_iter().flat_map(|api| api.paths) {
            path.operations.iter_mut().for_each(shape);
            match paths.iter_mut().find(|seen| seen.path == path.path) {
                Some(seen) => seen.operations.append(&mut path.operations),
                None => paths.push(path),
            }
        }
        vec![MetaApi { paths }]
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
        Details::register(registry);
    }

    fn add_routes(self, table: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {
        let mut operations = operations::<T>();
        let mut routes = HashMap::new();
        self.0.add_routes(&mut routes);
        for (path, methods) in routes {
            let allow = allow(methods.keys());
            let row = table.entry(path.clone()).or_default();
            for (method, endpoint) in methods {
                let operation = operations
                    .remove(&(path.clone(), method.clone()))
                    .unwrap_or_default();
                row.insert(method, operation.around(endpoint));
            }
            fill(row, &allow);
        }
    }
}

/// A route outside the document, such as a page, that has only `GET`, with the same answers to
/// other methods.
pub fn get_only(endpoint: impl poem::IntoEndpoint<Endpoint: 'static>) -> poem::RouteMethod {
    let mut row = HashMap::new();
    row.insert(
        Method::GET,
        endpoint.into_endpoint().map_to_response().boxed(),
    );
    fill(&mut row, &allow([Method::GET].iter()));
    row.into_iter()
        .fold(poem::RouteMethod::new(), |row, (method, it)| {
            row.method(method, it)
        })
}

fn shape(operation: &mut MetaOperation) {
    let answers = &mut operation.responses.responses;
    // What an extractor's `ApiResponse` adds as bare statuses; the ranges below say more.
    answers.retain(|it| {
        let is_failure = it
            .status
            .is_some_and(|status| status >= 300 && status != 304);
        !(is_failure && it.content.is_empty())
    });
    for answer in answers.iter_mut().filter(|it| it.description.is_empty()) {
        let status = answer
            .status
            .and_then(|status| StatusCode::from_u16(status).ok());
        answer.description = status
            .and_then(|it| it.canonical_reason())
            .unwrap_or("An answer");
    }
    let asked = operation.request.iter_mut().flat_map(|it| &mut it.content);
    let answered = answers.iter_mut().flat_map(|it| &mut it.content);
    for media in asked
        .chain(answered)
        .filter(|it| it.content_type == JSON_OF_POEM)
    {
        media.content_type = JSON;
    }
    if answers.iter().any(|it| it.status == Some(304)) {
        operation.params.push(if_none_match());
    }
    answers.push(failure("4XX", "Refused, or not understood"));
    answers.push(failure("5XX", "The service or the machine failed"));
}

fn failure(range: &str, description: &'static str) -> MetaResponse {
    let media = |content_type| MetaMediaType {
        content_type,
        schema: <Details as Type>::schema_ref(),
    };
    MetaResponse {
        description,
        status: None,
        status_range: Some(range.to_owned()),
        content: vec![media(PROBLEM_JSON), media(JSON)],
        headers: Vec::new(),
    }
}

/// Answered for all operations that tag their answer, see [`crate::cached`].
fn if_none_match() -> MetaOperationParam {
    MetaOperationParam {
        name: "If-None-Match".to_owned(),
        schema: String::schema_ref(),
        in_type: MetaParamIn::Header,
        description: Some("The `ETag` of the answer that is known already".to_owned()),
        required: false,
        deprecated: false,
        explode: true,
        style: None,
    }
}

/// The operations by path and method, the path as the router has it.
fn operations<T: OpenApi>() -> HashMap<(String, Method), Operation> {
    let paths = T::meta().into_iter().flat_map(|api| api.paths);
    paths
        .flat_map(|MetaPath { path, operations }| {
            let (route, parameters) = route(&path);
            operations.into_iter().map(move |it| {
                let operation = Operation::new(it.operation_id, parameters.clone());
                ((route.clone(), it.method), operation)
            })
        })
        .collect()
}

/// `/arrays/{name}/members/{disk}` is routed as `/arrays/:param0/members/:param1`.
fn route(documented: &str) -> (String, Vec<String>) {
    let mut parameters = Vec::new();
    let parts = documented.split('/').map(|part| {
        match part
            .strip_prefix('{')
            .and_then(|part| part.strip_suffix('}'))
        {
            Some(name) => {
                parameters.push(name.to_owned());
                format!(":param{}", parameters.len() - 1)
            }
            None => part.to_owned(),
        }
    });
    let route = parts.collect::<Vec<_>>().join("/");
    (route, parameters)
}

/// The value of `Allow` where these methods are routed.
fn allow<'a>(methods: impl Iterator<Item = &'a Method>) -> HeaderValue {
    let mut names: Vec<&str> = methods.map(Method::as_str).collect();
    names.push("OPTIONS");
    if names.contains(&"GET") {
        names.push("HEAD");
    }
    names.sort_unstable();
    names.dedup();
    HeaderValue::from_str(&names.join(", ")).expect("method names are visible ASCII")
}

/// Answer the methods that `row` does not have.
fn fill(row: &mut HashMap<Method, BoxEndpoint<'static>>, allow: &HeaderValue) {
    for method in METHODS {
        let allow = allow.clone();
        let refuse = move |_| poem::Result::<()>::Err(Problem::method_not_allowed(&allow).into());
        row.entry(method)
            .or_insert_with(|| make_sync(refuse).map_to_response().boxed());
    }
    let allow = allow.clone();
    row.entry(Method::OPTIONS).or_insert_with(|| {
        let list = move |_| {
            poem::Response::builder()
                .status(StatusCode::NO_CONTENT)
                .header(ALLOW, &allow)
                .finish()
        };
        make_sync(list).map_to_response().boxed()
    });
}

/// Make what is written what is documented.
fn plain_json(response: &mut poem::Response) {
    let kind = response.headers_mut().get_mut(CONTENT_TYPE);
    if let Some(kind) = kind.filter(|kind| **kind == JSON_OF_POEM) {
        *kind = HeaderValue::from_static(JSON);
    }
}
