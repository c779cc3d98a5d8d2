//! The least change by which a rule would not deny any more, as data.

use std::{fmt, net::IpAddr};

use moxnas_core::acl::{Acl, Perms, Whom};
use serde::{Deserialize, Serialize};

use super::{Class, Facts, Flags, IdRange, Node, Protocol};
use crate::{
    accounts::model::Password,
    model::{
        Access, ClientOptions, Nfs, NfsClient, NfsRule, Principal, Security, Share, ShareName, Smb,
        SmbHost, Transfer, TransferUser, UserName,
    },
};

/// The least change by which a rule would not deny any more. Nothing of it is done by anybody who
/// asks: others may be let in by it too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// Offer a share that is switched off.
    EnableShare(ShareName),
    /// Offer it by this protocol too.
    OfferBy(ShareName, Protocol),
    /// Add a machine to those that reach it.
    AllowHost(ShareName, Protocol, IpAddr),
    /// Take this way of saying who somebody is from these clients.
    AllowSecurity(ShareName, NfsClient, Security),
    /// Give Samba a password for a user of the system.
    AddToSamba(UserName),
    /// Enable an account.
    EnableAccount(UserName),
    /// Let guests in.
    LetGuestsIn(ShareName),
    /// Take these off the list of those who are never let in.
    RemoveInvalid(ShareName, Vec<Principal>),
    /// Add somebody to those who are let in.
    AddValid(ShareName, UserName),
    /// Add somebody to those who may write.
    AddWriter(ShareName, UserName),
    /// Let these clients of NFS write.
    LetClientWrite(ShareName, NfsClient),
    /// Show these clients of NFS what is mounted below.
    ShowMounts(ShareName, NfsClient),
    /// Let a user reach it by FTP or SFTP; whether they may write.
    AddTransferUser(ShareName, Protocol, UserName, bool),
    /// Force nobody any more: there is no such user or group.
    ForceNobody(ShareName),
    /// Have the container know these numbers of users and groups.
    MapIds(Vec<u32>),
    /// An entry of an access control list for a user, and a mask that lets it have what it says and
    /// nobody else more than before but for that.
    Grant {
        /// On what.
        path: String,
        /// For whom.
        uid: u32,
        /// What it lets them do.
        perms: Perms,
        /// The mask.
        mask: Perms,
    },
    /// Bits of a mode, for a class.
    AddMode {
        /// Of what.
        path: String,
        /// For whom: the owner, the group or others.
        to: Bits,
        /// Which.
        perms: Perms,
    },
    /// Make somebody the owner.
    GiveTo {
        /// Of what.
        path: String,
        /// Whom.
        uid: u32,
    },
    /// Take attributes of chattr(1) away.
    ClearFlags {
        /// From what.
        path: String,
        /// Which.
        flags: Flags,
    },
    /// Mount it such that it can be written.
    MountWritable(String),
    /// Delete something, or raise a quota.
    MakeRoom(String),
}

/// A class of a mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bits {
    /// The owner.
    Owner,
    /// The group.
    Group,
    /// Others.
    Other,
}

impl Bits {
    pub(super) fn of(class: Class) -> Bits {
        match class {
            Class::Root | Class::Owner => Bits::Owner,
            Class::User | Class::Groups => Bits::Group,
            Class::Others => Bits::Other,
        }
    }

    fn letter(self) -> char {
        match self {
            Bits::Owner => 'u',
            Bits::Group => 'g',
            Bits::Other => 'o',
        }
    }

    fn shift(self) -> u32 {
        match self {
            Bits::Owner => 6,
            Bits::Group => 3,
            Bits::Other => 0,
        }
    }
}

