//! The commands as they run, and what keeps them from running.

use super::*;

/// A machine with one array, `r5`, whose files may be written.
fn machine(runner: &Arc<ScriptedRunner>) -> (tempfile::TempDir, Mdadm, ArrayRef) {
    let dir = captured::scratch();
    let captured = captured::named("raid5-clean").remove(0);
    crate::sysfs::copy_tree(&captured.root(), dir.path());
    let mdadm = Mdadm::new(Root::fixture(dir.path()), Arc::clone(runner) as _);
    let seen = mdadm.observe().unwrap();
    let array = &seen.arrays[0];
    let array = ArrayRef {
        uuid: array.uuid.clone().unwrap(),
        kernel_name: array.kernel_name.clone(),
        name: array.name.clone(),
    };
    (dir, mdadm, array)
}

#[test]
fn apply_runs_the_commands_of_the_table_and_waits_for_udev() {
    let (dir, _, array) = machine(&Arc::default());
    // The others write files.
    let runs = |it: &Step| !argv(it).unwrap().is_empty();
    for step in steps().into_iter().filter(runs) {
        let step = on(step, &array);
        let mut script = ScriptedRunner::default();
        for cmd in probes(&step).unwrap().iter().chain(&argv(&step).unwrap()) {
            script = script.expect(&cmd.to_string(), "");
        }
        if !step.destroys().is_empty() {
            let paths = step
                .destroys()
                .iter()
                .map(|it| it.path().unwrap())
                .collect::<Vec<_>>();
            let trigger = "udevadm trigger --settle --action=change";
            script = script.expect(&format!("{trigger} {}", paths.join(" ")), "");
        }
        let runner = Arc::new(script.expect("udevadm settle --timeout=20", ""));
        let mdadm = Mdadm::new(Root::fixture(dir.path()), Arc::clone(&runner) as _);
        mdadm.apply(&step).unwrap();
        assert_eq!(runner.left(), 0, "{step}");
    }
}

/// udev's database may be behind: what libblkid finds at the last moment counts.
#[test]
fn a_device_that_is_not_blank_after_all_is_not_given_away() {
    let (dir, _, array) = machine(&Arc::default());
    let device: DeviceId = "wwn-0x5000c500a1b2c3d4".parse().unwrap();
    let step = Step::Add { array, device };
    let probe = "wipefs --no-act --noheadings --output=TYPE /dev/disk/by-id/wwn-0x5000c500a1b2c3d4";
    let runner = Arc::new(ScriptedRunner::default().expect(probe, "xfs\n"));
    let mdadm = Mdadm::new(Root::fixture(dir.path()), Arc::clone(&runner) as _);
    let err = mdadm.apply(&step).unwrap_err();
    assert_eq!(
        err.to_string(),
        "/dev/disk/by-id/wwn-0x5000c500a1b2c3d4 holds something that the plan did not know of: xfs"
    );
    assert!(err.hint().unwrap().contains("udevadm trigger"));
    assert_eq!(runner.left(), 0);
}

/// The same step on another array.
fn on(step: Step, other: &ArrayRef) -> Step {
    if step.array().is_none() {
        return step;
    }
    let mut step = serde_json::to_value(step).unwrap();
    step["array"] = serde_json::to_value(other).unwrap();
    serde_json::from_value(step).unwrap()
}

#[test]
fn nothing_runs_when_the_kernel_name_belongs_to_another_array() {
    let runner = Arc::new(ScriptedRunner::default());
    let (_dir, mdadm, array) = machine(&runner);
    let wrong = [
        ArrayRef {
            uuid: UUID.to_owned(),
            ..array.clone()
        },
        ArrayRef {
            kernel_name: "md126".to_owned(),
            ..array
        },
    ];
    for step in steps() {
        for array in &wrong {
            let step = on(step.clone(), array);
            if step.array().is_none() {
                continue;
            }
            let err = mdadm.apply(&step).unwrap_err();
            assert!(
                matches!(&err, BackendError::ArrayGone(name) if name == "r5"),
                "{step}: {err}"
            );
        }
    }
}

#[test]
fn a_command_that_fails_is_told_and_nothing_follows() {
    let failed = Output {
        status: 1,
        stderr: b"mdadm: set device faulty failed\n".to_vec(),
        ..Output::default()
    };
    let (dir, _, array) = machine(&Arc::default());
    let step = Step::Fail {
        array,
        device: id("wwn-0x5"),
    };
    let line = argv(&step).unwrap()[0].to_string();
    let runner = Arc::new(ScriptedRunner::default().answer(&line, failed));
    let mdadm = Mdadm::new(Root::fixture(dir.path()), runner);
    let text = chain(&mdadm.apply(&step).unwrap_err());
    assert!(
        text.contains("set device faulty failed") && text.contains(&line),
        "{text}"
    );
}

#[test]
fn mdadm_conf_is_written_and_the_lines_of_others_stay() {
    let runner = Arc::new(ScriptedRunner::default());
    let (dir, mdadm, array) = machine(&runner);
    let path = Root::fixture(dir.path()).path(CONF_PATH);
    let before = fs::read_to_string(&path).unwrap();
    let name: ArrayName = "r5".parse().unwrap();

    mdadm.apply(&Step::Record { name: name.clone() }).unwrap();
    let line = format!("ARRAY /dev/md/r5 UUID={}", array.uuid);
    let text = fs::read_to_string(&path).unwrap();
    assert!(
        text.starts_with(&before) && text.lines().any(|it| it == line),
        "{text}"
    );
    assert_eq!(
        mdadm.observe().unwrap().conf.ours[&array.uuid],
        "/dev/md/r5"
    );
    mdadm.apply(&Step::Record { name }).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), text, "written twice");

    mdadm.apply(&Step::Forget { uuid: array.uuid }).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), before);

    let err = mdadm
        .apply(&Step::Record {
            name: "nobody".parse().unwrap(),
        })
        .unwrap_err();
    assert!(matches!(err, BackendError::ArrayGone(_)), "{err}");
}
