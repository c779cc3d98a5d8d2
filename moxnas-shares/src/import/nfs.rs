//! exports(5) to shares that NFS offers.

use moxnas_core::folder::FolderPath;

use super::{Imported, Left, Source, Why, rendered};
use crate::{
    exports::{self, Client, Effect, Export},
    model::{
        Access, ClientOptions, Fsid, Nfs, NfsClient, NfsRule, Security, Share, ShareName, Squash,
    },
    render::Places,
    smb_conf,
};

/// What keeps somebody out, or offers something else than the folder.
const LIMITS: [&str; 13] = [
    "ro",
    "root_squash",
    "all_squash",
    "sec",
    "insecure",
    "xprtsec",
    "mountpoint",
    "refer",
    "replicas",
    "fsloc",
    "squash_uids",
    "squash_gids",
    "subtree_check",
];

/// What is never written.
const UNWRITTEN: [&str; 7] = [
    "wdelay",
    "nohide",
    "auth_nlm",
    "acl",
    "pnfs",
    "nordirplus",
    "security_label",
];

/// An export, all lines of its path taken together, and where each client stands.
struct Offer<'a> {
    path: String,
    clients: Vec<(&'a str, Client)>,
}

pub(super) fn import(sources: &[Source<'_>], places: &Places, imported: &mut Imported) {
    let mut offers: Vec<Offer<'_>> = Vec::new();
    for source in sources {
        let parsed = exports::parse(source.text);
        imported.unread(source.path, parsed.errors);
        for export in parsed.items {
            add(&mut offers, export, source.path);
        }
    }
    for offer in offers {
        adopt(&offer, places, imported);
    }
}

fn add<'a>(offers: &mut Vec<Offer<'a>>, export: Export, file: &'a str) {
    let path = smb_conf::path(&export.path);
    let clients = export.clients.into_iter().map(|it| (file, it));
    match offers.iter_mut().find(|it| it.path == path) {
        Some(offer) => offer.clients.extend(clients),
        None => offers.push(Offer {
            path,
            clients: clients.collect(),
        }),
    }
}

/// All clients of an export or none: who is left out would be a case for what is said of a wider
/// network.
fn adopt(offer: &Offer<'_>, places: &Places, imported: &mut Imported) {
    let before = imported.left.len();
    let mut nfs = Nfs::default();
    let mut is_whole = true;
    for (file, client) in &offer.clients {
        let effect = client.effect();
        let left = |why| left(offer, file, client, None, why);
        let problem = match named(client).parse::<NfsClient>() {
            Err(bad) => Some(bad.into()),
            Ok(_) if !effect.refused.is_empty() => Some(Why::Refused),
            Ok(it) if nfs.clients.iter().any(|rule| rule.client == it) => {
                // exportfs takes the first and complains.
                imported.left.push(left(Why::Twice));
                continue;
            }
            Ok(it) => {
                nfs.fsid = nfs
                    .fsid
                    .or_else(|| effect.get("fsid")?.parse::<Fsid>().ok());
                nfs.clients.push(NfsRule {
                    client: it,
                    options: options(&effect),
                });
                None
            }
        };
        if let Some(why) = problem {
            imported.left.push(left(why));
            is_whole = false;
        }
    }
    let problem = match is_whole {
        true => share(offer, nfs, places, imported),
        false => Err(Why::WouldBeOpen),
    };
    if let Err(why) = problem {
        imported.left.push(Left {
            option: None,
            value: offer.path.clone(),
            line: offer.clients.first().map(|(_, it)| it.line),
            file: offer
                .clients
                .first()
                .map_or("", |(file, _)| file)
                .to_owned(),
            section: Some(offer.path.clone()),
            why,
        });
    }
    // What is there for a reason stands behind it, by line.
    imported.left[before..].sort_by_key(|it| it.line);
}

