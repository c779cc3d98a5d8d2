//! What the service is busy with when it is killed.

use std::thread::{self, JoinHandle};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::{super::nas::Http, DISKS, KEPT, tally::Tally};

/// The array that is made and deleted all the time.
pub(super) const SCRATCH: &str = "scratch";
const SPARE: &str = DISKS[5];
/// How often a change may be refused in a row before it is stuck.
const REFUSALS_MAX: usize = 12;

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

/// Requests that nobody has an answer to yet.
pub(super) struct Busy(Vec<(&'static str, JoinHandle<Result<u16, String>>)>);

impl Busy {
    /// What came of them, now that the service is dead. Returns those that it did not answer.
    pub(super) fn finish(self, tally: &mut Tally) -> String {
        let mut cut = Vec::new();
        for (what, thread) in self.0 {
            let said = thread.join().unwrap_or_else(|_| Err("panicked".to_owned()));
            match said {
                Ok(status @ 200..300) => tally.said(what, &format!("done ({status})")),
                Ok(status) => tally.said(what, &format!("refused ({status})")),
                Err(_) => {
                    tally.said(what, "cut by the kill");
                    cut.push(what);
                }
            }
        }
        cut.join(", ")
    }
}

#[derive(Default)]
pub(super) struct Doings {
    refusals: usize,
}

impl Doings {
    /// Has a job begun, and lets more things happen until the kill.
    pub(super) fn begin(
        &mut self,
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

        let mut wishes = vec![self.change_scratch(dice, arrays)];
        if dice.below(2) == 0 {
            wishes.push(change_spare(arrays));
        }
        match dice.below(8) {
            0..3 => wishes.push(run_now("db_maintenance")),
            3 => wishes.push(scrub("vault", "check")),
            4 => wishes.push(scrub("tank", "idle")),
            _ => (),
        }
        let threads = wishes.into_iter().map(|wish| {
            let http = http.clone();
            let thread = thread::spawn(move || {
                let answer = http.agreed(wish.method, &wish.path, &wish.body);
                answer.map(|it| it.status).map_err(|err| format!("{err:#}"))
            });
            (wish.what, thread)
        });
        Ok(Busy(threads.collect()))
    }

    fn change_scratch(&mut self, dice: &mut Dice, arrays: &[Value]) -> Wish {
        let there = arrays.iter().find(|it| it["name"] == SCRATCH);
        let path = format!("/api/storage/arrays/{SCRATCH}");
        let create = || {
            let body = create(SCRATCH, "raid1", &DISKS[6..8]);
            Wish {
                what: "create scratch",
                method: "POST",
                path: "/api/storage/arrays".to_owned(),
                body,
            }
        };
        match there {
            // A create that was cut: the same wish again makes it whole.
            Some(array) if array["in_mdadm_conf"] == false && dice.below(2) == 0 => create(),
            Some(_) if dice.below(3) == 0 => {
                Wish::post("stop scratch", &format!("{path}/stop"), json!({}))
            }
            Some(_) => Wish::delete("delete scratch", &path),
            None if dice.below(3) == 0 => Wish::post(
                "assemble scratch",
                "/api/storage/arrays/assemble",
                json!({"array": SCRATCH}),
            ),
            None => create(),
        }
    }

    /// Wishes until the scratch array is gone and the spare is free.
    pub(super) fn tear_down(&mut self, http: &Http, tally: &mut Tally) -> Result<()> {
        loop {
            let answer = http.get("/api/storage/arrays?fresh=true&limit=100")?;
            let arrays = answer.body["items"].as_array().context("no list")?.clone();
            let scratch = arrays.iter().find(|it| it["name"] == SCRATCH);
            let wish = match scratch {
                Some(_) => {
                    Wish::delete("delete scratch", &format!("/api/storage/arrays/{SCRATCH}"))
                }
                None => {
                    let assemble = json!({"array": SCRATCH});
                    Wish::post("assemble scratch", "/api/storage/arrays/assemble", assemble)
                }
            };
            let answer = http.agreed(wish.method, &wish.path, &wish.body)?;
            let code = answer.body["code"].as_str().unwrap_or("done").to_owned();
            println!("in the end: {}: {code} ({})", wish.what, answer.status);
            tally.said(wish.what, &format!("{code} in the end ({})", answer.status));
            if scratch.is_none() && answer.status >= 400 {
                return Ok(());
            }
            self.refusals += 1;
            ensure!(
                self.refusals < REFUSALS_MAX,
                "it cannot be deleted: {answer:?}"
            );
        }
    }
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
