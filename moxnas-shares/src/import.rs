//! What somebody else set up, taken over: smb.conf, exports and vsftpd.conf to an [`Intent`].
//!
//! Nothing is lost in silence. What could be taken over is rendered, read again and held against
//! what was there, option by option, with what holds where nothing is said: whatever differs is in
//! [`Left`]. Where a share would be open to more than before without what is left, it is not taken
//! over at all.
//!
//! Users of FTP and SFTP are in none of these files, nor is what nfs.conf(5) says.

mod ftp;
mod nfs;
mod smb;

use moxnas_core::names::BadName;

use crate::{
    model::Intent,
    parsed::{ParseError, Reason},
    render::{ConfigSet, Places, render},
};

/// A file that somebody else wrote.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Where it is, for people.
    pub path: &'a str,
    /// What it is.
    pub format: Format,
    /// What is in it.
    pub text: &'a str,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// smb.conf(5)
    SmbConf,
    /// exports(5)
    Exports,
    /// vsftpd.conf(5)
    VsftpdConf,
}

/// What was taken over, and what was not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// What could be.
    pub intent: Intent,
    /// What could not, or would be otherwise, in the order of the files.
    pub left: Vec<Left>,
}

/// Something that could not be taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// In which file.
    pub file: String,
    /// On which line; `None`: it is something that holds although nothing is said.
    pub line: Option<usize>,
    /// In which section or export, if in one.
    pub section: Option<String>,
    /// Which option; `None`: all of it.
    pub option: Option<String>,
    /// What it says there.
    pub value: String,
    /// Why not.
    pub why: Why,
}

/// Why something could not be taken over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// It was not understood.
    #[error(transparent)]
    Unread(#[from] Reason),
    /// The model has no place for it.
    #[error("MoxNAS has no setting for it")]
    NoSetting,
    /// It is said otherwise.
    #[error("MoxNAS writes {0:?}")]
    Otherwise(String),
    /// Nothing is said, and what then holds will not any more.
    #[error("nothing is said, which comes to this; MoxNAS writes {0:?}")]
    Unsaid(String),
    /// A name, path or text that MoxNAS does not take.
    #[error(transparent)]
    Bad(#[from] BadName),
    /// What is in it cannot be written again.
    #[error("it has a variable, or a quotation mark within")]
    Variable,
    /// A section that offers no folder.
    #[error("it is no share of a folder")]
    NotAShare,
    /// A share without a folder.
    #[error("it has no path")]
    NoPath,
    /// What it stands for is somewhere else.
    #[error("it takes over what stands elsewhere, which was not read")]
    Elsewhere,
    /// `hosts allow` in `[global]`.
    #[error("it holds for the server too; it is taken over for its shares alone")]
    OfTheServer,
    /// A list of the server and one of the share, of which both hold.
    #[error("the server has such a list too, and who is on one alone may not")]
    BothHold,
    /// Nothing is there that it could change.
    #[error("it changes nothing where it stands")]
    NoEffect,
    /// Something that keeps others out could not be taken over.
    #[error("not taken over: without what is left more would be open than was")]
    WouldBeOpen,
    /// Two would be one.
    #[error("there is one of this name or for this client, which holds")]
    Twice,
    /// What it makes of it is refused by exportfs.
    #[error("exportfs refuses it, and what follows in the file")]
    Refused,
    /// Files could not be made of what was taken over.
    #[error("what it comes to cannot be written")]
    NotWritten,
}

/// Takes over what some files say. Several of one format are read one behind the other.
#[must_use]
pub fn import(sources: &[Source<'_>], places: &Places) -> Imported {
    let mut imported = Imported {
        intent: Intent::default(),
        left: Vec::new(),
    };
    let of = |format| -> Vec<Source<'_>> {
        let of = sources.iter().filter(|it| it.format == format);
        of.copied().collect()
    };
    smb::import(&of(Format::SmbConf), places, &mut imported);
    nfs::import(&of(Format::Exports), places, &mut imported);
    ftp::import(&of(Format::VsftpdConf), places, &mut imported);
    imported
}

/// The text that an intent comes to in a file.
fn rendered(intent: &Intent, places: &Places, path: &str) -> Option<String> {
    let files: ConfigSet = render(intent, places).ok()?;
    files
        .into_iter()
        .find(|it| it.path == path)
        .map(|it| it.text)
}

impl Imported {
    fn unread(&mut self, file: &str, errors: Vec<ParseError>) {
        self.left.extend(errors.into_iter().map(|it| Left {
            file: file.to_owned(),
            line: Some(it.line),
            section: None,
            option: None,
            value: it.text,
            why: it.reason.into(),
        }));
    }
}

#[cfg(test)]
mod tests;
