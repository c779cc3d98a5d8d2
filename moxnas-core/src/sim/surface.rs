//! What was written to a simulated disk, where anybody reads it back.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use crate::disk::SanitizeMethod;

/// Stretches that are filled with one byte; all else holds what nobody can foretell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surface {
    /// Where each begins, where it ends, and its byte. They do not overlap.
    filled: BTreeMap<u64, (u64, u8)>,
}

/// A disk that erases itself, or did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erasing {
    /// How.
    pub method: SanitizeMethod,
    /// When it began.
    pub since: SystemTime,
    /// How long it takes.
    pub takes: Duration,
    /// Whether it was over when somebody last looked.
    pub is_over: bool,
}

impl Surface {
    /// Fill a stretch.
    pub fn fill(&mut self, from: u64, to: u64, byte: u8) {
        self.forget(from, to);
        if from < to {
            self.filled.insert(from, (to, byte));
        }
    }

    /// Put something into a stretch that nobody can foretell.
    pub fn forget(&mut self, from: u64, to: u64) {
        let touched: Vec<(u64, (u64, u8))> = self
            .filled
            .range(..to)
            .filter(|(_, (end, _))| *end > from)
            .map(|(at, it)| (*at, *it))
            .collect();
        for (at, (end, byte)) in touched {
            self.filled.remove(&at);
            if at < from {
                self.filled.insert(at, (from, byte));
            }
            if end > to {
                self.filled.insert(to, (end, byte));
            }
        }
    }

    /// Where in a stretch there is something else than this byte, from and to.
    #[must_use]
    pub fn differs(&self, from: u64, to: u64, byte: u8) -> Vec<(u64, u64)> {
        let mut places: Vec<(u64, u64)> = Vec::new();
        let mut add = |from: u64, to: u64| match places.last_mut() {
            _ if from >= to => (),
            Some(last) if last.1 == from => last.1 = to,
            _ => places.push((from, to)),
        };
        let mut at = from;
        for (begin, (end, other)) in &self.filled {
            let (begin, end) = ((*begin).max(from), (*end).min(to));
            if begin >= end {
                continue;
            }
            add(at, begin);
            if *other != byte {
                add(begin, end);
            }
            at = end;
        }
        add(at, to);
        places
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_what_an_array_of_bytes_would_be(
            writes in proptest::collection::vec((0_u64..64, 0_u64..64, 0_u8..4), 0..20)
        ) {
            let mut surface = Surface::default();
            let mut bytes = [None; 64];
            for (a, b, byte) in writes {
                let (from, to) = (a.min(b), a.max(b));
                let known = (byte > 0).then_some(byte);
                match known {
                    Some(byte) => surface.fill(from, to, byte),
                    None => surface.forget(from, to),
                }
                for it in &mut bytes[from as usize..to as usize] {
                    *it = known;
                }
            }
            for byte in 1..4 {
                let mut differs = [false; 64];
                for (from, to) in surface.differs(0, 64, byte) {
                    differs[from as usize..to as usize].fill(true);
                }
                prop_assert_eq!(differs, bytes.map(|it| it != Some(byte)));
            }
        }
    }
}
