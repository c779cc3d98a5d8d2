//! exports(5), as exportfs(8) reads it.
//!
//! A path and behind it the machines that it is offered to, each with options of its own. A dash
//! begins options for all that come after it. Whoever is not named is everybody: a path alone is an
//! offer to the world. Quotation marks keep blanks in a word, `\040` and the like stand for a byte,
//! and a backslash at the end of a line is a blank, so that a list of options cannot go on behind
//! it.
//!
//! exportfs reads nothing more of a file once it met an error; this reader goes on and says so.
//!
//! ```
//! use moxnas_shares::exports::parse;
//!
//! let parsed = parse("/srv/a\\040b -sync 10.0.0.0/8(rw) @trusted\n/srv/c *(rw\n/srv/d\n");
//! let export = &parsed.items[0];
//! assert_eq!(export.path, "/srv/a b");
//! assert_eq!(export.clients[1].client, "@trusted");
//! assert_eq!(export.clients[1].effect().get("async"), Some("no"));
//! assert_eq!(parsed.errors[0].line, 2);
//! assert!(parsed.items[2].clients[0].client.is_empty());
//! ```
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod effect;
mod tokens;

pub use effect::Effect;
use tokens::{Token, Tokens};

use crate::parsed::{ParseError, Parsed, Reason};

/// A path and to whom it is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// The folder.
    pub path: String,
    /// On which line it begins, from 1.
    pub line: usize,
    /// To whom, in the order of the text.
    pub clients: Vec<Client>,
}

/// Machines that a path is offered to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Which; nothing is everybody, as `*` is.
    pub client: String,
    /// On which line it stands, from 1.
    pub line: usize,
    /// Options that stood behind a dash before it.
    pub defaults: Vec<String>,
    /// Its own.
    pub options: Vec<String>,
}

impl Client {
    /// What comes of its options.
    #[must_use]
    pub fn effect(&self) -> Effect {
        effect::effect(&self.defaults, &self.options)
    }
}

/// Reads the text of a file of exports.
#[must_use]
pub fn parse(text: &str) -> Parsed<Export> {
    let mut reader = Reader {
        tokens: Tokens::new(text),
        parsed: Parsed::default(),
    };
    while let Some(path) = reader.path() {
        let mut export = Export {
            path: path.text,
            line: path.line,
            clients: Vec::new(),
        };
        reader.clients(&mut export);
        reader.parsed.items.push(export);
    }
    reader.parsed
}

struct Reader<'a> {
    tokens: Tokens<'a>,
    parsed: Parsed<Export>,
}

impl Reader<'_> {
    /// The next path, wherever it is.
    fn path(&mut self) -> Option<Token> {
        loop {
            match self.tokens.next_path()? {
                Ok(token) => return Some(token),
                Err(error) => self.parsed.errors.push(error),
            }
        }
    }

    /// The next word of the line.
    fn word(&mut self) -> Option<Token> {
        loop {
            match self.tokens.next_word()? {
                Ok(token) => return Some(token),
                Err(error) => self.parsed.errors.push(error),
            }
        }
    }

    fn clients(&mut self, export: &mut Export) {
        let mut defaults = Vec::new();
        let mut next = self.word();
        loop {
            // Behind a dash comes a client, even if it begins with one, or nobody, which is
            // everybody.
            let has_dash = next.as_ref().is_some_and(|it| it.text.starts_with('-'));
            if let Some(token) = next.take_if(|_| has_dash) {
                let options = token.text.strip_prefix('-').unwrap_or_default();
                defaults.extend(self.options(&token, options));
                next = self.word();
            }
            let client = match next {
                Some(token) => self.client(&token, &defaults),
                None if has_dash || export.clients.is_empty() => Some(Client {
                    client: String::new(),
                    line: export.line,
                    defaults: defaults.clone(),
                    options: Vec::new(),
                }),
                None => None,
            };
            export.clients.extend(client);
            next = match self.word() {
                Some(token) => Some(token),
                None => return,
            };
        }
    }

    fn client(&mut self, token: &Token, defaults: &[String]) -> Option<Client> {
        let (client, options) = match token.text.split_once('(') {
            Some((client, rest)) => match rest.split_once(')') {
                Some((options, "")) => (client, self.options(token, options)),
                _ => {
                    self.error(token, Reason::NotAList);
                    return None;
                }
            },
            None => (token.text.as_str(), Vec::new()),
        };
        Some(Client {
            client: client.to_owned(),
            line: token.line,
            defaults: defaults.to_vec(),
            options,
        })
    }

    /// The options of a list. A comma may close it.
    fn options(&mut self, token: &Token, list: &str) -> Vec<String> {
        let mut options: Vec<String> = Vec::new();
        let list = list
            .strip_suffix(',')
            .unwrap_or(list)
            .trim_start_matches([' ', '\t']);
        if list.is_empty() {
            return options;
        }
        for option in list.split(',') {
            let option = option.trim_start_matches([' ', '\t']);
            let is_number = option.starts_with(|it: char| it.is_ascii_digit());
            let of_a_list = options.last_mut().filter(|it| it.starts_with("squash_"));
            match of_a_list {
                // squash_uids=0-15,20: what begins with a digit goes on with the list.
                Some(list) if is_number => {
                    list.push(',');
                    list.push_str(option);
                }
                _ if option.is_empty() => self.error(token, Reason::EmptyOption),
                _ => options.push(option.to_owned()),
            }
        }
        options
    }

    fn error(&mut self, token: &Token, reason: Reason) {
        self.parsed.errors.push(ParseError {
            line: token.line,
            text: token.text.clone(),
            reason,
        });
    }
}

#[cfg(test)]
mod tests;
