//! `kill -9` of the service, again and again, at moments that nobody chose, while it works.
//!
//! Whenever it dies: a job that was in flight is afterwards over, with a reason, or goes on with md
//! really at it; mdadm.conf is whole; and the audit log tells each story to its end once.
//!
//! `MOXNAS_KILLS` says how often, `MOXNAS_KILLS_SEED` at which moments.

mod doings;
mod left;
mod tally;

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    io::Write as _,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use moxnas_tests::lab::{Disk, Lab, MIB};
use serde_json::Value;

use self::{
    doings::Dice,
    left::{Conf, Left},
    tally::Tally,
};
use super::nas::{Http, Nas};

/// Enough for the CI; a long run says how many.
const KILLS: usize = 8;
const SIZE: u64 = 128 * MIB;
/// KiB a second of each member: a check of an array takes some 12 s.
const SLOW: u32 = 10_000;
const FAST: u32 = 1_000_000;
/// For a job that was in flight to be over, or to go on, after the service listens again.
const PATIENCE: Duration = Duration::from_secs(60);
/// For an mdadm that outlived the service.
const THAW_PATIENCE: Duration = Duration::from_secs(10);
/// For all jobs to come to their end when nothing is killed any more.
const LONG_PATIENCE: Duration = Duration::from_secs(180);
/// After so many faults it is over; each is told in the end.
const FAULTS_MAX: usize = 10;
/// How often somebody logs in again: tokens live a quarter of an hour.
const LOG_IN_EVERY: Duration = Duration::from_secs(300);

const DISKS: [&str; 8] = [
    "LABT1", "LABT2", "LABV1", "LABV2", "LABV3", "LABSPARE", "LABS1", "LABS2",
];
/// Arrays that nobody takes apart, and so are always named in mdadm.conf.
const KEPT: [&str; 2] = ["tank", "vault"];

#[test]
fn the_service_survives_kills() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let number = |name: &str, usual: usize| match env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name}={text}")),
        Err(_) => Ok(usual),
    };
    let kills = number("MOXNAS_KILLS", KILLS)?;
    let seed = number("MOXNAS_KILLS_SEED", 1)?;
    let lab = DISKS
        .into_iter()
        .fold(lab, |lab, serial| lab.disk(Disk::scsi(SIZE).serial(serial)));
    let mut nas = Nas::service(lab.start()?)?;
    // The test asks more often than a person would.
    nas.machine.write_file(
        "/etc/moxnas/moxnas.toml",
        "[limits]\nrequests_per_second = 0\nauth_requests_per_second = 0\n",
    )?;
    nas.kill_service()?;
    nas.start_service()?;
    let mut siege = Siege::begin(nas, seed)?;
    let ended = siege.kill_often(kills).and_then(|()| siege.rest());
    say(&siege.tally.to_string());
    ended.with_context(|| format!("kill {} with seed {seed}", siege.tally.kills))?;
    ensure!(siege.tally.faults.is_empty(), "faults, with seed {seed}");
    Ok(())
}

/// Each kill is a result.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A service under attack.
struct Siege {
    nas: Nas,
    http: Http,
    logged_in: Instant,
    dice: Dice,
    tally: Tally,
    /// All that was ever seen in flight.
    known: BTreeSet<String>,
    conf: Conf,
    /// Of the arrays that are kept: the kernel's names by UUID.
    kernel_names: BTreeMap<String, String>,
    /// The arrays after the last restart.
    arrays: Vec<Value>,
    /// The command that proves the audit log is there.
    has_verify: bool,
}

