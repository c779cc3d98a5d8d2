//! Scenarios of clients: who is let in, what they may do, and who stays connected.

use anyhow::Result;
use moxnas_shares::{
    model::{ClientOptions, Smb, Squash},
    services::{Unit, Wish},
};

use super::{
    By, Deed, Doing, ShareJournal, Visit,
    offers::{by_smb, ftp, nfs, sftp, smb, writable},
    people::list,
};

fn put(by: By, user: &str) -> Visit {
    let (file, text) = ("a.txt".to_owned(), format!("of {user}"));
    Visit::new(by, user, "photos", Doing::Put { file, text })
}

fn get(by: By, user: &str) -> Visit {
    let file = "a.txt".to_owned();
    Visit::new(by, user, "photos", Doing::Get { file })
}

fn remove(by: By, user: &str) -> Visit {
    let file = "a.txt".to_owned();
    Visit::new(by, user, "photos", Doing::Remove { file })
}

fn make_folder(by: By, user: &str) -> Visit {
    let folder = "b".to_owned();
    Visit::new(by, user, "photos", Doing::MakeFolder { folder })
}

fn stay(by: By, user: &str) -> Visit {
    Visit::new(by, user, "photos", Doing::Stay)
}

fn leave(by: By, user: &str) -> Visit {
    Visit::new(by, user, "photos", Doing::Leave)
}

fn of_alice(mode: u32) -> Deed {
    Deed::Folder {
        folder: "photos",
        owner: "alice",
        group: "alice",
        mode,
    }
}

pub(super) fn files_come_and_go_by_smb(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice_with_photos()?;
    it.visit(&put(By::Smb, "alice"))?;
    it.visit(&get(By::Smb, "alice"))?;
    it.visit(&make_folder(By::Smb, "alice"))?;
    it.visit(&list(By::Smb, "alice"))?;
    it.visit(&remove(By::Smb, "alice"))?;
    it.visit(&get(By::Smb, "alice"))
}

pub(super) fn files_come_and_go_by_ftp(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice_with_photos()?;
    it.visit(&put(By::Ftp, "alice"))?;
    it.visit(&get(By::Ftp, "alice"))?;
    it.visit(&make_folder(By::Ftp, "alice"))?;
    it.visit(&list(By::Ftp, "alice"))?;
    it.visit(&remove(By::Ftp, "alice"))?;
    it.visit(&get(By::Ftp, "alice"))
}

pub(super) fn files_come_and_go_by_sftp(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice_with_photos()?;
    it.visit(&put(By::Sftp, "alice"))?;
    it.visit(&get(By::Sftp, "alice"))?;
    it.visit(&make_folder(By::Sftp, "alice"))?;
    it.visit(&list(By::Sftp, "alice"))?;
    it.visit(&remove(By::Sftp, "alice"))?;
    it.visit(&get(By::Sftp, "alice"))
}

pub(super) fn files_come_and_go_by_nfs(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice()?;
    it.deed(of_alice(0o770))?;
    it.offer(nfs("photos", "127.0.0.1", writable())?)?;
    it.visit(&put(By::Nfs, "alice"))?;
    it.visit(&get(By::Nfs, "alice"))?;
    it.visit(&make_folder(By::Nfs, "alice"))?;
    it.visit(&list(By::Nfs, "alice"))?;
    it.visit(&remove(By::Nfs, "alice"))
}

pub(super) fn what_comes_by_one_protocol_goes_by_another(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice_with_photos()?;
    it.visit(&put(By::Smb, "alice"))?;
    it.visit(&get(By::Sftp, "alice"))?;
    it.visit(&put(By::Ftp, "alice"))?;
    it.visit(&get(By::Smb, "alice"))?;
    it.visit(&remove(By::Sftp, "alice"))
}

pub(super) fn a_wrong_password_lets_nobody_in(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice_with_photos()?;
    for by in [By::Smb, By::Ftp, By::Sftp] {
        it.visit(&list(by, "alice").with_the_second())?;
    }
    Ok(())
}

pub(super) fn strangers_and_guests_are_kept_out(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice_with_photos()?;
    it.visit(&list(By::Smb, "mallory"))?;
    it.visit(&list(By::Smb, "alice").as_guest())?;
    it.visit(&list(By::Ftp, "mallory"))?;
    it.visit(&list(By::Ftp, "alice").as_guest())?;
    it.visit(&list(By::Sftp, "mallory"))
}

pub(super) fn guests_are_let_in_where_they_may(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice()?;
    it.folder("photos")?;
    let guests = Smb {
        guest: true,
        ..Smb::default()
    };
    it.offer(by_smb("photos", guests)?)?;
    it.visit(&put(By::Smb, "mallory").as_guest())?;
    it.visit(&get(By::Smb, "alice"))?;
    it.visit(&list(By::Smb, "mallory"))?;
    it.visit(&put(By::Smb, "alice"))
}

