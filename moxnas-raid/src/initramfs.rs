//! What the machine knows of its arrays while it starts: the mdadm.conf inside an initramfs.
//!
//! `update-initramfs(8)` copies [`CONF_PATH`] into the image that a kernel starts with, so that
//! arrays come up under their names before the root filesystem is there. Nobody copies it again when
//! it changes: an array that was made, renamed or deleted since comes up as `/dev/md127`, or is
//! looked for in vain.

use std::{collections::BTreeMap, fmt};

use moxnas_core::plan::Plan;
use serde::{Deserialize, Serialize};

use crate::{
    conf::{CONF_PATH, Conf},
    plan::{Refusal, Step},
};

/// Where Debian keeps the images.
pub const IMAGE_FOLDER: &str = "/boot";
/// What the name of an image begins with; the release of its kernel follows.
const IMAGE_PREFIX: &str = "initrd.img-";

/// The kernels whose images are among the files of [`IMAGE_FOLDER`], by name. What update-initramfs and
/// dpkg put aside is for no kernel.
#[must_use]
pub fn releases(files: &[String]) -> Vec<KernelRelease> {
    let release = |name: &String| {
        let release = name.strip_prefix(IMAGE_PREFIX)?;
        let is_aside = [".bak", ".new", ".old", "-bak", "-new"]
            .iter()
            .any(|it| release.ends_with(it));
        KernelRelease::new(release).filter(|_| !is_aside)
    };
    let mut all: Vec<KernelRelease> = files.iter().filter_map(release).collect();
    all.sort();
    all
}

/// An initramfs, and what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// The release of the kernel that it is for, as in `uname -r`.
    pub kernel: KernelRelease,
    /// Whether that kernel is the one that runs.
    pub is_running: bool,
    /// Another one when the image was written since: what was read of it need not be read again.
    pub stamp: String,
    /// What it knows of arrays; in words why it could not be read.
    pub content: Result<Content, String>,
}

/// What an initramfs knows of arrays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// It has no mdadm: arrays come up later, when the system itself runs.
    NoMdadm,
    /// Its mdadm.conf.
    Conf(Conf),
}

/// The release of a kernel: part of a file's name and a word of a command.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KernelRelease(String);

impl KernelRelease {
    /// `None` for what is no release: empty, more than 128 bytes, an option, or with other signs than
    /// letters, digits and `.+~_-`.
    #[must_use]
    pub fn new(text: &str) -> Option<KernelRelease> {
        let is_fine = |it: u8| it.is_ascii_alphanumeric() || b".+~_-".contains(&it);
        let is_release = text.len() <= 128
            && text.starts_with(|it: char| it.is_ascii_alphanumeric())
            && text.bytes().all(is_fine);
        is_release.then(|| KernelRelease(text.to_owned()))
    }

    /// As in `uname -r`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where its image is.
    #[must_use]
    pub fn image_path(&self) -> String {
        format!("{IMAGE_FOLDER}/{IMAGE_PREFIX}{}", self.0)
    }
}

impl fmt::Display for KernelRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for KernelRelease {
    type Error = String;

    fn try_from(text: String) -> Result<KernelRelease, String> {
        KernelRelease::new(&text).ok_or_else(|| format!("`{text}` is no release of a kernel"))
    }
}

impl From<KernelRelease> for String {
    fn from(it: KernelRelease) -> String {
        it.0
    }
}

/// How an initramfs stands to the mdadm.conf of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It names the same arrays.
    Current,
    /// It names others.
    Outdated,
    /// It knows nothing of arrays.
    WithoutMdadm,
    /// It could not be read.
    Unknown,
}

/// The verdict over an initramfs, with its reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The verdict.
    pub standing: Standing,
    /// Why, a sentence each. Empty for [`Standing::Current`].
    pub reasons: Vec<String>,
}

impl Image {
    /// Hold it against the mdadm.conf of now.
    #[must_use]
    pub fn judge(&self, now: &Conf) -> Verdict {
        let (standing, reasons) = match &self.content {
            Err(why) => (Standing::Unknown, vec![why.clone()]),
            Ok(Content::NoMdadm) => {
                let late = "it has no mdadm: arrays come up after the root filesystem, which \
                            cannot be on one";
                (Standing::WithoutMdadm, vec![late.to_owned()])
            }
            Ok(Content::Conf(inside)) => {
                let reasons = differences(inside, now);
                match reasons.is_empty() {
                    true => (Standing::Current, reasons),
                    false => (Standing::Outdated, reasons),
                }
            }
        };
        Verdict { standing, reasons }
    }
}

/// What differs in the arrays that two mdadm.conf name. What spares belong together is of no matter
/// while a machine starts.
fn differences(inside: &Conf, now: &Conf) -> Vec<String> {
    let (inside, now) = (named(inside), named(now));
    let mut all = Vec::new();
    for (uuid, device) in &now {
        match inside.get(uuid) {
            None => all.push(format!(
                "it does not name {device}: that array may come up under another name, such as \
                 /dev/md127"
            )),
            Some(old) if old != device => all.push(format!(
                "it names {old} what is {device} now: the array comes up under its old name"
            )),
            Some(_) => (),
        }
    }
    let gone = inside.iter().filter(|(uuid, _)| !now.contains_key(*uuid));
    all.extend(gone.map(|(uuid, device)| {
        format!("it names {device} ({uuid}), which {CONF_PATH} does not name any more")
    }));
    all
}

