//! `moxnas audit` and `moxnas db`, on the data folder of a service.

use std::fs;

use crate::product::{Served, moxnas};

#[test]
fn the_audit_log_is_proven_by_the_service_by_the_file_and_without_either() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let url = format!("sqlite://{data}/moxnas.db");
    let service = Served::with("blank", &["--data-dir", data]);
    let said = service.moxnas(&["audit", "verify"]).run().ok();
    assert!(said.starts_with("sound: "), "{said}");
    let listed = service.moxnas(&["audit", "list"]).run().ok();
    assert!(listed.contains("audit_verify"), "{listed}");

    let export = folder.path().join("audit.jsonl");
    let text = service.moxnas(&["audit", "export"]).run().ok();
    fs::write(&export, &text).unwrap();
    let file = export.to_str().unwrap();
    let said = moxnas(["audit", "verify", "--file", file]).run().ok();
    assert!(said.starts_with("sound: "), "{said}");
    let changed = text.replacen("\"actor\":\"", "\"actor\":\"not-", 1);
    assert_ne!(changed, text);
    fs::write(&export, changed).unwrap();
    let ran = moxnas(["audit", "verify", "--file", file]).run();
    assert_eq!(ran.code, 1);
    assert!(
        ran.out.contains("record 1 is not what was written"),
        "{}",
        ran.out
    );

    let offline = ["audit", "verify", "--database", &url, "--data-dir", data];
    let said = moxnas(offline).run().ok();
    assert!(said.starts_with("sound: "), "{said}");
}

#[test]
fn the_database_is_saved_while_the_service_runs_and_restored_when_it_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let backup = folder.path().join("backup");
    let backup = backup.to_str().unwrap();
    let db = |words: &[&str]| {
        let words = [&["db"], words, &["--data-dir", data]].concat();
        moxnas(words).run()
    };
    let service = Served::with("blank", &["--data-dir", data]);
    let said = db(&["backup", backup]).ok();
    assert!(said.contains("sha256"), "{said}");
    db(&["backup", backup]).fails(1, &["is there already"]);
    let said = db(&["check"]).ok();
    assert!(said.contains("is sound"), "{said}");
    db(&["restore", backup]).fails(1, &["--yes"]);
    db(&["restore", backup, "--yes"]).fails(1, &["another MoxNAS process", "systemctl stop"]);
    db(&["rotate-keys"]).fails(1, &["another MoxNAS process"]);
    drop(service);

    let said = db(&["restore", backup, "--yes"]).ok();
    assert!(said.contains("before-restore-"), "{said}");
    db(&["rotate-keys"]).ok();
    assert!(db(&["migrate"]).ok().contains("has "));
    db(&["check"]).ok();
    // That the log is shorter than it was is no alarm, and that it was restored stands in it.
    let url = format!("sqlite://{data}/moxnas.db");
    let offline = ["audit", "verify", "--database", &url, "--data-dir", data];
    let said = moxnas(offline).run().ok();
    assert!(said.starts_with("sound: "), "{said}");
    assert!(!said.contains("no mark"), "{said}");
}
