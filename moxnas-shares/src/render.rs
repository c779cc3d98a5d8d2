//! Intent to files: the same intent gives the same bytes, on any machine and at any time.

mod discovery;
mod nfs;
mod places;
mod service;
mod smb;
mod transfer;
mod unit;
mod web;

use askama::Template;
pub(crate) use discovery::can_announce;
pub use places::Places;
use serde::{Deserialize, Serialize};
pub use service::Service;
pub use unit::{UNIT_PATH, unit};

use crate::model::Intent;

/// A file that MoxNAS owns whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ConfigFile {
    /// Where it belongs.
    pub path: String,
    /// Its permissions.
    pub mode: u32,
    /// What is in it.
    pub text: String,
    /// Who reads it.
    pub service: Service,
    /// Whether anything is offered by it. A file that says that nothing is offered is written only over one
    /// of ours that says otherwise.
    pub is_needed: bool,
}

/// All files of an intent, in the order of their paths.
pub type ConfigSet = Vec<ConfigFile>;

/// A value was in the intent that a format cannot say, although its type let it pass.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot say what it should")]
pub struct RenderError {
    /// Which file.
    pub path: String,
    /// What the template said.
    #[source]
    pub cause: askama::Error,
}

/// The files that make a machine offer what is meant. Also those that say that nothing is offered: a file that
/// is not there would leave it to somebody else.
pub fn render(intent: &Intent, places: &Places) -> Result<ConfigSet, RenderError> {
    let mut files = Vec::new();
    smb::render(intent, places, &mut files)?;
    nfs::render(intent, places, &mut files)?;
    transfer::render(intent, places, &mut files)?;
    web::render(intent, places, &mut files)?;
    discovery::render(intent, places, &mut files)?;
    files.sort();
    Ok(files)
}

/// Add a file to a set, with the number of those that it offers something to or from.
fn add(
    files: &mut ConfigSet,
    (path, mode, service): (&str, u32, Service),
    entries: usize,
    template: &impl Template,
) -> Result<(), RenderError> {
    let mut text = String::with_capacity(512 + 256 * entries);
    let done = template.render_into(&mut text);
    done.map_err(|cause| RenderError {
        path: path.to_owned(),
        cause,
    })?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    files.push(ConfigFile {
        path: path.to_owned(),
        mode,
        text,
        service,
        is_needed: entries > 0,
    });
    Ok(())
}
