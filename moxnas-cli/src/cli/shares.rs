//! What is offered to the network.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use moxnas_api::wire::{
    access::ExplainAccess,
    shares::{
        ChangeDiscoverySettings, ChangeFtpSettings, ChangeNfsSettings, ChangeNfsShare,
        ChangeSmbSettings, ChangeSmbShare, ChangeTransferShare, CreateNfsShare, CreateSmbShare,
        CreateTransferShare, ImportShares,
    },
};

#[derive(Debug, Subcommand)]
pub(crate) enum ShareVerb {
    /// List all shares, whatever offers them
    List,
    /// Show a share, whatever offers it
    Show {
        /// Its name
        share: String,
    },
    /// Stop sharing a folder altogether; what is in it stays
    Delete {
        /// The name of the share
        share: String,
    },
    /// What SMB offers, to Windows, macOS and Linux
    #[command(subcommand)]
    Smb(FaceVerb<CreateSmbShare, ChangeSmbShare>),
    /// What NFS offers
    #[command(subcommand)]
    Nfs(FaceVerb<CreateNfsShare, ChangeNfsShare>),
    /// What FTP offers
    #[command(subcommand)]
    Ftp(FaceVerb<CreateTransferShare, ChangeTransferShare>),
    /// What SFTP offers
    #[command(subcommand)]
    Sftp(FaceVerb<CreateTransferShare, ChangeTransferShare>),
    /// What holds for all shares of a protocol
    #[command(subcommand)]
    Settings(SettingsVerb),
    /// Explain whether somebody may do something with a path of a share: the first rule that denies, and the
    /// least change that would allow it
    Explain(ExplainAccess),
    /// Who is connected, and ending that
    #[command(subcommand)]
    Session(ShareSessionVerb),
    /// Tell what is served from what is meant, and from what others offer
    Status,
    /// Have everything served as it is meant: files of ours that somebody changed are written anew
    Reconcile,
    /// Take over what others offer in smb.conf and exports: the lines there become comments
    Import(ImportShares),
    /// List the changes of shares and settings from which one can go back
    Generations,
    /// Go back to what was meant before a change
    Revert {
        /// Number of the change
        number: u32,
    },
    /// Write the files that a machine would get for shares of a file; needs no machine
    Render(RenderShares),
    /// Read files that somebody else wrote, and show them as shares, with what MoxNAS has no setting for;
    /// needs no machine and changes nothing
    Read(ReadShares),
}

/// What is done to the shares of a protocol.
#[derive(Debug, Subcommand)]
pub(crate) enum FaceVerb<C: Args, S: Args> {
    /// List them
    List,
    /// Show one of them
    Show {
        /// Its name
        share: String,
    },
    /// Offer a folder: a new share, or one that another protocol offers already
    Create(Box<C>),
    /// Change how one is offered; what is not said stays as it is
    Set {
        /// Its name
        share: String,
        #[command(flatten)]
        body: Box<S>,
    },
    /// Offer one no more; what is in the folder stays
    Delete {
        /// Its name
        share: String,
    },
}

/// What holds for all shares of a protocol.
#[derive(Debug, Subcommand)]
pub(crate) enum SettingsVerb {
    /// Show the settings of a protocol
    Show {
        /// The protocol
        #[arg(value_parser = ["smb", "nfs", "ftp", "discovery"])]
        protocol: String,
    },
    /// Change those of SMB; what is not said stays as it is
    Smb(Box<ChangeSmbSettings>),
    /// Change those of NFS
    Nfs(ChangeNfsSettings),
    /// Change those of FTP
    Ftp(Box<ChangeFtpSettings>),
    /// Say whether Finder and Explorer are to show this machine
    Discovery(ChangeDiscoverySettings),
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

/// Who is connected.
#[derive(Debug, Subcommand)]
pub(crate) enum ShareSessionVerb {
    /// List who is connected to shares
    List,
    /// End a session; the client may come back at once
    End {
        /// Its id
        session: String,
    },
}
