//! `cargo xtask ci`: everything that has to hold before a change lands.

use std::{
    env,
    io::{BufRead as _, BufReader, Read, Write},
    process::{Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use moxnas_tests::lab::{AGENT_VARIABLE, IMAGE_VARIABLE, PRODUCT_VARIABLE};

use crate::{
    binaries::{build_product, cargo, has_nextest},
    postgres,
};

/// Crates that others may use.
const LIBRARIES: [&str; 7] = [
    "moxnas-core",
    "moxnas-raid",
    "moxnas-pool",
    "moxnas-shares",
    "moxnas-telemetry",
    "moxnas-app",
    "moxnas-api",
];

#[derive(clap::Args)]
pub(crate) struct Ci {
    /// Leave out the tests on virtual machines.
    #[arg(long)]
    no_lab: bool,
}

impl Ci {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let began = Instant::now();
        let mut done = Vec::new();
        let mut is_good = true;
        let postgres = postgres::Server::start()?;
        for (name, command) in parts(self.no_lab) {
            let mut command = command()?;
            command.env(postgres::VARIABLE, postgres.url());
            let result = run(name, command)?;
            is_good = result.is_good;
            done.push(result);
            if !is_good {
                break;
            }
        }
        print(&done, began.elapsed());
        Ok(if is_good {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

/// A part, by its name, and how its command is made.
type Part = (&'static str, fn() -> Result<Command>);

/// All parts in their order: what fails fast comes first.
fn parts(no_lab: bool) -> Vec<Part> {
    let mut parts: Vec<Part> = vec![
        ("format", || Ok(cargo_with("fmt --all --check"))),
        ("clippy", || {
            Ok(cargo_with(
                "clippy --workspace --all-targets --locked -- -D warnings",
            ))
        }),
        ("tests", tests),
        ("doc tests", || {
            Ok(cargo_with("test --doc --workspace --locked"))
        }),
        ("docs", docs),
        ("golden files", || Ok(chore("gen --check"))),
        ("generated client", || Ok(chore("sdk"))),
        ("interface", || Ok(chore("api-check"))),
        ("packages", packages),
    ];
    if !no_lab {
        parts.push(("lab, bookworm", || {
            Ok(chore(
                "lab test --suite bookworm --without conformance --without product",
            ))
        }));
        parts.push(("lab, product", || part_of("product", LIFE_PARTS)));
        parts.push(("lab, scenarios", || part_of("conformance", SCENARIO_PARTS)));
        parts.push(("lab, trixie", || Ok(chore("lab test smoke --suite trixie"))));
    }
    parts
}

/// Into so many parts the scenarios of conformance are divided: all of them take too long for each landing.
const SCENARIO_PARTS: u64 = 10;

/// The same for the lives of the whole product, from blank disks to the end.
const LIFE_PARTS: u64 = 6;

/// A part of the tests on virtual machines of which all take too long. Which one goes by the number of
/// commits: the same commit always has the same, and so many commits one after the other have all.
/// `cargo xtask lab test conformance` and `cargo xtask lab test product` run all at once.
fn part_of(filter: &'static str, parts: u64) -> Result<Command> {
    let mut git = Command::new("git");
    let said = git.args(["rev-list", "--count", "HEAD"]).output()?;
    let mut command = chore("lab test --suite bookworm");
    command.arg(filter);
    // Without a history there is no part to choose: all of them.
    if let Ok(commits) = String::from_utf8_lossy(&said.stdout).trim().parse::<u64>() {
        let part = format!("{}/{parts}", commits % parts + 1);
        println!("part {part} of {filter}");
        command.args(["--part", &part]);
    }
    Ok(command)
}

/// What proptest takes its cases from.
const SEED: &str = "PROPTEST_RNG_SEED";

/// Every test that needs no lab. The lab's own would end at once, and count as passed.
fn tests() -> Result<Command> {
    let mut command = if has_nextest() {
        let mut command = cargo_with("nextest run --workspace --locked --no-fail-fast -E");
        command.arg("not binary(lab)");
        command
    } else {
        cargo_with("test --workspace --locked --no-fail-fast --lib --bins --tests --examples")
    };
    for lab in [AGENT_VARIABLE, IMAGE_VARIABLE, PRODUCT_VARIABLE] {
        command.env_remove(lab);
    }
    // Whether a change may land is not for chance to say. Other cases are tried by whoever runs the
    // tests by hand, where each run has its own.
    if env::var_os(SEED).is_none() {
        command.env(SEED, "1");
    }
    // Else each test that starts the product would ask cargo whether it is built.
    command.env("MOXNAS_BIN", build_product()?);
    Ok(command)
}

fn docs() -> Result<Command> {
    let mut command = cargo_with("doc --workspace --no-deps --locked");
    command.env("RUSTDOCFLAGS", "-D warnings");
    Ok(command)
}

fn packages() -> Result<Command> {
    let mut command = cargo_with("package --no-verify --allow-dirty --locked --quiet");
    command.args(LIBRARIES.iter().flat_map(|it| ["--package", it]));
    Ok(command)
}

fn cargo_with(words: &str) -> Command {
    let mut command = cargo();
    command.args(words.split(' '));
    command
}

/// Another chore of this very program, even where cargo has built a newer one meanwhile.
fn chore(words: &str) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.args(words.split(' '));
    command
}

struct Done {
    name: &'static str,
    time: Duration,
    tests: Tests,
    is_good: bool,
}

fn run(name: &'static str, mut command: Command) -> Result<Done> {
    println!("\n==== {name} ====");
    let began = Instant::now();
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start {command:?}"))?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let out = thread::spawn(move || pass_on(out, std::io::stdout()));
    let err = thread::spawn(move || pass_on(err, std::io::stderr()));
    let status = child.wait()?;
    let mut tests = Tests::default();
    for lines in [out, err] {
        tests.add(lines.join().expect("passing lines on does not panic"));
    }
    let time = began.elapsed();
    let end = if status.success() { "passed" } else { "FAILED" };
    println!("==== {name}: {end} after {} ====", shown(time));
    Ok(Done {
        name,
        time,
        tests,
        is_good: status.success(),
    })
}

/// Print what comes, line by line, and count the tests it tells of.
fn pass_on(from: Option<impl Read>, mut to: impl Write) -> Tests {
    let mut tests = Tests::default();
    let Some(from) = from else { return tests };
    for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
        tests.add(Tests::told_by(&String::from_utf8_lossy(&line)));
        // Nobody to tell that nobody reads.
        let _ = to.write_all(&line).and_then(|()| to.write_all(b"\n"));
    }
    tests
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tests {
    passed: u64,
    failed: u64,
}

impl Tests {
    /// The closing line of a test runner: of `cargo test`, of nextest, or a chore's own.
    fn told_by(line: &str) -> Tests {
        // What nextest repeats of a test that failed is indented; that test may pass when it is
        // tried again.
        let is_closing = line.starts_with("test result:")
            || line.trim_start().starts_with("Summary [")
            || line.starts_with("client:")
            || line.starts_with("api-check:");
        let mut tests = Tests::default();
        if !is_closing {
            return tests;
        }
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        for pair in words.windows(2) {
            let Ok(number) = pair[0].parse::<u64>() else {
                continue;
            };
            match pair[1].trim_end_matches([',', ';']) {
                "passed" => tests.passed += number,
                "failed" | "timed" => tests.failed += number,
                _ => (),
            }
        }
        tests
    }

    fn add(&mut self, other: Tests) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

fn print(done: &[Done], time: Duration) {
    println!(
        "\n{:<18} {:>8} {:>7} {:>7}",
        "part", "time", "passed", "failed"
    );
    let mut all = Tests::default();
    for it in done {
        let Tests { passed, failed } = it.tests;
        let end = if it.is_good { "" } else { "  FAILED" };
        match it.tests == Tests::default() {
            true => println!("{:<18} {:>8}{end}", it.name, shown(it.time)),
            false => println!(
                "{:<18} {:>8} {passed:>7} {failed:>7}{end}",
                it.name,
                shown(it.time)
            ),
        }
        all.add(it.tests);
    }
    println!("{:<18} {:>8}", "all", shown(time));
    // A part without tests fails as one.
    let failed_parts = done
        .iter()
        .filter(|it| !it.is_good && it.tests.failed == 0)
        .count() as u64;
    println!(
        "\n{} passed, {} failed",
        all.passed,
        all.failed + failed_parts
    );
}

fn shown(time: Duration) -> String {
    format!("{}:{:02}", time.as_secs() / 60, time.as_secs() % 60)
}

#[cfg(test)]
mod tests {
    use super::Tests;

    #[test]
    fn closing_lines_are_counted() {
        let told = |line| (Tests::told_by(line).passed, Tests::told_by(line).failed);
        let cargo =
            "test result: FAILED. 7 passed; 2 failed; 1 ignored; 0 measured; 3 filtered out";
        assert_eq!(told(cargo), (7, 2));
        let nextest = "     Summary [   3.207s] 9 tests run: 6 passed (1 slow), 2 failed, 1 timed out, 4 skipped";
        assert_eq!(told(nextest), (6, 3));
        assert_eq!(told("client: 8 passed, 0 failed"), (8, 0));
        assert_eq!(told("api-check: 1504 passed, 3 failed"), (1504, 3));
        assert_eq!(told("    test result: FAILED. 0 passed; 1 failed"), (0, 0));
        assert_eq!(told("3 passed, and a test that says so"), (0, 0));
    }
}