/// The share with its export, if what it comes to is what was there.
fn share(offer: &Offer<'_>, nfs: Nfs, places: &Places, imported: &mut Imported) -> Result<(), Why> {
    let path: FolderPath = offer.path.parse().map_err(Why::Bad)?;
    let is_there = |it: &Share| it.enabled && it.nfs.is_none() && it.path == path;
    let name = match imported.intent.shares.iter().find(|it| is_there(it)) {
        Some(share) => share.name.clone(),
        None => name(&path, imported)?,
    };
    let mut alone = Share::new(name, path.clone());
    alone.nfs = Some(nfs.clone());
    let mut intent = imported.intent.clone();
    intent.shares = vec![alone.clone()];
    let text = rendered(&intent, places, &places.exports).ok_or(Why::NotWritten)?;
    let ours = exports::parse(&text).items.pop().ok_or(Why::NotWritten)?;
    let mut known: Vec<String> = Vec::new();
    let mut differences = Vec::new();
    let mut would_be_open = false;
    for (file, client) in &offer.clients {
        if known.contains(&named(client)) {
            continue;
        }
        let Some(ours) = ours.clients.get(known.len()) else {
            return Err(Why::NotWritten);
        };
        known.push(named(client));
        let (theirs, ours) = (client.effect(), ours.effect());
        for option in names(&theirs, &ours) {
            if theirs.get(option) == ours.get(option) {
                continue;
            }
            let why = match ours.get(option) {
                Some(it) if !UNWRITTEN.contains(&option) => Why::Otherwise(it.to_owned()),
                _ => Why::NoSetting,
            };
            would_be_open |= LIMITS.contains(&option);
            let value = theirs.get(option).unwrap_or_default();
            differences.push(left(offer, file, client, Some((option, value)), why));
        }
    }
    imported.left.extend(differences);
    if would_be_open {
        return Err(Why::WouldBeOpen);
    }
    match imported.intent.shares.iter_mut().find(|it| is_there(it)) {
        Some(share) => share.nfs = Some(nfs),
        None => imported.intent.shares.push(alone),
    }
    Ok(())
}

fn names(theirs: &Effect, ours: &Effect) -> Vec<&'static str> {
    let mut names: Vec<&str> = theirs
        .iter()
        .chain(ours.iter())
        .map(|(name, _)| name)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Whom a client is. Nobody named is everybody.
fn named(client: &Client) -> String {
    match client.client.as_str() {
        "" => "*".to_owned(),
        name => name.to_owned(),
    }
}

fn options(effect: &Effect) -> ClientOptions {
    let id = |name: &str| {
        let id = effect.get(name).filter(|it| *it != "65534");
        id.and_then(|it| it.parse().ok())
    };
    let sec = effect.get("sec").unwrap_or_default().split(':');
    let flavour = |word: &str| Security::ALL.into_iter().find(|it| it.word() == word);
    let sec: Vec<Security> = sec.filter_map(flavour).collect();
    ClientOptions {
        access: match effect.holds("ro") {
            true => Access::ReadOnly,
            false => Access::ReadWrite,
        },
        squash: match (effect.holds("all_squash"), effect.holds("root_squash")) {
            (true, _) => Squash::All,
            (false, true) => Squash::Root,
            (false, false) => Squash::None,
        },
        anonuid: id("anonuid"),
        anongid: id("anongid"),
        sec: match sec.as_slice() {
            [Security::Sys] => Vec::new(),
            _ => sec,
        },
        subtree_check: effect.holds("subtree_check"),
        asynchronous: effect.holds("async"),
        insecure_ports: effect.holds("insecure"),
        crossmnt: effect.holds("crossmnt"),
    }
}

/// A name for what had none: that of the folder, or that with the one above.
fn name(path: &FolderPath, imported: &Imported) -> Result<ShareName, Why> {
    let mut parts = path.as_str().rsplit('/');
    let (last, above) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let names = [last.to_owned(), format!("{above}-{last}")];
    let mut why = Why::Twice;
    for it in names {
        match it.parse::<ShareName>() {
            Ok(name) if imported.intent.find(name.as_str()).is_none() => return Ok(name),
            Ok(_) => (),
            Err(bad) => why = bad.into(),
        }
    }
    Err(why)
}

fn left(
    offer: &Offer<'_>,
    file: &str,
    client: &Client,
    said: Option<(&str, &str)>,
    why: Why,
) -> Left {
    Left {
        file: file.to_owned(),
        line: Some(client.line),
        section: Some(offer.path.clone()),
        option: said.map(|(option, _)| option.to_owned()),
        value: match said {
            Some((_, value)) => format!("{}: {value}", named(client)),
            None => named(client),
        },
        why,
    }
}
