//! Access control lists, see acl(5), and their form in the extended attributes of a file.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What somebody may do with a folder: list it, change what is in it, go through it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Perms(u8);

/// A text that says no permissions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no permissions: they are written as r, w and x, with - for what is not allowed")]
pub struct BadPerms(String);

impl Perms {
    /// The lowest three bits.
    #[must_use]
    pub fn of_bits(bits: u32) -> Perms {
        Perms((bits & 7) as u8)
    }

    /// As three bits: 4 to read, 2 to write, 1 to go through.
    #[must_use]
    pub fn bits(self) -> u32 {
        self.0.into()
    }

    /// What one or the other may.
    #[must_use]
    pub fn or(self, other: Perms) -> Perms {
        Perms(self.0 | other.0)
    }

    /// What both may.
    #[must_use]
    pub fn and(self, other: Perms) -> Perms {
        Perms(self.0 & other.0)
    }

    /// Whether all of it is allowed.
    #[must_use]
    pub fn has(self, wanted: Perms) -> bool {
        self.and(wanted) == wanted
    }
}

impl FromStr for Perms {
    type Err = BadPerms;

    fn from_str(text: &str) -> Result<Perms, BadPerms> {
        let bad = || BadPerms(text.to_owned());
        if text.is_empty() || text.len() > 3 {
            return Err(bad());
        }
        let mut bits = 0;
        for letter in text.bytes() {
            bits |= match letter {
                b'r' => 4,
                b'w' => 2,
                b'x' => 1,
                b'-' => 0,
                _ => return Err(bad()),
            };
        }
        Ok(Perms(bits))
    }
}

impl fmt::Display for Perms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (bit, letter) in [(4, 'r'), (2, 'w'), (1, 'x')] {
            let letter = if self.0 & bit == 0 { '-' } else { letter };
            write!(f, "{letter}")?;
        }
        Ok(())
    }
}

impl From<Perms> for String {
    fn from(it: Perms) -> String {
        it.to_string()
    }
}

impl TryFrom<String> for Perms {
    type Error = BadPerms;

    fn try_from(text: String) -> Result<Perms, BadPerms> {
        text.parse()
    }
}

/// Whom an entry is for, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whom {
    /// A user.
    User(u32),
    /// A group.
    Group(u32),
}

/// Who may what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acl {
    /// The owner.
    pub owner: Perms,
    /// The group that it belongs to.
    pub group: Perms,
    /// Everybody else.
    pub other: Perms,
    /// Whom it names beside these, in the order of their numbers, users first.
    #[serde(with = "as_list")]
    pub named: BTreeMap<Whom, Perms>,
    /// The most that those named and the group may; `None` where nobody is named.
    pub mask: Option<Perms>,
}

/// JSON has no keys but texts.
mod as_list {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Perms, Whom};

    pub(super) fn serialize<S: Serializer>(
        it: &BTreeMap<Whom, Perms>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        it.iter().collect::<Vec<_>>().serialize(to)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(
        from: D,
    ) -> Result<BTreeMap<Whom, Perms>, D::Error> {
        Ok(Vec::deserialize(from)?.into_iter().collect())
    }
}

/// What an extended attribute says that is no list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an access control list in a form that is not known")]
pub struct BadAcl;

/// The only version that there is, see `include/uapi/linux/posix_acl_xattr.h` of Linux.
const VERSION: u32 = 2;
/// What stands where an entry needs no number.
const NOBODY: u32 = u32::MAX;
const OWNER: u16 = 0x01;
const USER: u16 = 0x02;
const OWNING_GROUP: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const OTHER: u16 = 0x20;

impl Acl {
    /// What a mode says of owner, group and others, see chmod(2).
    #[must_use]
    pub fn of_mode(mode: u32) -> Acl {
        Acl {
            owner: Perms::of_bits(mode >> 6),
            group: Perms::of_bits(mode >> 3),
            other: Perms::of_bits(mode),
            ..Acl::default()
        }
    }

    /// The nine bits of a mode that it is on the disk: the mask takes the place of the group.
    #[must_use]
    pub fn mode(&self) -> u32 {
        let group = self.mask.unwrap_or(self.group);
        self.owner.bits() << 6 | group.bits() << 3 | self.other.bits()
    }

    /// What an entry lets those have that it is for: the owner and others are not masked.
    #[must_use]
    pub fn masked(&self, perms: Perms) -> Perms {
        match self.mask {
            Some(mask) => perms.and(mask),
            None => perms,
        }
    }

    /// Let the mask be what lets everybody have what is said of them.
    pub fn open_mask(&mut self) {
        let all = self.named.values().fold(self.group, |all, it| all.or(*it));
        self.mask = (!self.named.is_empty()).then_some(all);
    }

