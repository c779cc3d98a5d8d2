//! What the model has of a section. What it cannot say stays as it is by default, and is found out
//! when both are compared.

use std::num::NonZeroU16;

use ipnet::{IpNet, Ipv4Net};
use moxnas_core::{folder::FolderPath, names::BadName, units::Bytes};

use super::{
    Why,
    view::{Section, View},
};
use crate::{
    model::{
        Encryption, GroupName, Line, Mode, PreviousVersions, Principal, Recycle, Share, Smb,
        SmbHost, SmbProtocol, SmbSettings, TimeMachine, UserName,
    },
    smb_conf::{boolean, group, list, octal, options, path, size, text},
};

/// The share of a section, if it is one.
pub(super) fn share(section: &Section<'_>) -> Result<Share, Why> {
    let is_yes = |name| section.get(name).and_then(boolean) == Some(true);
    if is_special(&section.name) || is_yes("printable") {
        return Err(Why::NotAShare);
    }
    if section.get("copy").is_some_and(|it| !it.is_empty()) {
        return Err(Why::Elsewhere);
    }
    let folder = folder(
        section
            .get("path")
            .filter(|it| !it.is_empty())
            .ok_or(Why::NoPath)?,
    )?;
    let mut share = Share::new(section.name.parse::<crate::model::ShareName>()?, folder);
    let comment = section.get("comment").map(|it| text(it).parse::<Line>());
    share.description = comment.and_then(Result::ok).unwrap_or_default();
    share.enabled = section.get("available").and_then(boolean) != Some(false);
    share.smb = Some(smb(section));
    Ok(share)
}

fn is_special(name: &str) -> bool {
    ["homes", "printers", "print$"].contains(&options::key(name).as_str())
}

/// A folder that can be told to Samba.
fn folder(value: &str) -> Result<FolderPath, Why> {
    let path = path(value);
    match path.contains(['%', '"']) || path.ends_with('\\') {
        true => Err(Why::Variable),
        false => Ok(path.parse()?),
    }
}

fn smb(section: &Section<'_>) -> Smb {
    let is = |name, usual| section.get(name).and_then(boolean).unwrap_or(usual);
    let people = |name| {
        section
            .get(name)
            .and_then(|it| principals(it).ok())
            .unwrap_or_default()
    };
    let machines = |name| {
        section
            .get(name)
            .and_then(|it| hosts(it).ok())
            .unwrap_or_default()
    };
    let own = |name| section.said(name).filter(|it| !it.is_inherited);
    let modules = section.list("vfs objects");
    let has = |module: &str| modules.iter().any(|it| it == module);
    let most = |name| section.get(name).and_then(size).filter(|it| *it > 0);
    Smb {
        read_only: is("read only", true),
        guest: is("guest ok", false),
        browseable: is("browseable", true),
        valid_users: people("valid users"),
        invalid_users: people("invalid users"),
        read_list: people("read list"),
        write_list: people("write list"),
        hosts_allow: machines("hosts allow"),
        hosts_deny: machines("hosts deny"),
        create_mask: section.get("create mask").and_then(mode),
        directory_mask: section.get("directory mask").and_then(mode),
        force_user: section
            .get("force user")
            .and_then(|it| text(it).parse::<UserName>().ok()),
        force_group: section
            .get("force group")
            .and_then(|it| text(it).parse::<GroupName>().ok()),
        // What the server says is what a share has that says nothing.
        encryption: own("smb encrypt")
            .map_or(Encryption::Default, |it| encryption(&it.param.value)),
        recycle: has("recycle").then(|| Recycle {
            keep_tree: is("recycle:keeptree", false),
            versions: is("recycle:versions", false),
            max_size: most("recycle:maxsize").map(Bytes),
        }),
        audit: has("full_audit"),
        previous_versions: match has("shadow_copy2") {
            true => previous_versions(section),
            false => None,
        },
        apple: ["catia", "fruit", "streams_xattr"].into_iter().all(has),
        time_machine: is("fruit:time machine", false).then(|| TimeMachine {
            max_size: most("fruit:time machine max size").map(Bytes),
        }),
        max_connections: section
            .get("max connections")
            .and_then(size)
            .and_then(|it| NonZeroU16::new(it.try_into().ok()?)),
    }
}

