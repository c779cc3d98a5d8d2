//! Taking over what others offer in their files: shares become ours, and the lines by which they were
//! offered become comments, so that nothing is offered twice.
//!
//! It is the one change that touches a file of an administrator beyond the line that includes ours. It
//! is asked for, shown line by line, and kept as a generation like every other.

use std::collections::{BTreeMap, BTreeSet};

use moxnas_core::plan::Plan;

use crate::{
    backend::Served,
    exports,
    import::{Format, Imported, Left, Source, import},
    model::{Intent, Settings, Share},
    plan::{FileChange, NoPlan, Step, is_ours, plan},
    render::{Places, Service},
};

/// What could be taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adoption {
    /// What is meant then.
    pub intent: Intent,
    /// The shares that become ours, by name.
    pub taken: Vec<String>,
    /// Their files as they are then.
    pub files: BTreeMap<String, String>,
    /// What stays in their files, or cannot be said by ours, with the reason.
    pub left: Vec<Left>,
}

/// What begins a line that was taken over.
const TAKEN: &str = "# taken over by MoxNAS: ";

/// What of others' files could be taken over. `only`: these shares by name, and no settings of a server;
/// nothing named: all.
#[must_use]
pub fn adopt(served: &Served, intent: &Intent, places: &Places, only: &[String]) -> Adoption {
    let text = |path: &str| served.files.get(path).filter(|it| !is_ours(it));
    let smb = places.samba_main.as_deref().unwrap_or(&places.samba);
    let mut sources = Vec::new();
    for (path, format) in [
        (smb, Format::SmbConf),
        (places.exports_main.as_str(), Format::Exports),
        (places.exports.as_str(), Format::Exports),
        (places.vsftpd.as_str(), Format::VsftpdConf),
    ] {
        if let Some(text) = text(path) {
            sources.push(Source { path, format, text });
        }
    }
    let Imported {
        intent: theirs,
        left,
    } = import(&sources, places);
    let mut adoption = Adoption {
        intent: intent.clone(),
        taken: Vec::new(),
        files: BTreeMap::new(),
        left,
    };
    let (mut sections, mut folders) = (BTreeSet::new(), BTreeSet::new());
    for share in &theirs.shares {
        let is_named = only
            .iter()
            .any(|it| it.eq_ignore_ascii_case(share.name.as_str()));
        if !(only.is_empty() || is_named) || !merge(&mut adoption.intent, share) {
            continue;
        }
        adoption.taken.push(share.name.to_string());
        if share.smb.is_some() {
            sections.insert(share.name.folded());
        }
        if share.nfs.is_some() {
            folders.insert(share.path.to_string());
        }
    }
    // What holds for a server without a share of its own is nothing that anybody relies on.
    let unset = Settings::default();
    let settings = &mut adoption.intent.settings;
    if only.is_empty() && !sections.is_empty() && settings.smb == unset.smb {
        settings.smb = theirs.settings.smb.clone();
    }
    let is_whole_file = text(&places.vsftpd).is_some();
    if only.is_empty() && is_whole_file && settings.ftp == unset.ftp {
        settings.ftp = theirs.settings.ftp.clone();
    }
    for Source { path, format, text } in sources {
        let new = match format {
            // A whole file of theirs becomes one of ours.
            _ if places.service_of(path).is_some() => continue,
            Format::SmbConf => without_sections(text, &sections),
            Format::Exports => without_exports(text, &folders),
            Format::VsftpdConf => continue,
        };
        if new != *text {
            adoption.files.insert(path.to_owned(), new);
        }
    }
    adoption
}

/// Put a share to those that are meant, unless it contradicts one. Whether it was.
fn merge(intent: &mut Intent, theirs: &Share) -> bool {
    let Some(ours) = intent
        .shares
        .iter_mut()
        .find(|it| it.name.folded() == theirs.name.folded())
    else {
        intent.shares.push(theirs.clone());
        return true;
    };
    let is_other = ours.path != theirs.path
        || (ours.smb.is_some() && theirs.smb.is_some())
        || (ours.nfs.is_some() && theirs.nfs.is_some());
    if is_other {
        return false;
    }
    ours.smb = ours.smb.take().or_else(|| theirs.smb.clone());
    ours.nfs = ours.nfs.take().or_else(|| theirs.nfs.clone());
    true
}

/// An smb.conf(5) with sections made comments.
fn without_sections(text: &str, names: &BTreeSet<String>) -> String {
    let mut is_taken = false;
    let mut goes_on = false;
    lines(text, |line| {
        let trimmed = line.trim();
        if !goes_on && let Some(name) = trimmed.strip_prefix('[') {
            let name = name.split(']').next().unwrap_or_default().trim();
            is_taken = names.contains(&name.to_lowercase());
        }
        goes_on = trimmed.ends_with('\\');
        is_taken && !trimmed.is_empty()
    })
}

/// An exports(5) with exports made comments.
fn without_exports(text: &str, folders: &BTreeSet<String>) -> String {
    let exports = exports::parse(text).items.into_iter();
    let begin = exports
        .filter(|it| folders.contains(it.path.trim_end_matches('/')) || folders.contains(&it.path));
    let mut begin: BTreeSet<usize> = begin
        .flat_map(|it| {
            let clients: Vec<usize> = it.clients.iter().map(|it| it.line).collect();
            clients.into_iter().chain([it.line])
        })
        .collect();
    let mut number = 0;
    let mut goes_on = false;
    lines(text, |line| {
        number += 1;
        let is_taken = goes_on || begin.remove(&number);
        goes_on = is_taken && line.trim_end().ends_with('\\');
        is_taken
    })
}

