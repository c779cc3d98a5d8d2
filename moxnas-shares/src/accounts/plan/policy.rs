//! What passwords, shells and homes have to be like.

use moxnas_core::folder::FolderPath;

use super::Refusal;
use crate::accounts::{
    Secret,
    model::{Accounts, NO_HOME, NOLOGIN},
};

/// The fewest characters of a password, as NIST SP 800-63B has it for those that people choose.
pub(super) const PASSWORD_SHORTEST: usize = 8;

/// The most bytes of a password: smbpasswd(8) reads lines of 255.
pub(super) const PASSWORD_LONGEST: usize = 128;

/// Programs that end at once. They are in no `/etc/shells`, where every program is one to log in
/// to.
const NO_SHELLS: [&str; 4] = [NOLOGIN, "/sbin/nologin", "/bin/false", "/usr/bin/false"];

/// Whether a password may be set. Nothing more is asked of it: rules about digits and signs make
/// passwords that are written on notes.
pub(super) fn check_password(name: &str, password: &Secret) -> Result<(), Refusal> {
    let text = password.reveal();
    if text.chars().any(char::is_control) {
        return Err(Refusal::PasswordNotText);
    }
    if text.chars().count() < PASSWORD_SHORTEST {
        return Err(Refusal::PasswordTooShort);
    }
    if text.len() > PASSWORD_LONGEST {
        return Err(Refusal::PasswordTooLong);
    }
    match text.eq_ignore_ascii_case(name) {
        true => Err(Refusal::PasswordIsName),
        false => Ok(()),
    }
}

/// The shell that is wished, or none.
pub(super) fn shell(seen: &Accounts, wished: Option<&str>) -> Result<String, Refusal> {
    let shell = wished.unwrap_or(NOLOGIN);
    let is_known = NO_SHELLS.contains(&shell) || seen.shells.iter().any(|it| it == shell);
    match is_known {
        true => Ok(shell.to_owned()),
        false => Err(Refusal::BadShell(shell.to_owned())),
    }
}

/// The home that is wished, or none.
pub(super) fn home(wished: Option<&FolderPath>) -> Result<String, Refusal> {
    let Some(home) = wished else {
        return Ok(NO_HOME.to_owned());
    };
    let bad = |why| Refusal::BadHome {
        home: home.to_string(),
        why,
    };
    if home.as_str().contains(':') {
        return Err(bad("a colon ends it in /etc/passwd"));
    }
    match home.of_the_system() {
        Some(_) => Err(bad("it belongs to the system, or to all")),
        None => Ok(home.to_string()),
    }
}
