//! What a reader of a file gives that another program wrote: what could be read, and what could
//! not.
//!
//! One damaged line does not hide the others, and is not lost in silence.

/// What was read from a text, and the errors met on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed<T> {
    /// Everything that was understood, in the order of the text.
    pub items: Vec<T>,
    /// What was not, in the order of the lines.
    pub errors: Vec<ParseError>,
}

impl<T> Default for Parsed<T> {
    fn default() -> Parsed<T> {
        Parsed {
            items: Vec::new(),
            errors: Vec::new(),
        }
    }
}

/// A line, or a part of it, that was not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}: {text:?}")]
pub struct ParseError {
    /// Number of the line, from 1.
    pub line: usize,
    /// What stands there.
    pub text: String,
    /// What is wrong with it.
    pub reason: Reason,
}

/// Why a line, or a part of it, was not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// smb.conf(5): Samba passes over such a line without a word.
    #[error("there is no `=`, so that Samba passes over it")]
    NoEquals,
    /// smb.conf(5): Samba reads nothing of the file any more.
    #[error("there is no name before the `=`, for which Samba refuses the file")]
    NoName,
    /// smb.conf(5): likewise.
    #[error("the section is not closed by `]`, for which Samba refuses the file")]
    NotClosed,
    /// A word of yes or no was expected.
    #[error("it is neither yes nor no")]
    NotABoolean,
    /// exports(5): nothing below it is read.
    #[error(
        "the list of options is not closed by `)`, for which exportfs refuses the rest of the file"
    )]
    NotAList,
    /// exports(5): likewise.
    #[error(
        "two commas have no option between them, for which exportfs refuses the rest of the file"
    )]
    EmptyOption,
    /// exports(5): a quotation mark goes on to the end of the file.
    #[error("the quotation mark is not closed")]
    OpenQuote,
    /// exports(5): what the octal digits stand for is no UTF-8.
    #[error("it is no text in UTF-8")]
    NotUtf8,
    /// vsftpd.conf(5): there must be none around the `=`, nor behind the value.
    #[error("vsftpd takes the space for a part of the name or the value")]
    Space,
    /// vsftpd.conf(5): only a text may be without a value.
    #[error("vsftpd does not start without a value")]
    NoValue,
    /// vsftpd.conf(5)
    #[error("vsftpd does not start with an option that it does not know")]
    UnknownOption,
    /// vsftpd.conf(5)
    #[error("it is no number, which vsftpd takes for 0 or for what its beginning says")]
    NotANumber,
}
