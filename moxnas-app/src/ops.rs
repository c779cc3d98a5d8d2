//! The operations, one noun a file.

/// Name, role and answer of an operation.
macro_rules! operation {
    ($type:ty, $name:literal, $needs:expr, $output:ty $(, $object:ident)?) => {
        impl Operation for $type {
            const NAME: &'static str = $name;
            const NEEDS: Option<Role> = $needs;
            type Output = $output;
            $(fn object(&self) -> Option<String> {
                Some(self.$object.to_string())
            })?
        }
    };
}

pub mod arrays;
pub mod audit;
pub mod auth;
pub mod disks;
pub mod jobs;
pub mod schedules;
pub mod simulation;
pub mod system;

use crate::{actor::Role, operation::Operation};

/// What is known of an operation without calling it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperationInfo {
    /// Its name: the operation id in the OpenAPI document, the verb in the audit log.
    pub name: &'static str,
    /// The lowest role that may; `None`: no login is needed.
    pub needs: Option<Role>,
}

fn info<O: Operation>() -> OperationInfo {
    OperationInfo {
        name: O::NAME,
        needs: O::NEEDS,
    }
}

/// All operations, by name. Frontends are tested against this list.
#[must_use]
pub fn all() -> Vec<OperationInfo> {
    let mut all = vec![
        info::<arrays::ArrayList>(),
        info::<arrays::ArrayGet>(),
        info::<arrays::ArrayCreate>(),
        info::<arrays::ArrayDelete>(),
        info::<arrays::ArrayStop>(),
        info::<arrays::ArrayAssemble>(),
        info::<arrays::ArrayScrub>(),
        info::<arrays::MemberAdd>(),
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
        info::<auth::UserPasswd>(),
        info::<disks::DiskList>(),
        info::<disks::DiskGet>(),
        info::<jobs::JobList>(),
        info::<jobs::JobGet>(),
        info::<jobs::JobLog>(),
        info::<jobs::JobCancel>(),
        info::<jobs::JobRetry>(),
        info::<schedules::ScheduleList>(),
        info::<schedules::ScheduleGet>(),
        info::<schedules::ScheduleChange>(),
        info::<schedules::ScheduleToggle>(),
        info::<schedules::ScheduleRun>(),
        info::<schedules::ScheduleRetry>(),
        info::<schedules::ScheduleHistory>(),
        info::<schedules::ScheduleTimeline>(),
        info::<simulation::SimShow>(),
        info::<simulation::SimFault>(),
        info::<simulation::SimAdvance>(),
        info::<system::EventStream>(),
        info::<system::HealthBasic>(),
        info::<system::HealthLive>(),
        info::<system::HealthReady>(),
        info::<system::HealthDetailed>(),
        info::<system::SystemInfo>(),
    ];
    all.sort_by_key(|it| it.name);
    all
}
