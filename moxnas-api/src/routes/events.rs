//! Events.

use std::time::Duration;

use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use moxnas_app::ops::system::{EventStream as Listen, Listening};
use poem::web::{Data, sse};
use poem_openapi::{
    OpenApi,
    param::{Header, Query},
    payload::EventStream,
    types::ToJSON,
};
use tokio_stream::wrappers::BroadcastStream;

use super::Tag;
use crate::{Shared, caller::Caller, problem::Answer, wire::events as wire};

/// Events.
pub(crate) struct Events;

#[OpenApi(tag = "Tag::Events")]
impl Events {
    /// Listen to what happens
    ///
    /// Server-sent events, one for each change that the service sees. A client that comes back
    /// sends the id of the last event it has heard and misses nothing, as long as the service ran
    /// meanwhile.
    #[oai(path = "/events", method = "get", operation_id = "event_stream")]
    async fn events(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Only these kinds, separated by commas: `array`, `disk`, `job`
        kinds: Query<Option<String>>,
        /// The id of the last event that was heard
        #[oai(name = "Last-Event-ID")]
        last: Header<Option<u64>>,
    ) -> Answer<EventStream<BoxStream<'static, wire::Event>>> {
        let listening = app.call(&caller.actor, Listen { after: last.0 }).await?;
        let kinds: Option<Vec<String>> = kinds
            .0
            .map(|it| it.split(',').map(|it| it.trim().to_owned()).collect());
        let is_wanted = move |it: &wire::Event| {
            let wanted = kinds.as_ref().is_none_or(|kinds| kinds.contains(&it.kind));
            std::future::ready(wanted)
        };
        let stream = all(listening).filter(is_wanted).boxed();
        let keep_alive = Duration::from_secs(15);
        Ok(EventStream::new(stream)
            .keep_alive(keep_alive)
            .to_event(|event: wire::Event| {
                sse::Event::message(event.to_json_string())
                    .id(event.id.to_string())
                    .event_type(event.kind)
            }))
    }
}

/// What was missed, then what comes. A listener that is too slow is cut off, so that it comes
/// back with the id of the last event it has heard.
fn all(listening: Listening) -> impl futures_util::Stream<Item = wire::Event> + Send {
    let live = BroadcastStream::new(listening.live)
        .take_while(|it| std::future::ready(it.is_ok()))
        .filter_map(|it| std::future::ready(it.ok()));
    stream::iter(listening.missed)
        .chain(live)
        .map(wire::Event::from)
}
