//! Rules of the house that a reader of a diff would overlook.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use crate::source::{files, members, root, sources};

/// Sources longer than [`LINES`], each with the reason why it is better so.
const LONG: &[(&str, &str)] = &[];

/// Stop and think whether a reader would want two names for it.
const LINES: usize = 600;

/// Names that say what a file is and not what it holds.
const NAMELESS: [&str; 6] = ["utils", "util", "helpers", "common", "misc", "manager"];

/// Where programs may be started: the runner, and what is no part of the product.
const STARTS: [&str; 3] = ["moxnas-core/src/cmd/system.rs", "xtask/", "tests/"];

/// Where memory may be handled by hand: two ioctls that take pointers.
const UNSAFE: [&str; 1] = ["moxnas-core/src/disk/real/passthrough.rs"];

/// The code of a line, without a comment behind it.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

#[test]
fn files_are_named_after_what_they_hold() {
    for member in members() {
        for path in files(&member) {
            let stem = Path::new(&path)
                .file_stem()
                .unwrap()
                .to_string_lossy()
                .into_owned();
            let folders = Path::new(&path).parent().unwrap();
            let names = folders
                .iter()
                .map(|it| it.to_string_lossy().into_owned())
                .chain([stem]);
            for name in names {
                let is_fixture = path.contains("/fixtures/");
                assert!(is_fixture || !NAMELESS.contains(&name.as_str()), "{path}");
            }
            assert!(
                !path.ends_with("/mod.rs"),
                "{path}: `x.rs` beside `x/` shows its name in tabs"
            );
        }
    }
}

#[test]
fn nothing_is_left_undone() {
    // In two parts, or this file would find itself.
    let words = [
        ("todo", "!("),
        ("unimplemented", "!("),
        ("#[ign", "ore"),
        ("FIX", "ME"),
        ("XX", "X "),
    ];
    let words: Vec<String> = words.iter().map(|(a, b)| format!("{a}{b}")).collect();
    for (path, text) in sources() {
        for (number, line) in (1..).zip(text.lines()) {
            for word in &words {
                assert!(!line.contains(word), "{path}:{number}: {line}");
            }
        }
    }
}

#[test]
fn programs_are_started_in_one_place() {
    for (path, text) in sources() {
        if STARTS.iter().any(|it| path.starts_with(it)) {
            continue;
        }
        // The runner is what tests of the runner start programs with, too.
        let tests = path.contains("/tests/");
        for (number, line) in (1..).zip(text.lines()) {
            let starts = ["process::Command", "Command::new(", "libc::exec", "execve("];
            let is_clap = line.contains("clap::Command") || line.contains("Cli::command");
            let found = starts.iter().any(|it| code(line).contains(it)) && !is_clap;
            assert!(tests || !found, "{path}:{number}: {line}");
        }
    }
}

#[test]
fn memory_is_not_handled_by_hand() {
    for (path, text) in sources() {
        let is_allowed = UNSAFE.iter().any(|it: &&str| path == *it);
        for (number, line) in (1..).zip(text.lines()) {
            let words = code(line).split(|it: char| !it.is_alphanumeric() && it != '_');
            // A content security policy has the word in quotes.
            let found = words.into_iter().any(|it| it == "unsafe") && !line.contains('"');
            let named = line.contains("'unsafe-inline'") || path.ends_with("tidy.rs");
            assert!(is_allowed || named || !found, "{path}:{number}: {line}");
        }
    }
}

#[test]
fn sources_have_a_length_that_can_be_read() {
    let mut long = BTreeMap::new();
    for (path, text) in sources() {
        let lines = text.lines().count();
        if lines > LINES {
            long.insert(path, lines);
        }
    }
    let allowed: BTreeSet<&str> = LONG.iter().map(|(path, _)| *path).collect();
    for (path, lines) in &long {
        assert!(allowed.contains(path.as_str()), "{path} has {lines} lines");
    }
    for path in allowed {
        assert!(
            long.contains_key(path),
            "{path} is short by now: take it off the list"
        );
    }
}

#[test]
fn every_module_says_what_it_is_for() {
    for (path, text) in sources() {
        let first = text.lines().find(|it| !it.is_empty()).unwrap_or_default();
        assert!(first.starts_with("//!"), "{path} begins with {first:?}");
    }
}

/// Each state that the lab captured, with its reviewed snapshot, and no snapshot of what is gone.
#[test]
fn every_fixture_is_used() {
    let fixtures = root().join("moxnas-raid/fixtures");
    let folders = |at: &Path| -> Vec<std::path::PathBuf> {
        let all = fs::read_dir(at).unwrap().map(|it| it.unwrap().path());
        all.filter(|it| it.is_dir()).collect()
    };
    let mut states = BTreeSet::new();
    for suite in folders(&fixtures) {
        for told in ["uname.txt", "mdadm-version.txt"] {
            let text = fs::read_to_string(suite.join(told)).unwrap_or_default();
            assert!(!text.trim().is_empty(), "{} has no {told}", suite.display());
        }
        let name = suite.file_name().unwrap().to_string_lossy().into_owned();
        let release = name.split('-').next().unwrap().to_owned();
        for state in folders(&suite) {
            let name = state.file_name().unwrap().to_string_lossy().into_owned();
            assert!(
                state.join("root/sys/block").is_dir(),
                "{} cannot be read back",
                state.display()
            );
            states.insert(format!("{release}__{name}"));
        }
    }
    let snapshots = files("moxnas-raid/tests/it/snapshots");
    let snapshots: BTreeSet<String> = snapshots
        .iter()
        .filter_map(|it| {
            it.rsplit('/')
                .next()?
                .strip_suffix(".snap")
                .map(str::to_owned)
        })
        .filter(|it| it.contains("__"))
        .collect();
    assert!(states.len() > 20, "the fixtures were found");
    let unused: Vec<_> = states.difference(&snapshots).collect();
    assert!(unused.is_empty(), "no test reads {unused:?}");
    // The other crates have few, and name each.
    for member in members()
        .into_iter()
        .filter(|it| it != "moxnas-raid" && root().join(it).join("fixtures").is_dir())
    {
        let tests: String = sources()
            .into_iter()
            .filter(|(it, _)| it.starts_with(&member))
            .map(|(_, it)| it)
            .collect();
        for suite in folders(&root().join(&member).join("fixtures")) {
            let name = suite.file_name().unwrap().to_string_lossy().into_owned();
            assert!(
                tests.contains(&name),
                "no test of {member} names the fixture {name}"
            );
        }
    }
}

/// Paths and names of the machine that somebody worked on are of no use to others.
#[test]
fn nothing_points_at_one_machine() {
    for member in members() {
        for path in files(&member) {
            let is_text = [".rs", ".toml", ".txt", ".json", ".md"]
                .iter()
                .any(|it| path.ends_with(it));
            if !is_text || path.contains("/fixtures/") {
                continue;
            }
            let text = fs::read_to_string(root().join(&path)).unwrap();
            for word in [root().to_str().unwrap(), &format!("/{}/", "home")] {
                assert!(!text.contains(word), "{path} has {word}");
            }
        }
    }
}
