//! The operations, one noun a file.

/// Name, role and answer of an operation.
macro_rules! operation {
    ($type:ty, $name:literal, $needs:expr, $output:ty $(, $object:ident)? $(; keys: $keys:ident)?) => {
        impl Operation for $type {
            const NAME: &'static str = $name;
            const NEEDS: Option<Role> = $needs;
            $(const KEYS: crate::operation::Keys = crate::operation::Keys::$keys;)?
            type Output = $output;
            $(fn object(&self) -> Option<String> {
                Some(self.$object.to_string())
            })?
        }
    };
}

pub mod access;
pub mod accounts;
pub mod api_keys;
pub mod arrays;
pub mod audit;
pub mod auth;
pub mod capabilities;
pub mod datasets;
pub mod disks;
pub mod expected;
pub mod initramfs;
pub mod jobs;
pub mod pools;
pub mod schedules;
pub mod services;
pub mod sessions;
pub mod share_sessions;
pub mod shares;
pub mod simulation;
pub mod system;
pub mod targets;
pub mod totp;
pub mod users;

use crate::{
    actor::Role,
    operation::{Keys, Operation},
};

/// What is known of an operation without calling it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperationInfo {
    /// Its name: the operation id in the OpenAPI document, the verb in the audit log.
    pub name: &'static str,
    /// The lowest role that may; `None`: no login is needed.
    pub needs: Option<Role>,
    /// Whether an API key opens it.
    pub keys: Keys,
}

fn info<O: Operation>() -> OperationInfo {
    OperationInfo {
        name: O::NAME,
        needs: O::NEEDS,
        keys: O::KEYS,
    }
}

