//! How the service runs: one file, the environment over it, options of the command line over both.

mod limits;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use moxnas_shares::render::Places;
use serde::Deserialize;

use crate::{
    audit::syslog::{BadSyslogTarget, SyslogTarget},
    auth::Secret,
    scenario::Scenario,
    store::DatabaseUrl,
    turns::Turns,
};

pub use limits::{Limits, Within};

/// Where the settings are looked for if nothing else is said.
pub const CONFIG_PATH: &str = "/etc/moxnas/moxnas.toml";
/// Where the service listens if nothing else is said.
pub const LISTEN: &str = "127.0.0.1:8000";
/// Where the service listens for programs on this machine.
pub const SOCKET: &str = "/run/moxnas/moxnas.sock";
/// Where the service keeps its data if nothing else is said.
pub const DATA_DIR: &str = "/var/lib/moxnas";
/// For how many days audit records are kept if nothing else is said: a year, and what it takes to
/// look at it.
pub const AUDIT_KEEP_DAYS: u32 = 400;
/// Held by the process that may change the machine.
pub const LOCK: &str = "/run/moxnas/lock";

/// How the service runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The simulated machine; `None`: this machine.
    pub scenario: Option<Scenario>,
    /// Where logins and history are kept.
    pub database: DatabaseUrl,
    /// The folder of the signing key; `None`: it ends with the process.
    pub data_dir: Option<PathBuf>,
    /// A password for `admin` that whoever installs the service chose.
    pub admin_password: Option<Secret>,
    /// What this process may do to the machine.
    pub right: Right,
    /// How it gets on with its work.
    pub pace: Pace,
    /// How the audit log is kept.
    pub audit: AuditSettings,
    /// Where the files of the daemons belong that offer shares.
    pub places: Places,
}

/// How the service gets on with its work.
#[derive(Clone, Debug, Default)]
pub enum Pace {
    /// Side by side: on threads, over several connections, asking the machine every few seconds.
    #[default]
    Usual,
    /// One after the other, and only when somebody looks: the machine is asked on the caller's
    /// thread, the database over one connection and in turns, and jobs wait for looks without a
    /// limit. On a runtime of one thread the same calls have the same effects in the same order.
    Stepped(Turns),
}

/// How the audit log is kept. That it is kept is no setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditSettings {
    /// For how many days; 0: for ever.
    pub keep_days: u32,
    /// Where records are sent as they are written.
    pub syslog: Option<SyslogTarget>,
}

impl Default for AuditSettings {
    fn default() -> AuditSettings {
        AuditSettings {
            keep_days: AUDIT_KEEP_DAYS,
            syslog: None,
        }
    }
}

/// What this process may do to the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Right {
    /// Change it, while it holds the lock at this path.
    Change(PathBuf),
    /// Only look: the service on this socket changes it.
    ServiceRuns(PathBuf),
    /// Only look: it is not run by root.
    NotRoot,
}

impl Settings {
    /// A complete NAS that is not there: nothing is kept, nothing of this machine is touched.
    #[must_use]
    pub fn simulated(scenario: Scenario) -> Settings {
        Settings {
            scenario: Some(scenario),
            database: DatabaseUrl::Memory,
            data_dir: None,
            admin_password: None,
            right: Right::NotRoot,
            pace: Pace::Usual,
            audit: AuditSettings::default(),
            places: Places::default(),
        }
    }
}

/// What the file may say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigFile {
    /// Address and port to listen on.
    pub listen: Option<SocketAddr>,
    /// The socket for programs on this machine.
    pub socket: Option<PathBuf>,
    /// Where data is kept.
    pub data_dir: Option<PathBuf>,
    /// Where logins and history are kept, instead of the data folder.
    pub database_url: Option<String>,
    /// Where the certificate comes from, if no file is named.
    pub tls: Option<Tls>,
    /// For how many days audit records are kept; 0 keeps them for ever.
    pub audit_keep_days: Option<u32>,
    /// Where audit records are sent as they are written: `unix`, `udp://HOST:PORT` or
    /// `tcp://HOST:PORT`.
    pub syslog: Option<String>,
    /// TLS certificate chain, PEM.
    pub tls_cert: Option<PathBuf>,
    /// TLS private key, PEM.
    pub tls_key: Option<PathBuf>,
    /// Listen on other addresses than loopback without TLS.
    #[serde(default)]
    pub insecure_http: bool,
    /// Networks of proxies that may say who the client is.
    #[serde(default)]
    pub trusted_proxies: Vec<String>,
    /// More names under which the service is reached; `*`: any.
    #[serde(default)]
    pub allowed_hosts: Vec<String>,
    /// Sites whose pages may use the service.
    #[serde(default)]
    pub cors_origins: Vec<String>,
    /// What a client may take.
    #[serde(default)]
    pub limits: Limits,
}

