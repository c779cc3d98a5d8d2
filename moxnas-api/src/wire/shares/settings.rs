//! What holds for all shares of a protocol.

use clap::Args;
use moxnas_core::units::{BadBytes, Bytes};
use moxnas_shares::model::{
    self, NfsVersion as InsideVersion, PassivePorts, SmbProtocol as Inside,
};
use poem_openapi::{Enum, Object};

use super::{one, smb::Encryption, unless_empty};
use crate::problem::Answer;

/// A version of SMB
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, clap::ValueEnum)]
pub enum SmbProtocol {
    /// 2.1, for what is old
    #[oai(rename = "SMB2_10")]
    #[value(name = "SMB2_10")]
    Smb2_10,
    /// 3.0 and newer
    #[oai(rename = "SMB3")]
    #[value(name = "SMB3")]
    Smb3,
    /// 3.1.1 alone
    #[oai(rename = "SMB3_11")]
    #[value(name = "SMB3_11")]
    Smb3_11,
}

/// A version of NFS
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, clap::ValueEnum)]
#[oai(rename_all = "snake_case")]
pub enum NfsVersion {
    /// 3
    V3,
    /// 4.0 to 4.2
    V4,
}

/// What holds for all shares of SMB
#[derive(Clone, Debug, PartialEq, Object)]
pub struct SmbSettings {
    /// Among which machines it is shown
    pub workgroup: String,
    /// What clients show beside its name
    pub server_string: String,
    /// Its name
    pub netbios_name: String,
    /// The oldest version of the protocol that is spoken
    pub min_protocol: SmbProtocol,
    /// Whether each message has to be signed
    pub signing_required: bool,
    /// Whether what is sent is encrypted, where a share says nothing else
    pub encryption: Encryption,
    /// The account of whoever is let in as a guest
    pub guest_account: String,
    /// Whether Macs are spoken to in their own way
    pub apple: bool,
}

/// What is to be different for all shares of SMB; what is left out stays as it is
#[derive(Clone, Debug, Default, PartialEq, Object, Args)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct ChangeSmbSettings {
    /// Among which machines it is shown
    #[arg(long, value_name = "NAME")]
    #[oai(validator(max_length = 15))]
    pub workgroup: Option<String>,
    /// What clients show beside its name
    #[arg(long, value_name = "TEXT")]
    #[oai(validator(max_length = 255))]
    pub server_string: Option<String>,
    /// Its name, 15 characters at most
    #[arg(long, value_name = "NAME")]
    #[oai(validator(max_length = 15))]
    pub netbios_name: Option<String>,
    /// The oldest version of the protocol that is spoken
    #[arg(long, value_enum)]
    pub min_protocol: Option<SmbProtocol>,
    /// Whether each message has to be signed
    #[arg(long, value_name = "true|false")]
    pub signing_required: Option<bool>,
    /// Whether what is sent is encrypted, where a share says nothing else
    #[arg(long, value_enum)]
    pub encryption: Option<Encryption>,
    /// The account of whoever is let in as a guest
    #[arg(long, value_name = "USER")]
    #[oai(validator(max_length = 128))]
    pub guest_account: Option<String>,
    /// Whether Macs are spoken to in their own way
    #[arg(long, value_name = "true|false")]
    pub apple: Option<bool>,
}

/// What holds for all shares of NFS
#[derive(Clone, Debug, PartialEq, Object)]
pub struct NfsSettings {
    /// Which versions are spoken
    pub versions: Vec<NfsVersion>,
    /// How many threads of the kernel serve
    pub threads: u16,
}

/// What is to be different for all shares of NFS; what is left out stays as it is
#[derive(Clone, Debug, Default, PartialEq, Object, Args)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct ChangeNfsSettings {
    /// Which versions are spoken
    #[arg(long = "version", value_enum, value_delimiter = ',')]
    #[oai(validator(min_items = 1, max_items = 2))]
    pub versions: Option<Vec<NfsVersion>>,
    /// How many threads of the kernel serve
    #[arg(long, value_name = "COUNT")]
    #[oai(validator(minimum(value = "1"), maximum(value = "1024")))]
    pub threads: Option<u16>,
}