impl Siege {
    fn begin(mut nas: Nas, seed: usize) -> Result<Self> {
        let http = nas.http()?.log_in()?;
        let conf = Conf::before_moxnas(&nas.machine.read_file("/etc/mdadm/mdadm.conf")?);
        for (name, level, members) in [
            ("tank", "raid1", &DISKS[0..2]),
            ("vault", "raid5", &DISKS[2..5]),
        ] {
            let body = doings::create(name, level, members);
            let made = http.agreed("POST", "/api/storage/arrays", &body)?;
            ensure!(made.status == 201, "{made:?}");
        }
        let mut siege = Self {
            nas,
            http,
            logged_in: Instant::now(),
            dice: Dice::new(seed as u64),
            tally: Tally::default(),
            known: BTreeSet::new(),
            conf,
            kernel_names: BTreeMap::new(),
            arrays: Vec::new(),
            has_verify: false,
        };
        siege.speed(FAST)?;
        siege.until_idle()?;
        siege.speed(SLOW)?;
        siege.arrays = siege.look()?;
        for array in &siege.arrays {
            let text = |key: &str| array[key].as_str().unwrap_or_default().to_owned();
            let name = text("device").replace("/dev/", "");
            siege.kernel_names.insert(text("uuid"), name);
        }
        let help = siege.nas.exec(&["audit", "--help"])?;
        siege.has_verify = help.status == 0 && help.stdout.contains("verify");
        Ok(siege)
    }

    fn speed(&mut self, kib: u32) -> Result<()> {
        let script = format!(
            "cd /proc/sys/dev/raid; echo 1 > speed_limit_min; echo {kib} > speed_limit_max"
        );
        self.nas.machine.sh(&script).map(drop)
    }

    /// The arrays as they are now.
    fn look(&self) -> Result<Vec<Value>> {
        self.items("/api/storage/arrays?fresh=true&limit=100")
    }

    fn items(&self, path: &str) -> Result<Vec<Value>> {
        let answer = self.http.get(path)?;
        ensure!(answer.status == 200, "{path}: {answer:?}");
        let items = answer.body["items"].as_array();
        Ok(items.context("no list")?.clone())
    }

    fn job(&self, id: &str) -> Result<Value> {
        let answer = self.http.get(&format!("/api/jobs/{id}"))?;
        ensure!(answer.status == 200, "job {id} is lost: {answer:?}");
        Ok(answer.body)
    }

    fn until_idle(&mut self) -> Result<()> {
        let began = Instant::now();
        while self.look()?.iter().any(|it| it["sync"]["state"] != "idle") {
            ensure!(began.elapsed() < LONG_PATIENCE, "arrays come to no rest");
            std::thread::sleep(Duration::from_millis(300));
        }
        Ok(())
    }

    fn kill_often(&mut self, kills: usize) -> Result<()> {
        // Only those count that hit a job; chance may miss all of them.
        while self.tally.kills < kills {
            ensure!(self.tally.faults.len() < FAULTS_MAX, "too many faults");
            ensure!(
                self.tally.missed <= 5 + kills / 10,
                "too many kills hit no job"
            );
            self.kill_once()?;
            if self.logged_in.elapsed() > LOG_IN_EVERY {
                self.http = self.nas.http()?.log_in()?;
                self.logged_in = Instant::now();
            }
        }
        Ok(())
    }

