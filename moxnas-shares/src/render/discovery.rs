//! What makes the machine show up where people look for it: avahi.service(5) for Macs and Linux,
//! and the name that wsdd(8) tells Windows. wsdd2(8) asks Samba for it and needs no file.

use askama::Template;

use super::{ConfigSet, Places, RenderError, Service, add};
use crate::model::{Intent, NetbiosName, ShareName, SmbSettings};

#[derive(Template)]
#[template(path = "avahi.service", escape = "avahi")]
struct Avahi<'a> {
    name: &'a NetbiosName,
    smb: bool,
    backups: Vec<&'a ShareName>,
    nfs: bool,
    export: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "wsdd.service")]
struct Wsdd<'a> {
    settings: &'a SmbSettings,
}

/// Nothing at all where nothing is announced: a group without a service is none that avahi takes.
pub(super) fn render(
    intent: &Intent,
    places: &Places,
    files: &mut ConfigSet,
) -> Result<(), RenderError> {
    if !intent.is_announced() {
        return Ok(());
    }
    let settings = &intent.settings.smb;
    let backups = intent.smb().filter(|(_, smb)| smb.time_machine.is_some());
    let backups = backups.map(|(share, _)| &share.name);
    let exports: Vec<&str> = intent.nfs().map(|(share, _)| share.path.as_str()).collect();
    let view = Avahi {
        name: &settings.netbios_name,
        smb: intent.smb().next().is_some(),
        backups: backups.filter(|it| can_announce(it)).collect(),
        nfs: !exports.is_empty(),
        // All of one kind have one name, so that there is one place for a path.
        export: match exports.as_slice() {
            [only] if only.len() + "path=".len() <= TXT_LONGEST => Some(only),
            _ => None,
        },
    };
    add(files, (&places.avahi, 0o644, Service::Discovery), 1, &view)?;
    if view.smb {
        let view = Wsdd { settings };
        add(
            files,
            (&places.wsdd_unit, 0o644, Service::Discovery),
            1,
            &view,
        )?;
    }
    Ok(())
}

/// A string of a TXT record has a byte for its length, see RFC 1035.
const TXT_LONGEST: usize = 255;

/// Whether a share has a name that there is room for among those that Macs make backups to.
pub(crate) fn can_announce(share: &ShareName) -> bool {
    // Three digits are enough for as many as anybody has.
    let beside = "dk000=adVN=,adVF=0x82".len();
    share.as_str().len() + beside <= TXT_LONGEST
}
