//! Scenarios of shares and accounts that every backend must live through alike: the simulation in
//! `cargo test`, real daemons under a real systemd in the lab.
//!
//! A scenario plans and serves as the product would, and then comes as a client: by smbclient, by
//! curl, by a mount. What is written down is what changed since the last look: how daemons run and
//! whether each is still the same process, how what is served stands to what is meant, who may come
//! in, who is connected, and whose files are there with which permissions. Numbers of processes,
//! moments and memory are chance, so processes are counted as they come up.
//!
//! Passwords are named by scenarios and told by nothing: see [`Password`].

mod daemons;
pub mod deed;
mod journal;
mod lab_world;
mod offers;
mod people;
mod sim_visits;
mod sim_world;
pub mod told;
mod visit;
mod visits;
mod words;

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use moxnas_shares::{
    accounts::{self, model::Accounts},
    backend::Served,
    plan, services,
    services::Services,
    sessions::model::{SessionId, Sessions},
};
use serde::{Deserialize, Serialize};

use self::{daemons::*, offers::*, people::*, visits::*};
pub use self::{
    deed::Deed,
    journal::ShareJournal,
    lab_world::LabShareWorld,
    sim_world::SimShareWorld,
    visit::{AccountOrder, By, Doing, Key, Password, Visit},
};

/// A machine that offers shares, hands that can reach it, and clients of it.
pub trait ShareWorld {
    /// What there is, at a moment when nothing is on its way.
    fn look(&mut self) -> Result<Seen>;
    /// Gives a daemon new files, as [`transaction::serve`](moxnas_shares::transaction::serve) does.
    fn serve(&mut self, step: &plan::Step) -> Result<Told>;
    /// Does one step for users and groups.
    fn account(&mut self, step: &accounts::Step) -> Result<Told>;
    /// Does one step for a unit.
    fn service(&mut self, step: &services::Step) -> Result<Told>;
    /// Ends a session.
    fn disconnect(&mut self, session: SessionId) -> Result<Told>;
    /// Comes as a client does; what the client gets, or why it gets nothing.
    fn visit(&mut self, visit: &Visit) -> Result<Told<String>>;
    /// Does something that no plan does.
    fn deed(&mut self, deed: &Deed) -> Result<()>;
}

/// What the machine did, or in the words of [`told`] why not.
pub type Told<T = ()> = Result<T, String>;

/// What the product sees, and what is in the folders that scenarios share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    pub served: Served,
    pub services: Services,
    pub accounts: Accounts,
    pub sessions: Sessions,
    /// What files were before changes, by number.
    pub kept: BTreeMap<u32, String>,
    /// By their paths below [`TOP`].
    pub files: BTreeMap<String, SeenFile>,
}

/// A file, or a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenFile {
    pub uid: u32,
    pub gid: u32,
    pub mode: u32,
    /// What is in it; `None`: it is a folder.
    pub text: Option<String>,
}

/// Where the folders are that scenarios share.
pub const TOP: &str = "/srv/tank";

/// When every scenario begins, in seconds since the Unix epoch: a Monday at noon, UTC.
pub const BEGIN: u64 = 1_773_662_400;

