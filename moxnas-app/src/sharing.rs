//! What is offered to the network: what was meant, what is there, and how both stand to each other.

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use moxnas_core::{chain::chain, folder::FolderPath};
use moxnas_shares::{
    backend::{BackendError, Served},
    model::{Intent, ShareName},
    render::{Places, Service},
    services::ServiceName,
    standing::{Found, Standing, standings},
};

use crate::{error::Kind, store::StoredShare};

/// What is meant, with its times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offered {
    /// What is meant.
    pub intent: Intent,
    /// Nobody here can read what is meant, as by somebody who is not root beside the service.
    pub is_unknown: bool,
    /// When each share was made, and made otherwise last.
    pub times: BTreeMap<ShareName, Times>,
}

/// When a share was made, and made otherwise last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// When it was made.
    pub created_at: SystemTime,
    /// When it was made otherwise last.
    pub updated_at: SystemTime,
}

impl Offered {
    /// What the database has.
    pub(crate) fn of(
        stored: Vec<StoredShare>,
        settings: moxnas_shares::model::Settings,
    ) -> Offered {
        let mut offered = Offered::default();
        offered.intent.settings = settings;
        for it in stored {
            let StoredShare {
                share,
                created_at,
                updated_at,
            } = it;
            let times = Times {
                created_at,
                updated_at,
            };
            offered.times.insert(share.name.clone(), times);
            offered.intent.shares.push(share);
        }
        offered
    }

    /// The same with another intent, meant from `at` on. Shares are in the order of their names.
    pub(crate) fn meant(&self, mut intent: Intent, at: SystemTime) -> Offered {
        intent.sort();
        let times = intent.shares.iter().map(|share| {
            let old = self.intent.shares.iter().find(|it| it.name == share.name);
            let known = self.times.get(&share.name).copied();
            let times = match (old, known) {
                (Some(old), Some(known)) if old == share => known,
                (_, Some(known)) => Times {
                    updated_at: at,
                    ..known
                },
                (_, None) => Times {
                    created_at: at,
                    updated_at: at,
                },
            };
            (share.name.clone(), times)
        });
        Offered {
            times: times.collect(),
            is_unknown: false,
            intent,
        }
    }
}

/// What is offered, as it was last looked at.
#[derive(Clone, Debug)]
pub struct Sharing {
    /// What the machine serves; in words why that is not known.
    pub served: Result<Arc<Served>, String>,
    /// What is meant.
    pub offered: Arc<Offered>,
    /// How both stand to each other, by SMB and NFS.
    pub standings: Vec<Found>,
    /// The daemons that should serve something.
    pub daemons: Vec<Serving>,
    /// What keeps it from being as it should, a sentence each.
    pub faults: Vec<String>,
    /// Where files belong.
    pub places: Arc<Places>,
}

impl Sharing {
    /// What was seen, held against what is meant.
    pub(crate) fn new(
        served: Result<Served, BackendError>,
        offered: Arc<Offered>,
        places: Arc<Places>,
    ) -> Sharing {
        Sharing::judged(
            served.map(Arc::new).map_err(|err| chain(&err)),
            offered,
            places,
        )
    }

    fn judged(
        served: Result<Arc<Served>, String>,
        offered: Arc<Offered>,
        places: Arc<Places>,
    ) -> Sharing {
        let mut faults = Vec::new();
        let (mut all, mut daemons) = (Vec::new(), Vec::new());
        match &served {
            Ok(_) if offered.is_unknown => (),
            Err(why) => faults.push(format!("what is shared cannot be told: {why}")),
            Ok(served) => match standings(served, &offered.intent, &places) {
                Ok(found) => {
                    daemons = serving(served, &offered.intent);
                    faults.extend(daemons.iter().filter(|it| !it.is_running).map(idle));
                    let drifted = found.iter().filter(|it| it.standing == Standing::Drifted);
                    faults.extend(drifted.map(|it| {
                        let (what, name) = (word(it.service), &it.name);
                        format!("{what} {name} is not served as it is meant")
                    }));
                    all = found;
                }
                Err(err) => faults.push(chain(&err)),
            },
        }
        Sharing {
            served,
            offered,
            standings: all,
            daemons,
            faults,
            places,
        }
    }

    /// The same look, held against something else.
    pub(crate) fn held_against(&self, offered: Arc<Offered>) -> Sharing {
        let (served, places) = (self.served.clone(), Arc::clone(&self.places));
        Sharing::judged(served, offered, places)
    }

    /// Whether both are of the same facts.
    pub(crate) fn is_same(&self, other: &Sharing) -> bool {
        let is_meant = Arc::ptr_eq(&self.offered, &other.offered) || self.offered == other.offered;
        is_meant && self.served == other.served
    }

    /// How a share stands, by each protocol of which that is known.
    pub fn of<'a>(&'a self, name: &'a str, path: &'a str) -> impl Iterator<Item = &'a Found> {
        self.standings.iter().filter(move |it| match it.service {
            Service::Nfs => it.name == path,
            _ => it.name.eq_ignore_ascii_case(name),
        })
    }
}

fn word(service: Service) -> &'static str {
    match service {
        Service::Nfs => "export",
        _ => "share",
    }
}

/// A daemon that should serve something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Serving {
    /// Which.
    pub service: Service,
    /// How many shares.
    pub shares: usize,
    /// Whether it runs.
    pub is_running: bool,
}

