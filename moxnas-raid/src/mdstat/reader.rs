//! Which line is what, and to which array it belongs.

use std::collections::BTreeSet;

use super::model::{Mdstat, MdstatArray, ReadAhead};
use super::{array_line, bitmap_line, status_line, sync_line};
use crate::parsed::{Line, Log, Parsed, Reason, lines, number, once};

/// What the lines that follow belong to.
#[derive(Debug, Clone, Copy)]
enum Place<'a> {
    /// Nothing: before the first array, or after the last.
    Outside,
    /// The last array of the list, which began at this line.
    Array {
        header: Line<'a>,
        has_status: bool,
        after_blank: bool,
    },
    /// An array whose first line was not read. What follows must not go to the one before it.
    Lost,
}

struct Reader<'a> {
    mdstat: Mdstat,
    /// Of the arrays so far.
    names: BTreeSet<&'a str>,
    has_personalities: bool,
    place: Place<'a>,
    log: Log,
}

pub(super) fn read(text: &str) -> Parsed<Mdstat> {
    let mut reader = Reader {
        mdstat: Mdstat::default(),
        names: BTreeSet::new(),
        has_personalities: false,
        place: Place::Outside,
        log: Log::default(),
    };
    for line in lines(text) {
        reader.line(line);
    }
    reader.leave_array(Place::Outside);
    reader.log.with(reader.mdstat)
}

impl<'a> Reader<'a> {
    fn line(&mut self, line: Line<'a>) {
        let text = line.trimmed();
        if text.is_empty() {
            if let Place::Array { after_blank, .. } = &mut self.place {
                *after_blank = true;
            }
            return;
        }
        if let Some(rest) = text.strip_prefix("Personalities") {
            return self.personalities(line, rest);
        }
        if let Some(rest) = text.strip_prefix("unused devices:") {
            return self.unused(line, rest);
        }
        if let Some(rest) = text.strip_prefix("read_ahead ") {
            let read_ahead = read_ahead(rest);
            return self.note(line, |it| {
                once(&mut it.read_ahead, "read_ahead", read_ahead)
            });
        }
        if let Some(rest) = text.strip_prefix("Event:") {
            let events = number("events", rest.trim());
            return self.note(line, |it| once(&mut it.events, "events", events));
        }
        if is_status(text) {
            return self.status(line);
        }
        if let Some(rest) = text.strip_prefix("bitmap:") {
            let bitmap = bitmap_line::read(rest);
            return self.continuation(line, |it| once(&mut it.bitmap, "bitmap", bitmap));
        }
        if sync_line::is_one(text) {
            return self.sync(line);
        }
        if let Some((name, rest)) = array_line::split(text) {
            return self.array(line, name, rest);
        }
        self.unknown(line);
    }

    fn note(&mut self, line: Line<'a>, change: impl FnOnce(&mut Mdstat) -> Result<(), Reason>) {
        let result = change(&mut self.mdstat);
        self.log.keep(line, result);
    }

    fn personalities(&mut self, line: Line<'a>, rest: &str) {
        let Some(names) = rest.trim_start().strip_prefix(':') else {
            return self.log.add(line, Reason::UnknownLine);
        };
        if self.has_personalities {
            return self.log.add(line, Reason::Twice("Personalities".into()));
        }
        self.has_personalities = true;
        for word in names.split_ascii_whitespace() {
            match word.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
                Some(name) => self.mdstat.personalities.push(name.to_owned()),
                None => self.log.add(line, Reason::UnknownWord(word.to_owned())),
            }
        }
    }

    fn unused(&mut self, line: Line<'a>, rest: &str) {
        self.leave_array(Place::Outside);
        let names = match rest.trim() {
            "" => Err(Reason::Missing("unused device, nor <none>".into())),
            "<none>" => Ok(Vec::new()),
            names => Ok(names.split_ascii_whitespace().map(str::to_owned).collect()),
        };
        self.note(line, |it| once(&mut it.unused, "unused devices", names));
    }

    fn array(&mut self, line: Line<'a>, name: &'a str, rest: &str) {
        let Some(array) = array_line::read(line, name, rest, &mut self.log) else {
            return self.leave_array(Place::Lost);
        };
        if !self.names.insert(name) {
            self.log.add(line, Reason::Twice(name.to_owned().into()));
        }
        // Without members there is no second line: the kernel prints everything on the first.
        let has_status = array.members.is_empty() && array.metadata.is_some();
        self.leave_array(Place::Array {
            header: line,
            has_status,
            after_blank: false,
        });
        self.mdstat.arrays.push(array);
    }

    fn status(&mut self, line: Line<'a>) {
        let Place::Array {
            has_status,
            after_blank,
            ..
        } = &mut self.place
        else {
            return self.log.add(line, Reason::Orphan);
        };
        if *has_status {
            self.log.add(line, Reason::Twice("status line".into()));
            // After a blank line it is another array's, whose first line is gone.
            if *after_blank {
                self.place = Place::Lost;
            }
            return;
        }
        *has_status = true;
        if std::mem::take(after_blank) {
            self.log.add(line, Reason::BlankBefore);
        }
        if let Some(array) = self.mdstat.arrays.last_mut() {
            status_line::read(line, array, &mut self.log);
        }
    }

    fn sync(&mut self, line: Line<'a>) {
        let mut notes = Vec::new();
        let sync = sync_line::read(line.trimmed(), &mut notes);
        self.continuation(line, |it| once(&mut it.sync, "sync", sync));
        for reason in notes {
            self.log.add(line, reason);
        }
    }

    /// A line after the status line. One after a blank line has lost its array.
    fn continuation(
        &mut self,
        line: Line<'a>,
        change: impl FnOnce(&mut MdstatArray) -> Result<(), Reason>,
    ) {
        let (
            Place::Array {
                after_blank: false, ..
            },
            Some(array),
        ) = (self.place, self.mdstat.arrays.last_mut())
        else {
            return self.log.add(line, Reason::Orphan);
        };
        let result = change(array);
        self.log.keep(line, result);
    }

    fn unknown(&mut self, line: Line<'a>) {
        let text = line.trimmed();
        self.log.add(line, Reason::UnknownLine);
        let after_blank = matches!(
            self.place,
            Place::Array {
                after_blank: true,
                ..
            }
        );
        let like_an_array = text.starts_with("md") || text.contains(" : ") || text.contains('[');
        if !line.is_indented() && (after_blank || like_an_array) {
            self.leave_array(Place::Lost);
        }
    }

    fn leave_array(&mut self, next: Place<'a>) {
        if let Place::Array {
            header,
            has_status: false,
            ..
        } = self.place
        {
            self.log.add(header, Reason::Missing("status line".into()));
        }
        self.place = next;
    }
}

/// `<n> blocks …`, or what a damaged one may look like.
fn is_status(text: &str) -> bool {
    let mut words = text.split_ascii_whitespace();
    let first = words.next();
    first == Some("blocks") || words.next() == Some("blocks")
}

fn read_ahead(text: &str) -> Result<ReadAhead, Reason> {
    match text.trim() {
        "not set" => Ok(ReadAhead::NotSet),
        text => number("read_ahead", text.strip_suffix(" sectors").unwrap_or(text))
            .map(ReadAhead::Sectors),
    }
}
