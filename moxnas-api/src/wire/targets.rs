//! The machines that replicas may be sent to.

use clap::Args;
use moxnas_app::ops::targets::{TargetAdd, TargetChecked, TargetView};
use moxnas_core::names::BadName;
use moxnas_pool::remote::{Address, SSH_PORT};
use poem_openapi::Object;

/// A machine that replicas may be sent to
#[derive(Clone, Debug, PartialEq, Object)]
pub struct Target {
    /// What it is called here
    pub name: String,
    /// Where it is
    pub host: String,
    /// Where its sshd listens
    pub port: u16,
    /// As whom one logs in there
    pub user: String,
    /// Into which of its pools
    pub pools: Vec<String>,
    /// Fingerprint of the host key that was confirmed, as `ssh-keygen -l` shows it
    pub host_key: String,
    /// The line for authorized_keys of that user on that machine: it lets replicas into these pools, and
    /// nothing else
    pub authorized_line: String,
}

/// All machines that replicas may be sent to
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct TargetPage {
    /// The machines, by name
    pub items: Vec<Target>,
    /// There is one page
    pub next: Option<String>,
}

/// Let replicas be sent to a machine
#[derive(Clone, Debug, PartialEq, Object, Args)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct AddTarget {
    /// What it is to be called here
    #[oai(validator(max_length = 32))]
    pub name: String,
    /// Where it is: a name of the network, or an address
    #[oai(validator(max_length = 253))]
    pub host: String,
    /// Where its sshd listens; 22 if left out
    #[arg(long, value_name = "PORT")]
    #[oai(validator(minimum(value = "1"), maximum(value = "65535")))]
    pub port: Option<u16>,
    /// As whom one logs in there; root if left out, as nobody else may receive into a btrfs
    #[arg(long, value_name = "NAME")]
    #[oai(validator(max_length = 32))]
    pub user: Option<String>,
    /// A pool there that replicas may go to; may be given several times
    #[arg(long = "pool", value_name = "POOL", required = true)]
    #[oai(validator(min_items = 1, max_items = 100))]
    pub pools: Vec<String>,
    /// Fingerprint of its host key (SHA256:…), compared on that machine itself; left out: it is refused,
    /// and says which it has
    #[arg(long, value_name = "FINGERPRINT")]
    #[oai(validator(max_length = 100))]
    pub host_key: Option<String>,
}

/// What a machine says that replicas may be sent to
#[derive(Clone, Debug, PartialEq, Object)]
pub struct CheckedTarget {
    /// What it is called here
    pub name: String,
    /// Its pools
    pub pools: Vec<TargetPool>,
}

/// A pool of another machine
#[derive(Clone, Debug, PartialEq, Object)]
pub struct TargetPool {
    /// Its name
    pub pool: String,
    /// The release of MoxNAS there
    pub version: String,
    /// How large it is
    pub size_bytes: u64,
    /// What can still be written
    pub available_bytes: u64,
    /// How many snapshots are in it
    pub snapshots: u64,
}

impl From<TargetView> for Target {
    fn from(it: TargetView) -> Target {
        let TargetView {
            target,
            authorized_line,
        } = it;
        Target {
            name: target.name.to_string(),
            host: target.address.host.to_string(),
            port: target.address.port,
            user: target.user.to_string(),
            pools: target.pools.iter().map(ToString::to_string).collect(),
            host_key: target.host_key.fingerprint(),
            authorized_line,
        }
    }
}

impl From<TargetChecked> for CheckedTarget {
    fn from(it: TargetChecked) -> CheckedTarget {
        let pools = it.pools.iter().map(|it| TargetPool {
            pool: it.pool.name.to_string(),
            version: it.version.clone(),
            size_bytes: it.contents.space.size.0,
            available_bytes: it.contents.space.available.0,
            snapshots: it.contents.snapshots.len() as u64,
        });
        CheckedTarget {
            name: it.target.name.to_string(),
            pools: pools.collect(),
        }
    }
}

impl TryFrom<AddTarget> for TargetAdd {
    type Error = BadName;

    fn try_from(it: AddTarget) -> Result<TargetAdd, BadName> {
        let AddTarget {
            name,
            host,
            port,
            user,
            pools,
            host_key,
        } = it;
        Ok(TargetAdd {
            name: name.parse()?,
            address: Address {
                host: host.parse()?,
                port: port.unwrap_or(SSH_PORT),
            },
            user: user.as_deref().unwrap_or("root").parse()?,
            pools: pools
                .iter()
                .map(|it| it.parse())
                .collect::<Result<_, BadName>>()?,
            host_key,
        })
    }
}
