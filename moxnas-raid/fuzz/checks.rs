//! What must hold of each parser whatever the text: one plain function a fuzz target, which the tests
//! of the crate run too, so that none of them can rot where nobody has a fuzzer.

use moxnas_raid::{
    conf::{self, Conf},
    detail, mdstat,
    parsed::Parsed,
};

/// What a target does with a text.
pub(crate) type Check = fn(&[u8]);

/// All targets by their names, which are those of their corpora.
pub(crate) const ALL: [(&str, Check); 6] = [
    ("conf", conf),
    ("detail", detail),
    ("examine", examine),
    ("export", export),
    ("mdstat", mdstat),
    ("scan", scan),
];

/// `/proc/mdstat`.
pub(crate) fn mdstat(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let parsed = mdstat::parse(&text);
    assert!(parsed.value.arrays.len() <= text.lines().count());
    errors_are_of(&text, &parsed);
}

/// `mdadm --detail`, and `mdadm --detail-platform`.
pub(crate) fn detail(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    errors_are_of(&text, &detail::parse_detail(&text));
    errors_are_of(&text, &detail::parse_platform(&text));
}

/// `mdadm --examine`.
pub(crate) fn examine(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    errors_are_of(&text, &detail::parse_examine(&text));
}

/// `mdadm --detail --export` and `mdadm --examine --export`.
pub(crate) fn export(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    errors_are_of(&text, &detail::parse_export(&text));
}

/// `mdadm --detail --scan` and `mdadm --examine --scan`.
pub(crate) fn scan(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    errors_are_of(&text, &detail::parse_scan(&text));
}

/// mdadm.conf: what is put into the block of MoxNAS is found there, and what others wrote is as it was.
pub(crate) fn conf(bytes: &[u8]) {
    const UUID: &str = "0f00:0f00:0f00:0f00";
    const DEVICE: &str = "/dev/md/fuzzed";
    let text = String::from_utf8_lossy(bytes);
    let before = Conf::parse(&text);
    let with = conf::with_array(&text, UUID, DEVICE);
    let after = Conf::parse(&with);
    assert_eq!(after.ours.get(UUID).map(String::as_str), Some(DEVICE));
    assert_eq!(after.others, before.others, "{with:?}");
    assert_eq!(
        conf::with_array(&with, UUID, DEVICE),
        with,
        "once is enough"
    );
    let without = Conf::parse(&conf::without_array(&with, UUID));
    assert!(!without.ours.contains_key(UUID));
    assert_eq!(without.others, before.others, "{with:?}");
}

/// Each error quotes the line it is about, in the order of the lines, and says why.
fn errors_are_of<T>(text: &str, parsed: &Parsed<T>) {
    let lines: Vec<&str> = text.lines().collect();
    assert!(parsed.errors.is_sorted_by_key(|it| it.line));
    for error in &parsed.errors {
        let line = error.line.checked_sub(1).and_then(|it| lines.get(it));
        assert_eq!(line, Some(&error.text.as_str()), "{error}");
        assert!(!error.reason.to_string().is_empty());
    }
}
