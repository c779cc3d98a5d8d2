//! `cargo xtask bench`: how soon, how small and how fast the service is on this machine; `--raid`: what
//! looking at arrays and planning costs; `--pools`: what looking at pools costs;
//! `--shares`: what rendering shares costs, and a change of one.
//!
//! Beside each figure of the interface stands what the same client gets, in the same run, from a
//! responder that only sends as many bytes: what is lost between the two is the service's, the rest is
//! the machine's and whatever else runs on it.

mod client;
mod peer;
mod responder;

use std::{
    fs,
    path::PathBuf,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use self::{client::Load, responder::Responder};
use crate::{
    binaries::{build_release, cargo, exit_code},
    http::Connection,
    service::Service,
};

const STARTUP_AIM: Duration = Duration::from_millis(150);
const RESIDENT_AIM: u64 = 25 << 20;
const P99_AIM: Duration = Duration::from_millis(2);
/// Of lists of what is in pools: 5,000 datasets and 50,000 snapshots.
const CONTENTS_P99_AIM: Duration = Duration::from_millis(10);

/// How often the service is started for the time of its start.
const STARTS: usize = 10;
/// How long a service is left alone before its memory is looked at.
const IDLE: Duration = Duration::from_secs(5);
const CONNECTIONS: [usize; 2] = [1, 8];
/// Who may be asked without a login.
const HEALTH: &str = "/api/system/health";
const ARRAYS: &str = "/api/storage/arrays";
/// First pages, those of one pool, and one in the middle of all.
const CONTENTS: [&str; 6] = [
    "/api/storage/pools",
    "/api/storage/datasets",
    "/api/storage/datasets?pool=tank-100",
    "/api/storage/snapshots",
    "/api/storage/snapshots?pool=tank-100",
    "/api/storage/snapshots?cursor=tank-100/share-013@auto-005",
];

#[derive(clap::Args)]
pub(crate) struct Bench {
    /// Measure this program, instead of building it for release.
    #[arg(long, value_name = "FILE")]
    product: Option<PathBuf>,
    /// Measure a list of 100 things side by side with a small service in FastAPI instead; needs
    /// Python, wrk, and a package index for the first time.
    #[arg(long, conflicts_with = "requests")]
    peer: bool,
    /// Measure the parsing, looking and planning of arrays instead, each beside the least that it could
    /// cost; ends in failure when one costs too much.
    #[arg(long, conflicts_with_all = ["requests", "peer", "product"])]
    raid: bool,
    /// Measure a look at 200 pools instead, beside reading their files; ends in failure when it costs
    /// too much.
    #[arg(long, conflicts_with_all = ["requests", "peer", "product", "raid"])]
    pools: bool,
    /// Measure rendering 1,000 and 10,000 shares instead, beside Jinja2 rendering the same (Debian's
    /// python3-jinja2), and how soon smbd offers one that changed; ends in failure when it costs too much.
    #[arg(long, conflicts_with_all = ["requests", "peer", "product", "raid", "pools"])]
    shares: bool,
    /// Requests of each measurement, over all its connections.
    #[arg(long, default_value_t = 8000)]
    requests: usize,
}

impl Bench {
    pub(crate) fn run(self) -> Result<ExitCode> {
        if self.raid {
            return aims("moxnas-raid", &["aims"]);
        }
        if self.shares {
            return aims("moxnas-shares", &["aims", "daemon"]);
        }
        if self.pools {
            return aims("moxnas-pool", &["aims"]);
        }
        let product = match self.product {
            Some(product) => product,
            None => build_release()?,
        };
        if self.peer {
            return peer::run(&product);
        }
        let before = load();
        let mut rows = Vec::new();
        for scenario in ["small-office", "large"] {
            rows.push(startup(&product, scenario)?);
        }
        for scenario in ["small-office", "large"] {
            rows.push(resident(&product, scenario)?);
        }
        let service = Service::start(&product, "large")?;
        let token = Connection::open(service.address)?.log_in(&service.password)?;
        let array = first_array(&service, &token)?;
        all_asked(&service, &token)?;
        let paths = [HEALTH.to_owned(), array, ARRAYS.to_owned()];
        for path in paths.into_iter().chain(CONTENTS.map(str::to_owned)) {
            for connections in CONNECTIONS {
                let load = Load {
                    connections,
                    requests: self.requests,
                    path: &path,
                    token: &token,
                };
                rows.push(requests(&service, &load)?);
            }
        }
        drop(service);
        let heads = [
            "what",
            "the service",
            "range, part, or bare responder",
            "aim",
        ];
        print(heads, &rows, &before);
        Ok(ExitCode::SUCCESS)
    }
}

/// `benches/aims.rs` of a crate, which prints its own table: chores do not depend on what they measure.
fn aims(package: &str, benches: &[&str]) -> Result<ExitCode> {
    let status = cargo()
        .args(["bench", "--quiet", "--locked", "--no-fail-fast"])
        .args(["--package", package])
        .args(benches.iter().flat_map(|it| ["--bench", *it]))
        .status()
        .context("cargo could not be started")?;
    println!("load after {}", load());
    Ok(exit_code(status))
}

/// A line of the table.
struct Row {
    what: String,
    figure: String,
    beside: String,
    aim: String,
}

fn startup(product: &std::path::Path, scenario: &str) -> Result<Row> {
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let began = Instant::now();
        let service = Service::start(product, scenario)?;
        let answer = Connection::open(service.address)?.get(HEALTH, "")?;
        ensure!(answer.status == 200, "health answers {}", answer.status);
        times.push(began.elapsed());
    }
    times.sort_unstable();
    let (least, median, most) = (times[0], times[times.len() / 2], times[times.len() - 1]);
    Ok(Row {
        what: format!("start to first answer, {scenario}"),
        figure: format!("{} (median of {STARTS})", millis(median)),
        beside: format!("{} to {}", millis(least), millis(most)),
        aim: aim(median <= STARTUP_AIM, &millis(STARTUP_AIM)),
    })
}

