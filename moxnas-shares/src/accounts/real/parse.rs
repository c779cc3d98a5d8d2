//! Text of the databases to the model. What could not be read is told by its line only: the rest of
//! it may be a hash.

use std::{collections::BTreeMap, fmt};

use jiff::{civil::DateTime, tz::TimeZone};

use crate::{
    accounts::{
        Day, Secret,
        model::{Account, Accounts, Group, Password, SambaUser},
    },
    model::{GroupName, UserName},
};

/// The users.
pub const PASSWD: &str = "/etc/passwd";
/// Their passwords.
pub const SHADOW: &str = "/etc/shadow";
/// The groups.
pub const GROUP: &str = "/etc/group";
/// The shells.
pub const SHELLS: &str = "/etc/shells";

/// What was read, and what was not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed<T> {
    /// What was read.
    pub items: Vec<T>,
    /// What was not.
    pub errors: Vec<String>,
}

/// A line of passwd(5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswdLine {
    /// The name.
    pub name: UserName,
    /// How the password is; `None`: `/etc/shadow` says.
    pub password: Option<Password>,
    /// The number.
    pub uid: u32,
    /// That of the group.
    pub gid: u32,
    /// What is known of the person.
    pub gecos: String,
    /// The home.
    pub home: String,
    /// The shell.
    pub shell: String,
}

/// A line of shadow(5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowLine {
    /// The name.
    pub name: UserName,
    /// How the password is.
    pub password: Password,
    /// The day on which it was changed; 0: it has to be.
    pub changed: Option<u32>,
    /// From when on nobody is let in.
    pub expires: Option<Day>,
}

/// A line of group(5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupLine {
    /// The name.
    pub name: GroupName,
    /// The number.
    pub gid: u32,
    /// The members.
    pub members: Vec<UserName>,
}

impl PasswdLine {
    fn read(line: &str) -> Option<PasswdLine> {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, password, uid, gid, gecos, home, shell] = *fields.as_slice() else {
            return None;
        };
        Some(PasswdLine {
            name: name.parse().ok()?,
            password: (password != "x").then(|| password_of(password)),
            uid: uid.parse().ok()?,
            gid: gid.parse().ok()?,
            gecos: gecos.to_owned(),
            home: home.to_owned(),
            // As passwd(5) says.
            shell: match shell {
                "" => "/bin/sh".to_owned(),
                shell => shell.to_owned(),
            },
        })
    }
}

impl ShadowLine {
    fn read(line: &str) -> Option<ShadowLine> {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, password, changed, _, _, _, _, expires, _] = *fields.as_slice() else {
            return None;
        };
        Some(ShadowLine {
            name: name.parse().ok()?,
            password: password_of(password),
            changed: match changed {
                "" => None,
                day => Some(day.parse().ok()?),
            },
            expires: match expires {
                "" | "-1" => None,
                // Days that Samba could not tell are shown as the last that it can.
                day => Some(nearest(day.parse().ok()?)),
            },
        })
    }
}

impl GroupLine {
    fn read(line: &str) -> Option<GroupLine> {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, gid, members] = *fields.as_slice() else {
            return None;
        };
        let members = members.split(',').filter(|it| !it.is_empty());
        Some(GroupLine {
            name: name.parse().ok()?,
            gid: gid.parse().ok()?,
            members: members.map(|it| it.parse().ok()).collect::<Option<_>>()?,
        })
    }
}

fn nearest(day: u32) -> Day {
    let day = day.clamp(Day::DISABLED.number(), Day::LAST.number());
    Day::new(day).expect("it is one of these")
}

/// What the field says, see shadow(5).
fn password_of(field: &str) -> Password {
    let open = field.trim_start_matches('!');
    match (field, open) {
        ("", _) => Password::Open,
        // What crypt(3) never gives fits no password.
        (_, "" | "*" | "x") => Password::Unset,
        (_, open) if open.len() == field.len() => match field.starts_with('*') {
            true => Password::Unset,
            false => Password::Set,
        },
        (_, open) if open.starts_with('*') => Password::Unset,
        _ => Password::Locked,
    }
}

fn lines<T>(file: &str, text: &str, read: fn(&str) -> Option<T>) -> Parsed<T> {
    let mut parsed = Parsed {
        items: Vec::new(),
        errors: Vec::new(),
    };
    for (number, line) in (1..).zip(text.lines()) {
        match read(line) {
            _ if line.is_empty() => (),
            Some(item) => parsed.items.push(item),
            None => parsed
                .errors
                .push(format!("line {number} of {file} cannot be read")),
        }
    }
    parsed
}

/// `/etc/passwd`
#[must_use]
pub fn passwd(text: &str) -> Parsed<PasswdLine> {
    lines(PASSWD, text, PasswdLine::read)
}

/// `/etc/shadow`
#[must_use]
pub fn shadow(text: &str) -> Parsed<ShadowLine> {
    lines(SHADOW, text, ShadowLine::read)
}

/// `/etc/group`
#[must_use]
pub fn group(text: &str) -> Parsed<GroupLine> {
    lines(GROUP, text, GroupLine::read)
}

