//! What the kernel makes of a mode and an access control list.
//!
//! One class decides, and no other is asked: the owner, a user who is named, the groups, others;
//! see acl(5). Linux differs from it in one thing: where the mask lets nobody have anything, the
//! list is not asked at all (`acl_permission_check` in `fs/namei.c`), so that a user who is named
//! there is one of the others.

use moxnas_core::acl::{Acl, Perms, Whom};

use super::{IdMap, Ids, Kind, Node};

/// Who somebody is to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// root, whom modes and lists keep from nothing.
    Root,
    /// The owner.
    Owner,
    /// A user with an entry of their own.
    User,
    /// Of a group that it belongs to, or that has an entry.
    Groups,
    /// Nobody of these.
    Others,
}

/// What the kernel says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Who somebody is to it.
    pub class: Class,
    /// An entry of a list decides, not the mode alone.
    pub is_by_entry: bool,
    /// What that lets them do, if there were no mask.
    pub is_granted: bool,
    /// The mask takes it away.
    pub is_masked: bool,
    /// What they may do in all.
    pub has: Perms,
    /// root of a container has power over what belongs to users of the container only, and whose
    /// this is cannot be seen from within.
    pub is_doubtful: bool,
}

impl Verdict {
    /// Whether it may be done.
    #[must_use]
    pub fn is_allowed(self) -> bool {
        self.is_granted && !self.is_masked
    }
}

/// As whom everything shows that belongs to nobody within a container,
/// `/proc/sys/kernel/overflowuid`.
const OVERFLOW: u32 = 65534;

/// Whether somebody may do all of this with something, as far as its mode and its list say.
#[must_use]
pub fn judge(node: &Node, ids: &Ids, map: &IdMap, wanted: Perms) -> Verdict {
    let verdict = by_class(node, ids, wanted);
    if ids.uid != 0 || verdict.is_allowed() {
        return verdict;
    }
    // A file that nobody may execute root may not execute either.
    let executes = node.kind == Kind::File && wanted.bits() & 1 != 0;
    if executes && node.mode & 0o111 == 0 {
        return verdict;
    }
    let is_foreign = node.uid == OVERFLOW || node.gid == OVERFLOW;
    if is_foreign && !map.is_whole() {
        return Verdict {
            is_doubtful: true,
            ..verdict
        };
    }
    Verdict {
        class: Class::Root,
        is_by_entry: false,
        is_granted: true,
        is_masked: false,
        has: Perms::of_bits(7),
        is_doubtful: false,
    }
}

fn by_class(node: &Node, ids: &Ids, wanted: Perms) -> Verdict {
    let mode = Acl::of_mode(node.mode);
    let plain = |class, perms: Perms| Verdict {
        class,
        is_by_entry: false,
        is_granted: perms.has(wanted),
        is_masked: false,
        has: perms,
        is_doubtful: false,
    };
    let list = node.acl.as_ref();
    if ids.uid == node.uid {
        return plain(Class::Owner, list.map_or(mode.owner, |it| it.owner));
    }
    let Some(list) = list else {
        return match ids.has_group(node.gid) {
            true => plain(Class::Groups, mode.group),
            false => plain(Class::Others, mode.other),
        };
    };
    let entry = |class, perms: Perms, is_granted| Verdict {
        class,
        is_by_entry: true,
        is_granted,
        is_masked: !list.masked(wanted).has(wanted),
        has: list.masked(perms),
        is_doubtful: false,
    };
    if list.mask == Some(Perms::default()) {
        return match ids.has_group(node.gid) {
            true => entry(Class::Groups, list.group, list.group.has(wanted)),
            false => plain(Class::Others, list.other),
        };
    }
    if let Some(perms) = list.named.get(&Whom::User(ids.uid)) {
        return entry(Class::User, *perms, perms.has(wanted));
    }
    let named = list.named.iter().filter_map(|(whom, perms)| match whom {
        Whom::Group(gid) if ids.has_group(*gid) => Some(*perms),
        _ => None,
    });
    let owning = ids.has_group(node.gid).then_some(list.group);
    let all: Vec<Perms> = owning.into_iter().chain(named).collect();
    match all.is_empty() {
        true => plain(Class::Others, list.other),
        // One entry has to say all of it.
        false => entry(
            Class::Groups,
            all.iter().fold(Perms::default(), |all, it| all.or(*it)),
            all.iter().any(|it| it.has(wanted)),
        ),
    }
}
