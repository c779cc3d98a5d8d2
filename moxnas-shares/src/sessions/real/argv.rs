//! Every command that is run on behalf of sessions. All else is read, and told to processes and the
//! kernel.

use moxnas_core::cmd::{Cmd, Tool};

const SMBSTATUS: Tool = Tool::new("smbstatus").of("samba");

/// Who is connected to smbd(8): sessions, shares and open files.
#[must_use]
pub fn smbstatus() -> Cmd {
    Cmd::new(SMBSTATUS).arg("--json")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All there are.
    #[test]
    fn the_commands_are_these() {
        assert_eq!(smbstatus().to_string(), "smbstatus --json");
    }
}
