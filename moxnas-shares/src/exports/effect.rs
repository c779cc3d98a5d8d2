//! What comes of the options of an export: what `parseopts` of nfs-utils makes of them, in the
//! words of exports(5).

use std::collections::BTreeMap;

/// What holds for a client, whether it was said or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    says: BTreeMap<&'static str, String>,
    /// Options for which exportfs refuses the rest of the file.
    pub refused: Vec<String>,
}

impl Effect {
    /// What holds of an option: `yes` or `no` of `ro`, `async`, `wdelay`, `nohide`, `crossmnt`,
    /// `insecure`, `root_squash`, `all_squash`, `subtree_check`, `auth_nlm`, `acl`, `pnfs`,
    /// `nordirplus` and `security_label`; a value of `sec`, `anonuid`, `anongid`, and of others if
    /// it is said.
    #[must_use]
    pub fn get(&self, option: &str) -> Option<&str> {
        self.says.get(option).map(String::as_str)
    }

    /// All that holds.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.says
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
    }

    /// Whether an option that is yes or no holds.
    #[must_use]
    pub fn holds(&self, option: &str) -> bool {
        self.get(option) == Some("yes")
    }
}

/// Something that is so or not: the word for yes, that for no, its name, and what it is if nobody
/// says.
type Flag = (&'static str, &'static str, &'static str, bool);

const FLAGS: [Flag; 15] = [
    ("ro", "rw", "ro", true),
    ("async", "sync", "async", false),
    ("wdelay", "no_wdelay", "wdelay", true),
    ("nohide", "hide", "nohide", false),
    ("crossmnt", "nocrossmnt", "crossmnt", false),
    ("insecure", "secure", "insecure", false),
    ("root_squash", "no_root_squash", "root_squash", true),
    ("all_squash", "no_all_squash", "all_squash", false),
    ("subtree_check", "no_subtree_check", "subtree_check", false),
    ("auth_nlm", "no_auth_nlm", "auth_nlm", true),
    ("secure_locks", "insecure_locks", "auth_nlm", true),
    ("acl", "no_acl", "acl", true),
    ("pnfs", "no_pnfs", "pnfs", false),
    ("nordirplus", "", "nordirplus", false),
    ("security_label", "", "security_label", false),
];

/// What may differ by how a client says who it is.
const BY_FLAVOUR: [&str; 4] = ["ro", "insecure", "root_squash", "all_squash"];

/// Ways in which a client says who it is; those of a line are one.
const FLAVOURS: [&[&str]; 5] = [
    &["sys", "unix"],
    &["krb5"],
    &["krb5i"],
    &["krb5p"],
    &["none", "null"],
];

/// Options that take a value which is kept as it is.
const VALUES: [(&str, &str); 10] = [
    ("mountpoint=", "mountpoint"),
    ("mp=", "mountpoint"),
    ("refer=", "refer"),
    ("replicas=", "replicas"),
    ("fsloc=", "fsloc"),
    ("squash_uids=", "squash_uids"),
    ("squash_gids=", "squash_gids"),
    ("xprtsec=", "xprtsec"),
    ("reexport=", "reexport"),
    ("fsuid=", "fsuid"),
];

/// Whether each flag holds.
type Flags = BTreeMap<&'static str, bool>;

#[derive(Default)]
struct Reader {
    flags: Flags,
    flavours: Vec<(&'static str, Flags)>,
    values: BTreeMap<&'static str, String>,
    refused: Vec<String>,
}

pub(super) fn effect(defaults: &[String], options: &[String]) -> Effect {
    let mut reader = Reader {
        flags: FLAGS
            .iter()
            .map(|(_, _, name, holds)| (*name, *holds))
            .collect(),
        ..Reader::default()
    };
    // What is said of a way to say who one is goes as far as the list in which it is said.
    for list in [defaults, options] {
        let mut active = Vec::new();
        for option in list {
            reader.option(option, &mut active);
        }
    }
    reader.finish()
}

impl Reader {
    fn option(&mut self, option: &str, active: &mut Vec<&'static str>) {
        let flag = FLAGS
            .iter()
            .find(|(yes, no, ..)| option == *yes || option == *no);
        if let Some((yes, _, name, _)) = flag {
            self.flags.insert(name, option == *yes);
            let flavours = self
                .flavours
                .iter_mut()
                .filter(|(it, _)| active.contains(it));
            flavours.for_each(|(_, it)| {
                it.insert(name, option == *yes);
            });
            return;
        }
        if let Some(list) = option.strip_prefix("sec=") {
            return match list.split(':').map(flavour).collect::<Option<Vec<_>>>() {
                Some(named) => {
                    for it in &named {
                        if self.flavours.iter().all(|(known, _)| known != it) {
                            self.flavours.push((it, self.flags.clone()));
                        }
                    }
                    *active = named;
                }
                None => self.refused.push(option.to_owned()),
            };
        }
        let said = self.value(option);
        match said {
            Some((name, value)) => {
                self.values.insert(name, value);
            }
            None => self.refused.push(option.to_owned()),
        }
    }

    fn value(&self, option: &str) -> Option<(&'static str, String)> {
        if let Some(id) = option.strip_prefix("anonuid=") {
            return Some(("anonuid", id_of(id)?));
        }
        if let Some(id) = option.strip_prefix("anongid=") {
            return Some(("anongid", id_of(id)?));
        }
        if let Some(id) = option.strip_prefix("fsid=") {
            return Some(("fsid", fsid(id)?));
        }
        if matches!(option, "mp" | "mountpoint") {
            return Some(("mountpoint", String::new()));
        }
        let mut values = VALUES.iter();
        values.find_map(|(prefix, name)| Some((*name, option.strip_prefix(prefix)?.to_owned())))
    }

    fn finish(self) -> Effect {
        let Reader {
            mut flags,
            flavours,
            values,
            refused,
        } = self;
        let of = |it: &Flags| BY_FLAVOUR.map(|name| it.get(name).copied());
        let first = flavours.first().map(|(_, it)| of(it));
        let is_one = flavours.iter().all(|(_, it)| Some(of(it)) == first);
        let names: Vec<&str> = flavours.iter().map(|(it, _)| *it).collect();
        let sec = match (is_one, flavours.first()) {
            (_, None) => "sys".to_owned(),
            // What holds for each of them holds, even if it is not what was said last of all.
            (true, Some((_, said))) => {
                for name in BY_FLAVOUR {
                    flags.insert(name, said.get(name).copied().unwrap_or_default());
                }
                names.join(":")
            }
            (false, _) => spelled_out(&flavours),
        };
        let mut says: BTreeMap<&'static str, String> = flags
            .into_iter()
            .map(|(name, holds)| (name, yes_no(holds).to_owned()))
            .collect();
        says.insert("sec", sec);
        says.insert("anonuid", NOBODY.to_owned());
        says.insert("anongid", NOBODY.to_owned());
        says.extend(values);
        Effect { says, refused }
    }
}

/// Whom a squashed user is taken for.
const NOBODY: &str = "65534";

fn yes_no(holds: bool) -> &'static str {
    match holds {
        true => "yes",
        false => "no",
    }
}

/// `sys(ro,root_squash):krb5(root_squash)`: who may do what, where it is not the same for all.
fn spelled_out(flavours: &[(&'static str, Flags)]) -> String {
    let one = |(name, flags): &(&str, Flags)| {
        let holds = |it: &&&str| flags.get(**it).copied().unwrap_or_default();
        let hold: Vec<&str> = BY_FLAVOUR.iter().filter(holds).copied().collect();
        format!("{name}({})", hold.join(","))
    };
    let all: Vec<String> = flavours.iter().map(one).collect();
    all.join(":")
}

fn flavour(word: &str) -> Option<&'static str> {
    let group = FLAVOURS.iter().find(|it| it.contains(&word))?;
    group.first().copied()
}

/// A number as strtol(3) reads it; the kernel takes 32 bits of it, without a sign.
fn id_of(text: &str) -> Option<String> {
    let number: i64 = text.parse().ok()?;
    let bits = number.rem_euclid(1 << 32);
    Some(bits.to_string())
}

/// A number as strtoul(3) reads it, in octal behind a 0 and in hexadecimal behind 0x; else a UUID.
/// A UUID of decimal digits without dashes is a number to exportfs, the largest there is.
fn fsid(text: &str) -> Option<String> {
    if text == "root" {
        return Some("0".to_owned());
    }
    let (is_negative, unsigned) = match text.strip_prefix('-') {
        Some(unsigned) => (true, unsigned),
        None => (false, text),
    };
    let hexadecimal = unsigned.strip_prefix("0x").or(unsigned.strip_prefix("0X"));
    let (digits, radix) = match hexadecimal {
        Some(digits) => (digits, 16),
        None if unsigned.starts_with('0') => (unsigned, 8),
        None => (unsigned, 10),
    };
    if !digits.is_empty() && digits.chars().all(|it| it.is_digit(radix)) {
        let number = u64::from_str_radix(digits, radix).unwrap_or(u64::MAX);
        let number = match is_negative {
            true => number.wrapping_neg(),
            false => number,
        };
        return Some((number & u64::from(u32::MAX)).to_string());
    }
    let digits = text.bytes().filter(u8::is_ascii_hexdigit).count();
    (digits == 32).then(|| text.to_ascii_lowercase())
}
