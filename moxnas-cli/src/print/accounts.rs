//! Users and groups of the machine, for people.

use moxnas_api::wire::accounts::{Account, AccountPage, AccountPassword, AccountStanding, Group};

use super::lines;

pub(super) fn table(page: &AccountPage) -> String {
    if page.items.is_empty() {
        return "there are no users but those of the system".to_owned();
    }
    let mut table = super::table(&[
        "NAME",
        "UID",
        "FULL NAME",
        "LET IN",
        "PASSWORD",
        "SAMBA",
        "GROUPS",
        "MANAGED",
    ]);
    for it in &page.items {
        table.add_row([
            it.name.clone(),
            it.uid.to_string(),
            it.full_name.clone(),
            standing(it.standing).to_owned(),
            password(it.password).to_owned(),
            yes(it.samba).to_owned(),
            it.groups.join(","),
            yes(it.managed).to_owned(),
        ]);
    }
    lines(&table)
}

pub(super) fn sheet(it: &Account) -> String {
    let facts = [
        ("name", it.name.clone()),
        ("number", format!("{} (group {})", it.uid, it.gid)),
        ("full name", it.full_name.clone()),
        ("let in", standing(it.standing).to_owned()),
        ("password", password(it.password).to_owned()),
        ("change it", yes(it.must_change).to_owned()),
        (
            "until",
            it.expires.clone().unwrap_or_else(|| "always".to_owned()),
        ),
        ("samba", yes(it.samba).to_owned()),
        ("groups", it.groups.join(", ")),
        ("home", it.home.clone()),
        ("shell", it.shell.clone()),
        ("managed", yes(it.managed).to_owned()),
    ];
    let keys = it.ssh_keys.iter().map(|it| ("ssh key", it.clone()));
    let all: Vec<String> = facts
        .into_iter()
        .chain(keys)
        .map(|(key, value)| format!("{key:<12}{value}"))
        .collect();
    all.join("\n")
}

pub(super) fn groups(all: &[Group]) -> String {
    if all.is_empty() {
        return "there are no groups but those of the system".to_owned();
    }
    let mut table = super::table(&["NAME", "GID", "MEMBERS", "MANAGED"]);
    for it in all {
        table.add_row([
            it.name.clone(),
            it.gid.to_string(),
            it.members.join(","),
            yes(it.managed).to_owned(),
        ]);
    }
    lines(&table)
}

fn yes(it: bool) -> &'static str {
    match it {
        true => "yes",
        false => "no",
    }
}

fn standing(it: AccountStanding) -> &'static str {
    match it {
        AccountStanding::Enabled => "yes",
        AccountStanding::Disabled => "no",
        AccountStanding::Mixed => "in part",
    }
}

fn password(it: AccountPassword) -> &'static str {
    match it {
        AccountPassword::Set => "set",
        AccountPassword::Locked => "locked",
        AccountPassword::Unset => "none fits",
        AccountPassword::Open => "none needed",
    }
}
