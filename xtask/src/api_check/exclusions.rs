//! What is not insisted on, each with its reason.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write as _},
    path::Path,
};

use anyhow::{Context as _, Result, bail, ensure};

/// The list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Exclusions(Vec<(Exclusion, String)>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Exclusion {
    Operation(String),
    Check { name: String, at: String },
    Code(String),
    Redocly(String),
    Spectral(String),
}

impl Exclusions {
    pub(super) fn read(path: &Path) -> Result<Exclusions> {
        Exclusions::parse(&super::read(path)?).with_context(|| path.display().to_string())
    }

    fn parse(text: &str) -> Result<Exclusions> {
        let mut all = Vec::new();
        for (number, line) in (1..).zip(text.lines().map(str::trim)) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (what, reason) = line.split_once(": ").unwrap_or((line, ""));
            ensure!(!reason.trim().is_empty(), "line {number} has no reason");
            let words: Vec<&str> = what.split_ascii_whitespace().collect();
            let what = Exclusion::parse(&words).with_context(|| format!("line {number}"))?;
            all.push((what, reason.trim().to_owned()));
        }
        Ok(Exclusions(all))
    }

    /// An operation that is gone needs no exclusion.
    pub(super) fn are_of_operations(&self, known: &[String]) -> Result<()> {
        for (it, _) in &self.0 {
            if let Exclusion::Operation(id) | Exclusion::Check { at: id, .. } = it {
                ensure!(known.contains(id), "there is no operation {id}: {it}");
            }
        }
        Ok(())
    }

    /// The codes of problems that may meet a request which the schema allows.
    pub(super) fn codes(&self) -> String {
        let codes = self.0.iter().filter_map(|(it, _)| match it {
            Exclusion::Code(code) => Some(code.as_str()),
            _ => None,
        });
        codes.collect::<Vec<_>>().join(" ")
    }

    /// The rules that redocly does not insist on.
    pub(super) fn of_redocly(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|(it, _)| match it {
            Exclusion::Redocly(rule) => Some(rule.as_str()),
            _ => None,
        })
    }

    /// The rules that spectral does not insist on.
    pub(super) fn of_spectral(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|(it, _)| match it {
            Exclusion::Spectral(rule) => Some(rule.as_str()),
            _ => None,
        })
    }

    /// Tables for schemathesis' settings.
    pub(super) fn tables(&self) -> String {
        let mut left_out = BTreeSet::new();
        let mut unchecked: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (it, _) in &self.0 {
            match it {
                Exclusion::Operation(id) => _ = left_out.insert(id),
                Exclusion::Check { name, at } => unchecked.entry(at).or_default().push(name),
                Exclusion::Code(_) | Exclusion::Redocly(_) | Exclusion::Spectral(_) => (),
            }
        }
        let mut text = String::new();
        for id in left_out {
            text +=
                &format!("\n[[operations]]\ninclude-operation-id = \"{id}\"\nenabled = false\n");
        }
        for (id, checks) in unchecked {
            text += &format!("\n[[operations]]\ninclude-operation-id = \"{id}\"\n");
            for check in checks {
                let _ = writeln!(text, "checks.{check}.enabled = false");
            }
        }
        text
    }
}

impl Exclusion {
    fn parse(words: &[&str]) -> Result<Exclusion> {
        Ok(match words {
            ["schemathesis", "operation", id] => Exclusion::Operation((*id).to_owned()),
            ["schemathesis", "check", name, "at", id] => Exclusion::Check {
                name: (*name).to_owned(),
                at: (*id).to_owned(),
            },
            ["schemathesis", "code", code] => Exclusion::Code((*code).to_owned()),
            ["redocly", rule] => Exclusion::Redocly((*rule).to_owned()),
            ["spectral", rule] => Exclusion::Spectral((*rule).to_owned()),
            _ => bail!("{:?} excludes nothing", words.join(" ")),
        })
    }
}

impl fmt::Display for Exclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exclusion::Operation(id) => write!(f, "schemathesis operation {id}"),
            Exclusion::Check { name, at } => write!(f, "schemathesis check {name} at {at}"),
            Exclusion::Code(code) => write!(f, "schemathesis code {code}"),
            Exclusion::Redocly(rule) => write!(f, "redocly {rule}"),
            Exclusion::Spectral(rule) => write!(f, "spectral {rule}"),
        }
    }
}

impl fmt::Display for Exclusions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, reason) in &self.0 {
            writeln!(f, "  {what}: {reason}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_a_reason_is_refused() {
        for text in [
            "redocly info-license",
            "redocly info-license: ",
            "redocly a b: c",
            "x: y",
        ] {
            assert!(Exclusions::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn lines_become_settings() {
        let text = "# why\n\nschemathesis operation a: b\nschemathesis check c at d: e: f\n\
                    schemathesis code g: h\nschemathesis code i: j\nspectral k: l\n";
        let all = Exclusions::parse(text).unwrap();
        let tables = all.tables();
        assert_eq!(all.codes(), "g i");
        assert!(tables.contains("\"a\"\nenabled = false"), "{tables}");
        assert!(
            tables.contains("\"d\"\nchecks.c.enabled = false"),
            "{tables}"
        );
        assert_eq!(all.of_spectral().collect::<Vec<_>>(), ["k"]);
        assert!(all.to_string().contains("check c at d: e: f"), "{all}");
        assert!(all.are_of_operations(&["a".into()]).is_err());
    }
}
