//! A field of an expression: numbers, ranges and repetitions, as systemd writes them.

use std::fmt;

use super::error::Field;

/// Of a second; the unit in which seconds are counted here.
pub(super) const MICROS: u32 = 1_000_000;

/// `start`, `start..stop/step` or `start/step`.
///
/// The order is the one in which systemd prints a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Item {
    pub(super) start: u32,
    /// The last value, which is a whole number of steps behind the first.
    pub(super) stop: Option<u32>,
    /// 0 if there is but one value.
    pub(super) step: u32,
}

impl Item {
    pub(super) const fn one(start: u32) -> Item {
        Item {
            start,
            stop: None,
            step: 0,
        }
    }

    /// With a stop that is reached, and as a single value if it has but one.
    pub(super) fn normalized(mut self) -> Item {
        if let Some(stop) = self.stop.filter(|it| *it > self.start && self.step > 0) {
            self.stop = Some(stop - (stop - self.start) % self.step);
        }
        if self.stop == Some(self.start) {
            return Item::one(self.start);
        }
        self
    }

    /// The smallest value that is not below.
    fn next(self, from: u32, high: u32) -> Option<u32> {
        if from <= self.start {
            return Some(self.start);
        }
        if self.step == 0 {
            return None;
        }
        let steps = (from - self.start).div_ceil(self.step);
        let value = self.start + steps * self.step;
        (value <= self.stop.unwrap_or(high)).then_some(value)
    }
}

/// What a field allows. No items stand for `*`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct List(Vec<Item>);

impl List {
    /// Sorted, and nothing twice.
    pub(super) fn new(mut items: Vec<Item>) -> List {
        items.sort_unstable();
        items.dedup();
        List(items)
    }

    pub(super) fn one(value: u32) -> List {
        List(vec![Item::one(value)])
    }

    /// Every whole second, which systemd writes as a repetition and prints as `*`.
    pub(super) fn every_second() -> List {
        let item = Item {
            start: 0,
            stop: None,
            step: MICROS,
        };
        List(vec![item])
    }

    /// Sorted, and without whole seconds beside a repetition that covers them all.
    ///
    /// systemd prints any list with `0/1` in it as `*`, which loses half seconds beside it. Here they
    /// are kept and printed.
    pub(super) fn of_seconds(mut items: Vec<Item>) -> List {
        let every = List::every_second();
        if items.contains(&every.0[0]) {
            let is_whole = |it: u32| it.is_multiple_of(MICROS);
            items.retain(|it| *it == every.0[0] || !(is_whole(it.start) && is_whole(it.step)));
        }
        List::new(items)
    }

    pub(super) fn is_all(&self) -> bool {
        self.0.is_empty()
    }

    /// The smallest value that is allowed and not below.
    pub(super) fn next(&self, from: u32, high: u32) -> Option<u32> {
        if self.is_all() {
            return (from <= high).then_some(from);
        }
        self.0.iter().filter_map(|it| it.next(from, high)).min()
    }

    /// The values as bits, bit 1 being value 1.
    pub(super) fn bits(&self, field: Field) -> u64 {
        let (low, high) = bounds(field);
        let mut bits = 0;
        let mut from = low;
        while let Some(value) = self.next(from, high) {
            bits |= 1 << value;
            from = value + 1;
        }
        bits
    }

    /// The values of days that are counted from the end: bit 1 is the last day.
    ///
    /// A repetition goes forward in time, so that `~07/1` is the last seven days.
    pub(super) fn bits_from_end(&self) -> u64 {
        let mut bits = 0;
        for item in &self.0 {
            let (mut day, last) = match item.stop {
                Some(stop) => (stop, item.start),
                None => (item.start, 1),
            };
            bits |= 1 << day;
            while item.step > 0 && day >= last + item.step {
                day -= item.step;
                bits |= 1 << day;
            }
        }
        bits
    }

    /// As systemd prints it, with numbers of at least so many digits.
    pub(super) fn print(&self, f: &mut fmt::Formatter<'_>, digits: usize) -> fmt::Result {
        if self.is_all() {
            return f.write_str("*");
        }
        for (index, item) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            write!(f, "{:0digits$}", item.start)?;
            if let Some(stop) = item.stop {
                write!(f, "..{stop:0digits$}")?;
            }
            if item.step > 1 || (item.step == 1 && item.stop.is_none()) {
                write!(f, "/{}", item.step)?;
            }
        }
        Ok(())
    }

    /// Seconds, as systemd prints them.
    pub(super) fn print_seconds(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == List::every_second() {
            return f.write_str("*");
        }
        let fraction = |f: &mut fmt::Formatter<'_>, value: u32| match value % MICROS {
            0 => Ok(()),
            micros => write!(f, ".{micros:06}"),
        };
        for (index, item) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            write!(f, "{:02}", item.start / MICROS)?;
            fraction(f, item.start)?;
            if let Some(stop) = item.stop {
                write!(f, "..{:02}", stop / MICROS)?;
                fraction(f, stop)?;
            }
            if item.step > 0 && !(item.stop.is_some() && item.step == MICROS) {
                write!(f, "/{}", item.step / MICROS)?;
                fraction(f, item.step)?;
            }
        }
        Ok(())
    }
}

/// The smallest and the largest number of a field; seconds in microseconds.
pub(super) fn bounds(field: Field) -> (u32, u32) {
    match field {
        Field::Year => (1970, 2199),
        Field::Month => (1, 12),
        Field::Day => (1, 31),
        // February has 28 days, and systemd has every expression mean something in each month.
        Field::DayFromEnd => (1, 28),
        Field::Weekday => (0, 7),
        Field::Hour => (0, 23),
        Field::Minute => (0, 59),
        Field::Second => (0, 60 * MICROS - 1),
    }
}
