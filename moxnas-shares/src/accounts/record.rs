//! What MoxNAS remembers of the numbers it gave: one line each, for ever.
//!
//! ```text
//! user    3000    alice   here    2030-06-30
//! user    3001    bob     gone
//! group   3000    alice   here
//! ```
//!
//! The fields are separated by tabs. The machine itself is asked who is there; this says whose a
//! number was, who was handed over to MoxNAS, and what the databases of the system have no room
//! for.

use std::{collections::BTreeMap, fmt::Write};

use serde::{Deserialize, Serialize};

use super::{
    Day,
    plan::{Note, Step},
};

/// Where it is kept.
pub const RECORD_FILE: &str = "/etc/moxnas/accounts.ids";

/// The first number given. Debian leaves 1000 to 59999 to people (its policy, 9.2.2), and
/// adduser(8) takes the lowest that is free there: those made by hand stay below ours for a long
/// time.
pub const FIRST_ID: u32 = 3000;

/// The last number given. Numbers above belong to systemd and to nobody, and those from 65536 on to
/// containers, whose ranges in subuid(5) begin at 100000.
pub const LAST_ID: u32 = 59_999;

/// The first number of people. Those below are the system's own.
pub const FIRST_OF_PEOPLE: u32 = 1000;

/// Every number that MoxNAS ever gave or took in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The users, by their numbers.
    pub users: BTreeMap<u32, Given>,
    /// The groups, by theirs.
    pub groups: BTreeMap<u32, Given>,
}

/// To whom a number was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// The name.
    pub name: String,
    /// How far it came.
    pub life: Life,
    /// When a user is to expire. Kept here because a disabled one has another day in the databases.
    pub expires: Option<Day>,
    /// Whether a password was to be set, and it is not known that it was: services may go by
    /// different ones.
    pub in_doubt: bool,
}

/// How far an account came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Life {
    /// It is being made. Trying again goes on with it.
    Coming,
    /// It was made, or taken in.
    Here,
    /// It was deleted.
    Gone,
}

/// The record cannot be read. Without it numbers would be given twice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of {RECORD_FILE} cannot be read: {text:?}")]
pub struct BadRecord {
    /// Which line, from 1 on.
    pub line: usize,
    /// What is in it.
    pub text: String,
}

impl Life {
    fn word(self) -> &'static str {
        match self {
            Life::Coming => "coming",
            Life::Here => "here",
            Life::Gone => "gone",
        }
    }

    fn of(word: &str) -> Option<Life> {
        let all = [Life::Coming, Life::Here, Life::Gone];
        all.into_iter().find(|it| it.word() == word)
    }
}

impl Given {
    /// A number for a name, at the beginning.
    #[must_use]
    pub fn coming(name: &str) -> Given {
        Given {
            name: name.to_owned(),
            life: Life::Coming,
            expires: None,
            in_doubt: false,
        }
    }
}

impl Record {
    /// Read it. A single line that is not understood is an error: what is not known must not be
    /// given.
    pub fn parse(text: &str) -> Result<Record, BadRecord> {
        let mut record = Record::default();
        for (line, text) in (1..).zip(text.lines()) {
            if !text.starts_with('#') {
                let read = record.read(text);
                read.ok_or_else(|| BadRecord {
                    line,
                    text: text.to_owned(),
                })?;
            }
        }
        Ok(record)
    }

    fn read(&mut self, line: &str) -> Option<()> {
        let fields: Vec<&str> = line.split('\t').collect();
        match *fields.as_slice() {
            [kind, id, name, life, ref rest @ ..] => {
                let (expires, in_doubt) = match *rest {
                    [] => ("", false),
                    [expires] => (expires, false),
                    [expires, "in-doubt"] => (expires, true),
                    _ => return None,
                };
                let given = Given {
                    name: name.to_owned(),
                    life: Life::of(life)?,
                    expires: match expires {
                        "" => None,
                        day => Some(day.parse().ok()?),
                    },
                    in_doubt,
                };
                let of = match kind {
                    "user" => &mut self.users,
                    "group" => &mut self.groups,
                    _ => return None,
                };
                // The same number twice: one of the two lines is wrong.
                match of.insert(id.parse().ok()?, given) {
                    None => (),
                    Some(_) => return None,
                }
            }
            _ => return None,
        }
        Some(())
    }

    /// As it is written.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text =
            "# Written by MoxNAS: every number that it gave to a user or a group, so that none \
                        is given twice.\n"
                .to_owned();
        for (kind, all) in [("user", &self.users), ("group", &self.groups)] {
            for (id, it) in all {
                let expires = it.expires.map(|it| it.to_string()).unwrap_or_default();
                let doubt = match it.in_doubt {
                    true => "\tin-doubt",
                    false => "",
                };
                let rest = format!("\t{expires}{doubt}");
                let (name, life) = (&it.name, it.life.word());
                let line = format!("{kind}\t{id}\t{name}\t{life}{}", rest.trim_end());
                writeln!(text, "{line}").expect("a text has room");
            }
        }
        text
    }

    /// Take in what a step wants written down.
    pub fn note(&mut self, step: &Step) {
        match step {
            Step::NoteUser { uid, user, note } => {
                let given = taken_by(&mut self.users, *uid, user.as_str());
                match note {
                    Note::Life(life) => given.life = *life,
                    Note::Expires(day) => given.expires = *day,
                    Note::PasswordInDoubt => given.in_doubt = true,
                    Note::PasswordSettled => given.in_doubt = false,
                }
            }
            Step::NoteGroup { gid, group, life } => {
                taken_by(&mut self.groups, *gid, group.as_str()).life = *life;
            }
            _ => (),
        }
    }

    /// The user of this number and name.
    #[must_use]
    pub fn user(&self, id: u32, name: &str) -> Option<&Given> {
        self.users.get(&id).filter(|it| it.name == name)
    }

    /// The group of this number and name.
    #[must_use]
    pub fn group(&self, id: u32, name: &str) -> Option<&Given> {
        self.groups.get(&id).filter(|it| it.name == name)
    }

    /// The numbers of users of this name who are not known to be gone.
    pub fn users_named(&self, name: &str) -> impl Iterator<Item = (u32, &Given)> {
        let named = self.users.iter().filter(move |(_, it)| it.name == name);
        named
            .filter(|(_, it)| it.life != Life::Gone)
            .map(|(id, it)| (*id, it))
    }
}

/// The line of a number, for whoever has it now.
fn taken_by<'a>(of: &'a mut BTreeMap<u32, Given>, id: u32, name: &str) -> &'a mut Given {
    let given = of.entry(id).or_insert_with(|| Given::coming(name));
    if given.name != name || given.life == Life::Gone {
        *given = Given::coming(name);
    }
    given
}
