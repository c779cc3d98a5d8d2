//! The whole chain: what the share says, and then what the kernel says of the path.

use moxnas_core::acl::Perms;

use super::{
    End, Explanation, Facts, Flags, Ids, Kind, Last, Node, Protocol, Question, Remedy, Rule, Who,
    Wish, answer::Chain, grant::Caller, nfs, smb, transfer,
};
use crate::model::Share;

/// As whom a daemon goes on, and where the kernel begins to look.
pub(super) struct Session {
    pub(super) ids: Ids,
    /// smbd has a check of its own before that of the kernel, for which whoever came without a name
    /// is not the user as whom it goes on.
    pub(super) is_nameless: bool,
    pub(super) sight: Sight,
}

/// What of a path the kernel is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// All of it.
    FromTheTop,
    /// What is below the share: its folder is open already, or is mounted elsewhere too.
    FromTheShare,
}

/// Answer a question by what is known. It always ends, and says of what is not known that it is
/// not.
#[must_use]
pub fn explain(question: &Question, facts: &Facts) -> Explanation {
    let mut chain = Chain::default();
    if let Some(session) = session(question, facts, &mut chain) {
        numbers(&session.ids, facts, &mut chain);
        Place {
            question,
            facts,
            session: &session,
        }
        .explain(&mut chain);
    }
    chain.end()
}

/// As whom the daemon of the protocol would go on; `None`: that cannot be told after what denies.
fn session(question: &Question, facts: &Facts, chain: &mut Chain) -> Option<Session> {
    let share = facts.intent.find(question.share.as_str());
    let Some(share) = share else {
        chain.deny(Rule::Share, "there is no such share", None);
        return None;
    };
    if question.by == Protocol::Local {
        return local(question, facts, chain);
    }
    match share.enabled {
        true => chain.allow(Rule::Share, "it is offered"),
        false => chain.deny(
            Rule::Share,
            "it is switched off",
            Remedy::EnableShare(share.name.clone()),
        ),
    }
    match question.by {
        Protocol::Smb => smb::session(question, share, facts, chain),
        Protocol::Nfs => nfs::session(question, share, facts, chain),
        Protocol::Ftp | Protocol::Sftp => transfer::session(question, share, facts, chain),
        Protocol::Local => None,
    }
}

/// Somebody on the machine itself, whom no daemon asks.
fn local(question: &Question, facts: &Facts, chain: &mut Chain) -> Option<Session> {
    let ids = match &question.who {
        Who::Ids(ids) => ids.clone(),
        Who::Guest => {
            chain.deny(
                Rule::Account,
                "nobody is a guest on the machine itself",
                None,
            );
            return None;
        }
        Who::User(name) => {
            let Some(ids) = Ids::of(&facts.accounts, name) else {
                chain.unknown(Rule::Account, "it is no user of the machine's own files");
                return None;
            };
            ids
        }
    };
    chain.allow(Rule::AsWhom, ids.to_string());
    Some(Session {
        ids,
        is_nameless: false,
        sight: Sight::FromTheTop,
    })
}

/// The share offers itself by this protocol, or does not.
pub(super) fn offered<'a, T>(
    share: &Share,
    by: Protocol,
    how: Option<&'a T>,
    chain: &mut Chain,
) -> Option<&'a T> {
    match how {
        Some(_) => chain.allow(Rule::Offered, format!("by {}", by.word())),
        None => chain.deny(
            Rule::Offered,
            format!("not by {}", by.word()),
            Remedy::OfferBy(share.name.clone(), by),
        ),
    }
    how
}

fn numbers(ids: &Ids, facts: &Facts, chain: &mut Chain) {
    if facts.ids.is_whole() {
        chain.skip(Rule::IdMap, "all numbers are known here");
        return;
    }
    let user = (!facts.ids.has_user(ids.uid)).then_some(ids.uid);
    let group = (!facts.ids.has_group(ids.gid)).then_some(ids.gid);
    let mut missing: Vec<u32> = user.into_iter().chain(group).collect();
    missing.dedup();
    match missing.as_slice() {
        [] => chain.allow(Rule::IdMap, "this container has these numbers"),
        [first, ..] => chain.deny(
            Rule::IdMap,
            format!("this container has no {first}"),
            Remedy::MapIds(missing),
        ),
    }
}

/// A path, and somebody who wants something of it.
struct Place<'a> {
    question: &'a Question,
    facts: &'a Facts,
    session: &'a Session,
}

