//! `/proc/mdstat` of many arrays, put together from captured ones, and the least that can be done
//! with it.

use std::{fs, path::Path};

/// The suite whose kernel is the newest.
const SUITE: &str = "fixtures/trixie-6.12.117+deb13-mdadm-4.4";

/// A text of so many arrays: those of the captured states in turn, each under a name of its own.
pub(crate) fn mdstat(arrays: usize) -> String {
    let captured = captured();
    let mut text = "Personalities : [raid0] [raid1] [raid10] [raid6] [raid5] [raid4] \n".to_owned();
    for (number, array) in captured.iter().cycle().take(arrays).enumerate() {
        text += &format!("md{number} : {array}\n\n");
    }
    text + "unused devices: <none>\n"
}

/// What follows the name of each array in the captured texts, in the order of their states.
fn captured() -> Vec<String> {
    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join(SUITE);
    let states = fs::read_dir(suite).unwrap();
    let mut files: Vec<_> = states
        .map(|it| it.unwrap().path().join("mdstat.txt"))
        .filter(|it| it.exists())
        .collect();
    files.sort();
    let mut arrays: Vec<String> = Vec::new();
    for file in files {
        let text = fs::read_to_string(file).unwrap();
        let lines = text.lines().filter(|it| !it.trim().is_empty());
        for line in lines.filter(|it| !it.starts_with("Person") && !it.starts_with("unused")) {
            match line.split_once(" : ") {
                Some((_, rest)) => arrays.push(rest.to_owned()),
                None => *arrays.last_mut().unwrap() += &format!("\n{line}"),
            }
        }
    }
    arrays
}

/// The text in lines and words, each copied: less cannot be done by whoever keeps what it says.
pub(crate) fn split(text: &str) -> Vec<Vec<String>> {
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
    text.lines().map(words).collect()
}
