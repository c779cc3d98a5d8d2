//! Work on single disks: wiping, burn-in, lights, and what is refused.

use std::time::Duration;

use moxnas_app::{
    Error, Seen,
    disk_plan::WipeLevel,
    operation::{LongChange, Terms},
    ops::{
        arrays::ArrayCreate,
        disks::{DiskBurnIn, DiskLocate, DiskWipe},
        jobs::{JobCancel, JobRetry},
    },
    store::{Job, JobState},
};
use moxnas_core::{
    chain::chain,
    disk::{BlockKind, DeviceId, SanitizeMethod, Signature},
    sim::{DiskSpec, Fault, Node},
    units::Bytes,
};
use moxnas_raid::Level;
use serde_json::json;

use crate::jobs::{Box_, actor};

const GIB: u64 = 1 << 30;

fn wipe(disk: &str, level: WipeLevel) -> DiskWipe {
    DiskWipe {
        disk: disk.to_owned(),
        level,
        method: None,
    }
}

/// A machine with these disks.
async fn box_with(specs: impl IntoIterator<Item = DiskSpec>) -> Box_ {
    let box_ = Box_::with_arrays(&[]).await;
    for spec in specs {
        box_.sim.plug(spec);
    }
    box_.app.look().await.unwrap();
    box_
}

fn has(box_: &Box_, name: &str, kind: &str) {
    let mut state = box_.sim.state();
    let id = state.id_of(name).unwrap();
    let signature = Signature::new(kind, "1234-5678");
    state.contents_mut(&id).signatures.push(signature);
}

/// Begin what was planned.
async fn begin<C: LongChange>(box_: &Box_, change: C) -> Result<Job, Error> {
    let plan = box_.app.plan(&actor(), &change).await?;
    let terms = Terms {
        confirm: Some(plan.fingerprint.parse().unwrap()),
        if_match: None,
    };
    box_.app.begin(&actor(), change, terms).await
}

/// Let time pass until it is so.
async fn until(box_: &Box_, id: &str, is_so: impl Fn(&Job) -> bool) -> Job {
    for _ in 0..4000 {
        let job = box_.app.store.job(id).await.unwrap().unwrap();
        if is_so(&job) {
            return job;
        }
        // Whatever else the machine does, no time passes while a job has something to do.
        box_.app.jobs.all_rest().await;
        box_.pass(Duration::from_secs(2)).await;
    }
    panic!("{:#?}", box_.app.store.job(id).await.unwrap());
}

async fn until_over(box_: &Box_, id: &str) -> Job {
    until(box_, id, |it| it.state.is_over()).await
}

async fn until_at(box_: &Box_, id: &str, percent: u16) -> Job {
    until(box_, id, |it| {
        assert!(!it.state.is_over(), "{it:#?}");
        it.progress.is_some_and(|it| it >= percent * 100)
    })
    .await
}

async fn refused<C: LongChange>(box_: &Box_, change: C) -> (String, Option<String>) {
    let err = box_.app.plan(&actor(), &change).await.unwrap_err();
    assert!(!chain(&err).is_empty());
    (err.code().to_owned(), err.hint())
}

