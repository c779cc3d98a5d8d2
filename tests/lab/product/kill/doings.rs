//! What the service is busy with when it is killed.

use std::thread::{self, JoinHandle};

use anyhow::{Result, anyhow, bail, ensure};
use serde_json::{Value, json};

use super::{
    super::nas::{Answer, Http},
    DISKS, KEPT,
    tally::Tally,
};

/// The array that is made and deleted all the time.
pub(super) const SCRATCH: &str = "scratch";
const SPARE: &str = DISKS[5];
/// How often a change may be refused in a row before it is stuck.
const REFUSALS_MAX: usize = 12;
/// More than there is time for between two kills.
const CHANGES_MAX: usize = 20;
const CREATE: &str = "create scratch";
const STOP: &str = "stop scratch";
const DELETE: &str = "delete scratch";
const ASSEMBLE: &str = "assemble scratch";

/// Chance that can be repeated: SplitMix64.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

/// A request to the service.
#[derive(Clone)]
struct Wish {
    what: &'static str,
    method: &'static str,
    path: String,
    body: String,
}

impl Wish {
    fn post(what: &'static str, path: &str, body: Value) -> Self {
        Self {
            what,
            method: "POST",
            path: path.to_owned(),
            body: body.to_string(),
        }
    }

    fn delete(what: &'static str, path: &str) -> Self {
        Self {
            what,
            method: "DELETE",
            path: path.to_owned(),
            body: String::new(),
        }
    }
}

/// What was wished and what was said to it, or nothing as the service died.
type Said = (&'static str, Result<Answer>);

/// Requests that nobody has an answer to yet.
pub(super) struct Busy(Vec<JoinHandle<Vec<Said>>>);

impl Busy {
    /// What came of them, now that the service is dead. Returns those that it did not answer.
    pub(super) fn finish(self, tally: &mut Tally) -> Result<Vec<&'static str>> {
        let mut cut = Vec::new();
        for thread in self.0 {
            let said = thread.join().map_err(|_| anyhow!("a request panicked"))?;
            for (what, said) in said {
                let Ok(answer) = said else {
                    tally.said(what, "cut by the kill");
                    cut.push(what);
                    continue;
                };
                let code = answer.body["code"].as_str().unwrap_or("done");
                tally.said(what, &format!("{code} ({})", answer.status));
                // The machine may be slow, or somebody else be faster: then a step fails and says so.
                if answer.status >= 500 {
                    super::say(&format!(
                        "          {what}: {} {}",
                        answer.status, answer.body
                    ));
                }
                ensure!(answer.status != 500, "{what}: {}", answer.body);
            }
        }
        Ok(cut)
    }
}

/// Has a job begun, and lets more things happen until the kill.
pub(super) fn begin(
    http: &Http,
    dice: &mut Dice,
    arrays: &[Value],
    tally: &mut Tally,
) -> Result<Busy> {
    // One job that is certainly in the database, if its object is free.
    let first = match dice.below(4) {
        0 => run_now("raid_scrub"),
        1 => scrub("vault", "check"),
        2 => scrub("tank", "repair"),
        _ => scrub("tank", "check"),
    };
    let answer = http.agreed(first.method, &first.path, &first.body)?;
    let code = answer.body["code"].as_str().unwrap_or("done");
    tally.said(first.what, &format!("{code} ({})", answer.status));
    ensure!(answer.status < 500, "{answer:?}");

    let mut wishes = Vec::new();
    if dice.below(2) == 0 {
        wishes.push(change_spare(arrays));
    }
    match dice.below(8) {
        0..3 => wishes.push(run_now("db_maintenance")),
        3 => wishes.push(scrub("vault", "check")),
        4 => wishes.push(scrub("tank", "idle")),
        _ => (),
    }
    let mut threads = vec![change_scratch_on_and_on(http, first_change(dice, arrays))];
    threads.extend(wishes.into_iter().map(|wish| {
        let http = http.clone();
        thread::spawn(move || vec![(wish.what, ask(&http, &wish))])
    }));
    Ok(Busy(threads))
}

