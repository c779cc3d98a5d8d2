//! Scenarios of daemons: stopped, killed, masked, out of order, not installed.

use anyhow::Result;
use moxnas_shares::{
    model::ClientOptions,
    services::{Unit, Wish},
};

use super::{
    Deed, ShareJournal,
    deed::Ill,
    offers::{ftp, nfs, smb},
};
use crate::conformance::Shutdown;

pub(super) fn a_share_comes_while_smbd_is_stopped(it: &mut ShareJournal<'_>) -> Result<()> {
    it.folder("photos")?;
    it.deed(Deed::Stop { unit: Unit::Smbd })?;
    it.offer(smb("photos")?)
}

pub(super) fn an_export_comes_while_nfsd_is_stopped(it: &mut ShareJournal<'_>) -> Result<()> {
    it.folder("photos")?;
    it.deed(Deed::Stop {
        unit: Unit::NfsServer,
    })?;
    it.offer(nfs("photos", "192.168.1.0/24", ClientOptions::default())?)
}

pub(super) fn a_share_comes_while_smbd_is_off_for_good(it: &mut ShareJournal<'_>) -> Result<()> {
    it.folder("photos")?;
    it.daemon("samba", Wish::Disable)?;
    it.daemon("samba", Wish::Stop)?;
    it.offer(smb("photos")?)
}

pub(super) fn smbd_is_killed(it: &mut ShareJournal<'_>) -> Result<()> {
    it.folder("photos")?;
    it.offer(smb("photos")?)?;
    it.deed(Deed::Crash { unit: Unit::Smbd })?;
    it.serve()?;
    it.daemon("samba", Wish::Start)
}

pub(super) fn smbd_is_killed_and_a_share_comes(it: &mut ShareJournal<'_>) -> Result<()> {
    it.folder("photos")?;
    it.deed(Deed::Crash { unit: Unit::Smbd })?;
    it.offer(smb("photos")?)
}

pub(super) fn sshd_is_killed(it: &mut ShareJournal<'_>) -> Result<()> {
    it.deed(Deed::Crash { unit: Unit::Ssh })
}

pub(super) fn vsftpd_is_killed(it: &mut ShareJournal<'_>) -> Result<()> {
    it.deed(Deed::Crash { unit: Unit::Vsftpd })?;
    it.daemon("ftp", Wish::Start)
}

pub(super) fn nmbd_is_killed(it: &mut ShareJournal<'_>) -> Result<()> {
    it.deed(Deed::Crash { unit: Unit::Nmbd })?;
    it.daemon("samba", Wish::Reload)?;
    it.daemon("samba", Wish::Start)
}

pub(super) fn a_masked_daemon_is_not_started(it: &mut ShareJournal<'_>) -> Result<()> {
    it.deed(Deed::Stop { unit: Unit::Vsftpd })?;
    it.deed(Deed::Mask { unit: Unit::Vsftpd })?;
    it.daemon("ftp", Wish::Start)?;
    it.deed(Deed::Unmask { unit: Unit::Vsftpd })?;
    it.daemon("ftp", Wish::Start)
}

pub(super) fn a_daemon_is_masked_while_it_runs(it: &mut ShareJournal<'_>) -> Result<()> {
    it.deed(Deed::Mask { unit: Unit::Smbd })?;
    it.daemon("samba", Wish::Restart)?;
    it.daemon("samba", Wish::Disable)?;
    it.daemon("samba", Wish::Stop)
}

pub(super) fn a_share_comes_while_smbd_is_masked(it: &mut ShareJournal<'_>) -> Result<()> {
    it.folder("photos")?;
    it.deed(Deed::Stop { unit: Unit::Smbd })?;
    it.deed(Deed::Mask { unit: Unit::Smbd })?;
    it.offer(smb("photos")?)?;
    it.deed(Deed::Unmask { unit: Unit::Smbd })?;
    it.serve()
}

pub(super) fn smbd_refuses_to_start(it: &mut ShareJournal<'_>) -> Result<()> {
    let unit = Unit::Smbd;
    it.deed(Deed::Arrange {
        unit,
        trouble: Some(Ill::RefusesToStart(3)),
    })?;
    it.daemon("samba", Wish::Restart)?;
    it.deed(Deed::Arrange {
        unit,
        trouble: None,
    })?;
    it.daemon("samba", Wish::Start)
}

