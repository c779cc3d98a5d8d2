//! Shares, for people.

use moxnas_api::wire::shares::{
    ShareGenerationPage, SharePage, ShareProtocol, ShareStanding, ShareStatus,
};
use serde_json::Value;

use super::{jobs::at, lines};

pub(super) fn table(page: &SharePage) -> String {
    if page.items.is_empty() {
        return "nothing is shared".to_owned();
    }
    let mut table = super::table(&["NAME", "PATH", "POOL", "BY", "ENABLED", "STANDING"]);
    for it in &page.items {
        let protocols: Vec<&str> = it.protocols.iter().map(|it| protocol(*it)).collect();
        table.add_row([
            it.name.clone(),
            it.path.clone(),
            it.storage_pool.clone().unwrap_or_else(|| "-".to_owned()),
            protocols.join(","),
            yes(it.enabled).to_owned(),
            it.standing.map_or("-", standing).to_owned(),
        ]);
    }
    lines(&table)
}

/// The shares of a protocol. What matters differs.
pub(super) fn faces(protocol: &str, page: &Value) -> String {
    let items = page["items"].as_array().map_or(&[][..], Vec::as_slice);
    if items.is_empty() {
        return format!("{} offers nothing", protocol.to_uppercase());
    }
    let columns = match protocol {
        "smb" => ["NAME", "PATH", "WHO", "ACCESS", "ENABLED", "STANDING"],
        "nfs" => ["NAME", "PATH", "CLIENTS", "ACCESS", "ENABLED", "STANDING"],
        _ => ["NAME", "PATH", "USERS", "ACCESS", "ENABLED", "STANDING"],
    };
    let mut table = super::table(&columns);
    for it in items {
        let text = |key: &str| it[key].as_str().unwrap_or("-").to_owned();
        let (who, access) = match protocol {
            "smb" => smb(it),
            "nfs" => of(it, "clients", "client"),
            _ => of(it, "users", "user"),
        };
        table.add_row([
            text("name"),
            text("path"),
            who,
            access,
            yes(it["enabled"] == true).to_owned(),
            text("standing"),
        ]);
    }
    lines(&table)
}

fn smb(it: &Value) -> (String, String) {
    let names = it["valid_users"].as_array().into_iter().flatten();
    let names: Vec<&str> = names.filter_map(Value::as_str).collect();
    let who = match (it["guest_ok"] == true, names.is_empty()) {
        (true, _) => "anybody".to_owned(),
        (false, true) => "any user".to_owned(),
        (false, false) => names.join(","),
    };
    let access = match it["read_only"] == true {
        true => "read",
        false => "read, write",
    };
    (who, access.to_owned())
}

/// Machines or users, each of which may write or not.
fn of(it: &Value, list: &str, name: &str) -> (String, String) {
    let all: Vec<&Value> = it[list].as_array().into_iter().flatten().collect();
    let names: Vec<&str> = all.iter().filter_map(|it| it[name].as_str()).collect();
    let writers = all.iter().filter(|it| it["write"] == true).count();
    let access = match writers {
        0 => "read".to_owned(),
        count if count == all.len() => "read, write".to_owned(),
        count => format!("read, {count} of {} write", all.len()),
    };
    (names.join(","), access)
}

pub(super) fn status(it: &ShareStatus) -> String {
    let mut all = Vec::new();
    let mut daemons = super::table(&["SERVICE", "INSTALLED", "RUNNING"]);
    for it in &it.services {
        daemons.add_row([
            it.name.clone(),
            yes(it.installed).to_owned(),
            yes(it.running).to_owned(),
        ]);
    }
    all.push(lines(&daemons));
    if it.items.is_empty() {
        all.push("nothing is shared by SMB or NFS".to_owned());
        return all.join("\n\n");
    }
    let mut found = super::table(&["SERVICE", "NAME", "STANDING"]);
    for it in &it.items {
        found.add_row([
            it.service.clone(),
            it.name.clone(),
            standing(it.standing).to_owned(),
        ]);
    }
    all.push(lines(&found));
    for it in it.items.iter().filter(|it| !it.diff.is_empty()) {
        let diff = it.diff.iter().map(|it| format!("  {it}"));
        let diff: Vec<String> = diff.collect();
        all.push(format!(
            "{} {}: - is there, + should be\n{}",
            it.service,
            it.name,
            diff.join("\n")
        ));
    }
    all.join("\n\n")
}

pub(super) fn generations(page: &ShareGenerationPage) -> String {
    if page.items.is_empty() {
        return "nothing was changed yet".to_owned();
    }
    let mut table = super::table(&["NUMBER", "AT", "BY", "OPERATION", "SHARES BEFORE"]);
    for it in &page.items {
        table.add_row([
            it.number.to_string(),
            at(it.at),
            it.by.clone(),
            it.operation.clone(),
            it.shares_before.to_string(),
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

fn protocol(it: ShareProtocol) -> &'static str {
    match it {
        ShareProtocol::Smb => "smb",
        ShareProtocol::Nfs => "nfs",
        ShareProtocol::Ftp => "ftp",
        ShareProtocol::Sftp => "sftp",
    }
}

fn standing(it: ShareStanding) -> &'static str {
    match it {
        ShareStanding::Managed => "managed",
        ShareStanding::Drifted => "drifted",
        ShareStanding::Foreign => "foreign",
    }
}
