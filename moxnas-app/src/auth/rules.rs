//! Which passwords are allowed.
//!
//! Length is what counts; composition rules only make people write `Password1234!`. Beyond it a
//! password must have a core: what is left when its case, the signs that stand for letters, digits
//! around it, repetitions and walks over the keyboard are taken away must not be one of the words
//! that many people choose, nor the name of the login, the product or the host. Digits alone are a
//! core where there are many of them in no order. Rules catch far
//! more than a list of that length could, because few popular passwords are this long by
//! themselves: people stretch short ones.

/// Shortest password, in characters.
const SHORTEST: usize = 12;
/// Longest password, in characters; a limit only so that there is one.
const LONGEST: usize = 128;

/// What people choose and stretch: the common part of the published lists of leaked passwords, in
/// letters alone, and what somebody calls a thing like this.
const WORDS: &str = "
    abc abcd access account admin administrator amanda andrew angel apple arsenal ashley august
    autumn banana baseball basketball batman beautiful blink buster butterfly changeme change
    charlie cheese chelsea chocolate computer cookie correct daniel december default dragon
    eminem fall family flower football freedom friday friends geheim ginger god
    google guest hallo hannah harley hello hockey home hunter hunting iceman iloveyou internet
    jennifer jessica jordan justin killer king letmein liverpool login london love lovely loveme
    manager master matrix matthew merlin michael michelle monday monkey monster mustang my
    mypassword naruto nas network new nicole ninja now office orange pass passphrase passw password
    passwort pepper please pokemon princess private purple qwerty qwertz rainbow robert root
    samsung sample secret secure security server service shadow snoopy soccer sommer spring
    starwars station storage summer sunday sunshine superman superuser synology system temp
    temporary test testing thomas thunder tigger time trustno truenas user welcome whatever
    william winter wordpass work yankees yellow zxcvbn is the you
";

/// Rows and columns of keyboards, along which fingers walk.
const WALKS: &[&str] = &[
    "1234567890",
    "qwertyuiop",
    "qwertzuiop",
    "asdfghjkl",
    "zxcvbnm",
    "yxcvbnm",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn",
    "abcdefghijklmnopqrstuvwxyz",
    "0123456789",
    "1qaz2wsx3edc4rfv5tgb6yhn",
    "qazwsxedcrfvtgbyhnujm",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
    "zaq12wsxcde34rfvbgt5",
    "!@#$%^&*()",
    "!\"§$%&/()=",
    "zaqxswcdevfrbgtnhymju",
];
/// Fewer keys in a row are no walk.
const WALK: usize = 3;
/// What is left of a password must have this many letters to be a core.
const CORE: usize = 4;
/// Or this many characters of any kind, as random digits and hexadecimal numbers have: more than a
/// day and a telephone number are together.
const NUMBER: usize = 16;

/// Check a new password of the login named `username` against the rules.
pub(super) fn check_rules(password: &str, username: &str) -> Result<(), WeakPassword> {
    let length = password.chars().count();
    if length < SHORTEST {
        return Err(WeakPassword::Short(length));
    }
    if length > LONGEST {
        return Err(WeakPassword::Long);
    }
    let lower = password.to_lowercase();
    // The name alone, or filled up to twelve characters with itself, digits and signs.
    let username = username.to_lowercase();
    if !username.is_empty() {
        let is_rest = |text: &str| {
            text.contains(&username)
                && text
                    .replace(&username, "")
                    .chars()
                    .all(|it| !it.is_alphabetic())
        };
        if is_rest(&lower) || is_rest(&letters(&lower)) {
            return Err(WeakPassword::Name);
        }
    }
    let host = host();
    let taken = ["moxnas", host.as_str(), username.as_str()];
    match is_stretched(&lower, &taken) {
        true => Err(WeakPassword::Common),
        false => Ok(()),
    }
}

/// The name of this machine; empty if the system does not tell.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let first = name.trim().split('.').next().unwrap_or_default();
    first.to_lowercase()
}

