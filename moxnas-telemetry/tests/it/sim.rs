//! Figures of a simulated machine.

use std::{sync::Arc, time::Duration};

use moxnas_core::clock::ManualClock;
use moxnas_telemetry::{CpuCounters, Sample, SimSource, Source, rate};

fn samples(seed: u64) -> Vec<Sample> {
    let clock = Arc::new(ManualClock::default());
    let source = SimSource::new(clock.clone(), seed);
    let steps = [0, 1, 5, 5, 60, 600, 3_600, 86_400, 864_000];
    let look = |step| {
        clock.advance(Duration::from_secs(step));
        source.sample().unwrap()
    };
    steps.into_iter().map(look).collect()
}

fn all(cpu: &CpuCounters) -> impl Iterator<Item = &moxnas_telemetry::CpuTime> {
    cpu.cores.values().chain([&cpu.total])
}

#[test]
fn the_same_time_and_seed_give_the_same_figures() {
    assert_eq!(samples(7), samples(7));
    assert_ne!(samples(7), samples(8));
}

#[test]
fn the_figures_are_those_of_a_machine() {
    for seed in 0..50 {
        let samples = samples(seed);
        for (before, after) in samples.iter().zip(&samples[1..]) {
            let (cpu, cpu_after) = (before.cpu.as_ref().unwrap(), after.cpu.as_ref().unwrap());
            for (before, after) in all(cpu).zip(all(cpu_after)) {
                let percent = rate::cpu_percent(before, after).unwrap();
                assert!((0.0..50.0).contains(&percent), "seed {seed}: {percent}");
            }
            let load = after.load.unwrap();
            assert!((0.0..4.0).contains(&load.one) && (0.0..4.0).contains(&load.fifteen));
            let memory = after.memory.unwrap();
            assert!(memory.available.unwrap() < memory.total);
        }
    }
}

#[test]
fn it_says_of_itself_that_it_is_simulated() {
    let host = SimSource::new(Arc::new(ManualClock::default()), 1).host();
    assert!(host.hostname.unwrap().contains("simulated"));
    assert!(host.os.unwrap().name.contains("Simulated"));
    assert!(host.cpu_model.unwrap().contains("Simulated"));
}
