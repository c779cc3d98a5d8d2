//! Server-sent events.

use std::time::Duration;

use moxnas_api::wire::events::Event;
use poem::Response;
use poem_openapi::types::{ParseFromJSON, ToJSON};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader, Lines},
    time::timeout,
};

use crate::nas::{Ask, Nas, get};

/// A listener to the events.
struct Listener(Lines<BufReader<Box<dyn AsyncRead + Send + Unpin>>>);

/// An event as it comes over the wire.
#[derive(Debug)]
struct Heard {
    id: String,
    kind: String,
    data: Value,
}

impl Listener {
    async fn open(nas: &Nas, ask: Ask) -> Listener {
        let response: Response = nas.open(ask).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.content_type(), Some("text/event-stream"));
        let reader: Box<dyn AsyncRead + Send + Unpin> =
            Box::new(response.into_body().into_async_read());
        Listener(BufReader::new(reader).lines())
    }

    /// The next event.
    async fn next(&mut self) -> Heard {
        let mut heard = Heard {
            id: String::new(),
            kind: String::new(),
            data: Value::Null,
        };
        loop {
            let line = timeout(Duration::from_secs(20), self.0.next_line()).await;
            let line = line
                .expect("an event should have come")
                .unwrap()
                .expect("it goes on");
            match line.split_once(':').map(|(key, value)| (key, value.trim())) {
                Some(("id", id)) => id.clone_into(&mut heard.id),
                Some(("event", kind)) => kind.clone_into(&mut heard.kind),
                Some(("data", data)) => heard.data = as_promised(data),
                // A comment keeps the connection open; an empty line ends the event.
                _ if heard.data.is_null() => (),
                _ => return heard,
            }
        }
    }
}

/// What stands in the document of an event, no more and no less.
fn as_promised(data: &str) -> Value {
    let event = Event::parse_from_json_string(data).unwrap();
    let said: Value = serde_json::from_str(data).unwrap();
    assert_eq!(event.to_json().unwrap(), said);
    said
}

fn pull(serial: &str) -> Value {
    json!({ "kind": "pull", "serial": serial })
}

#[tokio::test]
async fn an_event_comes_when_a_disk_is_pulled() {
    let nas = Nas::start("small-office").await;
    let mut all = Listener::open(&nas, get("/api/events")).await;
    let mut disks = Listener::open(&nas, get("/api/events?kinds=disk")).await;
    nas.fault(pull("WD-WX12D00A0001")).await;

    let mut heard = Vec::new();
    while heard.iter().all(|it: &Heard| it.kind != "disk") {
        heard.push(all.next().await);
    }
    let health = heard
        .iter()
        .find(|it| it.data["change"] == "health")
        .expect("the array is degraded");
    assert_eq!(
        (health.kind.as_str(), &health.data["object"]),
        ("array", &json!("media"))
    );
    assert_eq!(
        health.data["message"],
        "array media is degraded, was optimal"
    );
    let ids: Vec<u64> = heard.iter().map(|it| it.id.parse().unwrap()).collect();
    assert!(ids.windows(2).all(|it| it[1] == it[0] + 1), "{ids:?}");
    for it in &heard {
        assert_eq!(it.data["id"].to_string(), it.id);
        assert_eq!(it.data["kind"], it.kind.as_str());
        assert!(it.data["at"].is_string());
    }
    // Who asked for disks hears of disks alone.
    let left = disks.next().await;
    assert_eq!(
        (left.kind.as_str(), &left.data["change"]),
        ("disk", &json!("left"))
    );
}

#[tokio::test]
async fn who_comes_back_hears_what_it_missed() {
    let nas = Nas::start("small-office").await;
    let mut first = Listener::open(&nas, get("/api/events?kinds=disk")).await;
    nas.fault(pull("ZGY1A003")).await;
    let heard = first.next().await;
    drop(first);
    nas.fault(pull("ZGY1A004")).await;
    nas.fault(json!({ "kind": "plug-back", "serial": "ZGY1A003" }))
        .await;
    let again = get("/api/events?kinds=disk").header("Last-Event-ID", &heard.id);
    let mut second = Listener::open(&nas, again).await;
    let missed = [second.next().await, second.next().await];
    let changes: Vec<&Value> = missed.iter().map(|it| &it.data["change"]).collect();
    assert_eq!(changes, ["left", "appeared"]);
    assert!(
        missed
            .iter()
            .all(|it| it.id.parse::<u64>().unwrap() > heard.id.parse().unwrap())
    );
    // And then what comes.
    nas.fault(pull("ZGY1A003")).await;
    assert_eq!(second.next().await.data["change"], "left");
}

/// An id from before a restart must not make the listener deaf: ids begin again.
#[tokio::test]
async fn an_id_of_an_earlier_run_does_no_harm() {
    let nas = Nas::start("small-office").await;
    let mut listener =
        Listener::open(&nas, get("/api/events").header("Last-Event-ID", "999999")).await;
    nas.fault(pull("ZGY1A003")).await;
    assert_eq!(listener.next().await.data["change"], "left");
}