impl fmt::Display for Remedy {
    /// For people; where a program does it, its command.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remedy::EnableShare(share) => write!(f, "enable the share {share}"),
            Remedy::OfferBy(share, by) => write!(f, "offer {share} by {}", by.word()),
            Remedy::AllowHost(share, by, host) => {
                let by = by.word();
                write!(f, "add {host} to the machines that reach {share} by {by}")
            }
            Remedy::AllowSecurity(share, client, sec) => {
                write!(f, "take sec={} from {client} for {share}", sec.word())
            }
            Remedy::AddToSamba(user) => write!(f, "set the password of {user}, also in Samba"),
            Remedy::EnableAccount(user) => write!(f, "enable the account {user}"),
            Remedy::LetGuestsIn(share) => write!(f, "let guests in to {share}"),
            Remedy::RemoveInvalid(share, who) => {
                let who: Vec<String> = who.iter().map(Principal::to_string).collect();
                write!(f, "remove {} from invalid users of {share}", who.join(", "))
            }
            Remedy::AddValid(share, user) => write!(f, "add {user} to valid users of {share}"),
            Remedy::AddWriter(share, user) => write!(f, "add {user} to the write list of {share}"),
            Remedy::LetClientWrite(share, client) => {
                write!(f, "export {share} to {client} with rw")
            }
            Remedy::ShowMounts(share, client) => {
                write!(f, "export {share} to {client} with crossmnt")
            }
            Remedy::AddTransferUser(share, by, user, write) => {
                let how = if *write { "read and write" } else { "read" };
                write!(f, "let {user} {how} {share} by {}", by.word())
            }
            Remedy::ForceNobody(share) => {
                write!(f, "take force user and force group from {share}")
            }
            Remedy::MapIds(ids) => {
                let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
                write!(
                    f,
                    "have the container know {}: more numbers in lxc.idmap and /etc/subuid of the host",
                    ids.join(" and ")
                )
            }
            Remedy::Grant {
                path,
                uid,
                perms,
                mask,
            } => {
                let path = quoted(path);
                write!(f, "setfacl -n -m u:{uid}:{perms},m::{mask} -- {path}")
            }
            Remedy::AddMode { path, to, perms } => {
                let letters: String = perms.to_string().replace('-', "");
                write!(f, "chmod {}+{letters} -- {}", to.letter(), quoted(path))
            }
            Remedy::GiveTo { path, uid } => write!(f, "chown {uid} -- {}", quoted(path)),
            Remedy::ClearFlags { path, flags } => {
                let i = if flags.immutable { "i" } else { "" };
                let a = if flags.append_only { "a" } else { "" };
                write!(f, "chattr -{i}{a} -- {}", quoted(path))
            }
            Remedy::MountWritable(at) => write!(f, "mount -o remount,rw -- {}", quoted(at)),
            Remedy::MakeRoom(at) => write!(f, "delete something in {at}, or raise its quota"),
        }
    }
}

/// As a shell takes a path for one word.
fn quoted(path: &str) -> String {
    let is_plain = |it: char| it.is_alphanumeric() || "/._-+@".contains(it);
    match path.chars().all(is_plain) {
        true => path.to_owned(),
        false => format!("'{}'", path.replace('\'', "'\\''")),
    }
}

impl Remedy {
    /// What is, once it was done.
    pub fn predict(&self, facts: &mut Facts) {
        match self {
            Remedy::EnableAccount(user) | Remedy::AddToSamba(user) => enable(facts, user),
            Remedy::MapIds(ids) => {
                let more = |id: &u32| IdRange {
                    first: *id,
                    count: 1,
                };
                facts.ids.uids.extend(ids.iter().map(more));
                facts.ids.gids.extend(ids.iter().map(more));
            }
            Remedy::MakeRoom(_) => facts.trail.space = None,
            Remedy::MountWritable(at) => {
                let nodes = &mut facts.trail.nodes;
                let mount = nodes.iter().find(|it| it.path == *at).map(|it| it.mount);
                for node in nodes.iter_mut().filter(|it| Some(it.mount) == mount) {
                    node.is_read_only = false;
                }
            }
            Remedy::Grant { path, .. }
            | Remedy::AddMode { path, .. }
            | Remedy::GiveTo { path, .. }
            | Remedy::ClearFlags { path, .. } => self.change_node(facts, path),
            _ => self.change_share(facts),
        }
    }

    fn change_node(&self, facts: &mut Facts, path: &str) {
        // Where a link led back to is in a trail twice.
        let nodes = facts.trail.nodes.iter_mut();
        nodes
            .filter(|it| it.path == path)
            .for_each(|it| self.change_one(it));
    }

    fn change_one(&self, node: &mut Node) {
        match self {
            Remedy::Grant {
                uid, perms, mask, ..
            } => {
                let acl = node.acl.get_or_insert_with(|| Acl::of_mode(node.mode));
                acl.named.insert(Whom::User(*uid), *perms);
                acl.mask = Some(*mask);
                node.mode = node.mode & !0o777 | acl.mode();
            }
            Remedy::AddMode { to, perms, .. } => {
                node.mode |= perms.bits() << to.shift();
                if let Some(acl) = &mut node.acl {
                    let of_mode = Acl::of_mode(node.mode);
                    acl.owner = of_mode.owner;
                    acl.other = of_mode.other;
                    acl.mask = acl.mask.map(|_| of_mode.group);
                }
            }
            Remedy::GiveTo { uid, .. } => node.uid = *uid,
            Remedy::ClearFlags { flags, .. } => {
                node.flags.immutable &= !flags.immutable;
                node.flags.append_only &= !flags.append_only;
            }
            _ => (),
        }
    }

