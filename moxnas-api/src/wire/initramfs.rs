//! What the machine's kernels know of arrays while they start.

use moxnas_app::ops::initramfs::InitramfsView;
use moxnas_raid::initramfs::{Image, Standing};
use poem_openapi::{Enum, Object};

/// What the images know of arrays that the machine's kernels start with
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Initramfs {
    /// Image by image; empty where the machine starts without, as a container does
    pub images: Vec<InitramfsImage>,
    /// Why nothing is known of them; left out if something is
    pub unknown_because: Option<String>,
}

/// An image that a kernel starts with
#[derive(Clone, Debug, PartialEq, Object)]
pub struct InitramfsImage {
    /// Where it is
    pub path: String,
    /// The release of its kernel, as in `uname -r`
    pub kernel: String,
    /// Whether that kernel is the one that runs
    pub is_running: bool,
    /// Whether it names the arrays that mdadm.conf names now
    pub standing: InitramfsStanding,
    /// Why it is not current
    pub reasons: Vec<String>,
}

/// How an initramfs stands to mdadm.conf
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum InitramfsStanding {
    /// It names the same arrays
    Current,
    /// It names others
    Outdated,
    /// It has no mdadm, so arrays come up later
    WithoutMdadm,
    /// It could not be read
    Unknown,
}

impl From<Standing> for InitramfsStanding {
    fn from(it: Standing) -> InitramfsStanding {
        match it {
            Standing::Current => InitramfsStanding::Current,
            Standing::Outdated => InitramfsStanding::Outdated,
            Standing::WithoutMdadm => InitramfsStanding::WithoutMdadm,
            Standing::Unknown => InitramfsStanding::Unknown,
        }
    }
}

impl From<InitramfsView> for Initramfs {
    fn from(view: InitramfsView) -> Initramfs {
        let seen = &view.seen;
        let image = |it: &Image| {
            let verdict = it.judge(&seen.raid.conf);
            InitramfsImage {
                path: it.kernel.image_path(),
                kernel: it.kernel.to_string(),
                is_running: it.is_running,
                standing: verdict.standing.into(),
                reasons: verdict.reasons,
            }
        };
        match seen.answers.images() {
            Ok(images) => Initramfs {
                images: images.iter().map(image).collect(),
                unknown_because: None,
            },
            Err(why) => Initramfs {
                images: Vec::new(),
                unknown_because: Some(why),
            },
        }
    }
}
