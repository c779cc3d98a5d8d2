//! A certificate that nobody has signed, for a machine that nobody else vouches for.
//!
//! It is good for 397 days, the most that browsers take, and kept, so that whoever has trusted it
//! once is not asked again before it is renewed.

use std::{
    collections::BTreeSet,
    fs::DirBuilder,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use moxnas_core::{clock::Clock, root::Root};
use nix::{ifaddrs::getifaddrs, net::if_::InterfaceFlags};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier as _},
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};
use time::OffsetDateTime;

use super::{Certificate, TlsError};

/// 397 days, the last second of which counts too
/// (<https://cabforum.org/working-groups/server/baseline-requirements/>, 6.3.2).
const LIFE: Duration = Duration::from_secs(397 * 24 * 3600 - 1);
/// A certificate that ends sooner is renewed.
const RENEWED: Duration = Duration::from_secs(30 * 24 * 3600);
/// Clocks of clients differ.
const EARLIER: Duration = Duration::from_secs(24 * 3600);

/// What a certificate is made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// Host names. A certificate that lacks one is not used any more.
    pub hosts: BTreeSet<String>,
    /// Addresses that the machine has. They come and go: a certificate is not renewed for them.
    pub addresses: BTreeSet<IpAddr>,
}

/// A certificate that is made where there is none, and made again when its time comes.
#[derive(Clone)]
pub struct SelfMade {
    /// Where it is kept; `None`: nowhere.
    folder: Option<PathBuf>,
    names: Names,
    clock: Arc<dyn Clock>,
}

impl Names {
    /// `hosts`, as far as they can stand in a certificate, and the addresses of this machine.
    #[must_use]
    pub fn with<'a>(hosts: impl IntoIterator<Item = &'a str>) -> Names {
        // Readers of certificates do not agree on underscores.
        let is_name = |it: &&str| {
            !it.contains('_') && matches!(ServerName::try_from(*it), Ok(ServerName::DnsName(_)))
        };
        let hosts = hosts.into_iter().filter(is_name).map(str::to_owned);
        let mut addresses =
            BTreeSet::from([Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        // Without them the certificate is good for the names.
        for interface in getifaddrs().into_iter().flatten() {
            let address = interface
                .address
                .filter(|_| interface.flags.contains(InterfaceFlags::IFF_UP));
            let Some(address) = address else {
                continue;
            };
            let v4 = address.as_sockaddr_in().map(|it| IpAddr::V4(it.ip()));
            let v6 = address.as_sockaddr_in6().map(|it| it.ip());
            // An address of one link is written with the name of the link, which no certificate has.
            let v6 = v6.filter(|it| !it.is_unicast_link_local()).map(IpAddr::V6);
            addresses.extend(v4.or(v6));
        }
        Names {
            hosts: hosts.collect(),
            addresses,
        }
    }
}

impl SelfMade {
    /// Keep it as `cert.pem` and `key.pem` in `folder`, if there is one.
    #[must_use]
    pub fn new(folder: Option<PathBuf>, names: Names, clock: Arc<dyn Clock>) -> SelfMade {
        SelfMade {
            folder,
            names,
            clock,
        }
    }

    /// The files of certificate and key.
    #[must_use]
    pub fn files(&self) -> Option<[PathBuf; 2]> {
        let folder = self.folder.as_ref()?;
        Some(["cert.pem", "key.pem"].map(|it| folder.join(it)))
    }

    /// The one that is kept, if it will do for a while, or a new one.
    pub(super) fn load_or_make(&self) -> Result<Certificate, TlsError> {
        let Some([certificate, key]) = self.files() else {
            let (certificate, key) = self.make()?;
            let unusable = |source| TlsError::Unusable {
                path: PathBuf::from("memory"),
                source,
            };
            let chain = vec![certificate.der().clone()];
            let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
            return Certificate::new(chain, key).map_err(unusable);
        };
        if certificate.exists() {
            match Certificate::read(&certificate, &key) {
                Ok(kept) if self.will_do(&certificate) => return Ok(kept),
                Ok(_) => tracing::info!("the self-made certificate is renewed"),
                Err(error) => {
                    let error = moxnas_core::chain::chain(&error);
                    tracing::warn!(error, "the self-made certificate is made again");
                }
            }
        }
        let (made, made_key) = self.make()?;
        let folder = self.folder.as_deref().unwrap_or(Path::new("/"));
        // Failures are told by the files, which cannot be made without their folder.
        let _ = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        // A new file, as one that is replaced hands on its mode.
        let _ = std::fs::remove_file(&key);
        // The key first: an old certificate beside it is found out, and both are made again.
        let keep = |path: &Path, text: String, mode| {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            Root::system()
                .replace(path, text.as_bytes(), mode)
                .map_err(TlsError::Keep)
        };
        keep(&key, made_key.serialize_pem(), 0o600)?;
        keep(&certificate, made.pem(), 0o644)?;
        Certificate::read(&certificate, &key)
    }

    /// Whether a client that trusts nothing but this certificate will take it until it would be
    /// renewed, for each of the names.
    fn will_do(&self, certificate: &Path) -> bool {
        let Ok(certificate) = CertificateDer::from_pem_file(certificate) else {
            return false;
        };
        let mut roots = RootCertStore::empty();
        if roots.add(certificate.clone()).is_err() {
            return false;
        }
        let ring = Arc::new(ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), ring).build();
        let Ok(verifier) = verifier else {
            return false;
        };
        let now = self.clock.now().duration_since(UNIX_EPOCH);
        let then = UnixTime::since_unix_epoch(now.unwrap_or_default() + RENEWED);
        self.names.hosts.iter().all(|host| {
            let name = ServerName::try_from(host.as_str());
            name.is_ok_and(|name| {
                let verified = verifier.verify_server_cert(&certificate, &[], &name, &[], then);
                verified.is_ok()
            })
        })
    }

    fn make(&self) -> Result<(rcgen::Certificate, KeyPair), TlsError> {
        let hosts: Vec<String> = self.names.hosts.iter().cloned().collect();
        let name = hosts.iter().find(|it| *it != "localhost");
        let name = name.cloned().unwrap_or_else(|| "localhost".to_owned());
        let mut params = CertificateParams::new(hosts).map_err(TlsError::Make)?;
        let addresses = self.names.addresses.iter();
        params
            .subject_alt_names
            .extend(addresses.map(|it| SanType::IpAddress(*it)));
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params
            .distinguished_name
            .push(DnType::OrganizationName, "MoxNAS, self-made");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let now = OffsetDateTime::from(self.clock.now());
        params.not_before = now - EARLIER;
        params.not_after = params.not_before + LIFE;
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(TlsError::Make)?;
        let certificate = params.self_signed(&key).map_err(TlsError::Make)?;
        Ok((certificate, key))
    }
}
