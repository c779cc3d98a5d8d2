//! smb.conf as smbd sees it: each share with what it has from `[global]`.

use crate::{
    import::Source,
    parsed::ParseError,
    smb_conf::{self, Param, list, options, options::Scope},
};

use super::MODULES;

/// An option, where it stands, and whether it is what `[global]` says for shares.
#[derive(Clone, Debug)]
pub(super) struct Said<'a> {
    pub(super) file: &'a str,
    pub(super) param: Param,
    pub(super) is_inherited: bool,
}

/// `[global]` or a share, with all that is said of it, the last of which holds.
#[derive(Clone, Debug)]
pub(super) struct Section<'a> {
    pub(super) name: String,
    pub(super) file: &'a str,
    pub(super) line: usize,
    pub(super) params: Vec<Said<'a>>,
}

/// All sections.
pub(super) struct View<'a> {
    pub(super) global: Section<'a>,
    pub(super) shares: Vec<Section<'a>>,
}

/// What was not understood, by file.
type Errors = Vec<(String, Vec<ParseError>)>;

pub(super) fn read<'a>(sources: &[Source<'a>]) -> (View<'a>, Errors) {
    let mut view = View {
        global: Section {
            name: "global".to_owned(),
            file: "",
            line: 0,
            params: Vec::new(),
        },
        shares: Vec::new(),
    };
    let mut errors = Vec::new();
    for source in sources {
        let parsed = smb_conf::parse(source.text);
        errors.push((source.path.to_owned(), parsed.errors));
        let (global, shares): (Vec<_>, Vec<_>) = parsed
            .items
            .into_iter()
            .partition(smb_conf::Section::is_global);
        let said = |param: Param| Said {
            file: source.path,
            param,
            is_inherited: false,
        };
        let global: Vec<Said<'_>> = global
            .into_iter()
            .flat_map(|it| it.params)
            .map(said)
            .collect();
        for section in shares {
            // A share has what was said for all until it came up; what is said later is for others.
            // What is for a module is looked up when it is needed.
            let is_before =
                |it: &&Said<'_>| it.param.line < section.line || it.param.name.contains(':');
            let earlier = view.global.params.iter();
            let heard = earlier.chain(global.iter().filter(is_before));
            let heard = heard.filter(|it| is_for_shares(&it.param.name));
            let heard: Vec<Said<'_>> = heard.cloned().map(inherited).collect();
            let own = section.params.into_iter().map(said);
            let is_it = |it: &Section<'_>| it.name.to_lowercase() == section.name.to_lowercase();
            match view.shares.iter_mut().find(|it| is_it(it)) {
                Some(known) => known.params.extend(own),
                None => view.shares.push(Section {
                    name: section.name,
                    file: source.path,
                    line: section.line,
                    params: heard.into_iter().chain(own).collect(),
                }),
            }
        }
        view.global.params.extend(global);
    }
    (view, errors)
}

fn is_for_shares(name: &str) -> bool {
    options::known(name).is_some_and(|it| it.scope == Scope::Share)
}

fn inherited(said: Said<'_>) -> Said<'_> {
    Said {
        is_inherited: true,
        ..said
    }
}

impl<'a> Section<'a> {
    /// What holds of an option, if it is said.
    pub(super) fn said(&self, name: &str) -> Option<&Said<'a>> {
        self.params.iter().rev().find(|it| it.param.name == name)
    }

    /// The value that is said.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.said(name).map(|it| it.param.value.as_str())
    }

    /// The words that are said.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        self.get(name).map(list).unwrap_or_default()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.params.iter().map(|it| it.param.name.as_str())
    }

    /// Whether the module is there that an option is for; of others yes.
    pub(super) fn has_module_of(&self, name: &str) -> bool {
        let module = MODULES.iter().find(|(prefix, _)| name.starts_with(prefix));
        match module {
            // It is asked for by the whole server.
            _ if name == "fruit:aapl" => true,
            Some((_, module)) => self.list("vfs objects").iter().any(|it| it == module),
            None => true,
        }
    }

    /// Whether the server has a list of hosts beside that of the share: both hold.
    pub(super) fn hosts_twice(&self, name: &str) -> bool {
        let of = |is_inherited| {
            let said = self.params.iter().filter(|it| it.param.name == name);
            said.filter(|it| it.is_inherited == is_inherited).count() > 0
        };
        matches!(name, "hosts allow" | "hosts deny") && of(true) && of(false)
    }

    /// Whether what is said in `[global]` is said to this share.
    pub(super) fn has_heard(&self, said: &Said<'_>) -> bool {
        let is_it = |it: &Said<'_>| (it.file, it.param.line) == (said.file, said.param.line);
        self.params.iter().any(|it| it.is_inherited && is_it(it))
    }
}
