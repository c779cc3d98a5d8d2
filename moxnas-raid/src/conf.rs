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
    /// The spare group of each array that is in one, whoever wrote its line: arrays of one group
    /// help each other out with spares.
    #[serde(default)]
    pub spare_groups: BTreeMap<String, String>,
}

impl Conf {
    /// Whether the array will be assembled under its name at boot.
    #[must_use]
    pub fn names(&self, uuid: &str) -> bool {
        self.ours.contains_key(uuid) || self.others.contains_key(uuid)
    }

    /// The spare group of an array.
    #[must_use]
    pub fn spare_group(&self, uuid: &str) -> Option<&str> {
        self.spare_groups.get(uuid).map(String::as_str)
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
                    if let Some(line) = read_array_line(it) {
                        let side = if inside {
                            &mut conf.ours
                        } else {
                            &mut conf.others
                        };
                        if let Some(group) = line.spare_group {
                            conf.spare_groups.insert(line.uuid.clone(), group);
                        }
                        side.insert(line.uuid, line.device);
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
    let mut conf = Conf::parse(text);
    conf.ours.retain(|_, named| named != device);
    conf.ours.insert(uuid.to_owned(), device.to_owned());
    with_block(text, &conf)
}

/// The text with an array of the block of MoxNAS in a spare group, or in none. An array that is not
/// in the block is left as it is.
#[must_use]
pub fn with_spare_group(text: &str, uuid: &str, group: Option<&str>) -> String {
    let mut conf = Conf::parse(text);
    match group {
        Some(group) => conf.spare_groups.insert(uuid.to_owned(), group.to_owned()),
        None => conf.spare_groups.remove(uuid),
    };
    with_block(text, &conf)
}

/// The text without the array in the block of MoxNAS. Lines of somebody else stay.
#[must_use]
pub fn without_array(text: &str, uuid: &str) -> String {
    let mut conf = Conf::parse(text);
    conf.ours.remove(uuid);
    with_block(text, &conf)
}

fn with_block(text: &str, conf: &Conf) -> String {
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
    if !conf.ours.is_empty() {
        block.push(format!("{BEGIN}\n"));
        let line = |(uuid, device): (&String, &String)| {
            array_line(uuid, device, conf.spare_group(uuid)) + "\n"
        };
        block.extend(conf.ours.iter().map(line));
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
pub fn array_line(uuid: &str, device: &str, spare_group: Option<&str>) -> String {
    let group = spare_group.map_or(String::new(), |it| format!(" spare-group={it}"));
    format!("ARRAY {device} UUID={uuid}{group}")
}

/// What an `ARRAY` line says.
struct ArrayLine {
    uuid: String,
    device: String,
    spare_group: Option<String>,
}

/// An `ARRAY` line. Its words may stand in any order and any case.
fn read_array_line(line: &str) -> Option<ArrayLine> {
    let line = line.split('#').next()?;
    let mut words = line.split_whitespace();
    // Keywords may be shortened to three letters.
    let keyword = words.next()?.to_ascii_lowercase();
    if keyword.len() < 3 || !"array".starts_with(&keyword) {
        return None;
    }
    let words: Vec<&str> = words.collect();
    let value = |wanted: &str| {
        words.iter().find_map(|it| {
            let (key, value) = it.split_once('=')?;
            key.eq_ignore_ascii_case(wanted).then_some(value)
        })
    };
    let device = words.iter().find(|it| !it.contains('='));
    Some(ArrayLine {
        uuid: value("uuid")?.to_ascii_lowercase(),
        device: device.copied().unwrap_or("<ignore>").to_owned(),
        spare_group: value("spare-group").map(str::to_owned),
    })
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
    fn an_array_joins_a_spare_group_and_leaves_it() {
        let alone = with_array(DEBIAN, "b:1:2:3", "/dev/md/tank");
        let grouped = with_spare_group(&alone, "b:1:2:3", Some("attic"));
        assert!(grouped.contains("ARRAY /dev/md/tank UUID=b:1:2:3 spare-group=attic\n"));
        assert_eq!(Conf::parse(&grouped).spare_groups["b:1:2:3"], "attic");
        let beside = with_array(&grouped, "c:1:2:3", "/dev/md/data");
        assert_eq!(Conf::parse(&beside).spare_groups["b:1:2:3"], "attic");
        assert_eq!(with_spare_group(&grouped, "b:1:2:3", None), alone);
        assert_eq!(
            with_spare_group(DEBIAN, "aaaa:1:2:3", Some("attic")),
            DEBIAN,
            "not ours"
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
