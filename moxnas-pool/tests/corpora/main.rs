//! Cases that nobody here wrote.
//!
//! They are read from the folder that `MOXNAS_CORPORA` names, and are skipped without it.
#![expect(clippy::print_stdout, reason = "each test says how many cases hold")]
#![expect(clippy::unwrap_used, reason = "what fails here is a test")]

mod proxmox_backup;
