//! `cargo xtask bench --peer`: a list of 100 things behind a login, side by side with a small service
//! in FastAPI that answers the same.
//!
//! Both read a database of their own, look the session of the token up in it, and have no limit of
//! requests. One runs at a time, each with the machine and wrk to itself. That their answers are equal
//! is looked at before anything is measured; an answer that is not 200 fails the run.

mod fastapi;
mod usage;
mod wrk;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use moxnas_tests::lab::workspace;
use serde_json::{Value, json};

use self::{
    fastapi::FastApi,
    wrk::{Load, Measured, Target},
};
use super::{Row, aim, load, mebibytes, millis, print};
use crate::{http::Connection, service::Service};

/// What is asked for: the logins, which are in the database.
const LIST: &str = "/api/users?limit=100";
const LENGTH: usize = 100;
/// Of the machine nothing is asked.
const SCENARIO: &str = "sandbox";

const CONNECTIONS: [usize; 3] = [2, 8, 64];
const TIME: Duration = Duration::from_secs(10);
const WARM_UP: Duration = Duration::from_secs(2);

const TIMES_AIM: f64 = 30.0;
const P99_AIM: Duration = Duration::from_millis(10);
const MEMORY_AIM: u64 = 40 << 20;

/// One service under one load.
struct Cell {
    measured: Measured,
    /// For each request.
    cpu: Duration,
    /// After the load.
    memory: u64,
}

pub(super) fn run(product: &Path) -> Result<ExitCode> {
    let before = load();
    let service = Service::start(product, SCENARIO)?;
    let token = Connection::open(service.address)?.log_in(&service.password)?;
    let body = subject(&service, &token)?;
    let answer = keep(&body)?;
    println!("GET {LIST}: {LENGTH} things, {} bytes", body.len());
    let ours = Target {
        address: service.address,
        path: LIST.to_owned(),
        token,
        body: body.len() as u64,
    };
    let ours = measure("moxnas", service.pid(), &ours)?;
    drop(service);

    let peer = FastApi::start(&answer)?;
    let same = peer.ask()?;
    let (is, should): (Value, Value) = (
        serde_json::from_slice(&same.body)?,
        serde_json::from_slice(&body)?,
    );
    ensure!(is == should, "the peer answers something else: {is}");
    let target = Target {
        address: peer.address,
        path: fastapi::PATH.to_owned(),
        token: peer.token.clone(),
        body: same.body.len() as u64,
    };
    let theirs = measure("peer", peer.pid(), &target)?;
    drop(peer);

    let mut rows = Vec::new();
    for ((connections, ours), theirs) in CONNECTIONS.iter().zip(&ours).zip(&theirs) {
        rows.extend(compare(*connections, ours, theirs));
    }
    let is_met = rows.iter().all(|it| !it.aim.contains("MISSED"));
    print(
        ["what", "moxnas", "FastAPI, 2 workers", "ratio, aim"],
        &rows,
        &before,
    );
    println!("\nmemory: PSS summed over all processes of a service, after the load");
    Ok(if is_met {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The answer, once the list is long enough.
fn subject(service: &Service, token: &str) -> Result<Vec<u8>> {
    fill(service, token)?;
    let answer = Connection::open(service.address)?.get(LIST, token)?;
    ensure!(answer.status == 200, "{LIST} answers {}", answer.status);
    let page: Value = serde_json::from_slice(&answer.body)?;
    let items = page["items"].as_array().context("it is no list")?;
    ensure!(items.len() == LENGTH, "{LIST} has {} items", items.len());
    Ok(answer.body)
}

/// Make logins, beside the one there is.
fn fill(service: &Service, token: &str) -> Result<()> {
    for number in 1..LENGTH {
        let login = json!({
            "username": format!("bench-{number:03}"),
            "password": format!("only for the bench, {number}"),
            "role": "viewer",
        });
        let answer =
            Connection::open(service.address)?.post("/api/users", token, &login.to_string())?;
        ensure!(
            answer.status == 201,
            "a new login gets {}: {}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        );
    }
    Ok(())
}

/// For the peer, which is filled with it.
fn keep(body: &[u8]) -> Result<PathBuf> {
    let folder = workspace().join("target/bench-peer");
    fs::create_dir_all(&folder)?;
    let path = folder.join("answer.json");
    fs::write(&path, body)?;
    Ok(path)
}

fn measure(name: &str, pid: u32, target: &Target) -> Result<Vec<Cell>> {
    let mut cells = Vec::new();
    for connections in CONNECTIONS {
        println!("{name}: {connections} connections for {} s", TIME.as_secs());
        let load = |time, is_strict| Load {
            connections,
            time,
            is_strict,
        };
        wrk::run(target, load(WARM_UP, true))?;
        let before = usage::cpu(pid)?;
        let measured = wrk::run(target, load(TIME, false))?;
        let used = usage::cpu(pid)? - before;
        cells.push(Cell {
            measured,
            cpu: used.div_f64(measured.requests as f64),
            memory: usage::memory(pid)?,
        });
    }
    Ok(cells)
}

fn compare(connections: usize, ours: &Cell, theirs: &Cell) -> Vec<Row> {
    let row = |what: &str, figure: String, beside: String, aim: String| Row {
        what: format!("× {connections}: {what}"),
        figure,
        beside,
        aim,
    };
    let (us, them) = (&ours.measured, &theirs.measured);
    let times = us.per_second / them.per_second;
    let p99 = match connections == CONNECTIONS[CONNECTIONS.len() - 1] {
        true => format!(
            ", {}",
            aim(us.p99 <= P99_AIM, &format!("at most {}", millis(P99_AIM)))
        ),
        false => String::new(),
    };
    let fewer = |theirs: Duration, ours: Duration| {
        format!(
            "{:.1} times less",
            theirs.as_secs_f64() / ours.as_secs_f64()
        )
    };
    let micros = |time: Duration| format!("{:.0} µs", time.as_secs_f64() * 1e6);
    vec![
        row(
            "requests",
            format!("{:.0}/s", us.per_second),
            format!("{:.0}/s", them.per_second),
            format!(
                "{times:.1} times, {}",
                aim(times >= TIMES_AIM, &format!("{TIMES_AIM} times"))
            ),
        ),
        row(
            "p50",
            millis(us.p50),
            millis(them.p50),
            fewer(them.p50, us.p50),
        ),
        row(
            "p99",
            millis(us.p99),
            millis(them.p99),
            format!("{}{p99}", fewer(them.p99, us.p99)),
        ),
        row(
            "CPU a request",
            micros(ours.cpu),
            micros(theirs.cpu),
            fewer(theirs.cpu, ours.cpu),
        ),
        row(
            "memory",
            mebibytes(ours.memory),
            mebibytes(theirs.memory),
            format!(
                "{:.1} times less, {}",
                theirs.memory as f64 / ours.memory as f64,
                aim(
                    ours.memory <= MEMORY_AIM,
                    &format!("at most {}", mebibytes(MEMORY_AIM))
                )
            ),
        ),
    ]
}