/// What holds for all shares of FTP
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct FtpSettings {
    /// The port on which it listens
    pub port: u16,
    /// The first of the ports on which data go
    pub passive_from: u16,
    /// The last of them
    pub passive_to: u16,
    /// The address that is told for them where there is a router in between
    pub passive_address: Option<String>,
    /// The certificate, PEM. One that nobody has signed is made at the usual place where there is none
    pub tls_certificate: String,
    /// Its key, PEM
    pub tls_key: String,
    /// Whether users may send their password unencrypted
    pub plaintext: bool,
    /// What is said to whoever connects
    pub banner: String,
    /// How many may be connected at a time; 0: as many as come
    pub max_clients: u32,
    /// How many from one address; 0: as many as come
    pub max_per_address: u32,
    /// After how many seconds without a command somebody is let go
    pub idle_s: u32,
    /// How many bytes a second each user gets; left out: as many as there are
    pub max_rate_bytes: Option<u64>,
}

/// What is to be different for all shares of FTP; what is left out stays as it is
#[derive(Clone, Debug, Default, PartialEq, Object, Args)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct ChangeFtpSettings {
    /// The port on which it listens
    #[arg(long, value_name = "PORT")]
    #[oai(validator(minimum(value = "1")))]
    pub port: Option<u16>,
    /// The first of the ports on which data go
    #[arg(long, value_name = "PORT")]
    pub passive_from: Option<u16>,
    /// The last of them
    #[arg(long, value_name = "PORT")]
    pub passive_to: Option<u16>,
    /// The address that is told for them where there is a router in between; empty: its own
    #[arg(long, value_name = "ADDRESS")]
    #[oai(validator(max_length = 15))]
    pub passive_address: Option<String>,
    /// The certificate, PEM. One that nobody has signed is made at the usual place where there is none
    #[arg(long, value_name = "FILE")]
    #[oai(validator(max_length = 1024))]
    pub tls_certificate: Option<String>,
    /// Its key, PEM
    #[arg(long, value_name = "FILE")]
    #[oai(validator(max_length = 1024))]
    pub tls_key: Option<String>,
    /// Whether users may send their password unencrypted
    #[arg(long, value_name = "true|false")]
    pub plaintext: Option<bool>,
    /// What is said to whoever connects
    #[arg(long, value_name = "TEXT")]
    #[oai(validator(max_length = 255))]
    pub banner: Option<String>,
    /// How many may be connected at a time; 0: as many as come
    #[arg(long, value_name = "COUNT")]
    pub max_clients: Option<u32>,
    /// How many from one address; 0: as many as come
    #[arg(long, value_name = "COUNT")]
    pub max_per_address: Option<u32>,
    /// After how many seconds without a command somebody is let go
    #[arg(long, value_name = "SECONDS")]
    pub idle_s: Option<u32>,
    /// How many bytes a second each user gets; 0: as many as there are
    #[arg(long = "max-rate", value_name = "SIZE", value_parser = rate)]
    pub max_rate_bytes: Option<u64>,
}

fn rate(text: &str) -> Result<u64, BadBytes> {
    match text {
        "none" | "0" => Ok(0),
        size => size.parse().map(|it: Bytes| it.0),
    }
}

impl From<Inside> for SmbProtocol {
    fn from(it: Inside) -> SmbProtocol {
        match it {
            Inside::Smb2_10 => SmbProtocol::Smb2_10,
            Inside::Smb3 => SmbProtocol::Smb3,
            Inside::Smb3_11 => SmbProtocol::Smb3_11,
        }
    }
}

impl From<model::SmbSettings> for SmbSettings {
    fn from(it: model::SmbSettings) -> SmbSettings {
        let model::SmbSettings {
            workgroup,
            server_string,
            netbios_name,
            min_protocol,
            signing_required,
            encryption,
            guest_account,
            apple,
        } = it;
        SmbSettings {
            workgroup: workgroup.to_string(),
            server_string: server_string.to_string(),
            netbios_name: netbios_name.to_string(),
            min_protocol: min_protocol.into(),
            signing_required,
            encryption: encryption.into(),
            guest_account: guest_account.to_string(),
            apple,
        }
    }
}

impl ChangeSmbSettings {
    /// The settings as they are to be.
    pub fn put_to(&self, mut all: model::SmbSettings) -> Answer<model::SmbSettings> {
        if let Some(it) = &self.workgroup {
            all.workgroup = one("workgroup", it)?;
        }
        if let Some(it) = &self.server_string {
            all.server_string = one("server_string", it)?;
        }
        if let Some(it) = &self.netbios_name {
            all.netbios_name = one("netbios_name", it)?;
        }
        if let Some(it) = self.min_protocol {
            all.min_protocol = match it {
                SmbProtocol::Smb2_10 => Inside::Smb2_10,
                SmbProtocol::Smb3 => Inside::Smb3,
                SmbProtocol::Smb3_11 => Inside::Smb3_11,
            };
        }
        if let Some(it) = &self.guest_account {
            all.guest_account = one("guest_account", it)?;
        }
        all.signing_required = self.signing_required.unwrap_or(all.signing_required);
        all.encryption = self.encryption.map_or(all.encryption, Into::into);
        all.apple = self.apple.unwrap_or(all.apple);
        Ok(all)
    }
}

