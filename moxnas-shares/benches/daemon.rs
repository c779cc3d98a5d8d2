//! How long a change of one share among 1,000 is under way to those who use it, beyond what
//! testparm(1) takes to read them: `cargo xtask bench --shares`. smbd, testparm and smbclient are
//! Debian's. Whoever misses the aim ends in failure.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "it talks to a terminal, and what fails here is the measurement"
)]

#[expect(dead_code, reason = "tests do more with it")]
#[path = "../tests/it/samba/world.rs"]
mod world;

use std::{process::ExitCode, time::Duration};

use moxnas_core::{chain::chain, clock::Stopwatch};
use moxnas_shares::model::{Intent, Smb};

use self::world::World;

const SHARES: usize = 1_000;
const ROUNDS: usize = 15;
/// What a change may take beyond testparm(1).
const AIM: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let Some(world) = World::new() else {
        return ExitCode::SUCCESS;
    };
    let mut intent = Intent {
        shares: (0..SHARES)
            .map(|it| world.share(&format!("share-{it}"), Smb::default()))
            .collect(),
        ..Intent::default()
    };
    let offered = world.offer(&intent);
    offered.map_err(|it| chain(&it)).unwrap();
    let mut rounds: Vec<(Duration, Duration)> = (0..ROUNDS)
        .map(|round| {
            let description = format!("Changed {round} times");
            intent.shares[SHARES / 2].description = description.parse().unwrap();
            let (checked, since) = (world.checked(), Stopwatch::start());
            let offered = world.offer(&intent);
            offered.map_err(|it| chain(&it)).unwrap();
            let (all, checking) = (since.elapsed(), world.checked() - checked);
            (all - checking, checking)
        })
        .collect();
    assert_eq!(world.steps(&intent), [], "all of it was done");
    rounds.sort_unstable();
    let [best, median, worst] = [0, ROUNDS / 2, ROUNDS - 1].map(|it| rounds[it]);
    let ms = |it: Duration| it.as_secs_f64() * 1e3;
    let is_met = median.0 <= AIM;
    println!(
        "one share of {SHARES} changed: smbd offers it {:.0} ms (best {:.0}, worst {:.0}) beyond the {:.0} ms \
         of testparm, aim {:.0} ms: {}",
        ms(median.0),
        ms(best.0),
        ms(worst.0),
        ms(median.1),
        ms(AIM),
        if is_met { "met" } else { "MISSED" },
    );
    match is_met {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