/// Whether nothing is behind a password but words that many use, walks, repetition and digits.
fn is_stretched(lower: &str, taken: &[&str]) -> bool {
    let walked = without_walks(lower);
    let both = [walked.as_str(), lower];
    let guises = both.map(|text| [text.to_owned(), letters(text)]);
    let fewest = |kind: fn(char) -> bool| {
        guises
            .iter()
            .flatten()
            .map(|it| core(it, taken, kind))
            .min()
    };
    fewest(char::is_alphabetic) < Some(CORE) && fewest(|_| true) < Some(NUMBER)
}

/// How many characters of that kind are left of `text` without words and repetition of others.
fn core(text: &str, taken: &[&str], kind: fn(char) -> bool) -> usize {
    let only: String = text.chars().filter(|it| kind(*it)).collect();
    let mut words: Vec<&str> = WORDS.split_whitespace().collect();
    words.extend(taken.iter().filter(|it| it.len() >= 2));
    let left = without_words(&once(&only), &words);
    let mut different: Vec<char> = once(&left).chars().collect();
    different.dedup();
    different.len()
}

/// The fewest letters that are left when words are taken out, as a whole: cutting greedily would
/// take `pass` out of `password` and leave `word`.
fn without_words(text: &str, words: &[&str]) -> String {
    let chars: Vec<char> = text.chars().collect();
    // The shortest rest of what comes before each place.
    let mut rests: Vec<String> = vec![String::new()];
    for end in 1..=chars.len() {
        let mut best = rests[end - 1].clone();
        best.push(chars[end - 1]);
        for word in words {
            let length = word.chars().count();
            let fits = length <= end && chars[end - length..end].iter().copied().eq(word.chars());
            if fits && rests[end - length].len() < best.len() {
                best.clone_from(&rests[end - length]);
            }
        }
        rests.push(best);
    }
    rests.pop().unwrap_or_default()
}

/// `text`, or what it repeats from beginning to end.
fn once(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let repeats = |length: usize| {
        chars
            .iter()
            .enumerate()
            .all(|(at, it)| *it == chars[at % length])
    };
    let length = (1..=chars.len() / 2).find(|it| repeats(*it));
    chars[..length.unwrap_or(chars.len())].iter().collect()
}

/// Signs and digits that stand for letters, as letters: `p@ssw0rd` is `password`.
fn letters(text: &str) -> String {
    let letter = |it: char| match it {
        '0' => 'o',
        '1' | '!' | '|' => 'i',
        '3' | '€' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' | '+' => 't',
        '8' => 'b',
        other => other,
    };
    text.chars().map(letter).collect()
}

/// `text` without runs of neighbours on a keyboard, forwards or backwards.
fn without_walks(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut left = String::new();
    let mut at = 0;
    while at < chars.len() {
        let longest = WALKS.iter().map(|walk| walked(&chars[at..], walk)).max();
        match longest.unwrap_or_default() {
            length if length >= WALK => at += length,
            _ => {
                left.push(chars[at]);
                at += 1;
            }
        }
    }
    left
}