#[tokio::test]
async fn an_overwrite_goes_to_the_end_and_is_read_back() {
    let box_ = box_with([DiskSpec::hdd("A", 10 * GIB)]).await;
    has(&box_, "sda", "ext4");
    let change = wipe("A", WipeLevel::Overwrite);
    let unconfirmed = box_
        .app
        .begin(&actor(), change.clone(), Terms::default())
        .await
        .unwrap_err();
    let plan = unconfirmed.plan().unwrap();
    assert!(plan.dangers[0].contains("ext4"), "{plan:#?}");
    let takes = plan.steps[0].takes.as_ref().unwrap();
    assert!(takes.at_most > takes.at_least && takes.because.contains("assuming"));
    assert_eq!(plan.steps[0].destroys.len(), 1);

    let job = begin(&box_, change).await.unwrap();
    let id = box_.app.seen().device("A").unwrap();
    assert_eq!(job.new.object, format!("disk:{id}"));
    until_at(&box_, &job.new.id, 30).await;
    let done = until_over(&box_, &job.new.id).await;
    assert_eq!(done.state, JobState::Succeeded, "{done:#?}");
    let result = done.result.unwrap();
    assert_eq!(result["written_bytes"], 10 * GIB);
    assert_eq!(
        (&result["samples"], &result["samples_differ"]),
        (&json!(256), &json!(0))
    );
    let speed = result["bytes_per_second"].as_u64().unwrap();
    assert!((50_000_000..=151_000_000).contains(&speed), "{result}");
    let seen = box_.app.seen();
    assert_eq!(
        seen.raid.devices.resolve("A").unwrap().content(),
        "no signature"
    );
}

#[tokio::test]
async fn signatures_and_discard_say_what_they_did_not_do() {
    let parted = DiskSpec {
        partitions: vec![Bytes(GIB)],
        ..DiskSpec::ssd("A", 4 * GIB)
    };
    let box_ = box_with([parted, DiskSpec::ssd("B", 4 * GIB)]).await;
    has(&box_, "sda", "gpt");
    has(&box_, "sda1", "ext4");
    let change = wipe("A", WipeLevel::Signatures);
    let plan = box_.app.plan(&actor(), &change).await.unwrap();
    let what: Vec<&str> = plan.steps.iter().map(|it| it.what.as_str()).collect();
    assert!(what[0].ends_with("-part1") && what.len() == 2, "{what:?}");
    assert_eq!(
        plan.steps[1].command.as_ref().unwrap()[..2],
        ["wipefs", "--all"]
    );
    assert!(
        plan.warnings[0].contains("can be read"),
        "{:?}",
        plan.warnings
    );
    let job = begin(&box_, change).await.unwrap();
    let done = until_over(&box_, &job.new.id).await;
    assert_eq!(done.state, JobState::Succeeded, "{done:#?}");
    assert!(done.message.unwrap().contains("was not erased"));
    assert_eq!(
        box_.app.seen().raid.devices.by_name.len(),
        2,
        "no partition is left"
    );

    let job = begin(&box_, wipe("B", WipeLevel::Discard)).await.unwrap();
    let done = until_over(&box_, &job.new.id).await;
    assert_eq!(done.state, JobState::Succeeded, "{done:#?}");
    assert!(done.message.unwrap().contains("is not known"));
    let result = done.result.unwrap();
    assert_eq!(result["discarded_bytes"], 4 * GIB);
    assert_eq!(result["samples_zero"], 256);
}

#[tokio::test]
async fn a_cancelled_overwrite_stops_and_lets_the_disk_go() {
    let box_ = box_with([DiskSpec::hdd("A", 100 * GIB)]).await;
    let job = begin(&box_, wipe("A", WipeLevel::Overwrite)).await.unwrap();
    until_at(&box_, &job.new.id, 10).await;
    let again = begin(&box_, wipe("A", WipeLevel::Signatures))
        .await
        .unwrap_err();
    assert_eq!(again.code(), "disk_worked_on");
    box_.sim.plug(DiskSpec::hdd("B", 100 * GIB));
    let disks = vec!["A".to_owned(), "B".to_owned()];
    let create = ArrayCreate::new("data".parse().unwrap(), Level::Raid1, disks);
    let plan = box_.app.plan(&actor(), &create).await.unwrap();
    let terms = Terms {
        confirm: Some(plan.fingerprint.parse().unwrap()),
        if_match: None,
    };
    let busy = box_.app.change(&actor(), create, terms).await.unwrap_err();
    assert_eq!(busy.code(), "disk_worked_on", "{busy:?}");
    assert!(busy.hint().unwrap().contains(&job.new.id));

    let cancel = JobCancel {
        job: job.new.id.clone(),
    };
    box_.app.call(&actor(), cancel).await.unwrap();
    let over = until_over(&box_, &job.new.id).await;
    assert_eq!(over.state, JobState::Cancelled);
    let job = begin(&box_, wipe("A", WipeLevel::Signatures))
        .await
        .unwrap();
    let done = until_over(&box_, &job.new.id).await;
    assert_eq!(done.state, JobState::Succeeded, "{done:#?}");
}

