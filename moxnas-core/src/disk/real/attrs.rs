//! The attributes of one device: the small files in its folder under `/sys`.

use std::{cell::RefCell, fmt::Display, io, str::FromStr};

use nix::libc::{EINVAL, ENODATA, ENXIO};

use super::mounts::parse_number;
use crate::{chain::chain, root::Root};

/// What could not be read, in words.
#[derive(Debug, Default)]
pub(super) struct Errors(RefCell<Vec<String>>);

impl Errors {
    pub(super) fn add(&self, words: impl Display) {
        self.0.borrow_mut().push(words.to_string());
    }

    pub(super) fn into_vec(self) -> Vec<String> {
        self.0.into_inner()
    }
}

/// A folder of attributes.
#[derive(Debug)]
pub(super) struct Attrs<'a> {
    pub(super) root: &'a Root,
    pub(super) folder: String,
    pub(super) errors: &'a Errors,
}

impl Attrs<'_> {
    /// The attributes of a folder below.
    pub(super) fn below(&self, folder: &str) -> Self {
        Attrs {
            folder: self.path(folder),
            ..*self
        }
    }

    pub(super) fn path(&self, attr: &str) -> String {
        format!("{}/{attr}", self.folder)
    }

    /// What an attribute says, without blanks around it; `None` when it says nothing.
    pub(super) fn text(&self, attr: &str) -> Option<String> {
        let text = match self.root.read(self.path(attr)) {
            Ok(text) => text?,
            Err(err) if is_no_answer(&err.cause) => return None,
            Err(err) => {
                self.errors.add(chain(&err));
                return None;
            }
        };
        let text = text
            .trim_start()
            .trim_end_matches(|it: char| it.is_whitespace() || it == '\0');
        (!text.is_empty()).then(|| text.to_owned())
    }

    pub(super) fn number<T: FromStr>(&self, attr: &str) -> Option<T> {
        self.parsed(attr, |text| text.parse().ok())
    }

    pub(super) fn flag(&self, attr: &str) -> Option<bool> {
        self.number(attr).map(|it: u8| it != 0)
    }

    /// The device's number, from `dev`.
    pub(super) fn device_number(&self) -> Option<(u32, u32)> {
        self.parsed("dev", parse_number)
    }

    pub(super) fn exists(&self, attr: &str) -> bool {
        self.root.exists(self.path(attr))
    }

    /// The names in a folder below.
    pub(super) fn list(&self, folder: &str) -> Vec<String> {
        self.root.list(self.path(folder)).unwrap_or_else(|err| {
            self.errors.add(chain(&err));
            Vec::new()
        })
    }

    fn parsed<T>(&self, attr: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = self.text(attr)?;
        let value = parse(&text);
        if value.is_none() {
            self.errors.add(format!(
                "{} is {text:?}, which is no number",
                self.path(attr)
            ));
        }
        value
    }
}

/// The way an attribute says that the device does not know, such as `wwid` of a SCSI disk without
/// page 0x83.
fn is_no_answer(cause: &io::Error) -> bool {
    matches!(cause.raw_os_error(), Some(EINVAL | ENODATA | ENXIO))
}