/// The arrays that an mdadm.conf names, whoever wrote it.
fn named(conf: &Conf) -> BTreeMap<&str, &str> {
    let all = conf.others.iter().chain(&conf.ours);
    all.map(|(uuid, device)| (uuid.as_str(), device.as_str()))
        .collect()
}

/// Make every image again that does not know the arrays as they are. An image that could not be read
/// is made again too: nobody can vouch for it.
pub fn plan_update(images: &[Image], now: &Conf) -> Result<Plan<Step>, Refusal> {
    if images.is_empty() {
        return Err(Refusal::NoInitramfs);
    }
    let mut plan = Plan::default();
    let due = images.iter().filter(|it| is_due(it, now));
    plan.steps.extend(due.map(|it| Step::UpdateInitramfs {
        kernel: it.kernel.clone(),
    }));
    Ok(plan)
}

fn is_due(image: &Image, now: &Conf) -> bool {
    match image.judge(now).standing {
        Standing::Current => false,
        Standing::Outdated | Standing::Unknown => true,
        // There may be nothing that it would have to know.
        Standing::WithoutMdadm => !named(now).is_empty(),
    }
}

/// Why an image is not as it should be after all were made again that had to be.
#[must_use]
pub fn not_updated(images: &[Image], now: &Conf) -> Option<String> {
    let image = images.iter().find(|it| is_due(it, now))?;
    let reasons = image.judge(now).reasons.join("; ");
    Some(format!("{}: {reasons}", image.kernel.image_path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conf(arrays: &[(&str, &str)]) -> Conf {
        let ours = arrays
            .iter()
            .map(|(uuid, device)| ((*uuid).to_owned(), (*device).to_owned()));
        Conf {
            ours: ours.collect(),
            ..Conf::default()
        }
    }

    fn image(content: Result<Content, String>) -> Image {
        Image {
            kernel: KernelRelease::new("6.1.0-40-amd64").unwrap(),
            is_running: true,
            stamp: String::new(),
            content,
        }
    }

    #[test]
    fn a_release_is_no_option_and_no_path() {
        for good in ["6.1.0-40-amd64", "6.12.0-3~bpo12+1_x", "5"] {
            assert_eq!(KernelRelease::new(good).unwrap().as_str(), good);
        }
        let long = "6".repeat(129);
        for bad in ["", "-k", "../6.1", "6.1/x", "6.1 all", ".6", "6.1\n", &long] {
            assert_eq!(KernelRelease::new(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn every_difference_has_its_sentence() {
        let now = conf(&[("a", "/dev/md/tank"), ("b", "/dev/md/media")]);
        let judge = |content| image(content).judge(&now);
        let same = judge(Ok(Content::Conf(now.clone())));
        assert_eq!(same.standing, Standing::Current);
        assert_eq!(same.reasons, Vec::<String>::new());

        let old = conf(&[("b", "/dev/md/films"), ("c", "/dev/md/gone")]);
        let old = judge(Ok(Content::Conf(old)));
        assert_eq!(old.standing, Standing::Outdated);
        assert_eq!(old.reasons.len(), 3, "{:?}", old.reasons);
        assert!(old.reasons[0].contains("does not name /dev/md/tank"));
        assert!(old.reasons[1].contains("/dev/md/films what is /dev/md/media"));
        assert!(old.reasons[2].contains("/dev/md/gone (c)"));

        assert_eq!(judge(Ok(Content::NoMdadm)).standing, Standing::WithoutMdadm);
        let unknown = judge(Err("why".to_owned()));
        assert_eq!(unknown.standing, Standing::Unknown);
        assert_eq!(unknown.reasons, ["why"]);
    }

    #[test]
    fn who_wrote_a_line_and_its_spare_group_are_of_no_matter() {
        let ours = conf(&[("a", "/dev/md/tank")]);
        let others = Conf {
            others: ours.ours.clone(),
            spare_groups: [("a".to_owned(), "fast".to_owned())].into(),
            ..Conf::default()
        };
        let verdict = image(Ok(Content::Conf(ours))).judge(&others);
        assert_eq!(verdict.standing, Standing::Current);
    }

    #[test]
    fn only_what_does_not_know_the_arrays_is_made_again() {
        let now = conf(&[("a", "/dev/md/tank")]);
        let plan = |content, now| {
            let images = [image(content)];
            let steps = plan_update(&images, now).unwrap().steps.len();
            assert_eq!(not_updated(&images, now).is_none(), steps == 0);
            steps
        };
        assert_eq!(plan(Ok(Content::Conf(now.clone())), &now), 0);
        assert_eq!(plan(Ok(Content::Conf(Conf::default())), &now), 1);
        assert_eq!(plan(Ok(Content::NoMdadm), &now), 1);
        assert_eq!(plan(Err("why".to_owned()), &now), 1);
        assert_eq!(plan(Ok(Content::NoMdadm), &Conf::default()), 0);
        let refused = plan_update(&[], &now).unwrap_err();
        assert_eq!(refused.code(), "no_initramfs");
        assert!(refused.hint().unwrap().contains("update-initramfs"));
    }
}
