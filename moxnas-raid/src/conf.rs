//! mdadm.conf(5): which arrays it names, and the block in it that MoxNAS keeps.
//!
//! Debian's initramfs copies only this file, so a drop-in would not be seen at boot. MoxNAS
//! therefore keeps a marked block and leaves every other line as it is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Where Debian keeps it.
pub const CONF_PATH: &str = "/etc/mdadm/mdadm.conf";

const BEGIN: &str =
    "# BEGIN MoxNAS: arrays made by MoxNAS. Edits between these two lines are lost.";
const END: &str = "# END MoxNAS";

/// The arrays that mdadm.conf names, by UUID.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conf {
    /// In the block of MoxNAS.
    pub ours: BTreeMap<String, String>,
    /// In lines of somebody else.
    pub others: BTreeMap<String, String>,
}

impl Conf {
    /// Whether the array will be assembled under its name at boot.
    #[must_use]
    pub fn names(&self, uuid: &str) -> bool {
        self.ours.contains_key(uuid) || self.others.contains_key(uuid)
    }

    /// Read the text of mdadm.conf. Lines that are not about arrays are not of interest.
    #[must_use]
    pub fn parse(text: &str) -> Conf {
        let mut conf = Conf::default();
        let mut inside = false;
        for line in logical_lines(text) {
            match line.trim() {
                it if it == BEGIN => inside = true,
                it if it == END => inside = false,
                it => {
                    if let Some((uuid, device)) = read_array_line(it) {
                        let side = if inside {
                            &mut conf.ours
                        } else {
                            &mut conf.others
                        };
                        side.insert(uuid, device);
                    }
                }
            }
        }
        conf
    }
}

/// The text with the array in the block of MoxNAS; unchanged if it is there already. A line of the
/// block that gives the same name to another array goes: its array was deleted by somebody who was
/// stopped before the end, and a name means one array.
#[must_use]
pub fn with_array(text: &str, uuid: &str, device: &str) -> String {
    let mut ours = Conf::parse(text).ours;
    ours.retain(|_, named| named != device);
    ours.insert(uuid.to_owned(), device.to_owned());
    with_block(text, &ours)
}

/// The text without the array in the block of MoxNAS. Lines of somebody else stay.
#[must_use]
pub fn without_array(text: &str, uuid: &str) -> String {
    let mut ours = Conf::parse(text).ours;
    ours.remove(uuid);
    with_block(text, &ours)
}

fn with_block(text: &str, ours: &BTreeMap<String, String>) -> String {
    let mut lines = Vec::new();
    let mut at = None;
    let mut inside = false;
    // With their ends: a line of somebody else stays as it is, carriage return and all.
    for line in text.split_inclusive('\n') {
        match line.trim() {
            it if it == BEGIN => {
                inside = true;
                at.get_or_insert(lines.len());
            }
            it if it == END => inside = false,
            _ if inside => (),
            _ => lines.push(line.to_owned()),
        }
    }
    if let Some(last) = lines.last_mut().filter(|it| !it.ends_with('\n')) {
        last.push('\n');
    }
    let mut block = Vec::new();
    if !ours.is_empty() {
        block.push(format!("{BEGIN}\n"));
        let arrays = ours.iter();
        block.extend(arrays.map(|(uuid, device)| array_line(uuid, device) + "\n"));
        block.push(format!("{END}\n"));
    }
    let at = at.unwrap_or(lines.len());
    lines.splice(at..at, block);
    lines.concat()
}

/// A line that begins with white space goes on where the one before ended.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        match lines.last_mut() {
            Some(last) if line.starts_with([' ', '\t']) && !last.starts_with('#') => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ => lines.push(line.to_owned()),
        }
    }
    lines
}

/// The line that names an array.
#[must_use]
pub fn array_line(uuid: &str, device: &str) -> String {
    format!("ARRAY {device} UUID={uuid}")
}

/// UUID and device of an `ARRAY` line. Words may stand in any order and any case.
fn read_array_line(line: &str) -> Option<(String, String)> {
    let line = line.split('#').next()?;
    let mut words = line.split_whitespace();
    // Keywords may be shortened to three letters.
    let keyword = words.next()?.to_ascii_lowercase();
    if keyword.len() < 3 || !"array".starts_with(&keyword) {
        return None;
    }
    let words: Vec<&str> = words.collect();
    let uuid = words.iter().find_map(|it| {
        let (key, value) = it.split_once('=')?;
        key.eq_ignore_ascii_case("uuid")
            .then(|| value.to_ascii_lowercase())
    })?;
    let device = words
        .iter()
        .find(|it| !it.contains('='))
        .copied()
        .unwrap_or("<ignore>");
    Some((uuid, device.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEBIAN: &str = "# mdadm.conf\nHOMEHOST <system>\nMAILADDR root\n\
                          ARRAY /dev/md/old  metadata=1.2 name=nas:old\n   UUID=AAAA:1:2:3\n";

    #[test]
    fn the_block_comes_and_goes_and_the_rest_stays() {
        let one = with_array(DEBIAN, "b:1:2:3", "/dev/md/tank");
        let two = with_array(&one, "c:1:2:3", "/dev/md/data");
        assert_eq!(with_array(&two, "c:1:2:3", "/dev/md/data"), two);
        let conf = Conf::parse(&two);
        assert_eq!(conf.others.keys().collect::<Vec<_>>(), ["aaaa:1:2:3"]);
        assert_eq!(conf.ours["b:1:2:3"], "/dev/md/tank");
        assert!(conf.names("c:1:2:3") && conf.names("aaaa:1:2:3"));
        let none = without_array(&without_array(&two, "b:1:2:3"), "c:1:2:3");
        assert_eq!(none, DEBIAN);
        assert_eq!(
            without_array(DEBIAN, "aaaa:1:2:3"),
            DEBIAN,
            "a line of somebody else"
        );
    }

    #[test]
    fn lines_of_others_keep_their_ends() {
        let theirs = "HOMEHOST <system>\r\nMAILADDR root\r\n";
        let with = with_array(theirs, "b:1:2:3", "/dev/md/tank");
        assert!(with.starts_with(theirs), "{with:?}");
        assert_eq!(with_array(&with, "b:1:2:3", "/dev/md/tank"), with);
        assert_eq!(without_array(&with, "b:1:2:3"), theirs);
    }

    #[test]
    fn a_name_means_one_array() {
        let left = with_array(DEBIAN, "b:1:2:3", "/dev/md/tank");
        let left = with_array(&left, "c:1:2:3", "/dev/md/data");
        let made_anew = with_array(&left, "d:1:2:3", "/dev/md/tank");
        let conf = Conf::parse(&made_anew);
        assert_eq!(conf.ours.keys().collect::<Vec<_>>(), ["c:1:2:3", "d:1:2:3"]);
        let foreign = with_array(&made_anew, "e:1:2:3", "/dev/md/old");
        assert_eq!(
            Conf::parse(&foreign).others,
            conf.others,
            "not ours to drop"
        );
    }

    #[test]
    fn lines_after_the_block_stay_after_it() {
        let text = format!("{}MAILADDR me\n", with_array("", "b:1:2:3", "/dev/md/tank"));
        let more = with_array(&text, "a:1:2:3", "/dev/md/a");
        assert!(more.ends_with("# END MoxNAS\nMAILADDR me\n"), "{more}");
    }
}
