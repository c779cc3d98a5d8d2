//! Scenarios of what is offered: meant, served, drifted, put right, withdrawn.

use anyhow::Result;
use moxnas_shares::model::{
    Access, ClientOptions, Nfs, NfsRule, Share, Smb, Transfer, TransferUser,
};

use super::{Deed, ShareJournal, TOP};

const OURS: &str = "/etc/samba/moxnas.conf";
const MAIN: &str = "/etc/samba/smb.conf";
const EXPORTS: &str = "/etc/exports.d/moxnas.exports";

/// A share of a folder of its name, by no protocol.
pub(super) fn share(name: &str) -> Result<Share> {
    Ok(Share::new(name.parse()?, format!("{TOP}/{name}").parse()?))
}

/// By SMB, in a way of its own.
pub(super) fn by_smb(name: &str, smb: Smb) -> Result<Share> {
    Ok(Share {
        smb: Some(smb),
        ..share(name)?
    })
}

/// By SMB, to everybody with an account.
pub(super) fn smb(name: &str) -> Result<Share> {
    by_smb(name, Smb::default())
}

/// By NFS, to some machines.
pub(super) fn nfs(name: &str, client: &str, options: ClientOptions) -> Result<Share> {
    let client = client.parse()?;
    Ok(Share {
        nfs: Some(Nfs {
            clients: vec![NfsRule { client, options }],
            fsid: None,
        }),
        ..share(name)?
    })
}

pub(super) fn writable() -> ClientOptions {
    ClientOptions {
        access: Access::ReadWrite,
        ..ClientOptions::default()
    }
}

/// Users of FTP or SFTP.
pub(super) fn users(all: &[(&str, bool)]) -> Result<Transfer> {
    let user = |(user, write): &(&str, bool)| -> Result<TransferUser> {
        Ok(TransferUser {
            user: user.parse()?,
            write: *write,
        })
    };
    let users = all.iter().map(user).collect::<Result<_>>()?;
    Ok(Transfer { users })
}

pub(super) fn ftp(name: &str, all: &[(&str, bool)]) -> Result<Share> {
    Ok(Share {
        ftp: Some(users(all)?),
        ..share(name)?
    })
}

pub(super) fn sftp(name: &str, all: &[(&str, bool)]) -> Result<Share> {
    Ok(Share {
        sftp: Some(users(all)?),
        ..share(name)?
    })
}

pub(super) fn a_machine_as_debian_makes_it(it: &mut ShareJournal<'_>) -> Result<()> {
    it.everything()
}

pub(super) fn a_share_of_smb_is_offered(it: &mut ShareJournal<'_>) -> Result<()> {
    it.folder("photos")?;
    it.offer(smb("photos")?)?;
    it.serve()
}

pub(super) fn a_share_of_smb_is_changed(it: &mut ShareJournal<'_>) -> Result<()> {
    it.folder("photos")?;
    it.offer(smb("photos")?)?;
    let read_only = Smb {
        read_only: true,
        ..Smb::default()
    };
    it.offer(by_smb("photos", read_only)?)
}

pub(super) fn a_share_of_smb_is_withdrawn(it: &mut ShareJournal<'_>) -> Result<()> {
    it.folder("photos")?;
    it.folder("films")?;
    it.offer(smb("photos")?)?;
    it.offer(smb("films")?)?;
    it.withdraw("photos")
}

pub(super) fn nothing_is_offered_any_more(it: &mut ShareJournal<'_>) -> Result<()> {
    it.folder("photos")?;
    let mut both = smb("photos")?;
    both.nfs = nfs("photos", "192.168.1.0/24", writable())?.nfs;
    it.offer(both)?;
    it.withdraw("photos")?;
    it.serve()
}

pub(super) fn a_share_is_switched_off(it: &mut ShareJournal<'_>) -> Result<()> {
    it.folder("photos")?;
    it.offer(smb("photos")?)?;
    let off = Share {
        enabled: false,
        ..smb("photos")?
    };
    it.offer(off)?;
    it.offer(smb("photos")?)
}

pub(super) fn an_export_is_offered(it: &mut ShareJournal<'_>) -> Result<()> {
    it.folder("photos")?;
    it.offer(nfs("photos", "192.168.1.0/24", ClientOptions::default())?)?;
    it.serve()
}

pub(super) fn an_export_is_changed_and_withdrawn(it: &mut ShareJournal<'_>) -> Result<()> {
    it.folder("photos")?;
    it.offer(nfs("photos", "192.168.1.0/24", ClientOptions::default())?)?;
    it.offer(nfs("photos", "192.168.1.7", writable())?)?;
    it.withdraw("photos")
}

pub(super) fn an_export_of_a_folder_that_is_missing(it: &mut ShareJournal<'_>) -> Result<()> {
    it.offer(nfs("photos", "192.168.1.0/24", ClientOptions::default())?)?;
    it.folder("photos")?;
    it.serve()
}

pub(super) fn an_exported_folder_goes(it: &mut ShareJournal<'_>) -> Result<()> {
    it.folder("photos")?;
    it.offer(nfs("photos", "192.168.1.0/24", ClientOptions::default())?)?;
    it.deed(Deed::NoFolder { folder: "photos" })?;
    it.folder("films")?;
    it.offer(nfs("films", "192.168.1.0/24", writable())?)?;
    it.withdraw("films")?;
    it.withdraw("photos")
}