/// A text with some of its lines made comments.
fn lines(text: &str, mut is_taken: impl FnMut(&str) -> bool) -> String {
    let mut all = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        // A comment does not go on behind a backslash in all of these formats, so it must not end with one.
        let taken = is_taken(line);
        match taken {
            false => all.push_str(line),
            true => {
                let (bare, end) = match line.strip_suffix('\n') {
                    Some(bare) => (bare, "\n"),
                    None => (line, ""),
                };
                let bare = bare.trim_end().trim_end_matches('\\');
                all.extend([TAKEN, bare, end]);
            }
        }
    }
    all
}

/// What has to be done to take something over.
pub fn plan_adoption(
    served: &Served,
    adoption: &Adoption,
    places: &Places,
) -> Result<Plan<Step>, NoPlan> {
    // As if their files were so already, and whole files of theirs were none.
    let mut as_if = served.clone();
    for (path, text) in &adoption.files {
        as_if.files.insert(path.clone(), text.clone());
    }
    as_if
        .files
        .retain(|path, text| is_ours(text) || places.service_of(path).is_none());
    let mut plan = plan(&as_if, &adoption.intent, places)?;
    for step in &mut plan.steps {
        for change in &mut step.changes {
            change.before = served.files.get(&change.path).cloned();
        }
    }
    let mut last = served.generations.last().copied().unwrap_or(0);
    last = plan
        .steps
        .iter()
        .map(|it| it.generation)
        .fold(last, u32::max);
    for (path, text) in &adoption.files {
        let is_in = |it: &Step| it.changes.iter().any(|it| it.path == *path);
        if plan.steps.iter().any(is_in) {
            continue;
        }
        let service = match *path == places.exports_main {
            true => Service::Nfs,
            false => Service::Samba,
        };
        let change = FileChange {
            path: path.clone(),
            mode: 0o644,
            before: served.files.get(path).cloned(),
            after: Some(text.clone()),
        };
        match plan.steps.iter_mut().find(|it| it.service == service) {
            Some(step) => step.changes.push(change),
            None => {
                last += 1;
                plan.steps.push(Step {
                    service,
                    certificate: None,
                    changes: vec![change],
                    offers: Vec::new(),
                    generation: last,
                });
            }
        }
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMB: &str = "[global]\n\tworkgroup = OFFICE\n[photos]\n\tpath = /srv/photos\n\tread only = no\n\n\
                       [printers]\n\tprintable = yes\n\tpath = /var/spool/samba\n";
    const EXPORTS: &str = "# ours\n/srv/films 192.168.1.0/24(ro,no_subtree_check) \\\n    10.0.0.1(rw,no_subtree_check)\n\
                           /srv/other *(insecure,ro,no_subtree_check)\n";

    fn served() -> Served {
        let places = Places::default();
        let files = [
            (places.samba_main.clone().unwrap(), SMB),
            (places.exports_main.clone(), EXPORTS),
        ];
        let daemons = Service::ALL.map(|it| {
            let daemon = crate::backend::Daemon {
                is_installed: true,
                is_running: true,
            };
            (it, daemon)
        });
        Served {
            files: files.map(|(path, text)| (path, text.to_owned())).into(),
            daemons: daemons.into(),
            generations: vec![4],
        }
    }

    #[test]
    fn what_is_taken_over_is_offered_once() {
        let (served, places) = (served(), Places::default());
        let adoption = adopt(&served, &Intent::default(), &places, &[]);
        assert_eq!(adoption.taken, ["photos", "films", "other"]);
        let smb = &adoption.files["/etc/samba/smb.conf"];
        assert_eq!(
            *smb,
            "[global]\n\tworkgroup = OFFICE\n\
             # taken over by MoxNAS: [photos]\n# taken over by MoxNAS: \tpath = /srv/photos\n\
             # taken over by MoxNAS: \tread only = no\n\n\
             [printers]\n\tprintable = yes\n\tpath = /var/spool/samba\n"
        );
        let exports = &adoption.files["/etc/exports"];
        assert!(exports.lines().all(|it| it.starts_with('#')), "{exports}");
        assert!(exports::parse(exports).items.is_empty());
        assert_eq!(adoption.intent.settings.smb.workgroup.as_str(), "OFFICE");
        let plan = plan_adoption(&served, &adoption, &places).unwrap();
        let services: Vec<Service> = plan.steps.iter().map(|it| it.service).collect();
        assert_eq!(services, [Service::Samba, Service::Nfs, Service::Discovery]);
        for change in plan.steps.iter().flat_map(|it| &it.changes) {
            assert_eq!(
                change.before.as_ref(),
                served.files.get(&change.path),
                "{}",
                change.path
            );
        }
        let numbers: Vec<u32> = plan.steps.iter().map(|it| it.generation).collect();
        assert_eq!(numbers, [5, 6, 7]);
    }

    #[test]
    fn only_what_is_named_is_taken_over() {
        let (served, places) = (served(), Places::default());
        let only = ["films".to_owned()];
        let adoption = adopt(&served, &Intent::default(), &places, &only);
        assert_eq!(adoption.taken, ["films"]);
        assert_eq!(adoption.intent.settings, Settings::default());
        assert!(!adoption.files.contains_key("/etc/samba/smb.conf"));
        let left = exports::parse(&adoption.files["/etc/exports"]).items;
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].path, "/srv/other");
    }

    /// A second time there is nothing left to take over.
    #[test]
    fn it_is_done_once() {
        let (mut served, places) = (served(), Places::default());
        let adoption = adopt(&served, &Intent::default(), &places, &[]);
        served.files.extend(adoption.files);
        let again = adopt(&served, &adoption.intent, &places, &[]);
        assert_eq!(again.taken, Vec::<String>::new());
        assert_eq!(again.intent, adoption.intent);
        assert!(again.files.is_empty());
    }
}
