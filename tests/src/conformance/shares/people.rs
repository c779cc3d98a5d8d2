//! Scenarios of users and groups.

use anyhow::Result;
use moxnas_shares::accounts::{
    Change,
    plan::{ChangeUser, CreateUser},
};

use super::{By, Deed, Doing, Key, ShareJournal, Visit, offers::smb};

pub(super) fn list(by: By, user: &str) -> Visit {
    Visit::new(by, user, "photos", Doing::List)
}

fn alice() -> Result<CreateUser> {
    Ok(CreateUser {
        password: Some(Key::First.secret()),
        samba: true,
        ..CreateUser::new("alice".parse()?)
    })
}

pub(super) fn a_user_lives_and_dies(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice()?;
    it.alice()?;
    let user = "alice".to_owned();
    it.people(&Change::DeleteUser { user: user.clone() })?;
    it.people(&Change::DeleteUser { user })
}

pub(super) fn a_user_with_everything(it: &mut ShareJournal<'_>) -> Result<()> {
    it.group("family")?;
    it.people(&Change::CreateUser(CreateUser {
        uid: Some(3500),
        full_name: "Alice Brown".parse()?,
        home: Some("/srv/tank/home".parse()?),
        shell: Some("/bin/bash".to_owned()),
        primary_group: Some("users".to_owned()),
        groups: vec!["family".to_owned()],
        expires: Some("2030-06-30".parse()?),
        must_change: true,
        ..alice()?
    }))
}

pub(super) fn a_user_without_samba(it: &mut ShareJournal<'_>) -> Result<()> {
    it.people(&Change::CreateUser(CreateUser {
        samba: false,
        ..alice()?
    }))?;
    let (user, password) = ("alice".to_owned(), Key::Second.secret());
    it.people(&Change::AddToSamba {
        user: user.clone(),
        password,
    })?;
    it.people(&Change::RemoveFromSamba { user })
}

pub(super) fn a_user_without_a_password(it: &mut ShareJournal<'_>) -> Result<()> {
    it.people(&Change::CreateUser(CreateUser {
        password: None,
        samba: false,
        ..alice()?
    }))?;
    let user = "alice".to_owned();
    it.people(&Change::DisableUser { user: user.clone() })?;
    it.people(&Change::EnableUser { user })
}

pub(super) fn what_is_known_of_a_user_is_changed(it: &mut ShareJournal<'_>) -> Result<()> {
    it.group("family")?;
    it.group("work")?;
    it.alice()?;
    it.people(&Change::ChangeUser(ChangeUser {
        user: "alice".to_owned(),
        full_name: Some("Alice".parse()?),
        shell: Some("/bin/sh".to_owned()),
        groups: Some(vec!["family".to_owned(), "work".to_owned()]),
        ..ChangeUser::default()
    }))?;
    it.people(&Change::ChangeUser(ChangeUser {
        user: "alice".to_owned(),
        groups: Some(vec!["work".to_owned()]),
        ..ChangeUser::default()
    }))
}

pub(super) fn a_user_is_disabled_and_enabled(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice_with_photos()?;
    let user = "alice".to_owned();
    it.visit(&list(By::Smb, "alice"))?;
    it.people(&Change::DisableUser { user: user.clone() })?;
    it.visit(&list(By::Smb, "alice"))?;
    it.visit(&list(By::Sftp, "alice"))?;
    it.people(&Change::EnableUser { user })?;
    it.visit(&list(By::Smb, "alice"))?;
    it.visit(&list(By::Sftp, "alice"))
}

pub(super) fn a_user_gets_another_password(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice_with_photos()?;
    it.people(&Change::SetPassword {
        user: "alice".to_owned(),
        password: Key::Second.secret(),
        must_change: false,
    })?;
    for by in [By::Smb, By::Sftp] {
        it.visit(&list(by, "alice"))?;
        it.visit(&list(by, "alice").with_the_second())?;
    }
    Ok(())
}

pub(super) fn a_disabled_user_gets_another_password(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice_with_photos()?;
    let user = "alice".to_owned();
    it.people(&Change::DisableUser { user: user.clone() })?;
    it.people(&Change::SetPassword {
        user: user.clone(),
        password: Key::Second.secret(),
        must_change: false,
    })?;
    it.visit(&list(By::Smb, "alice").with_the_second())?;
    it.people(&Change::EnableUser { user })?;
    it.visit(&list(By::Smb, "alice").with_the_second())?;
    it.visit(&list(By::Sftp, "alice").with_the_second())
}

pub(super) fn passwd_changes_one_of_two_passwords(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice_with_photos()?;
    it.deed(Deed::Passwd {
        user: "alice",
        key: Key::Second,
    })?;
    for by in [By::Smb, By::Sftp] {
        it.visit(&list(by, "alice"))?;
        it.visit(&list(by, "alice").with_the_second())?;
    }
    Ok(())
}

pub(super) fn a_user_expires(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice_with_photos()?;
    it.people(&Change::ExpireUser {
        user: "alice".to_owned(),
        on: Some("2026-03-18".parse()?),
    })?;
    it.deed(Deed::Days { days: 1 })?;
    it.visit(&list(By::Smb, "alice"))?;
    it.visit(&list(By::Sftp, "alice"))?;
    it.deed(Deed::Days { days: 1 })?;
    it.visit(&list(By::Smb, "alice"))?;
    it.visit(&list(By::Sftp, "alice"))?;
    it.people(&Change::ExpireUser {
        user: "alice".to_owned(),
        on: None,
    })?;
    it.visit(&list(By::Smb, "alice"))?;
    it.visit(&list(By::Sftp, "alice"))
}

