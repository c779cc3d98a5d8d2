//! mdadm's output in other projects' tests.

use std::fmt::Debug;

use moxnas_raid::detail;
use moxnas_raid::parsed::Parsed;
use serde::Serialize;

/// Texts in the folder. More are welcome, fewer are a folder that is not whole.
const FLOOR: usize = 22;

/// Lines that are not mdadm's: those of the shell scripts that some texts were cut from.
const SHELL: &[&str] = &[
    "$@\"|grep ",
    "echo \"$@\"|grep ",
    "is_",
    "if [ ",
    "cat <<EOF",
];

#[test]
fn outside_mdadm_texts() {
    let Some(root) = super::corpus("mdadm") else {
        return;
    };
    let texts = super::files(&root, ".txt");
    let (mut unread, mut held) = (Vec::new(), 0);
    for (name, path) in &texts {
        let text = super::read(path);
        let kind = name.trim_end_matches(".txt").rsplit('.').next().unwrap();
        let found = match kind {
            "detail" => check(name, &text, detail::parse_detail),
            "examine" => check(name, &text, detail::parse_examine),
            "export" => check(name, &text, detail::parse_export),
            "scan" => check(name, &text, detail::parse_scan),
            "platform" => check(name, &text, detail::parse_platform),
            kind => panic!("{name}: no parser for {kind}"),
        };
        held += usize::from(found.is_empty());
        unread.extend(found);
    }
    println!(
        "mdadm: {held} of {}, {} lines unread",
        texts.len(),
        unread.len()
    );
    assert!(unread.is_empty(), "{}", unread.join("\n"));
    assert!(
        texts.len() >= FLOOR,
        "{} texts, expected {FLOOR}",
        texts.len()
    );
}

/// Compares with the snapshot and gives the lines that are neither kept nor another program's.
fn check<T>(name: &str, text: &str, parse: impl Fn(&str) -> Parsed<T>) -> Vec<String>
where
    T: Serialize + Debug + PartialEq,
{
    let parsed = parse(text);
    let snapshot = name.trim_end_matches(".txt").replace(['/', '.'], "__");
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_json_snapshot!(snapshot, parsed);
    });
    let errors = parsed
        .errors
        .iter()
        .filter(|it| {
            !SHELL
                .iter()
                .any(|shell| it.text.trim_start().starts_with(shell))
        })
        .map(|it| format!("{name}: {it}"));
    let lines = super::unread::lines(text, &parse);
    errors
        .chain(lines.into_iter().map(|it| format!("{name}: unread: {it}")))
        .collect()
}
