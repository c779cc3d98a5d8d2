//! A Unix socket that takes the place of a dead one and never that of a live one.

use std::{
    fs::{self, File, Permissions},
    io,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::UnixStream as StdUnixStream,
    },
    path::{Path, PathBuf},
};

use tokio::net::{UnixListener, UnixStream};

use super::{BindError, Peer};

/// A listening socket and its file, which is removed with it.
#[derive(Debug)]
pub(super) struct UnixSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode: by the time of the drop the path may be another service's.
    file: (u64, u64),
}

impl UnixSocket {
    /// Listen on `path`.
    ///
    /// The socket is made under another name, gets its mode there and is moved into place, so
    /// that nobody ever meets it with the mode the umask gave. A lock on the folder keeps two
    /// services that start together from each taking the other's socket for a dead one.
    pub(super) fn bind(path: &Path, mode: u32) -> Result<UnixSocket, BindError> {
        let refused = |source| BindError::Unix {
            path: path.to_owned(),
            source,
        };
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let lock = File::open(folder).map_err(refused)?;
        lock.lock().map_err(refused)?;
        check_free(path)?;

        let draft = folder.join(format!(".moxnas-{}", std::process::id()));
        let made = move_into_place(&draft, path, mode);
        if made.is_err() {
            let _ = fs::remove_file(&draft);
        }
        let (listener, file) = made.map_err(refused)?;
        Ok(UnixSocket {
            listener,
            path: path.to_owned(),
            file,
        })
    }

    pub(super) async fn accept(&self) -> io::Result<(UnixStream, Peer)> {
        let (stream, _) = self.listener.accept().await?;
        let seen = stream.peer_cred()?;
        let peer = Peer::Unix {
            uid: seen.uid(),
            gid: seen.gid(),
            pid: seen.pid(),
        };
        Ok((stream, peer))
    }
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|file| file == self.file) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Nothing is at `path`, or a socket that nobody answers on.
fn check_free(path: &Path) -> Result<(), BindError> {
    let refused = |source| BindError::Unix {
        path: path.to_owned(),
        source,
    };
    let kind = match fs::symlink_metadata(path) {
        Ok(found) => found.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(refused(error)),
    };
    if !kind.is_socket() {
        return Err(BindError::NotASocket(path.to_owned()));
    }
    match StdUnixStream::connect(path) {
        Ok(_) => Err(BindError::Answered(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Err(error) => Err(refused(error)),
    }
}

fn move_into_place(draft: &Path, path: &Path, mode: u32) -> io::Result<(UnixListener, (u64, u64))> {
    // Left by a killed process that had our number.
    match fs::remove_file(draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(draft)?;
    fs::set_permissions(draft, Permissions::from_mode(mode))?;
    let file = identity(draft)?;
    fs::rename(draft, path)?;
    Ok((listener, file))
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}
