//! `/proc/self/mountinfo` and `/proc/swaps`, see proc(5).

use super::lines::Lines;
use crate::root::{FileError, Root};

/// All mounts of the mount namespace of this process.
pub(crate) const MOUNTINFO: &str = "/proc/self/mountinfo";
/// All that is swapped to.
pub(crate) const SWAPS: &str = "/proc/swaps";

/// A filesystem somewhere in the tree, see proc_pid_mountinfo(5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Major and minor number of its device; `0:N` for filesystems without one of their own, to which
    /// btrfs belongs.
    pub number: (u32, u32),
    /// Where.
    pub at: String,
    /// What it is, as mount(8) names it.
    pub filesystem: String,
    /// What was given to mount(8), usually a device node.
    pub source: String,
    /// The options of the filesystem, wherever it is mounted.
    pub options: Vec<String>,
    /// Whether nothing can be written to it here: the filesystem, or just this mount of it.
    pub read_only: bool,
}

/// All that is mounted, in the order of mounting. It asks the kernel only.
pub fn mounts(root: &Root) -> Result<Vec<Mount>, FileError> {
    let text = root.read(MOUNTINFO)?.unwrap_or_default();
    Ok(parse_mountinfo(&text).items)
}

/// Something the kernel swaps to: a device node or a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Swap {
    pub(super) path: String,
    pub(super) is_file: bool,
}

/// What is mounted, in the order of mounting.
pub(super) fn parse_mountinfo(text: &str) -> Lines<Mount> {
    Lines::read(text, mount)
}

/// What is swapped to.
pub(super) fn parse_swaps(text: &str) -> Lines<Swap> {
    let mut lines = Lines::read(text, |line| match line.starts_with("Filename") {
        true => Some(None),
        false => swap(line).map(Some),
    });
    let items = lines.items.drain(..).flatten().collect();
    Lines {
        items,
        bad: lines.bad,
    }
}

fn mount(line: &str) -> Option<Mount> {
    let (place, what) = line.split_once(" - ")?;
    let mut place = place.split(' ');
    let number = parse_number(place.nth(2)?)?;
    let at = unescape(place.nth(1)?);
    let of_mount = place.next().unwrap_or_default();
    let mut what = what.split(' ');
    let filesystem = what.next().filter(|it| !it.is_empty())?.to_owned();
    let source = unescape(what.next()?);
    let options = what.next().unwrap_or_default();
    let is_ro = |options: &str| options.split(',').any(|it| it == "ro");
    let read_only = is_ro(of_mount) || is_ro(options);
    let options = options.split(',').map(str::to_owned).collect();
    at.starts_with('/').then_some(Mount {
        number,
        at,
        filesystem,
        source,
        options,
        read_only,
    })
}

fn swap(line: &str) -> Option<Swap> {
    let mut fields = line.split_whitespace();
    let path = unescape(fields.next()?);
    let is_file = match fields.next()? {
        "file" => true,
        "partition" => false,
        _ => return None,
    };
    let path = path
        .strip_suffix(" (deleted)")
        .map_or(path.clone(), str::to_owned);
    (path.starts_with('/') && fields.count() == 3).then_some(Swap { path, is_file })
}

/// `8:1` as major and minor number.
pub(super) fn parse_number(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Undo the kernel's `\040`; what is no such escape stays as it is.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let digits = after
            .get(..3)
            .filter(|it| it.bytes().all(|it| it.is_ascii_digit()));
        match digits.and_then(|it| u8::from_str_radix(it, 8).ok()) {
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

    const MOUNTS: &str = "\
        27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n\
        31 27 0:34 /@data /srv/my\\040data rw shared:7 master:2 - btrfs /dev/sda2 rw,subvol=/@data\n\
        32 27 0:5 / /dev/hugepages rw - hugetlbfs hugetlbfs rw\n\
        33 27 9:127 / /srv/back\\134slash\\012 ro,noatime - xfs /dev/md127 rw\n";
    const SWAPS: &str = "\
        Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n\
        /dev/sda3                               partition\t1000444\t\t0\t\t-2\n\
        /swap\\040file\\040(deleted)             file\t\t2097148\t0\t-3\n";

    #[test]
    fn mounts_are_read() {
        let mounts = parse_mountinfo(MOUNTS);
        assert_eq!(mounts.bad, []);
        let seen: Vec<_> = mounts
            .items
            .iter()
            .map(|it| (it.number, it.at.as_str(), it.source.as_str()))
            .collect();
        assert_eq!(
            seen,
            [
                ((254, 0), "/", "/dev/vda"),
                ((0, 34), "/srv/my data", "/dev/sda2"),
                ((0, 5), "/dev/hugepages", "hugetlbfs"),
                ((9, 127), "/srv/back\\slash\n", "/dev/md127"),
            ]
        );
        assert_eq!(mounts.items[1].filesystem, "btrfs");
        let read_only = mounts.items.iter().map(|it| it.read_only);
        assert!(read_only.eq([false, false, false, true]));
    }

    #[test]
    fn swaps_are_read() {
        let swaps = parse_swaps(SWAPS);
        assert_eq!(swaps.bad, []);
        let swap = |path: &str, is_file| Swap {
            path: path.to_owned(),
            is_file,
        };
        assert_eq!(
            swaps.items,
            [swap("/dev/sda3", false), swap("/swap file", true)]
        );
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "(?s).{0,200}") {
            parse_mountinfo(&text);
            parse_swaps(&text);
            unescape(&text);
        }

        #[test]
        fn escapes_are_survived(text in r"[\\0-9é]{0,30}") {
            unescape(&text);
        }

        #[test]
        fn a_damaged_line_is_told_and_hides_no_other(damaged in "[a-z0-9 :/]{1,40}", at in 0_usize..5) {
            let mut lines: Vec<&str> = MOUNTS.lines().collect();
            lines.insert(at.min(lines.len()), &damaged);
            let mounts = parse_mountinfo(&lines.join("\n"));
            prop_assert_eq!(mounts.bad.len(), 1);
            prop_assert_eq!(mounts.items, parse_mountinfo(MOUNTS).items);

            let mut lines: Vec<&str> = SWAPS.lines().collect();
            lines.insert(at.min(lines.len()), &damaged);
            let swaps = parse_swaps(&lines.join("\n"));
            prop_assert_eq!(swaps.bad.len(), 1);
            prop_assert_eq!(swaps.items, parse_swaps(SWAPS).items);
        }
    }
}