pub(super) fn a_read_only_share_of_smb_is_not_written_to(it: &mut ShareJournal<'_>) -> Result<()> {
    it.user("bob")?;
    it.alice_with_photos()?;
    it.visit(&put(By::Smb, "alice"))?;
    it.deed(of_alice(0o777))?;
    let read_only = Smb {
        read_only: true,
        write_list: vec!["bob".parse()?],
        ..Smb::default()
    };
    it.offer(by_smb("photos", read_only)?)?;
    it.visit(&put(By::Smb, "alice"))?;
    it.visit(&remove(By::Smb, "alice"))?;
    it.visit(&get(By::Smb, "alice"))?;
    it.visit(&make_folder(By::Smb, "bob"))
}

pub(super) fn a_share_for_some_users(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice()?;
    it.user("bob")?;
    it.folder("photos")?;
    let some = Smb {
        valid_users: vec!["alice".parse()?],
        ..Smb::default()
    };
    it.offer(by_smb("photos", some)?)?;
    it.visit(&list(By::Smb, "alice"))?;
    it.visit(&list(By::Smb, "bob"))?;
    let others = Smb {
        invalid_users: vec!["alice".parse()?],
        ..Smb::default()
    };
    it.offer(by_smb("photos", others)?)?;
    it.visit(&list(By::Smb, "alice"))?;
    it.visit(&list(By::Smb, "bob"))
}

pub(super) fn a_share_for_a_group(it: &mut ShareJournal<'_>) -> Result<()> {
    use moxnas_shares::accounts::Change;
    it.group("family")?;
    it.alice()?;
    it.folder("photos")?;
    let family = Smb {
        valid_users: vec!["@family".parse()?],
        ..Smb::default()
    };
    it.offer(by_smb("photos", family)?)?;
    it.visit(&list(By::Smb, "alice"))?;
    let (group, users) = ("family".to_owned(), vec!["alice".to_owned()]);
    it.people(&Change::AddMembers { group, users })?;
    it.visit(&list(By::Smb, "alice"))
}

pub(super) fn the_kernel_has_the_last_word(it: &mut ShareJournal<'_>) -> Result<()> {
    it.user("bob")?;
    it.alice_with_photos()?;
    it.visit(&put(By::Smb, "alice"))?;
    it.visit(&list(By::Smb, "bob"))?;
    it.deed(of_alice(0o755))?;
    it.visit(&list(By::Smb, "bob"))?;
    it.visit(&get(By::Smb, "bob"))?;
    it.visit(&put(By::Smb, "bob"))?;
    it.visit(&make_folder(By::Smb, "bob"))
}

pub(super) fn a_user_is_forced(it: &mut ShareJournal<'_>) -> Result<()> {
    it.group("family")?;
    it.user("bob")?;
    it.alice()?;
    it.deed(of_alice(0o700))?;
    let forced = Smb {
        force_user: Some("alice".parse()?),
        force_group: Some("family".parse()?),
        ..Smb::default()
    };
    it.offer(by_smb("photos", forced)?)?;
    it.visit(&put(By::Smb, "bob"))?;
    it.visit(&make_folder(By::Smb, "bob"))
}

pub(super) fn new_files_have_the_permissions_of_the_share(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice()?;
    it.folder("photos")?;
    let masks = Smb {
        create_mask: Some("0660".parse()?),
        directory_mask: Some("0770".parse()?),
        ..Smb::default()
    };
    it.offer(by_smb("photos", masks)?)?;
    it.visit(&put(By::Smb, "alice"))?;
    it.visit(&make_folder(By::Smb, "alice"))
}

pub(super) fn what_is_new_gets_the_group_of_its_folder(it: &mut ShareJournal<'_>) -> Result<()> {
    it.group("family")?;
    it.alice()?;
    it.deed(Deed::Folder {
        folder: "photos",
        owner: "alice",
        group: "family",
        mode: 0o2770,
    })?;
    let mut photos = smb("photos")?;
    photos.sftp = sftp("photos", &[("alice", true)])?.sftp;
    it.offer(photos)?;
    it.visit(&put(By::Smb, "alice"))?;
    it.visit(&make_folder(By::Sftp, "alice"))
}

pub(super) fn a_machine_is_kept_out_of_a_share(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice()?;
    it.folder("photos")?;
    let elsewhere = Smb {
        hosts_allow: vec!["192.168.1.0/24".parse()?],
        hosts_deny: vec!["ALL".parse()?],
        ..Smb::default()
    };
    it.offer(by_smb("photos", elsewhere)?)?;
    it.visit(&list(By::Smb, "alice"))
}

pub(super) fn the_folder_of_a_share_is_missing(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice()?;
    it.offer(smb("photos")?)?;
    it.visit(&list(By::Smb, "alice"))?;
    it.deed(of_alice(0o700))?;
    it.visit(&list(By::Smb, "alice"))
}

pub(super) fn what_is_not_offered_is_not_found(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice_with_photos()?;
    for by in [By::Smb, By::Ftp, By::Sftp, By::Nfs] {
        it.visit(&Visit::new(by, "alice", "films", Doing::List))?;
    }
    Ok(())
}

