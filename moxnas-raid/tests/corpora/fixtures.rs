//! Texts the lab captured: `fixtures/<suite>-<kernel>-<mdadm>/<state>/`. All of them are whole, so
//! that nothing in them may be an error.

use std::path::Path;

use moxnas_raid::parsed::Parsed;
use moxnas_raid::{detail, mdstat};

#[test]
fn every_captured_text_is_understood() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut failures = Vec::new();
    let mut count = 0;
    for (name, path) in super::files(&root, ".txt") {
        let text = super::read(&path);
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let found = match file.as_str() {
            "mdstat.txt" => problems(&text, mdstat::parse),
            it if it.contains("scan") => problems(&text, detail::parse_scan),
            it if it.contains("export") => problems(&text, detail::parse_export),
            it if it.starts_with("detail") => problems(&text, detail::parse_detail),
            it if it.starts_with("examine") => problems(&text, detail::parse_examine),
            _ => continue,
        };
        count += 1;
        failures.extend(found.into_iter().map(|it| format!("{name}: {it}")));
    }
    println!("fixtures: {count} texts, {} problems", failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(count > 0, "there are no fixtures");
}

/// The captured texts of `/proc/mdstat`, by their files.
pub(crate) fn mdstats() -> impl Iterator<Item = (String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let all = super::files(&root, ".txt").into_iter();
    let texts = all.filter(|(name, _)| name.ends_with("mdstat.txt"));
    texts.map(|(name, path)| (name, super::read(&path)))
}

fn problems<T: PartialEq>(text: &str, parse: impl Fn(&str) -> Parsed<T>) -> Vec<String> {
    let errors = parse(text)
        .errors
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>();
    let unread = super::unread::lines(text, parse);
    errors
        .into_iter()
        .chain(unread.into_iter().map(|it| format!("unread: {it}")))
        .collect()
}