/// All operations, by name. Frontends are tested against this list.
#[must_use]
pub fn all() -> Vec<OperationInfo> {
    let mut all = vec![
        info::<access::AccessExplain>(),
        info::<capabilities::CapabilityList>(),
        info::<share_sessions::ShareSessionList>(),
        info::<share_sessions::ShareSessionEnd>(),
        info::<services::ServiceList>(),
        info::<services::ServiceGet>(),
        info::<services::ServiceLog>(),
        info::<services::ServiceStart>(),
        info::<services::ServiceStop>(),
        info::<services::ServiceRestart>(),
        info::<services::ServiceReload>(),
        info::<services::ServiceEnable>(),
        info::<services::ServiceDisable>(),
        info::<accounts::AccountList>(),
        info::<accounts::AccountGet>(),
        info::<accounts::AccountCreate>(),
        info::<accounts::AccountSet>(),
        info::<accounts::AccountPasswd>(),
        info::<accounts::AccountSambaAdd>(),
        info::<accounts::AccountSambaRemove>(),
        info::<accounts::AccountDelete>(),
        info::<accounts::AccountAdopt>(),
        info::<accounts::GroupList>(),
        info::<accounts::GroupCreate>(),
        info::<accounts::GroupMembers>(),
        info::<accounts::GroupDelete>(),
        info::<accounts::GroupAdopt>(),
        info::<api_keys::ApiKeyList>(),
        info::<api_keys::ApiKeyCreate>(),
        info::<api_keys::ApiKeyDelete>(),
        info::<arrays::ArrayList>(),
        info::<arrays::ArrayGet>(),
        info::<arrays::ArrayCreate>(),
        info::<arrays::ArrayDelete>(),
        info::<arrays::ArrayStop>(),
        info::<arrays::ArrayAssemble>(),
        info::<arrays::ArrayScrub>(),
        info::<arrays::ArrayGrow>(),
        info::<arrays::ArraySet>(),
        info::<arrays::SpareMove>(),
        info::<arrays::MemberAdd>(),
        info::<arrays::MemberReAdd>(),
        info::<arrays::MemberFail>(),
        info::<arrays::MemberRemove>(),
        info::<arrays::MemberReplace>(),
        info::<arrays::PlanCreate>(),
        info::<arrays::RaidStatus>(),
        info::<audit::AuditList>(),
        info::<audit::AuditVerify>(),
        info::<audit::AuditExport>(),
        info::<auth::AuthLogin>(),
        info::<auth::AuthRefresh>(),
        info::<auth::AuthLogout>(),
        info::<auth::AuthMe>(),
        info::<auth::AuthPassword>(),
        info::<datasets::DatasetList>(),
        info::<datasets::DatasetGet>(),
        info::<datasets::DatasetCreate>(),
        info::<datasets::DatasetSet>(),
        info::<datasets::DatasetQuota>(),
        info::<datasets::DatasetRename>(),
        info::<datasets::DatasetDelete>(),
        info::<datasets::DatasetReplicate>(),
        info::<datasets::SnapshotList>(),
        info::<datasets::SnapshotCreate>(),
        info::<datasets::SnapshotDelete>(),
        info::<datasets::SnapshotClone>(),
        info::<datasets::SnapshotHold>(),
        info::<datasets::SnapshotRelease>(),
        info::<datasets::SnapshotMount>(),
        info::<datasets::SnapshotUnmount>(),
        info::<datasets::SnapshotPrune>(),
        info::<datasets::SnapshotRollback>(),
        info::<disks::DiskList>(),
        info::<disks::DiskGet>(),
        info::<disks::DiskConsequences>(),
        info::<disks::DiskWipe>(),
        info::<disks::DiskBurnIn>(),
        info::<disks::DiskLocate>(),
        info::<expected::ExpectedList>(),
        info::<expected::ExpectedAccept>(),
        info::<initramfs::InitramfsShow>(),
        info::<initramfs::InitramfsUpdate>(),
        info::<jobs::JobList>(),
        info::<jobs::JobGet>(),
        info::<jobs::JobLog>(),
        info::<jobs::JobCancel>(),
        info::<jobs::JobRetry>(),
        info::<pools::PoolList>(),
        info::<pools::PoolGet>(),
        info::<pools::PoolCreate>(),
        info::<pools::PoolImport>(),
        info::<pools::PoolMount>(),
        info::<pools::PoolUnmount>(),
        info::<pools::PoolExport>(),
        info::<pools::PoolDelete>(),
        info::<pools::PoolGrow>(),
        info::<pools::PoolCheck>(),
        info::<pools::PoolBalance>(),
        info::<pools::PoolDeviceAdd>(),
        info::<pools::PoolDeviceRemove>(),
        info::<pools::PoolDeviceReplace>(),
        info::<schedules::ScheduleList>(),
        info::<schedules::ScheduleGet>(),
        info::<schedules::ScheduleChange>(),
        info::<schedules::ScheduleToggle>(),
        info::<schedules::ScheduleRun>(),
        info::<schedules::ScheduleRetry>(),
        info::<schedules::ScheduleHistory>(),
        info::<schedules::ScheduleTimeline>(),
        info::<schedules::ScheduleSnapshots>(),
        info::<schedules::ScheduleReplica>(),
        info::<schedules::ScheduleDelete>(),
        info::<sessions::SessionList>(),
        info::<sessions::SessionRevoke>(),
        info::<sessions::UserSessionList>(),
        info::<sessions::UserSessionRevoke>(),
        info::<sessions::UserSessionRevokeAll>(),
        info::<shares::FaceList<shares::OfSmb>>(),
        info::<shares::FaceGet<shares::OfSmb>>(),
        info::<shares::FaceCreate<shares::OfSmb>>(),
        info::<shares::FaceSet<shares::OfSmb>>(),
        info::<shares::FaceReplace<shares::OfSmb>>(),
        info::<shares::FaceDelete<shares::OfSmb>>(),
        info::<shares::FaceList<shares::OfNfs>>(),
        info::<shares::FaceGet<shares::OfNfs>>(),
        info::<shares::FaceCreate<shares::OfNfs>>(),
        info::<shares::FaceSet<shares::OfNfs>>(),
        info::<shares::FaceReplace<shares::OfNfs>>(),
        info::<shares::FaceDelete<shares::OfNfs>>(),
        info::<shares::FaceList<shares::OfFtp>>(),
        info::<shares::FaceGet<shares::OfFtp>>(),
        info::<shares::FaceCreate<shares::OfFtp>>(),
        info::<shares::FaceSet<shares::OfFtp>>(),
        info::<shares::FaceReplace<shares::OfFtp>>(),
        info::<shares::FaceDelete<shares::OfFtp>>(),
        info::<shares::FaceList<shares::OfSftp>>(),
        info::<shares::FaceGet<shares::OfSftp>>(),
        info::<shares::FaceCreate<shares::OfSftp>>(),
        info::<shares::FaceSet<shares::OfSftp>>(),
        info::<shares::FaceReplace<shares::OfSftp>>(),
        info::<shares::FaceDelete<shares::OfSftp>>(),
        info::<shares::SettingsGet<shares::SmbSettingsOf>>(),
        info::<shares::SettingsSet<shares::SmbSettingsOf>>(),
        info::<shares::SettingsGet<shares::NfsSettingsOf>>(),
        info::<shares::SettingsSet<shares::NfsSettingsOf>>(),
        info::<shares::SettingsGet<shares::FtpSettingsOf>>(),
        info::<shares::SettingsGet<shares::DiscoverySettingsOf>>(),
        info::<shares::SettingsSet<shares::DiscoverySettingsOf>>(),
        info::<shares::SettingsSet<shares::FtpSettingsOf>>(),
        info::<shares::ShareList>(),
        info::<shares::ShareGet>(),
        info::<shares::ShareDelete>(),
        info::<shares::ShareStatus>(),
        info::<shares::ShareReconcile>(),
        info::<shares::ShareImport>(),
        info::<shares::GenerationList>(),
        info::<shares::GenerationRevert>(),
        info::<simulation::SimShow>(),
        info::<simulation::SimFault>(),
        info::<simulation::SimAdvance>(),
        info::<system::EventStream>(),
        info::<system::HealthBasic>(),
        info::<system::HealthLive>(),
        info::<system::HealthReady>(),
        info::<system::HealthDetailed>(),
        info::<system::SystemInfo>(),
        info::<targets::TargetList>(),
        info::<targets::TargetGet>(),
        info::<targets::TargetAdd>(),
        info::<targets::TargetCheck>(),
        info::<targets::TargetRemove>(),
        info::<totp::TotpEnrol>(),
        info::<totp::TotpConfirm>(),
        info::<totp::TotpDisable>(),
        info::<totp::UserTotpReset>(),
        info::<users::UserList>(),
        info::<users::UserGet>(),
        info::<users::UserCreate>(),
        info::<users::UserChange>(),
        info::<users::UserDelete>(),
        info::<users::UserPasswd>(),
    ];
    all.sort_by_key(|it| it.name);
    all
}
