//! What follows, as it is shown: from a disk that leaves, and from the steps of a plan.

use crate::{
    product::{file, moxnas},
    source::golden,
};

/// Arrays that a disk can be spared by, with and without a spare, or not at all.
const MACHINE: &str = r#"
name = "consequences"
about = "One array of each sort of loss"

[[disks]]
serial = "D"
kind = "hdd"
size = 4000787030016
model = "ST4000VN006"
count = 12

[[disks]]
serial = "S"
kind = "ssd"
size = 1000204886016
model = "CT1000MX500SSD1"
count = 3

[[arrays]]
name = "media"
level = "raid6"
members = ["D-0001", "D-0002", "D-0003", "D-0004"]
spares = ["D-0005"]
filesystem = { kind = "ext4", mount = "/srv/media" }

[[arrays]]
name = "pairs"
level = "raid10"
members = ["D-0006", "D-0007", "D-0008", "D-0009"]
filesystem = { kind = "xfs", mount = "/srv/pairs" }
pull = ["D-0006"]

[[arrays]]
name = "fast"
level = "raid0"
members = ["S-0001", "S-0002"]
filesystem = { kind = "ext4", mount = "/srv/fast" }
"#;

/// Golden: `tests/it/cli/consequences.txt`.
#[test]
fn what_follows_is_shown_as_committed() {
    let (folder, _) = file(MACHINE);
    let path = folder.path().join("machine.toml");
    std::fs::write(&path, MACHINE).unwrap();
    let mut text = String::new();
    for command in [
        "disk consequences D-0001",
        "disk consequences D-0005",
        "disk consequences D-0007",
        "disk consequences D-0008",
        "disk consequences D-0010",
        "disk consequences S-0001",
        "array fail media D-0001 --dry-run",
        "array replace media D-0001 --with D-0010 --dry-run",
        "array replace media D-0001 --dry-run",
        "array add pairs D-0010 --dry-run",
        "array scrub media --dry-run",
        "array create new --level raid5 --member D-0010 --member D-0011 --member D-0012 --dry-run",
    ] {
        let words = ["--sim", path.to_str().unwrap()];
        let words = words.into_iter().chain(command.split(' '));
        let shown = moxnas(words).run().ok();
        text.push_str(&format!("$ moxnas {command}\n{shown}\n"));
    }
    golden("tests/it/cli/consequences.txt", &text);
}
