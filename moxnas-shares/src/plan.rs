//! What has to be done so that a machine offers what is meant: facts and an intent give steps, or the
//! reasons why not.

use std::{collections::BTreeMap, fmt};

use moxnas_core::plan::Plan;
use serde::{Deserialize, Serialize};

use crate::{
    backend::{Offer, Served},
    generation::Generation,
    model::{Intent, TlsFiles},
    refusal::{self, Refusal},
    render::{self, ConfigFile, Places, RenderError, Service},
};

/// One daemon gets new files, all of them or none: see [`serve`](crate::transaction::serve()).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Whose.
    pub service: Service,
    /// A certificate that is made before anything else, as there is none: see
    /// [`certify`](crate::backend::ShareBackend::certify()).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<TlsFiles>,
    /// The files that change, in the order in which they are written.
    pub changes: Vec<FileChange>,
    /// What is to be asked of it afterwards.
    pub offers: Vec<Offer>,
    /// The number under which is kept what the files were.
    pub generation: u32,
}

/// A file that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// Which.
    pub path: String,
    /// The permissions that it gets if it is new.
    pub mode: u32,
    /// What is in it; `None`: it is not there.
    pub before: Option<String>,
    /// What will be in it; `None`: it will not be there.
    pub after: Option<String>,
}

/// Why nothing is planned.
#[derive(Debug, thiserror::Error)]
pub enum NoPlan {
    /// What is meant cannot be offered.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Refusal>),
    /// A daemon is not there.
    #[error("{} is not installed", .0.daemon())]
    NotInstalled(Service),
    /// A file is where ours belongs, and is not ours.
    #[error("{0} was not written by MoxNAS")]
    NotOurs(String),
    /// smb.conf(5) has to be there before it can include anything.
    #[error("{0} is not there")]
    NoMainFile(String),
    /// A template failed.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// There is no such generation.
    #[error("there is no generation {0}")]
    NoGeneration(u32),
}

impl NoPlan {
    /// A stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            NoPlan::Refused(all) => all.first().map_or("share_refused", Refusal::code),
            NoPlan::NotInstalled(_) => "service_not_installed",
            NoPlan::NotOurs(_) => "file_not_ours",
            NoPlan::NoMainFile(_) => "main_file_missing",
            NoPlan::Render(_) => "render_failed",
            NoPlan::NoGeneration(_) => "generation_not_found",
        }
    }

    /// What would help.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            NoPlan::Refused(all) => all.first().and_then(Refusal::hint),
            NoPlan::NotInstalled(service) => {
                Some(format!("install it: apt-get install {}", service.package()))
            }
            NoPlan::NotOurs(path) => Some(format!(
                "`moxnas share import` adopts what is in {path}; or move it away"
            )),
            NoPlan::NoMainFile(_) => {
                Some("apt-get install --reinstall samba-common brings it".to_owned())
            }
            NoPlan::Render(_) | NoPlan::NoGeneration(_) => None,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files: Vec<&str> = self.changes.iter().map(|it| it.path.as_str()).collect();
        write!(
            f,
            "give {} its new files, checked before and asked after: {}",
            self.service.daemon(),
            files.join(", ")
        )?;
        match &self.certificate {
            Some(files) => write!(
                f,
                "; with a certificate that is made now: {}",
                files.certificate
            ),
            None => Ok(()),
        }
    }
}

impl Step {
    /// The way back from it: the same files, as they were.
    #[must_use]
    pub fn back(&self, generation: u32) -> Step {
        let changes = self.changes.iter().rev().map(|it| FileChange {
            before: it.after.clone(),
            after: it.before.clone(),
            ..it.clone()
        });
        Step {
            service: self.service,
            certificate: None,
            changes: changes.collect(),
            offers: Vec::new(),
            generation,
        }
    }
}

/// What begins a file that is ours.
const MARKS: [&str; 3] = [
    "# Written by MoxNAS",
    "# Made by MoxNAS",
    "<!-- Written by MoxNAS",
];

/// Whether a file was written by MoxNAS.
#[must_use]
pub fn is_ours(text: &str) -> bool {
    MARKS.iter().any(|it| text.starts_with(it))
}