    fn kill_once(&mut self) -> Result<()> {
        let busy = doings::begin(&self.http, &mut self.dice, &self.arrays, &mut self.tally)?;
        let wait = match self.dice.below(5) {
            0 | 1 => self.dice.below(2500),
            _ => self.dice.below(300),
        };
        std::thread::sleep(Duration::from_millis(wait));
        let said = self.nas.kill_service()?;
        ensure!(!said.contains("panicked"), "{said}");

        let left = Left::read(&mut self.nas.machine)?;
        for checked in [self.conf.check(&left.conf).map(drop), left.check_audit()] {
            if let Err(err) = checked {
                self.tally.fault(&err);
            }
        }
        let cut = busy.finish(&mut self.tally)?;
        let in_flight: Vec<&moxnas_app::store::Job> = left.in_flight().collect();
        self.known
            .extend(in_flight.iter().map(|it| it.new.id.clone()));
        match in_flight.is_empty() {
            true => self.tally.missed += 1,
            false => self.tally.kills += 1,
        }
        say(&format!(
            "kill {:3} after {wait:4} ms: {}; changes cut: {}; md: {}",
            self.tally.kills,
            left.told(),
            if cut.is_empty() {
                "none".to_owned()
            } else {
                cut.join(", ")
            },
            left.md,
        ));
        self.tally.unfinished += usize::from(left.is_conf_unfinished);
        for job in &in_flight {
            self.tally.in_flight(&job.new.kind);
        }
        // Now and then md is done before the service is back.
        let is_hurried = self.dice.below(4) == 0;
        if is_hurried {
            self.speed(FAST)?;
            std::thread::sleep(Duration::from_millis(self.dice.below(1000)));
        }

        let began = Instant::now();
        self.nas.start_service()?;
        self.tally.restarts.push(began.elapsed());
        if is_hurried {
            self.speed(SLOW)?;
        }
        let ids: Vec<String> = in_flight.iter().map(|it| it.new.id.clone()).collect();
        for id in &ids {
            let what = match self.reconciled(id) {
                Ok(what) => what,
                Err(err) => {
                    self.tally.fault(&err);
                    "is not reconciled".to_owned()
                }
            };
            say(&format!("          {id}: {what}"));
            self.tally.reconciled(&what);
        }
        for check in [
            Self::check_holders,
            Self::check_frozen,
            Self::check_conf,
            Self::verify_audit,
        ] {
            if let Err(err) = check(self) {
                self.tally.fault(&err);
            }
        }
        Ok(())
    }

