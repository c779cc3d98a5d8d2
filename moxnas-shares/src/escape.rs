//! What stands between a value and a file: one escaper for each format. What a format cannot say
//! makes the rendering fail; types refuse it long before, so that is the second lock on the door.

use std::fmt;

use askama::filters::Escaper;

/// Of smb.conf(5). There is no escape character: a line break would begin another parameter, a
/// backslash at its end would go on with the next line, a percent sign begins a variable, and of
/// two blanks Samba makes one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Samba;

/// Of exports(5): `\` and three octal digits stand for a byte. exportfs looks for them again in what they
/// stood for, and mountd once more in what exportfs wrote down: a folder with such digits in its name
/// cannot be told to them, and another may be of the name that they come to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exports;

/// Of XML: what could begin a tag or an entity is written as one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Xml;

/// Of files in which a value is all that is left of its line, and nothing can be escaped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain;

fn has_no_line_break(text: &str) -> fmt::Result {
    // No byte of a longer character is below 128, and none beyond 127 ends a line.
    match text
        .bytes()
        .fold(false, |odd, it| odd | it.is_ascii_control())
    {
        true => Err(fmt::Error),
        false => Ok(()),
    }
}

/// Whether smb.conf(5) can say this. Of two blanks Samba makes one.
pub(crate) fn can_samba_say(text: &str) -> bool {
    // Without a way out of the loop it is done many bytes at a time.
    let (is_odd, has_blank) = text.bytes().fold((false, false), |(odd, blank), it| {
        let is_odd = it.is_ascii_control() | (it == b'%') | (it == b'"');
        (odd | is_odd, blank | (it == b' '))
    });
    let has_two_blanks = has_blank && text.as_bytes().windows(2).any(|it| it == b"  ");
    !(is_odd || has_two_blanks || text.ends_with('\\'))
}

/// Whether exports(5) can say this. What looks like an escape exportfs decodes twice.
pub(crate) fn can_exports_say(text: &str) -> bool {
    has_no_line_break(text).is_ok() && !has_octal(text)
}

impl Escaper for Samba {
    fn write_escaped_str<W: fmt::Write>(&self, mut to: W, text: &str) -> fmt::Result {
        match can_samba_say(text) {
            true => to.write_str(text),
            false => Err(fmt::Error),
        }
    }
}

impl Escaper for Xml {
    fn write_escaped_str<W: fmt::Write>(&self, mut to: W, text: &str) -> fmt::Result {
        has_no_line_break(text)?;
        for it in text.chars() {
            match it {
                '&' => to.write_str("&amp;")?,
                '<' => to.write_str("&lt;")?,
                '>' => to.write_str("&gt;")?,
                '"' => to.write_str("&quot;")?,
                '\'' => to.write_str("&apos;")?,
                it => to.write_char(it)?,
            }
        }
        Ok(())
    }
}

impl Escaper for Plain {
    fn write_escaped_str<W: fmt::Write>(&self, mut to: W, text: &str) -> fmt::Result {
        has_no_line_break(text)?;
        to.write_str(text)
    }
}

/// Whether there is a backslash with three octal digits behind it.
fn has_octal(text: &str) -> bool {
    let is_octal = |it: &u8| matches!(it, b'0'..=b'7');
    let mut fours = text.as_bytes().windows(4);
    fours.any(|it| matches!(it, [b'\\', digits @ ..] if digits.iter().all(is_octal)))
}

impl Escaper for Exports {
    fn write_escaped_str<W: fmt::Write>(&self, mut to: W, text: &str) -> fmt::Result {
        if !can_exports_say(text) {
            return Err(fmt::Error);
        }
        let mut rest = text;
        while let Some(at) = rest.find([' ', '"', '#', '\\']) {
            let (before, from) = rest.split_at(at);
            to.write_str(before)?;
            let mut chars = from.chars();
            let special = chars.next().ok_or(fmt::Error)?;
            write!(to, "\\{:03o}", u32::from(special))?;
            rest = chars.as_str();
        }
        to.write_str(rest)
    }
}

/// What [`Exports`] wrote, and exportfs(8) shows: `\040` and its like are bytes.
pub(crate) fn unescape(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let octal = tail.get(..3).filter(|_| *first == b'\\');
        let byte = octal
            .and_then(|it| std::str::from_utf8(it).ok())
            .and_then(|it| u8::from_str_radix(it, 8).ok());
        match byte {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[3..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(by: impl Escaper, text: &str) -> Option<String> {
        let mut out = String::new();
        by.write_escaped_str(&mut out, text).ok().map(|()| out)
    }

    #[test]
    fn what_a_format_cannot_say_is_no_file() {
        for bad in ["a\nb", "a\rb", "\0", "100%", "a\"", "a\\", "a  b"] {
            assert_eq!(escaped(Samba, bad), None, "{bad:?}");
        }
        assert_eq!(escaped(Samba, "A; # [b]").as_deref(), Some("A; # [b]"));
        assert_eq!(escaped(Plain, "a\nb"), None);
        assert_eq!(escaped(Xml, "a\nb"), None);
        assert_eq!(
            escaped(Xml, "R&D <'x'> \"ä\"").as_deref(),
            Some("R&amp;D &lt;&apos;x&apos;&gt; &quot;ä&quot;")
        );
        assert_eq!(escaped(Exports, "a\nb"), None);
        assert_eq!(
            escaped(Exports, r#"/srv/a b/"c"#).as_deref(),
            Some(r#"/srv/a\040b/\042c"#)
        );
        assert_eq!(escaped(Exports, "/a#\\").as_deref(), Some("/a\\043\\134"));
        for text in ["/srv/a b", "/x#\"\\04", "/ä"] {
            assert_eq!(unescape(&escaped(Exports, text).unwrap()), text);
        }
        assert_eq!(escaped(Exports, "/a\\06").as_deref(), Some("/a\\13406"));
        // exportfs 2.6.2 offers /a0 for it.
        assert_eq!(escaped(Exports, "/a\\060"), None);
    }
}
