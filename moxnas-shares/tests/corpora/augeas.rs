//! What is read of exports and vsftpd.conf is what augeas makes of them.

use std::path::Path;

use moxnas_shares::{exports, vsftpd_conf};

use crate::{cases, corpus, read};

/// Files that augeas does not read, of which something is read here all the same, and why.
const UNREAD: &[(&str, &str)] = &[(
    "nfs_utils/exports.man.exports",
    "its last line has a quotation mark that is never closed: an error for that line alone here",
)];

/// Names without what counts them, and values: `dir`, `dir/client`, `dir/client/option`.
fn tree(path: &Path) -> Vec<(String, String)> {
    let text = read(path);
    let mut nodes = Vec::new();
    for line in text.lines() {
        let Some((node, value)) = line.split_once(" = ") else {
            continue;
        };
        // /files/tmp/…/name.exports/dir[1]/client
        let inside = node
            .split_once(".exports/")
            .or(node.split_once(".conf/"))
            .unwrap()
            .1;
        let names = inside.split('/').map(|it| it.split('[').next().unwrap());
        let value: String = serde_json::from_str(value).unwrap();
        if !inside.starts_with('#') {
            nodes.push((names.collect::<Vec<_>>().join("/"), value));
        }
    }
    nodes
}

fn exports(text: &str) -> (Vec<(String, String)>, usize) {
    let parsed = exports::parse(text);
    let mut nodes = Vec::new();
    for export in parsed.items {
        nodes.push(("dir".to_owned(), export.path));
        for client in export.clients {
            nodes.push(("dir/client".to_owned(), client.client));
            let options = client.options.into_iter();
            nodes.extend(options.map(|it| ("dir/client/option".to_owned(), it)));
        }
    }
    (nodes, parsed.errors.len())
}

fn vsftpd(text: &str) -> (Vec<(String, String)>, usize) {
    let parsed = vsftpd_conf::parse(text);
    let nodes = parsed.items.into_iter().map(|it| (it.name, it.written));
    (nodes.collect(), parsed.errors.len())
}

/// What augeas keeps and exports(5) does not: quotation marks, and nothing behind the last comma.
fn meant((name, value): (String, String)) -> Option<(String, String)> {
    match name.as_str() {
        "dir" => Some((name, value.trim_matches('"').to_owned())),
        "dir/client/option" if value.is_empty() => None,
        _ => Some((name, value)),
    }
}

#[test]
fn outside_exports_and_vsftpd() {
    let Some(root) = corpus() else {
        return;
    };
    let mut wrong = Vec::new();
    let mut unread = Vec::new();
    for (what, ending, floor) in [
        ("exports", ".exports", 4),
        ("vsftpd.conf", "vsftpd.conf", 8),
    ] {
        let cases: Vec<_> = cases(&root, ".augeas.txt")
            .into_iter()
            .filter(|(case, _)| case.ends_with(ending))
            .collect();
        let mut hold = 0;
        for (case, path) in &cases {
            let wanted = tree(&root.join(format!("{case}.augeas.txt")));
            let text = read(path);
            let (got, errors) = match what {
                "exports" => exports(&text),
                _ => vsftpd(&text),
            };
            // Nothing at all is a file that augeas refused.
            if wanted.is_empty() && (errors == 0 || !got.is_empty()) {
                unread.push(case.clone());
                continue;
            }
            let wanted: Vec<_> = wanted.into_iter().filter_map(meant).collect();
            match got == wanted {
                true => hold += 1,
                false => wrong.push(format!("{case}:\n {got:?}\n {wanted:?}")),
            }
        }
        println!("{what}: {hold} of {} hold", cases.len());
        assert!(cases.len() >= floor, "{} cases of {what}", cases.len());
    }
    for case in &unread {
        let why = UNREAD.iter().find(|(it, _)| it == case);
        println!("  not {case}: {}", why.map_or("?", |(_, why)| why));
        assert!(why.is_some(), "{case} is read here alone");
    }
    assert_eq!(unread.len(), UNREAD.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
