//! `cargo xtask soak`: what takes too long for every change. Lives of the whole-box test, on both
//! engines.

use std::{
    fs::{self, OpenOptions},
    io::{BufRead as _, BufReader, Write as _},
    ops::Range,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use moxnas_tests::lab::workspace;

use crate::{binaries, postgres};

/// Tells the whole-box test what to live; see `tests/it/whole_box/soak.rs`.
const SOAK: &str = "MOXNAS_SOAK";
const TEST: &str = "whole_box::soak::soak";
/// Where databases of a minute are kept without a disk, if it is there.
const MEMORY: &str = "/dev/shm";

#[derive(clap::Args)]
pub(crate) struct Soak {
    /// Seeds lived on SQLite.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// Operations in a life.
    #[arg(long, default_value_t = 200)]
    operations: u64,
    /// Seeds lived on PostgreSQL.
    #[arg(long, default_value_t = 100)]
    postgres_seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Every so-manieth seed is lived twice, and has to be the same life.
    #[arg(long, default_value_t = 10)]
    twice: u64,
    /// Processes side by side.
    #[arg(long, default_value_t = 2)]
    processes: u64,
    /// The profile of cargo to build the test with.
    #[arg(long, default_value = "soak")]
    profile: String,
}

/// What was lived on an engine.
#[derive(Clone, Debug, Default)]
struct Lived {
    /// In the order of the columns: seeds, operations, faults, kills, restarts, jobs, schedule
    /// runs, intents cut short, and how many were the same again.
    figures: [u64; 9],
    failed: Vec<(u64, String)>,
}

impl Soak {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let test = binaries::build_test(&self.profile)?;
        let mut rows = vec![("SQLite", self.live(&test, "sqlite", self.seeds, None)?)];
        if self.postgres_seeds > 0 {
            let server = postgres::Server::start()?;
            let url = server.url();
            let lived = self.live(&test, "postgres", self.postgres_seeds, Some(&url))?;
            rows.push(("PostgreSQL", lived));
        }
        println!(
            "\n{:<11} {:>6} {:>11} {:>7} {:>6} {:>9} {:>6} {:>14} {:>5} {:>11} {:>9}  result",
            "engine",
            "seeds",
            "operations",
            "faults",
            "kills",
            "restarts",
            "jobs",
            "schedule runs",
            "cut",
            "same again",
            "time"
        );
        let mut is_good = true;
        for (engine, (lived, time)) in &rows {
            let [
                seeds,
                operations,
                faults,
                kills,
                restarts,
                jobs,
                runs,
                cut,
                same,
            ] = lived.figures;
            let result = match lived.failed.len() {
                0 => "passed".to_owned(),
                many => format!("{many} FAILED"),
            };
            println!(
                "{engine:<11} {seeds:>6} {operations:>11} {faults:>7} {kills:>6} {restarts:>9} \
                 {jobs:>6} {runs:>14} {cut:>5} {same:>11} {:>7} s  {result}",
                time.as_secs()
            );
            is_good &= lived.failed.is_empty();
            keep(engine, &lived.failed)?;
        }
        Ok(match is_good {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }

    fn live(
        &self,
        test: &Path,
        engine: &str,
        seeds: u64,
        server: Option<&str>,
    ) -> Result<(Lived, Duration)> {
        let began = Instant::now();
        let parts: Vec<Command> = parts(self.from..self.from + seeds, self.processes)
            .map(|Range { start, end }| {
                let mut part = Command::new(test);
                let Soak {
                    operations, twice, ..
                } = self;
                part.args([TEST, "--exact", "--nocapture", "--quiet"])
                    .env(SOAK, format!("{engine} {start} {end} {operations} {twice}"))
                    .current_dir(workspace().join("tests"))
                    .stdin(Stdio::null())
                    .stdout(Stdio::piped());
                if Path::new(MEMORY).is_dir() {
                    part.env("TMPDIR", MEMORY);
                }
                if let Some(server) = server {
                    part.env(postgres::VARIABLE, server);
                }
                part
            })
            .collect();
        let threads: Vec<_> = parts
            .into_iter()
            .map(|it| thread::spawn(move || follow(it)))
            .collect();
        let mut all = Lived::default();
        for part in threads {
            let part = part.join().expect("following does not panic")?;
            for (sum, it) in all.figures.iter_mut().zip(part.figures) {
                *sum += it;
            }
            all.failed.extend(part.failed);
        }
        Ok((all, began.elapsed()))
    }
}

/// Equal parts of the seeds.
fn parts(seeds: Range<u64>, many: u64) -> impl Iterator<Item = Range<u64>> {
    let many = many.max(1);
    let cut = move |nth: u64| seeds.start + (seeds.end - seeds.start) * nth / many;
    (0..many).map(move |nth| cut(nth)..cut(nth + 1))
}

/// Run a part, pass on what it says, and take the figures from it.
fn follow(mut part: Command) -> Result<Lived> {
    let mut child = part.spawn().context("cannot start the test")?;
    let out = child.stdout.take().context("no output")?;
    let mut lived = Lived::default();
    let mut is_whole = false;
    for line in BufReader::new(out).lines().map_while(Result::ok) {
        let Some(said) = line.strip_prefix("soak: ") else {
            continue;
        };
        println!("{said}");
        match said.split_once(' ') {
            Some(("failed", rest)) => {
                let (seed, why) = rest.split_once(' ').context("no reason")?;
                lived.failed.push((seed.parse()?, why.to_owned()));
            }
            Some(("lived", rest)) => {
                is_whole = true;
                let figures: Vec<u64> =
                    rest.split(' ').map(str::parse).collect::<Result<_, _>>()?;
                ensure!(
                    figures.len() == lived.figures.len(),
                    "`{said}` is not understood"
                );
                lived.figures.copy_from_slice(&figures);
            }
            _ => (),
        }
    }
    let status = child.wait()?;
    if !is_whole {
        bail!("the test ended with {status} and without its figures");
    }
    Ok(lived)
}

/// Seeds that failed are lived by every test from now on.
fn keep(engine: &str, failed: &[(u64, String)]) -> Result<()> {
    let path: PathBuf = workspace().join("tests/seeds.txt");
    let known = fs::read_to_string(&path)?;
    let first = |line: &str| line.split('#').next().unwrap_or_default().trim().to_owned();
    let known: Vec<String> = known.lines().map(first).collect();
    let mut file = OpenOptions::new().append(true).open(&path)?;
    for (seed, _) in failed {
        if !known.contains(&seed.to_string()) {
            writeln!(file, "{seed} # on {engine}: say here what it found")?;
        }
    }
    Ok(())
}