impl Place<'_> {
    fn explain(&self, chain: &mut Chain) {
        let trail = &self.facts.trail;
        let from = match self.session.sight {
            Sight::FromTheTop => 0,
            Sight::FromTheShare => trail.share,
        };
        let seen = trail.nodes.get(from..).unwrap_or_default();
        let Some((last, before)) = seen.split_last() else {
            chain.unknown(Rule::Reach, "nothing on the way was looked at");
            return;
        };
        let caller = self.caller();
        for folder in before.iter().filter(|it| it.is_folder()) {
            caller.goes_through(chain, folder);
        }
        // smbd works from within the folder of the share, and shows nothing of what it cannot look
        // at.
        let is_entered = self.question.by == Protocol::Smb
            && last.is_folder()
            && self.question.wish != Wish::Delete;
        if is_entered || (last.is_folder() && trail.end != End::Reached) {
            caller.goes_through(chain, last);
        }
        self.links(chain);
        if self.reach(chain, last) {
            self.mounts(chain);
            self.wish(chain, last);
        }
    }

    fn caller(&self) -> Caller<'_> {
        Caller {
            ids: &self.session.ids,
            is_nameless: self.session.is_nameless,
            map: &self.facts.ids,
        }
    }

    /// Symbolic links below the share mean to each protocol what its daemon makes of them.
    fn links(&self, chain: &mut Chain) {
        let trail = &self.facts.trail;
        let below = trail.nodes.iter().skip(trail.share + 1);
        let last = trail.nodes.len().saturating_sub(1);
        // A link that is to be deleted is not followed.
        let is_kept = self.question.wish.last() == Last::Keep && trail.end == End::Reached;
        let most = if is_kept { last } else { last + 1 };
        let below = below.take(most.saturating_sub(trail.share + 1));
        for node in below {
            let Kind::Link(target) = &node.kind else {
                continue;
            };
            let folder = trail.parent(node);
            let is_open = folder.is_some_and(|it| it.is_sticky() && it.mode & 0o002 != 0);
            let is_whole = target.starts_with('/');
            match self.question.by {
                Protocol::Nfs => chain.unknown(
                    Rule::Reach,
                    "the client follows symbolic links by itself, to where they lead there",
                ),
                Protocol::Ftp | Protocol::Sftp if is_whole => chain.deny(
                    Rule::Reach,
                    "the link begins at the top, which is another one for this user",
                    None,
                ),
                _ if is_open => chain.unknown(
                    Rule::Reach,
                    "links in folders for everybody are not followed for all, see protected_symlinks \
                     in proc_sys_fs(5)",
                ),
                _ => continue,
            }
            chain.at(&node.path);
        }
    }

    /// Whether there is something to ask about.
    fn reach(&self, chain: &mut Chain, last: &Node) -> bool {
        let trail = &self.facts.trail;
        let makes = self.question.wish == Wish::Write;
        let is_there = match &trail.end {
            End::Reached => {
                chain.allow(Rule::Reach, "it is there");
                true
            }
            End::Missing { name, is_last } if *is_last && makes => {
                chain.allow(Rule::Reach, format!("{name} is to be made"));
                true
            }
            End::Missing { name, .. } => {
                chain.deny(Rule::Reach, format!("there is no {name}"), None);
                false
            }
            End::NotAFolder => {
                chain.deny(Rule::Reach, "the path goes on, and this is no folder", None);
                false
            }
            End::LeavesShare if self.question.by == Protocol::Local => {
                chain.unknown(Rule::Reach, "a symbolic link leads out of the share");
                false
            }
            End::LeavesShare if self.question.by == Protocol::Nfs => {
                chain.unknown(Rule::Reach, "where the link leads, the client alone knows");
                false
            }
            End::LeavesShare => {
                chain.deny(Rule::Reach, "a symbolic link leads out of the share", None);
                false
            }
            End::Circle => {
                chain.deny(Rule::Reach, "symbolic links lead to each other", None);
                false
            }
            End::NoShare => {
                chain.deny(Rule::Reach, "the folder of the share is not there", None);
                false
            }
        };
        chain.at(&last.path);
        is_there
    }

    /// What is mounted below a share is not everywhere seen with it.
    fn mounts(&self, chain: &mut Chain) {
        let trail = &self.facts.trail;
        let below = trail.nodes.get(trail.share..).unwrap_or_default();
        let Some(share) = below.first() else { return };
        let Some(inner) = below.iter().find(|it| it.mount != share.mount) else {
            chain.skip(Rule::Mounted, "all of it is on one filesystem");
            return;
        };
        match self.question.by {
            Protocol::Smb | Protocol::Local => {
                chain.allow(Rule::Mounted, "what is mounted below is seen");
            }
            Protocol::Nfs => nfs::crosses(self.question, self.facts, chain),
            Protocol::Ftp | Protocol::Sftp => chain.deny(
                Rule::Mounted,
                "users of FTP and SFTP do not see what is mounted below a share",
                None,
            ),
        }
        chain.at(&inner.path);
    }

    fn wish(&self, chain: &mut Chain, last: &Node) {
        let is_made = matches!(self.facts.trail.end, End::Missing { .. });
        match (self.question.wish, &last.kind) {
            (Wish::List, Kind::Folder) => {
                chain.allow(Rule::Kind, "it is a folder");
                self.may(chain, last, 4);
            }
            (Wish::Read, Kind::File) => {
                chain.allow(Rule::Kind, "it is a file");
                self.may(chain, last, 4);
            }
            (Wish::Write, Kind::Folder) => {
                let why = if is_made {
                    "it comes into a folder"
                } else {
                    "it is a folder"
                };
                chain.allow(Rule::Kind, why);
                self.may(chain, last, 3);
                let kept = Flags {
                    append_only: false,
                    ..last.flags
                };
                self.keeps(chain, last, kept);
                self.writable(chain, last);
                self.room(chain, last);
            }
            (Wish::Write, Kind::File) => {
                chain.allow(Rule::Kind, "it is a file");
                self.may(chain, last, 2);
                self.keeps(chain, last, last.flags);
                self.writable(chain, last);
                self.room(chain, last);
            }
            (Wish::Delete, _) => self.deletes(chain, last),
            (Wish::List, _) => chain.deny(Rule::Kind, "it is no folder", None),
            (Wish::Read, Kind::Folder) => chain.deny(Rule::Kind, "it is a folder: list it", None),
            (Wish::Read | Wish::Write, _) => chain.unknown(
                Rule::Kind,
                "it is a device, a pipe or a socket, which is for its owner to say",
            ),
        }
    }

    fn deletes(&self, chain: &mut Chain, last: &Node) {
        let trail = &self.facts.trail;
        let share = trail.nodes.get(trail.share);
        // To the machine itself it is a folder as any other.
        let is_share =
            self.question.by != Protocol::Local && share.is_some_and(|it| it.path == last.path);
        let folder = trail.parent(last).filter(|_| !is_share);
        let Some(folder) = folder else {
            chain.deny(Rule::Kind, "it is the share itself", None);
            return;
        };
        if folder.mount != last.mount {
            chain.deny(Rule::Kind, "something is mounted on it", None);
            chain.at(&last.path);
            return;
        }
        match last.kind {
            Kind::Folder => chain.allow(Rule::Kind, "a folder goes once nothing is in it"),
            _ => chain.allow(Rule::Kind, "it is no folder"),
        }
        // smbd looks by itself whether anything is.
        if self.question.by == Protocol::Smb && last.is_folder() {
            self.may(chain, last, 4);
        }
        self.may(chain, folder, 3);
        self.sticky(chain, folder, last);
        self.keeps(chain, folder, folder.flags);
        self.keeps(chain, last, last.flags);
        self.writable(chain, folder);
    }

    fn may(&self, chain: &mut Chain, node: &Node, bits: u32) {
        self.caller().may(chain, node, Perms::of_bits(bits));
    }

    /// In a sticky folder whose it is deletes it, and whose folder it is.
    fn sticky(&self, chain: &mut Chain, folder: &Node, last: &Node) {
        let uid = self.session.ids.uid;
        if !folder.is_sticky() {
            chain.skip(Rule::Sticky, "the folder is not sticky");
        } else if [0, folder.uid, last.uid].contains(&uid) {
            chain.allow(
                Rule::Sticky,
                "it is theirs, or the folder is, or they are root",
            );
        } else {
            chain.deny(
                Rule::Sticky,
                format!(
                    "in a sticky folder only {} and {} delete it",
                    last.uid, folder.uid
                ),
                Remedy::GiveTo {
                    path: last.path.clone(),
                    uid,
                },
            );
        }
        chain.at(&folder.path);
    }

    /// These flags keep it as it is, whoever asks.
    fn keeps(&self, chain: &mut Chain, node: &Node, flags: Flags) {
        let why = match (flags.immutable, flags.append_only) {
            (true, _) => "it is immutable, for root too",
            (false, true) => "it only grows: nothing of it is changed or taken away",
            (false, false) => {
                chain.skip(Rule::Attributes, "nothing keeps it as it is");
                chain.at(&node.path);
                return;
            }
        };
        let remedy = Remedy::ClearFlags {
            path: node.path.clone(),
            flags,
        };
        chain.deny(Rule::Attributes, why, remedy);
        chain.at(&node.path);
    }

    fn writable(&self, chain: &mut Chain, node: &Node) {
        let at = self.facts.trail.mounted_at(node);
        match node.is_read_only {
            false => chain.allow(
                Rule::MountReadOnly,
                "it is mounted such that it can be written",
            ),
            true => chain.deny(
                Rule::MountReadOnly,
                "it is mounted such that it can only be read",
                Remedy::MountWritable(at.to_owned()),
            ),
        }
        chain.at(at);
    }

    fn room(&self, chain: &mut Chain, node: &Node) {
        let remedy = || Remedy::MakeRoom(node.path.clone());
        match self.facts.trail.space {
            None => chain.skip(Rule::Space, "how much room there is was not asked"),
            Some(space) if space.bytes == 0 && !node.is_folder() => chain.unknown(
                Rule::Space,
                "no room is left, and whether what is there can be written over only the filesystem knows",
            ),
            Some(space) if space.bytes == 0 => {
                chain.deny(Rule::Space, "no room is left, or no quota", remedy());
            }
            Some(space) if space.files == Some(0) && node.is_folder() => {
                chain.deny(Rule::Space, "no more files can be made", remedy());
            }
            Some(space) => chain.allow(Rule::Space, format!("{} bytes are left", space.bytes)),
        }
        chain.at(&node.path);
    }
}
