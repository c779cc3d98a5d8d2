//! exports(5) and nfs.conf(5).

use askama::Template;

use super::{ConfigSet, Places, RenderError, Service, add};
use crate::model::{
    Access, ClientOptions, Fsid, Intent, Nfs, NfsClient, NfsSettings, NfsVersion, Security, Share,
    Squash,
};

#[derive(Template)]
#[template(path = "exports", escape = "exports")]
struct Exports<'a> {
    exports: Vec<Export<'a>>,
}

struct Export<'a> {
    share: &'a Share,
    fsid: Option<&'a Fsid>,
    rules: Vec<Rule<'a>>,
}

struct Rule<'a> {
    client: &'a NfsClient,
    options: &'a ClientOptions,
    access: &'static str,
    squash: &'static str,
    subtree: &'static str,
    sec: String,
}

#[derive(Template)]
#[template(path = "nfs.conf")]
struct Conf<'a> {
    settings: &'a NfsSettings,
    v3: &'static str,
    v4: &'static str,
}

pub(super) fn render(
    intent: &Intent,
    places: &Places,
    files: &mut ConfigSet,
) -> Result<(), RenderError> {
    // What nobody is offered is no line: exports(5) would take a path alone for an offer to everybody.
    let offered = intent.nfs().filter(|(_, nfs)| !nfs.clients.is_empty());
    let view = Exports {
        exports: offered.map(|(share, nfs)| export(share, nfs)).collect(),
    };
    let entries = view.exports.len();
    add(
        files,
        (&places.exports, 0o644, Service::Nfs),
        entries,
        &view,
    )?;
    let settings = &intent.settings.nfs;
    let speaks = |it| match settings.versions.contains(&it) {
        true => "y",
        false => "n",
    };
    let view = Conf {
        settings,
        v3: speaks(NfsVersion::V3),
        v4: speaks(NfsVersion::V4),
    };
    add(
        files,
        (&places.nfs_settings, 0o644, Service::Nfs),
        entries,
        &view,
    )
}

fn export<'a>(share: &'a Share, nfs: &'a Nfs) -> Export<'a> {
    let rules = nfs.clients.iter();
    Export {
        share,
        fsid: nfs.fsid.as_ref(),
        rules: rules.map(|it| rule(&it.client, &it.options)).collect(),
    }
}

fn rule<'a>(client: &'a NfsClient, options: &'a ClientOptions) -> Rule<'a> {
    let sec: Vec<&str> = options.sec.iter().copied().map(Security::word).collect();
    Rule {
        client,
        options,
        access: match options.access {
            Access::ReadOnly => "ro",
            Access::ReadWrite => "rw",
        },
        squash: match options.squash {
            Squash::Root => "root_squash",
            Squash::All => "all_squash",
            Squash::None => "no_root_squash",
        },
        subtree: match options.subtree_check {
            true => "subtree_check",
            false => "no_subtree_check",
        },
        sec: sec.join(":"),
    }
}
