//! The checks of the fuzz targets, without a fuzzer: over their committed corpora, and over these as a
//! fuzzer would damage them.

#[path = "../../fuzz/checks.rs"]
mod checks;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use proptest::prelude::*;

/// How often a fuzzer's damage is tried on each target; `MOXNAS_FUZZ_CASES` says otherwise.
const CASES: u32 = 256;

/// One thing that a fuzzer does to a text. Numbers are taken modulo what there is.
#[derive(Clone, Debug)]
enum Damage {
    Put {
        at: usize,
        byte: u8,
    },
    Insert {
        at: usize,
        bytes: Vec<u8>,
    },
    Cut {
        at: usize,
        length: usize,
    },
    Repeat {
        at: usize,
        length: usize,
        to: usize,
    },
    /// From another text of the corpus.
    Splice {
        other: usize,
        at: usize,
        length: usize,
        to: usize,
    },
    SwapLines {
        one: usize,
        other: usize,
    },
}

fn any_damage() -> impl Strategy<Value = Damage> {
    let at = any::<usize>;
    let words = prop::sample::select(vec![
        "\n",
        " ",
        "\t",
        ":",
        "/",
        "[",
        "]",
        "(",
        ")",
        "=",
        ",",
        "-",
        "\\",
        "\"",
        "\0",
        "\r",
        "é",
        "18446744073709551616",
        "-1",
        "0",
        "1e9",
        "md0 : active",
        "UUID=",
        "blocks",
        "unused devices:",
        "# BEGIN MoxNAS: arrays made by MoxNAS. Edits between these two lines are lost.\n",
        "# END MoxNAS\n",
    ]);
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Damage::Put { at, byte }),
        (at(), words).prop_map(|(at, it)| Damage::Insert {
            at,
            bytes: it.into()
        }),
        (at(), 1_usize..80).prop_map(|(at, length)| Damage::Cut { at, length }),
        (at(), 1_usize..80, at()).prop_map(|(at, length, to)| Damage::Repeat { at, length, to }),
        (at(), at(), 1_usize..200, at()).prop_map(|(other, at, length, to)| Damage::Splice {
            other,
            at,
            length,
            to
        }),
        (at(), at()).prop_map(|(one, other)| Damage::SwapLines { one, other }),
    ]
}

impl Damage {
    fn strike(&self, text: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let place = |at: usize, text: &[u8]| at % (text.len() + 1);
        let part = |at: usize, length: usize, text: &[u8]| {
            let start = place(at, text);
            start..text.len().min(start + length)
        };
        let insert = |to: usize, bytes: Vec<u8>, text: &mut Vec<u8>| {
            let to = place(to, text);
            text.splice(to..to, bytes);
        };
        match self {
            Damage::Put { at, byte } => {
                let at = place(*at, text);
                text.splice(at..text.len().min(at + 1), [*byte]);
            }
            Damage::Insert { at, bytes } => insert(*at, bytes.clone(), text),
            Damage::Cut { at, length } => _ = text.drain(part(*at, *length, text)),
            Damage::Repeat { at, length, to } => {
                let again = text[part(*at, *length, text)].to_vec();
                insert(*to, again, text);
            }
            Damage::Splice {
                other,
                at,
                length,
                to,
            } => {
                let other = &corpus[other % corpus.len()];
                insert(*to, other[part(*at, *length, other)].to_vec(), text);
            }
            Damage::SwapLines { one, other } => {
                let mut lines: Vec<Vec<u8>> = text
                    .split_inclusive(|it| *it == b'\n')
                    .map(<[u8]>::to_vec)
                    .collect();
                if let Some(count) = lines.len().checked_sub(1).filter(|it| *it > 0) {
                    lines.swap(one % count, other % count);
                    *text = lines.concat();
                }
            }
        }
    }
}

fn fuzz(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz")
        .join(below)
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = fs::read_dir(fuzz("corpus").join(target)).unwrap();
    let files: BTreeMap<PathBuf, Vec<u8>> = folder
        .map(|it| it.unwrap().path())
        .map(|it| (it.clone(), fs::read(it).unwrap()))
        .collect();
    assert!(!files.is_empty(), "{target} has no corpus");
    files.into_values().collect()
}

#[test]
fn every_target_has_its_check_and_its_corpus() {
    for (target, check) in checks::ALL {
        assert!(
            fuzz("targets").join(format!("{target}.rs")).exists(),
            "{target} is no target"
        );
        corpus(target).iter().for_each(|it| check(it));
    }
    let targets = fs::read_dir(fuzz("targets")).unwrap().count();
    assert_eq!(targets, checks::ALL.len(), "a target has no check here");
}

#[test]
fn damaged_texts_hold() {
    let cases = std::env::var("MOXNAS_FUZZ_CASES")
        .ok()
        .map_or(CASES, |it| it.parse().unwrap());
    for (target, check) in checks::ALL {
        let corpus = corpus(target);
        let config = ProptestConfig {
            cases,
            failure_persistence: None,
            ..ProptestConfig::default()
        };
        let damages = prop::collection::vec(any_damage(), 1..12);
        proptest!(config, |(text in prop::sample::select(corpus.clone()), damages in damages)| {
            let mut text = text;
            for damage in &damages {
                damage.strike(&mut text, &corpus);
            }
            check(&text);
        });
    }
}
