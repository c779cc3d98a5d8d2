//! Pages of lists as text with its tag, made once for each look at the machine.

use std::{collections::BTreeMap, sync::Mutex, time::SystemTime};

use bytes::Bytes;
use moxnas_app::Seen;

use crate::{cached::ETag, routes::Page};

/// Somebody who asks for ever other pages must not fill the memory.
const KEPT: usize = 64;

/// The pages of the last look.
#[derive(Debug, Default)]
pub(crate) struct Pages(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// When the look was, and its serial: two looks may fall on one moment.
    of: Option<(SystemTime, u64)>,
    pages: BTreeMap<(&'static str, Page), (Bytes, ETag)>,
}

impl Pages {
    pub(crate) fn get(
        &self,
        list: &'static str,
        page: &Page,
        seen: &Seen,
        make: impl FnOnce() -> Bytes,
    ) -> (Bytes, ETag) {
        let key = (list, page.clone());
        let mut kept = self.0.lock().expect("no holder of this lock panics");
        let of = Some((seen.as_of, seen.serial));
        if kept.of != of || kept.pages.len() >= KEPT {
            *kept = Kept {
                of,
                pages: BTreeMap::new(),
            };
        }
        let tagged = || {
            let text = make();
            let tag = ETag::of(&text);
            (text, tag)
        };
        kept.pages.entry(key).or_insert_with(tagged).clone()
    }
}
