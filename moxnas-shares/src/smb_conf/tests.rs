//! What smb.conf(5) means.

#![expect(clippy::indexing_slicing, reason = "what fails here is a test")]

use super::*;

fn params(text: &str) -> Vec<(String, String)> {
    let parsed = parse(text);
    let all = parsed.items.into_iter().flat_map(|it| it.params);
    all.map(|it| (it.name, it.value)).collect()
}

/// What testparm 4.17 made of the same lines.
#[test]
fn lines_are_read_as_samba_does() {
    for (text, name, value) in [
        (
            "server   string =   a    b \t c  \\\n     d",
            "server string",
            "a b c d",
        ),
        (
            "comment = x # no comment ; here",
            "comment",
            "x # no comment ; here",
        ),
        ("a = b \\ \r\n c\r\n", "a", "b c"),
        ("a = b\\\n", "a", "b"),
        ("a = b\\", "a", "b\\"),
        ("a = b\\\n# c", "a", "b# c"),
        ("a = b = c", "a", "b = c"),
        ("a =", "a", ""),
        ("Server  MinProtocol = SMB2", "server min protocol", "SMB2"),
        ("READONLY = yes", "read only", "yes"),
        ("writeable = True", "read only", "no"),
        ("write ok = 0", "read only", "yes"),
        ("Public = yes", "guest ok", "yes"),
        ("create mode = 700", "create mask", "700"),
        ("FRUIT : Time  Machine = yes", "fruit:time machine", "yes"),
        (
            "idmap config CORP : backend  = ad",
            "idmap config corp:backend",
            "ad",
        ),
        ("server smb encrypt = off", "smb encrypt", "off"),
    ] {
        let params = params(text);
        assert_eq!(params, [(name.to_owned(), value.to_owned())], "{text:?}");
    }
    assert_eq!(params("# a = b\n ; a = b\n\n \\\n"), []);
}

#[test]
fn sections_of_one_name_are_one() {
    let parsed = parse(
        "workgroup = a\n[Photos] junk\npath=/x\n[ photos ]\n[glo bals]\nworkgroup = b\n[photos]\npath=/y\n[hom es]",
    );
    assert_eq!(parsed.errors, []);
    let names: Vec<&str> = parsed.items.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["global", "Photos", " photos ", "hom es"]);
    let [global, photos, ..] = parsed.items.as_slice() else {
        panic!("there are more than two")
    };
    assert!(global.is_global() && !photos.is_global());
    assert_eq!(global.get("workgroup"), Some("b"));
    assert_eq!((photos.line, photos.get("path")), (2, Some("/y")));
    assert_eq!(photos.params.len(), 2);
    assert_eq!(photos.param("path").map(|it| it.line), Some(8));
}

#[test]
fn a_damaged_line_does_not_hide_the_others() {
    let parsed = parse("[a]\npath /x\n = y\nwriteable = maybe\n[b\ncomment = c");
    let reasons: Vec<_> = parsed
        .errors
        .iter()
        .map(|it| (it.line, it.reason))
        .collect();
    assert_eq!(
        reasons,
        [
            (2, Reason::NoEquals),
            (3, Reason::NoName),
            (4, Reason::NotABoolean),
            (5, Reason::NotClosed),
        ]
    );
    assert_eq!(parsed.items[0].get("comment"), Some("c"));
}

#[test]
fn values_mean_the_same_in_many_ways() {
    for (name, one, other) in [
        ("read only", "Yes", "1"),
        ("create mask", "0700", "700"),
        ("max connections", "1K", "1024"),
        ("valid users", "a, \"b c\";d", "a \"b c\" d"),
        ("hosts allow", "@\"x y\"", "\"@x y\""),
        ("path", "/srv//x/", "\"/srv/x\""),
        ("server min protocol", "SMB3", "smb3_11"),
        ("server signing", "mandatory", "required"),
        ("map to guest", "Bad User", "baduser"),
        ("security", "USER", "auto"),
        ("smb encrypt", "if_required", "default"),
        ("anything else", "no", "False"),
    ] {
        assert!(same(name, one, other), "{name}: {one} {other}");
    }
    for (name, one, other) in [
        ("read only", "yes", "no"),
        ("read only", "maybe", "perhaps"),
        ("valid users", "a b", "b a"),
        ("server min protocol", "SMB3", "SMB3_00"),
        ("smb encrypt", "desired", "default"),
        ("comment", "a", "A"),
        ("anything else", "a", "b"),
    ] {
        assert!(!same(name, one, other), "{name}: {one} {other}");
    }
    assert_eq!(size("2G"), Some(2 << 30));
    assert_eq!(size("16777216T"), None);
    assert_eq!(
        (octal("8"), octal(""), octal("0770")),
        (None, None, Some(0o770))
    );
}

#[test]
fn names_stand_once_among_the_options() {
    let mut names: Vec<String> = options::KNOWN
        .iter()
        .map(|it| options::key(it.name))
        .collect();
    names.extend(options::SYNONYMS.iter().map(|(it, ..)| options::key(it)));
    names.sort();
    let twice: Vec<_> = names.windows(2).filter(|it| it[0] == it[1]).collect();
    assert!(twice.is_empty(), "{twice:?}");
    for it in options::KNOWN {
        if let Some(default) = it.default {
            assert!(same(it.name, default, default));
        }
        assert_eq!(it.name, it.name.to_lowercase());
    }
}

/// Options of which the outside list tells in prose what holds: nothing, or nobody.
const IN_PROSE: &[&str] = &[
    "comment",
    "guest account",
    "hide files",
    "hosts allow",
    "hosts deny",
    "invalid users",
    "valid users",
    "veto files",
    "veto oplock files",
];

/// What is taken to hold where nothing is said does hold by Samba's own list.
#[test]
#[expect(clippy::print_stdout, reason = "it says how many cases hold")]
fn outside_defaults() {
    let Some(root) = std::env::var_os("MOXNAS_CORPORA") else {
        println!("skipped: MOXNAS_CORPORA is not set");
        return;
    };
    let path = std::path::Path::new(&root).join("shares/samba/params_4.22.json");
    let params: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let (mut all, mut wrong) = (0, Vec::new());
    for (name, param) in params.as_object().unwrap() {
        let (canonical, is_opposite) = options::resolve(name);
        let known = options::known(&canonical).and_then(|it| it.default);
        let (Some(known), false) = (known, is_opposite) else {
            continue;
        };
        all += 1;
        let listed = param["default"].as_str().unwrap_or_default();
        if !same(&canonical, known, listed) && !IN_PROSE.contains(&name.as_str()) {
            wrong.push(format!("{name}: {known:?}, in the list {listed:?}"));
        }
    }
    let hold = all - wrong.len() - IN_PROSE.len();
    println!(
        "defaults of Samba: {hold} of {all} hold, {} more in prose",
        IN_PROSE.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
