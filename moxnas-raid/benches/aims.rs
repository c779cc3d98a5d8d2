//! What the crate costs, each figure beside a baseline of the same run: `cargo xtask bench --raid`.
//!
//! A limit holds on any machine, and whoever misses one ends in failure. An aim is a time, and whether
//! it is reached tells as much of the machine: where the baseline alone takes longer, it cannot be.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "it talks to a terminal, and what fails here is the measurement"
)]

mod machine;
mod stopwatch;
mod text;

use std::{hint::black_box, process::ExitCode, time::Duration};

use moxnas_raid::{Change, ExpectedArray, expected::compare, mdstat, plan};

use self::{
    machine::{ARRAYS, DISKS, Machine},
    stopwatch::{Pace, Pair, beside},
};

/// Parsing may cost so many times what splitting the text and copying its words costs.
const PARSE_LIMIT: f64 = 4.0;
const PARSE_AIM: Duration = Duration::from_micros(5);
/// That ratio may grow so many times from 18 arrays to 1,000: an array must not cost more for the
/// company it is in. Beside the baseline, because the caches of a processor hold only the small text.
const GROWTH_LIMIT: f64 = 1.5;
/// A look may cost so many times what reading its files costs.
const LOOK_LIMIT: f64 = 2.0;
const LOOK_AIM: Duration = Duration::from_millis(50);
const PLAN_LIMIT: Duration = Duration::from_millis(1);

fn main() -> ExitCode {
    let (few, many) = (parsing(18, 100), parsing(1000, 2));
    let growth = many.ratio() / few.ratio();
    let mut rows = vec![
        Row::of("mdstat of 18 arrays", &few, "split and copy it")
            .limit(few.ratio() <= PARSE_LIMIT, &format!("ratio {PARSE_LIMIT}"))
            .aim(few.figure, PARSE_AIM),
        Row::of("mdstat of 1,000 arrays", &many, "split and copy it")
            .limit(many.ratio() <= PARSE_LIMIT, &format!("ratio {PARSE_LIMIT}"))
            .limit(
                growth <= GROWTH_LIMIT,
                &format!("{GROWTH_LIMIT} times that of 18"),
            ),
    ];
    let machine = Machine::new();
    rows.push(looking(&machine));
    rows.push(comparing(&machine));
    rows.extend(
        machine
            .wishes()
            .iter()
            .map(|(what, wish)| planning(&machine, what, wish)),
    );
    print(&rows);
    match rows.iter().all(|it| it.is_good) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn parsing(arrays: usize, times: u32) -> Pair {
    let text = text::mdstat(arrays);
    assert_eq!(mdstat::parse(&text).strict().unwrap().arrays.len(), arrays);
    beside(
        Pace { times, rounds: 500 },
        || drop(black_box(mdstat::parse(black_box(&text)))),
        || drop(black_box(text::split(black_box(&text)))),
    )
}

fn looking(machine: &Machine) -> Row {
    let pair = beside(
        Pace {
            times: 1,
            rounds: 60,
        },
        || drop(black_box(machine.look())),
        || _ = black_box(machine.read()),
    );
    let what = format!("look at {ARRAYS} arrays, {DISKS} disks");
    let baseline = format!("read its {} files", machine.files.len());
    Row::of(&what, &pair, &baseline)
        .limit(pair.ratio() <= LOOK_LIMIT, &format!("ratio {LOOK_LIMIT}"))
        .aim(pair.figure, LOOK_AIM)
}

/// Every look is held against what is expected.
fn comparing(machine: &Machine) -> Row {
    let expected = ExpectedArray::all_of(&machine.seen);
    assert_eq!(expected.len(), ARRAYS);
    let pair = beside(
        Pace {
            times: 1,
            rounds: 200,
        },
        || drop(black_box(compare(&expected, black_box(&machine.seen)))),
        || drop(black_box(machine.seen.clone())),
    );
    Row::of(
        "hold it against what is expected",
        &pair,
        "copy what was seen",
    )
}

fn planning(machine: &Machine, what: &str, wish: &Change) -> Row {
    let pair = beside(
        Pace {
            times: 1,
            rounds: 200,
        },
        || drop(black_box(plan(&machine.seen, black_box(wish)).unwrap())),
        || drop(black_box(machine.seen.clone())),
    );
    Row::of(
        &format!("plan there to {what}"),
        &pair,
        "copy what was seen",
    )
    .limit(pair.figure < PLAN_LIMIT, &time(PLAN_LIMIT))
}

/// A line of the table.
struct Row {
    what: String,
    figure: String,
    baseline: String,
    ratio: String,
    verdict: String,
    is_good: bool,
}

impl Row {
    fn of(what: &str, pair: &Pair, baseline: &str) -> Row {
        Row {
            what: what.to_owned(),
            figure: time(pair.figure),
            baseline: format!("{}: {baseline}", time(pair.baseline)),
            ratio: format!("{:.2}", pair.ratio()),
            verdict: String::new(),
            is_good: true,
        }
    }

    fn limit(mut self, is_met: bool, limit: &str) -> Row {
        let verdict = if is_met { "met" } else { "MISSED" };
        self.verdict += &format!("limit {limit}: {verdict}  ");
        self.is_good &= is_met;
        self
    }

    fn aim(mut self, figure: Duration, aim: Duration) -> Row {
        let verdict = if figure <= aim { "met" } else { "missed" };
        self.verdict += &format!("aim {}: {verdict}  ", time(aim));
        self
    }
}

fn time(it: Duration) -> String {
    match it.as_secs_f64() {
        it if it < 1e-3 => format!("{:.1} µs", it * 1e6),
        it => format!("{:.2} ms", it * 1e3),
    }
}

fn print(rows: &[Row]) {
    let heads = ["what", "figure", "baseline", "ratio", ""].map(str::to_owned);
    let cells =
        |it: &Row| [&it.what, &it.figure, &it.baseline, &it.ratio, &it.verdict].map(String::clone);
    let table: Vec<[String; 5]> = std::iter::once(heads)
        .chain(rows.iter().map(cells))
        .collect();
    let widths: [usize; 5] = std::array::from_fn(|at| {
        table
            .iter()
            .map(|it| it[at].chars().count())
            .max()
            .unwrap_or(0)
    });
    for row in &table {
        let cells = row
            .iter()
            .zip(widths)
            .map(|(it, width)| format!("{it:width$}  "));
        println!("{}", cells.collect::<String>().trim_end());
    }
}
