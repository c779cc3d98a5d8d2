//! `/proc/mdstat` texts of other projects' tests, each with its whole content in one schema.

use std::collections::BTreeMap;

use moxnas_raid::mdstat::{
    self, Layout, Mdstat, MdstatArray, MemberFlag, Metadata, ReadOnly, State, SyncAction, SyncState,
};
use moxnas_raid::parsed::Parsed;
use serde_json::{Map, Value, json};

/// Texts in the folder. More are welcome, fewer are a folder that is not whole.
const FLOOR: usize = 41;

/// Where what is kept differs from the schema on purpose: file, what, why.
const DIFFER: &[(&str, &str, &str)] = &[];

/// Texts that their source takes without complaint and that have errors here: file, how many, why.
const CUT: &[(&str, usize, &str)] = &[
    (
        "insights_core/arrayline_1.mdstat",
        1,
        "the first line of an array alone",
    ),
    (
        "insights_core/arrayline_2.mdstat",
        1,
        "the first line of an array alone",
    ),
    (
        "insights_core/arrayline_3.mdstat",
        1,
        "the first line of an array alone",
    ),
    (
        "insights_core/upline_1.mdstat",
        1,
        "a status line without its array",
    ),
    (
        "insights_core/upline_2.mdstat",
        1,
        "a status line without its array",
    ),
    (
        "insights_core/upline_3.mdstat",
        1,
        "a sync line without its array",
    ),
];

#[test]
fn outside_mdstat_texts() {
    let Some(root) = super::corpus("mdstat") else {
        return;
    };
    let texts = super::files(&root, ".mdstat");
    let mut failures = Vec::new();
    for (name, path) in &texts {
        let parsed = mdstat::parse(&super::read(path));
        let wanted: Value =
            serde_json::from_str(&super::read(&path.with_extension("norm.json"))).unwrap();
        let differs = DIFFER.iter().find(|(file, ..)| file == name);
        if let Some((file, what, why)) = differs {
            println!("mdstat: {file} differs on purpose: {what}: {why}");
        }
        let norm = norm(&parsed);
        if (norm == wanted) == differs.is_some() {
            failures.push(format!("{name}\n  read   {norm}\n  wanted {wanted}"));
        }
        let expected = path.with_extension("expected.json");
        let is_error = expected.exists()
            && serde_json::from_str::<Value>(&super::read(&expected)).unwrap()["source_expected"]["error"]
                == true;
        let cut = CUT
            .iter()
            .find(|(file, ..)| file == name)
            .map_or(0, |(_, count, _)| *count);
        let as_wanted = if is_error {
            !parsed.errors.is_empty()
        } else {
            parsed.errors.len() == cut
        };
        let well_formed = parsed
            .errors
            .iter()
            .all(|it| it.line > 0 && !it.reason.to_string().is_empty());
        if !as_wanted || !well_formed {
            failures.push(format!("{name}\n  errors {:#?}", parsed.errors));
        }
    }
    println!(
        "mdstat: {} of {} hold",
        texts.len() - failures.len().min(texts.len()),
        texts.len()
    );
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(
        texts.len() >= FLOOR,
        "{} texts, expected {FLOOR}",
        texts.len()
    );
}

#[test]
fn no_word_of_an_mdstat_text_is_unread() {
    let Some(root) = super::corpus("mdstat") else {
        return;
    };
    for (name, path) in super::files(&root, ".mdstat") {
        let text = super::read(&path);
        let mut lines = super::unread::lines(&text, mdstat::parse);
        // A kernel without personalities says so in a line that says nothing.
        lines.retain(|it| !it.ends_with("Personalities :"));
        assert_eq!(lines, Vec::<String>::new(), "{name}");
        let mut words = super::unread::words(&text, mdstat::parse);
        // The bar says in twenty signs what stands beside it in numbers.
        words.retain(|it| !it.starts_with("[=") && !it.starts_with("[>"));
        assert_eq!(words, Vec::<String>::new(), "{name}");
    }
}

