//! What is not done, and how a script can tell: 1 refused or invalid, 2 broken.

use crate::product::{Served, moxnas};

const CREATE: &str = "array create data --level raid1 --member BLANK-0001 --member BLANK-0002";

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

#[test]
fn nothing_is_destroyed_without_a_yes() {
    let service = Served::start("blank");
    let refused = service.moxnas(&words(CREATE)).run();
    refused.fails(
        1,
        &[
            "there is no terminal to ask at",
            "--yes",
            "DANGER:",
            "all data on",
        ],
    );
    let typed = service.moxnas(&words(CREATE)).input("yes\n").run();
    typed.fails(1, &["there is no terminal to ask at"]);
    assert_eq!(
        service.get("/api/storage/arrays")["items"],
        serde_json::json!([])
    );

    let planned = service
        .moxnas(&words(&format!("{CREATE} --dry-run")))
        .run()
        .ok();
    assert!(
        planned.starts_with("Plan ") && planned.contains("DANGER:"),
        "{planned}"
    );
    // Agreeing to a plan that is only shown is agreeing to nothing.
    service
        .moxnas(&words(&format!("{CREATE} --dry-run --yes")))
        .run()
        .ok();
    assert_eq!(
        service.get("/api/storage/arrays")["items"],
        serde_json::json!([])
    );

    service
        .moxnas(&words(&format!("{CREATE} --yes")))
        .run()
        .ok();
    for line in [
        "array delete data",
        "array stop data",
        "array fail data BLANK-0001",
        "array add data BLANK-0003",
    ] {
        service
            .moxnas(&words(line))
            .run()
            .fails(1, &["there is no terminal"]);
    }
    let array = service.get("/api/storage/arrays/data");
    assert_eq!(array["health"]["verdict"], "optimal");
    assert_eq!(array["members"].as_array().unwrap().len(), 2);
    // What loses nothing is just done.
    service.ask(
        "POST",
        "/api/sim/clock",
        Some(&serde_json::json!({ "seconds": 2_600_000 })),
    );
    let scrub = service.moxnas(&words("array scrub data --detach")).run();
    assert!(scrub.clone().ok().contains("array_scrub"), "{scrub:?}");
}

#[test]
fn typing_errors_are_explained() {
    for (line, expected) in [
        (
            "--sim smal-office array list",
            &["there is no scenario smal-office", "small-office, sandbox"][..],
        ),
        (
            "--sim ./none.toml array list",
            &["./none.toml could not be read", "No such file"],
        ),
        (
            "--sim blank arry list",
            &["unrecognized subcommand 'arry'", "'array'"],
        ),
        ("--sim blank array lst", &["unrecognized subcommand 'lst'"]),
        (
            "--sim blank array list --outptu json",
            &["--outptu", "--output"],
        ),
        (
            "--sim blank array create data --level raid7 --member x",
            &["'raid7'", "raid6"],
        ),
        ("--sim blank array create data --level raid1", &["--member"]),
        (
            "--sim blank array create a/b --level raid1 --member BLANK-0001 --member BLANK-0002",
            &["name: "],
        ),
        (
            "--sim blank array create data --level raid1 --member BLANK-0001 --member BLANK-0099",
            &["BLANK-0099", "moxnas disk list"],
        ),
        (
            "--sim blank array show data",
            &["there is no array data", "moxnas array list"],
        ),
        ("--sim blank disk show sdzz", &["there is no disk sdzz"]),
        (
            "--sim blank pool create data --fs ext4",
            &[
                "one of `device`, `array` and `path`",
                "--device",
                "--level and --member",
                "--path",
            ],
        ),
        (
            "--sim blank pool create data --fs ext4 --device x --level raid1 --member y",
            &[
                "one of `device`, `array` and `path`",
                "--device",
                "--level and --member",
            ],
        ),
        (
            "--sim blank pool create data --path /mnt/host",
            &["`path` and the kind `directory`", "--kind directory"],
        ),
        (
            "--sim blank pool create data --kind directory --path /mnt/host --fs xfs",
            &["no filesystem", "--fs"],
        ),
        (
            "--sim blank pool create data --kind directory --path /mnt/none",
            &["there is no folder /mnt/none", "pct set"],
        ),
        (
            "--sim blank pool create data --kind directory --path /etc",
            &["belongs to the system", "/srv/NAME"],
        ),
        (
            "--sim blank pool create data --fs ext4 --spare x",
            &["--level", "--member"],
        ),
        (
            "--sim blank sim advance 3w",
            &["\"w\" is none of s, m, h and d"],
        ),
        ("--sim blank sim fault pull", &["this fault needs `serial`"]),
        (
            "--sim blank sim fault pull --serial none",
            &["no disk with the serial number none"],
        ),
        ("--sim blank --local array list", &["cannot be used with"]),
    ] {
        moxnas(words(line)).run().fails(1, expected);
    }
    let nothing = moxnas::<&str>([]).run();
    assert_eq!(nothing.code, 1, "a command is needed");
    assert!(nothing.err.contains("Usage: moxnas"), "{nothing:?}");
    for line in ["--help", "array create --help", "--version"] {
        let ran = moxnas(words(line)).run();
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{line}");
    }
}

#[test]
fn a_service_that_is_not_there_is_broken() {
    moxnas(words("--server http://127.0.0.1:9 array list"))
        .run()
        .fails(2, &["no service answers at"]);
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("none.sock");
    let ran = moxnas(["--socket", socket.to_str().unwrap(), "array", "list"]).run();
    ran.fails(2, &["no service answers"]);
}

#[test]
fn a_machine_that_does_not_work_is_broken() {
    let service = Served::start("blank");
    let fault = serde_json::json!({ "kind": "step-fails", "step": "create" });
    assert_eq!(
        service.ask("POST", "/api/sim/faults", Some(&fault)).status,
        200
    );
    let ran = service.moxnas(&words(&format!("{CREATE} --yes"))).run();
    ran.fails(
        2,
        &[
            "the change was started and did not finish",
            "because: stopped after 0 of",
            "hint: ",
        ],
    );
}

#[test]
fn a_login_is_asked_for() {
    let service = Served::start("blank");
    let ran = service
        .moxnas(&["array", "list"])
        .env("MOXNAS_TOKEN", "")
        .run();
    ran.fails(1, &["a login is required", "moxnas login"]);
    let ran = service
        .moxnas(&["array", "list"])
        .env("MOXNAS_TOKEN", "nonsense")
        .run();
    ran.fails(1, &["the token cannot be read"]);
}
