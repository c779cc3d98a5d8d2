//! What is meant, held against itself: whether it can be offered at all, and what somebody should know
//! who offers it.

use std::collections::BTreeMap;

use moxnas_core::folder::{FolderPath, is_in};

use crate::{
    escape::{can_exports_say, can_samba_say},
    model::{
        Access, Encryption, Fsid, Intent, Nfs, NfsClient, Share, ShareName, Smb, Squash, Transfer,
        UserName,
    },
    render::can_announce,
};

/// Why something cannot be offered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Clients could not tell two shares apart.
    #[error("there is a share {0} already, in whatever case its name is written")]
    NameTaken(ShareName),
    /// The folder is the system's own.
    #[error("share {share}: {path} is in {folder}, which is the system's own")]
    OfTheSystem {
        /// The share.
        share: ShareName,
        /// Its folder.
        path: FolderPath,
        /// What it is in.
        folder: &'static str,
    },
    /// The path means something else in smb.conf(5).
    #[error("share {share}: Samba would read {path} as something else")]
    NotForSamba {
        /// The share.
        share: ShareName,
        /// A path.
        path: FolderPath,
    },
    /// The path means something else in exports(5).
    #[error("share {share}: exportfs would read {path} as something else")]
    NotForNfs {
        /// The share.
        share: ShareName,
        /// Its folder.
        path: FolderPath,
    },
    /// Whoever is let in would be root.
    #[error("share {0}: everybody who is let in would be root")]
    ForcedRoot(ShareName),
    /// A Mac asks for its own way of speaking before it makes backups.
    #[error("share {0}: backups of Macs need the option apple")]
    NeedsApple(ShareName),
    /// Anybody could read and delete the backups of everybody.
    #[error("share {0}: backups of Macs and guests do not go together")]
    BackupsForGuests(ShareName),
    /// The share is not in what the snapshots are of.
    #[error("share {share}: {path} is not in {of}, of which the snapshots are")]
    NotInSnapshots {
        /// The share.
        share: ShareName,
        /// Its folder.
        path: FolderPath,
        /// The folder of which the snapshots are.
        of: FolderPath,
    },
    /// An export to nobody.
    #[error("share {0}: NFS needs to know to which machines")]
    NoClients(ShareName),
    /// The kernel would take one of two rules, and nobody says which.
    #[error("share {share}: {path} is offered to {client} twice by NFS")]
    ClientTwice {
        /// The share.
        share: ShareName,
        /// Its folder.
        path: FolderPath,
        /// Which machines.
        client: NfsClient,
    },
    /// Two folders that the kernel could not tell apart.
    #[error("share {share}: {other} has the fsid {fsid} already")]
    FsidTaken {
        /// The share.
        share: ShareName,
        /// Which has it.
        other: ShareName,
        /// The fsid.
        fsid: Fsid,
    },
    /// One folder that the kernel would know by two names.
    #[error("share {share}: {path} is offered with another fsid by {other}")]
    FsidDiffers {
        /// The share.
        share: ShareName,
        /// Which says something else.
        other: ShareName,
        /// The folder.
        path: FolderPath,
    },
    /// Users of domains have no folder of their own on this machine.
    #[error("share {share}: {user} is of a domain, and FTP and SFTP are for users of this machine")]
    NotLocal {
        /// The share.
        share: ShareName,
        /// The user.
        user: UserName,
    },
    /// Whoever logs in would be root.
    #[error("share {0}: root does not log in by FTP and SFTP")]
    RootLogsIn(ShareName),
    /// A user is named twice.
    #[error("share {share}: {user} is named twice")]
    UserTwice {
        /// The share.
        share: ShareName,
        /// The user.
        user: UserName,
    },
    /// No ports, or those of other services.
    #[error("passive ports go from 1024 on, the first before the last: {from} to {to} do not")]
    PassivePorts {
        /// The first.
        from: u16,
        /// The last.
        to: u16,
    },
    /// What the kernel does not take.
    #[error("nfsd has 1 to 1024 threads, not {0}")]
    Threads(u16),
    /// nfsd would have nothing to say.
    #[error("NFS needs at least one version")]
    NoVersion,
}

