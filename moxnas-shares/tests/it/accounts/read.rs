//! Text to the model and back, and what names may be.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use moxnas_core::chain::chain;
use moxnas_shares::accounts::{
    Day, FullName, Given, Life, LoginName, Record,
    model::{Password, SambaUser},
    real::parse::{self, GroupLine, PasswdLine, ShadowLine},
};
use proptest::prelude::*;

/// As pdbedit(8) of Samba 4.17.12 writes it: a user, one who is disabled, a computer, and one whom
/// the system does not know.
const PDBEDIT: &str = include_str!("pdbedit.txt");

fn utc() -> TimeZone {
    TimeZone::UTC
}

#[test]
fn names_of_new_accounts_are_those_that_systems_allow() {
    for good in ["alice", "_svc", "a", "a-b_c9", &"x".repeat(32)] {
        assert_eq!(good.parse::<LoginName>().unwrap().as_str(), good);
    }
    let long = "x".repeat(33);
    for bad in [
        "", "Alice", "1", "1a", "-a", "a b", "a.b", "a:b", "a/b", "ä", "pc$", "a\\b", "a\n", "..",
        "a,b", "a@b", &long,
    ] {
        assert!(bad.parse::<LoginName>().is_err(), "{bad:?}");
    }
    for good in ["", "Ann O'Neill-Müller (jr.)"] {
        assert_eq!(good.parse::<FullName>().unwrap().as_str(), good);
    }
    for bad in [
        "a:b",
        "a,b",
        "a\nb",
        " a",
        "a ",
        "a&b",
        "-a",
        &"x".repeat(101),
    ] {
        assert!(bad.parse::<FullName>().is_err(), "{bad:?}");
    }
}

#[test]
fn days_are_those_that_both_databases_can_tell() {
    for (text, number) in [
        ("1970-01-02", 1),
        ("2030-06-30", 22_095),
        ("2035-12-31", 24_105),
    ] {
        let day: Day = text.parse().unwrap();
        assert_eq!((day.number(), day.to_string().as_str()), (number, text));
    }
    assert_eq!(Day::LAST.to_string(), "2035-12-31");
    for bad in [
        "",
        "1970-01-01",
        "1969-12-31",
        "2036-01-01",
        "2030-02-30",
        "2030-6-3",
        "20300630",
        "2030-06-30T00:00",
        "9999-12-31",
        "never",
    ] {
        assert!(bad.parse::<Day>().is_err(), "{bad}");
    }
}

#[test]
fn the_field_of_a_password_says_how_it_is_and_no_more() {
    let rows = [
        ("", Password::Open),
        ("!", Password::Unset),
        ("!!", Password::Unset),
        ("*", Password::Unset),
        ("!*", Password::Unset),
        ("*LK*", Password::Unset),
        ("$y$j9T$salt$hash", Password::Set),
        ("!$y$j9T$salt$hash", Password::Locked),
        ("!!$6$salt$hash", Password::Locked),
    ];
    for (field, wanted) in rows {
        let line = format!("alice:{field}:20000:0:99999:7:::\n");
        let parsed = parse::shadow(&line);
        assert_eq!(parsed.items[0].password, wanted, "{field:?}");
        assert!(!format!("{parsed:?}").contains("hash"));
        let (kept, changed) = parse::shadow_field(&line, &"alice".parse().unwrap()).unwrap();
        assert_eq!((kept.reveal(), changed), (field, 20_000));
    }
    let of = |expires: &str| parse::shadow(&format!("a:!::::::{expires}:")).items[0].expires;
    assert_eq!((of(""), of("-1")), (None, None));
    assert_eq!(of("0"), Some(Day::DISABLED));
    assert_eq!(of("99999"), Some(Day::LAST));
}