/// Where a certificate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    /// The service makes one and keeps it in its data folder.
    SelfSigned,
}

/// The settings file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It could not be read.
    #[error("the settings file {} could not be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// It does not say what it should.
    #[error("the settings file {} is not understood", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        cause: Box<toml::de::Error>,
    },
}

impl ConfigFile {
    /// How the audit log is kept.
    pub fn audit(&self) -> Result<AuditSettings, BadSyslogTarget> {
        Ok(AuditSettings {
            keep_days: self.audit_keep_days.unwrap_or(AUDIT_KEEP_DAYS),
            syslog: self.syslog.as_deref().map(str::parse).transpose()?,
        })
    }

    /// Read the file. The usual one need not be there, one that was named must.
    pub fn read(named: Option<&Path>) -> Result<ConfigFile, ConfigError> {
        let path = named.unwrap_or(Path::new(CONFIG_PATH)).to_owned();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(err) if named.is_none() && err.kind() == std::io::ErrorKind::NotFound => {
                return Ok(ConfigFile::default());
            }
            Err(cause) => return Err(ConfigError::Read { path, cause }),
        };
        toml::from_str(&text).map_err(|cause| ConfigError::Parse {
            path,
            cause: Box::new(cause),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example says what happens without it, so that it is the same as no file.
    #[test]
    fn the_example_says_what_there_is() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/moxnas.example.toml");
        let text = std::fs::read_to_string(path).unwrap();
        let file = ConfigFile::read(Some(Path::new(path))).unwrap();
        assert_eq!(
            file,
            ConfigFile::default(),
            "everything in it is commented out"
        );
        let is_setting = |it: &&str| it.starts_with('#') && !it.starts_with("# ");
        let all: String = text
            .lines()
            .map(|it| if is_setting(&it) { &it[1..] } else { it })
            .flat_map(|it| [it, "\n"])
            .collect();
        let file: ConfigFile = toml::from_str(&all).unwrap();
        let ConfigFile {
            listen,
            socket,
            data_dir,
            database_url,
            tls,
            tls_cert,
            tls_key,
            insecure_http,
            trusted_proxies,
            allowed_hosts,
            cors_origins,
            audit_keep_days,
            syslog,
            limits,
        } = file;
        assert_eq!(audit_keep_days, Some(AUDIT_KEEP_DAYS));
        assert!(syslog.is_some_and(|it| it.parse::<SyslogTarget>().is_ok()));
        assert_eq!(listen, Some(LISTEN.parse().unwrap()));
        assert_eq!(socket, Some(PathBuf::from(SOCKET)));
        assert_eq!(data_dir, Some(PathBuf::from(DATA_DIR)));
        assert_eq!(tls, Some(Tls::SelfSigned));
        assert!(database_url.is_some() && tls_cert.is_some() && tls_key.is_some());
        assert!(!insecure_http);
        for list in [trusted_proxies, allowed_hosts, cors_origins] {
            assert!(!list.is_empty());
        }
        assert_eq!(limits, Limits::default(), "the usual ones");
        for name in limits::NAMES {
            assert!(all.contains(&format!("\n{name} = ")), "{name}");
        }
    }

    #[test]
    fn a_limit_out_of_bounds_is_an_error_with_its_line() {
        let said = |text: &str| toml::from_str::<ConfigFile>(text).unwrap_err().to_string();
        let text = said("[limits]\nconnections = 0\n");
        assert!(
            text.contains("line 2") && text.contains("from 1 to 100000"),
            "{text}"
        );
        assert!(said("[limits]\nheader_seconds = 9999\n").contains("from 1 to 600"));
        assert!(said("[limits]\nrequests = 1\n").contains("unknown field"));
        let text = "[limits]\nrequests_per_second = 0\n";
        let file: ConfigFile = toml::from_str(text).unwrap();
        assert_eq!(file.limits.requests_per_second.get(), 0);
    }

    #[test]
    fn a_word_that_is_not_known_is_an_error_with_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("moxnas.toml");
        std::fs::write(&path, "listen = \"127.0.0.1:9000\"\nlisten_port = 1\n").unwrap();
        let text = moxnas_core::chain::chain(&ConfigFile::read(Some(&path)).unwrap_err());
        assert!(
            text.contains("line 2") && text.contains("listen_port"),
            "{text}"
        );
        std::fs::write(&path, "data_dir = \"/srv\"\n").unwrap();
        assert_eq!(
            ConfigFile::read(Some(&path)).unwrap().data_dir,
            Some(PathBuf::from("/srv"))
        );
        assert!(ConfigFile::read(Some(&dir.path().join("none"))).is_err());
    }
}
