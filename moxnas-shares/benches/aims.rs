//! What rendering shares costs, beside Jinja2 rendering the same in the same run: `cargo xtask bench --shares`.
//! Whoever misses an aim ends in failure.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "it talks to a terminal, starts its peer, and what fails here is the measurement"
)]

use std::{
    fs,
    hint::black_box,
    process::ExitCode,
    time::{Duration, Instant},
};

use moxnas_core::{
    chain::chain,
    cmd::{Cmd, Runner as _, SystemRunner, Tool},
};
use moxnas_shares::{
    model::{Intent, Mode, Share, Smb},
    render::{Places, render},
};

const ROUNDS: usize = 200;
/// Jinja2 has to take at least so many times as long.
const RATIO: f64 = 6.0;
/// How long so many shares may take, in ms.
const AIMS: [(usize, f64); 2] = [(1_000, 1.0), (10_000, 10.0)];
/// Ten times as many shares may take so many times as long.
const LINEAR: f64 = 12.0;

fn main() -> ExitCode {
    let mut is_met = true;
    let mut figures = Vec::new();
    for (count, aim) in AIMS {
        let intent = shares(count);
        let (ours, text) = ours(&intent);
        let (peer, other) = peer(count);
        let sections = |text: &str| text.lines().filter(|it| it.starts_with("[share-")).count();
        assert_eq!(
            (sections(&text), sections(&other)),
            (count, count),
            "both render all"
        );
        let ratio = peer / ours;
        let (fast, faster) = (ours <= aim, ratio >= RATIO);
        is_met &= fast && faster;
        println!(
            "render {count} shares, {} KiB  {ours:.2} ms, aim {aim} ms: {}  Jinja2, {} KiB: {peer:.2} ms  \
             ratio {ratio:.1}, aim {RATIO}: {}",
            text.len() / 1024,
            word(fast),
            other.len() / 1024,
            word(faster),
        );
        figures.push(ours);
    }
    let growth = figures[1] / figures[0];
    is_met &= growth <= LINEAR;
    println!(
        "ten times as many take {growth:.1} times as long, limit {LINEAR}: {}",
        word(growth <= LINEAR)
    );
    match is_met {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn word(is_met: bool) -> &'static str {
    if is_met { "met" } else { "MISSED" }
}

fn shares(count: usize) -> Intent {
    let share = |number: usize| Share {
        description: format!("Share number {number}").parse().unwrap(),
        smb: Some(Smb {
            read_only: number.is_multiple_of(2),
            valid_users: vec!["alice".parse().unwrap(), "@family".parse().unwrap()],
            write_list: vec!["bob".parse().unwrap()],
            hosts_allow: vec!["192.168.1.0/24".parse().unwrap()],
            create_mask: Mode::new(0o660),
            ..Smb::default()
        }),
        ..Share::new(
            format!("share-{number}").parse().unwrap(),
            format!("/srv/tank/share-{number}").parse().unwrap(),
        )
    };
    Intent {
        shares: (0..count).map(share).collect(),
        ..Intent::default()
    }
}

/// The best round in ms, of all files and not of smb.conf alone.
fn ours(intent: &Intent) -> (f64, String) {
    let places = Places::default();
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            black_box(render(black_box(intent), &places).unwrap());
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    let files = render(intent, &places).unwrap();
    let file = files
        .into_iter()
        .find(|it| it.path == places.samba)
        .unwrap();
    (times[0].as_secs_f64() * 1e3, file.text)
}

fn peer(count: usize) -> (f64, String) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("smb.conf");
    let python = Cmd::new(Tool::new("python3"))
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peer.py"))
        .args([count.to_string(), ROUNDS.to_string()])
        .arg(&out);
    let output = SystemRunner.run(&python).map_err(|err| chain(&err));
    let figure = output.expect("apt-get install python3-jinja2").text();
    (
        figure.trim().parse().unwrap(),
        fs::read_to_string(out).unwrap(),
    )
}