pub(super) fn who_may_only_read_by_ftp_writes_nothing(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice_with_photos()?;
    it.visit(&put(By::Ftp, "alice"))?;
    it.offer(ftp("photos", &[("alice", false)])?)?;
    it.visit(&put(By::Ftp, "alice"))?;
    it.visit(&remove(By::Ftp, "alice"))?;
    it.visit(&get(By::Ftp, "alice"))
}

pub(super) fn who_may_only_read_by_sftp_writes_nothing(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice_with_photos()?;
    it.visit(&put(By::Sftp, "alice"))?;
    it.offer(sftp("photos", &[("alice", false)])?)?;
    it.visit(&put(By::Sftp, "alice"))?;
    it.visit(&remove(By::Sftp, "alice"))?;
    it.visit(&get(By::Sftp, "alice"))
}

pub(super) fn who_is_not_named_sees_nothing_by_ftp(it: &mut ShareJournal<'_>) -> Result<()> {
    it.user("bob")?;
    it.alice_with_photos()?;
    it.visit(&list(By::Ftp, "bob"))?;
    it.visit(&list(By::Sftp, "bob"))
}

pub(super) fn an_export_is_for_some_machines(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice()?;
    it.deed(of_alice(0o755))?;
    it.offer(nfs("photos", "192.168.1.0/24", writable())?)?;
    it.visit(&list(By::Nfs, "alice"))?;
    it.offer(nfs("photos", "127.0.0.1", ClientOptions::default())?)?;
    it.visit(&list(By::Nfs, "alice"))?;
    it.visit(&put(By::Nfs, "alice"))
}

pub(super) fn users_of_nfs_are_squashed(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice()?;
    it.folder("photos")?;
    it.offer(nfs("photos", "127.0.0.1", writable())?)?;
    it.visit(&put(By::Nfs, "root"))?;
    it.visit(&remove(By::Nfs, "root"))?;
    let all = ClientOptions {
        squash: Squash::All,
        ..writable()
    };
    it.offer(nfs("photos", "127.0.0.1", all)?)?;
    it.visit(&put(By::Nfs, "alice"))?;
    it.visit(&remove(By::Nfs, "alice"))?;
    let none = ClientOptions {
        squash: Squash::None,
        ..writable()
    };
    it.offer(nfs("photos", "127.0.0.1", none)?)?;
    it.visit(&put(By::Nfs, "root"))
}

pub(super) fn nobody_answers_where_nothing_runs(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice_with_photos()?;
    for (service, by) in [
        ("samba", By::Smb),
        ("ftp", By::Ftp),
        ("ssh", By::Sftp),
        ("nfs", By::Nfs),
    ] {
        it.daemon(service, Wish::Stop)?;
        it.visit(&list(by, "alice"))?;
    }
    Ok(())
}

pub(super) fn what_is_edited_counts_once_it_is_read(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice()?;
    it.folder("photos")?;
    it.offer(smb("photos")?)?;
    it.deed(Deed::Edit {
        path: "/etc/samba/moxnas.conf",
        from: "read only = no",
        to: "read only = yes",
    })?;
    it.daemon("samba", Wish::Reload)?;
    it.visit(&put(By::Smb, "alice"))
}

pub(super) fn who_is_connected_by_smb_stays_so(it: &mut ShareJournal<'_>) -> Result<()> {
    it.folder("films")?;
    it.alice_with_photos()?;
    it.visit(&stay(By::Smb, "alice"))?;
    it.offer(smb("films")?)?;
    it.visit(&leave(By::Smb, "alice"))
}

pub(super) fn who_is_connected_by_smb_is_disconnected(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice_with_photos()?;
    it.visit(&stay(By::Smb, "alice"))?;
    it.disconnect("alice")?;
    it.disconnect("alice")
}

pub(super) fn who_is_connected_by_sftp_stays_so(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice_with_photos()?;
    it.visit(&stay(By::Sftp, "alice"))?;
    it.daemon("ssh", Wish::Reload)?;
    it.disconnect("alice")
}

pub(super) fn who_is_connected_by_sftp_survives_a_stop(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice_with_photos()?;
    it.visit(&stay(By::Sftp, "alice"))?;
    it.daemon("ssh", Wish::Restart)?;
    it.daemon("ssh", Wish::Stop)?;
    it.visit(&leave(By::Sftp, "alice"))
}

pub(super) fn samba_is_stopped_while_somebody_is_connected(
    it: &mut ShareJournal<'_>,
) -> Result<()> {
    it.alice_with_photos()?;
    it.visit(&stay(By::Smb, "alice"))?;
    it.daemon("samba", Wish::Stop)?;
    it.daemon("samba", Wish::Start)
}

pub(super) fn smbd_is_killed_while_somebody_is_connected(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice_with_photos()?;
    it.visit(&stay(By::Smb, "alice"))?;
    it.deed(Deed::Crash { unit: Unit::Smbd })
}
