//! What goes around each operation.

use std::sync::Arc;

use poem::{
    Endpoint, EndpointExt, Request, Response,
    endpoint::BoxEndpoint,
    http::{Method, header::IF_NONE_MATCH},
};
use poem_openapi::{OperationId, error::ParsePathError};

use super::plain_json;
use crate::{
    cached,
    problem::{Problem, settle},
};

/// What the document says of an operation and its endpoint does not know.
#[derive(Debug, Default)]
pub(super) struct Operation {
    id: Option<&'static str>,
    parameters: Vec<String>,
}

impl Operation {
    pub(super) fn new(id: Option<&'static str>, parameters: Vec<String>) -> Operation {
        Operation { id, parameters }
    }

    /// `endpoint` with its failures named after the operation, and 304 for what is known already.
    pub(super) fn around(self, endpoint: BoxEndpoint<'static>) -> BoxEndpoint<'static> {
        let operation = Arc::new(self);
        endpoint
            .around(move |endpoint, request| {
                let operation = Arc::clone(&operation);
                async move { operation.call(&endpoint, request).await }
            })
            .boxed()
    }

    async fn call(
        &self,
        endpoint: &BoxEndpoint<'static>,
        request: Request,
    ) -> poem::Result<Response> {
        let known = match *request.method() {
            Method::GET => request.headers().get(IF_NONE_MATCH).cloned(),
            _ => None,
        };
        let call = async {
            endpoint
                .call(request)
                .await
                .map_err(|error| self.named(error))
        };
        match settle(call).await {
            Ok(mut response) => {
                plain_json(&mut response);
                Ok(cached::unless_known(response, known.as_ref()))
            }
            Err(problem) => {
                let mut error = poem::Error::from(problem.operation(self.id));
                if let Some(id) = self.id {
                    error.set_data(OperationId(id));
                }
                Err(error)
            }
        }
    }

    /// poem-openapi calls the parameters of a path by their number.
    fn named(&self, error: poem::Error) -> poem::Error {
        let Some(refused) = error.downcast_ref::<ParsePathError>() else {
            return error;
        };
        let number = refused
            .name
            .strip_prefix("param")
            .and_then(|it| it.parse::<usize>().ok());
        match number.and_then(|number| self.parameters.get(number)) {
            Some(name) => Problem::of_parameter(name, &refused.reason).into(),
            None => error,
        }
    }
}