fn norm(parsed: &Parsed<Mdstat>) -> Value {
    let unparsed = |array: &MdstatArray| -> Vec<&str> {
        parsed
            .errors
            .iter()
            .filter(|it| it.text.split(':').next().map(str::trim) == Some(&array.name))
            .filter_map(|it| it.reason.unknown_word())
            .collect()
    };
    let arrays: BTreeMap<&str, Value> = parsed
        .value
        .arrays
        .iter()
        .map(|it| (it.name.as_str(), array(it, &unparsed(it))))
        .collect();
    json!({
        "personalities": parsed.value.personalities,
        "arrays": arrays,
        "unused": parsed.value.unused,
    })
}

fn array(array: &MdstatArray, unparsed: &[&str]) -> Value {
    let members: Vec<Value> = array
        .members
        .iter()
        .map(|it| {
            let flags: String = it.flags.iter().map(|it| MemberFlag::letter(*it)).collect();
            json!({ "dev": it.device, "idx": it.number, "flags": flags })
        })
        .collect();
    let layout = match &array.layout {
        None => None,
        Some(Layout::Parity { algorithm }) => Some(format!("algorithm {algorithm}")),
        Some(Layout::Copies(copies)) => {
            let far = if copies.offset {
                "offset-copies"
            } else {
                "far-copies"
            };
            let parts = [(copies.near, "near-copies"), (copies.far, far)];
            let parts = parts.iter().filter(|it| it.0 > 1);
            Some(
                parts
                    .map(|it| format!("{} {}", it.0, it.1))
                    .collect::<Vec<_>>()
                    .join(" "),
            )
        }
        Some(Layout::Faulty { modes }) => Some(modes.join(" ")),
    };
    let mut norm = json!({
        "state": match array.state {
            State::Active => "active",
            State::Inactive => "inactive",
            State::Broken => "broken",
        },
        "ro": match array.read_only {
            ReadOnly::No => "rw",
            ReadOnly::ReadOnly => "ro",
            ReadOnly::AutoReadOnly => "auto-ro",
        },
        "level": array.personality,
        "members": members,
        "blocks": array.blocks,
        "metadata": array.metadata.as_ref().map(Metadata::to_string),
        "raid_disks": array.raid_disks,
        "in_sync": array.in_sync,
        "map": array.map,
        "sync": array.sync.as_ref().map(sync),
        "bitmap": array.bitmap.as_ref().map(|it| json!({
            "pages": it.pages,
            "pages_total": it.pages_total,
            "kb": it.kib,
            "chunk": match it.chunk_bytes {
                bytes @ 0..1024 => format!("{bytes}B"),
                bytes => format!("{}KB", bytes / 1024),
            },
            "file": it.file,
        })),
        "chunk_k": array.chunk_kib.or(array.rounding_kib),
        "layout": layout,
    });
    if !unparsed.is_empty() {
        norm["unparsed"] = json!(unparsed);
    }
    norm
}

fn sync(sync: &mdstat::Sync) -> Value {
    let kind = match sync.action {
        SyncAction::Resync => "resync",
        SyncAction::Recovery => "recovery",
        SyncAction::Check => "check",
        SyncAction::Repair => "repair",
        SyncAction::Reshape => "reshape",
    };
    let mut norm = Map::from_iter([("kind".to_owned(), json!(kind))]);
    let wait = match &sync.state {
        SyncState::Delayed => "DELAYED",
        SyncState::Pending => "PENDING",
        SyncState::Remote => "REMOTE",
        SyncState::Running(progress) => {
            norm.extend([
                ("pct".to_owned(), json!(progress.percent)),
                ("done".to_owned(), json!(progress.done)),
                ("total".to_owned(), json!(progress.total)),
                ("finish_min".to_owned(), json!(progress.finish_minutes)),
                ("speed_k".to_owned(), json!(progress.speed_kib_s)),
            ]);
            return Value::Object(norm);
        }
    };
    norm.insert("wait".to_owned(), json!(wait));
    Value::Object(norm)
}

