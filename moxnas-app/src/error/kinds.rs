//! What sort of failure a refusal is.

use moxnas_pool as pool;
use moxnas_raid::Refusal;
use moxnas_shares::{accounts, plan::NoPlan};

use super::Kind;

/// What is wrong with the wish alone is invalid; what the machine says against it is a conflict.
pub(super) fn refusal_kind(refusal: &Refusal) -> Kind {
    match refusal {
        Refusal::LevelNotMade(_)
        | Refusal::TooFewMembers { .. }
        | Refusal::Twice(_)
        | Refusal::SparesUseless(_)
        | Refusal::BadChunk { .. }
        | Refusal::OptionUnfit { .. }
        | Refusal::NotNamed(_)
        | Refusal::BadSpeed { .. }
        | Refusal::TooManyDevices { .. }
        | Refusal::NoSuchDevice(_) => Kind::Invalid,
        Refusal::NoSuchArray(_) | Refusal::NoSuchMember { .. } | Refusal::NothingToAssemble(_) => {
            Kind::NotFound
        }
        Refusal::NameTaken(_)
        | Refusal::NotUnique { .. }
        | Refusal::Unidentified(_)
        | Refusal::ReadOnly(_)
        | Refusal::SystemDisk { .. }
        | Refusal::InUse { .. }
        | Refusal::MemberOf { .. }
        | Refusal::StandsOnArray { .. }
        | Refusal::TooSmall { .. }
        | Refusal::NoIdentity { .. }
        | Refusal::ForeignMetadata { .. }
        | Refusal::MemberActive { .. }
        | Refusal::AlreadyFaulty { .. }
        | Refusal::WouldLoseData { .. }
        | Refusal::NotRedundant { .. }
        | Refusal::NotStarted(_)
        | Refusal::AlreadyStarted(_)
        | Refusal::Busy { .. }
        | Refusal::Degraded { .. }
        | Refusal::NoScrub(_)
        | Refusal::NoSpare(_)
        | Refusal::NoSpareHasToMove
        | Refusal::NoInitramfs
        | Refusal::InitramfsNotKnown(_)
        | Refusal::ArrayReadOnly(_)
        | Refusal::Paused(_)
        | Refusal::CannotGrow { .. }
        | Refusal::WouldShrink(_)
        | Refusal::MembersLeft { .. }
        | Refusal::TooFewSpares { .. }
        | Refusal::WouldFill { .. }
        | Refusal::NotTakenBack { .. }
        | Refusal::NotInOurConf(_)
        | Refusal::ArrayInUse { .. } => Kind::Conflict,
    }
}

pub(super) fn pool_refusal_kind(refusal: &pool::plan::Refusal) -> Kind {
    use pool::{dataset, directory, plan::Refusal};
    match refusal {
        Refusal::NoSuchDevice(_) | Refusal::BadOption { .. } => Kind::Invalid,
        Refusal::NoSuchPool(_)
        | Refusal::Inside(
            dataset::Refusal::NoSuchDataset { .. } | dataset::Refusal::NoSuchSnapshot { .. },
        ) => Kind::NotFound,
        Refusal::Inside(dataset::Refusal::NoSuchAccount { .. }) => Kind::Invalid,
        Refusal::Inside(
            dataset::Refusal::NotKnown { .. } | dataset::Refusal::AccountNotKnown { .. },
        )
        | Refusal::Directory(directory::Refusal::NotKnown { .. }) => Kind::Unavailable,
        Refusal::Inside(_) | Refusal::Replica(_) | Refusal::Devices(_) | Refusal::Directory(_) => {
            Kind::Conflict
        }
        Refusal::NameTaken { .. }
        | Refusal::Damaged { .. }
        | Refusal::CheckNeedsUnmount { .. }
        | Refusal::NoSafeRepair(_)
        | Refusal::PlaceTaken { .. }
        | Refusal::NotUnique { .. }
        | Refusal::SystemDisk { .. }
        | Refusal::InUse { .. }
        | Refusal::Unidentified(_)
        | Refusal::ReadOnly(_)
        | Refusal::TooSmall { .. }
        | Refusal::NoFilesystem { .. }
        | Refusal::IsPool { .. }
        | Refusal::Cloned { .. }
        | Refusal::DeviceMissing { .. }
        | Refusal::Confused { .. }
        | Refusal::MountedElsewhere { .. } => Kind::Conflict,
    }
}

pub(super) fn no_shares_kind(why: &NoPlan) -> Kind {
    match why {
        // What is meant contradicts itself, or something else that is meant.
        NoPlan::Refused(_)
        | NoPlan::NotInstalled(_)
        | NoPlan::NotOurs(_)
        | NoPlan::NoMainFile(_) => Kind::Conflict,
        NoPlan::NoGeneration(_) => Kind::NotFound,
        NoPlan::Render(_) => Kind::Internal,
    }
}

pub(super) fn account_kind(refusal: &accounts::Refusal) -> Kind {
    match refusal {
        accounts::Refusal::NotFound { .. } => Kind::NotFound,
        _ => Kind::Conflict,
    }
}