fn previous_versions(section: &Section<'_>) -> Option<PreviousVersions> {
    let at = |name| section.get(name).and_then(|it| folder(it).ok());
    Some(PreviousVersions {
        snapshots: at("shadow:snapdir")?,
        of: at("shadow:basedir")?,
    })
}

/// What holds for the server.
pub(super) fn settings(view: &View<'_>) -> SmbSettings {
    let usual = SmbSettings::default();
    let global = &view.global;
    let said = |name| global.get(name).map(text);
    let mut smb = view
        .shares
        .iter()
        .filter(|it| !is_special(&it.name))
        .peekable();
    let is_empty = smb.peek().is_none();
    let has_apple = smb.any(|it| it.list("vfs objects").iter().any(|it| it == "fruit"));
    SmbSettings {
        workgroup: said("workgroup")
            .and_then(|it| it.parse().ok())
            .unwrap_or(usual.workgroup),
        server_string: said("server string")
            .and_then(|it| it.parse().ok())
            .unwrap_or(usual.server_string),
        netbios_name: said("netbios name")
            .and_then(|it| it.parse().ok())
            .unwrap_or(usual.netbios_name),
        min_protocol: protocol(global.get("server min protocol").unwrap_or("SMB2_02")),
        signing_required: word("server signing", global.get("server signing")) == Some(1),
        encryption: global
            .get("smb encrypt")
            .map_or(Encryption::Default, encryption),
        guest_account: said("guest account")
            .and_then(|it| it.parse().ok())
            .unwrap_or(usual.guest_account),
        apple: global.get("fruit:aapl").and_then(boolean) == Some(true) && (has_apple || is_empty),
    }
}

/// Which of the words of an option that mean the same it is.
fn word(name: &str, value: Option<&str>) -> Option<usize> {
    match options::known(name)?.kind {
        options::Kind::Word(groups) => group(groups, value?),
        _ => None,
    }
}

fn encryption(value: &str) -> Encryption {
    match word("smb encrypt", Some(value)) {
        Some(1) => Encryption::Off,
        Some(2) => Encryption::Desired,
        Some(3) => Encryption::Required,
        _ => Encryption::Default,
    }
}

/// The oldest that is spoken here, if what is said is older.
fn protocol(value: &str) -> SmbProtocol {
    match word("server min protocol", Some(value)) {
        Some(0) => SmbProtocol::Smb3_11,
        Some(1 | 2) => SmbProtocol::Smb3,
        _ => SmbProtocol::Smb2_10,
    }
}

fn mode(value: &str) -> Option<Mode> {
    Mode::new(octal(value)?.try_into().ok()?)
}

fn principals(value: &str) -> Result<Vec<Principal>, BadName> {
    list(value).iter().map(|it| it.parse()).collect()
}

/// The machines of a list.
pub(super) fn hosts(value: &str) -> Result<Vec<SmbHost>, BadName> {
    let host = |it: &String| match beginning(it) {
        Some(net) => Ok(SmbHost::Network(net)),
        None => it.parse(),
    };
    list(value).iter().map(host).collect()
}

/// The network of the beginning of an address: `192.168.` is 192.168.0.0/16.
fn beginning(word: &str) -> Option<IpNet> {
    let numbers = word.strip_suffix('.')?.split('.');
    let numbers: Vec<u8> = numbers.map(|it| it.parse().ok()).collect::<Option<_>>()?;
    let bits = u8::try_from(numbers.len()).ok().filter(|it| *it < 4)? * 8;
    let mut address = [0; 4];
    address
        .iter_mut()
        .zip(&numbers)
        .for_each(|(to, from)| *to = *from);
    Ipv4Net::new(address.into(), bits).ok().map(IpNet::V4)
}

/// What a type says against a value, if that is why it was not taken.
pub(super) fn why_not(name: &str, value: &str) -> Option<Why> {
    let bad = match name {
        "valid users" | "invalid users" | "read list" | "write list" => principals(value).err(),
        "hosts allow" | "hosts deny" => hosts(value).err(),
        "comment" | "server string" => text(value).parse::<Line>().err(),
        "force user" | "guest account" => text(value).parse::<UserName>().err(),
        "force group" => text(value).parse::<GroupName>().err(),
        "workgroup" | "netbios name" => text(value).parse::<crate::model::NetbiosName>().err(),
        "shadow:snapdir" | "shadow:basedir" => return folder(value).err(),
        _ => None,
    };
    bad.map(Why::Bad)
}
