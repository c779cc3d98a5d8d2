//! What a program said that went over a filesystem.

use moxnas_core::cmd::Output;
use serde::{Deserialize, Serialize};

use crate::model::Filesystem;

/// What came of going over a filesystem.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// In short.
    pub outcome: Outcome,
    /// The last lines that the program wrote.
    pub said: Vec<String>,
}

/// Whether a filesystem is well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// No error.
    #[default]
    Clean,
    /// Errors, all of which were put right.
    Mended,
    /// Errors that are there still.
    Errors,
}

/// The program did not do what it should have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotChecked {
    /// What was written last is still in the log.
    #[error("its log holds changes that are not in the filesystem yet")]
    LogNotReplayed,
    /// It says nothing of the filesystem.
    #[error("it was not gone over: {0}")]
    Failed(String),
}

/// How many of the last lines of a program are kept.
const LINES: usize = 20;

impl Checked {
    /// What e2fsck(8), xfs_repair(8) or btrfs-check(8) said of a filesystem that is not mounted.
    pub fn of_check(filesystem: Filesystem, output: &Output) -> Result<Checked, NotChecked> {
        let said = lines(output);
        let is_there = |mark: &str| said.iter().any(|it| it.contains(mark));
        let outcome = match (filesystem, output.status) {
            (_, 0) => Outcome::Clean,
            // Added up, 1: put right; 2: and the machine should be restarted; 4: not put right.
            (Filesystem::Ext4, 1..=3) | (Filesystem::Xfs, 4) => Outcome::Mended,
            (Filesystem::Ext4, 4..=7) => Outcome::Errors,
            (Filesystem::Xfs, 1 | 2) if is_there("valuable metadata changes in a log") => {
                return Err(NotChecked::LogNotReplayed);
            }
            // Both also end so where there is nothing to go over.
            (Filesystem::Xfs, 1) if !is_there("fatal error") => Outcome::Errors,
            (Filesystem::Btrfs, 1) if !is_there("mount status") => Outcome::Errors,
            (_, status) => return Err(failed(status, &said)),
        };
        Ok(Checked {
            outcome,
            said: last(said),
        })
    }

    /// What thin_check(8) said of the metadata of a thin pool. It ends alike where it could not read them;
    /// whatever is wrong in them it says after the superblock, or of it.
    pub fn of_metadata(output: &Output) -> Result<Checked, NotChecked> {
        let said = lines(output);
        let is_read = |it: &String| it.contains("superblock") || it.contains("TRANSACTION_ID");
        let outcome = match output.status {
            0 => Outcome::Clean,
            _ if said.iter().any(is_read) => Outcome::Errors,
            status => return Err(failed(status, &said)),
        };
        Ok(Checked {
            outcome,
            said: last(said),
        })
    }

    /// What btrfs-scrub(8) counted, with `-R`; `repaired`: without `-r`.
    pub fn of_scrub(repaired: bool, output: &Output) -> Result<Checked, NotChecked> {
        let said = lines(output);
        let count = |name: &str| -> Option<u64> {
            let of = |line: &String| {
                line.trim()
                    .strip_prefix(name)?
                    .strip_prefix(": ")?
                    .parse()
                    .ok()
            };
            said.iter().find_map(of)
        };
        let [Some(uncorrectable), Some(corrected)] =
            ["uncorrectable_errors", "corrected_errors"].map(count)
        else {
            return Err(failed(output.status, &said));
        };
        let kinds = ["read_errors", "csum_errors", "verify_errors"];
        let errors: u64 = kinds.into_iter().filter_map(count).sum();
        // Superblocks are not counted as corrected: they are written anew with what is written next.
        let superblocks = count("super_errors").unwrap_or_default();
        let outcome = match (output.status, errors + superblocks, uncorrectable) {
            (0, 0, 0) => Outcome::Clean,
            // Linux 6.12 also counts as corrected what it would have, and did not.
            (0 | 3, _, 0) if repaired && corrected >= errors => Outcome::Mended,
            (0 | 3, ..) => Outcome::Errors,
            (status, ..) => return Err(failed(status, &said)),
        };
        Ok(Checked {
            outcome,
            said: last(said),
        })
    }
}

