//! Samples of a captured machine.

use std::{
    fs,
    sync::Arc,
    time::{Duration, SystemTime},
};

use moxnas_core::{
    clock::{ManualClock, SystemClock},
    root::Root,
    units::Bytes,
};
use moxnas_telemetry::{ProcSource, Sample, Source, rate};

use crate::host::fixture;

fn sample(root: Root) -> Sample {
    ProcSource::new(root, Arc::new(ManualClock::default()))
        .sample()
        .unwrap()
}

#[test]
fn a_captured_machine_is_measured() {
    let sample = sample(fixture());
    assert_eq!(sample.missing, []);
    assert_eq!(sample.taken_at, SystemTime::UNIX_EPOCH);
    let cpu = sample.cpu.unwrap();
    assert_eq!(cpu.cores.len(), 2);
    assert_eq!(
        (cpu.total.user, cpu.total.idle, cpu.total.steal),
        (124_897, 277_909, 112)
    );
    assert_eq!((cpu.cores[&1].user, cpu.cores[&1].softirq), (62_056, 298));
    let memory = sample.memory.unwrap();
    assert!(memory.available.unwrap() < memory.total);
    assert_eq!(memory.swap_total, Bytes(0));
    let load = sample.load.unwrap();
    assert_eq!((load.one, load.five, load.fifteen), (6.14, 4.64, 2.59));
    assert_eq!(sample.uptime, Some(Duration::from_millis(2_347_260)));
    let booted_at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_169_199);
    assert_eq!(sample.booted_at, Some(booted_at));
    assert!(sample.own.unwrap().resident > Bytes(0));
}

#[test]
fn what_is_not_there_is_missing_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let root = Root::fixture(dir.path());
    let err = ProcSource::new(root.clone(), Arc::new(SystemClock))
        .sample()
        .unwrap_err();
    assert_eq!(
        err.to_string(),
        "nothing could be measured: there is no /proc/stat"
    );
    assert_eq!(err.why.len(), 6);

    fs::create_dir_all(dir.path().join("proc")).unwrap();
    fs::write(dir.path().join("proc/uptime"), "12.5 20.0\n").unwrap();
    fs::write(dir.path().join("proc/loadavg"), "none\n").unwrap();
    let sample = sample(root);
    assert_eq!(sample.uptime, Some(Duration::from_millis(12_500)));
    assert_eq!((sample.cpu, sample.load), (None, None));
    let why: Vec<String> = sample
        .missing
        .iter()
        .map(|it| format!("{}: {}", it.what, it.why))
        .collect();
    assert_eq!(
        why,
        [
            "cpu: there is no /proc/stat",
            "booted_at: it stands in /proc/stat as well",
            "memory: there is no /proc/meminfo",
            "load: /proc/loadavg was not understood",
            "own: there is no /proc/self/status",
        ]
    );
}

#[test]
fn this_machine_can_be_measured() {
    let source = ProcSource::new(Root::system(), Arc::new(SystemClock));
    let total = || source.sample().unwrap().cpu.unwrap().total;
    let (before, after) = (total(), total());
    if let Some(percent) = rate::cpu_percent(&before, &after) {
        assert!((0.0..=100.0).contains(&percent));
    }
}
