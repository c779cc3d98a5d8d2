//! What checkers say of files that are right.

use moxnas_core::cmd::Output;

use crate::{backend::BackendError, render::Service};

/// Lines that mean nothing of what was checked: whose, how each begins, and why it does not matter.
pub const HARMLESS: &[(Service, &str, &str)] = &[
    (
        Service::Samba,
        "Load smb config files from ",
        "says which file it reads",
    ),
    (
        Service::Samba,
        "Loaded services file OK.",
        "says that it read it",
    ),
    (
        Service::Samba,
        "Weak crypto is allowed by GnuTLS",
        "is about the library of the machine: NTLM, the only way for accounts of its own, needs RC4",
    ),
    (
        Service::Samba,
        "Server role: ROLE_STANDALONE",
        "says which role the file asks for, which is ours",
    ),
    (
        Service::Samba,
        "rlimit_max: increasing rlimit_max",
        "is about the limits of the shell that testparm runs in; systemd gives smbd its own",
    ),
];

/// What a checker says beyond that.
pub(super) fn complaints(service: Service, text: &str) -> Vec<String> {
    let of = HARMLESS.iter().filter(|(it, _, _)| *it == service);
    let begins: Vec<&str> = of.map(|(_, begin, _)| *begin).collect();
    let lines = text.lines().map(str::trim).filter(|it| !it.is_empty());
    lines
        .filter(|line| !begins.iter().any(|it| line.starts_with(it)))
        .map(str::to_owned)
        .collect()
}

/// What it complains of, and if it says nothing, how it ended, unless well.
pub(super) fn said(service: Service, output: &Output) -> Vec<String> {
    let mut said = complaints(service, &output.errors());
    if said.is_empty() && output.status != 0 {
        said.push(format!("exit status {}", output.status));
    }
    said
}

/// Nothing is wrong: it ended well and said nothing that matters.
pub(super) fn none_but(service: Service, output: &Output) -> Result<(), BackendError> {
    none_of(service, said(service, output))
}

/// What exportfs(8) says of a folder that is not there. It exports it nevertheless, and all others,
/// and ends with status 1.
const AWAY: &str = "exportfs: Failed to stat ";

/// The same of exportfs(8), whatever folders are away: a pool that is not there keeps no other share
/// from being offered.
pub(super) fn none_but_away(output: &Output) -> Result<(), BackendError> {
    let all = said(Service::Nfs, output).into_iter();
    none_of(
        Service::Nfs,
        all.filter(|it| !it.starts_with(AWAY)).collect(),
    )
}

/// Nothing was said but what is said already, for which is asked only if it matters.
pub(super) fn none_but_known(
    service: Service,
    said: Vec<String>,
    known: impl FnOnce() -> Result<Vec<String>, BackendError>,
) -> Result<(), BackendError> {
    if said.is_empty() {
        return Ok(());
    }
    let known = known()?;
    let new = said.into_iter().filter(|it| !known.contains(it));
    none_of(service, new.collect())
}

/// Nothing was said.
pub(super) fn none_of(service: Service, said: Vec<String>) -> Result<(), BackendError> {
    match said.is_empty() {
        true => Ok(()),
        false => Err(BackendError::Refused { service, said }),
    }
}
