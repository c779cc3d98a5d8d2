//! What was seen, fact by fact, in words that are the same on every machine.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use anyhow::Result;
use moxnas_shares::{
    accounts::{
        Life,
        model::{Account, Accounts},
    },
    model::Intent,
    render::{Places, Service},
    services::{Unit, UnitFacts, model::Load},
    sessions::Session,
    standing::{Standing, standings},
};

use super::{Seen, SeenFile};

/// Facts by what they are about.
pub(super) type Facts = BTreeMap<String, String>;

/// Processes by their units, in the order in which they came up.
#[derive(Default)]
pub(super) struct Processes {
    known: BTreeMap<Unit, Vec<(u32, u32)>>,
    /// How often the machine was started: then a process may have the number of one before that.
    starts: u32,
}

impl Processes {
    pub(super) fn machine_was_started(&mut self) {
        self.starts += 1;
    }

    fn place(&mut self, unit: Unit, pid: u32) -> usize {
        let process = (self.starts, pid);
        let known = self.known.entry(unit).or_default();
        let place = known.iter().position(|it| *it == process);
        place.unwrap_or_else(|| {
            known.push(process);
            known.len() - 1
        })
    }
}

/// The daemons of which scenarios are.
const DAEMONS: [Service; 4] = [Service::Samba, Service::Nfs, Service::Ftp, Service::Ssh];

/// And their units.
const UNITS: [Unit; 5] = [
    Unit::Smbd,
    Unit::Nmbd,
    Unit::NfsServer,
    Unit::Vsftpd,
    Unit::Ssh,
];

pub(super) fn facts(seen: &Seen, intent: &Intent, processes: &mut Processes) -> Result<Facts> {
    let mut facts = Facts::new();
    for (unit, it) in seen.services.units.iter().filter(|it| UNITS.contains(it.0)) {
        let told = unit_told(*unit, it, processes);
        facts.insert(format!("1 {unit}"), told);
    }
    for service in DAEMONS {
        let daemon = seen.served.daemons.get(&service);
        let daemon = daemon.copied().unwrap_or_default();
        let word = match (daemon.is_installed, daemon.is_running) {
            (false, false) => "is not installed",
            (true, false) => "does not serve",
            (true, true) => "serves",
            (false, true) => "serves, and is not installed",
        };
        facts.insert(format!("2 {}", service.daemon()), word.to_owned());
    }
    for found in standings(&seen.served, intent, &Places::default())? {
        let word = match found.standing {
            Standing::Managed => "as it is meant".to_owned(),
            Standing::Foreign => "somebody else's".to_owned(),
            Standing::Drifted => format!("drifted: {}", found.diff.join("; ").replace('\t', "")),
        };
        let key = format!("3 {} of {}", found.name, found.service.daemon());
        facts.insert(key, word);
    }
    let all = seen.served.generations.iter();
    let all: Vec<String> = all.map(ToString::to_string).collect();
    facts.insert("4 generations".to_owned(), all.join(" "));
    people(&seen.accounts, &mut facts);
    let names: BTreeSet<String> = seen.sessions.sessions.iter().map(session).collect();
    for name in names {
        let same = seen.sessions.sessions.iter();
        let count = same.filter(|it| session(it) == name).count();
        facts.insert(format!("7 {name}"), format!("{count}"));
    }
    for (path, file) in &seen.files {
        let told = file_told(file, &seen.accounts);
        facts.insert(format!("8 {path}"), told);
    }
    Ok(facts)
}

fn unit_told(unit: Unit, it: &UnitFacts, processes: &mut Processes) -> String {
    let UnitFacts {
        load,
        active,
        sub,
        at_boot,
        since: _,
        main_pid,
        memory: _,
        restarts,
        result,
        exit,
        can_reload: _,
        triggered_by: _,
    } = it;
    if *load == Load::NotFound {
        return format!("is not there, {}", active.word());
    }
    let mut text = format!(
        "{}, {} ({sub}), {}",
        load.word(),
        active.word(),
        at_boot.word()
    );
    if let Some(pid) = main_pid {
        let place = processes.place(unit, *pid);
        let _ = write!(text, ", process {}", place + 1);
    }
    if *restarts > 0 {
        let _ = write!(text, ", started again {restarts} times");
    }
    // Of a unit that ended well systemd forgets how, if nothing that runs wants it.
    if result.word() != "success" {
        let _ = write!(text, ", {}", result.word());
        if let Some(exit) = exit {
            let _ = write!(text, ", {exit}");
        }
    }
    text
}

