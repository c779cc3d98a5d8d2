//! What smbd(8) makes of whoever comes, in its order: `make_connection_snum` and `check_user_ok` of
//! `source3/smbd`, and smb.conf(5).

use super::{
    Facts, Ids, Machine, Protocol, Question, Remedy, Rule, Who,
    answer::Chain,
    explain::{Session, Sight, offered},
};
use crate::{
    accounts::model::{Accounts, Standing},
    model::{Principal, Share, Smb, SmbHost, UserName},
};

pub(super) fn session(
    question: &Question,
    share: &Share,
    facts: &Facts,
    chain: &mut Chain,
) -> Option<Session> {
    let smb = offered(share, Protocol::Smb, share.smb.as_ref(), chain)?;
    hosts(question.from.as_ref(), share, smb, chain);
    let visitor = visitor(question, share, smb, facts, chain)?;
    let door = Door {
        share,
        smb,
        facts,
        visitor: &visitor,
    };
    door.lists(chain);
    door.writes(question, chain);
    let ids = door.as_whom(chain)?;
    Some(Session {
        ids,
        is_nameless: question.who == Who::Guest && smb.force_user.is_none(),
        sight: Sight::FromTheTop,
    })
}

/// Whether a machine is in a list of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Yes,
    No,
    Unknown,
}

fn find(list: &[SmbHost], machine: &Machine) -> Found {
    let mut found = Found::No;
    for host in list {
        let is_it = match host {
            SmbHost::Anyone => true,
            SmbHost::Address(it) => *it == machine.address,
            SmbHost::Network(it) => it.contains(&machine.address),
            SmbHost::Netgroup(_) => {
                found = Found::Unknown;
                false
            }
            SmbHost::Name(pattern) => match &machine.name {
                None => {
                    found = Found::Unknown;
                    false
                }
                Some(name) => {
                    let (name, pattern) = (name.to_lowercase(), pattern.as_str().to_lowercase());
                    match pattern.starts_with('.') {
                        true => name.ends_with(&pattern),
                        false => name == pattern,
                    }
                }
            },
        };
        if is_it {
            return Found::Yes;
        }
    }
    found
}

/// As `allow_access` of `lib/socket/access.c`: what both lists name is allowed, what neither names
/// is if there is a list of those who are not. The machine itself is, unless it is named.
fn hosts(from: Option<&Machine>, share: &Share, smb: &Smb, chain: &mut Chain) {
    let (allow, deny) = (&smb.hosts_allow, &smb.hosts_deny);
    if allow.is_empty() && deny.is_empty() {
        chain.skip(Rule::Hosts, "from every machine");
        return;
    }
    let Some(machine) = from else {
        chain.unknown(
            Rule::Hosts,
            "it hangs on the machine that somebody comes from",
        );
        return;
    };
    let is_itself = machine.address.is_ipv4() && machine.address.to_string() == "127.0.0.1"
        || machine.address.is_ipv6() && machine.address.is_loopback();
    let (is_allowed, is_denied) = (find(allow, machine), find(deny, machine));
    let verdict = match (is_allowed, is_denied) {
        (Found::Yes, _) => Found::Yes,
        (Found::Unknown, _) => Found::Unknown,
        (Found::No, Found::Yes) => Found::No,
        (Found::No, Found::Unknown) => Found::Unknown,
        (Found::No, Found::No) if deny.is_empty() && !is_itself => Found::No,
        (Found::No, Found::No) => Found::Yes,
    };
    let address = machine.address;
    match verdict {
        Found::Yes => chain.allow(Rule::Hosts, format!("{address} may come")),
        Found::Unknown => chain.unknown(
            Rule::Hosts,
            format!("which names and netgroups {address} has was not asked"),
        ),
        Found::No => chain.deny(
            Rule::Hosts,
            format!("{address} is not let in by hosts allow and hosts deny"),
            Remedy::AllowHost(share.name.clone(), Protocol::Smb, address),
        ),
    }
}