fn failed(status: i32, said: &[String]) -> NotChecked {
    let last = said.len().saturating_sub(3);
    let why = said[last..].iter().map(|it| it.trim());
    let why: Vec<&str> = why.collect();
    NotChecked::Failed(format!("exit status {status}: {}", why.join("; ")))
}

/// What it wrote, without its own name and version.
fn lines(output: &Output) -> Vec<String> {
    let errors = String::from_utf8_lossy(&output.stderr);
    let text = output.text();
    let all = text.lines().chain(errors.lines()).map(str::trim_end);
    let told = all.filter(|it| !it.is_empty() && !it.starts_with("e2fsck 1."));
    told.map(str::to_owned).collect()
}

fn last(mut said: Vec<String>) -> Vec<String> {
    said.split_off(said.len().saturating_sub(LINES))
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    /// The exit status of e2fsck(8) is a sum.
    #[test]
    fn what_was_left_counts_more_than_what_was_put_right() {
        let outcome = |status| {
            let output = Output {
                status,
                ..Output::default()
            };
            let checked = Checked::of_check(Filesystem::Ext4, &output);
            checked.ok().map(|it| it.outcome)
        };
        let said = [1, 3, 4, 5, 7].map(outcome);
        use Outcome::{Errors, Mended};
        assert_eq!(said, [Mended, Mended, Errors, Errors, Errors].map(Some));
        assert!(
            [8, 9, 12, 16, 32, 128]
                .into_iter()
                .all(|it| outcome(it).is_none())
        );
    }

    /// What the programs of Debian 12 and 13 wrote, and what it means.
    #[test]
    fn what_was_captured_is_understood() {
        let read = |folder: &Path| -> Vec<_> {
            let mut all: Vec<_> = fs::read_dir(folder)
                .unwrap()
                .map(|it| it.unwrap().path())
                .collect();
            all.sort();
            all
        };
        let mut count = 0;
        let kernels = ["linux-6.1.0", "linux-6.12.117"];
        for tool in kernels
            .iter()
            .flat_map(|it| read(&Path::new("fixtures").join(it)))
        {
            let name = tool.file_name().unwrap().to_str().unwrap();
            let filesystem = match name.split('-').next().unwrap() {
                "e2fsprogs" => Filesystem::Ext4,
                "xfsprogs" => Filesystem::Xfs,
                // Goes over no filesystem.
                "lvm2" | "kmsg" => continue,
                // Those of metadata are of no filesystem.
                _ => Filesystem::Btrfs,
            };
            for path in read(&tool) {
                let text = fs::read_to_string(&path).unwrap();
                let (command, text) = text.split_once("\nstatus ").unwrap();
                let (status, text) = text.split_once('\n').unwrap();
                let output = Output {
                    status: status.parse().unwrap(),
                    stdout: text.into(),
                    stderr: Vec::new(),
                };
                let what = path.file_stem().unwrap().to_str().unwrap();
                let checked = match what.split('-').next() {
                    Some("scrub") => Checked::of_scrub(!command.contains(" -r "), &output),
                    Some("metadata") => Checked::of_metadata(&output),
                    _ => Checked::of_check(filesystem, &output),
                };
                let found = checked.map(|it| it.outcome);
                let is_expected = match what.split_once('-').unwrap().1 {
                    "clean" => found == Ok(Outcome::Clean),
                    "mended" | "stale-member" => found == Ok(Outcome::Mended),
                    "errors" | "superblock" | "uncorrectable" => found == Ok(Outcome::Errors),
                    "log" => found == Err(NotChecked::LogNotReplayed),
                    _ => {
                        let why = found.clone().unwrap_err().to_string();
                        let words = [
                            "No such file",
                            "last_physical",
                            "busy",
                            "path",
                            "Couldn't find",
                        ];
                        words.iter().any(|it| why.contains(it))
                    }
                };
                assert!(is_expected, "{path:?}: {found:?}");
                count += 1;
            }
        }
        assert_eq!(count, 55);
    }
}
