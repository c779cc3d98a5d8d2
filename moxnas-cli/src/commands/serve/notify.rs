//! Telling systemd how the service stands, sd_notify(3).

use std::{
    env,
    ffi::OsStr,
    io,
    os::{
        linux::net::SocketAddrExt as _,
        unix::{
            ffi::OsStrExt as _,
            net::{SocketAddr, UnixDatagram},
        },
    },
};

/// It listens, and what it says is so.
pub(super) const READY: &str = "READY=1";
/// It was told to end.
pub(super) const STOPPING: &str = "STOPPING=1";

/// Tell systemd, if it is what started the service and waits for it.
pub(super) fn tell(state: &str) {
    let Some(socket) = env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    if let Err(err) = send(&socket, state) {
        tracing::warn!("systemd was not told {state}: {err}");
    }
}

/// A socket whose name begins with `@` is no file.
fn send(socket: &OsStr, state: &str) -> io::Result<()> {
    let address = match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(socket: &UnixDatagram) -> String {
        let mut said = [0; 32];
        let size = socket.recv(&mut said).expect("something was sent");
        String::from_utf8_lossy(&said[..size]).into_owned()
    }

    #[test]
    fn both_kinds_of_sockets_are_told() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("notify");
        let file = UnixDatagram::bind(&path)?;
        send(path.as_os_str(), READY)?;
        assert_eq!(heard(&file), "READY=1");

        let name = format!("moxnas-test-{}", std::process::id());
        let abstracted = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name)?)?;
        send(OsStr::new(&format!("@{name}")), STOPPING)?;
        assert_eq!(heard(&abstracted), "STOPPING=1");
        Ok(())
    }
}
