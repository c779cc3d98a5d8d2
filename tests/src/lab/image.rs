//! Where a suite's image lies and how a test finds it.

use std::{
    env,
    fmt::{self, Display},
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Context as _, Result, bail};

/// The folder of one suite's image: set by `cargo xtask lab test` for the lab tests.
pub const IMAGE_VARIABLE: &str = "MOXNAS_LAB_IMAGE";
/// The agent's executable.
pub const AGENT_VARIABLE: &str = "MOXNAS_LAB_AGENT";
/// The product's executable.
pub const PRODUCT_VARIABLE: &str = "MOXNAS_BIN";
/// The folder of all images, instead of `.lab` in the workspace.
pub const FOLDER_VARIABLE: &str = "MOXNAS_LAB_DIR";

/// A release of Debian the product supports: their kernels and mdadms speak different dialects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    Bookworm,
    Trixie,
}

impl Suite {
    pub const ALL: [Self; 2] = [Self::Bookworm, Self::Trixie];
}

impl Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bookworm => "bookworm",
            Self::Trixie => "trixie",
        })
    }
}

impl FromStr for Suite {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|it| it.to_string() == text);
        found.with_context(|| format!("{text} is no suite of the lab (bookworm, trixie)"))
    }
}

/// A folder with a kernel, an initial ramdisk and a root disk, made by `cargo xtask lab build`.
#[derive(Clone, Debug)]
pub struct Image {
    pub folder: PathBuf,
}

impl Image {
    /// The suite's place in the workspace, whether an image is there or not.
    #[must_use]
    pub fn of(suite: Suite) -> Self {
        let base =
            env::var_os(FOLDER_VARIABLE).map_or_else(|| workspace().join(".lab"), Into::into);
        Self {
            folder: base.join(suite.to_string()),
        }
    }

    /// The image the environment names; `None` where no lab was asked for.
    pub fn from_env() -> Result<Option<Self>> {
        let Some(folder) = env::var_os(IMAGE_VARIABLE) else {
            return Ok(None);
        };
        let image = Self {
            folder: folder.into(),
        };
        if !image.stamp().exists() {
            bail!(
                "{IMAGE_VARIABLE} names {}, where no image is",
                image.folder.display()
            );
        }
        Ok(Some(image))
    }

    #[must_use]
    pub fn kernel(&self) -> PathBuf {
        self.folder.join("vmlinux")
    }

    #[must_use]
    pub fn initrd(&self) -> PathBuf {
        self.folder.join("initrd.cpio")
    }

    #[must_use]
    pub fn root_disk(&self) -> PathBuf {
        self.folder.join("root.ext4")
    }

    /// Written last: holds the digest of what the image was built from.
    #[must_use]
    pub fn stamp(&self) -> PathBuf {
        self.folder.join("stamp")
    }
}

/// The workspace this library was compiled in.
#[must_use]
pub fn workspace() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests)
}
