//! The UUID of an array, in the form of mdadm(8): `3aaa0122:29827cfa:5331ad66:ca767371`.

use super::{super::Signature, attrs::Attrs, lines::Lines, udev::Entry};

/// A line of `/run/mdadm/map`, which mdadm keeps (`mapfile.c` of mdadm 4.2 and 4.4).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MapLine {
    /// The kernel name.
    name: String,
    uuid: String,
}

/// `md127 1.2 2201aa3a:fa7c8229:66ad3153:717376ca /dev/md/data`
///
/// mdadm prints the UUID here as four numbers. Superblock 1 has bytes there, which come out in
/// another order than everywhere else.
pub(super) fn parse_map(text: &str) -> Lines<MapLine> {
    Lines::read(text, |line| {
        let mut fields = line.split_whitespace();
        let name = fields.next()?.to_owned();
        let is_bytes = fields.next()?.starts_with("1.");
        let uuid = colon_form(fields.next()?)?;
        let uuid = if is_bytes { other_order(&uuid)? } else { uuid };
        Some(MapLine { name, uuid })
    })
}

/// From whoever knows it: the kernel, udev, mdadm, a member's superblock.
pub(super) fn uuid<'a>(
    attrs: &Attrs<'_>,
    entry: Option<&Entry<'_>>,
    map: &[MapLine],
    members: impl Iterator<Item = &'a Signature>,
) -> Option<String> {
    from_kernel(attrs)
        .or_else(|| colon_form(entry?.get("MD_UUID")?))
        .or_else(|| {
            let name = attrs.folder.rsplit('/').next()?;
            map.iter()
                .find(|it| it.name == name)
                .map(|it| it.uuid.clone())
        })
        .or_else(|| {
            let mut members = members.filter(|it| it.kind == "linux_raid_member");
            members.find_map(|it| colon_form(it.uuid.as_deref()?))
        })
}

/// `md/uuid`, where the kernel has it, shows bytes. Superblock 0.90 has four numbers there, which
/// come out in another order than everywhere else.
fn from_kernel(attrs: &Attrs<'_>) -> Option<String> {
    let uuid = colon_form(&attrs.text("md/uuid")?)?;
    let is_numbers = attrs
        .text("md/metadata_version")
        .is_some_and(|it| it.starts_with("0.9"));
    if is_numbers {
        other_order(&uuid)
    } else {
        Some(uuid)
    }
}

/// Bytes that were taken for numbers of this machine, or the other way round.
fn other_order(uuid: &str) -> Option<String> {
    let words = uuid
        .split(':')
        .map(|it| u32::from_str_radix(it, 16).map(u32::to_be));
    let words: Vec<String> = words
        .map(|it| it.map(|it| format!("{it:08x}")))
        .collect::<Result<_, _>>()
        .ok()?;
    Some(words.join(":"))
}

/// 32 digits in groups of eight, from those with any dashes and colons between them. The UUID of
/// zeros is that of nobody.
fn colon_form(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|it| !matches!(it, '-' | ':')).collect();
    let fits = digits.len() == 32 && digits.bytes().all(|it| it.is_ascii_hexdigit());
    if !fits || digits.bytes().all(|it| it == b'0') {
        return None;
    }
    let digits = digits.to_ascii_lowercase();
    let groups: Vec<&str> = (0..4)
        .filter_map(|it| digits.get(it * 8..it * 8 + 8))
        .collect();
    Some(groups.join(":"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UUID: &str = "3aaa0122:29827cfa:5331ad66:ca767371";

    #[test]
    fn all_ways_of_writing_give_one() {
        for text in [
            UUID,
            "3aaa0122-2982-7cfa-5331-ad66ca767371",
            "3AAA012229827CFA5331AD66CA767371",
        ] {
            assert_eq!(colon_form(text).as_deref(), Some(UUID), "{text}");
        }
        for text in [
            "",
            "00000000-0000-0000-0000-000000000000",
            "3aaa0122:29827cfa",
            "é",
        ] {
            assert_eq!(colon_form(text), None, "{text}");
        }
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn the_map_is_read() {
        let map = parse_map(
            "md127 1.2 2201aa3a:fa7c8229:66ad3153:717376ca /dev/md/data\nmd1\n\
             md126 0.90 3aaa0122:29827cfa:5331ad66:ca767371 /dev/md/old\n",
        );
        let line = |name: &str| MapLine {
            name: name.to_owned(),
            uuid: UUID.to_owned(),
        };
        assert_eq!(map.items, [line("md127"), line("md126")]);
        assert_eq!(map.bad.len(), 1);
    }

    proptest! {
        #[test]
        fn any_map_is_survived(text in "(?s).{0,200}") {
            parse_map(&text);
        }
    }
}
