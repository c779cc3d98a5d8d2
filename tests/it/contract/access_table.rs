//! `docs/access.md`: who may what, by REST and on the command line.

use std::collections::BTreeMap;

use moxnas_app::{Keys, Role, ops};

use super::{all_documents, golden, operations, product};

/// The command of each operation, and words that make it a whole call. An operation without a row
/// is not on the command line.
pub(crate) const COMMANDS: &[(&str, &str, &str)] = &[
    ("account_adopt", "account adopt", "none"),
    ("account_create", "account create", "none --no-password"),
    ("account_delete", "account delete", "none"),
    ("account_get", "account show", "none"),
    ("account_list", "account list", ""),
    ("account_passwd", "account passwd", "none --password-stdin"),
    (
        "account_samba_add",
        "account samba add",
        "none --password-stdin",
    ),
    ("account_samba_remove", "account samba remove", "none"),
    ("account_set", "account set", "none --full-name None"),
    ("group_adopt", "group adopt", "none"),
    ("group_create", "group create", "none"),
    ("group_delete", "group delete", "none"),
    ("group_list", "group list", ""),
    ("group_members", "group members", "none --add none"),
    ("access_explain", "share explain", "none --user none"),
    ("capability_list", "system capabilities", ""),
    ("discovery_settings_get", "share settings show", "discovery"),
    (
        "discovery_settings_set",
        "share settings discovery",
        "--enabled false",
    ),
    ("service_disable", "service disable", "none"),
    ("service_enable", "service enable", "none"),
    ("service_get", "service show", "none"),
    ("service_list", "service list", ""),
    ("service_log", "service log", "none"),
    ("service_reload", "service reload", "none"),
    ("service_restart", "service restart", "none"),
    ("service_start", "service start", "none"),
    ("service_stop", "service stop", "none"),
    ("share_session_end", "share session end", "ftp-1-1"),
    ("share_session_list", "share session list", ""),
    ("api_key_create", "key create", "example --scope auth_me"),
    ("api_key_delete", "key delete", "999"),
    ("api_key_list", "key list", ""),
    ("array_assemble", "array assemble", "none"),
    (
        "array_create",
        "array create",
        "none --level raid1 --member none --member nothing",
    ),
    ("array_delete", "array delete", "none"),
    ("expected_list", "array expected", ""),
    ("expected_accept", "array accept", "none"),
    ("array_get", "array show", "none"),
    ("array_grow", "array grow", "none --members 3"),
    ("array_list", "array list", ""),
    ("array_scrub", "array scrub", "none"),
    ("array_set", "array set", "none --read-only true"),
    ("array_stop", "array stop", "none"),
    ("auth_login", "login", "--password-stdin"),
    ("auth_logout", "logout", ""),
    ("auth_password", "password", "--password-stdin"),
    ("dataset_create", "dataset create", "none none"),
    ("dataset_delete", "dataset delete", "none none"),
    ("dataset_get", "dataset show", "none none"),
    ("dataset_list", "dataset list", ""),
    ("dataset_quota", "dataset quota", "none none 1G"),
    ("dataset_rename", "dataset rename", "none none other"),
    (
        "dataset_replicate",
        "dataset replicate",
        "none none --to other",
    ),
    ("dataset_set", "dataset set", "none none --mode 700"),
    ("disk_burn_in", "disk burn-in", "none"),
    ("disk_consequences", "disk consequences", "none"),
    ("disk_get", "disk show", "none"),
    ("disk_list", "disk list", ""),
    ("disk_locate", "disk locate", "none"),
    ("disk_wipe", "disk wipe", "none --level overwrite"),
    ("health_detailed", "system health", ""),
    ("initramfs_show", "system initramfs", ""),
    ("initramfs_update", "system update-initramfs", ""),
    ("member_add", "array add", "none none"),
    ("member_fail", "array fail", "none none"),
    ("member_re_add", "array re-add", "none none"),
    ("member_remove", "array remove", "none none"),
    ("member_replace", "array replace", "none none"),
    ("pool_balance", "pool balance", "none"),
    ("pool_device_add", "pool device add", "none none"),
    ("pool_device_remove", "pool device remove", "none none"),
    (
        "pool_device_replace",
        "pool device replace",
        "none none other",
    ),
    ("pool_create", "pool create", "none --device none --fs ext4"),
    ("pool_delete", "pool delete", "none"),
    ("pool_export", "pool export", "none"),
    ("pool_check", "pool check", "none"),
    ("pool_get", "pool show", "none"),
    ("pool_grow", "pool grow", "none"),
    ("pool_import", "pool import", "none --device none"),
    ("pool_list", "pool list", ""),
    ("pool_mount", "pool mount", "none"),
    ("pool_unmount", "pool unmount", "none"),
    ("job_cancel", "job cancel", "none"),
    ("job_get", "job show", "none"),
    ("job_list", "job list", ""),
    ("job_log", "job log", "none"),
    ("job_retry", "job retry", "none"),
    ("schedule_change", "schedule change", "none --jitter-s 1"),
    ("schedule_delete", "schedule delete", "none"),
    ("schedule_get", "schedule show", "none"),
    ("schedule_history", "schedule history", "none"),
    ("schedule_list", "schedule list", ""),
    (
        "schedule_replica",
        "schedule replica",
        "none none --to none --at hourly",
    ),
    ("schedule_retry", "schedule retry", "none"),
    ("schedule_run", "schedule run", "none"),
    (
        "schedule_snapshots",
        "schedule snapshots",
        "none none --at hourly --keep-last 1",
    ),
    ("schedule_timeline", "schedule timeline", ""),
    ("session_list", "session list", ""),
    ("session_revoke", "session revoke", "none"),
    (
        "ftp_share_create",
        "share ftp create",
        "none --path /srv/none --user none",
    ),
    ("ftp_share_delete", "share ftp delete", "none"),
    ("ftp_share_get", "share ftp show", "none"),
    ("ftp_share_list", "share ftp list", ""),
    ("ftp_share_set", "share ftp set", "none --enabled false"),
    (
        "nfs_share_create",
        "share nfs create",
        "none --path /srv/none --client 10.0.0.1",
    ),
    ("nfs_share_delete", "share nfs delete", "none"),
    ("nfs_share_get", "share nfs show", "none"),
    ("nfs_share_list", "share nfs list", ""),
    ("nfs_share_set", "share nfs set", "none --enabled false"),
    (
        "sftp_share_create",
        "share sftp create",
        "none --path /srv/none --user none",
    ),
    ("sftp_share_delete", "share sftp delete", "none"),
    ("sftp_share_get", "share sftp show", "none"),
    ("sftp_share_list", "share sftp list", ""),
    ("sftp_share_set", "share sftp set", "none --enabled false"),
    (
        "smb_share_create",
        "share smb create",
        "none --path /srv/none",
    ),
    ("smb_share_delete", "share smb delete", "none"),
    ("smb_share_get", "share smb show", "none"),
    ("smb_share_list", "share smb list", ""),
    ("smb_share_set", "share smb set", "none --enabled false"),
    ("ftp_settings_get", "share settings show", "ftp"),
    ("ftp_settings_set", "share settings ftp", "--idle-s 60"),
    ("nfs_settings_get", "share settings show", "nfs"),
    ("nfs_settings_set", "share settings nfs", "--threads 16"),
    ("smb_settings_get", "share settings show", "smb"),
    (
        "smb_settings_set",
        "share settings smb",
        "--workgroup OFFICE",
    ),
    ("share_delete", "share delete", "none"),
    ("share_generation_list", "share generations", ""),
    ("share_generation_revert", "share revert", "999"),
    ("share_get", "share show", "none"),
    ("share_import", "share import", ""),
    ("share_list", "share list", ""),
    ("share_reconcile", "share reconcile", ""),
    ("share_status", "share status", ""),
    ("sim_advance", "sim advance", "0s"),
    ("sim_fault", "sim fault", "step-fails --step none"),
    ("sim_show", "sim show", ""),
    ("snapshot_clone", "snapshot clone", "none none none other"),
    ("snapshot_create", "snapshot create", "none none none"),
    ("snapshot_delete", "snapshot delete", "none none none"),
    ("snapshot_hold", "snapshot hold", "none none none"),
    ("snapshot_list", "snapshot list", ""),
    ("snapshot_mount", "snapshot mount", "none none none"),
    (
        "snapshot_prune",
        "snapshot prune",
        "none none --keep-last 1",
    ),
    ("snapshot_release", "snapshot release", "none none none"),
    ("snapshot_rollback", "snapshot rollback", "none none none"),
    ("snapshot_unmount", "snapshot unmount", "none none none"),
    ("spare_move", "array move-spare", ""),
    ("system_info", "system info", ""),
    ("target_add", "target add", "none neighbour.sim --pool none"),
    ("target_check", "target check", "none"),
    ("target_get", "target show", "none"),
    ("target_list", "target list", ""),
    ("target_remove", "target remove", "none"),
    ("totp_confirm", "totp confirm", "000000"),
    ("totp_disable", "totp disable", "000000 --password-stdin"),
    ("totp_enrol", "totp enrol", "--password-stdin"),
    ("user_change", "user change", "nobody --no-account"),
    (
        "user_create",
        "user create",
        "admin --role user --no-password",
    ),
    ("user_delete", "user delete", "nobody"),
    ("user_get", "user show", "nobody"),
    ("user_list", "user list", ""),
    ("user_passwd", "user passwd", "nobody --password-stdin"),
    ("user_session_list", "session list", "--user nobody"),
    (
        "user_session_revoke",
        "session revoke",
        "none --user nobody",
    ),
    (
        "user_session_revoke_all",
        "session revoke",
        "--user nobody --all",
    ),
    ("user_totp_reset", "user totp reset", "nobody"),
];

