//! Commands that need no machine.

use crate::product::{file, moxnas};

const MDSTAT: &str = "\
Personalities : [raid1]
md0 : active raid1 sdb[1] sda[0]
      1046528 blocks super 1.2 [2/2] [UU]

unused devices: <none>
";

#[test]
fn mdstat_is_read_from_a_file_and_from_the_standard_input() {
    let (_folder, path) = file(MDSTAT);
    let from_file = moxnas(["decode", "mdstat", &path]).run();
    let from_input = moxnas(["decode", "mdstat", "-"]).input(MDSTAT).run();
    assert_eq!(from_file, from_input);
    assert_eq!(from_file.err, "");
    let json = moxnas(["decode", "mdstat", "-", "--output", "json"])
        .input(MDSTAT)
        .run()
        .json();
    assert_eq!(json["errors"], serde_json::json!([]));
    assert_eq!(json["value"]["arrays"][0]["name"], "md0");
}

/// What could be read is shown, and what could not is named with its line.
#[test]
fn a_damaged_text_is_read_as_far_as_possible() {
    let damaged = MDSTAT.replace(
        "unused",
        "md1 : active raid1 sdc[0]\n      nonsense\n\nunused",
    );
    let ran = moxnas(["decode", "mdstat", "-"]).input(&damaged).run();
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.out.contains("md0") && ran.out.contains("md1"),
        "{ran:?}"
    );
    assert!(
        ran.err
            .contains("line 6: the line is not understood: \"      nonsense\""),
        "{ran:?}"
    );
    let ran = moxnas(["decode", "mdstat", "-", "--output", "json"])
        .input(&damaged)
        .run();
    assert_eq!(ran.code, 1);
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let lines: Vec<_> = json["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["line"].clone())
        .collect();
    assert!(lines.contains(&serde_json::json!(6)), "{json:#}");
    for error in json["errors"].as_array().unwrap() {
        assert!(error["reason"].is_string() && error["text"].is_string());
    }
}

#[test]
fn the_texts_of_mdadm_are_told_apart() {
    let fixtures = crate::source::root().join("moxnas-raid/fixtures");
    let mut read = 0;
    for suite in std::fs::read_dir(fixtures)
        .unwrap()
        .map(|it| it.unwrap().path())
        .filter(|it| it.is_dir())
    {
        for (noun, name) in [
            ("detail", "detail-md127.txt"),
            ("detail", "detail-export-md127.txt"),
            ("detail", "detail-scan.txt"),
            ("examine", "examine-LABSCSI02.txt"),
            ("examine", "examine-export-LABSCSI02.txt"),
            ("mdstat", "mdstat.txt"),
        ] {
            let path = suite.join("raid5-clean").join(name);
            let ran = moxnas(["decode", noun, path.to_str().unwrap()]).run();
            assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", path.display());
            assert!(ran.out.len() > 20, "{}: {}", path.display(), ran.out);
            read += 1;
        }
    }
    assert!(read >= 6);
    moxnas(["decode", "mdstat", "/none"])
        .run()
        .fails(1, &["/none could not be read"]);
}

#[test]
fn completions_and_manual_pages_are_made() {
    for shell in ["bash", "zsh", "fish"] {
        let text = moxnas(["completions", shell]).run().ok();
        assert!(text.len() > 1000 && text.contains("scrub"), "{shell}");
    }
    let page = moxnas(["man"]).run().ok();
    assert!(
        page.contains(".TH") && page.contains("Exit codes"),
        "{page}"
    );
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("man");
    moxnas(["man", at.to_str().unwrap()]).run().ok();
    let pages: Vec<_> = std::fs::read_dir(at)
        .unwrap()
        .map(|it| it.unwrap().file_name())
        .collect();
    assert!(
        pages.len() > 20 && pages.iter().any(|it| it == "moxnas-array-create.1"),
        "{pages:?}"
    );
}

#[test]
fn the_doctor_names_remedies() {
    let ran = moxnas(["doctor", "--output", "json"]).run();
    assert!(ran.code <= 1, "{ran:?}");
    let findings: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    for finding in findings.as_array().unwrap() {
        let good = finding["verdict"] == "good";
        assert!(good || finding["remedy"].is_string(), "{finding}");
    }
}