pub(super) fn a_share_comes_while_smbd_refuses_to_start(it: &mut ShareJournal<'_>) -> Result<()> {
    let unit = Unit::Smbd;
    it.folder("photos")?;
    it.deed(Deed::Stop { unit })?;
    it.deed(Deed::Arrange {
        unit,
        trouble: Some(Ill::RefusesToStart(3)),
    })?;
    it.offer(smb("photos")?)?;
    it.deed(Deed::Arrange {
        unit,
        trouble: None,
    })?;
    it.serve()
}

pub(super) fn vsftpd_ends_at_once(it: &mut ShareJournal<'_>) -> Result<()> {
    let unit = Unit::Vsftpd;
    it.deed(Deed::Arrange {
        unit,
        trouble: Some(Ill::EndsAtOnce(2)),
    })?;
    it.daemon("ftp", Wish::Restart)?;
    it.deed(Deed::Arrange {
        unit,
        trouble: None,
    })?;
    it.daemon("ftp", Wish::Start)
}

pub(super) fn samba_is_stopped_and_started(it: &mut ShareJournal<'_>) -> Result<()> {
    it.daemon("samba", Wish::Stop)?;
    it.daemon("samba", Wish::Stop)?;
    it.daemon("samba", Wish::Reload)?;
    it.daemon("samba", Wish::Start)?;
    it.daemon("samba", Wish::Start)
}

pub(super) fn samba_is_restarted_and_reloaded(it: &mut ShareJournal<'_>) -> Result<()> {
    it.daemon("samba", Wish::Restart)?;
    it.daemon("samba", Wish::Reload)
}

pub(super) fn nfs_is_stopped_and_started(it: &mut ShareJournal<'_>) -> Result<()> {
    it.folder("photos")?;
    it.offer(nfs("photos", "192.168.1.0/24", ClientOptions::default())?)?;
    it.daemon("nfs", Wish::Stop)?;
    it.daemon("nfs", Wish::Start)?;
    it.daemon("nfs", Wish::Reload)
}

pub(super) fn ftp_and_ssh_are_restarted_and_reloaded(it: &mut ShareJournal<'_>) -> Result<()> {
    it.daemon("ftp", Wish::Restart)?;
    it.daemon("ftp", Wish::Reload)?;
    it.daemon("ssh", Wish::Restart)?;
    it.daemon("ssh", Wish::Reload)
}

pub(super) fn services_are_turned_off_for_good(it: &mut ShareJournal<'_>) -> Result<()> {
    for service in ["samba", "nfs", "ftp", "ssh"] {
        it.daemon(service, Wish::Disable)?;
    }
    it.daemon("ftp", Wish::Enable)?;
    it.daemon("ftp", Wish::Enable)
}

pub(super) fn what_was_turned_off_stays_off_over_a_start(it: &mut ShareJournal<'_>) -> Result<()> {
    it.daemon("ftp", Wish::Disable)?;
    it.deed(Deed::Stop { unit: Unit::Smbd })?;
    it.deed(Deed::Restart {
        how: Shutdown::Clean,
    })
}

pub(super) fn what_is_offered_is_there_after_a_start(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice()?;
    it.folder("photos")?;
    let mut all = smb("photos")?;
    all.nfs = nfs("photos", "192.168.1.0/24", ClientOptions::default())?.nfs;
    all.ftp = ftp("photos", &[("alice", true)])?.ftp;
    it.offer(all)?;
    it.deed(Deed::Restart {
        how: Shutdown::Clean,
    })?;
    it.serve()
}

pub(super) fn power_is_cut_after_a_share_was_offered(it: &mut ShareJournal<'_>) -> Result<()> {
    it.folder("photos")?;
    it.offer(smb("photos")?)?;
    it.deed(Deed::Restart {
        how: Shutdown::PowerCut,
    })?;
    it.serve()
}

pub(super) fn vsftpd_is_not_installed(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice()?;
    it.deed(Deed::Uninstall { unit: Unit::Vsftpd })?;
    it.offer(ftp("photos", &[("alice", true)])?)?;
    it.daemon("ftp", Wish::Start)
}

pub(super) fn nfsd_is_not_installed(it: &mut ShareJournal<'_>) -> Result<()> {
    it.deed(Deed::Uninstall {
        unit: Unit::NfsServer,
    })?;
    it.offer(nfs("photos", "192.168.1.0/24", ClientOptions::default())?)?;
    it.daemon("nfs", Wish::Enable)
}

pub(super) fn services_that_are_not_there_are_refused(it: &mut ShareJournal<'_>) -> Result<()> {
    it.daemon("telnet", Wish::Start)?;
    it.daemon("discovery", Wish::Start)
}