    /// Read the value of `system.posix_acl_access` or `system.posix_acl_default`.
    pub fn parse(value: &[u8]) -> Result<Acl, BadAcl> {
        let (version, rest) = value.split_first_chunk().ok_or(BadAcl)?;
        let (entries, surplus) = rest.as_chunks::<8>();
        if u32::from_le_bytes(*version) != VERSION || !surplus.is_empty() {
            return Err(BadAcl);
        }
        let (mut owner, mut group, mut other) = (None, None, None);
        let mut acl = Acl::default();
        for [t0, t1, p0, p1, n0, n1, n2, n3] in entries {
            let perms = u16::from_le_bytes([*p0, *p1]);
            if perms > 7 {
                return Err(BadAcl);
            }
            let perms = Perms::of_bits(perms.into());
            let number = u32::from_le_bytes([*n0, *n1, *n2, *n3]);
            let before = match u16::from_le_bytes([*t0, *t1]) {
                OWNER => owner.replace(perms),
                OWNING_GROUP => group.replace(perms),
                OTHER => other.replace(perms),
                MASK => acl.mask.replace(perms),
                USER => acl.named.insert(Whom::User(number), perms),
                GROUP => acl.named.insert(Whom::Group(number), perms),
                _ => return Err(BadAcl),
            };
            if before.is_some() {
                return Err(BadAcl);
            }
        }
        acl.owner = owner.ok_or(BadAcl)?;
        acl.group = group.ok_or(BadAcl)?;
        acl.other = other.ok_or(BadAcl)?;
        Ok(acl)
    }

    /// As the kernel takes it: in the order of the tags, which is the only one that it accepts.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        let (mut users, mut groups) = (Vec::new(), Vec::new());
        for (whom, perms) in &self.named {
            match whom {
                Whom::User(number) => users.push((USER, *perms, *number)),
                Whom::Group(number) => groups.push((GROUP, *perms, *number)),
            }
        }
        let mut all = vec![(OWNER, self.owner, NOBODY)];
        all.extend(users);
        all.push((OWNING_GROUP, self.group, NOBODY));
        all.extend(groups);
        all.extend(self.mask.map(|it| (MASK, it, NOBODY)));
        all.push((OTHER, self.other, NOBODY));
        let mut value = VERSION.to_le_bytes().to_vec();
        for (tag, perms, number) in all {
            value.extend(tag.to_le_bytes());
            value.extend((perms.bits() as u16).to_le_bytes());
            value.extend(number.to_le_bytes());
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn permissions_are_read_as_they_are_shown() {
        for bits in 0..8 {
            let perms = Perms::of_bits(bits);
            assert_eq!(perms.to_string().parse(), Ok(perms));
        }
        assert_eq!("rx".parse::<Perms>().unwrap().to_string(), "r-x");
        for text in ["", "rwxr", "7", "R", "r w"] {
            assert!(text.parse::<Perms>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_list_is_an_error() {
        let fine = Acl::of_mode(0o750).render();
        assert_eq!(Acl::parse(&fine), Ok(Acl::of_mode(0o750)));
        for length in 0..fine.len() {
            assert_eq!(Acl::parse(&fine[..length]), Err(BadAcl), "{length}");
        }
        let twice = [&fine[..], &fine[4..12]].concat();
        assert_eq!(Acl::parse(&twice), Err(BadAcl));
        for (at, byte) in [(0, 3), (4, 0x40), (6, 8)] {
            let mut odd = fine.clone();
            odd[at] = byte;
            assert_eq!(Acl::parse(&odd), Err(BadAcl), "{at}");
        }
    }

    proptest! {
        #[test]
        fn a_list_is_read_as_it_was_written(
            mode in 0..0o1000u32,
            users in prop::collection::btree_map(any::<u32>(), 0..8u32, 0..4),
            groups in prop::collection::btree_map(any::<u32>(), 0..8u32, 0..4),
        ) {
            let mut acl = Acl::of_mode(mode);
            acl.named.extend(users.iter().map(|(id, it)| (Whom::User(*id), Perms::of_bits(*it))));
            acl.named.extend(groups.iter().map(|(id, it)| (Whom::Group(*id), Perms::of_bits(*it))));
            acl.open_mask();
            prop_assert_eq!(Acl::parse(&acl.render()), Ok(acl.clone()));
            let json = serde_json::to_string(&acl).unwrap();
            prop_assert_eq!(serde_json::from_str::<Acl>(&json).unwrap(), acl);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(acl) = Acl::parse(&bytes) {
                prop_assert_eq!(Acl::parse(&acl.render()), Ok(acl));
            }
        }
    }
}
