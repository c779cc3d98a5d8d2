//! The words of a file of exports: what `xgettok` of nfs-utils takes for one.

use crate::parsed::{ParseError, Reason};

/// A word and where it begins.
pub(super) struct Token {
    pub(super) text: String,
    pub(super) line: usize,
}

pub(super) struct Tokens<'a> {
    rest: &'a [u8],
    line: usize,
}

/// A byte, how many of the text it is, and how many lines.
type Step = (u8, usize, usize);

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str) -> Tokens<'a> {
        Tokens {
            rest: text.as_bytes(),
            line: 1,
        }
    }

    /// The next word of this line or those below; `None`: there is none.
    pub(super) fn next_path(&mut self) -> Option<Result<Token, ParseError>> {
        loop {
            self.skip(b" \t\n");
            match self.take()? {
                // A blank of another kind, such as the carriage return of an empty line.
                Ok(None) => continue,
                Ok(Some(token)) => return Some(Ok(token)),
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// The next word of this line; `None`: there is none.
    pub(super) fn next_word(&mut self) -> Option<Result<Token, ParseError>> {
        self.skip(b" \t");
        self.take()?.transpose()
    }

    /// A backslash and a line break are a blank, with those that follow.
    fn peek(&self) -> Option<Step> {
        match self.rest {
            [b'\\', b'\n', rest @ ..] => {
                let blanks = rest.iter().take_while(|it| matches!(it, b' ' | b'\t'));
                Some((b' ', blanks.count().saturating_add(2), 1))
            }
            [b'\n', ..] => Some((b'\n', 1, 1)),
            [it, ..] => Some((*it, 1, 0)),
            [] => None,
        }
    }

    fn advance(&mut self, (_, bytes, lines): Step) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
        self.line = self.line.saturating_add(lines);
    }

    /// Over blanks and what is a comment to the end of its line.
    fn skip(&mut self, blanks: &[u8]) {
        while let Some(step) = self.peek() {
            match step.0 {
                b'#' => {
                    let end = self.rest.iter().position(|it| *it == b'\n');
                    self.rest = end.and_then(|it| self.rest.get(it..)).unwrap_or_default();
                }
                it if blanks.contains(&it) => self.advance(step),
                _ => return,
            }
        }
    }

    /// A word; `Ok(None)`: there is none before the next blank; `None`: the text is at its end.
    fn take(&mut self) -> Option<Result<Option<Token>, ParseError>> {
        let line = self.line;
        let mut bytes = Vec::new();
        let mut is_quoted = false;
        self.peek()?;
        while let Some(step) = self.peek() {
            match step.0 {
                // What ends a line is left for whoever looks for the next word of it.
                b'\n' if !is_quoted => break,
                it if !is_quoted && is_blank(it) => {
                    self.advance(step);
                    break;
                }
                b'"' => is_quoted = !is_quoted,
                it => {
                    bytes.push(it);
                    decode(&mut bytes);
                }
            }
            self.advance(step);
        }
        if is_quoted {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let reason = Reason::OpenQuote;
            return Some(Err(ParseError { line, text, reason }));
        }
        Some(match String::from_utf8(bytes) {
            Ok(text) if text.is_empty() => Ok(None),
            Ok(text) => Ok(Some(Token { text, line })),
            Err(bad) => Err(ParseError {
                line,
                text: String::from_utf8_lossy(bad.as_bytes()).into_owned(),
                reason: Reason::NotUtf8,
            }),
        })
    }
}

fn is_blank(it: u8) -> bool {
    it.is_ascii_whitespace() || it == 0x0b
}

/// A backslash and three octal digits at the end become the byte that they stand for.
fn decode(bytes: &mut Vec<u8>) {
    if let [.., b'\\', a @ b'0'..=b'7', b @ b'0'..=b'7', c @ b'0'..=b'7'] = bytes.as_slice() {
        // Three digits are nine bits, of which C keeps eight.
        let byte = (a & 7) << 6 | (b & 7) << 3 | (c & 7);
        bytes.truncate(bytes.len().saturating_sub(4));
        bytes.push(byte);
    }
}