#[tokio::test]
async fn an_overwrite_goes_on_where_it_was_after_a_kill() {
    let mut box_ = box_with([DiskSpec::hdd("A", 100 * GIB)]).await;
    let job = begin(&box_, wipe("A", WipeLevel::Overwrite)).await.unwrap();
    until_at(&box_, &job.new.id, 40).await;
    box_.restart().await;
    assert_eq!(box_.app.resume_jobs().await.unwrap(), 1);
    let done = until_over(&box_, &job.new.id).await;
    assert_eq!(done.state, JobState::Succeeded, "{done:#?}");
    let log = box_.app.store.job_log(&job.new.id, 0, 100).await.unwrap();
    assert!(
        log.iter().any(|it| it.line.starts_with("goes on at")),
        "{log:#?}"
    );
    let result = done.result.unwrap();
    assert_eq!(result["written_bytes"], 100 * GIB);
}

#[tokio::test]
async fn what_goes_wrong_on_the_way_is_said() {
    for (fault, code) in [
        ("lies", "not_verified"),
        ("fails", "step_failed"),
        ("hangs", "step_failed"),
        ("power", "step_failed"),
    ] {
        let box_ = box_with([DiskSpec::hdd("A", 10 * GIB)]).await;
        let matching = "at 50 %".to_owned();
        box_.sim.inject(match fault {
            "lies" => Fault::StepLies { matching },
            "fails" => Fault::StepFails { matching },
            "hangs" => Fault::StepHangs { matching },
            _ => Fault::PowerCut { matching },
        });
        let job = begin(&box_, wipe("A", WipeLevel::Overwrite)).await.unwrap();
        let over = until_over(&box_, &job.new.id).await;
        assert_eq!(over.state, JobState::Failed, "{fault}: {over:#?}");
        assert_eq!(over.error_code.as_deref(), Some(code), "{fault}: {over:#?}");
        if fault != "lies" {
            assert!(over.progress.unwrap() >= 4800, "{fault}: {over:#?}");
        }
    }
    let failing = DiskSpec {
        failing: true,
        ..DiskSpec::hdd("A", 10 * GIB)
    };
    let box_ = box_with([failing]).await;
    let job = begin(&box_, wipe("A", WipeLevel::Overwrite)).await.unwrap();
    let over = until_over(&box_, &job.new.id).await;
    assert_eq!(over.error_code.as_deref(), Some("not_all_written"));
    let place = format!("4096 bytes at {}", 5 * GIB);
    assert!(over.error.unwrap().contains(&place));
}