impl Refusal {
    /// A stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::NameTaken(_) => "share_name_taken",
            Refusal::OfTheSystem { .. } => "share_of_system_folder",
            Refusal::NotForSamba { .. } => "share_path_not_for_samba",
            Refusal::NotForNfs { .. } => "share_path_not_for_nfs",
            Refusal::ForcedRoot(_) => "share_forces_root",
            Refusal::NeedsApple(_) => "time_machine_needs_apple",
            Refusal::BackupsForGuests(_) => "time_machine_for_guests",
            Refusal::NotInSnapshots { .. } => "share_not_in_snapshots",
            Refusal::NoClients(_) => "nfs_without_clients",
            Refusal::ClientTwice { .. } => "nfs_client_twice",
            Refusal::FsidTaken { .. } => "nfs_fsid_taken",
            Refusal::FsidDiffers { .. } => "nfs_fsid_differs",
            Refusal::NotLocal { .. } => "transfer_user_not_local",
            Refusal::RootLogsIn(_) => "transfer_user_is_root",
            Refusal::UserTwice { .. } => "transfer_user_twice",
            Refusal::PassivePorts { .. } => "ftp_passive_ports",
            Refusal::Threads(_) => "nfs_threads",
            Refusal::NoVersion => "nfs_without_version",
        }
    }

    /// What would make it possible.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Refusal::NameTaken(_) => "choose another name, or change the share that is there",
            Refusal::OfTheSystem { .. } => "share a folder of a pool, below /srv",
            Refusal::NotForSamba { .. } => {
                "rename the folder: no %, no quotes, no two blanks, and no backslash at its end"
            }
            Refusal::NotForNfs { .. } => {
                "rename the folder: no backslash with three digits behind it"
            }
            Refusal::ForcedRoot(_) => "name another user, to whom the files belong",
            Refusal::NeedsApple(_) => "say apple too, or take the preset time-machine",
            Refusal::BackupsForGuests(_) => "let no guests in",
            Refusal::NotInSnapshots { .. } => "name the dataset that the share is in",
            Refusal::NoClients(_) => "name an address, a network or a host, or * for everybody",
            Refusal::ClientTwice { .. } => "leave one of both rules",
            Refusal::FsidTaken { .. } => "leave it out, or choose another number",
            Refusal::FsidDiffers { .. } => "say the same for both, or for neither",
            Refusal::NotLocal { .. } => "let users of domains in by SMB",
            Refusal::RootLogsIn(_) => "let a user in who may do no more than needed",
            Refusal::UserTwice { .. } => "name each user once",
            Refusal::PassivePorts { .. } => "take 20000 to 20100",
            Refusal::Threads(_) => "8 are enough for most machines",
            Refusal::NoVersion => "v4, and v3 for clients of old",
        };
        Some(text.to_owned())
    }
}

/// Hold an intent against itself: everything that keeps it from being offered, in the order of the shares.
#[must_use]
pub fn refusals(intent: &Intent) -> Vec<Refusal> {
    let mut all = Vec::new();
    let mut names = BTreeMap::new();
    for share in &intent.shares {
        if let Some(first) = names.insert(share.name.folded(), &share.name) {
            all.push(Refusal::NameTaken(first.clone()));
        }
        if let Some(folder) = share.path.of_the_system() {
            all.push(Refusal::OfTheSystem {
                share: share.name.clone(),
                path: share.path.clone(),
                folder,
            });
        }
        if let Some(smb) = &share.smb {
            of_smb(share, smb, &mut all);
        }
        for transfer in [&share.ftp, &share.sftp].into_iter().flatten() {
            of_transfer(share, transfer, &mut all);
        }
    }
    of_nfs(intent, &mut all);
    of_settings(intent, &mut all);
    all
}

fn of_smb(share: &Share, smb: &Smb, all: &mut Vec<Refusal>) {
    let name = || share.name.clone();
    let mut paths = vec![&share.path];
    if let Some(versions) = &smb.previous_versions {
        paths.extend([&versions.snapshots, &versions.of]);
        if !is_in(share.path.as_str(), versions.of.as_str()) {
            all.push(Refusal::NotInSnapshots {
                share: name(),
                path: share.path.clone(),
                of: versions.of.clone(),
            });
        }
    }
    for path in paths {
        if !can_samba_say(path.as_str()) {
            all.push(Refusal::NotForSamba {
                share: name(),
                path: path.clone(),
            });
        }
    }
    if smb.force_user.as_ref().is_some_and(is_root) {
        all.push(Refusal::ForcedRoot(name()));
    }
    if smb.time_machine.is_some() && !smb.apple {
        all.push(Refusal::NeedsApple(name()));
    }
    if smb.time_machine.is_some() && smb.guest {
        all.push(Refusal::BackupsForGuests(name()));
    }
}

