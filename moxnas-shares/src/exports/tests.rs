//! What exports(5) means.

#![expect(clippy::indexing_slicing, reason = "what fails here is a test")]

use super::*;

fn clients(text: &str) -> Vec<(String, Vec<String>, Vec<String>)> {
    let parsed = parse(text);
    assert_eq!(parsed.errors, []);
    let all = parsed.items.into_iter().flat_map(|it| it.clients);
    all.map(|it| (it.client, it.defaults, it.options)).collect()
}

/// What exportfs 2.6.2 made of the same texts.
#[test]
fn a_line_is_a_path_and_clients() {
    let words = |it: &[&str]| it.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    for (text, wanted) in [
        ("/a", vec![("", words(&[]), words(&[]))]),
        ("/a -rw", vec![("", words(&["rw"]), words(&[]))]),
        (
            "/a b(ro,) (rw) c() # d(rw) \\\n",
            vec![
                ("b", words(&[]), words(&["ro"])),
                ("", words(&[]), words(&["rw"])),
                ("c", words(&[]), words(&[])),
            ],
        ),
        (
            "/a b(ro) -rw,sync c\\\n  @d(ro)",
            vec![
                ("b", words(&[]), words(&["ro"])),
                ("c", words(&["rw", "sync"]), words(&[])),
                ("@d", words(&["rw", "sync"]), words(&["ro"])),
            ],
        ),
        // Nobody behind a dash is everybody.
        (
            "/a b(ro) -rw\n",
            vec![
                ("b", words(&[]), words(&["ro"])),
                ("", words(&["rw"]), words(&[])),
            ],
        ),
        (
            "/a \"b(ro, sync)\"",
            vec![("b", words(&[]), words(&["ro", "sync"]))],
        ),
        (
            "/a b(squash_uids=0-15,20,25-50,ro)",
            vec![("b", words(&[]), words(&["squash_uids=0-15,20,25-50", "ro"]))],
        ),
    ] {
        let wanted: Vec<_> = wanted
            .into_iter()
            .map(|(client, defaults, options)| (client.to_owned(), defaults, options))
            .collect();
        assert_eq!(clients(text), wanted, "{text:?}");
    }
}

#[test]
fn paths_may_have_anything_in_them() {
    let paths = |text| -> Vec<(usize, String)> {
        let parsed = parse(text);
        assert_eq!(parsed.errors, []);
        parsed
            .items
            .into_iter()
            .map(|it| (it.line, it.path))
            .collect()
    };
    assert_eq!(
        paths("# x \\\n\"/a b\" *\n\n  /c\\040\\042\\134 *\\\n x(ro)\n/\\303\\244 *#\n/e#f\r\n/g"),
        [
            (2, "/a b".to_owned()),
            (4, "/c \"\\".to_owned()),
            (6, "/ä".to_owned()),
            (7, "/e#f".to_owned()),
            (8, "/g".to_owned()),
        ]
    );
}

#[test]
fn a_damaged_client_does_not_hide_the_others() {
    let parsed = parse("/a b(ro c(rw)\n/d e(rw)#x f(ro,,rw)\n/\\377 *\n/g \"h");
    let reasons: Vec<_> = parsed
        .errors
        .iter()
        .map(|it| (it.line, it.reason))
        .collect();
    assert_eq!(
        reasons,
        [
            (1, Reason::NotAList),
            (2, Reason::NotAList),
            (2, Reason::EmptyOption),
            (3, Reason::NotUtf8),
            (4, Reason::OpenQuote),
        ]
    );
    assert_eq!(parsed.items[0].clients[0].client, "c");
    assert_eq!(parsed.items[1].clients[0].options, ["ro", "rw"]);
}

#[test]
fn options_come_to_what_nfsd_is_told() {
    let effect = |text: &str| {
        let parsed = parse(&format!("/a {text}"));
        parsed.items[0].clients[0].effect()
    };
    let plain = effect("b");
    for (option, says) in [
        ("ro", "yes"),
        ("async", "no"),
        ("root_squash", "yes"),
        ("subtree_check", "no"),
        ("sec", "sys"),
        ("anonuid", "65534"),
    ] {
        assert_eq!(plain.get(option), Some(says), "{option}");
    }
    assert_eq!(plain.get("fsid"), None);
    for (text, option, says) in [
        ("b(rw,ro,rw)", "ro", "no"),
        ("-async b(sync)", "async", "no"),
        ("b(insecure_locks)", "auth_nlm", "no"),
        ("b(fsid=root)", "fsid", "0"),
        ("b(fsid=010)", "fsid", "8"),
        ("b(fsid=0x1F)", "fsid", "31"),
        ("b(fsid=-1)", "fsid", "4294967295"),
        (
            "b(fsid=12345678901234567890123456789012)",
            "fsid",
            "4294967295",
        ),
        (
            "b(fsid=12345678-9012-3456-7890-12345678901A)",
            "fsid",
            "12345678-9012-3456-7890-12345678901a",
        ),
        ("b(anonuid=-2)", "anonuid", "4294967294"),
        ("b(sec=krb5:unix,rw)", "sec", "krb5:sys"),
        ("b(sec=krb5:unix,rw)", "ro", "no"),
        (
            "b(sec=sys,ro,sec=krb5,rw)",
            "sec",
            "sys(ro,root_squash):krb5(root_squash)",
        ),
        // Behind the dash it was read-only, and what comes later is said of no way to say who one
        // is.
        ("-sec=krb5 b(rw)", "ro", "yes"),
        ("b(mp)", "mountpoint", ""),
        ("b(refer=/x@y)", "refer", "/x@y"),
    ] {
        assert_eq!(effect(text).get(option), Some(says), "{text} {option}");
    }
    for refused in ["bogus", "anonuid=x", "fsid=x", "sec=x", "sec="] {
        assert_eq!(effect(&format!("b({refused})")).refused, [refused]);
    }
}
