//! udev's database: a file for each block device, `/run/udev/data/b8:0`.
//!
//! The format is private to udev, which has written it this way since it left `/dev/.udev`
//! (`device_update_db` in systemd's `sd-device/device-private.c`). Of its lines only the links
//! (`S:`) and the properties (`E:`) are of use here.

use std::collections::BTreeMap;

use super::lines::{BadLine, Lines};

/// What udev keeps of one device.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    /// Its links, without `/dev/`: `disk/by-id/…`.
    pub(super) links: Vec<&'a str>,
    properties: BTreeMap<&'a str, &'a str>,
}

enum Field<'a> {
    Link(&'a str),
    Property(&'a str, &'a str),
    Other,
}

impl<'a> Entry<'a> {
    /// The entry, and its lines that are none.
    pub(super) fn parse(text: &'a str) -> (Entry<'a>, Vec<BadLine>) {
        let lines = Lines::read(text, field);
        let mut entry = Entry::default();
        for field in lines.items {
            match field {
                Field::Link(link) => entry.links.push(link),
                Field::Property(key, value) => {
                    entry.properties.insert(key, value);
                }
                Field::Other => (),
            }
        }
        (entry, lines.bad)
    }

    /// A property that is there and not empty.
    pub(super) fn get(&self, key: &str) -> Option<&'a str> {
        self.properties
            .get(key)
            .copied()
            .filter(|it| !it.is_empty())
    }

    /// A property as it was before udev replaced what it does not like: `ID_MODEL_ENC` in
    /// preference to `ID_MODEL`.
    pub(super) fn get_decoded(&self, key: &str) -> Option<String> {
        let text = match self.get(&format!("{key}_ENC")) {
            Some(encoded) => decode(encoded),
            None => self.get(key)?.to_owned(),
        };
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The links under `/dev/disk/by-id`, without the folder.
    pub(super) fn ids(&self) -> impl Iterator<Item = &'a str> {
        self.links
            .iter()
            .filter_map(|it| it.strip_prefix("disk/by-id/"))
    }
}

fn field(line: &str) -> Option<Field<'_>> {
    match line.split_once(':')? {
        ("S", link) if !link.is_empty() => Some(Field::Link(link)),
        ("E", property) => {
            let (key, value) = property.split_once('=')?;
            (!key.is_empty()).then_some(Field::Property(key, value))
        }
        // Priority of links, tags, time of initialisation, version: a letter each.
        (letter, _) if letter.len() == 1 && letter != "S" => Some(Field::Other),
        _ => None,
    }
}

/// Undo libblkid's `\x20`; what is no such escape stays as it is.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let digits = after.strip_prefix('x').and_then(|it| it.get(..2));
        match digits.and_then(|it| u8::from_str_radix(it, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(b'\\');
                rest = after;
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SDA: &str = "S:disk/by-id/wwn-0x5000c500a1b2c3d4\nS:disk/by-path/pci-0000:00:1f.2-ata-1\n\
        I:1722081\nE:ID_MODEL=ST4000VN008_2DR166\nE:ID_MODEL_ENC=ST4000VN008-2DR166\\x20\\x20\n\
        E:ID_FS_LABEL_ENC=M\\xc3\\xbcll\\x20\\\nE:ID_REVISION=\nG:systemd\nQ:systemd\nV:1\n";

    #[test]
    fn links_and_properties_are_read() {
        let (entry, bad) = Entry::parse(SDA);
        assert_eq!(bad, []);
        assert_eq!(entry.ids().collect::<Vec<_>>(), ["wwn-0x5000c500a1b2c3d4"]);
        assert_eq!(entry.links.len(), 2);
        assert_eq!(
            entry.get_decoded("ID_MODEL").as_deref(),
            Some("ST4000VN008-2DR166")
        );
        assert_eq!(entry.get_decoded("ID_FS_LABEL").as_deref(), Some("Müll \\"));
        assert_eq!(
            entry.get("ID_REVISION"),
            None,
            "an empty property says nothing"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "(?s).{0,200}") {
            Entry::parse(&text);
            decode(&text);
        }

        #[test]
        fn escapes_are_survived(text in r"[\\x0-9a-fé]{0,30}") {
            decode(&text);
        }

        #[test]
        fn a_damaged_line_is_told_and_hides_no_other(damaged in "[a-zA-Z =]{1,20}", at in 0_usize..10) {
            let mut lines: Vec<&str> = SDA.lines().collect();
            lines.insert(at, &damaged);
            let text = lines.join("\n");
            let (entry, bad) = Entry::parse(&text);
            prop_assert_eq!(bad.len(), 1);
            prop_assert_eq!(entry, Entry::parse(SDA).0);
        }
    }
}