/// How far the beginning of `chars` goes along a walk.
fn walked(chars: &[char], walk: &str) -> usize {
    let keys: Vec<char> = walk.chars().collect();
    let along = |step: isize| {
        let Some(start) = keys.iter().position(|it| Some(it) == chars.first()) else {
            return 0;
        };
        let mut at = start;
        let mut length = 1;
        while let Some(next) = at.checked_add_signed(step).filter(|it| *it < keys.len()) {
            if chars.get(length) != Some(&keys[next]) {
                break;
            }
            (at, length) = (next, length + 1);
        }
        length
    };
    along(1).max(along(-1))
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
            ("staple battery correct", Ok(())),
            ("another good password", Ok(())),
            ("ööööööööööü1", Err(WeakPassword::Common)),
            ("größer als zuvor", Ok(())),
            ("short", Err(WeakPassword::Short(5))),
            ("öööööö", Err(WeakPassword::Short(6))),
            ("annabelle123", Err(WeakPassword::Name)),
            ("AnnabelleAnnabelle", Err(WeakPassword::Name)),
            ("4nn4b3ll3!!!", Err(WeakPassword::Common)),
            ("annabelle likes it", Ok(())),
            ("vq3k7m2x9pzt", Ok(())),
            ("tr0ub4dor&3-zebra", Ok(())),
            ("7290615b3827046195072038465109", Ok(())),
            ("198405121984", Err(WeakPassword::Common)),
            ("+4915157731902", Err(WeakPassword::Common)),
        ] {
            assert_eq!(check_rules(password, "annabelle"), expect, "{password}");
        }
        assert_eq!(check_rules(&"abc".repeat(43), "x"), Err(WeakPassword::Long));
    }

    #[test]
    fn what_many_people_use_in_all_its_guises() {
        for password in [
            "aaaaaaaaaaaaaaaa",
            "Password1234",
            "passwordpassword",
            "P@ssw0rd1234",
            "Passw0rd!2024",
            "p4$$w0rd!!!!!!",
            "0123456789ab",
            "012345678901",
            "123123123123",
            "1234567890123",
            "1234567890ab",
            "123456abcdef",
            "1q2w3e4r5t6y",
            "1qaz2wsx3edc",
            "abc123abc123",
            "abcdefghijkl",
            "administrator",
            "adminadminadmin",
            "adminpassword",
            "administrator1",
            "asdfghjkl123",
            "changeme1234",
            "ChangeMeChangeMe",
            "changemenow1",
            "defaultpassword",
            "iloveyou1234",
            "letmein12345",
            "letmeinletmein",
            "moxnasmoxnas",
            "MoxNAS123456",
            "mypassword123",
            "networkstorage",
            "password123!",
            "q1w2e3r4t5y6",
            "qazwsxedcrfv",
            "qwertyuiop12",
            "qwertyuiopas",
            "qwertyqwerty",
            "qwertzuiopas",
            "rootrootroot",
            "secretsecret",
            "synology1234",
            "truenas12345",
            "Welcome12345",
            "zaq12wsxcde3",
            "Summer2024!!",
            "Winter2023!?",
            "Sommer2025!!",
            "monkeydragon",
            "starwars1977",
            "lkjhgfdsa123",
            "0987654321ab",
            "zxcvbnm,./123",
            "trustno1trustno1",
            "ILoveYou<3<3<3",
            "!@#$%^&*()12",
            "dragon-dragon",
            "password-2024-password",
            "November? no: december2024",
        ] {
            let expect = match password {
                // A word that is in no list is a core.
                "November? no: december2024" => Ok(()),
                _ => Err(WeakPassword::Common),
            };
            assert_eq!(check_rules(password, "ann"), expect, "{password}");
        }
    }

    /// No rule may refuse what nobody would guess.
    #[test]
    fn random_passwords_are_allowed() {
        let kinds: [(&[u8], usize); 3] = [
            (b"abcdefghjkmnpqrstuvwxyz23456789", 20),
            // What `openssl rand -hex 16` prints: few letters now and then.
            (b"0123456789abcdef", 32),
            (b"0123456789", 40),
        ];
        for (kind, length) in kinds.repeat(500) {
            let random = super::super::Secret::random(kind, length);
            let random = random.unwrap();
            assert_eq!(
                check_rules(random.expose(), "ann"),
                Ok(()),
                "{}",
                random.expose()
            );
        }
    }

    #[test]
    fn words_and_walks_are_as_they_are_compared() {
        for it in WORDS.split_whitespace() {
            assert!(it.chars().all(|it| it.is_ascii_lowercase()), "{it}");
        }
        for (text, left) in [
            ("qwertyuiop", ""),
            ("poiuyt", ""),
            ("xqwey", "xy"),
            ("1qaz", ""),
            ("aqb", "aqb"),
        ] {
            assert_eq!(without_walks(text), left, "{text}");
        }
        assert_eq!(once("abab"), "ab");
        assert_eq!(once("ababa"), "ab");
        assert_eq!(once("abc"), "abc");
    }
}
