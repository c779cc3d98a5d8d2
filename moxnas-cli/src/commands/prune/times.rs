//! A list of snapshots as people write it.

use std::collections::BTreeSet;

use moxnas_pool::prune::Snapshot;

/// A line that is not understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub(super) struct BadLine {
    /// Counted from 1.
    pub(super) line: usize,
    pub(super) reason: BadTime,
}

/// What is wrong with a line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadTime {
    #[error("{0:?} is no time with its offset, such as 2026-03-28T23:00:00+01:00 or …Z")]
    Time(String),
    #[error("{0:?} is neither `protected` nor `incomplete`")]
    Word(String),
    #[error("{0:?} stands there twice")]
    Twice(String),
}

/// The snapshots of all lines that are understood, and the others.
pub(super) fn parse(text: &str) -> (Vec<Snapshot>, Vec<BadLine>) {
    let (mut snapshots, mut bad) = (Vec::new(), Vec::new());
    for (line, text) in (1..).zip(text.lines()) {
        match snapshot(text) {
            Ok(snapshot) => snapshots.extend(snapshot),
            Err(reason) => bad.push(BadLine { line, reason }),
        }
    }
    (snapshots, bad)
}

/// The snapshot of a line, if it has one.
fn snapshot(line: &str) -> Result<Option<Snapshot>, BadTime> {
    let before_comment = line.split('#').next().unwrap_or_default();
    let mut words = before_comment.split_whitespace();
    let Some(time) = words.next() else {
        return Ok(None);
    };
    let taken = time.parse().map_err(|_| BadTime::Time(time.to_owned()))?;
    let mut seen = BTreeSet::new();
    for word in words {
        if !["protected", "incomplete"].contains(&word) {
            return Err(BadTime::Word(word.to_owned()));
        }
        if !seen.insert(word) {
            return Err(BadTime::Twice(word.to_owned()));
        }
    }
    Ok(Some(Snapshot {
        taken,
        is_protected: seen.contains("protected"),
        is_finished: !seen.contains("incomplete"),
    }))
}

#[cfg(test)]
mod tests {
    use super::{BadTime, Snapshot, parse};

    #[test]
    fn each_line_is_a_snapshot_a_comment_or_empty() {
        let text = "# of tank/media\n\n2026-03-28T23:00:00+01:00\n\
                    \t2026-03-28T21:00:00Z  protected # the last one before the move\r\n\
                    2026-03-28T22:30:00.5Z incomplete protected";
        let (snapshots, bad) = parse(text);
        assert_eq!(bad, []);
        let at = |it: &str| Snapshot::at(it.parse().unwrap());
        let protected = Snapshot {
            is_protected: true,
            ..at("2026-03-28T21:00:00Z")
        };
        let both = Snapshot {
            is_protected: true,
            is_finished: false,
            ..at("2026-03-28T22:30:00.5Z")
        };
        assert_eq!(snapshots, [at("2026-03-28T22:00:00Z"), protected, both]);
    }

    #[test]
    fn what_is_not_understood_is_named_with_its_line() {
        let text = "2026-03-28T22:00:00Z\n2026-03-28\n\n2026-03-28T22:00:00\n\
                    2026-03-28T22:00:00Z protekted\n2026-03-28T22:00:00Z protected protected\n\
                    2026-02-30T22:00:00Z";
        let (snapshots, bad) = parse(text);
        assert_eq!(snapshots.len(), 1);
        let bad: Vec<_> = bad.into_iter().map(|it| (it.line, it.reason)).collect();
        assert_eq!(
            bad,
            [
                (2, BadTime::Time("2026-03-28".into())),
                // Whose clock?
                (4, BadTime::Time("2026-03-28T22:00:00".into())),
                (5, BadTime::Word("protekted".into())),
                (6, BadTime::Twice("protected".into())),
                (7, BadTime::Time("2026-02-30T22:00:00Z".into())),
            ]
        );
    }
}
