//! What is said of a folder, read and shown.

use super::*;

fn account(id: u32, name: &str) -> Account {
    Account {
        id,
        name: Some(name.to_owned()),
    }
}

fn wish(mode: Option<&str>, acl: &[&str]) -> Attributes<Account> {
    let entries = acl.iter().map(|it| it.parse().unwrap());
    let wish = Attributes {
        mode: mode.map(|it| parse_mode(it).unwrap()),
        acl: Some(entries.collect()),
        ..Attributes::default()
    };
    let known = &mut |_, who| match who {
        Who::Id(id) => Ok::<_, ()>(Account { id, name: None }),
        Who::Name(name) => Ok(account(1001, name.as_str())),
    };
    wish.of(known).unwrap()
}

#[test]
fn what_is_wished_is_shown_as_it_was_said() {
    let wish = wish(
        Some("2750"),
        &["u:anna:rwx", "default:group:7:r-x", "d:g::rwx"],
    );
    let access = wish.access(&Access::of_mode(0o755)).unwrap();
    let mut names = Names::default();
    wish.learn(&mut names);
    assert_eq!(
        access.line(&names),
        "2750 user:anna:rwx default:user::rwx default:group::rwx default:other::--- \
         default:group:7:r-x"
    );
    // What ls(1) shows.
    assert_eq!(access.acl.mode(), 0o770);
    assert_eq!(access.default.unwrap().mode(), 0o770);
}

#[test]
fn a_list_replaces_all_that_was_there() {
    let before = wish(Some("750"), &["u:anna:rwx", "d:u:anna:rwx"]);
    let before = before.access(&Access::default()).unwrap();
    let none = wish(None, &[]).access(&before).unwrap();
    assert_eq!(none, Access::of_mode(0o750));
    assert_eq!(Attributes::default().access(&before), None);
}

#[test]
fn a_mask_is_said_where_it_takes_something_away() {
    let access = wish(Some("750"), &["u:5:rwx"]);
    let mut access = access.access(&Access::default()).unwrap();
    access.acl.mask = Some(Perms::of_bits(4));
    assert_eq!(
        access.entries(&Names::default()),
        ["user:5:rwx", "mask::r--"]
    );
}

#[test]
fn what_is_no_attribute_is_refused() {
    for text in ["", "77", "00770", "778", "+70", "rwx"] {
        assert!(parse_mode(text).is_err(), "{text:?}");
    }
    for text in [
        "",
        "user:anna",
        "user:anna:rwx:x",
        "mask::rwx",
        "user::rwx",
        "other:anna:rwx",
        "user:anna:",
        "user:-x:rwx",
        "default:default:user:a:rwx",
    ] {
        assert!(text.parse::<AclEntry<Who>>().is_err(), "{text:?}");
    }
    assert_eq!("1001".parse(), Ok(Who::Id(1001)));
    assert!(matches!("4294967295".parse(), Ok(Who::Name(_))));
    assert!("an na".parse::<Who>().is_err());
}

#[test]
fn words_of_btrfs_are_read() {
    for it in Compression::ALL {
        assert_eq!(Compression::of_word(it.word()), Some(it));
    }
    assert_eq!(Compression::of_word("zstd:9"), Some(Compression::Zstd));
    assert_eq!(Compression::of_word("no"), Some(Compression::None));
    assert_eq!(Compression::of_word("lz4"), None);
}
