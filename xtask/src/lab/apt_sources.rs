//! The Debian mirrors this machine is already configured to use.

use std::{env, fs, path::Path};

use anyhow::{Result, bail};

/// Overrides the mirror of the main archive.
const MIRROR_VARIABLE: &str = "MOXNAS_LAB_MIRROR";

/// Where packages of a suite come from.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Mirrors {
    pub(super) main: String,
    /// Not every mirror carries the security archive.
    pub(super) security: Option<String>,
}

impl Mirrors {
    /// Read from `/etc/apt`, so that no host name has to be known here.
    pub(super) fn of_this_machine() -> Result<Self> {
        let folder = Path::new("/etc/apt");
        let mut texts = vec![fs::read_to_string(folder.join("sources.list")).unwrap_or_default()];
        for entry in fs::read_dir(folder.join("sources.list.d"))
            .into_iter()
            .flatten()
            .flatten()
        {
            texts.push(fs::read_to_string(entry.path()).unwrap_or_default());
        }
        let mut mirrors = Self::parse(&texts);
        if let Ok(main) = env::var(MIRROR_VARIABLE) {
            mirrors = Self {
                main,
                security: None,
            };
        }
        if mirrors.main.is_empty() {
            bail!("no Debian mirror in /etc/apt: set {MIRROR_VARIABLE} to one");
        }
        Ok(mirrors)
    }

    fn parse(texts: &[String]) -> Self {
        let mut mirrors = Self::default();
        for (url, suites) in texts.iter().flat_map(|it| entries(it)) {
            let path = url.trim_end_matches('/');
            if suites.contains("-security") {
                mirrors.security.get_or_insert(path.to_owned());
            } else if path.ends_with("/debian") && mirrors.main.is_empty() {
                path.clone_into(&mut mirrors.main);
            }
        }
        mirrors
    }
}

/// Address and suites of every entry, in the one-line and in the deb822 form.
fn entries(text: &str) -> Vec<(String, String)> {
    if !text.lines().any(|it| it.starts_with("URIs:")) {
        return text.lines().filter_map(one_line).collect();
    }
    text.split("\n\n")
        .filter_map(|stanza| {
            let field = |name: &str| stanza.lines().find_map(|it| it.strip_prefix(name));
            let url = field("URIs:")?.split_whitespace().next()?;
            Some((url.to_owned(), field("Suites:")?.trim().to_owned()))
        })
        .collect()
}

/// `deb [options] address suite component...`
fn one_line(line: &str) -> Option<(String, String)> {
    let rest = line.trim().strip_prefix("deb ")?.trim_start();
    let rest = match rest.strip_prefix('[') {
        Some(options) => options.split_once(']')?.1,
        None => rest,
    };
    let mut words = rest.split_whitespace();
    Some((words.next()?.to_owned(), words.next()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_foreign_archives_passed_over() {
        let texts = [
            "# old form\ndeb [signed-by=/k] http://one.test/apt stable main\n".to_owned(),
            "Types: deb\nURIs: http://two.test/debian\nSuites: bookworm bookworm-updates\n\n\
             Types: deb\nURIs: http://two.test/debian-security\nSuites: bookworm-security\n"
                .to_owned(),
            "deb http://three.test/debian/ trixie main".to_owned(),
        ];
        let expected = Mirrors {
            main: "http://two.test/debian".to_owned(),
            security: Some("http://two.test/debian-security".to_owned()),
        };
        assert_eq!(Mirrors::parse(&texts), expected);
        assert_eq!(Mirrors::parse(&texts[2..]).main, "http://three.test/debian");
    }
}