/// The rest of the line may be a hash.
#[test]
fn a_damaged_line_is_told_by_its_number_and_hides_no_other() {
    let seen = parse::accounts(
        "root:x:0:0:root:/root:/bin/bash\n+::::::\nalice:$y$old:3000:3000:A,b:/h:\n\nbob:x:1:\n",
        "root:!\nalice:$6$secret\u{fffd}:::\n",
        "family:x:3001:alice,bob\nbad:x:\nodd:x:9:a b\n",
        "# shells\n/bin/sh\n",
    );
    let names: Vec<&str> = seen.users.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["root", "alice"]);
    assert_eq!(seen.users[0].password, Password::Unset);
    assert_eq!(seen.users[1].password, Password::Set);
    assert_eq!(
        (
            seen.users[1].full_name.as_str(),
            seen.users[1].shell.as_str()
        ),
        ("A", "/bin/sh")
    );
    assert_eq!(seen.groups.len(), 1);
    assert_eq!(
        seen.errors,
        [
            "line 2 of /etc/passwd cannot be read",
            "line 5 of /etc/passwd cannot be read",
            "line 1 of /etc/shadow cannot be read",
            "line 2 of /etc/shadow cannot be read",
            "line 2 of /etc/group cannot be read",
            "line 3 of /etc/group cannot be read",
        ]
    );
}

#[test]
fn what_samba_says_is_read() {
    let (seen, errors) = parse::samba(PDBEDIT, &utc());
    assert_eq!(errors, Vec::<String>::new());
    let user = |is_disabled, expires: Option<&str>, must_change| SambaUser {
        is_disabled,
        expires: expires.map(|it| it.parse().unwrap()),
        must_change,
    };
    let wanted = [
        ("alice", user(false, Some("2024-10-04"), false)),
        ("bob", user(true, Some("1970-01-02"), true)),
        ("pc$", user(false, None, false)),
        ("gone", user(false, None, false)),
    ];
    let wanted: BTreeMap<String, SambaUser> = wanted
        .into_iter()
        .map(|(name, it)| (name.to_owned(), it))
        .collect();
    assert_eq!(seen, wanted);
}

/// Samba shows it in the zone of the machine.
#[test]
fn a_day_is_the_same_in_every_zone() {
    let rows = [
        ("Fri, 04 Oct 2024 00:00:00 UTC", "UTC"),
        ("Fri, 04 Oct 2024 02:00:00 CEST", "Europe/Berlin"),
        ("Thu, 03 Oct 2024 17:00:00 PDT", "America/Los_Angeles"),
        ("Fri, 04 Oct 2024 14:00:00 +14", "Pacific/Kiritimati"),
    ];
    for (text, zone) in rows {
        let text = format!(
            "---------------\nUnix username:        Alice\nAccount Flags:        [U          ]\n\
             Kickoff time:         {text}\nPassword must change: never\n"
        );
        let (seen, errors) = parse::samba(&text, &TimeZone::get(zone).unwrap());
        assert_eq!(errors, Vec::<String>::new());
        assert_eq!(
            seen["alice"].expires.unwrap().to_string(),
            "2024-10-04",
            "{zone}"
        );
    }
    for never in [
        "never",
        "0",
        "Wed, 06 Feb 2036 15:06:39 UTC",
        "Thu, 14 Sep 30828 02:48:05 UTC",
    ] {
        let text = PDBEDIT.replace("Fri, 04 Oct 2024 00:00:00 UTC", never);
        assert_eq!(
            parse::samba(&text, &utc()).0["alice"].expires,
            None,
            "{never}"
        );
    }
    let text = PDBEDIT.replace("Fri, 04 Oct 2024 00:00:00 UTC", "tomorrow");
    let (seen, errors) = parse::samba(&text, &utc());
    assert_eq!((seen.len(), errors.len()), (3, 1));
}

#[test]
fn a_record_says_which_line_it_does_not_understand() {
    for bad in [
        "user\t3000\n",
        "user\tx\talice\there\n",
        "user\t3000\talice\tthere\n",
        "user\t3000\talice\there\tsoon\n",
        "user\t3000\talice\there\t\tsure\n",
        "folk\t3000\talice\there\n",
        "user\t3000\talice\there\nuser\t3000\tbob\tgone\n",
    ] {
        let err = Record::parse(bad).unwrap_err();
        assert!(chain(&err).starts_with("line "), "{bad:?}: {err}");
    }
}

fn name() -> impl Strategy<Value = String> {
    "[a-z_][a-z0-9_-]{0,31}"
}