fn people(seen: &Accounts, facts: &mut Facts) {
    for user in seen.users.iter().filter(|it| !it.is_of_system()) {
        facts.insert(format!("5 user {}", user.name), user_told(user));
    }
    for group in seen.groups.iter().filter(|it| !it.is_of_system()) {
        let members: Vec<&str> = group.members.iter().map(|it| it.as_str()).collect();
        let text = match members.is_empty() {
            true => format!("{}", group.gid),
            false => format!("{} with {}", group.gid, members.join(" ")),
        };
        facts.insert(format!("5 group {}", group.name), text);
    }
    for name in &seen.leftovers {
        let text = "known to Samba alone".to_owned();
        facts.insert(format!("5 user {name} of Samba"), text);
    }
    let kinds = [("user", &seen.record.users), ("group", &seen.record.groups)];
    for (kind, given) in kinds {
        for (id, it) in given {
            let life = match it.life {
                Life::Coming => "being made",
                Life::Here => "here",
                Life::Gone => "gone",
            };
            let doubt = if it.in_doubt {
                ", password in doubt"
            } else {
                ""
            };
            let text = format!("{}, {life}{doubt}", it.name);
            facts.insert(format!("6 number {id} of a {kind}"), text);
        }
    }
    for error in &seen.errors {
        facts.insert(format!("5 error {error}"), "is told".to_owned());
    }
}

fn user_told(user: &Account) -> String {
    let Account {
        name: _,
        uid,
        gid,
        full_name,
        home,
        shell,
        password,
        expires,
        must_change,
        groups,
        keys,
        samba,
        given: _,
    } = user;
    let mut text = format!("{uid}:{gid} {}", user.standing());
    let password = format!("{password:?}").to_lowercase();
    let _ = write!(
        text,
        ", {full_name:?}, {home}, {shell}, password {password}"
    );
    if *must_change {
        text.push_str(", must change");
    }
    if let Some(day) = expires {
        let _ = write!(text, ", until {day}");
    }
    let groups: Vec<&str> = groups.iter().map(|it| it.as_str()).collect();
    if !groups.is_empty() {
        let _ = write!(text, ", in {}", groups.join(" "));
    }
    if !keys.is_empty() {
        let _ = write!(text, ", {} keys", keys.len());
    }
    match samba {
        None => text.push_str("; unknown to Samba"),
        Some(it) => {
            let word = if it.is_disabled {
                "disabled"
            } else {
                "enabled"
            };
            let _ = write!(text, "; Samba: {word}");
            if it.must_change {
                text.push_str(", must change");
            }
            if let Some(day) = it.expires {
                let _ = write!(text, ", until {day}");
            }
        }
    }
    text
}

/// Who is connected, and to what.
pub(super) fn session(it: &Session) -> String {
    let user = it.user.as_deref().unwrap_or("somebody");
    let mut shares: Vec<&str> = it.shares.iter().map(|it| it.share.as_str()).collect();
    shares.sort_unstable();
    shares.dedup();
    format!(
        "session of {user} by {} {}",
        it.id.protocol().word(),
        shares.join(" ")
    )
    .trim_end()
    .to_owned()
}

fn file_told(file: &SeenFile, accounts: &Accounts) -> String {
    let user = accounts.users.iter().find(|it| it.uid == file.uid);
    let user = user.map_or_else(|| file.uid.to_string(), |it| it.name.to_string());
    let group = accounts.group_of(file.gid);
    let group = group.map_or_else(|| file.gid.to_string(), |it| it.name.to_string());
    let mode = file.mode;
    match &file.text {
        None => format!("folder of {user}:{group} {mode:04o}"),
        Some(text) => format!("{text:?} of {user}:{group} {mode:04o}"),
    }
}