/// A scenario of shares by name.
#[derive(Clone, Copy, Debug)]
pub struct ShareScenario {
    pub name: &'static str,
    pub run: fn(&mut ShareJournal<'_>) -> Result<()>,
}

impl ShareScenario {
    /// Runs it. Returns what was seen.
    pub fn journal(&self, world: &mut dyn ShareWorld) -> Result<String> {
        let mut journal = ShareJournal::new(world);
        let ended = journal.begin().and_then(|()| (self.run)(&mut journal));
        let text = journal.text();
        ended.with_context(|| format!("scenario {}, which came to:\n{text}", self.name))?;
        Ok(text)
    }
}

/// Calls a macro with the names of all scenarios of shares.
#[macro_export]
macro_rules! for_each_share_scenario {
    ($callback:ident) => {
        $callback! {
            a_machine_as_debian_makes_it
            a_share_of_smb_is_offered
            a_share_of_smb_is_changed
            a_share_of_smb_is_withdrawn
            nothing_is_offered_any_more
            a_share_is_switched_off
            an_export_is_offered
            an_export_is_changed_and_withdrawn
            an_export_of_a_folder_that_is_missing
            an_exported_folder_goes
            a_share_of_ftp_is_offered
            a_share_of_sftp_is_offered
            a_share_is_offered_by_all_protocols
            our_file_for_smbd_is_edited
            our_exports_are_edited
            our_file_is_removed
            somebody_takes_our_line_out_of_smb_conf
            the_share_of_somebody_else_stays
            the_export_of_somebody_else_stays
            what_is_not_ours_is_not_overwritten
            smb_conf_is_not_there
            shares_that_cannot_be_are_refused
            a_change_is_gone_back_from
            settings_of_smb_are_changed
            settings_of_nfs_are_changed
            a_share_comes_while_smbd_is_stopped
            an_export_comes_while_nfsd_is_stopped
            a_share_comes_while_smbd_is_off_for_good
            smbd_is_killed
            smbd_is_killed_and_a_share_comes
            sshd_is_killed
            vsftpd_is_killed
            nmbd_is_killed
            a_masked_daemon_is_not_started
            a_daemon_is_masked_while_it_runs
            a_share_comes_while_smbd_is_masked
            smbd_refuses_to_start
            a_share_comes_while_smbd_refuses_to_start
            vsftpd_ends_at_once
            samba_is_stopped_and_started
            samba_is_restarted_and_reloaded
            nfs_is_stopped_and_started
            ftp_and_ssh_are_restarted_and_reloaded
            services_are_turned_off_for_good
            what_was_turned_off_stays_off_over_a_start
            what_is_offered_is_there_after_a_start
            power_is_cut_after_a_share_was_offered
            vsftpd_is_not_installed
            nfsd_is_not_installed
            services_that_are_not_there_are_refused
            a_user_lives_and_dies
            a_user_with_everything
            a_user_without_samba
            a_user_without_a_password
            what_is_known_of_a_user_is_changed
            a_user_is_disabled_and_enabled
            a_user_gets_another_password
            a_disabled_user_gets_another_password
            passwd_changes_one_of_two_passwords
            a_user_expires
            a_user_must_choose_another_password
            groups_live_and_die
            the_group_of_a_user_is_not_deleted
            a_group_goes_with_members_in_it
            a_user_of_somebody_else_is_taken_over
            a_creation_that_was_cut_off
            a_creation_that_was_cut_off_is_deleted
            a_deletion_of_a_user_that_was_cut_off
            a_change_of_a_password_that_was_cut_off
            a_number_is_given_once
            wishes_for_users_that_are_refused
            who_is_deleted_is_let_in_no_more
            files_come_and_go_by_smb
            files_come_and_go_by_ftp
            files_come_and_go_by_sftp
            files_come_and_go_by_nfs
            what_comes_by_one_protocol_goes_by_another
            a_wrong_password_lets_nobody_in
            strangers_and_guests_are_kept_out
            guests_are_let_in_where_they_may
            a_read_only_share_of_smb_is_not_written_to
            a_share_for_some_users
            a_share_for_a_group
            the_kernel_has_the_last_word
            a_user_is_forced
            new_files_have_the_permissions_of_the_share
            what_is_new_gets_the_group_of_its_folder
            a_machine_is_kept_out_of_a_share
            the_folder_of_a_share_is_missing
            what_is_not_offered_is_not_found
            who_may_only_read_by_ftp_writes_nothing
            who_may_only_read_by_sftp_writes_nothing
            who_is_not_named_sees_nothing_by_ftp
            an_export_is_for_some_machines
            users_of_nfs_are_squashed
            nobody_answers_where_nothing_runs
            what_is_edited_counts_once_it_is_read
            who_is_connected_by_smb_stays_so
            who_is_connected_by_smb_is_disconnected
            who_is_connected_by_sftp_stays_so
            who_is_connected_by_sftp_survives_a_stop
            samba_is_stopped_while_somebody_is_connected
            smbd_is_killed_while_somebody_is_connected
        }
    };
}

macro_rules! list {
    ($($name:ident)*) => {
        pub const SCENARIOS: &[ShareScenario] = &[
            $(ShareScenario { name: stringify!($name), run: $name },)*
        ];
    };
}
for_each_share_scenario!(list);

/// The scenario of this name.
#[must_use]
pub fn scenario(name: &str) -> Option<&'static ShareScenario> {
    SCENARIOS.iter().find(|it| it.name == name)
}