/// Whoever is at the door: with the name that lists are searched for.
struct Visitor {
    name: UserName,
    is_guest: bool,
}

/// Who does not prove who they are is refused; whom Samba does not know is a guest (`map to
/// guest`).
fn visitor(
    question: &Question,
    share: &Share,
    smb: &Smb,
    facts: &Facts,
    chain: &mut Chain,
) -> Option<Visitor> {
    let name = match &question.who {
        Who::Guest => None,
        Who::User(name) => Some(name),
        Who::Ids(_) => {
            chain.deny(Rule::Account, "nobody says by number who they are", None);
            return None;
        }
    };
    if name.is_some_and(|it| !it.is_local()) {
        chain.unknown(Rule::Account, "users of domains are not known here");
        return None;
    }
    let user = name.and_then(|it| facts.accounts.user(it.as_str()));
    match user.map(|it| (it, it.samba_standing())) {
        Some((user, Some(standing))) => {
            match standing {
                Standing::Enabled => chain.allow(Rule::Account, "Samba lets the account in"),
                Standing::Disabled | Standing::Mixed => chain.deny(
                    Rule::Account,
                    format!("the account is {standing}"),
                    Remedy::EnableAccount(user.name.clone()),
                ),
            }
            chain.skip(Rule::Guests, "somebody who logs in");
            return Some(Visitor {
                name: user.name.clone(),
                is_guest: false,
            });
        }
        Some((_, None)) => chain.skip(Rule::Account, "Samba does not know them: a guest"),
        None => chain.skip(Rule::Account, "a guest"),
    }
    let remedy = match user {
        Some(user) => Remedy::AddToSamba(user.name.clone()),
        None => Remedy::LetGuestsIn(share.name.clone()),
    };
    match smb.guest {
        true => chain.allow(Rule::Guests, "guests are let in"),
        false => chain.deny(Rule::Guests, "no guests are let in", remedy),
    }
    Some(Visitor {
        name: facts.intent.settings.smb.guest_account.clone(),
        is_guest: true,
    })
}

/// A share, and whoever stands before it.
struct Door<'a> {
    share: &'a Share,
    smb: &'a Smb,
    facts: &'a Facts,
    visitor: &'a Visitor,
}