pub(super) fn a_user_must_choose_another_password(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice_with_photos()?;
    let user = "alice".to_owned();
    it.people(&Change::ForceChange { user: user.clone() })?;
    it.visit(&list(By::Smb, "alice"))?;
    it.visit(&list(By::Sftp, "alice"))?;
    it.visit(&list(By::Ftp, "alice"))?;
    it.people(&Change::SetPassword {
        user,
        password: Key::Second.secret(),
        must_change: false,
    })?;
    it.visit(&list(By::Smb, "alice").with_the_second())?;
    it.visit(&list(By::Sftp, "alice").with_the_second())
}

pub(super) fn groups_live_and_die(it: &mut ShareJournal<'_>) -> Result<()> {
    it.group("family")?;
    it.group("family")?;
    it.alice()?;
    let (group, users) = ("family".to_owned(), vec!["alice".to_owned()]);
    it.people(&Change::AddMembers {
        group: group.clone(),
        users: users.clone(),
    })?;
    it.people(&Change::RemoveMembers {
        group: group.clone(),
        users,
    })?;
    it.people(&Change::DeleteGroup { group })
}

pub(super) fn the_group_of_a_user_is_not_deleted(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice()?;
    it.people(&Change::DeleteGroup {
        group: "alice".to_owned(),
    })
}

pub(super) fn a_group_goes_with_members_in_it(it: &mut ShareJournal<'_>) -> Result<()> {
    it.group("family")?;
    it.people(&Change::CreateUser(CreateUser {
        groups: vec!["family".to_owned()],
        ..alice()?
    }))?;
    it.people(&Change::DeleteGroup {
        group: "family".to_owned(),
    })
}

pub(super) fn a_user_of_somebody_else_is_taken_over(it: &mut ShareJournal<'_>) -> Result<()> {
    it.deed(Deed::UserAdd {
        user: "bob",
        uid: 1500,
    })?;
    let user = "bob".to_owned();
    it.people(&Change::DisableUser { user: user.clone() })?;
    it.people(&Change::AdoptUser { user: user.clone() })?;
    it.people(&Change::AddToSamba {
        user: user.clone(),
        password: Key::First.secret(),
    })?;
    it.people(&Change::DeleteUser { user })
}

pub(super) fn a_creation_that_was_cut_off(it: &mut ShareJournal<'_>) -> Result<()> {
    it.people_until(&Change::CreateUser(alice()?), 4)?;
    it.people(&Change::EnableUser {
        user: "alice".to_owned(),
    })?;
    it.alice()
}

pub(super) fn a_creation_that_was_cut_off_is_deleted(it: &mut ShareJournal<'_>) -> Result<()> {
    it.people_until(&Change::CreateUser(alice()?), 6)?;
    it.people(&Change::DeleteUser {
        user: "alice".to_owned(),
    })
}

pub(super) fn a_deletion_of_a_user_that_was_cut_off(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice()?;
    let delete = Change::DeleteUser {
        user: "alice".to_owned(),
    };
    it.people_until(&delete, 3)?;
    it.people(&delete)
}

pub(super) fn a_change_of_a_password_that_was_cut_off(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice()?;
    let set = Change::SetPassword {
        user: "alice".to_owned(),
        password: Key::Second.secret(),
        must_change: false,
    };
    it.people_until(&set, 1)?;
    it.people(&Change::RemoveFromSamba {
        user: "alice".to_owned(),
    })?;
    it.people(&set)
}

pub(super) fn a_number_is_given_once(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice()?;
    it.people(&Change::DeleteUser {
        user: "alice".to_owned(),
    })?;
    it.people(&Change::CreateUser(CreateUser {
        uid: Some(3000),
        ..alice()?
    }))?;
    it.alice()
}

pub(super) fn wishes_for_users_that_are_refused(it: &mut ShareJournal<'_>) -> Result<()> {
    it.people(&Change::DeleteUser {
        user: "root".to_owned(),
    })?;
    it.people(&Change::DeleteUser {
        user: "nobody-here".to_owned(),
    })?;
    it.people(&Change::CreateUser(CreateUser {
        uid: Some(7),
        ..alice()?
    }))?;
    it.people(&Change::CreateUser(CreateUser {
        password: None,
        ..alice()?
    }))?;
    it.people(&Change::CreateUser(CreateUser {
        shell: Some("/bin/no-shell".to_owned()),
        ..alice()?
    }))?;
    it.people(&Change::CreateUser(CreateUser {
        groups: vec!["sudo".to_owned()],
        ..alice()?
    }))?;
    it.people(&Change::AddMembers {
        group: "sudo".to_owned(),
        users: Vec::new(),
    })
}

pub(super) fn who_is_deleted_is_let_in_no_more(it: &mut ShareJournal<'_>) -> Result<()> {
    it.alice()?;
    it.folder("photos")?;
    it.offer(smb("photos")?)?;
    it.people(&Change::DeleteUser {
        user: "alice".to_owned(),
    })?;
    it.visit(&list(By::Smb, "alice"))
}
