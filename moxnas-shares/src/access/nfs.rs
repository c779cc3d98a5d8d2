//! What nfsd(7) makes of a client, see exports(5): which of its rules holds, and as whom it goes on
//! (`nfsd_setuser` in `fs/nfsd/auth.c` of Linux).

use super::{
    Facts, Ids, Machine, Protocol, Question, Remedy, Rule, Who,
    answer::Chain,
    explain::{Session, Sight, offered},
};
use crate::model::{Access, NfsClient, NfsRule, Security, Share, Squash};

/// How many groups a request by number has room for, see exports(5) and `manage-gids` in
/// nfs.conf(5).
const GROUPS: usize = 16;

pub(super) fn session(
    question: &Question,
    share: &Share,
    facts: &Facts,
    chain: &mut Chain,
) -> Option<Session> {
    let nfs = offered(share, Protocol::Nfs, share.nfs.as_ref(), chain)?;
    let rule = client(question.from.as_ref(), share, &nfs.clients, chain)?;
    security(question, share, rule, chain);
    writes(question, share, rule, chain);
    let asker = match &question.who {
        Who::Ids(ids) => Some(ids.clone()),
        Who::User(name) => Ids::of(&facts.accounts, name),
        Who::Guest => {
            chain.deny(Rule::Account, "clients say of everybody who they are", None);
            return None;
        }
    };
    let ids = squashed(asker, rule, chain)?;
    let ids = told(ids, question.security, chain);
    Some(Session {
        ids,
        is_nameless: false,
        sight: Sight::FromTheShare,
    })
}

/// In which order the rules of an export are gone through, the first that fits holds
/// (`lookup_export` in nfs-utils): names and addresses, networks, patterns, netgroups, everybody.
fn class(client: &NfsClient) -> u8 {
    match client {
        NfsClient::Address(_) => 0,
        NfsClient::Name(it) => match it.as_str().contains(['*', '?', '[']) {
            false => 0,
            true => 2,
        },
        NfsClient::Network(_) => 1,
        NfsClient::Netgroup(_) => 3,
        NfsClient::Anyone => 4,
    }
}

fn fits(client: &NfsClient, machine: &Machine) -> Option<bool> {
    match client {
        NfsClient::Anyone => Some(true),
        NfsClient::Address(it) => Some(*it == machine.address),
        NfsClient::Network(it) => Some(it.contains(&machine.address)),
        NfsClient::Netgroup(_) => None,
        NfsClient::Name(pattern) => {
            let name = machine.name.as_ref()?.to_lowercase();
            Some(is_like(&name, &pattern.as_str().to_lowercase()))
        }
    }
}

/// As `wildmat` of nfs-utils: `*` any characters, `?` one, `[…]` one of these.
fn is_like(text: &str, pattern: &str) -> bool {
    let Some(sign) = pattern.chars().next() else {
        return text.is_empty();
    };
    let rest = &pattern[sign.len_utf8()..];
    let next = text.chars().next();
    let behind = next.map_or("", |it| &text[it.len_utf8()..]);
    match sign {
        '*' => is_like(text, rest) || (next.is_some() && is_like(behind, pattern)),
        '?' => next.is_some() && is_like(behind, rest),
        '[' => {
            let (Some((set, rest)), Some(next)) = (rest.split_once(']'), next) else {
                return false;
            };
            is_in(next, set) && is_like(behind, rest)
        }
        sign => next == Some(sign) && is_like(behind, rest),
    }
}

fn is_in(it: char, set: &str) -> bool {
    let signs: Vec<char> = set.chars().collect();
    let range = |all: &[char]| matches!(all, [from, '-', to] if (*from..=*to).contains(&it));
    signs.contains(&it) && it != '-' || signs.windows(3).any(range)
}

/// The rule that holds for a client; `None`: none, or which one cannot be told.
fn client<'a>(
    from: Option<&Machine>,
    share: &Share,
    rules: &'a [NfsRule],
    chain: &mut Chain,
) -> Option<&'a NfsRule> {
    let Some(machine) = from else {
        return match rules {
            [rule] if rule.client == NfsClient::Anyone => {
                chain.allow(Rule::Hosts, "every machine is offered the same");
                Some(rule)
            }
            _ => {
                chain.unknown(
                    Rule::Hosts,
                    "it hangs on the machine that somebody comes from",
                );
                None
            }
        };
    };
    let address = machine.address;
    let mut best: Option<&NfsRule> = None;
    let mut is_unsure = false;
    for place in 0..=4 {
        for rule in rules.iter().filter(|it| class(&it.client) == place) {
            match (fits(&rule.client, machine), best) {
                (Some(false), _) => (),
                // Whether it fits matters only while nothing before it does.
                (None, found) => is_unsure |= found.is_none_or(|it| class(&it.client) == place),
                (Some(true), None) => best = Some(rule),
                (Some(true), Some(found)) => {
                    is_unsure |= class(&found.client) == place && found.options != rule.options;
                }
            }
        }
        if best.is_some() {
            break;
        }
    }
    match best {
        _ if is_unsure => chain.unknown(
            Rule::Hosts,
            format!("which of the clients {address} is hangs on names, netgroups or chance"),
        ),
        None => chain.deny(
            Rule::Hosts,
            format!("it is not exported to {address}"),
            Remedy::AllowHost(share.name.clone(), Protocol::Nfs, address),
        ),
        Some(rule) => chain.allow(
            Rule::Hosts,
            format!("{address} is taken for {}", rule.client),
        ),
    }
    best.filter(|_| !is_unsure)
}