#[tokio::test]
async fn what_must_not_be_wiped_is_refused_with_the_reason() {
    let mut box_ = Box_::with_arrays(&["data"]).await;
    let twin = DiskSpec::hdd("TWIN", GIB);
    let nameless = DiskSpec {
        serial: String::new(),
        wwn: None,
        ..DiskSpec::hdd("", GIB)
    };
    let system = DiskSpec {
        partitions: vec![Bytes(GIB)],
        ..DiskSpec::ssd("SYS", 4 * GIB)
    };
    let names: Vec<String> = [
        DiskSpec::hdd("SRV", GIB),
        system,
        nameless,
        twin.clone(),
        DiskSpec {
            serial: "TWIN2".to_owned(),
            ..twin
        },
        DiskSpec::hdd("PLAIN", GIB),
        DiskSpec::nvme("N", GIB),
    ]
    .map(|it| box_.sim.plug(it))
    .to_vec();
    {
        let mut state = box_.sim.state();
        let srv = state.id_of(&names[0]).unwrap().to_string();
        let root = state.id_of(&format!("{}1", names[1])).unwrap().to_string();
        state.mounts.push((srv, "/srv/old".to_owned()));
        state.mounts.push((root, "/".to_owned()));
    }
    box_.app.look().await.unwrap();
    let overwrite = |disk: &str| wipe(disk, WipeLevel::Overwrite);
    for (disk, code, remedy) in [
        ("data1", "device_is_member", "remove it from data first"),
        ("SRV", "device_in_use", "unmount /srv/old first"),
        ("SYS", "system_disk", "choose a disk"),
        (&names[2], "device_unidentified", "tells its serial number"),
        (&names[3], "device_not_unique", "take one of them out"),
    ] {
        let (is, hint) = refused(&box_, overwrite(disk)).await;
        assert_eq!(is, code, "{disk}");
        assert!(hint.unwrap().contains(remedy), "{disk}");
        let (is, _) = refused(
            &box_,
            DiskBurnIn {
                disk: disk.to_owned(),
                passes: 1,
            },
        )
        .await;
        assert_eq!(is, code, "{disk}");
    }
    let code = |it: (String, Option<String>)| it.0;
    let part = format!("{}1", names[1]);
    assert_eq!(code(refused(&box_, overwrite(&part)).await), "not_a_disk");
    assert_eq!(code(refused(&box_, overwrite("none")).await), "not_found");
    let (is, hint) = refused(&box_, wipe("PLAIN", WipeLevel::Discard)).await;
    assert_eq!(is, "discard_not_supported");
    assert!(hint.unwrap().contains("overwrite"));
    let (is, hint) = refused(&box_, wipe("PLAIN", WipeLevel::Sanitize)).await;
    assert_eq!(is, "sanitize_not_supported");
    assert!(hint.unwrap().contains("overwrite"));
    let by = |method, level| DiskWipe {
        disk: "N".to_owned(),
        level,
        method: Some(method),
    };
    let wished = by(SanitizeMethod::Overwrite, WipeLevel::Sanitize);
    assert_eq!(code(refused(&box_, wished).await), "sanitize_not_supported");
    let wished = by(SanitizeMethod::Crypto, WipeLevel::Overwrite);
    assert_eq!(
        code(refused(&box_, wished).await),
        "method_without_sanitize"
    );
    let none = DiskBurnIn {
        disk: "N".to_owned(),
        passes: 5,
    };
    assert_eq!(code(refused(&box_, none).await), "bad_passes");
    box_.restart().await;
}

#[tokio::test]
async fn a_path_of_several_is_not_a_disk_of_its_own() {
    let box_ = box_with([DiskSpec::sas("A", GIB), DiskSpec::sas("B", GIB)]).await;
    let node = Node {
        id: DeviceId::Dm("mpatha".to_owned()),
        kind: BlockKind::Dm {
            name: "mpatha".to_owned(),
            uuid: Some("mpath-35000c500".to_owned()),
        },
        size: Bytes(GIB),
        slaves: vec!["sda".to_owned(), "sdb".to_owned()],
    };
    box_.sim.state().nodes.insert("dm-0".to_owned(), node);
    box_.app.look().await.unwrap();
    let (code, hint) = refused(&box_, wipe("A", WipeLevel::Overwrite)).await;
    assert_eq!(code, "device_is_path");
    assert!(hint.unwrap().contains("/dev/mapper/mpatha"));
    let seen = box_.app.seen();
    let device = seen.raid.devices.resolve("A").unwrap();
    let why = moxnas_app::ops::disks::why_not_usable(&seen, device).unwrap();
    assert!(why.0.contains("paths to mpatha"), "{why:?}");
}