impl Serving {
    /// What the daemon is as a service of the machine; `None`: it is none of its own.
    #[must_use]
    pub fn name(&self) -> Option<ServiceName> {
        match self.service {
            Service::Systemd => None,
            Service::Samba => Some(ServiceName::Samba),
            Service::Nfs => Some(ServiceName::Nfs),
            Service::Ftp => Some(ServiceName::Ftp),
            Service::Ssh => Some(ServiceName::Ssh),
            Service::Web => Some(ServiceName::Web),
            Service::Discovery => Some(ServiceName::Discovery),
        }
    }
}

/// The daemons that should serve something.
fn serving(served: &Served, intent: &Intent) -> Vec<Serving> {
    let offers = [
        (Service::Samba, intent.smb().count()),
        (Service::Nfs, intent.nfs().count()),
        (Service::Ftp, intent.ftp().count()),
        (Service::Ssh, intent.sftp().count()),
    ];
    let all = offers.into_iter().filter(|(_, shares)| *shares > 0);
    all.map(|(service, shares)| Serving {
        service,
        shares,
        is_running: served.daemons.get(&service).is_some_and(|it| it.is_running),
    })
    .collect()
}

fn idle(it: &Serving) -> String {
    let shares = match it.shares {
        1 => "a share is".to_owned(),
        count => format!("{count} shares are"),
    };
    format!(
        "{} does not run, and {shares} not served",
        it.service.daemon()
    )
}

/// Why something about a share is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// There is none of this name, or it is not offered by this protocol.
    #[error("there is no share {name} of {protocol}")]
    NotFound {
        /// The name.
        name: String,
        /// The protocol.
        protocol: &'static str,
    },
    /// It is offered by this protocol already.
    #[error("share {name} is offered by {protocol} already")]
    Taken {
        /// The share.
        name: ShareName,
        /// The protocol.
        protocol: &'static str,
    },
    /// One share is one folder.
    #[error("share {name} is {path}")]
    OtherFolder {
        /// The share.
        name: ShareName,
        /// Its folder.
        path: FolderPath,
    },
    /// What is to be shared is not there.
    #[error("{path} cannot be shared: {why}")]
    NoFolder {
        /// The folder.
        path: FolderPath,
        /// What is there instead.
        why: String,
    },
    /// A new share needs a folder.
    #[error("a new share needs a path")]
    NoPath,
    /// Somebody else has changed it meanwhile.
    #[error("share {0} was changed since it was read")]
    Changed(ShareName),
    /// Somebody else has changed them meanwhile.
    #[error("the settings were changed since they were read")]
    SettingsChanged,
    /// The database remembers nothing of it.
    #[error("nothing is known of what was meant before generation {0}")]
    NoGeneration(u32),
    /// Only snapshots that are folders beside the share can be shown.
    #[error("{0} is in no dataset whose snapshots could be shown")]
    NoSnapshots(String),
    /// There is nothing that could be taken over.
    #[error("nothing was found that could be taken over{}", because(.0))]
    NothingToImport(Vec<String>),
    /// A share would be left without its folder.
    #[error("share {share} is {path}")]
    InUse {
        /// The share.
        share: ShareName,
        /// Its folder.
        path: FolderPath,
    },
}

fn because(left: &[String]) -> String {
    match left {
        [] => String::new(),
        all => format!(": {}", all.join("; ")),
    }
}

impl ShareError {
    /// What sort of failure it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            ShareError::NotFound { .. } | ShareError::NoGeneration(_) => Kind::NotFound,
            ShareError::NoPath => Kind::Invalid,
            ShareError::Changed(_) | ShareError::SettingsChanged => Kind::Stale,
            ShareError::Taken { .. }
            | ShareError::OtherFolder { .. }
            | ShareError::NoFolder { .. }
            | ShareError::NoSnapshots(_)
            | ShareError::NothingToImport(_)
            | ShareError::InUse { .. } => Kind::Conflict,
        }
    }

    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            ShareError::NotFound { .. } => "not_found",
            ShareError::Taken { .. } => "share_name_taken",
            ShareError::OtherFolder { .. } => "share_is_another_folder",
            ShareError::NoFolder { .. } => "share_folder_missing",
            ShareError::NoPath => "share_without_path",
            ShareError::NoSnapshots(_) => "share_without_snapshots",
            ShareError::Changed(_) | ShareError::SettingsChanged => "precondition_failed",
            ShareError::NoGeneration(_) => "generation_not_found",
            ShareError::NothingToImport(_) => "nothing_to_import",
            ShareError::InUse { .. } => "path_is_shared",
        }
    }

    /// What would help.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            ShareError::NotFound { .. } => "`moxnas share list` shows all shares".to_owned(),
            ShareError::Taken { name, .. } => {
                format!("`moxnas share set {name}` changes it; or choose another name")
            }
            ShareError::OtherFolder { .. } => {
                "leave the path out to offer that folder by this protocol too, or choose another name"
                    .to_owned()
            }
            ShareError::NoFolder { .. } => {
                "make it first, `moxnas dataset create`, and name the folder itself".to_owned()
            }
            ShareError::NoSnapshots(_) => {
                "share a dataset of a pool of btrfs, or a folder in one".to_owned()
            }
            ShareError::NoPath => "say which folder is to be shared".to_owned(),
            ShareError::Changed(_) | ShareError::SettingsChanged => {
                "read it again, and try again".to_owned()
            },
            ShareError::NoGeneration(_) => "`moxnas share generations` lists those that are known".to_owned(),
            ShareError::NothingToImport(_) => {
                "`moxnas share status` shows what others offer in their files".to_owned()
            }
            ShareError::InUse { share, .. } => format!(
                "stop sharing it first: `moxnas share delete {share}`, or `--enabled false` of its protocols"
            ),
        }
    }
}
