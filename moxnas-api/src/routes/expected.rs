//! What arrays should be there.

use moxnas_app::ops::expected::ExpectedList;
use poem::web::Data;
use poem_openapi::{OpenApi, param::Query, payload::Json};

use super::{Tag, look};
use crate::{
    Shared,
    caller::Caller,
    input::Input,
    problem::{Answer, Problem},
    wire::expected as wire,
};

/// What arrays should be there.
pub(crate) struct Expected;

#[OpenApi(prefix_path = "/storage/arrays/expected", tag = "Tag::Arrays")]
impl Expected {
    /// List what should be there, and what is not as it should be
    ///
    /// What is there, only the list of arrays says. An array that is called `expected` is shown by
    /// its UUID.
    #[oai(path = "/", method = "get", operation_id = "expected_list")]
    async fn list(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Look at the machine first
        fresh: Query<Option<bool>>,
    ) -> Answer<Json<wire::ExpectedPage>> {
        let look = look(fresh.0);
        let view = app.call_after(look, &caller.actor, ExpectedList).await?;
        Ok(Json(view.into()))
    }

    /// Agree to what is there
    ///
    /// From now on the array is expected as it is, and if it is not there, no more. Nothing of the
    /// machine is changed.
    #[oai(path = "/accept", method = "post", operation_id = "expected_accept")]
    async fn accept(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        body: Input<wire::AcceptExpected>,
    ) -> Answer<Json<wire::ExpectedPage>> {
        let unclear = || {
            let text = "either `array` or `all` is to be said";
            Problem::invalid(text).field("array", text)
        };
        let wish = body.0.operation().ok_or_else(unclear)?;
        Ok(Json(app.call(&caller.actor, wish).await?.into()))
    }
}