#[tokio::test]
async fn a_disk_that_changed_is_not_wiped() {
    let box_ = box_with([DiskSpec::hdd("A", 100 * GIB)]).await;
    let change = wipe("A", WipeLevel::Overwrite);
    let plan = box_.app.plan(&actor(), &change).await.unwrap();
    has(&box_, "sda", "xfs");
    let terms = Terms {
        confirm: Some(plan.fingerprint.parse().unwrap()),
        if_match: None,
    };
    let err = box_
        .app
        .begin(&actor(), change.clone(), terms)
        .await
        .unwrap_err();
    assert_eq!(err.code(), "plan_changed");
    // What was confirmed for one time is not confirmed for the next.
    let job = begin(&box_, change).await.unwrap();
    until_at(&box_, &job.new.id, 10).await;
    let cancel = JobCancel {
        job: job.new.id.clone(),
    };
    box_.app.call(&actor(), cancel).await.unwrap();
    until_over(&box_, &job.new.id).await;
    has(&box_, "sda", "btrfs");
    let retry = JobRetry { job: job.new.id };
    let again = box_.app.call(&actor(), retry).await.unwrap();
    let over = until_over(&box_, &again.new.id).await;
    assert_eq!(
        over.error_code.as_deref(),
        Some("plan_changed"),
        "{over:#?}"
    );
    let seen = box_.app.look().await.unwrap();
    assert!(
        seen.raid
            .devices
            .resolve("A")
            .unwrap()
            .content()
            .contains("btrfs")
    );
}

#[tokio::test]
async fn a_sanitize_is_followed_and_cannot_be_stopped() {
    let mut box_ = box_with([DiskSpec::nvme("N", 100 * GIB)]).await;
    has(&box_, "nvme0n1", "ext4");
    let change = wipe("N", WipeLevel::Sanitize);
    let plan = box_.app.plan(&actor(), &change).await.unwrap();
    let step = &plan.steps[0];
    let block = step.command_block.as_ref().unwrap();
    assert!(
        block.starts_with("84 00") && step.command.is_none(),
        "{step:#?}"
    );
    assert!(step.what.contains("crypto"), "{step:#?}");
    assert_eq!(
        step.takes.as_ref().unwrap().because,
        "as the disk says itself"
    );
    assert!(plan.warnings[0].contains("cannot be stopped"));
    let job = begin(&box_, change.clone()).await.unwrap();
    until_at(&box_, &job.new.id, 20).await;

    let cancel = || JobCancel {
        job: job.new.id.clone(),
    };
    let err = box_.app.call(&actor(), cancel()).await.unwrap_err();
    assert_eq!(err.code(), "job_cannot_stop");
    assert!(
        chain(&err).contains("no command ends that"),
        "{}",
        chain(&err)
    );
    // Neither a kill of the service nor a power cut of the machine ends it.
    box_.sim.power_cut();
    box_.restart().await;
    assert_eq!(box_.app.resume_jobs().await.unwrap(), 1);
    until_at(&box_, &job.new.id, 50).await;
    let err = box_.app.call(&actor(), cancel()).await.unwrap_err();
    assert_eq!(err.code(), "job_cannot_stop");
    let done = until_over(&box_, &job.new.id).await;
    assert_eq!(done.state, JobState::Succeeded, "{done:#?}");
    assert_eq!(done.result.unwrap()["method"], "crypto");
    let log = box_.app.store.job_log(&job.new.id, 0, 100).await.unwrap();
    let told = log.iter().filter(|it| it.line.contains("forget its key"));
    assert_eq!(told.count(), 1, "it is told once: {log:#?}");
}

