//! Chance that comes out the same each time, and random trees of files.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown, lchown, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use moxnas_shares::access::Ids;

/// SplitMix64, as Sebastiano Vigna wrote it down.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut it = self.0;
        it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        it ^ (it >> 31)
    }

    /// A number below this one.
    pub(crate) fn below(&mut self, most: usize) -> usize {
        (self.roll() % most as u64) as usize
    }

    pub(crate) fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    pub(crate) fn some<T: Clone>(&mut self, all: &[T], one_in: usize) -> Vec<T> {
        all.iter()
            .filter(|_| self.one_in(one_in))
            .cloned()
            .collect()
    }
}

#[expect(clippy::disallowed_methods, reason = "what tests need besides MoxNAS")]
pub(crate) fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Whose files are, and who asks. The first is root.
pub(crate) struct People {
    pub(crate) uids: Vec<u32>,
    pub(crate) gids: Vec<u32>,
}

impl People {
    pub(crate) fn ids(&self, dice: &mut Dice) -> Ids {
        let groups = if dice.one_in(4) { 2 } else { 4 };
        Ids {
            uid: *dice.pick(&self.uids),
            gid: *dice.pick(&self.gids[1..]),
            groups: dice.some(&self.gids[1..], groups),
        }
    }
}

/// How a tree is made.
pub(crate) struct Forester<'a> {
    pub(crate) dice: &'a mut Dice,
    pub(crate) people: &'a People,
    /// Whether some may not be changed, and links lead about.
    pub(crate) is_wild: bool,
    pub(crate) planted: Vec<PathBuf>,
}

impl Forester<'_> {
    /// A folder with things in it, and a file in each that keeps it from being empty.
    pub(crate) fn plant(&mut self, at: &Path, depth: usize) {
        fs::create_dir(at).unwrap();
        self.planted.push(at.to_owned());
        fs::write(at.join("kept"), "kept").unwrap();
        self.planted.push(at.join("kept"));
        for number in 0..=self.dice.below(4) {
            let name = format!("{}{number}", self.dice.pick(&["a", "b c", "ä"]));
            let path = at.join(&name);
            if self.is_wild && self.dice.one_in(6) {
                let target = *self
                    .dice
                    .pick(&["kept", "..", "../kept", "none", "a0", "../a0"]);
                if !path.exists() && target != name {
                    symlink(target, &path).unwrap();
                    lchown(&path, Some(*self.dice.pick(&self.people.uids)), None).unwrap();
                    self.planted.push(path);
                }
            } else if depth > 0 && self.dice.one_in(2) {
                self.plant(&path, depth - 1);
            } else {
                fs::write(&path, "text").unwrap();
                self.dress(&path, false);
                self.planted.push(path);
            }
        }
        if !self.is_wild {
            let void = at.join("void");
            fs::create_dir(&void).unwrap();
            self.dress(&void, true);
            self.planted.push(void);
        }
        self.dress(&at.join("kept"), false);
        self.dress(at, true);
    }

    fn perms(&mut self, is_folder: bool) -> u32 {
        let through = u32::from(is_folder && !self.dice.one_in(4));
        self.dice.below(8) as u32 | through
    }

    /// Give something an owner, a mode and perhaps a list.
    pub(crate) fn dress(&mut self, path: &Path, is_folder: bool) {
        let (uids, gids) = (&self.people.uids, &self.people.gids);
        let (uid, gid) = (*self.dice.pick(uids), *self.dice.pick(gids));
        chown(path, Some(uid), Some(gid)).unwrap();
        let mut bits = 0;
        for _ in 0..3 {
            bits = bits << 3 | self.perms(is_folder);
        }
        if is_folder && self.dice.one_in(4) {
            bits |= 0o1000;
        }
        fs::set_permissions(path, fs::Permissions::from_mode(bits)).unwrap();
        let path = path.to_str().unwrap();
        if self.dice.one_in(2) {
            let list = self.list(is_folder);
            run("setfacl", &["-n", "--set", &list, "--", path]);
        }
        if self.is_wild && self.dice.one_in(16) {
            let flag = *self.dice.pick(&["+i", "+a"]);
            run("chattr", &[flag, path]);
        }
    }

    fn list(&mut self, is_folder: bool) -> String {
        let letters = |bits: u32| -> String {
            let letter = |(bit, letter)| if bits & bit == 0 { '-' } else { letter };
            [(4, 'r'), (2, 'w'), (1, 'x')].map(letter).iter().collect()
        };
        let mut list = vec![];
        for word in ["u::", "g::", "o::"] {
            list.push(format!("{word}{}", letters(self.perms(is_folder))));
        }
        for uid in self.dice.some(&self.people.uids, 3) {
            list.push(format!("u:{uid}:{}", letters(self.perms(is_folder))));
        }
        for gid in self.dice.some(&self.people.gids, 3) {
            list.push(format!("g:{gid}:{}", letters(self.perms(is_folder))));
        }
        // Often all, and sometimes nothing.
        let mask = match self.dice.below(4) {
            0 => 0,
            1 => 7,
            _ => self.perms(is_folder),
        };
        list.push(format!("m::{}", letters(mask)));
        list.join(",")
    }
}