fn day() -> impl Strategy<Value = Option<Day>> {
    prop::option::of((1..=Day::LAST.number()).prop_map(|it| Day::new(it).unwrap()))
}

fn given() -> impl Strategy<Value = Given> {
    let life = prop::sample::select(vec![Life::Coming, Life::Here, Life::Gone]);
    (name(), life, day(), any::<bool>()).prop_map(|(name, life, expires, in_doubt)| Given {
        name,
        life,
        expires,
        in_doubt,
    })
}

fn password() -> impl Strategy<Value = Password> {
    use Password::{Locked, Open, Set, Unset};
    prop::sample::select(vec![Open, Unset, Locked, Set])
}

fn lines<T: ToString>(items: &[T]) -> String {
    items.iter().map(|it| it.to_string() + "\n").collect()
}

proptest! {
    #[test]
    fn a_record_is_read_as_it_was_written(
        users in prop::collection::btree_map(any::<u32>(), given(), 0..20),
        groups in prop::collection::btree_map(any::<u32>(), given(), 0..20),
    ) {
        let record = Record { users, groups };
        prop_assert_eq!(Record::parse(&record.render()), Ok(record));
    }

    #[test]
    fn files_are_read_as_they_were_written(
        users in prop::collection::vec(
            (name(), prop::option::of(password()), any::<(u32, u32)>(), "[^:\n\r]{0,20}", "/[^:\n\r]{0,20}"),
            0..20,
        ),
        shadow in prop::collection::vec((name(), password(), prop::option::of(0_u32..99_999), day()), 0..20),
        groups in prop::collection::vec(
            (name(), any::<u32>(), prop::collection::vec(name(), 0..5)),
            0..20,
        ),
    ) {
        let parsed = |text: String| text.parse().unwrap();
        let users: Vec<PasswdLine> = users
            .into_iter()
            .map(|(name, password, (uid, gid), gecos, path)| PasswdLine {
                name: parsed(name),
                password,
                uid,
                gid,
                gecos,
                home: path.clone(),
                shell: path,
            })
            .collect();
        let text = lines(&users);
        let read = parse::passwd(&text);
        prop_assert_eq!((read.items, read.errors), (users, Vec::new()));
        let shadow: Vec<ShadowLine> = shadow
            .into_iter()
            .map(|(name, password, changed, expires)| ShadowLine {
                name: name.parse().unwrap(),
                password,
                changed,
                expires,
            })
            .collect();
        let read = parse::shadow(&lines(&shadow));
        prop_assert_eq!((read.items, read.errors), (shadow, Vec::new()));
        let groups: Vec<GroupLine> = groups
            .into_iter()
            .map(|(name, gid, members)| GroupLine {
                name: name.parse().unwrap(),
                gid,
                members: members.iter().map(|it| it.parse().unwrap()).collect(),
            })
            .collect();
        let read = parse::group(&lines(&groups));
        prop_assert_eq!((read.items, read.errors), (groups, Vec::new()));
    }

    #[test]
    fn no_text_is_too_strange(text in any::<String>(), odd in "([a-z:\t\n!*$,0-9-]|user|pdbedit|\u{fffd}){0,200}") {
        for text in [&text, &odd] {
            _ = parse::accounts(text, text, text, text);
            _ = parse::samba(text, &utc());
            _ = parse::samba(&PDBEDIT.replace("2024", text), &utc());
            _ = parse::shadow_field(text, &"a".parse().unwrap());
            _ = Record::parse(text);
            _ = text.parse::<Day>();
            _ = text.parse::<FullName>();
            if let Ok(name) = text.parse::<LoginName>() {
                // Both must hold what passed here.
                let (user, group) = (name.user(), name.group());
                prop_assert_eq!(user.as_str(), group.as_str());
            }
        }
    }

    #[test]
    fn a_name_that_is_allowed_is_one_word_of_a_line(text in name()) {
        let name: LoginName = text.parse().unwrap();
        prop_assert!(!name.as_str().starts_with('-'));
        let line = format!("{name}:x:3000:3000::/nonexistent:/bin/sh\n");
        let read = parse::passwd(&line);
        prop_assert_eq!(read.items[0].name.as_str(), text.as_str());
    }
}
