//! A certificate that nobody has signed but the machine itself.

use std::time::Duration;

use moxnas_core::{
    clock::{Clock as _, SystemClock},
    root::Root,
};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
};

use crate::{backend::BackendError, model::TlsFiles};

/// Ten years, as nobody renews it: clients of FTP keep what their user trusts, whatever its age.
const LIFE: Duration = Duration::from_secs(3650 * 24 * 3600);
/// Clocks of clients differ.
const EARLIER: Duration = Duration::from_secs(24 * 3600);

/// Make both files. The key first: without the certificate, both are made again.
pub(super) fn make(root: &Root, files: &TlsFiles) -> Result<(), BackendError> {
    let name = root.read("/etc/hostname")?.unwrap_or_default();
    let (certificate, key) = signed(name.trim()).map_err(|source| BackendError::Certificate {
        path: files.certificate.to_string(),
        source,
    })?;
    // A new file, as one that is replaced hands on its mode.
    root.remove(files.key.as_str())?;
    root.replace(files.key.as_str(), key.as_bytes(), 0o600)?;
    root.replace(files.certificate.as_str(), certificate.as_bytes(), 0o644)?;
    Ok(())
}

/// Both in PEM.
fn signed(name: &str) -> Result<(String, String), rcgen::Error> {
    let name = match name {
        "" => "localhost",
        name => name,
    };
    let mut params = CertificateParams::new(vec![name.to_owned()])?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let made_by = "MoxNAS, self-made";
    params
        .distinguished_name
        .push(DnType::OrganizationName, made_by);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.not_before = (SystemClock.now() - EARLIER).into();
    params.not_after = params.not_before + LIFE;
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}
