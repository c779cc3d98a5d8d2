//! What is offered to the network.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum ShareVerb {
    /// Write the files that a machine would get for shares of a file; needs no machine
    Render(RenderShares),
    /// Read files that somebody else wrote, and show them as shares, with what MoxNAS has no setting for;
    /// needs no machine and changes nothing
    Read(ReadShares),
}

#[derive(Debug, Args)]
#[command(after_help = STATE)]
pub(crate) struct RenderShares {
    /// The shares and settings, YAML or JSON; - for the standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) from: PathBuf,
    /// The folder that stands for /; it is made, or has to be empty
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,
}

/// The smallest file that says something.
const STATE: &str = "\
A file such as

  shares:
    - name: photos
      path: /srv/tank/photos
      smb: {valid_users: [alice, '@family']}
      nfs:
        clients: [{client: 192.168.1.0/24, access: read_write}]

The environment may say where files belong: SAMBA_CONFIG_PATH, which is then the whole of
smb.conf and not a part that it includes; NFS_EXPORTS_PATH; FTP_CONFIG_PATH.";

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("files").args(["smb_conf", "exports", "vsftpd_conf"]).required(true).multiple(true))]
pub(crate) struct ReadShares {
    /// An smb.conf; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) smb_conf: Vec<PathBuf>,
    /// An exports file; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) exports: Vec<PathBuf>,
    /// A vsftpd.conf
    #[arg(long, value_name = "FILE")]
    pub(crate) vsftpd_conf: Option<PathBuf>,
}