/// Deletes the scratch array and whatever is left of it: superblocks, its line in mdadm.conf.
pub(super) fn tear_down(http: &Http, tally: &mut Tally) -> Result<()> {
    for _ in 0..REFUSALS_MAX {
        let answer = ask(http, &delete_scratch())?;
        let code = answer.body["code"].as_str().unwrap_or("done");
        tally.said(DELETE, &format!("{code} in the end ({})", answer.status));
        if answer.status == 404 {
            return Ok(());
        }
    }
    bail!("the scratch array cannot be deleted")
}

fn ask(http: &Http, wish: &Wish) -> Result<Answer> {
    http.agreed(wish.method, &wish.path, &wish.body)
}

/// What is to happen to the array that nobody needs, as it was found.
fn first_change(dice: &mut Dice, arrays: &[Value]) -> Wish {
    match arrays.iter().find(|it| it["name"] == SCRATCH) {
        // A create that was cut: the same wish again makes it whole.
        Some(array) if array["in_mdadm_conf"] == false && dice.below(2) == 0 => create_scratch(),
        Some(_) if dice.below(3) == 0 => stop_scratch(),
        Some(_) => delete_scratch(),
        None if dice.below(3) == 0 => assemble_scratch(),
        None => create_scratch(),
    }
}

/// One change after the other until the service dies, so that mdadm.conf is written all the time.
fn change_scratch_on_and_on(http: &Http, first: Wish) -> JoinHandle<Vec<Said>> {
    let (http, mut wish) = (http.clone(), first);
    thread::spawn(move || {
        let mut said = Vec::new();
        for _ in 0..CHANGES_MAX {
            let answer = ask(&http, &wish);
            let status = answer.as_ref().map(|it| it.status);
            let next = match (wish.what, status) {
                (CREATE | ASSEMBLE, Ok(200..300)) => Some(delete_scratch()),
                (DELETE, Ok(200..300)) | (ASSEMBLE, Ok(_)) => Some(create_scratch()),
                (STOP, Ok(200..300)) => Some(assemble_scratch()),
                (STOP | CREATE, Ok(_)) => Some(delete_scratch()),
                _ => None,
            };
            said.push((wish.what, answer));
            let Some(next) = next else { break };
            wish = next;
        }
        said
    })
}

fn create_scratch() -> Wish {
    Wish {
        what: CREATE,
        method: "POST",
        path: "/api/storage/arrays".to_owned(),
        body: create(SCRATCH, "raid1", &DISKS[6..8]),
    }
}

fn stop_scratch() -> Wish {
    let path = format!("/api/storage/arrays/{SCRATCH}/stop");
    Wish::post(STOP, &path, json!({}))
}

fn delete_scratch() -> Wish {
    Wish::delete(DELETE, &format!("/api/storage/arrays/{SCRATCH}"))
}

fn assemble_scratch() -> Wish {
    let body = json!({"array": SCRATCH});
    Wish::post(ASSEMBLE, "/api/storage/arrays/assemble", body)
}

fn run_now(schedule: &'static str) -> Wish {
    let path = format!("/api/schedulers/{schedule}/run-now");
    Wish::post(schedule, &path, json!({}))
}

fn scrub(array: &'static str, action: &str) -> Wish {
    let what = match (array, action) {
        ("tank", "check") => "check tank",
        ("tank", "repair") => "repair tank",
        ("tank", _) => "end check of tank",
        _ => "check vault",
    };
    let path = format!("/api/storage/arrays/{array}/scrub");
    Wish::post(what, &path, json!({"action": action}))
}

/// Gives the vault a spare, or takes it away.
fn change_spare(arrays: &[Value]) -> Wish {
    let path = "/api/storage/arrays/vault/members";
    let vault = arrays.iter().find(|it| it["name"] == "vault");
    if vault.is_some_and(|it| it["members"].to_string().contains(SPARE)) {
        Wish::delete("remove spare", &format!("{path}/{SPARE}"))
    } else {
        Wish::post("add spare", path, json!({"device": SPARE}))
    }
}

pub(super) fn create(name: &str, level: &str, members: &[&str]) -> String {
    json!({"name": name, "level": level, "members": members}).to_string()
}

pub(super) fn is_kept(array: &Value) -> bool {
    KEPT.iter().any(|it| array["name"] == *it)
}
