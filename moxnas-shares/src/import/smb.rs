//! smb.conf(5) to shares that SMB offers, and the settings of the server.

mod model;
mod view;

use std::collections::BTreeSet;

use view::{Said, Section, View};

use super::{Imported, Left, Source, Why, rendered};
use crate::{
    model::{Intent, Share, SmbHost},
    render::Places,
    smb_conf::{options, options::Scope, same},
};

/// What keeps somebody out of a share or of what is in it, or says as whom they are in.
const LIMITS: [&str; 18] = [
    "valid users",
    "invalid users",
    "read list",
    "read only",
    "guest ok",
    "hosts allow",
    "hosts deny",
    "force user",
    "force group",
    "create mask",
    "directory mask",
    "smb encrypt",
    "veto files",
    "dont descend",
    "follow symlinks",
    "copy",
    "preexec close",
    "root preexec close",
];

/// Which module an option with a colon is for.
const MODULES: [(&str, &str); 4] = [
    ("full_audit:", "full_audit"),
    ("shadow:", "shadow_copy2"),
    ("recycle:", "recycle"),
    ("fruit:", "fruit"),
];

pub(super) fn import(sources: &[Source<'_>], places: &Places, imported: &mut Imported) {
    let Some(first) = sources.first() else {
        return;
    };
    let (theirs, errors) = view::read(sources);
    for (file, errors) in errors {
        imported.unread(&file, errors);
    }
    let mut adopted = Vec::new();
    for section in &theirs.shares {
        match model::share(section) {
            Ok(share) => adopted.push((section, share)),
            Err(why) => imported.left.push(whole(section, why)),
        }
    }
    imported.intent.settings.smb = model::settings(&theirs);
    // Without a share that cannot be taken over the others may come to something else.
    let (shares, left) = loop {
        let intent = Intent {
            shares: adopted.iter().map(|(_, it)| shown(it)).collect(),
            settings: imported.intent.settings.clone(),
        };
        let Some(ours) = rendered(&intent, places, &places.samba) else {
            let all = adopted
                .iter()
                .map(|(section, _)| whole(section, Why::NotWritten));
            imported.left.extend(all);
            return;
        };
        let ours = Source {
            path: &places.samba,
            text: &ours,
            ..*first
        };
        let (ours, _) = view::read(&[ours]);
        let mut left = global(&theirs, &ours, first.path);
        let open = differences(&adopted, &ours, &mut left);
        match open.is_empty() {
            true => break (adopted, left),
            false => {
                // Why is told with what is left of them, which is not compared again.
                let is_open = |it: &Section<'_>| open.contains(&it.name);
                for (section, _) in adopted.iter().filter(|(it, _)| is_open(it)) {
                    let mine = |it: &&Left| it.section.as_ref() == Some(&section.name);
                    imported.left.extend(left.iter().filter(mine).cloned());
                    imported.left.push(whole(section, Why::WouldBeOpen));
                }
                adopted.retain(|(it, _)| !is_open(it));
            }
        }
    };
    let mut all = left;
    all.extend(unheard(&theirs, &shares));
    for it in all {
        // What is said once for all shares is told once.
        if !imported.left.contains(&it) {
            imported.left.push(it);
        }
    }
    imported.intent.shares = shares.into_iter().map(|(_, it)| it).collect();
    let order = |it: &Left| sources.iter().position(|source| source.path == it.file);
    imported.left.sort_by_key(|it| (order(it), it.line));
}

/// As it is compared: one that is switched off would be nowhere.
fn shown(share: &Share) -> Share {
    Share {
        enabled: true,
        ..share.clone()
    }
}

fn whole(section: &Section<'_>, why: Why) -> Left {
    Left {
        file: section.file.to_owned(),
        line: Some(section.line),
        section: Some(section.name.clone()),
        option: None,
        value: section.get("path").unwrap_or_default().to_owned(),
        why,
    }
}

/// What is otherwise for the server.
fn global(theirs: &View<'_>, ours: &View<'_>, file: &str) -> Vec<Left> {
    let is_of_the_server = |name: &str| match options::known(name) {
        Some(known) => known.scope == Scope::Global || name == "smb encrypt",
        None => true,
    };
    let names = theirs.global.names().chain(ours.global.names());
    let names: BTreeSet<&str> = names.filter(|it| is_of_the_server(it)).collect();
    let compared = names.into_iter();
    let mut left: Vec<Left> = compared
        .filter_map(|name| difference(name, &theirs.global, &ours.global, file))
        .collect();
    let hosts = ["hosts allow", "hosts deny"].into_iter();
    let hosts = hosts.filter_map(|it| theirs.global.said(it));
    left.extend(hosts.map(|it| told(it, "global", Why::OfTheServer)));
    left
}

/// What is otherwise for the shares, and which of them would be open to more.
fn differences(
    adopted: &[(&Section<'_>, Share)],
    ours: &View<'_>,
    left: &mut Vec<Left>,
) -> BTreeSet<String> {
    let mut open = BTreeSet::new();
    for ((theirs, _), ours) in adopted.iter().zip(&ours.shares) {
        let names: BTreeSet<&str> = theirs.names().chain(ours.names()).collect();
        for name in names {
            // Said otherwise: a share that is not available is one that is switched off.
            if name == "available" {
                continue;
            }
            let both_hold = theirs.hosts_twice(name);
            let difference = match difference(name, theirs, ours, theirs.file) {
                Some(it) => it,
                None if both_hold => match theirs.said(name) {
                    Some(said) => told(said, &theirs.name, Why::BothHold),
                    None => continue,
                },
                None => continue,
            };
            if LIMITS.contains(&name) || lacks_a_module(name, theirs, ours) {
                open.insert(theirs.name.clone());
            }
            left.push(difference);
        }
    }
    open
}

/// Whether a module that may keep somebody from something is not there any more.
fn lacks_a_module(name: &str, theirs: &Section<'_>, ours: &Section<'_>) -> bool {
    let ours = ours.list("vfs objects");
    name == "vfs objects" && theirs.list(name).iter().any(|it| !ours.contains(it))
}

/// What is otherwise of an option.
fn difference(name: &str, theirs: &Section<'_>, ours: &Section<'_>, file: &str) -> Option<Left> {
    let default = options::known(name).and_then(|it| it.default);
    let said = theirs.said(name);
    let written = ours.said(name).map(|it| it.param.value.as_str());
    let Some(said) = said else {
        let written = written?;
        let unsaid = default.unwrap_or("what the machine is called");
        let is_same = default.is_some_and(|it| is_same(name, it, written));
        // Of a module that is not there its list tells.
        return match is_same || !theirs.has_module_of(name) {
            true => None,
            false => Some(Left {
                file: file.to_owned(),
                line: None,
                section: Some(theirs.name.clone()),
                option: Some(name.to_owned()),
                value: unsaid.to_owned(),
                why: Why::Unsaid(written.to_owned()),
            }),
        };
    };
    let value = &said.param.value;
    if written
        .or(default)
        .is_some_and(|it| is_same(name, value, it))
    {
        return None;
    }
    let section = match said.is_inherited {
        true => "global",
        false => &theirs.name,
    };
    let why = match written {
        _ if matches!(name, "include" | "copy" | "config file") => Why::Elsewhere,
        _ if !theirs.has_module_of(name) => Why::NoEffect,
        _ => model::why_not(name, value).unwrap_or_else(|| match written {
            Some(it) => Why::Otherwise(it.to_owned()),
            None => Why::NoSetting,
        }),
    };
    Some(told(said, section, why))
}

fn told(said: &Said<'_>, section: &str, why: Why) -> Left {
    Left {
        file: said.file.to_owned(),
        line: Some(said.param.line),
        section: Some(section.to_owned()),
        option: Some(said.param.name.clone()),
        value: said.param.value.clone(),
        why,
    }
}

/// As [`same`], but for networks, of which Samba takes the beginning of an address for one.
fn is_same(name: &str, one: &str, other: &str) -> bool {
    let hosts = |it| -> Option<Vec<SmbHost>> { model::hosts(it).ok() };
    match name {
        "hosts allow" | "hosts deny" => hosts(one).is_some() && hosts(one) == hosts(other),
        _ => same(name, one, other),
    }
}

/// What `[global]` says for shares and no share was there to be taken over with.
fn unheard(theirs: &View<'_>, shares: &[(&Section<'_>, Share)]) -> Vec<Left> {
    let mut left = Vec::new();
    for said in &theirs.global.params {
        let name = &said.param.name;
        let Some(known) = options::known(name) else {
            continue;
        };
        let is_usual = known
            .default
            .is_some_and(|it| same(name, it, &said.param.value));
        let is_heard = shares.iter().any(|(it, _)| it.has_heard(said));
        let is_ours = known.scope == Scope::Global || name == "smb encrypt";
        let is_told = matches!(name.as_str(), "hosts allow" | "hosts deny");
        if !is_usual && !is_heard && !is_ours && !is_told {
            left.push(told(said, "global", Why::NoEffect));
        }
    }
    left
}