/// What has to be done so that the machine offers what is meant. Nothing, if it does.
pub fn plan(served: &Served, intent: &Intent, places: &Places) -> Result<Plan<Step>, NoPlan> {
    let refused = refusal::refusals(intent);
    if !refused.is_empty() {
        return Err(NoPlan::Refused(refused));
    }
    let wanted = render::render(intent, places)?;
    let mut plan = Plan {
        warnings: refusal::warnings(intent),
        ..Plan::default()
    };
    let mut generation = served.generations.last().copied().unwrap_or(0);
    for service in Service::ALL {
        let mut changes = changes(served, &wanted, service, places)?;
        if service == Service::Samba && is_offered(intent, service) {
            changes.extend(include(served, places)?);
        }
        if changes.is_empty() {
            continue;
        }
        let is_there = served
            .daemons
            .get(&service)
            .is_some_and(|it| it.is_installed);
        if !is_there && service == Service::Discovery {
            // Who knows the name of the machine finds it all the same.
            plan.warnings.push(format!(
                "{} is not installed: other machines do not find this one by themselves",
                service.daemon()
            ));
            continue;
        }
        if !is_there {
            return Err(NoPlan::NotInstalled(service));
        }
        generation += 1;
        let certificate = certificate(served, intent, service, places);
        if certificate.is_some() {
            plan.warnings.push(UNSIGNED.to_owned());
        }
        plan.steps.push(Step {
            service,
            certificate,
            offers: offers(served, intent, &changes, service, places),
            changes,
            generation,
        });
    }
    Ok(plan)
}

/// The way back to what files were before a change; also that is a change, and can be gone back from.
pub fn revert(served: &Served, to: &Generation) -> Plan<Step> {
    let changes = to.files.iter().map(|it| FileChange {
        path: it.path.clone(),
        mode: it.mode,
        before: served.files.get(&it.path).cloned(),
        after: it.text.clone(),
    });
    let changes: Vec<FileChange> = changes.filter(|it| it.before != it.after).collect();
    let mut plan = Plan::default();
    if !changes.is_empty() {
        plan.steps.push(Step {
            service: to.service,
            certificate: None,
            changes,
            offers: Vec::new(),
            generation: served.generations.last().copied().unwrap_or(0) + 1,
        });
    }
    plan
}

/// Whoever connects by FTP is asked about it.
const UNSIGNED: &str = "the certificate of FTP will be one that nobody has signed: clients ask \
                        their user whether to trust it, until another is named by the settings of \
                        FTP";

/// The certificate that a daemon needs and nobody has made or named.
fn certificate(
    served: &Served,
    intent: &Intent,
    service: Service,
    places: &Places,
) -> Option<TlsFiles> {
    let settings = &intent.settings.ftp;
    let named = &settings.tls;
    let is_ours = named.certificate.as_str() == places.ftp_certificate;
    let is_there = served.files.contains_key(&places.ftp_certificate);
    let is_needed = service == Service::Ftp && is_offered(intent, service) && !settings.plaintext;
    (is_needed && is_ours && !is_there).then(|| named.clone())
}

/// Whether anything is offered that this daemon serves.
fn is_offered(intent: &Intent, service: Service) -> bool {
    match service {
        Service::Samba => intent.smb().next().is_some(),
        Service::Nfs => intent.nfs().next().is_some(),
        Service::Ftp => intent.ftp().next().is_some(),
        Service::Ssh => intent.sftp().next().is_some(),
        Service::Systemd => intent.ftp().next().is_some() || intent.sftp().next().is_some(),
        Service::Web => intent.settings.web.is_some(),
        Service::Discovery => intent.is_announced(),
    }
}