pub(super) fn a_share_of_ftp_is_offered(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice()?;
    it.folder("photos")?;
    it.offer(ftp("photos", &[("alice", true)])?)?;
    it.withdraw("photos")
}

pub(super) fn a_share_of_sftp_is_offered(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice()?;
    it.folder("photos")?;
    it.offer(sftp("photos", &[("alice", false)])?)?;
    it.withdraw("photos")
}

pub(super) fn a_share_is_offered_by_all_protocols(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice()?;
    it.folder("photos")?;
    let mut all = smb("photos")?;
    all.nfs = nfs("photos", "192.168.1.0/24", writable())?.nfs;
    all.ftp = Some(users(&[("alice", false)])?);
    all.sftp = Some(users(&[("alice", true)])?);
    it.offer(all)?;
    it.serve()
}

pub(super) fn our_file_for_smbd_is_edited(it: &mut ShareJournal<'_>) -> Result<()> {
    it.folder("photos")?;
    it.offer(smb("photos")?)?;
    it.deed(Deed::Edit {
        path: OURS,
        from: "read only = no",
        to: "read only = yes",
    })?;
    it.serve()
}

pub(super) fn our_exports_are_edited(it: &mut ShareJournal<'_>) -> Result<()> {
    it.folder("photos")?;
    it.offer(nfs("photos", "192.168.1.0/24", ClientOptions::default())?)?;
    it.deed(Deed::Edit {
        path: EXPORTS,
        from: "192.168.1.0/24",
        to: "192.168.0.0/16",
    })?;
    it.serve()
}

pub(super) fn our_file_is_removed(it: &mut ShareJournal<'_>) -> Result<()> {
    it.folder("photos")?;
    it.offer(smb("photos")?)?;
    it.deed(Deed::Write {
        path: OURS,
        text: None,
    })?;
    it.serve()
}

pub(super) fn somebody_takes_our_line_out_of_smb_conf(it: &mut ShareJournal<'_>) -> Result<()> {
    it.folder("photos")?;
    it.offer(smb("photos")?)?;
    it.deed(Deed::Edit {
        path: MAIN,
        from: "include = /etc/samba/moxnas.conf\n",
        to: "",
    })?;
    it.serve()
}

pub(super) fn the_share_of_somebody_else_stays(it: &mut ShareJournal<'_>) -> Result<()> {
    it.folder("photos")?;
    it.folder("old")?;
    it.deed(Deed::Edit {
        path: MAIN,
        from: "[homes]",
        to: "[old]\n   path = /srv/tank/old\n[homes]",
    })?;
    it.offer(smb("photos")?)?;
    it.withdraw("photos")
}

pub(super) fn the_export_of_somebody_else_stays(it: &mut ShareJournal<'_>) -> Result<()> {
    it.folder("photos")?;
    it.folder("old")?;
    it.deed(Deed::Write {
        path: "/etc/exports",
        text: Some("/srv/tank/old 192.168.2.0/24(ro,no_subtree_check)\n"),
    })?;
    it.offer(nfs("photos", "192.168.1.0/24", ClientOptions::default())?)?;
    it.withdraw("photos")
}

pub(super) fn what_is_not_ours_is_not_overwritten(it: &mut ShareJournal<'_>) -> Result<()> {
    it.folder("photos")?;
    it.deed(Deed::Write {
        path: EXPORTS,
        text: Some("/srv/tank/photos *(ro)\n"),
    })?;
    it.offer(nfs("photos", "192.168.1.0/24", ClientOptions::default())?)
}

pub(super) fn smb_conf_is_not_there(it: &mut ShareJournal<'_>) -> Result<()> {
    it.deed(Deed::Write {
        path: MAIN,
        text: None,
    })?;
    it.offer(smb("photos")?)
}

pub(super) fn shares_that_cannot_be_are_refused(it: &mut ShareJournal<'_>) -> Result<()> {
    it.mean(smb("photos")?);
    it.offer(smb("PHOTOS")?)?;
    it.intent.shares.clear();
    let root = Smb {
        force_user: Some("root".parse()?),
        ..Smb::default()
    };
    it.offer(by_smb("photos", root)?)?;
    it.offer(Share {
        nfs: Some(Nfs::default()),
        ..share("photos")?
    })?;
    it.offer(sftp("photos", &[("root", true)])?)
}

pub(super) fn a_change_is_gone_back_from(it: &mut ShareJournal<'_>) -> Result<()> {
    it.folder("photos")?;
    it.folder("films")?;
    it.offer(smb("photos")?)?;
    it.offer(smb("films")?)?;
    it.revert(2)?;
    it.revert(3)
}

pub(super) fn settings_of_smb_are_changed(it: &mut ShareJournal<'_>) -> Result<()> {
    it.folder("photos")?;
    it.offer(smb("photos")?)?;
    it.intent.settings.smb.workgroup = "HOME".parse()?;
    it.serve()
}

pub(super) fn settings_of_nfs_are_changed(it: &mut ShareJournal<'_>) -> Result<()> {
    it.folder("photos")?;
    it.offer(nfs("photos", "192.168.1.0/24", ClientOptions::default())?)?;
    it.intent.settings.nfs.threads = 4;
    it.serve()
}
