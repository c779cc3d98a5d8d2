//! With what a pool is mounted.

use std::collections::BTreeSet;

use super::{ImportPool, Refusal};

moxnas_core::name_type! {
    /// An option of mount(8), such as `noatime` or `compress=zstd:3`: one word of a unit, without a
    /// comma, a quote or white space.
    MountOption, "mount option", 64, |it| it.is_ascii_alphanumeric() || "-_=:./".contains(it)
}

/// What the unit says itself, and what systemd reads in /etc/fstab only.
pub(super) fn check_options(options: &[MountOption]) -> Result<(), Refusal> {
    let refuse = |option: &MountOption, why| {
        Err(Refusal::BadOption {
            option: option.clone(),
            why,
        })
    };
    let mut seen = BTreeSet::new();
    for option in options {
        let word = option.as_str();
        let key = word.split('=').next().unwrap_or(word);
        if key.starts_with('.') {
            return refuse(option, "no option begins with a dot");
        }
        if key.starts_with("x-") {
            return refuse(
                option,
                "systemd takes it from /etc/fstab only, see systemd.mount(5)",
            );
        }
        if [
            "nofail", "auto", "noauto", "user", "users", "remount", "bind", "move",
        ]
        .contains(&key)
        {
            return refuse(option, "when and what is mounted is for the unit to say");
        }
        if !seen.insert(key) {
            return refuse(option, "it is there twice");
        }
    }
    Ok(())
}

/// Those of a pool that is taken in.
pub(super) fn import_options(wish: &ImportPool) -> Vec<MountOption> {
    let mut options = wish.options.clone();
    let is_ro = |it: &MountOption| it.as_str() == "ro";
    if wish.read_only && !options.iter().any(is_ro) {
        options.insert(0, "ro".parse().expect("it is an option"));
    }
    options
}
