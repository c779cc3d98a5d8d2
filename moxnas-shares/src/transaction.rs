//! Giving a daemon new files such that it serves either what it did or what it should, and never neither.
//!
//! certificate, if there is none → check → keep → replace → reload → ask; and if anything fails on
//! the way, the old bytes are put back and the daemon reads those again. It is the same for every
//! backend, so that what a simulation shows of it is so.

use std::fmt;

use moxnas_core::chain::chain;

use crate::{
    backend::{BackendError, ShareBackend},
    generation::{Generation, KEPT},
    plan::{FileChange, Step},
    render::Places,
};

/// A change that was not made.
#[derive(Debug)]
pub struct NotServed {
    /// Why not.
    pub cause: BackendError,
    /// How far it had come.
    pub at: At,
    /// What could not be put back, if anything: then the daemon may serve something else than its files say
    /// until it is started anew.
    pub not_put_back: Vec<BackendError>,
}

/// How far a change came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// Nothing was changed.
    Checking,
    /// Some files were new.
    Replacing,
    /// All files were new.
    Reloading,
    /// The daemon had read them.
    Asking,
}

impl fmt::Display for NotServed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.at, self.not_put_back.as_slice()) {
            (At::Checking, _) => f.write_str("nothing was changed"),
            (_, []) => f.write_str("all files are what they were"),
            (_, all) => {
                let all: Vec<String> = all.iter().map(|it| chain(it)).collect();
                write!(
                    f,
                    "the files could not all be put back ({})",
                    all.join("; ")
                )
            }
        }
    }
}

impl std::error::Error for NotServed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

/// Give a daemon new files.
pub fn serve(backend: &dyn ShareBackend, places: &Places, step: &Step) -> Result<(), NotServed> {
    let mut at = At::Checking;
    let mut written = Vec::new();
    let done = attempt(backend, places, step, &mut at, &mut written);
    done.map_err(|cause| NotServed {
        cause,
        at,
        not_put_back: match at {
            At::Checking => Vec::new(),
            _ => put_back(backend, step, &written),
        },
    })
}

fn attempt<'a>(
    backend: &dyn ShareBackend,
    places: &Places,
    step: &'a Step,
    at: &mut At,
    written: &mut Vec<&'a FileChange>,
) -> Result<(), BackendError> {
    let seen = backend.observe(places)?;
    for change in &step.changes {
        if seen.files.get(&change.path) != change.before.as_ref() {
            return Err(BackendError::Changed(change.path.clone()));
        }
    }
    if let Some(files) = &step.certificate {
        backend.certify(files)?;
    }
    backend.check(places, step.service, &step.changes)?;
    let kept = Generation::before(step.generation, step.service, &step.changes);
    let file = Generation::file(&places.generations, step.generation);
    backend.replace(&file, Some(&kept.render()), 0o600)?;
    *at = At::Replacing;
    for change in &step.changes {
        written.push(change);
        backend.replace(&change.path, change.after.as_deref(), change.mode)?;
    }
    *at = At::Reloading;
    backend.reload(step.service)?;
    *at = At::Asking;
    backend.probe(step.service, &step.offers)?;
    forget_oldest(backend, places, &seen.generations);
    Ok(())
}

/// Go back from a step that was done, because one behind it was not.
pub fn undo(backend: &dyn ShareBackend, places: &Places, step: &Step) -> Result<(), NotServed> {
    let kept = backend.observe(places).map_err(|cause| NotServed {
        cause,
        at: At::Checking,
        not_put_back: Vec::new(),
    })?;
    let last = kept.generations.last().copied().unwrap_or(0);
    serve(backend, places, &step.back(last + 1))
}

/// Put back what was written, the last first, and have the daemon read it.
fn put_back(backend: &dyn ShareBackend, step: &Step, written: &[&FileChange]) -> Vec<BackendError> {
    let mut failed = Vec::new();
    for change in written.iter().rev() {
        let put = backend.replace(&change.path, change.before.as_deref(), change.mode);
        failed.extend(put.err());
    }
    failed.extend(backend.reload(step.service).err());
    failed
}

/// Those beyond the number that is kept; what cannot be removed now is with the next change.
fn forget_oldest(backend: &dyn ShareBackend, places: &Places, kept: &[u32]) {
    let surplus = (kept.len() + 1).saturating_sub(KEPT);
    for number in kept.iter().take(surplus) {
        let file = Generation::file(&places.generations, *number);
        _ = backend.replace(&file, None, 0o600);
    }
}
