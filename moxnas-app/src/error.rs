//! Why an operation did not do what was asked. The one type that frontends need.

mod kinds;

use std::time::Duration;

use moxnas_core::{disk::ResolveError, lock::LockError, names::BadName, plan::Stopped};
use moxnas_pool::{
    self as pool,
    dataset::BadAttribute,
    model::{Filesystem, PoolName},
    remote::RemoteError,
};
use moxnas_raid::{self as raid, Refusal};
use moxnas_shares::{accounts, plan::NoPlan, services, sessions};

use crate::{
    actor::Role,
    audit::AuditError,
    auth::AuthError,
    disk_plan::DiskRefusal,
    machine::{AppStep, ApplyError},
    report::PlanReport,
    scenario::ScenarioError,
    schedules::{RuleError, ScheduleRefusal},
    sharing::ShareError,
    store::{JobState, StoreError},
    targets::TargetError,
};

/// Why an operation did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No credential.
    #[error("a login is required")]
    Unauthenticated,
    /// The role is too low.
    #[error("{actor} may not do this: it needs the role {needs}")]
    Forbidden {
        /// Who asked.
        actor: String,
        /// What it takes.
        needs: Role,
    },
    /// The API key is not for this.
    #[error("the API key {key} does not cover {operation}: its scopes are {scopes}")]
    ScopeMissing {
        /// What its owner calls it.
        key: String,
        /// What it was used for.
        operation: &'static str,
        /// What it covers.
        scopes: String,
    },
    /// No API key is for this.
    #[error("the API key {key} may not do this: {operation} takes a login with a password")]
    KeyMayNot {
        /// What its owner calls it.
        key: String,
        /// What it was used for.
        operation: &'static str,
    },
    /// It is about the caller's own login, and there is none.
    #[error("{0} is no login: this is about one's own login")]
    NoLogin(String),
    /// It is done on the machine itself.
    #[error("{0}")]
    OnTheMachine(&'static str),
    /// A credential was not taken.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// Something in the request cannot be.
    #[error("{0}")]
    Invalid(String),
    /// A name cannot be used.
    #[error(transparent)]
    Name(#[from] BadName),
    /// What is said of a folder cannot be.
    #[error(transparent)]
    Attribute(#[from] BadAttribute),
    /// A device was not found, or not clearly.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The planner said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The planner of single disks said no.
    #[error(transparent)]
    Disk(#[from] DiskRefusal),
    /// The planner of pools said no.
    #[error(transparent)]
    Pool(#[from] pool::plan::Refusal),
    /// The array that a pool was to be made on is there already, and something is on it.
    #[error("array {array} is there already, and holds: {content}")]
    ArrayNotEmpty {
        /// The array.
        array: String,
        /// What is on it.
        content: String,
        /// The pool.
        pool: PoolName,
        /// What was to be made.
        filesystem: Filesystem,
    },
    /// A job goes over it.
    #[error("job {job} works on pool {pool} and is not over")]
    PoolWorkedOn {
        /// The pool.
        pool: String,
        /// The job.
        job: String,
    },
    /// There is no such thing.
    #[error("there is no {what} {name}")]
    NotFound {
        /// What sort of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The plan has to be looked at and confirmed.
    #[error("this has to be confirmed: {}", .0.summary())]
    ConfirmationRequired(Box<PlanReport>),
    /// The confirmed plan is not the plan any more.
    #[error("the machine changed since you looked: the plan is another one now")]
    PlanChanged(Box<PlanReport>),
    /// The configuration is not what the caller believes.
    #[error("{0} was changed since it was read")]
    Stale(String),
    /// The machine could not be looked at.
    #[error("the machine could not be read")]
    Observe(#[source] raid::BackendError),
    /// The pools could not be looked at.
    #[error("the pools could not be read")]
    ObservePools(#[source] pool::backend::BackendError),
    /// A step failed.
    #[error("the change was started and did not finish")]
    Stopped(#[from] Box<Stopped<AppStep, ApplyError>>),
    /// A step failed, and those before it were undone.
    #[error("the change was not made, and everything is as it was")]
    Undone(#[source] Box<Stopped<AppStep, ApplyError>>),
    /// All steps said that they worked, and the machine is not as it should be.
    #[error("the steps were done, but the machine does not show it: {0}")]
    NotVerified(String),
    /// This process may not change the machine.
    #[error("this process may not change the machine")]
    ReadOnly(#[source] ReadOnly),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A schedule cannot be as it was wished.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// A schedule was not made, or cannot run.
    #[error(transparent)]
    Schedule(#[from] ScheduleRefusal),
    /// There is nothing to end.
    #[error("job {job} is over: {state}")]
    JobIsOver {
        /// The job.
        job: String,
        /// How it ended.
        state: JobState,
    },
    /// There is nothing to repeat.
    #[error("job {job} did not fail: {state}")]
    JobIsNotFailed {
        /// The job.
        job: String,
        /// Where it stands.
        state: JobState,
    },
    /// It has begun something that nothing ends.
    #[error("job {job} cannot be stopped: {why}")]
    JobCannotStop {
        /// The job.
        job: String,
        /// What it has begun.
        why: String,
    },
    /// The audit log could not be kept or verified.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// What is meant is not offered.
    #[error(transparent)]
    Shares(#[from] NoPlan),
    /// Something about a share is not done.
    #[error(transparent)]
    Share(#[from] ShareError),
    /// What is offered could not be looked at.
    #[error("what is shared cannot be told: {0}")]
    NotTold(String),
    /// Users and groups could not be looked at.
    #[error("the users and groups cannot be told: {0}")]
    PeopleNotTold(String),
    /// Services could not be looked at.
    #[error("the services cannot be told: {0}")]
    ServicesNotTold(String),
    /// Sessions could not be looked at.
    #[error("who is connected cannot be told: {0}")]
    SessionsNotTold(String),
    /// Something about a service is not done.
    #[error(transparent)]
    Service(#[from] services::Refusal),
    /// Something about a session is not done.
    #[error(transparent)]
    Session(#[from] sessions::Refusal),
    /// It cannot work on this machine.
    #[error("this cannot work here: {reason}")]
    Impossible {
        /// Why.
        reason: String,
        /// What would help.
        remedy: Option<String>,
    },
    /// Something about users and groups is not done.
    #[error(transparent)]
    Account(#[from] accounts::Refusal),
    /// Another machine did not do its part.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// Something about a target is not done.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Only in a simulated service.
    #[error("this machine is not simulated")]
    NotSimulated,
    /// The simulated machine has no such disk.
    #[error(transparent)]
    Simulated(#[from] moxnas_core::sim::NoSuchDisk),
    /// The scenario is not one.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// Our bug.
    #[error("the operation ended without an answer")]
    Bug(#[source] tokio::task::JoinError),
}

/// Why this process may not change the machine.
#[derive(Debug, thiserror::Error)]
pub enum ReadOnly {
    /// Another one does.
    #[error("the MoxNAS service on {socket} does")]
    ServiceRuns {
        /// Where it listens.
        socket: String,
    },
    /// It is not run by root.
    #[error("it is not run by root")]
    NotRoot,
    /// The lock could not be taken.
    #[error(transparent)]
    Lock(#[from] LockError),
}

/// What sort of failure. Frontends turn it into statuses and exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Not understood, or not valid by itself.
    Invalid,
    /// Nobody knows who asks.
    Unauthenticated,
    /// The caller may not.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// The state of the machine forbids it.
    Conflict,
    /// It is not what the caller read.
    Stale,
    /// The plan has to be confirmed.
    NeedsConfirmation,
    /// Too many tries.
    TooMany,
    /// The machine cannot now.
    Unavailable,
    /// Our bug.
    Internal,
}

impl Error {
    /// What sort of failure it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Error::Unauthenticated => Kind::Unauthenticated,
            Error::Forbidden { .. } | Error::ScopeMissing { .. } | Error::KeyMayNot { .. } => {
                Kind::Forbidden
            }
            Error::NoLogin(_) | Error::OnTheMachine(_) => Kind::Invalid,
            Error::Auth(err) => err.kind(),
            Error::Invalid(_)
            | Error::Name(_)
            | Error::Attribute(_)
            | Error::Scenario(_)
            | Error::Rule(_) => Kind::Invalid,
            Error::Schedule(ScheduleRefusal::DoesNothing) => Kind::Invalid,
            Error::Schedule(_) => Kind::Conflict,
            Error::Resolve(ResolveError::Unknown(_)) => Kind::Invalid,
            Error::Resolve(ResolveError::Ambiguous { .. }) => Kind::Conflict,
            Error::Refused(refusal) => kinds::refusal_kind(refusal),
            Error::Disk(DiskRefusal::NotUsable(refusal)) => kinds::refusal_kind(refusal),
            Error::Disk(refusal) if refusal.is_invalid() => Kind::Invalid,
            Error::Pool(refusal) => kinds::pool_refusal_kind(refusal),
            Error::Shares(why) => kinds::no_shares_kind(why),
            Error::Share(err) => err.kind(),
            Error::Account(refusal) => kinds::account_kind(refusal),
            Error::Service(services::Refusal::Unknown(_))
            | Error::Session(sessions::Refusal::NotFound(_)) => Kind::NotFound,
            Error::Service(_) | Error::Impossible { .. } => Kind::Conflict,
            Error::NotFound { .. } | Error::Simulated(_) => Kind::NotFound,
            Error::ConfirmationRequired(_) => Kind::NeedsConfirmation,
            Error::PlanChanged(_)
            | Error::NotSimulated
            | Error::ReadOnly(_)
            | Error::JobIsOver { .. }
            | Error::JobIsNotFailed { .. }
            | Error::JobCannotStop { .. }
            | Error::ArrayNotEmpty { .. }
            | Error::PoolWorkedOn { .. }
            | Error::Disk(_) => Kind::Conflict,
            Error::Stale(_) => Kind::Stale,
            Error::Target(TargetError::NoPool) => Kind::Invalid,
            Error::Target(TargetError::File(_) | TargetError::Damaged(_)) => Kind::Internal,
            // What stands against it is not on this machine, and not of this moment.
            Error::Target(_) | Error::Remote(_) => Kind::Conflict,
            Error::Observe(_)
            | Error::ObservePools(_)
            | Error::Stopped(_)
            | Error::Undone(_)
            | Error::NotTold(_)
            | Error::PeopleNotTold(_)
            | Error::ServicesNotTold(_)
            | Error::SessionsNotTold(_)
            | Error::NotVerified(_) => Kind::Unavailable,
            Error::Store(StoreError::NameTaken(_) | StoreError::Held { .. }) => Kind::Conflict,
            Error::Audit(_) | Error::Store(_) | Error::Bug(_) => Kind::Internal,
        }
    }

    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Error::Unauthenticated => "unauthenticated",
            Error::Forbidden { .. } => "forbidden",
            Error::ScopeMissing { .. } => "scope_missing",
            Error::KeyMayNot { .. } => "key_may_not",
            Error::NoLogin(_) => "no_login",
            Error::OnTheMachine(_) => "on_the_machine",
            Error::Auth(err) => err.code(),
            Error::Invalid(_) | Error::Name(_) => "invalid_request",
            Error::Attribute(_) => "attribute_invalid",
            Error::Rule(_) => "schedule_invalid",
            Error::Schedule(refusal) => refusal.code(),
            Error::Resolve(ResolveError::Unknown(_)) => "device_not_found",
            Error::Resolve(ResolveError::Ambiguous { .. }) => "device_ambiguous",
            Error::Refused(refusal) => refusal.code(),
            Error::Disk(refusal) => refusal.code(),
            Error::Pool(refusal) => refusal.code(),
            Error::ArrayNotEmpty { .. } => "array_not_empty",
            Error::PoolWorkedOn { .. } => "pool_worked_on",
            Error::NotFound { .. } | Error::Simulated(_) => "not_found",
            Error::ConfirmationRequired(_) => "confirmation_required",
            Error::PlanChanged(_) => "plan_changed",
            Error::Stale(_) => "precondition_failed",
            Error::Observe(_)
            | Error::ObservePools(_)
            | Error::NotTold(_)
            | Error::PeopleNotTold(_)
            | Error::ServicesNotTold(_)
            | Error::SessionsNotTold(_) => "machine_unreadable",
            Error::Stopped(_) => "step_failed",
            Error::Undone(_) => "change_undone",
            Error::Shares(why) => why.code(),
            Error::Share(err) => err.code(),
            Error::Account(refusal) => refusal.code(),
            Error::Service(refusal) => refusal.code(),
            Error::Session(refusal) => refusal.code(),
            Error::Impossible { .. } => "impossible_here",
            Error::NotVerified(_) => "not_verified",
            Error::ReadOnly(_) => "read_only",
            Error::Store(StoreError::NameTaken(_)) => "login_name_taken",
            Error::Store(StoreError::Held { .. }) => "job_running",
            Error::Audit(_) => "audit",
            Error::Store(_) => "database",
            Error::Remote(err) => err.code(),
            Error::Target(err) => err.code(),
            Error::NotSimulated => "not_simulated",
            Error::JobIsOver { .. } => "job_is_over",
            Error::JobIsNotFailed { .. } => "job_is_not_failed",
            Error::JobCannotStop { .. } => "job_cannot_stop",
            Error::Scenario(_) => "bad_scenario",
            Error::Bug(_) => "internal",
        }
    }

    /// What the caller can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Error::Unauthenticated => "log in at POST /api/auth/login, or with `moxnas login`",
            Error::ScopeMissing { .. } => {
                "make a key with a scope that covers it: `moxnas key create`"
            }
            Error::KeyMayNot { .. } => "log in: POST /api/auth/login, or `moxnas login`",
            Error::NoLogin(_) => "log in, or name the login: `moxnas user --help`",
            Error::Auth(err) => return err.hint().map(str::to_owned),
            Error::Attribute(_) => "`moxnas dataset set --help` says what can be said of a dataset",
            Error::Resolve(_) => "`moxnas disk list` shows the devices",
            Error::Refused(refusal) => return refusal.hint(),
            Error::Disk(refusal) => return refusal.hint(),
            Error::Pool(refusal) => return refusal.hint(),
            Error::Shares(why) => return why.hint(),
            Error::Share(err) => return Some(err.hint()),
            Error::Account(refusal) => return refusal.hint(),
            Error::Service(refusal) => return Some(refusal.hint()),
            Error::Session(refusal) => return Some(refusal.hint()),
            Error::Impossible { remedy, .. } => return remedy.clone(),
            Error::Undone(stopped) => return stopped.cause.hint(),
            Error::Schedule(refusal) => return Some(refusal.hint()),
            Error::Rule(RuleError::Calendar { cause, .. }) => return Some(cause.hint()),
            Error::Rule(RuleError::Zone(_)) => "names are those of IANA, such as Europe/Berlin",
            Error::ConfirmationRequired(_) | Error::PlanChanged(_) => {
                "look at the plan, and send its fingerprint as X-Confirm-Plan if you agree"
            }
            Error::Stale(_) => "read it again, and send its new ETag as If-Match",
            Error::Observe(err) => return err.hint(),
            Error::ObservePools(err) => return err.hint(),
            Error::Stopped(stopped) => {
                let again = match (&stopped.step, &stopped.cause) {
                    (_, ApplyError::NewArray(_)) => None,
                    (AppStep::OnNewArray(it), _) => Some(format!(
                        "array {} stays: the same command goes on with it, or says how",
                        it.array.name
                    )),
                    _ => None,
                };
                let hints: Vec<String> = stopped.cause.hint().into_iter().chain(again).collect();
                match hints.is_empty() {
                    true => "look at the machine and plan again: what was done stays done",
                    false => return Some(hints.join("; ")),
                }
            }
            Error::ArrayNotEmpty {
                array,
                pool,
                filesystem,
                ..
            } => {
                return Some(format!(
                    "`moxnas pool import {pool} --device {array}` keeps what is on it, `moxnas pool \
                     create {pool} --device {array} --fs {filesystem}` does not"
                ));
            }
            Error::PoolWorkedOn { job, .. } => {
                return Some(format!(
                    "wait for it, or end it with `moxnas job cancel {job}`"
                ));
            }
            Error::NotVerified(_) => "look at the machine and plan again",
            Error::ReadOnly(ReadOnly::ServiceRuns { .. }) => {
                "leave out --local, so that the command goes through the service"
            }
            Error::ReadOnly(ReadOnly::NotRoot) => "run it as root",
            Error::ReadOnly(ReadOnly::Lock(_)) => "wait until the other process is done",
            Error::Remote(err) => return err.hint(),
            Error::Target(err) => return Some(err.hint()),
            Error::NotSimulated => "start the service with --sim",
            Error::Store(StoreError::Held { holder, .. }) => {
                return Some(format!(
                    "wait for it, or end it with `moxnas job cancel {holder}`"
                ));
            }
            _ => return None,
        };
        Some(text.to_owned())
    }

    /// When to try again.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Error::Auth(AuthError::TooManyAttempts { retry_after }) => Some(*retry_after),
            _ => None,
        }
    }

    /// The plan that the caller has to see.
    #[must_use]
    pub fn plan(&self) -> Option<&PlanReport> {
        match self {
            Error::ConfirmationRequired(plan) | Error::PlanChanged(plan) => Some(plan),
            _ => None,
        }
    }
}
