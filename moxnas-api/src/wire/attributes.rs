//! What is said of the folder of a dataset.

use clap::Args;
use moxnas_app::{Error, ops::datasets::DatasetSet};
use moxnas_core::units::{BadBytes, Bytes};
use moxnas_pool::dataset::{self as inside, AclEntry, Attributes, Who, parse_mode};
use poem_openapi::{Enum, Object};

/// What is said of the folder of a dataset. What is left out stays as it is
#[derive(Clone, Debug, Default, PartialEq, Object, Args)]
#[oai(deny_unknown_fields)]
pub struct DatasetAttributes {
    /// The user that it is to belong to: a name that the machine knows, or a number
    #[arg(long, value_name = "USER")]
    #[oai(validator(min_length = 1, max_length = 128))]
    pub owner: Option<String>,
    /// The group that it is to belong to: a name that the machine knows, or a number
    #[arg(long, value_name = "GROUP")]
    #[oai(validator(min_length = 1, max_length = 128))]
    pub group: Option<String>,
    /// Who may what, as chmod(1) takes it in digits: 2770 lets what is made in it belong to its group
    #[arg(long, value_name = "MODE")]
    #[oai(validator(pattern = "^[0-7]{3,4}$"))]
    pub mode: Option<String>,
    /// Who else may what, in place of all such entries: `user:NAME:rwx` or `group:NAME:rwx`; behind
    /// `default:` it is for what is made in it, and may be for nobody by name (`default:group::rwx`). An
    /// empty list, or `none`: nobody
    #[arg(long = "acl", value_name = "ENTRY")]
    #[oai(validator(max_items = 100))]
    pub acl: Option<Vec<String>>,
    /// Mode and entries for a usual case; a mode or entries beside it count instead
    #[arg(long, value_enum)]
    pub preset: Option<Preset>,
    /// How what is written from now on is compressed, on btrfs; `default`: as its pool is mounted
    #[arg(long, value_enum)]
    pub compression: Option<Compression>,
    /// Above this somebody is told, and nothing is refused; 0, or `none`: never
    #[arg(long = "soft-quota", value_name = "SIZE", value_parser = soft_quota)]
    pub soft_quota_bytes: Option<u64>,
}

/// Who may what, for usual cases
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, clap::ValueEnum)]
#[oai(rename_all = "snake_case")]
pub enum Preset {
    /// Its owner alone (0700)
    Private,
    /// Its owner and its group, to which all belongs that is made in it (2770)
    Group,
    /// The same, and everybody may read (2775)
    Public,
}

/// How what is written is compressed
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, clap::ValueEnum)]
#[oai(rename_all = "snake_case")]
pub enum Compression {
    /// By zstd
    Zstd,
    /// By LZO: quicker, and larger
    Lzo,
    /// By zlib: slower than zstd, and no smaller
    Zlib,
    /// Not at all, whatever the mount options say
    None,
    /// As the mount options say
    Default,
}

fn soft_quota(text: &str) -> Result<u64, BadBytes> {
    match text {
        "none" => Ok(0),
        size => size.parse().map(|it: Bytes| it.0),
    }
}

impl Preset {
    /// The mode, and the entries beside it.
    fn says(self) -> (u32, &'static [&'static str]) {
        match self {
            Preset::Private => (0o700, &[]),
            Preset::Group => (
                0o2770,
                &[
                    "default:user::rwx",
                    "default:group::rwx",
                    "default:other::---",
                ],
            ),
            Preset::Public => (
                0o2775,
                &[
                    "default:user::rwx",
                    "default:group::rwx",
                    "default:other::r-x",
                ],
            ),
        }
    }
}

impl TryFrom<DatasetAttributes> for Attributes<Who> {
    type Error = Error;

    fn try_from(it: DatasetAttributes) -> Result<Attributes<Who>, Error> {
        let who = |name: Option<String>| name.map(|it| it.parse::<Who>()).transpose();
        let (mode, entries) = it.preset.map(Preset::says).unzip();
        let acl = match it.acl {
            Some(given) => Some(given.into_iter().filter(|it| it != "none").collect()),
            None => entries.map(|it| it.iter().map(ToString::to_string).collect()),
        };
        let acl = acl.map(|all: Vec<String>| {
            let all = all.iter().map(|it| it.parse::<AclEntry<Who>>());
            all.collect::<Result<Vec<_>, _>>()
        });
        Ok(Attributes {
            owner: who(it.owner)?,
            group: who(it.group)?,
            mode: match it.mode {
                Some(given) => Some(parse_mode(&given)?),
                None => mode,
            },
            acl: acl.transpose()?,
            compression: it.compression.map(Into::into),
            soft_quota: it.soft_quota_bytes.map(|it| (it > 0).then_some(Bytes(it))),
        })
    }
}

impl DatasetAttributes {
    /// The wish for this dataset.
    pub fn of(self, pool: String, dataset: String) -> Result<DatasetSet, Error> {
        Ok(DatasetSet {
            pool,
            dataset,
            attributes: self.try_into()?,
        })
    }
}

impl Compression {
    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match Option::from(self) {
            None => "default",
            Some(it) => inside::Compression::word(it),
        }
    }
}

impl From<Compression> for Option<inside::Compression> {
    fn from(it: Compression) -> Option<inside::Compression> {
        Some(match it {
            Compression::Zstd => inside::Compression::Zstd,
            Compression::Lzo => inside::Compression::Lzo,
            Compression::Zlib => inside::Compression::Zlib,
            Compression::None => inside::Compression::None,
            Compression::Default => return None,
        })
    }
}

impl From<Option<inside::Compression>> for Compression {
    fn from(it: Option<inside::Compression>) -> Compression {
        match it {
            Some(inside::Compression::Zstd) => Compression::Zstd,
            Some(inside::Compression::Lzo) => Compression::Lzo,
            Some(inside::Compression::Zlib) => Compression::Zlib,
            Some(inside::Compression::None) => Compression::None,
            None => Compression::Default,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_beside_a_preset_counts() {
        let said = DatasetAttributes {
            preset: Some(Preset::Group),
            mode: Some("2750".to_owned()),
            ..DatasetAttributes::default()
        };
        let wish = Attributes::try_from(said.clone()).unwrap();
        assert_eq!(wish.mode, Some(0o2750));
        assert_eq!(wish.acl.unwrap().len(), 3);
        let none = DatasetAttributes {
            acl: Some(vec!["none".to_owned()]),
            soft_quota_bytes: Some(0),
            ..said
        };
        let wish = Attributes::try_from(none).unwrap();
        assert_eq!((wish.acl, wish.soft_quota), (Some(vec![]), Some(None)));
        for preset in [Preset::Private, Preset::Group, Preset::Public] {
            let said = DatasetAttributes {
                preset: Some(preset),
                ..DatasetAttributes::default()
            };
            assert!(Attributes::try_from(said).is_ok());
        }
    }
}