const HEAD: &str = "\
# Who may what

Written by `cargo xtask gen` from the list of operations and the OpenAPI documents; do not edit.

Each role includes those before it: `user` (its own login), `viewer` (reads everything but secrets
and the audit log), `operator` (runs what loses no data), `admin` (everything). Root on the Unix
socket and in `moxnas --local` is an admin without a login.

The name of an operation is what the scopes of API keys are about (`array_*`, `*_list`, `*`). What
changes logins, passwords or second factors and what makes keys is closed to every key, and so is
logging out, as a key has no session. A plan takes the role and the scope of the operation that is
planned as well.

";

#[test]
fn the_table_of_access_is_as_committed() {
    let known: BTreeMap<&str, _> = ops::all().into_iter().map(|it| (it.name, it)).collect();
    let tree: Vec<String> = product::command_tree().into_iter().map(|it| it.0).collect();
    let mut rows = BTreeMap::new();
    for document in all_documents() {
        for (path, method, operation) in operations(&document) {
            let id = operation["operationId"].as_str().unwrap();
            let info = known[id];
            let command = COMMANDS.iter().find(|(it, ..)| *it == id);
            let command = command.map_or(String::new(), |(_, command, _)| {
                let command = format!("moxnas {command}");
                assert!(tree.contains(&command), "there is no command {command}");
                format!("`{command}`")
            });
            let may = |role: Role| match info.needs.is_none_or(|needs| needs <= role) {
                true => "yes",
                false => "",
            };
            let roles: Vec<&str> = Role::ALL.into_iter().map(may).collect();
            let nobody = if info.needs.is_none() { "yes" } else { "" };
            let keys = match (info.keys, info.needs) {
                (Keys::May, Some(_)) => "yes",
                (Keys::MayNot, _) | (_, None) => "",
            };
            let row = format!(
                "| `{id}` | {} | {nobody} | {} | {keys} | `{method} {path}` | {command} |\n",
                operation["summary"].as_str().unwrap(),
                roles.join(" | "),
            );
            rows.insert(id.to_owned(), row);
        }
    }
    let mut text = format!(
        "{HEAD}| Operation | What | nobody | user | viewer | operator | admin | API key | REST | \
         Command |\n|---|---|---|---|---|---|---|---|---|---|\n"
    );
    text.extend(rows.into_values());
    golden("docs/access.md", &text);
}

#[test]
fn every_command_belongs_to_an_operation_that_is_there() {
    let known: Vec<&str> = ops::all().iter().map(|it| it.name).collect();
    for (id, ..) in COMMANDS {
        assert!(known.contains(id), "{id}");
    }
}
