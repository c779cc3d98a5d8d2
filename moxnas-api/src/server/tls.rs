//! Certificate and key for HTTPS.

mod self_made;
mod watch;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, RwLock},
};

use moxnas_core::root::FileError;
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};
use sha2::{Digest, Sha256};
use tokio_rustls::TlsAcceptor;

pub use self_made::{Names, SelfMade};
pub use watch::{Source, Watch};

/// A certificate chain with its key, checked to belong together. All copies are one: what
/// replaces it counts for each connection made from then on.
#[derive(Clone)]
pub struct TlsConfig(Arc<RwLock<Certificate>>);

/// A certificate that can be served.
#[derive(Clone)]
struct Certificate {
    config: Arc<ServerConfig>,
    fingerprint: Fingerprint,
}

/// SHA-256 over a certificate. Written as browsers and openssl do: `AB:CD:…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file is missing, unreadable or not PEM.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: pem::Error,
    },
    /// The file has no certificate in it.
    #[error("no certificate in {}", .0.display())]
    Empty(PathBuf),
    /// Key and certificate do not match, or are of a kind that is not supported.
    #[error("the certificate in {} cannot be used", path.display())]
    Unusable {
        /// The certificate's file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: rustls::Error,
    },
    /// No certificate could be made.
    #[error("no certificate could be made")]
    Make(#[source] rcgen::Error),
    /// The certificate that was made could not be kept.
    #[error("the certificate that was made could not be kept")]
    Keep(#[source] FileError),
}

impl TlsConfig {
    /// Read a certificate chain, the server's own first, and its key, both PEM.
    ///
    /// # Errors
    /// A file cannot be read, or the two do not belong together.
    pub fn read(certificate: &Path, key: &Path) -> Result<TlsConfig, TlsError> {
        Ok(Certificate::read(certificate, key)?.into())
    }

    /// Of the certificate that is in use.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.current().fingerprint
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current().config)
    }

    fn current(&self) -> Certificate {
        let current = self.0.read();
        current.expect("no holder of this lock panics").clone()
    }

    fn replace(&self, certificate: Certificate) {
        let current = self.0.write();
        *current.expect("no holder of this lock panics") = certificate;
    }
}

impl From<Certificate> for TlsConfig {
    fn from(certificate: Certificate) -> TlsConfig {
        TlsConfig(Arc::new(RwLock::new(certificate)))
    }
}

impl Certificate {
    fn read(certificate: &Path, key: &Path) -> Result<Certificate, TlsError> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            move |source| TlsError::Read { path, source }
        };
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(unreadable(certificate))?;
        if chain.is_empty() {
            return Err(TlsError::Empty(certificate.to_owned()));
        }
        let key = PrivateKeyDer::from_pem_file(key).map_err(unreadable(key))?;
        Certificate::new(chain, key).map_err(|source| TlsError::Unusable {
            path: certificate.to_owned(),
            source,
        })
    }

    /// A chain that is not empty, the server's own first.
    fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Certificate, rustls::Error> {
        let fingerprint = Fingerprint::of(&chain[0]);
        // The provider is named here, as a process-wide default is set by nobody or by two.
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Certificate {
            config: Arc::new(config),
            fingerprint,
        })
    }
}

impl Fingerprint {
    /// Of one certificate.
    #[must_use]
    pub fn of(certificate: &CertificateDer<'_>) -> Fingerprint {
        Fingerprint(Sha256::digest(certificate).into())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, byte) in self.0.iter().enumerate() {
            let before = if number == 0 { "" } else { ":" };
            write!(f, "{before}{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TlsConfig({})", self.fingerprint())
    }
}
