//! The session of `moxnas login`, kept for the next commands.

use std::{
    fs, io,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};

/// A session with one service.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Session {
    /// The service.
    pub(crate) server: String,
    /// The access token.
    pub(crate) token: String,
    /// The token for the next one.
    pub(crate) refresh_token: String,
}

impl Session {
    /// `$XDG_STATE_HOME/moxnas/session.json`, see the XDG base directory specification.
    fn path() -> Option<PathBuf> {
        let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
        let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state"));
        let state = state.filter(|it| it.is_absolute()).or_else(home)?;
        Some(state.join("moxnas/session.json"))
    }

    /// The kept session with this service. One that cannot be read is none.
    pub(crate) fn with(server: &str) -> Option<Session> {
        let text = fs::read(Session::path()?).ok()?;
        let session: Session = serde_json::from_slice(&text).ok()?;
        (session.server == server).then_some(session)
    }

    /// Keep it, readable by nobody else.
    pub(crate) fn keep(&self) -> io::Result<()> {
        let nowhere = || io::Error::other("neither HOME nor XDG_STATE_HOME is set");
        let path = Session::path().ok_or_else(nowhere)?;
        if let Some(folder) = path.parent() {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
        }
        let draft = path.with_extension("new");
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        fs::rename(draft, path)
    }

    /// Forget it.
    pub(crate) fn forget() -> io::Result<()> {
        match Session::path().map(fs::remove_file) {
            Some(Err(err)) if err.kind() != io::ErrorKind::NotFound => Err(err),
            _ => Ok(()),
        }
    }
}