fn of_transfer(share: &Share, transfer: &Transfer, all: &mut Vec<Refusal>) {
    for (place, it) in transfer.users.iter().enumerate() {
        let (name, user) = (share.name.clone(), it.user.clone());
        if !it.user.is_local() {
            all.push(Refusal::NotLocal { share: name, user });
        } else if is_root(&it.user) {
            all.push(Refusal::RootLogsIn(name));
        } else if transfer.users[..place].iter().any(|it| it.user == user) {
            all.push(Refusal::UserTwice { share: name, user });
        }
    }
}

fn is_root(user: &UserName) -> bool {
    user.as_str().eq_ignore_ascii_case("root")
}

/// Of all exports together: the kernel knows folders and machines, and nothing of shares.
fn of_nfs(intent: &Intent, all: &mut Vec<Refusal>) {
    let mut clients = BTreeMap::new();
    let mut by_fsid: BTreeMap<&Fsid, &Share> = BTreeMap::new();
    let mut by_path: BTreeMap<&FolderPath, (&Share, &Nfs)> = BTreeMap::new();
    for (share, nfs) in intent.nfs() {
        if !can_exports_say(share.path.as_str()) {
            all.push(Refusal::NotForNfs {
                share: share.name.clone(),
                path: share.path.clone(),
            });
        }
        if nfs.clients.is_empty() {
            all.push(Refusal::NoClients(share.name.clone()));
        }
        for rule in &nfs.clients {
            if clients.insert((&share.path, &rule.client), ()).is_some() {
                all.push(Refusal::ClientTwice {
                    share: share.name.clone(),
                    path: share.path.clone(),
                    client: rule.client.clone(),
                });
            }
        }
        if let Some(fsid) = &nfs.fsid
            && let Some(other) = by_fsid.insert(fsid, share)
            && other.path != share.path
        {
            all.push(Refusal::FsidTaken {
                share: share.name.clone(),
                other: other.name.clone(),
                fsid: fsid.clone(),
            });
        }
        if let Some((other, said)) = by_path.insert(&share.path, (share, nfs))
            && said.fsid != nfs.fsid
        {
            all.push(Refusal::FsidDiffers {
                share: share.name.clone(),
                other: other.name.clone(),
                path: share.path.clone(),
            });
        }
    }
}

fn of_settings(intent: &Intent, all: &mut Vec<Refusal>) {
    let ports = intent.settings.ftp.passive_ports;
    if ports.from < 1024 || ports.to < ports.from {
        all.push(Refusal::PassivePorts {
            from: ports.from,
            to: ports.to,
        });
    }
    let nfs = &intent.settings.nfs;
    if !(1..=1024).contains(&nfs.threads) {
        all.push(Refusal::Threads(nfs.threads));
    }
    if nfs.versions.is_empty() {
        all.push(Refusal::NoVersion);
    }
}

/// What somebody should know who offers this, and need not change.
#[must_use]
pub fn warnings(intent: &Intent) -> Vec<String> {
    let mut all = Vec::new();
    for (share, smb) in intent.smb() {
        let name = &share.name;
        if smb.guest && (!smb.read_only || !smb.write_list.is_empty()) {
            all.push(format!(
                "share {name}: anybody may write to it without logging in"
            ));
        } else if smb.guest {
            all.push(format!(
                "share {name}: anybody may read it without logging in"
            ));
        }
        if intent.is_announced() && smb.time_machine.is_some() && !can_announce(name) {
            all.push(format!(
                "share {name}: its name is too long for Macs to find it for backups"
            ));
        }
        if smb.encryption == Encryption::Off {
            all.push(format!("share {name}: what is sent can be read on the way"));
        }
    }
    for (share, nfs) in intent.nfs() {
        for rule in &nfs.clients {
            let (name, client, options) = (&share.name, &rule.client, &rule.options);
            let mut warn = |words: &str| all.push(format!("share {name} for {client}: {words}"));
            if options.squash == Squash::None {
                warn("root of each of these machines may do everything with its files");
            }
            if options.access == Access::ReadWrite && *client == NfsClient::Anyone {
                warn("any machine that reaches this one may write");
            }
            if options.asynchronous {
                warn("a crash loses data that were said to be written");
            }
        }
    }
    if intent.settings.ftp.plaintext && intent.ftp().next().is_some() {
        all.push("FTP: passwords can be read on the way".to_owned());
    }
    all
}

#[cfg(test)]
mod tests;
