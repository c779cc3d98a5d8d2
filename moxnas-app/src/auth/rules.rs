//! Which passwords are allowed.
//!
//! Length is what counts; composition rules only make people write `Password1234!`. The list is short
//! because few popular passwords are this long.

/// Shortest password, in characters.
const SHORTEST: usize = 12;
/// Longest password, in characters; a limit only so that there is one.
const LONGEST: usize = 128;

/// What people choose when told to use twelve characters. Compared without case.
const COMMON: &str = "
    0123456789ab 012345678901 123123123123 1234567890123 123456789012 1234567890ab 123456abcdef
    1q2w3e4r5t6y 1qaz2wsx3edc abc123abc123 abcdefghijkl administrator adminadminadmin
    adminpassword administrator1 asdfghjkl123 changeme1234 changemechangeme changemenow1
    defaultpassword iloveyou1234 letmein12345 letmeinletmein moxnasmoxnas moxnas123456
    mypassword123 networkstorage password1234 password12345 password123456 password123!
    passwordpassword passw0rd1234 p@ssw0rd1234 q1w2e3r4t5y6 qazwsxedcrfv qwerty123456
    qwertyuiop12 qwertyuiop123 qwertyuiopas qwertyqwerty qwertzuiopas rootrootroot secret123456
    secretsecret synology1234 truenas12345 welcome12345 welcome123456 zaq12wsxcde3
";

/// Check a new password of the login named `username` against the rules.
pub(super) fn check_rules(password: &str, username: &str) -> Result<(), WeakPassword> {
    let length = password.chars().count();
    if length < SHORTEST {
        return Err(WeakPassword::Short(length));
    }
    if length > LONGEST {
        return Err(WeakPassword::Long);
    }
    let folded = password.to_lowercase();
    let first = folded.chars().next();
    if folded.chars().all(|it| Some(it) == first)
        || COMMON.split_whitespace().any(|it| it == folded)
    {
        return Err(WeakPassword::Common);
    }
    // The name alone, or filled up to twelve characters with itself, digits and signs.
    if folded
        .replace(username, "")
        .chars()
        .all(|it| !it.is_alphabetic())
        && folded.contains(username)
    {
        return Err(WeakPassword::Name);
    }
    Ok(())
}

/// Why a password is not allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// Too short, in characters.
    #[error("the password has {0} characters and needs at least {SHORTEST}")]
    Short(usize),
    /// Too long.
    #[error("the password has more than {LONGEST} characters")]
    Long,
    /// Among the first that would be guessed.
    #[error("the password is one that many people use")]
    Common,
    /// Little more than the name of the login.
    #[error("the password is little more than the name of the login")]
    Name,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules() {
        for (password, expect) in [
            ("correct horse battery", Ok(())),
            ("ööööööööööö1", Ok(())),
            ("short", Err(WeakPassword::Short(5))),
            ("öööööö", Err(WeakPassword::Short(6))),
            ("aaaaaaaaaaaaaaaa", Err(WeakPassword::Common)),
            ("Password1234", Err(WeakPassword::Common)),
            ("annabelle123", Err(WeakPassword::Name)),
            ("AnnabelleAnnabelle", Err(WeakPassword::Name)),
            ("annabelle likes it", Ok(())),
            ("1234567890123456!", Ok(())),
        ] {
            assert_eq!(check_rules(password, "annabelle"), expect, "{password}");
        }
        assert_eq!(check_rules(&"ab".repeat(64), "x"), Ok(()));
        assert_eq!(check_rules(&"abc".repeat(43), "x"), Err(WeakPassword::Long));
    }

    #[test]
    fn the_common_ones_are_long_enough_to_matter() {
        for it in COMMON.split_whitespace() {
            assert!(it.chars().count() >= SHORTEST, "{it}");
            assert_eq!(it, it.to_lowercase());
        }
    }
}
