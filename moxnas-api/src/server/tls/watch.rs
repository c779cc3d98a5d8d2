//! A certificate that is replaced in its files is served without a restart.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use moxnas_core::chain::chain;
use tokio::{signal::unix::Signal, time::sleep};

use super::{Certificate, SelfMade, TlsConfig, TlsError};

/// How often files are looked at. Programs that renew certificates do so days before the end.
const EVERY: Duration = Duration::from_secs(60);

/// Where a certificate comes from.
pub enum Source {
    /// Files that somebody else writes, both PEM.
    Given {
        /// The chain, the server's own first.
        certificate: PathBuf,
        /// Its key.
        key: PathBuf,
    },
    /// This service itself.
    SelfMade(SelfMade),
}

/// Keeps a [`TlsConfig`] as its source has it.
pub struct Watch {
    source: Source,
    config: TlsConfig,
    /// The files as they were when last read; what cannot be read of them is told once.
    seen: Seen,
}

/// Device, inode, size and time of change of each file; `None`: it is not there.
type Seen = Vec<Option<(u64, u64, u64, i64, i64)>>;

impl Source {
    fn read(&self) -> Result<Certificate, TlsError> {
        match self {
            Source::Given { certificate, key } => Certificate::read(certificate, key),
            Source::SelfMade(made) => made.load_or_make(),
        }
    }

    fn files(&self) -> Vec<PathBuf> {
        match self {
            Source::Given { certificate, key } => vec![certificate.clone(), key.clone()],
            Source::SelfMade(made) => made.files().into_iter().flatten().collect(),
        }
    }

    fn look(&self) -> Seen {
        let look = |path: PathBuf| {
            let it = fs::metadata(path).ok()?;
            Some((it.dev(), it.ino(), it.size(), it.mtime(), it.mtime_nsec()))
        };
        self.files().into_iter().map(look).collect()
    }

    /// The key's file, if anybody who can log in to the machine can read it.
    fn open_key(&self) -> Option<PathBuf> {
        let key = self.files().pop()?;
        let mode = mode(&key).ok()?;
        (mode & 0o007 != 0).then_some(key)
    }
}

fn mode(path: &Path) -> io::Result<u32> {
    Ok(fs::metadata(path)?.mode())
}

impl Watch {
    /// Read, or make, the certificate.
    ///
    /// # Errors
    /// There is none that can be used.
    pub fn open(source: Source) -> Result<Watch, TlsError> {
        let certificate = source.read()?;
        let seen = source.look();
        let watch = Watch {
            config: certificate.into(),
            source,
            seen,
        };
        watch.tell();
        Ok(watch)
    }

    /// What is served.
    #[must_use]
    pub fn config(&self) -> TlsConfig {
        self.config.clone()
    }

    /// Look every minute whether the files have changed, and at each signal read them at once.
    /// Never ready.
    pub async fn run(mut self, mut signal: Signal) {
        loop {
            let done = tokio::select! {
                () = sleep(EVERY) => self.look(),
                _ = signal.recv() => self.reload(),
            };
            if let Err(error) = done {
                let error = chain(&error);
                tracing::error!(error, "the certificate stays the one it was");
            }
        }
    }

    /// Serve what the files hold, if they have changed. A certificate made by this service is made
    /// again when its time comes.
    ///
    /// # Errors
    /// It cannot be used; what was served is served on. Told once for each change.
    pub fn look(&mut self) -> Result<(), TlsError> {
        let is_ours = matches!(self.source, Source::SelfMade(_));
        if self.source.look() == self.seen && !is_ours {
            return Ok(());
        }
        self.reload()
    }

    /// Serve what the files hold.
    ///
    /// # Errors
    /// As [`Watch::look`].
    pub fn reload(&mut self) -> Result<(), TlsError> {
        if self.seen.is_empty() {
            // Kept nowhere, it lives as long as the service.
            return Ok(());
        }
        // Before they are read: what changes meanwhile is seen the next time.
        self.seen = self.source.look();
        let read = self.source.read()?;
        if read.fingerprint != self.config.fingerprint() {
            self.config.replace(read);
            self.tell();
        }
        Ok(())
    }

    fn tell(&self) {
        let fingerprint = self.config.fingerprint();
        tracing::info!(sha256 = %fingerprint, "certificate");
        if let Some(key) = self.source.open_key() {
            tracing::warn!(key = %key.display(), "everybody on this machine can read the key");
        }
    }
}
