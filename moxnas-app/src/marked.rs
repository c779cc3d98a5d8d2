//! Lists that are read from the database once, and asked each time whether they are still good.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex},
};

/// Somebody who asks for ever other pages must not fill the memory.
const KEPT: usize = 16;

/// What the database said, and the mark that it had then.
#[derive(Debug, PartialEq, Eq)]
pub struct Marked<T> {
    /// The same mark, the same content.
    pub mark: Arc<str>,
    /// The content.
    pub content: Arc<T>,
}

impl<T> Clone for Marked<T> {
    fn clone(&self) -> Marked<T> {
        Marked {
            mark: Arc::clone(&self.mark),
            content: Arc::clone(&self.content),
        }
    }
}

/// What was read last, by what was asked for.
#[derive(Debug)]
pub(crate) struct LastRead<K, T>(Mutex<HashMap<K, Marked<T>>>);

impl<K, T> Default for LastRead<K, T> {
    fn default() -> LastRead<K, T> {
        LastRead(Mutex::default())
    }
}

impl<K: Eq + Hash, T> LastRead<K, T> {
    /// What was read under this mark.
    pub(crate) fn get(&self, key: &K, mark: &str) -> Option<Marked<T>> {
        let kept = self.0.lock().expect("no holder of this lock panics");
        kept.get(key).filter(|it| *it.mark == *mark).cloned()
    }

    /// Keep what was read after the mark was.
    pub(crate) fn keep(&self, key: K, mark: Arc<str>, content: T) -> Marked<T> {
        let content = Arc::new(content);
        let new = Marked { mark, content };
        let mut kept = self.0.lock().expect("no holder of this lock panics");
        if kept.len() >= KEPT && !kept.contains_key(&key) {
            kept.clear();
        }
        kept.insert(key, new.clone());
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_counts_as_long_as_its_mark() {
        let last = LastRead::default();
        last.keep("first", "a".into(), 1);
        assert_eq!(*last.get(&"first", "a").unwrap().content, 1);
        assert_eq!(last.get(&"first", "b"), None);
        assert_eq!(last.get(&"second", "a"), None);
        last.keep("first", "b".into(), 2);
        assert_eq!(*last.get(&"first", "b").unwrap().content, 2);
        assert_eq!(last.get(&"first", "a"), None);
    }

    #[test]
    fn memory_is_bounded() {
        let last = LastRead::default();
        for key in 0..100 {
            last.keep(key, "a".into(), ());
            assert!(last.0.lock().unwrap().len() <= KEPT);
        }
    }
}
