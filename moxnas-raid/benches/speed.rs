//! What the crate costs, at leisure: `cargo bench -p moxnas-raid --bench speed`. What must hold is in
//! `aims.rs`, which measures the same.
#![expect(clippy::unwrap_used, reason = "what fails here is the measurement")]

mod machine;
mod text;

use std::sync::LazyLock;

use divan::Bencher;
use moxnas_raid::{mdstat, plan};

use self::machine::Machine;

static MACHINE: LazyLock<Machine> = LazyLock::new(Machine::new);

const ARRAYS: [usize; 4] = [18, 100, 300, 1000];

fn main() {
    divan::main();
}

#[divan::bench(args = ARRAYS)]
fn parse_mdstat(bencher: Bencher, arrays: usize) {
    let text = text::mdstat(arrays);
    bencher
        .counter(divan::counter::BytesCount::of_str(&text))
        .bench_local(|| mdstat::parse(&text));
}

#[divan::bench(args = ARRAYS)]
fn split_mdstat(bencher: Bencher, arrays: usize) {
    let text = text::mdstat(arrays);
    bencher
        .counter(divan::counter::BytesCount::of_str(&text))
        .bench_local(|| text::split(&text));
}

#[divan::bench]
fn look() -> impl Sized {
    MACHINE.look()
}

#[divan::bench]
fn read_the_files_of_a_look() -> usize {
    MACHINE.read()
}

#[divan::bench(args = MACHINE.wishes().into_iter().map(|it| it.0))]
fn plan_to(bencher: Bencher, what: &str) {
    let wish = MACHINE
        .wishes()
        .into_iter()
        .find(|it| it.0 == what)
        .unwrap()
        .1;
    bencher.bench_local(|| plan(&MACHINE.seen, &wish));
}
