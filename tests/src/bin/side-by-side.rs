//! Every scenario on the simulation and on a real machine, side by side. `cargo xtask conformance` starts it
//! with the machines that it needs.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it talks to a terminal"
)]

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    str::FromStr,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use anyhow::{Context as _, Result};
use clap::Parser;
use moxnas_tests::{
    conformance::{AnyScenario, compare, in_dialect},
    lab::{Image, Lab, Suite},
};

/// A scenario may meet a machine in a moment that passes, on a loaded machine.
const TRIES: usize = 2;

#[derive(Parser)]
struct SideBySide {
    /// Only the scenarios whose names contain one of these.
    filter: Vec<String>,
    /// A Debian release that they are held against, and the folder of its image.
    #[arg(long, value_name = "SUITE=FOLDER", required = true)]
    on: Vec<Release>,
    /// The program that asks and tells the machines.
    #[arg(long)]
    agent: PathBuf,
    /// Machines at a time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Print what each scenario saw, on both sides.
    #[arg(long)]
    values: bool,
}

/// A Debian release with its image.
#[derive(Clone)]
struct Release {
    suite: Suite,
    image: Image,
}

impl FromStr for Release {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> Result<Self> {
        let (suite, folder) = text.split_once('=').context("it is no SUITE=FOLDER")?;
        let folder = PathBuf::from(folder);
        let suite = suite.parse().map_err(anyhow::Error::msg)?;
        Ok(Self {
            suite,
            image: Image { folder },
        })
    }
}

fn main() -> Result<ExitCode> {
    SideBySide::parse().run()
}

/// How a scenario went on a real machine.
struct Held {
    /// What both saw, or how they differ.
    outcome: Result<usize, String>,
    seconds: f32,
    tries: usize,
}

impl SideBySide {
    fn run(self) -> Result<ExitCode> {
        let is_meant = |it: &AnyScenario| {
            let mut parts = self.filter.iter();
            self.filter.is_empty() || parts.any(|part| it.name().contains(part.as_str()))
        };
        let scenarios: Vec<AnyScenario> = AnyScenario::all().filter(is_meant).collect();
        let folder = PathBuf::from("target/conformance");
        let mut table: Vec<Vec<Held>> = scenarios.iter().map(|_| Vec::new()).collect();
        for release in &self.on {
            let folder = folder.join(release.suite.to_string());
            fs::create_dir_all(&folder).context("cannot make target/conformance")?;
            let held = self.on_real_machines(&scenarios, release, &folder)?;
            for (row, held) in table.iter_mut().zip(held) {
                row.push(held);
            }
        }
        print!("{}", self.shown(&scenarios, &table));
        println!("what each side saw: {}", folder.display());
        let all_hold = table.iter().flatten().all(|it| it.outcome.is_ok());
        Ok(match all_hold {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }

    fn on_real_machines(
        &self,
        scenarios: &[AnyScenario],
        release: &Release,
        folder: &Path,
    ) -> Result<Vec<Held>> {
        let suite = release.suite;
        let next = AtomicUsize::new(0);
        let held: Vec<Mutex<Option<Held>>> = scenarios.iter().map(|_| Mutex::new(None)).collect();
        thread::scope(|scope| {
            for _ in 0..self.jobs.max(1) {
                scope.spawn(|| {
                    loop {
                        let place = next.fetch_add(1, Ordering::Relaxed);
                        let (Some(scenario), Some(cell)) = (scenarios.get(place), held.get(place))
                        else {
                            return;
                        };
                        let one = hold(*scenario, release, &self.agent, folder);
                        let word = if one.outcome.is_ok() {
                            "equal"
                        } else {
                            "DIFFERENT"
                        };
                        eprintln!("{suite}: {} {word} ({:.0} s)", scenario.name(), one.seconds);
                        *cell.lock().expect("nobody panics with it") = Some(one);
                    }
                });
            }
        });
        held.into_iter()
            .map(|it| {
                let one = it.into_inner().expect("nobody panics with it");
                one.context("a scenario was not run")
            })
            .collect()
    }

    fn shown(&self, scenarios: &[AnyScenario], table: &[Vec<Held>]) -> String {
        let mut text = String::new();
        let width = scenarios
            .iter()
            .map(|it| it.name().len())
            .max()
            .unwrap_or(0);
        let _ = write!(text, "{:width$}  simulation", "scenario");
        for release in &self.on {
            let _ = write!(text, "  {:>24}", release.suite.to_string());
        }
        text.push('\n');
        for (scenario, row) in scenarios.iter().zip(table) {
            let lines = row.iter().find_map(|it| it.outcome.as_ref().ok());
            let lines = lines.map_or_else(|| "-".to_owned(), |it| format!("{it} lines"));
            let _ = write!(text, "{:width$}  {lines:>10}", scenario.name());
            for held in row {
                let word = match &held.outcome {
                    Ok(_) => "equal",
                    Err(_) => "DIFFERENT",
                };
                let again = if held.tries > 1 { ", second try" } else { "" };
                let cell = format!("{word}{again} {:.0} s", held.seconds);
                let _ = write!(text, "  {cell:>24}");
            }
            text.push('\n');
            for held in row {
                if let Err(why) = &held.outcome {
                    let _ = writeln!(text, "{why}");
                }
            }
        }
        for (place, release) in self.on.iter().enumerate() {
            let suite = release.suite;
            let column = || table.iter().filter_map(|it| it.get(place));
            let hold = column().filter(|it| it.outcome.is_ok()).count();
            let _ = writeln!(
                text,
                "{suite}: {hold} of {} scenarios hold on the simulation and on real machines alike",
                column().count()
            );
        }
        if self.values {
            for scenario in scenarios {
                let seen = scenario.simulated();
                let seen = seen.unwrap_or_else(|err| format!("{err:#}"));
                let _ = writeln!(text, "\n{}\n{seen}", scenario.name());
            }
        }
        text
    }
}

fn hold(scenario: AnyScenario, release: &Release, agent: &Path, folder: &Path) -> Held {
    let began = Instant::now();
    let mut tries = 0;
    let outcome = loop {
        tries += 1;
        match hold_once(scenario, release, agent, folder) {
            Ok(lines) => break Ok(lines),
            Err(why) if tries >= TRIES => break Err(format!("{why:#}")),
            Err(_) => (),
        }
    };
    Held {
        outcome,
        seconds: began.elapsed().as_secs_f32(),
        tries,
    }
}

/// How many lines both saw.
fn hold_once(
    scenario: AnyScenario,
    release: &Release,
    agent: &Path,
    folder: &Path,
) -> Result<usize> {
    let Release { suite, image } = release;
    let simulated = scenario.simulated()?;
    let simulated = in_dialect(*suite, scenario.name(), &simulated)?;
    let real = scenario.real(Lab::new(image.clone(), agent))?;
    let file = folder.join(format!("{}.txt", scenario.name()));
    let both = format!("on the simulation\n\n{simulated}\non a real machine, {suite}\n\n{real}");
    fs::write(&file, both).with_context(|| format!("cannot write {}", file.display()))?;
    compare(&simulated, &real)?;
    Ok(real.lines().count())
}