fn resident(product: &std::path::Path, scenario: &str) -> Result<Row> {
    let service = Service::start(product, scenario)?;
    thread::sleep(IDLE);
    let (all, own) = (service.memory("VmRSS")?, service.memory("RssAnon")?);
    Ok(Row {
        what: format!("resident when idle, {scenario}"),
        figure: mebibytes(all),
        beside: format!("{} of it anonymous", mebibytes(own)),
        aim: aim(all <= RESIDENT_AIM, &mebibytes(RESIDENT_AIM)),
    })
}

fn requests(service: &Service, load: &Load<'_>) -> Result<Row> {
    let measured = load.run(service.address)?;
    let responder = Responder::start(measured.body)?;
    let baseline = load.run(responder.address)?;
    let p99_aim = match load.path {
        _ if load.connections != 8 => None,
        ARRAYS => Some(P99_AIM),
        path => CONTENTS.contains(&path).then_some(CONTENTS_P99_AIM),
    };
    let aim = p99_aim.map(|it| aim(measured.p99 <= it, &format!("p99 {}", millis(it))));
    Ok(Row {
        what: format!(
            "GET {}, {} B, × {}",
            load.path, measured.body, load.connections
        ),
        figure: measured.to_string(),
        beside: baseline.to_string(),
        aim: aim.unwrap_or_default(),
    })
}

/// Wait until it is known what is in all the pools.
fn all_asked(service: &Service, token: &str) -> Result<()> {
    let began = Instant::now();
    loop {
        let page = Connection::open(service.address)?.json(CONTENTS[1], token)?;
        let unknown = page["errors"].as_array().map_or(0, Vec::len);
        match unknown {
            0 => return Ok(()),
            _ => ensure!(began.elapsed() < IDLE, "{unknown} pools were not asked"),
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// The path of some array.
fn first_array(service: &Service, token: &str) -> Result<String> {
    let page = Connection::open(service.address)?.json(ARRAYS, token)?;
    let name = page["items"][0]["name"]
        .as_str()
        .context("there is no array")?;
    Ok(format!("{ARRAYS}/{name}"))
}

fn print(heads: [&str; 4], rows: &[Row], load_before: &str) {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    println!("Linux {}, {cores} cores", kernel.trim());
    println!("load before {load_before}, after {}\n", load());
    let cells = |row: &Row| [&row.what, &row.figure, &row.beside, &row.aim].map(String::clone);
    let table: Vec<[String; 4]> = std::iter::once(heads.map(str::to_owned))
        .chain(rows.iter().map(cells))
        .collect();
    let width = |column: usize| {
        table
            .iter()
            .map(|it| it[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    for [what, figure, beside, aim] in &table {
        let line = format!(
            "{what:0$}  {figure:1$}  {beside:2$}  {aim}",
            width(0),
            width(1),
            width(2)
        );
        println!("{}", line.trim_end());
    }
}

/// The machine's load over 1, 5 and 15 minutes.
fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn aim(is_met: bool, aim: &str) -> String {
    format!("{aim}: {}", if is_met { "met" } else { "MISSED" })
}

fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
