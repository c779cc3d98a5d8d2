//! The line of the write-intent bitmap: `8/15 pages [32KB], 65536KB chunk, file: /bitmap`. See
//! `md_bitmap_status` in drivers/md/md.c.

use super::model::Bitmap;
use crate::parsed::{Reason, number};

/// Reads what follows `bitmap:`.
pub(super) fn read(text: &str) -> Result<Bitmap, Reason> {
    let (text, file) = match text.split_once(", file:") {
        Some((text, file)) => (text, Some(unescape(file.trim()))),
        None => (text, None),
    };
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let [pages, "pages", memory, chunk, "chunk"] = words.as_slice() else {
        return Err(Reason::UnknownLine);
    };
    let unknown = |word: &&str| Reason::UnknownWord((*word).to_owned());
    let (pages, pages_total) = pages.split_once('/').ok_or_else(|| unknown(pages))?;
    let kib = memory
        .strip_prefix('[')
        .and_then(|it| it.strip_suffix("KB],"))
        .ok_or_else(|| unknown(memory))?;
    Ok(Bitmap {
        pages: number("pages", pages)?,
        pages_total: number("pages", pages_total)?,
        kib: number("memory", kib)?,
        chunk_bytes: bytes(chunk)?,
        file,
    })
}

/// `65536KB`, or `512B` of a chunk below 1 KiB.
fn bytes(text: &str) -> Result<u64, Reason> {
    if let Some(digits) = text.strip_suffix("KB") {
        let too_large = || Reason::TooLarge {
            field: "chunk".into(),
            text: text.to_owned(),
        };
        return number::<u64>("chunk", digits)?
            .checked_mul(1024)
            .ok_or_else(too_large);
    }
    let digits = text
        .strip_suffix('B')
        .ok_or_else(|| Reason::UnknownWord(text.to_owned()))?;
    number("chunk", digits)
}

/// `seq_file_path` writes space, tab and newline in octal, and nothing else.
fn unescape(text: &str) -> String {
    text.replace("\\040", " ")
        .replace("\\011", "\t")
        .replace("\\012", "\n")
}
