//! What is read of an smb.conf is what testparm says of it.

use std::collections::{BTreeMap, BTreeSet};

use moxnas_shares::{
    import::{Format, Source, import},
    render::Places,
    smb_conf::{self, canonical_name, same},
};
use serde_json::Value;

use crate::{cases, corpus, read};

/// Cases there are. More are welcome, fewer are a corpus that is not whole.
const FLOOR: usize = 10;

/// What testparm says of every file, whatever is in it.
const ADDED: (&str, &str) = ("global", "idmap config *:backend");

/// What testparm says otherwise: file, section, option, and why.
const OTHERWISE: &[(&str, &str, &str, &str)] = &[
    (
        "augeas/samba_conf_0.smb.conf",
        "print$",
        "print command",
        "Samba passes over it, as a printer with CUPS has none",
    ),
    (
        "augeas/samba_conf_0.smb.conf",
        "print$",
        "printing",
        "CUPS is what holds there anyway, which the list of defaults does not say",
    ),
    (
        "augeas/samba_inline_1.smb.conf",
        "test",
        "available",
        "Samba switches off a share without a path",
    ),
    (
        "augeas/samba_inline_2.smb.conf",
        "test",
        "available",
        "Samba switches off a share without a path",
    ),
    (
        "augeas/samba_inline_2.smb.conf",
        "test",
        "idmap gid",
        "an option of old, which Samba writes as a range of `idmap config *`",
    ),
    (
        "augeas/samba_inline_2.smb.conf",
        "test",
        "idmap uid",
        "an option of old, which Samba writes as a range of `idmap config *`",
    ),
    (
        "samba/ctdb__tests__UNIT__eventscripts__etc__samba__smb.conf",
        "global",
        "auth methods",
        "Samba knows no such option any more, and passes over it",
    ),
    (
        "samba/examples__dce-dfs__smb.conf",
        "global",
        "log level",
        "testparm has a level of its own and never says that of the file",
    ),
    (
        "samba/testdata__samba3__smb.conf",
        "global",
        "log level",
        "testparm has a level of its own and never says that of the file",
    ),
    (
        "samba/testdata__samba3__smb_new.conf",
        "global",
        "client signing",
        "the words of this option are not known here: 1 is if_required",
    ),
];

type Values = BTreeMap<(String, String), String>;

fn values(text: &str) -> Values {
    let sections = smb_conf::parse(text).items.into_iter();
    let of = |it: smb_conf::Section| {
        let section = it.name.to_lowercase();
        let params = it.params.into_iter();
        params
            .map(move |it| ((section.clone(), it.name), it.value))
            .collect::<Vec<_>>()
    };
    sections.flat_map(of).collect()
}

#[test]
fn outside_smb_conf() {
    let Some(root) = corpus() else {
        return;
    };
    let params: Value = serde_json::from_str(&read(&root.join("samba/params_4.22.json"))).unwrap();
    let defaults: BTreeMap<String, &str> = params
        .as_object()
        .unwrap()
        .iter()
        // Of what says the opposite the default is the opposite too.
        .filter(|(_, it)| it["type"] != "boolean-rev")
        .filter_map(|(name, it)| Some((canonical_name(name), it["default"].as_str()?)))
        .collect();
    let cases = cases(&root, ".testparm.out");
    let (mut all, mut hold, mut whole) = (0, 0, 0);
    let mut wrong = Vec::new();
    let mut explained = Vec::new();
    for (case, path) in &cases {
        let (wanted, got) = (
            values(&read(&root.join(format!("{case}.testparm.out")))),
            values(&read(path)),
        );
        let mut is_whole = true;
        let keys: BTreeSet<_> = wanted.keys().chain(got.keys()).collect();
        for key in keys {
            let (section, name) = key;
            if (section.as_str(), name.as_str()) == ADDED {
                continue;
            }
            let default = defaults.get(name).copied().unwrap_or_default();
            let says = wanted.get(key).map_or(default, String::as_str);
            let reads = got.get(key).map_or(default, String::as_str);
            all += 1;
            if same(name, says, reads) {
                hold += 1;
                continue;
            }
            is_whole = false;
            let is_it =
                |it: &&(&str, &str, &str, &str)| (it.0, it.1, it.2) == (case, section, name);
            match OTHERWISE.iter().find(is_it) {
                Some(it) => explained.push(it),
                None => wrong.push(format!(
                    "{case} [{section}] {name}: {says:?}, read as {reads:?}"
                )),
            }
        }
        whole += usize::from(is_whole);
    }
    println!(
        "smb.conf: {whole} of {} hold, {hold} of {all} values",
        cases.len()
    );
    for (case, section, name, why) in &explained {
        println!("  not {case} [{section}] {name}: {why}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(
        explained.len(),
        OTHERWISE.len(),
        "the list is longer than it need be"
    );
    assert!(cases.len() >= FLOOR, "{} cases", cases.len());
}

/// Whatever others wrote is taken over or told.
#[test]
fn outside_smb_conf_is_taken_over() {
    let Some(root) = corpus() else {
        return;
    };
    for (case, path) in cases(&root, ".testparm.out") {
        let text = read(&path);
        let source = Source {
            path: &case,
            format: Format::SmbConf,
            text: &text,
        };
        let imported = import(&[source], &Places::default());
        let (shares, left) = (&imported.intent.shares, &imported.left);
        let names: BTreeSet<String> = shares.iter().map(|it| it.name.folded()).collect();
        let told = |it: &smb_conf::Section| {
            left.iter()
                .any(|left| left.section.as_ref() == Some(&it.name) && left.option.is_none())
        };
        let sections = smb_conf::parse(&text).items.into_iter();
        let sections: Vec<_> = sections.filter(|it| it.name != "global").collect();
        for it in &sections {
            let is_adopted = names.contains(&it.name.to_lowercase());
            assert!(is_adopted != told(it), "{case} [{}]: {left:#?}", it.name);
        }
        println!(
            "{case}: {} of {} shares, {} left",
            names.len(),
            sections.len(),
            left.len()
        );
    }
}