fn security(question: &Question, share: &Share, rule: &NfsRule, chain: &mut Chain) {
    let (asked, taken) = (question.security, &rule.options.sec);
    let is_taken = taken.contains(&asked) || (taken.is_empty() && asked == Security::Sys);
    match is_taken {
        true => chain.allow(Rule::Security, format!("sec={} is taken", asked.word())),
        false => chain.deny(
            Rule::Security,
            format!("sec={} is not taken", asked.word()),
            Remedy::AllowSecurity(share.name.clone(), rule.client.clone(), asked),
        ),
    }
}

fn writes(question: &Question, share: &Share, rule: &NfsRule, chain: &mut Chain) {
    match (question.wish.changes(), rule.options.access) {
        (false, _) => chain.skip(Rule::ReadOnly, "nothing is to be changed"),
        (true, Access::ReadWrite) => chain.allow(Rule::ReadOnly, "exported with rw"),
        (true, Access::ReadOnly) => chain.deny(
            Rule::ReadOnly,
            "exported with ro",
            Remedy::LetClientWrite(share.name.clone(), rule.client.clone()),
        ),
    }
}

/// Who nobody is, if nothing else is said.
const NOBODY: u32 = 65534;

fn squashed(asker: Option<Ids>, rule: &NfsRule, chain: &mut Chain) -> Option<Ids> {
    let options = &rule.options;
    let (uid, gid) = (
        options.anonuid.unwrap_or(NOBODY),
        options.anongid.unwrap_or(NOBODY),
    );
    if options.squash == Squash::All {
        let ids = Ids {
            uid,
            gid,
            groups: Vec::new(),
        };
        chain.allow(Rule::AsWhom, format!("{ids}, as everybody is squashed"));
        return Some(ids);
    }
    let Some(mut ids) = asker else {
        chain.unknown(Rule::AsWhom, "the numbers of this user are not known here");
        return None;
    };
    if options.squash == Squash::Root {
        let instead = |it: &mut u32, nobody| {
            if *it == 0 {
                *it = nobody;
            }
        };
        instead(&mut ids.uid, uid);
        instead(&mut ids.gid, gid);
        ids.groups.iter_mut().for_each(|it| instead(it, gid));
    }
    chain.allow(Rule::AsWhom, ids.to_string());
    Some(ids)
}

/// The client sends the lowest ones, as the kernel keeps them in their order.
fn told(mut ids: Ids, security: Security, chain: &mut Chain) -> Ids {
    if ids.groups.len() <= GROUPS || security != Security::Sys {
        chain.skip(Rule::Groups, "no groups get lost on the way");
        return ids;
    }
    ids.groups.sort_unstable();
    let lost = ids.groups.split_off(GROUPS).len();
    chain.allow(
        Rule::Groups,
        format!(
            "{lost} of the groups get lost on the way, which has room for {GROUPS}; manage-gids in \
             nfs.conf has the server look them up"
        ),
    );
    ids
}

/// A client sees what is mounted below an export if it was said, or if that is exported too.
pub(super) fn crosses(question: &Question, facts: &Facts, chain: &mut Chain) {
    let share = facts.intent.find(question.share.as_str());
    let rules = share.and_then(|it| it.nfs.as_ref());
    let (Some(share), Some(nfs)) = (share, rules) else {
        return;
    };
    // What was said of the client was said before.
    let rule = client(
        question.from.as_ref(),
        share,
        &nfs.clients,
        &mut Chain::default(),
    );
    match rule {
        Some(rule) if rule.options.crossmnt => {
            chain.allow(Rule::Mounted, "what is mounted below is exported too");
        }
        Some(rule) => chain.deny(
            Rule::Mounted,
            "what is mounted below is not exported with it",
            Remedy::ShowMounts(share.name.clone(), rule.client.clone()),
        ),
        None => chain.unknown(Rule::Mounted, "it hangs on the client"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_those_of_exports() {
        for (text, pattern, fits) in [
            ("pc1.example.com", "*.example.com", true),
            ("example.com", "*.example.com", false),
            ("a.b.example.com", "*.example.com", true),
            ("pc1", "pc?", true),
            ("pc12", "pc?", false),
            ("build7", "build[0-9]", true),
            ("buildx", "build[0-9]", false),
            ("build-", "build[0-9]", false),
            ("buildx", "build[axz]", true),
            ("b", "b[", false),
            ("", "*", true),
        ] {
            assert_eq!(is_like(text, pattern), fits, "{text} {pattern}");
        }
    }
}
