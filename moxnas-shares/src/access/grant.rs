//! What a place lets somebody do, as links of a chain, and what would let them do it.

use moxnas_core::acl::{Acl, Perms};

use super::{Class, IdMap, Ids, Node, Remedy, Rule, Verdict, answer::Chain, judge, remedy::Bits};

/// Whoever the kernel asks about.
pub(super) struct Caller<'a> {
    pub(super) ids: &'a Ids,
    pub(super) is_nameless: bool,
    pub(super) map: &'a IdMap,
}

impl Caller<'_> {
    /// Going through a folder on the way is one link, whatever of the folder decides.
    pub(super) fn goes_through(&self, chain: &mut Chain, folder: &Node) {
        let through = Perms::of_bits(1);
        let verdict = judge(folder, self.ids, self.map, through);
        let who = who(&verdict, self.ids);
        let rule = Rule::Traverse;
        if verdict.is_allowed() {
            chain.allow(rule, format!("{who} may go through it"));
        } else if verdict.is_doubtful {
            chain.unknown(rule, FOREIGN);
        } else {
            let why = match verdict.is_granted {
                true => format!("the mask keeps {who} from going through it"),
                false => format!("{who} may not go through it"),
            };
            chain.deny(rule, why, self.remedy(folder, &verdict, through));
        }
        chain.at(&folder.path);
    }

    /// Mode, entry and mask are a link each.
    pub(super) fn may(&self, chain: &mut Chain, node: &Node, wanted: Perms) {
        let verdict = judge(node, self.ids, self.map, wanted);
        let who = who(&verdict, self.ids);
        let (has, remedy) = (verdict.has, || self.remedy(node, &verdict, wanted));
        let is_personal = matches!(verdict.class, Class::Owner | Class::User);
        let mut link = |rule: Rule, decides: bool, is_fine: bool, elsewhere: &str| {
            if !decides {
                chain.skip(rule, elsewhere);
            } else if is_fine && is_personal && self.is_nameless {
                chain.unknown(rule, NAMELESS);
            } else if is_fine {
                chain.allow(rule, format!("{who} may do {wanted}"));
            } else if verdict.is_doubtful {
                chain.unknown(rule, FOREIGN);
            } else {
                chain.deny(
                    rule,
                    format!("{who} may do {has} and would need {wanted}"),
                    remedy(),
                );
            }
            chain.at(&node.path);
        };
        let (by_entry, is_granted) = (verdict.is_by_entry, verdict.is_granted);
        link(Rule::Mode, !by_entry, is_granted, "an entry decides");
        link(Rule::AclEntry, by_entry, is_granted, "no entry decides");
        let is_masked = by_entry && is_granted && verdict.is_masked;
        let mask = match (by_entry, is_granted) {
            (false, _) => "no entry decides",
            (true, true) => "it lets the entry say so",
            (true, false) => "the entry does not say so",
        };
        link(Rule::AclMask, is_masked, false, mask);
    }

    /// Of the owner the mode decides, whatever entries there are. Everybody else can have an entry,
    /// which nobody else is let in by.
    fn remedy(&self, node: &Node, verdict: &Verdict, wanted: Perms) -> Remedy {
        let path = node.path.clone();
        if verdict.class == Class::Owner || !node.keeps_acl {
            return Remedy::AddMode {
                path,
                to: Bits::of(verdict.class),
                perms: wanted,
            };
        }
        let of_mode = Acl::of_mode(node.mode);
        let list = node.acl.as_ref().unwrap_or(&of_mode);
        let perms = verdict.has.or(wanted);
        Remedy::Grant {
            path,
            uid: self.ids.uid,
            perms,
            mask: list.mask.unwrap_or(list.group).or(perms),
        }
    }
}

const FOREIGN: &str =
    "root has no power over what belongs to nobody within this container, if it does";

const NAMELESS: &str = "the kernel says yes, and smbd may still say no: to its own check whoever has no name is \
                        not the user that this is for";

fn who(verdict: &Verdict, ids: &Ids) -> String {
    match (verdict.class, verdict.is_by_entry) {
        (Class::Root, _) => "root".to_owned(),
        (Class::Owner, _) => format!("the owner, {},", ids.uid),
        (Class::User, _) => format!("the entry for user {}", ids.uid),
        (Class::Groups, true) => format!("the entries for groups of {}", ids.uid),
        (Class::Groups, false) => format!("the group, of which {} is,", ids.uid),
        (Class::Others, _) => format!("{}, who is one of the others,", ids.uid),
    }
}
