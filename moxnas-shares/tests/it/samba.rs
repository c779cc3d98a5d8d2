//! smbd, as Debian brings it.
