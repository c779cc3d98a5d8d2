//! What changed between two looks, for those who listen.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Mutex,
    time::SystemTime,
};

use moxnas_core::disk::BlockDevice;
use moxnas_raid::{Array, Difference, Inventory, health};
use serde::Serialize;
use tokio::sync::broadcast;

/// How many events are kept for listeners that come back.
const KEPT: usize = 1024;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// Grows by one from event to event, as long as the service runs.
    pub id: u64,
    /// When, by the machine's clock.
    #[serde(skip)]
    pub at: SystemTime,
    /// What sort: `array`, `disk` or `job`.
    pub kind: &'static str,
    /// Which: the name of an array, the id of a disk or of a job.
    pub object: String,
    /// What: `appeared`, `left`, `health`, `sync`, `members`, and `differs` or `agrees` with what is
    /// expected; of a job its state.
    pub change: &'static str,
    /// In words.
    pub message: String,
}

/// The events of this run of the service.
#[derive(Debug)]
pub struct Events {
    kept: Mutex<VecDeque<Event>>,
    live: broadcast::Sender<Event>,
}

impl Default for Events {
    fn default() -> Events {
        Events {
            kept: Mutex::default(),
            live: broadcast::channel(KEPT).0,
        }
    }
}

impl Events {
    /// What is missing since the event of this id, and all that comes.
    pub fn listen(&self, after: Option<u64>) -> (Vec<Event>, broadcast::Receiver<Event>) {
        let kept = self.kept.lock().expect("no holder of this lock panics");
        let missed = after.map(|after| kept.iter().filter(|it| it.id > after).cloned().collect());
        (missed.unwrap_or_default(), self.live.subscribe())
    }

    /// Tell everybody what is different between two looks.
    pub fn publish(&self, before: &Inventory, after: &Inventory, at: SystemTime) {
        for (kind, object, change, message) in changes(before, after) {
            self.tell(kind, object, change, message, at);
        }
    }

    /// Tell everybody what is not as expected any more, and what is again.
    pub fn publish_differences(&self, before: &[Difference], after: &[Difference], at: SystemTime) {
        for it in after.iter().filter(|it| !before.contains(it)) {
            self.tell("array", it.array.clone(), "differs", it.to_string(), at);
        }
        for it in before.iter().filter(|it| !after.contains(it)) {
            let message = format!("no longer: {it}");
            self.tell("array", it.array.clone(), "agrees", message, at);
        }
    }

    /// Tell everybody what happened.
    pub fn tell(
        &self,
        kind: &'static str,
        object: String,
        change: &'static str,
        message: String,
        at: SystemTime,
    ) {
        let mut kept = self.kept.lock().expect("no holder of this lock panics");
        let id = kept.back().map_or(1, |it| it.id + 1);
        let event = Event {
            id,
            at,
            kind,
            object,
            change,
            message,
        };
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(event.clone());
        // Nobody listens: then nobody needs it.
        let _ = self.live.send(event);
    }
}

type Told = (&'static str, String, &'static str, String);

/// What is different between two looks. Progress is not: it would be an event every second.
fn changes(before: &Inventory, after: &Inventory) -> Vec<Told> {
    let mut told = Vec::new();
    let by_key = |seen: &'_ Inventory| -> BTreeMap<String, Array> {
        let key = |it: &Array| it.uuid.clone().unwrap_or_else(|| it.kernel_name.clone());
        seen.arrays.iter().map(|it| (key(it), it.clone())).collect()
    };
    let (old, new) = (by_key(before), by_key(after));
    for (key, array) in &new {
        match old.get(key) {
            None => told.push(of_array(
                array,
                "appeared",
                format!("array {} appeared", array.name),
            )),
            Some(old) => array_changes(old, array, &mut told),
        }
    }
    for array in old
        .iter()
        .filter(|(key, _)| !new.contains_key(*key))
        .map(|(_, it)| it)
    {
        told.push(of_array(
            array,
            "left",
            format!("array {} is gone", array.name),
        ));
    }
    disk_changes(before, after, &mut told);
    told
}

fn of_array(array: &Array, change: &'static str, message: String) -> Told {
    ("array", array.name.clone(), change, message)
}

fn array_changes(old: &Array, new: &Array, told: &mut Vec<Told>) {
    let (was, is) = (health(old).0, health(new).0);
    if was != is {
        let message = format!("array {} is {}, was {}", new.name, is.word(), was.word());
        told.push(of_array(new, "health", message));
    }
    if old.sync.action() != new.sync.action() {
        let message = match (old.sync.action(), new.sync.action()) {
            (_, Some(action)) => format!("{action} of array {} began", new.name),
            (Some(action), None) => format!("{action} of array {} ended", new.name),
            (None, None) => return,
        };
        told.push(of_array(new, "sync", message));
    }
    let listed = |it: &Array| -> Vec<_> {
        it.members
            .iter()
            .map(|it| format!("{} {}", it.device, it.role))
            .collect()
    };
    let (was, is) = (listed(old), listed(new));
    let more: Vec<_> = is.iter().filter(|it| !was.contains(it)).cloned().collect();
    let less: Vec<_> = was.iter().filter(|it| !is.contains(it)).cloned().collect();
    if !more.is_empty() || !less.is_empty() {
        let message = format!(
            "members of array {}: now {}, before {}",
            new.name,
            or_nothing(&more),
            or_nothing(&less)
        );
        told.push(of_array(new, "members", message));
    }
}

fn or_nothing(words: &[String]) -> String {
    if words.is_empty() {
        "nothing".to_owned()
    } else {
        words.join(", ")
    }
}

fn disk_changes(before: &Inventory, after: &Inventory, told: &mut Vec<Told>) {
    let named = |seen: &Inventory| -> BTreeMap<String, String> {
        let name = |it: &BlockDevice| (it.id.to_string(), it.name.clone());
        seen.devices.disks().map(name).collect()
    };
    let (old, new) = (named(before), named(after));
    for (id, name) in new.iter().filter(|(id, _)| !old.contains_key(*id)) {
        told.push((
            "disk",
            id.clone(),
            "appeared",
            format!("disk {id} appeared as {name}"),
        ));
    }
    for (id, name) in old.iter().filter(|(id, _)| !new.contains_key(*id)) {
        told.push((
            "disk",
            id.clone(),
            "left",
            format!("disk {id} left, it was {name}"),
        ));
    }
}
