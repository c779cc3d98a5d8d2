//! What is offered by now, held against what is meant: what is as it should be, what somebody changed in our
//! files, and what somebody else offers.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    backend::Served,
    escape::unescape,
    exports,
    model::Intent,
    plan::sections,
    render::{Places, RenderError, Service, render},
    smb_conf,
};

/// Something that is offered, or should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// By which daemon.
    pub service: Service,
    /// The name of a share of SMB, or the folder of an export.
    pub name: String,
    /// Whether it is as it should be.
    pub standing: Standing,
    /// Of what is drifted the lines that differ: with `-` before it what is there, with `+` what should be.
    pub diff: Vec<String>,
}

/// Whether something is as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is ours, and as it is meant.
    Managed,
    /// It is in our files, and not as it is meant: somebody changed it, or it is still to be written.
    Drifted,
    /// Somebody else offers it, in a file of theirs.
    Foreign,
}

/// Everything that is offered by SMB and NFS, or should be, by its name.
pub fn standings(
    served: &Served,
    intent: &Intent,
    places: &Places,
) -> Result<Vec<Found>, RenderError> {
    let files = render(intent, places)?;
    let wanted = |path: &str| {
        let found = files.iter().find(|it| it.path == path && it.is_needed);
        found.map_or("", |it| it.text.as_str())
    };
    let there = |path: &str| served.files.get(path).map_or("", String::as_str);
    let mut all = Vec::new();
    let [is, should] = [there(&places.samba), wanted(&places.samba)].map(by_section);
    all.extend(held(Service::Samba, &is, &should));
    if let Some(main) = &places.samba_main {
        let theirs = smb_conf::parse(there(main)).items.into_iter();
        let theirs = theirs.filter(|it| !it.is_global()).map(|it| it.name);
        all.extend(theirs.map(|it| foreign(Service::Samba, it)));
    }
    let [is, should] = [there(&places.exports), wanted(&places.exports)].map(by_folder);
    all.extend(held(Service::Nfs, &is, &should));
    if places.exports != places.exports_main {
        let theirs = exports::parse(there(&places.exports_main)).items;
        all.extend(theirs.into_iter().map(|it| foreign(Service::Nfs, it.path)));
    }
    Ok(all)
}

fn foreign(service: Service, name: String) -> Found {
    Found {
        service,
        name,
        standing: Standing::Foreign,
        diff: Vec::new(),
    }
}

/// The sections of a file of ours for smb.conf(5).
fn by_section(text: &str) -> BTreeMap<String, &str> {
    let all = sections(text).into_iter();
    all.map(|(name, text)| (name.to_owned(), text)).collect()
}

/// The lines of a file of ours for exports(5).
fn by_folder(text: &str) -> BTreeMap<String, &str> {
    let lines = text.lines().filter(|it| !it.starts_with('#'));
    let all = lines.filter_map(|line| Some((unescape(line.split_once(' ')?.0), line)));
    all.collect()
}

/// What is there and what should be, each once.
fn held(
    service: Service,
    is: &BTreeMap<String, &str>,
    should: &BTreeMap<String, &str>,
) -> Vec<Found> {
    let names: BTreeSet<&String> = is.keys().chain(should.keys()).collect();
    let found = names.into_iter().map(|name| {
        let [is, should] = [is, should].map(|it| it.get(name).copied().unwrap_or(""));
        Found {
            service,
            name: name.clone(),
            standing: match is == should {
                true => Standing::Managed,
                false => Standing::Drifted,
            },
            diff: diff(is, should),
        }
    });
    found.collect()
}

/// Lines that only one of two texts has.
fn diff(is: &str, should: &str) -> Vec<String> {
    let [is, should] = [is, should].map(|it| it.lines().collect::<Vec<_>>());
    let gone = is.iter().filter(|it| !should.contains(it));
    let new = should.iter().filter(|it| !is.contains(it));
    let gone = gone.map(|it| format!("-{it}"));
    gone.chain(new.map(|it| format!("+{it}"))).collect()
}
