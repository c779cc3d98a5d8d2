//! A request for each operation.

use poem::http::Method;
use serde_json::json;

use crate::nas::{Ask, PASSWORD, bare, blank, wish};

/// A request for the operation that is understood, whether or not it can be done: a body that is
/// wrong would be refused before anybody asks what the caller may.
///
/// An operation without a row here fails the test.
pub(crate) fn example(id: &str, method: &str, path: &str) -> Ask {
    let names = "array disk job schedule device pool dataset snapshot target session share user group service";
    let none = |path: String, it: &str| path.replace(&format!("{{{it}}}"), "none");
    let path = names.split(' ').fold(path.to_owned(), none);
    let path = path
        .replace("{username}", "nobody")
        .replace("{key}", "999")
        .replace("{number}", "999");
    let ask = bare(Method::from_bytes(method.as_bytes()).unwrap(), path);
    let body = match id {
        "array_create" => wish("none", "raid1", &[1, 2]),
        "pool_create" => json!({ "name": "none", "device": blank(1), "filesystem": "ext4" }),
        "pool_import" => json!({ "name": "none", "device": blank(1) }),
        "dataset_create" => json!({ "pool": "none", "name": "none" }),
        "dataset_quota" => json!({ "quota_bytes": 1000 }),
        "dataset_set" => json!({ "mode": "700" }),
        "dataset_rename" | "snapshot_clone" => json!({ "to": "none" }),
        "dataset_replicate" => json!({ "to_pool": "none" }),
        "snapshot_hold" | "snapshot_release" => json!({ "hold": "none" }),
        "target_add" => json!({ "name": "none", "host": "neighbour.sim", "pools": ["none"] }),
        "snapshot_create" => json!({ "pool": "none", "dataset": "none", "name": "none" }),
        "snapshot_prune" => json!({ "pool": "none", "dataset": "none", "keep": { "last": 1 } }),
        "array_assemble" | "expected_accept" => json!({ "array": "none" }),
        "array_scrub" => json!({ "action": "check" }),
        "disk_wipe" => json!({ "level": "overwrite" }),
        "disk_burn_in" => json!({ "passes": 1 }),
        "disk_locate" => json!({ "on": true }),
        "pool_check" => json!({ "repair": true }),
        "pool_balance" => json!({ "profile": "raid1" }),
        "pool_device_add" => json!({ "device": blank(1) }),
        "pool_device_remove" => json!({ "device": "missing" }),
        "pool_device_replace" => json!({ "old": "missing", "new": blank(1) }),
        "member_add" => json!({ "device": blank(1) }),
        "array_grow" => json!({ "members": 3 }),
        "array_set" => json!({ "read_only": true }),
        "member_replace" => json!({ "with": blank(1) }),
        "plan_create" => {
            json!({ "operation": "array_scrub", "path": { "array": "none" }, "body": { "action": "check" } })
        }
        "auth_login" => json!({ "username": "one-user", "password": PASSWORD }),
        "auth_refresh" => json!({ "refresh_token": "mxr_none" }),
        "user_passwd" => json!({ "password": PASSWORD }),
        "user_create" => json!({ "username": "one-user", "role": "user" }),
        "user_change" => json!({ "account": null }),
        "auth_password" => json!({ "old": "wrong", "new": PASSWORD }),
        "totp_enrol" => json!({ "password": "wrong" }),
        "totp_confirm" => json!({ "code": "000000" }),
        "totp_disable" => json!({ "password": "wrong", "code": "000000" }),
        "api_key_create" => json!({ "name": "example", "scopes": ["none_of_these"] }),
        "schedule_change" => json!({ "jitter_s": 1 }),
        "schedule_toggle" => json!({ "enabled": true }),
        "schedule_snapshots" => {
            json!({ "pool": "none", "dataset": "none", "expression": "hourly" })
        }
        "schedule_replica" => {
            let replica = json!({ "to_pool": "none" });
            json!({ "pool": "none", "dataset": "none", "replica": replica, "expression": "hourly" })
        }
        "sim_fault" => json!({ "kind": "step-fails", "step": "nothing has this text" }),
        "sim_advance" => json!({ "seconds": 0 }),
        "smb_share_create" => json!({ "name": "none", "path": "/srv/none" }),
        "nfs_share_create" => {
            json!({ "name": "none", "path": "/srv/none", "clients": [{ "client": "10.0.0.1" }] })
        }
        "ftp_share_create" | "sftp_share_create" => {
            json!({ "name": "none", "path": "/srv/none", "users": [{ "user": "none" }] })
        }
        "smb_share_set" | "nfs_share_set" | "ftp_share_set" | "sftp_share_set" => {
            json!({ "enabled": false })
        }
        "smb_share_replace" | "nfs_share_replace" | "ftp_share_replace" | "sftp_share_replace" => {
            json!({ "description": "none" })
        }
        "access_explain" => json!({ "share": "none", "wish": "read" }),
        "discovery_settings_set" => json!({ "enabled": false }),
        "account_create" | "group_create" => json!({ "name": "none" }),
        "account_set" => json!({ "full_name": "None" }),
        "account_passwd" | "account_samba_add" => json!({ "password": PASSWORD }),
        "group_members" => json!({ "add": ["none"] }),
        "smb_settings_set" => json!({ "workgroup": "OFFICE" }),
        "nfs_settings_set" => json!({ "threads": 16 }),
        "ftp_settings_set" => json!({ "idle_s": 60 }),
        "share_import" => json!({ "shares": ["none"] }),
        "array_delete"
        | "capability_list"
        | "discovery_settings_get"
        | "service_disable"
        | "service_enable"
        | "service_get"
        | "service_list"
        | "service_log"
        | "service_reload"
        | "service_restart"
        | "service_start"
        | "service_stop"
        | "share_session_end"
        | "share_session_list"
        | "account_adopt"
        | "account_delete"
        | "account_get"
        | "account_list"
        | "account_samba_remove"
        | "group_adopt"
        | "group_delete"
        | "group_list"
        | "smb_share_list"
        | "smb_share_get"
        | "smb_share_delete"
        | "nfs_share_list"
        | "nfs_share_get"
        | "nfs_share_delete"
        | "ftp_share_list"
        | "ftp_share_get"
        | "ftp_share_delete"
        | "sftp_share_list"
        | "sftp_share_get"
        | "sftp_share_delete"
        | "smb_settings_get"
        | "nfs_settings_get"
        | "ftp_settings_get"
        | "share_list"
        | "share_get"
        | "share_delete"
        | "share_status"
        | "share_reconcile"
        | "share_generation_list"
        | "share_generation_revert"
        | "array_get"
        | "array_list"
        | "array_stop"
        | "auth_logout"
        | "auth_me"
        | "disk_consequences"
        | "disk_get"
        | "disk_list"
        | "event_stream"
        | "expected_list"
        | "health_basic"
        | "health_detailed"
        | "health_live"
        | "health_ready"
        | "member_fail"
        | "member_re_add"
        | "member_remove"
        | "spare_move"
        | "raid_status"
        | "audit_export"
        | "audit_list"
        | "audit_verify"
        | "job_cancel"
        | "job_get"
        | "job_list"
        | "job_log"
        | "job_retry"
        | "schedule_delete"
        | "schedule_get"
        | "schedule_history"
        | "schedule_list"
        | "schedule_retry"
        | "schedule_run"
        | "schedule_timeline"
        | "sim_show"
        | "system_info"
        | "api_key_list"
        | "api_key_delete"
        | "session_list"
        | "session_revoke"
        | "initramfs_show"
        | "pool_delete"
        | "pool_export"
        | "pool_grow"
        | "dataset_delete"
        | "dataset_get"
        | "dataset_list"
        | "snapshot_delete"
        | "snapshot_list"
        | "snapshot_mount"
        | "snapshot_unmount"
        | "snapshot_rollback"
        | "target_check"
        | "target_get"
        | "target_list"
        | "target_remove"
        | "pool_get"
        | "pool_list"
        | "pool_mount"
        | "pool_unmount"
        | "initramfs_update"
        | "user_delete"
        | "user_get"
        | "user_list"
        | "user_session_list"
        | "user_session_revoke"
        | "user_session_revoke_all"
        | "user_totp_reset" => return ask,
        other => panic!("{other} is new: give it a row here"),
    };
    ask.json(&body)
}
