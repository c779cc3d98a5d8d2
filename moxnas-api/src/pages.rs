//! Pages of lists as text with its tag, made once for each state of what they show.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use bytes::Bytes;
use moxnas_app::Seen;

use crate::{cached::ETag, routes::Page};

/// Somebody who asks for ever other pages must not fill the memory.
const KEPT: usize = 32;

/// What a page is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    /// A look at the machine: when it was, and its serial, as two looks may fall on one moment.
    Look(SystemTime, u64),
    /// The same with what was answered beside it.
    Answers(SystemTime, u64, u64),
    /// A list of the database, while it has this mark.
    Mark(Arc<str>),
}

impl Of {
    /// Only what looks find out is on it.
    pub(crate) fn look(seen: &Seen) -> Of {
        Of::Look(seen.as_of, seen.serial)
    }

    /// What no look finds out is on it too.
    pub(crate) fn answers(seen: &Seen) -> Of {
        Of::Answers(seen.as_of, seen.serial, seen.answered)
    }
}

/// The pages that were asked for last.
#[derive(Debug, Default)]
pub(crate) struct Pages(Mutex<BTreeMap<(String, Page), Kept>>);

#[derive(Debug)]
struct Kept {
    of: Of,
    text: Bytes,
    tag: ETag,
}

impl Pages {
    pub(crate) fn get(
        &self,
        list: impl Into<String>,
        page: &Page,
        of: Of,
        make: impl FnOnce() -> Bytes,
    ) -> (Bytes, ETag) {
        let key = (list.into(), page.clone());
        let mut pages = self.0.lock().expect("no holder of this lock panics");
        if let Some(kept) = pages.get(&key)
            && kept.of == of
        {
            return (kept.text.clone(), kept.tag.clone());
        }
        if pages.len() >= KEPT {
            pages.clear();
        }
        let text = make();
        let tag = ETag::of(&text);
        let kept = Kept {
            of,
            text: text.clone(),
            tag: tag.clone(),
        };
        pages.insert(key, kept);
        (text, tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(cursor: &str) -> Page {
        Page::new(Some(1), Some(cursor.to_owned())).unwrap()
    }

    #[test]
    fn a_page_is_made_once_for_each_state() {
        let pages = Pages::default();
        let of = |mark: &str| Of::Mark(mark.into());
        let (text, tag) = pages.get("logins", &page("a"), of("1"), || "one".into());
        let again = pages.get("logins", &page("a"), of("1"), || panic!("it is known"));
        assert_eq!(again, (text, tag.clone()));
        let (text, new) = pages.get("logins", &page("a"), of("2"), || "two".into());
        assert_eq!(text, "two");
        assert_ne!(new, tag);
        assert_eq!(
            pages.get("disks", &page("a"), of("2"), || "x".into()).0,
            "x"
        );
    }

    #[test]
    fn memory_is_bounded() {
        let pages = Pages::default();
        for number in 0..100 {
            let page = page(&number.to_string());
            pages.get("logins", &page, Of::Mark("1".into()), Bytes::new);
            assert!(pages.0.lock().unwrap().len() <= KEPT);
        }
    }
}