/// What a text may say of an array beside its numbers: how it is written, and how often it was kept.
type Mark = (&'static str, fn(&MdstatArray) -> usize);

const MARKS: [Mark; 15] = [
    ("(J)", |it| flagged(it, 'J')),
    ("(R)", |it| flagged(it, 'R')),
    ("(W)", |it| flagged(it, 'W')),
    ("(F)", |it| flagged(it, 'F')),
    ("(S)", |it| flagged(it, 'S')),
    ("=REMOTE", |it| waits(it, &SyncState::Remote)),
    ("=DELAYED", |it| waits(it, &SyncState::Delayed)),
    ("=PENDING", |it| waits(it, &SyncState::Pending)),
    ("reshape =", |it| {
        let runs = |it: &mdstat::Sync| {
            it.action == SyncAction::Reshape && matches!(it.state, SyncState::Running(_))
        };
        usize::from(it.sync.as_ref().is_some_and(runs))
    }),
    (": broken", |it| usize::from(it.state == State::Broken)),
    (": inactive", |it| usize::from(it.state == State::Inactive)),
    ("(auto-read-only)", |it| {
        usize::from(it.read_only == ReadOnly::AutoReadOnly)
    }),
    ("(read-only)", |it| {
        usize::from(it.read_only == ReadOnly::ReadOnly)
    }),
    ("chunk, file: ", |it| {
        usize::from(it.bitmap.as_ref().is_some_and(|it| it.file.is_some()))
    }),
    ("super external:", |it| {
        let is_external = |it: &Metadata| it.to_string().starts_with("external:");
        usize::from(it.metadata.as_ref().is_some_and(is_external))
    }),
];

/// What no text has: only the nodes of a cluster write the one, and bitmaps in files are gone from
/// newer kernels. Both are read in mdstat/tests.rs.
const IN_NO_TEXT: [&str; 2] = ["=REMOTE", "chunk, file: "];

fn flagged(array: &MdstatArray, letter: char) -> usize {
    let flags = array.members.iter().flat_map(|it| &it.flags);
    flags
        .filter(|it| MemberFlag::letter(**it) == letter)
        .count()
}

fn waits(array: &MdstatArray, state: &SyncState) -> usize {
    let waits = |it: &mdstat::Sync| it.state == *state;
    usize::from(array.sync.as_ref().is_some_and(waits))
}

/// Each mark is kept as often as it is written, in the texts of others and in those captured here.
#[test]
fn every_mark_of_an_mdstat_text_is_kept() {
    let mut texts: Vec<(String, String)> = Vec::new();
    let outside = super::corpus("mdstat");
    let is_outside = outside.is_some();
    if let Some(root) = outside {
        let outside = super::files(&root, ".mdstat").into_iter();
        texts.extend(outside.map(|(name, path)| (name, super::read(&path))));
    }
    texts.extend(super::fixtures::mdstats());
    println!("mdstat: of {} texts, written and kept:", texts.len());
    for (word, kept_in) in MARKS {
        let (mut written, mut kept) = (0, 0);
        for (name, text) in &texts {
            // The first line of an array alone, or a line without its array, is an error.
            if CUT.iter().any(|(file, ..)| file == name) {
                continue;
            }
            let here: usize = text.matches(word).count();
            let found = mdstat::parse(text).value;
            let read: usize = found.arrays.iter().map(kept_in).sum();
            assert_eq!(read, here, "{word} in {name}");
            (written, kept) = (written + here, kept + read);
        }
        println!("  {word:<18} {written:>4} {kept:>4}");
        let is_captured = written > 0 || IN_NO_TEXT.contains(&word) || !is_outside;
        assert!(is_captured, "no text has {word}");
    }
}