    fn change_share(&self, facts: &mut Facts) {
        let (Remedy::EnableShare(name)
        | Remedy::OfferBy(name, _)
        | Remedy::AllowHost(name, ..)
        | Remedy::AllowSecurity(name, ..)
        | Remedy::LetGuestsIn(name)
        | Remedy::RemoveInvalid(name, _)
        | Remedy::AddValid(name, _)
        | Remedy::AddWriter(name, _)
        | Remedy::LetClientWrite(name, _)
        | Remedy::ShowMounts(name, _)
        | Remedy::AddTransferUser(name, ..)
        | Remedy::ForceNobody(name)) = self
        else {
            return;
        };
        let folded = name.folded();
        let mut shares = facts.intent.shares.iter_mut();
        if let Some(share) = shares.find(|it| it.name.folded() == folded) {
            self.change(share);
        }
    }

    fn change(&self, share: &mut Share) {
        match self {
            Remedy::EnableShare(_) => share.enabled = true,
            Remedy::OfferBy(_, by) => offer(share, *by),
            Remedy::AddTransferUser(_, by, user, write) => {
                let transfer = match by {
                    Protocol::Ftp => share.ftp.get_or_insert_default(),
                    _ => share.sftp.get_or_insert_default(),
                };
                transfer.users.retain(|it| it.user != *user);
                transfer.users.push(TransferUser {
                    user: user.clone(),
                    write: *write,
                });
            }
            Remedy::AllowHost(_, Protocol::Nfs, address) => {
                let nfs = share.nfs.get_or_insert_with(Nfs::default);
                nfs.clients.push(NfsRule {
                    client: NfsClient::Address(*address),
                    options: ClientOptions::default(),
                });
            }
            Remedy::AllowSecurity(_, client, sec) => {
                for rule in of_client(share, client) {
                    if rule.options.sec.is_empty() {
                        rule.options.sec.push(Security::Sys);
                    }
                    rule.options.sec.push(*sec);
                }
            }
            Remedy::LetClientWrite(_, client) => {
                for rule in of_client(share, client) {
                    rule.options.access = Access::ReadWrite;
                }
            }
            Remedy::ShowMounts(_, client) => {
                for rule in of_client(share, client) {
                    rule.options.crossmnt = true;
                }
            }
            _ => {
                if let Some(smb) = &mut share.smb {
                    self.change_smb(smb);
                }
            }
        }
    }

    fn change_smb(&self, smb: &mut Smb) {
        match self {
            Remedy::AllowHost(_, _, address) => smb.hosts_allow.push(SmbHost::Address(*address)),
            Remedy::LetGuestsIn(_) => smb.guest = true,
            Remedy::RemoveInvalid(_, who) => smb.invalid_users.retain(|it| !who.contains(it)),
            Remedy::AddValid(_, user) => smb.valid_users.push(Principal::User(user.clone())),
            Remedy::AddWriter(_, user) => smb.write_list.push(Principal::User(user.clone())),
            Remedy::ForceNobody(_) => {
                smb.force_user = None;
                smb.force_group = None;
            }
            _ => (),
        }
    }
}

fn of_client<'a>(
    share: &'a mut Share,
    client: &'a NfsClient,
) -> impl Iterator<Item = &'a mut NfsRule> {
    let rules = share.nfs.iter_mut().flat_map(|it| &mut it.clients);
    rules.filter(move |it| it.client == *client)
}

fn offer(share: &mut Share, by: Protocol) {
    match by {
        Protocol::Smb => _ = share.smb.get_or_insert_with(Smb::default),
        Protocol::Nfs => _ = share.nfs.get_or_insert_with(Nfs::default),
        Protocol::Ftp => _ = share.ftp.get_or_insert_with(Transfer::default),
        Protocol::Sftp => _ = share.sftp.get_or_insert_with(Transfer::default),
        Protocol::Local => (),
    }
}

fn enable(facts: &mut Facts, name: &UserName) {
    let mut users = facts.accounts.users.iter_mut();
    let Some(user) = users.find(|it| it.name == *name) else {
        return;
    };
    user.password = Password::Set;
    user.expires = None;
    let samba = user.samba.get_or_insert(crate::accounts::model::SambaUser {
        is_disabled: false,
        expires: None,
        must_change: false,
    });
    samba.is_disabled = false;
    samba.expires = None;
}
