//! A share as FTP and SFTP offer it.

use serde::{Deserialize, Serialize};

use super::UserName;

/// Who reaches a share by FTP or SFTP. Nobody else does.
///
/// A user sees one folder for each share and nothing of the machine beside: each is mounted once more
/// below a folder of that user, which is all that vsftpd and sshd let them see.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Transfer {
    /// The users.
    pub users: Vec<TransferUser>,
}

/// A user who reaches a share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransferUser {
    /// Who; of this machine, not of a domain.
    pub user: UserName,
    /// Whether they may write, as far as the permissions of the files go.
    #[serde(default)]
    pub write: bool,
}
