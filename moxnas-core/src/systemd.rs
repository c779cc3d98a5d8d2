//! Names of units of systemd.

use std::fmt::Write as _;

/// The unit of a mount point, as systemd.unit(5) and systemd-escape(1) have it: slashes become dashes,
/// and what is no letter, digit, `:`, `_` or `.` becomes `\x2d`.
#[must_use]
pub fn unit_of(at: &str) -> String {
    let mut unit = String::new();
    for (place, byte) in at.trim_matches('/').bytes().enumerate() {
        match byte {
            b'/' => unit.push('-'),
            b'.' if place == 0 => unit.push_str("\\x2e"),
            it if it.is_ascii_alphanumeric() || b":_.".contains(&it) => unit.push(char::from(it)),
            it => _ = write!(unit, "\\x{it:02x}"),
        }
    }
    unit + ".mount"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `systemd-escape --path --suffix=mount` of systemd 252 prints.
    #[test]
    fn units_are_named_as_systemd_names_them() {
        for (at, unit) in [
            ("/srv/tank", "srv-tank.mount"),
            ("/srv/my-tank", "srv-my\\x2dtank.mount"),
            ("/srv/a_b.c", "srv-a_b.c.mount"),
            ("/srv/Data-2.0_x", "srv-Data\\x2d2.0_x.mount"),
        ] {
            assert_eq!(unit_of(at), unit);
        }
    }
}