/// The files of a daemon that are not what they should be. Where nothing is offered by it and nothing of
/// ours is there, it is left alone.
fn changes(
    served: &Served,
    wanted: &[ConfigFile],
    service: Service,
    places: &Places,
) -> Result<Vec<FileChange>, NoPlan> {
    let wanted = wanted.iter().filter(|it| it.service == service);
    let wanted: BTreeMap<&str, &ConfigFile> = wanted.map(|it| (it.path.as_str(), it)).collect();
    let ours = served
        .files
        .iter()
        .filter(|(path, text)| is_ours(text) && places.service_of(path) == Some(service));
    let stale = ours.filter(|(path, _)| !wanted.contains_key(path.as_str()));
    let stale = stale.map(|(path, text)| FileChange {
        path: path.clone(),
        mode: service.mode(),
        before: Some(text.clone()),
        after: None,
    });
    let mut all = Vec::new();
    for file in wanted.values() {
        let before = served.files.get(&file.path);
        match before {
            Some(text) if *text == file.text => continue,
            Some(text) if !is_ours(text) && !file.is_needed => continue,
            Some(text) if !is_ours(text) => return Err(NoPlan::NotOurs(file.path.clone())),
            None if !file.is_needed => continue,
            _ => (),
        }
        all.push(FileChange {
            path: file.path.clone(),
            mode: file.mode,
            before: before.cloned(),
            after: Some(file.text.clone()),
        });
    }
    all.extend(stale);
    Ok(all)
}

/// The line by which smb.conf(5) includes ours, at its end: what comes later counts. All other lines stay as
/// they are.
fn include(served: &Served, places: &Places) -> Result<Option<FileChange>, NoPlan> {
    let Some(main) = &places.samba_main else {
        return Ok(None);
    };
    let text = served.files.get(main);
    let text = text.ok_or_else(|| NoPlan::NoMainFile(main.clone()))?;
    if includes(text, &places.samba) {
        return Ok(None);
    }
    let gap = match text.is_empty() || text.ends_with('\n') {
        true => "",
        false => "\n",
    };
    let after = format!("{text}{gap}{}\n", include_line(places));
    Ok(Some(FileChange {
        path: main.clone(),
        mode: 0o644,
        before: Some(text.clone()),
        after: Some(after),
    }))
}

fn include_line(places: &Places) -> String {
    format!("include = {}", places.samba)
}

/// Whether smb.conf(5) includes a file.
#[must_use]
pub fn includes(main: &str, path: &str) -> bool {
    main.lines().any(|line| {
        let said = line.split_once('=');
        said.is_some_and(|(name, value)| {
            name.trim().eq_ignore_ascii_case("include") && value.trim() == path
        })
    })
}

/// How many shares are asked for after a change, as each takes a client of its own.
const ASKED: usize = 16;

/// What a daemon is asked afterwards: the shares that changed.
fn offers(
    served: &Served,
    intent: &Intent,
    changes: &[FileChange],
    service: Service,
    places: &Places,
) -> Vec<Offer> {
    match service {
        Service::Samba => {
            let change = changes.iter().find(|it| it.path == places.samba);
            let before = change.and_then(|it| it.before.as_deref()).unwrap_or("");
            let after = change.and_then(|it| it.after.as_deref()).unwrap_or("");
            let (before, after) = (sections(before), sections(after));
            let offered = intent.smb().map(|(share, _)| share);
            let new =
                offered.filter(|it| before.get(it.name.as_str()) != after.get(it.name.as_str()));
            let gone = before.keys().filter(|it| !after.contains_key(*it));
            // What somebody else offers under that name is none of ours.
            let main = places
                .samba_main
                .as_ref()
                .and_then(|it| served.files.get(it));
            let foreign = sections(main.map_or("", String::as_str));
            let gone = gone.filter(|it| !foreign.contains_key(*it));
            let gone = gone.filter_map(|it| it.parse().ok()).map(Offer::NoShare);
            let new = new.map(|it| Offer::Share(it.name.clone()));
            new.chain(gone).take(ASKED).collect()
        }
        Service::Nfs => {
            let all = intent.nfs().flat_map(|(share, nfs)| {
                nfs.clients.iter().map(|it| Offer::Export {
                    path: share.path.to_string(),
                    client: it.client.to_string(),
                })
            });
            all.collect()
        }
        _ => Vec::new(),
    }
}

/// The sections of a file of ours: name to text.
pub(crate) fn sections(text: &str) -> BTreeMap<&str, &str> {
    let mut all = BTreeMap::new();
    for part in text.split("\n[").skip(1) {
        if let Some((name, rest)) = part.split_once(']') {
            all.insert(name, rest.trim_end());
        }
    }
    all
}
