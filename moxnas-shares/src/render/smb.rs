//! smb.conf(5).

use askama::Template;

use super::{ConfigSet, Places, RenderError, Service, add};
use crate::model::{Encryption, Intent, Share, Smb, SmbSettings};

#[derive(Template)]
#[template(path = "smb.conf", escape = "samba")]
struct View<'a> {
    settings: &'a SmbSettings,
    signing: &'static str,
    encrypt: Option<&'static str>,
    apple: bool,
    shares: Vec<ShareView<'a>>,
}

struct ShareView<'a> {
    share: &'a Share,
    smb: &'a Smb,
    encrypt: Option<&'static str>,
    objects: Objects,
}

/// Modules that smbd(8) puts between a share and its files, from the one that is asked first on.
struct Objects {
    audit: bool,
    shadow_copy: bool,
    recycle: bool,
    apple: bool,
}

impl Objects {
    fn any(&self) -> bool {
        let Objects {
            audit,
            shadow_copy,
            recycle,
            apple,
        } = self;
        *audit || *shadow_copy || *recycle || *apple
    }
}

pub(super) fn render(
    intent: &Intent,
    places: &Places,
    files: &mut ConfigSet,
) -> Result<(), RenderError> {
    let settings = &intent.settings.smb;
    let apple = settings.apple || intent.smb().any(|(_, it)| it.apple);
    let shares = intent.smb().map(|(share, smb)| ShareView {
        share,
        smb,
        encrypt: word(smb.encryption),
        objects: Objects {
            audit: smb.audit,
            shadow_copy: smb.previous_versions.is_some(),
            recycle: smb.recycle.is_some(),
            // A client learns once for all shares whether a server speaks the way of Macs.
            apple,
        },
    });
    let view = View {
        settings,
        signing: match settings.signing_required {
            true => "mandatory",
            false => "auto",
        },
        encrypt: word(settings.encryption),
        apple,
        shares: shares.collect(),
    };
    let entries = view.shares.len();
    add(
        files,
        (&places.samba, 0o644, Service::Samba),
        entries,
        &view,
    )
}

fn word(encryption: Encryption) -> Option<&'static str> {
    match encryption {
        Encryption::Default => None,
        Encryption::Desired => Some("desired"),
        Encryption::Required => Some("required"),
        Encryption::Off => Some("off"),
    }
}

/// What every share says. Written at once: it is what takes most of the time.
fn access(it: &Smb) -> &'static str {
    macro_rules! lines {
        ($read_only:literal, $guest:literal, $browseable:literal) => {
            concat!(
                "\tread only = ",
                $read_only,
                "\n\tguest ok = ",
                $guest,
                "\n\tbrowseable = ",
                $browseable
            )
        };
    }
    match (it.read_only, it.guest, it.browseable) {
        (false, false, false) => lines!("no", "no", "no"),
        (false, false, true) => lines!("no", "no", "yes"),
        (false, true, false) => lines!("no", "yes", "no"),
        (false, true, true) => lines!("no", "yes", "yes"),
        (true, false, false) => lines!("yes", "no", "no"),
        (true, false, true) => lines!("yes", "no", "yes"),
        (true, true, false) => lines!("yes", "yes", "no"),
        (true, true, true) => lines!("yes", "yes", "yes"),
    }
}

/// As Samba writes it.
fn yes_no(is_so: &bool) -> &'static str {
    match is_so {
        true => "yes",
        false => "no",
    }
}