/// The four files together: users and groups, without what Samba and the record say.
#[must_use]
pub fn accounts(passwd_text: &str, shadow_text: &str, group_text: &str, shells: &str) -> Accounts {
    let users = passwd(passwd_text);
    let shadow = shadow(shadow_text);
    let groups = group(group_text);
    let mut of_shadow = BTreeMap::new();
    for it in shadow.items {
        // The first line of a name is the one that counts.
        of_shadow.entry(it.name.clone()).or_insert(it);
    }
    let users_of = users.items.into_iter().map(|it| {
        let shadow = of_shadow.get(&it.name);
        let full_name = it.gecos.split(',').next().unwrap_or_default();
        Account {
            uid: it.uid,
            gid: it.gid,
            full_name: full_name.to_owned(),
            home: it.home,
            shell: it.shell,
            // Who is looked up in shadow(5) and is not there has no password.
            password: it
                .password
                .or(shadow.map(|it| it.password))
                .unwrap_or(Password::Unset),
            expires: shadow.and_then(|it| it.expires),
            must_change: shadow.is_some_and(|it| it.changed == Some(0)),
            groups: Vec::new(),
            keys: Vec::new(),
            samba: None,
            given: None,
            name: it.name,
        }
    });
    let groups_of = groups.items.into_iter().map(|it| Group {
        name: it.name,
        gid: it.gid,
        members: it.members,
        given: None,
    });
    let shells = shells.lines().map(str::trim);
    Accounts {
        users: users_of.collect(),
        groups: groups_of.collect(),
        shells: shells
            .filter(|it| it.starts_with('/'))
            .map(str::to_owned)
            .collect(),
        errors: [users.errors, shadow.errors, groups.errors].concat(),
        ..Accounts::default()
    }
}

/// What is in `/etc/shadow` of a user in place of a password, and the day of the last change: to
/// put it back.
#[must_use]
pub fn shadow_field(text: &str, user: &UserName) -> Option<(Secret, i64)> {
    let mut lines = text.lines().map(|it| it.split(':'));
    let mut fields = lines.find_map(|mut it| (it.next()? == user.as_str()).then_some(it))?;
    let field = Secret::new(fields.next()?);
    let changed = match fields.next()? {
        "" => -1,
        day => day.parse().ok()?,
    };
    Some((field, changed))
}

/// What `pdbedit --list --verbose` says, by names in lower case. Of Samba 4.17.
#[must_use]
pub fn samba(text: &str, zone: &TimeZone) -> (BTreeMap<String, SambaUser>, Vec<String>) {
    let mut users = BTreeMap::new();
    let mut errors = Vec::new();
    let mut name = None;
    let mut values = BTreeMap::new();
    // A line of dashes is before each entry, and one more here closes the last.
    for line in text.lines().chain(["-----"]) {
        match line.split_once(':') {
            None if line.starts_with("-----") => {
                if let Some(name) = name.take() {
                    match entry(&values, zone) {
                        Some(it) => {
                            users.insert(name, it);
                        }
                        None => errors.push(format!("what Samba says of {name:?} cannot be read")),
                    }
                }
                values.clear();
            }
            None => (),
            Some(("Unix username", it)) => name = Some(it.trim().to_ascii_lowercase()),
            Some((key, value)) => {
                values.insert(key.trim(), value.trim());
            }
        }
    }
    (users, errors)
}

fn entry(values: &BTreeMap<&str, &str>, zone: &TimeZone) -> Option<SambaUser> {
    Some(SambaUser {
        is_disabled: values.get("Account Flags")?.contains('D'),
        expires: kickoff(values.get("Kickoff time")?, zone)?,
        must_change: *values.get("Password must change")? == "0",
    })
}

/// `Fri, 04 Oct 2024 00:00:00 UTC`, in the zone of the machine. `Some(None)`: never.
fn kickoff(text: &str, zone: &TimeZone) -> Option<Option<Day>> {
    if matches!(text, "never" | "0") {
        return Some(None);
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let [_, day, month, year, time, ..] = *words.as_slice() else {
        return None;
    };
    // What Samba has room for is in a year of five digits.
    if year.len() > 4 && year.bytes().all(|it| it.is_ascii_digit()) {
        return Some(None);
    }
    let shown = format!("{day} {month} {year} {time}");
    let shown = DateTime::strptime("%d %b %Y %H:%M:%S", shown).ok()?;
    let seconds = zone.to_zoned(shown).ok()?.timestamp().as_second();
    // The hour that a clock is put back by must not make another day of it.
    let day = u32::try_from((seconds + 43_200).max(0) / 86_400).ok()?;
    Some((day <= Day::LAST.number()).then(|| nearest(day)))
}

impl fmt::Display for PasswdLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PasswdLine {
            name,
            password,
            uid,
            gid,
            gecos,
            home,
            shell,
        } = self;
        let password = password.map_or("x", shown);
        write!(f, "{name}:{password}:{uid}:{gid}:{gecos}:{home}:{shell}")
    }
}

impl fmt::Display for ShadowLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let password = shown(self.password);
        let changed = self.changed.map(|it| it.to_string()).unwrap_or_default();
        let expires = self.expires.map(|it| it.number().to_string());
        let expires = expires.unwrap_or_default();
        write!(
            f,
            "{}:{password}:{changed}:0:99999:7::{expires}:",
            self.name
        )
    }
}

impl fmt::Display for GroupLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members: Vec<&str> = self.members.iter().map(UserName::as_str).collect();
        write!(f, "{}:x:{}:{}", self.name, self.gid, members.join(","))
    }
}

/// A field that is read as this, and that no password fits: for a machine that is not there.
fn shown(password: Password) -> &'static str {
    match password {
        Password::Open => "",
        Password::Unset => "!",
        Password::Locked => "!$sim$",
        Password::Set => "$sim$",
    }
}