impl From<model::NfsSettings> for NfsSettings {
    fn from(it: model::NfsSettings) -> NfsSettings {
        let model::NfsSettings { versions, threads } = it;
        let versions = versions.into_iter().map(|it| match it {
            InsideVersion::V3 => NfsVersion::V3,
            InsideVersion::V4 => NfsVersion::V4,
        });
        NfsSettings {
            versions: versions.collect(),
            threads,
        }
    }
}

impl ChangeNfsSettings {
    /// The settings as they are to be.
    #[must_use]
    pub fn put_to(&self, mut all: model::NfsSettings) -> model::NfsSettings {
        if let Some(versions) = &self.versions {
            let versions = versions.iter().map(|it| match it {
                NfsVersion::V3 => InsideVersion::V3,
                NfsVersion::V4 => InsideVersion::V4,
            });
            all.versions = versions.collect();
            all.versions.sort_unstable();
            all.versions.dedup();
        }
        all.threads = self.threads.unwrap_or(all.threads);
        all
    }
}

impl From<model::FtpSettings> for FtpSettings {
    fn from(it: model::FtpSettings) -> FtpSettings {
        let model::FtpSettings {
            port,
            passive_ports,
            passive_address,
            tls,
            plaintext,
            banner,
            max_clients,
            max_per_address,
            idle_s,
            max_rate,
            max_rate_of: _,
        } = it;
        FtpSettings {
            port,
            passive_from: passive_ports.from,
            passive_to: passive_ports.to,
            passive_address: passive_address.map(|it| it.to_string()),
            tls_certificate: tls.certificate.to_string(),
            tls_key: tls.key.to_string(),
            plaintext,
            banner: banner.to_string(),
            max_clients,
            max_per_address,
            idle_s,
            max_rate_bytes: max_rate.map(|it| it.0),
        }
    }
}

impl ChangeFtpSettings {
    /// The settings as they are to be.
    pub fn put_to(&self, mut all: model::FtpSettings) -> Answer<model::FtpSettings> {
        all.port = self.port.unwrap_or(all.port);
        all.passive_ports = PassivePorts {
            from: self.passive_from.unwrap_or(all.passive_ports.from),
            to: self.passive_to.unwrap_or(all.passive_ports.to),
        };
        if let Some(it) = &self.passive_address {
            all.passive_address = unless_empty("passive_address", it)?;
        }
        if let Some(it) = &self.tls_certificate {
            all.tls.certificate = one("tls_certificate", it)?;
        }
        if let Some(it) = &self.tls_key {
            all.tls.key = one("tls_key", it)?;
        }
        if let Some(it) = &self.banner {
            all.banner = one("banner", it)?;
        }
        all.plaintext = self.plaintext.unwrap_or(all.plaintext);
        all.max_clients = self.max_clients.unwrap_or(all.max_clients);
        all.max_per_address = self.max_per_address.unwrap_or(all.max_per_address);
        all.idle_s = self.idle_s.unwrap_or(all.idle_s);
        if let Some(it) = self.max_rate_bytes {
            all.max_rate = (it > 0).then_some(Bytes(it));
        }
        Ok(all)
    }
}

/// Whether other machines find this one by themselves
#[derive(Clone, Copy, Debug, PartialEq, Eq, Object)]
pub struct DiscoverySettings {
    /// Whether it is announced, so that Finder and Explorer show it
    pub enabled: bool,
}

/// Whether other machines are to find this one by themselves
#[derive(Clone, Copy, Debug, PartialEq, Eq, Object, Args)]
#[oai(deny_unknown_fields)]
pub struct ChangeDiscoverySettings {
    /// Whether it is announced, so that Finder and Explorer show it
    #[arg(long, value_name = "true|false", action = clap::ArgAction::Set)]
    pub enabled: bool,
}

impl From<model::DiscoverySettings> for DiscoverySettings {
    fn from(it: model::DiscoverySettings) -> DiscoverySettings {
        let model::DiscoverySettings { enabled } = it;
        DiscoverySettings { enabled }
    }
}

impl ChangeDiscoverySettings {
    /// The settings as they are to be.
    #[must_use]
    pub fn wish(self) -> model::DiscoverySettings {
        model::DiscoverySettings {
            enabled: self.enabled,
        }
    }
}