    /// What became of a job that was in flight: waits until it is over, or goes on and md with it.
    fn reconciled(&mut self, id: &str) -> Result<String> {
        let began = Instant::now();
        loop {
            let job = self.job(id)?;
            let kind = job["kind"].as_str().unwrap_or_default();
            match job["state"].as_str().unwrap_or_default() {
                "succeeded" => return Ok(format!("{kind} finished: succeeded")),
                "cancelled" => return Ok(format!("{kind} finished: cancelled")),
                "failed" => {
                    let (code, why) = (&job["error_code"], &job["error"]);
                    let code = code.as_str().context("it failed without a reason")?;
                    let why = why.as_str().context("it failed without a reason")?;
                    return Ok(format!("{kind} failed: {code}: {}", general(why)));
                }
                "running" if kind == "array_scrub" && self.md_reads(&job)? => {
                    return Ok(format!("{kind} resumed"));
                }
                "running" if kind == "raid_scrub" => {
                    let parts = self.items(&format!("/api/jobs?parent={id}&limit=100"))?;
                    for part in parts.iter().filter(|it| it["state"] == "running") {
                        if self.md_reads(part)? {
                            return Ok(format!("{kind} resumed"));
                        }
                    }
                }
                "queued" | "running" => (),
                other => bail!("a job in flight is {other} after a restart: {job}"),
            }
            ensure!(
                began.elapsed() < PATIENCE,
                "a job is neither over nor at work: {job}\n{:?}",
                self.look()?
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Whether md is at the work of this job.
    fn md_reads(&mut self, job: &Value) -> Result<bool> {
        let uuid = job["args"]["uuid"].as_str().unwrap_or_default();
        let Some(name) = self.kernel_names.get(uuid) else {
            return Ok(false);
        };
        let action = format!("/sys/block/{name}/md/sync_action");
        let action = self.nas.machine.read_file(&action)?;
        Ok(job["args"]["scrub"] == action.trim())
    }

    /// No two jobs that are not over hold one object.
    fn check_holders(&mut self) -> Result<()> {
        let mut held = BTreeSet::new();
        for state in ["queued", "running", "paused"] {
            for job in self.items(&format!("/api/jobs?state={state}&limit=100"))? {
                let object = job["object"].to_string();
                ensure!(held.insert(object), "two jobs hold one object: {job}");
            }
        }
        Ok(())
    }

    /// mdadm freezes an array while it changes it. One that stays frozen takes no spare when a member
    /// fails.
    fn check_frozen(&mut self) -> Result<()> {
        let began = Instant::now();
        loop {
            let actions = self
                .nas
                .machine
                .gather(&["/sys/block/md*/md/sync_action"])?;
            let is_frozen =
                |(path, text): (&String, &String)| (text.trim() == "frozen").then(|| path.clone());
            let frozen: Vec<String> = actions.files.iter().filter_map(is_frozen).collect();
            if frozen.is_empty() {
                return Ok(());
            }
            ensure!(began.elapsed() < THAW_PATIENCE, "left frozen: {frozen:?}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// mdadm.conf names what there is, and nothing was left beside it.
    fn check_conf(&mut self) -> Result<()> {
        let arrays = self.look()?;
        for array in arrays.iter().filter(|it| doings::is_kept(it)) {
            ensure!(array["in_mdadm_conf"] == true, "{array}");
        }
        let kept = arrays.iter().filter(|it| doings::is_kept(it)).count();
        ensure!(kept == KEPT.len(), "an array is lost: {arrays:?}");
        let (beside, text) = left::conf_folder(&mut self.nas.machine)?;
        let named = self.conf.check(&text)?;
        // Between two steps of a change that was cut the scratch array may be named or not; the
        // next change makes it whole.
        for array in &arrays {
            let is_named = named.values().any(|it| array["uuid"] == it.as_str());
            let says = array["in_mdadm_conf"] == is_named;
            ensure!(says, "the service and mdadm.conf differ: {array}\n{text}");
        }
        self.arrays = arrays;
        ensure!(beside.is_empty(), "left behind: {beside:?}");
        Ok(())
    }

    /// The one place where the audit log proves itself, once this release can.
    fn verify_audit(&mut self) -> Result<()> {
        if !self.has_verify {
            return Ok(());
        }
        self.nas.moxnas(&["audit", "verify"])?;
        self.tally.verified += 1;
        Ok(())
    }

    /// Nobody kills any more: everything comes to its end, and nothing was lost.
    fn rest(&mut self) -> Result<()> {
        self.speed(FAST)?;
        let began = Instant::now();
        for id in &self.known.clone() {
            while !matches!(
                self.job(id)?["state"].as_str(),
                Some("succeeded" | "failed" | "cancelled")
            ) {
                ensure!(began.elapsed() < LONG_PATIENCE, "{}", self.job(id)?);
                std::thread::sleep(Duration::from_millis(200));
            }
        }
        self.until_idle()?;
        // What was cut between two steps is healed by wishing it again.
        doings::tear_down(&self.http, &mut self.tally)?;
        let named = self
            .conf
            .check(&self.nas.machine.read_file("/etc/mdadm/mdadm.conf")?)?;
        ensure!(named.keys().eq(KEPT), "mdadm.conf names {named:?}");
        for array in self.look()? {
            ensure!(array["health"]["verdict"] == "optimal", "{array}");
        }
        self.check_conf()?;
        self.verify_audit()?;
        self.nas.kill_service()?;
        let left = Left::read(&mut self.nas.machine)?;
        left.check_audit()?;
        ensure!(left.in_flight().next().is_none(), "{}", left.told());
        for id in &self.known {
            ensure!(left.jobs.iter().any(|it| it.new.id == *id), "{id} is lost");
        }
        self.tally.jobs = left.jobs.len();
        self.tally.records = left.audit.len();
        Ok(())
    }
}

/// A reason without what differs from case to case, to be counted.
fn general(why: &str) -> String {
    let words = why.split(' ').map(|word| {
        let is_figure = word.starts_with(|it: char| it.is_ascii_digit());
        if is_figure { "N" } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}
