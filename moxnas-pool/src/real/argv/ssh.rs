//! The commands that reach another machine, see ssh(1), ssh_config(5), ssh-keyscan(1), ssh-keygen(1).

use std::path::{Path, PathBuf};

use moxnas_core::cmd::{Cmd, Tool};

use super::{BTRFS, TRANSFER_LIMIT};
use crate::{
    dataset::{DatasetName, snapshot_folder},
    model::PoolName,
    remote::{Address, Request, Target},
};

/// Reaches another machine.
pub const SSH: Tool = Tool::new("ssh").of("openssh-client");
const SSH_KEYSCAN: Tool = Tool::new("ssh-keyscan").of("openssh-client");
const SSH_KEYGEN: Tool = Tool::new("ssh-keygen").of("openssh-client");

/// The key by which this machine says who it is.
#[must_use]
pub fn key_file(folder: &Path) -> PathBuf {
    folder.join("id_ed25519")
}

/// By what a machine is known again.
#[must_use]
pub fn known_hosts(folder: &Path, target: &Target) -> PathBuf {
    folder.join(format!("known_{}", target.name))
}

/// A path as a value in ssh_config(5), where `%` and blanks mean something.
fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display().to_string().replace('%', "%%"))
}

/// What has another machine do something. No file of anybody's settings counts, no password, no agent
/// and no host key but the one that was confirmed; a connection that is dead is noticed within a minute.
#[must_use]
pub fn ssh(folder: &Path, target: &Target, request: &Request) -> Cmd {
    let options = [
        format!("IdentityFile={}", quoted(&key_file(folder))),
        "IdentitiesOnly=yes".to_owned(),
        "IdentityAgent=none".to_owned(),
        "BatchMode=yes".to_owned(),
        "PreferredAuthentications=publickey".to_owned(),
        "StrictHostKeyChecking=yes".to_owned(),
        format!(
            "UserKnownHostsFile={}",
            quoted(&known_hosts(folder, target))
        ),
        "GlobalKnownHostsFile=/dev/null".to_owned(),
        format!("HostKeyAlias={}", target.name),
        "UpdateHostKeys=no".to_owned(),
        "ClearAllForwardings=yes".to_owned(),
        "ControlPath=none".to_owned(),
        "ConnectTimeout=10".to_owned(),
        "ServerAliveInterval=15".to_owned(),
        "ServerAliveCountMax=4".to_owned(),
        "LogLevel=ERROR".to_owned(),
    ];
    let limit = match request {
        Request::Receive { .. } | Request::Digest { .. } => TRANSFER_LIMIT,
        _ => super::LIMIT,
    };
    let cmd = Cmd::new(SSH).limit(limit).args(["-F", "none", "-T"]);
    options
        .into_iter()
        .fold(cmd, |cmd, it| cmd.arg("-o").arg(it))
        .args(["-p", &target.address.port.to_string()])
        .args(["-l", target.user.as_str(), "--"])
        .arg(target.address.host.as_str())
        .arg(request.to_string())
}

/// What asks a machine for its host keys. Nothing is believed of it before somebody has compared them.
#[must_use]
pub fn scan(address: &Address) -> Cmd {
    Cmd::new(SSH_KEYSCAN)
        .args(["-T", "10", "-t", "ed25519,ecdsa,rsa"])
        .args(["-p", &address.port.to_string(), "--"])
        .arg(address.host.as_str())
}

/// What makes the key of this machine, without a word that would have to be known to use it.
#[must_use]
pub fn make_key(file: &Path, host: &str) -> Cmd {
    Cmd::new(SSH_KEYGEN)
        .args(["-q", "-t", "ed25519", "-N", ""])
        .args(["-C", &format!("moxnas@{host}"), "-f"])
        .arg(file)
}

/// What shows the public half of a key.
#[must_use]
pub fn public_key(file: &Path) -> Cmd {
    Cmd::new(SSH_KEYGEN).args(["-y", "-f"]).arg(file)
}

/// What takes in one snapshot from elsewhere. It sees no other folder than that of the snapshots of this
/// dataset (chroot(2)), whatever the stream says, and ends with the first snapshot.
#[must_use]
pub fn receive(pool: &PoolName, dataset: &DatasetName) -> Cmd {
    Cmd::new(BTRFS)
        .limit(TRANSFER_LIMIT)
        .args(["receive", "--chroot", "-e"])
        .arg(snapshot_folder(pool, dataset))
}