#[tokio::test]
async fn a_burn_in_finds_what_does_not_work() {
    let bad = DiskSpec {
        failing: true,
        ..DiskSpec::hdd("BAD", 4 * GIB)
    };
    let mut box_ = box_with([DiskSpec::ssd("GOOD", 4 * GIB), bad]).await;
    let burn_in = |disk: &str, passes| DiskBurnIn {
        disk: disk.to_owned(),
        passes,
    };
    let plan = box_.app.plan(&actor(), &burn_in("GOOD", 4)).await.unwrap();
    assert_eq!(plan.steps.len(), 5);
    assert!(plan.steps[1].what.contains("0x55"), "{plan:#?}");
    let job = begin(&box_, burn_in("GOOD", 4)).await.unwrap();
    until_at(&box_, &job.new.id, 60).await;
    box_.restart().await;
    box_.app.resume_jobs().await.unwrap();
    let done = until_over(&box_, &job.new.id).await;
    assert_eq!(done.state, JobState::Succeeded, "{done:#?}");
    let message = done.message.unwrap();
    assert!(
        message.contains("4 times without a fault; self-test not run"),
        "{message}"
    );
    let result = done.result.unwrap();
    assert_eq!(result["passes"][3]["byte"], 0);
    assert_eq!(result["passes"][3]["read_bytes"], 4 * GIB);

    let job = begin(&box_, burn_in("BAD", 1)).await.unwrap();
    let over = until_over(&box_, &job.new.id).await;
    assert_eq!(over.error_code.as_deref(), Some("disk_has_errors"));
    let error = over.error.unwrap();
    assert!(error.contains(&format!("at {}", 2 * GIB)), "{error}");
}

#[tokio::test]
async fn a_light_is_switched_on_and_off() {
    let slot = Some(("0:0:8:0".to_owned(), "Slot 01".to_owned()));
    let lit = DiskSpec {
        slot,
        ..DiskSpec::sas("LIT", GIB)
    };
    let box_ = box_with([lit, DiskSpec::hdd("DARK", GIB)]).await;
    let locate = |disk: &str, on| DiskLocate {
        disk: disk.to_owned(),
        on,
    };
    let plan = box_.app.plan(&actor(), &locate("LIT", true)).await.unwrap();
    let file = plan.steps[0].files.first().unwrap();
    assert_eq!(file.path, "/sys/class/enclosure/0:0:8:0/Slot 01/locate");
    assert_eq!(plan.dangers, Vec::<String>::new());
    for on in [true, true, false] {
        let change = locate("LIT", on);
        let view = box_
            .app
            .change(&actor(), change, Terms::default())
            .await
            .unwrap();
        let light = |seen: &Seen| seen.answers.light(&view.device.id);
        assert_eq!(light(&view.seen), Some(on));
        assert_eq!(light(&box_.app.look().await.unwrap()), Some(on), "kept");
    }
    let err = box_
        .app
        .plan(&actor(), &locate("DARK", true))
        .await
        .unwrap_err();
    assert_eq!(err.code(), "locate_not_supported");
    assert!(err.hint().unwrap().contains("ledmon"));
    let matching = "switch the light".to_owned();
    box_.sim.inject(Fault::StepLies { matching });
    let change = locate("LIT", true);
    let err = box_
        .app
        .change(&actor(), change, Terms::default())
        .await
        .unwrap_err();
    assert_eq!(err.code(), "not_verified");
}

#[tokio::test]
async fn a_disk_that_is_pulled_is_gone_and_is_found_again_by_its_name() {
    let box_ = box_with([DiskSpec::hdd("OTHER", GIB), DiskSpec::hdd("A", 100 * GIB)]).await;
    let job = begin(&box_, wipe("A", WipeLevel::Overwrite)).await.unwrap();
    until_at(&box_, &job.new.id, 10).await;
    box_.sim.pull("A").unwrap();
    let over = until_over(&box_, &job.new.id).await;
    assert_eq!(over.error_code.as_deref(), Some("disk_gone"), "{over:#?}");
    box_.sim.pull("OTHER").unwrap();
    assert_eq!(box_.sim.plug_back("A").unwrap(), "sda", "it was sdb");
    box_.app.look().await.unwrap();
    let retry = JobRetry { job: job.new.id };
    let again = box_.app.call(&actor(), retry).await.unwrap();
    let done = until_over(&box_, &again.new.id).await;
    assert_eq!(done.state, JobState::Succeeded, "{done:#?}");
}