impl Door<'_> {
    /// Those of a list that name the visitor, or a group that has them; `None`: who is in a group
    /// is not known, and nothing else names them.
    fn found<'a>(&self, list: &'a [Principal]) -> Option<Vec<&'a Principal>> {
        let accounts = &self.facts.accounts;
        let mut is_known = true;
        let mut is_it = |who: &Principal| match who {
            Principal::User(name) => same(name, &self.visitor.name),
            Principal::Group(group) => match accounts.group(group.as_str()) {
                Some(it) => is_member(accounts, &self.visitor.name, it.gid),
                None => {
                    is_known &= !group.as_str().contains('\\');
                    false
                }
            },
        };
        let found: Vec<_> = list.iter().filter(|it| is_it(it)).collect();
        (is_known || !found.is_empty()).then_some(found)
    }

    fn lists(&self, chain: &mut Chain) {
        let (smb, name) = (self.smb, &self.visitor.name);
        match self.found(&smb.invalid_users).as_deref() {
            None => chain.unknown(Rule::InvalidUsers, IN_DOMAIN),
            Some([]) => chain.skip(Rule::InvalidUsers, format!("{name} is not in it")),
            Some(who) => chain.deny(
                Rule::InvalidUsers,
                format!("{name} is in it"),
                Remedy::RemoveInvalid(
                    self.share.name.clone(),
                    who.iter().copied().cloned().collect(),
                ),
            ),
        }
        if smb.valid_users.is_empty() {
            let who = if self.visitor.is_guest {
                "whoever comes"
            } else {
                "everybody with an account"
            };
            chain.skip(Rule::ValidUsers, who);
            return;
        }
        match self.found(&smb.valid_users).as_deref() {
            None => chain.unknown(Rule::ValidUsers, IN_DOMAIN),
            Some([]) => chain.deny(
                Rule::ValidUsers,
                format!("{name} is not in it"),
                Remedy::AddValid(self.share.name.clone(), name.clone()),
            ),
            Some([who, ..]) => chain.allow(Rule::ValidUsers, format!("{who} is in it")),
        }
    }

    /// The write list counts for more than the read list, and that for more than the share.
    fn writes(&self, question: &Question, chain: &mut Chain) {
        if !question.wish.changes() {
            chain.skip(Rule::ReadOnly, "nothing is to be changed");
            return;
        }
        let name = &self.visitor.name;
        let (writers, readers) = (
            self.found(&self.smb.write_list),
            self.found(&self.smb.read_list),
        );
        let (writers, readers) = match (writers, readers) {
            (Some(writers), _) if !writers.is_empty() => (true, false),
            (None, _) | (_, None) => {
                chain.unknown(Rule::ReadOnly, IN_DOMAIN);
                return;
            }
            (Some(_), Some(readers)) => (false, !readers.is_empty()),
        };
        let remedy = || Remedy::AddWriter(self.share.name.clone(), name.clone());
        match (writers, readers, self.smb.read_only) {
            (true, ..) => chain.allow(Rule::ReadOnly, format!("{name} is in the write list")),
            (false, true, _) => chain.deny(
                Rule::ReadOnly,
                format!("{name} is in the read list, and not in the write list"),
                remedy(),
            ),
            (false, false, true) => chain.deny(
                Rule::ReadOnly,
                format!("the share is read only, and {name} is not in the write list"),
                remedy(),
            ),
            (false, false, false) => chain.allow(Rule::ReadOnly, "the share is not read only"),
        }
    }

    fn as_whom(&self, chain: &mut Chain) -> Option<Ids> {
        let accounts = &self.facts.accounts;
        let (forced, group) = (&self.smb.force_user, &self.smb.force_group);
        let name = forced.as_ref().unwrap_or(&self.visitor.name);
        let is_foreign =
            !name.is_local() || group.as_ref().is_some_and(|it| it.as_str().contains('\\'));
        let gid = match group {
            None => Some(None),
            Some(it) => accounts.group(it.as_str()).map(|it| Some(it.gid)),
        };
        let (Some(mut ids), Some(gid)) = (Ids::of(accounts, name), gid) else {
            let is_forced = forced.is_some() || group.is_some();
            match is_forced && !is_foreign {
                true => chain.deny(
                    Rule::AsWhom,
                    "a user or group is forced that is not there",
                    Remedy::ForceNobody(self.share.name.clone()),
                ),
                false => {
                    chain.unknown(Rule::AsWhom, format!("the numbers of {name} are not known"))
                }
            }
            return None;
        };
        if let Some(gid) = gid {
            ids.groups.push(ids.gid);
            ids.gid = gid;
        }
        let how = match (forced, group) {
            (None, None) => String::new(),
            (Some(user), None) => format!(", as {user} is forced"),
            (None, Some(group)) => format!(", as {group} is forced"),
            (Some(user), Some(group)) => format!(", as {user} and {group} are forced"),
        };
        chain.allow(Rule::AsWhom, format!("{ids}{how}"));
        Some(ids)
    }
}

const IN_DOMAIN: &str = "who is in a group of a domain is not known here";

/// Samba does not tell upper case from lower case.
fn same(one: &UserName, other: &UserName) -> bool {
    one.as_str().eq_ignore_ascii_case(other.as_str())
}

fn is_member(accounts: &Accounts, name: &UserName, gid: u32) -> bool {
    Ids::of(accounts, name).is_some_and(|it| it.has_group(gid))
}
