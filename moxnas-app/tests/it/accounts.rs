//! Users and groups of the machine through the service: one operation changes all databases.

use std::sync::Arc;

use moxnas_app::{
    App, Error,
    ops::{
        accounts::{
            AccountCreate, AccountDelete, AccountGet, AccountList, AccountPasswd, AccountSet,
            GroupCreate, GroupMembers,
        },
        shares::{FaceCreate, OfSmb},
    },
};
use moxnas_core::sim::Fault;
use moxnas_pool::model::Filesystem;
use moxnas_shares::{
    accounts::{
        Secret,
        model::{Account, Standing},
        plan::{ChangeUser, CreateUser, Database},
        sim::SimAccounts,
    },
    model::Smb,
};

use crate::{
    expected::make,
    jobs::{Box_, actor},
    wishes,
};

const PASSWORD: &str = "correct horse battery";

/// A box, and the databases of its users to try passwords at.
async fn with_accounts() -> (Box_, Arc<SimAccounts>) {
    let mut box_ = Box_::with_arrays(&["tank"]).await;
    let accounts = Arc::new(SimAccounts::new(Arc::clone(&box_.sim)));
    box_.machine.accounts = Arc::clone(&accounts) as _;
    box_.restart().await;
    (box_, accounts)
}

pub(crate) fn create(name: &str) -> AccountCreate {
    AccountCreate {
        wish: CreateUser {
            password: Some(Secret::new(PASSWORD)),
            samba: true,
            ..CreateUser::new(name.parse().unwrap())
        },
        user: name.to_owned(),
    }
}

fn set(name: &str) -> AccountSet {
    AccountSet {
        user: name.to_owned(),
        change: ChangeUser::default(),
        enabled: None,
        expires: None,
        must_change: false,
    }
}

async fn account(app: &Arc<App>, name: &str) -> Result<Account, Error> {
    let user = name.to_owned();
    let view = app.call(&actor(), AccountGet { user }).await?;
    Ok(view.account)
}

#[tokio::test]
async fn a_user_is_let_in_everywhere_or_nowhere() {
    let (box_, accounts) = with_accounts().await;
    let lets_in = |password: &str| {
        [Database::SYSTEM, Database::Samba].map(|it| accounts.lets_in(it, "alice", password))
    };
    make(&box_.app, create("alice")).await.unwrap();
    assert_eq!(lets_in(PASSWORD), [true, true]);
    let passwd = AccountPasswd {
        user: "alice".to_owned(),
        password: Secret::new("another long word"),
        must_change: false,
    };
    make(&box_.app, passwd).await.unwrap();
    assert_eq!(lets_in(PASSWORD), [false, false]);
    assert_eq!(lets_in("another long word"), [true, true]);
    let enabled = |enabled| AccountSet {
        enabled: Some(enabled),
        ..set("alice")
    };
    make(&box_.app, enabled(false)).await.unwrap();
    assert_eq!(lets_in("another long word"), [false, false]);
    let seen = account(&box_.app, "alice").await.unwrap();
    assert_eq!(seen.standing(), Standing::Disabled);
    make(&box_.app, enabled(true)).await.unwrap();
    assert_eq!(lets_in("another long word"), [true, true]);
}

/// Whatever step fails, the same again ends it, and nobody is let in meanwhile.
#[tokio::test]
async fn what_stops_half_way_goes_on() {
    let steps = {
        let (box_, _) = with_accounts().await;
        let plan = box_.app.plan(&actor(), &create("alice")).await.unwrap();
        plan.steps.into_iter().map(|it| it.what).collect::<Vec<_>>()
    };
    assert!(steps.len() > 5, "{steps:?}");
    for matching in steps {
        let (box_, accounts) = with_accounts().await;
        box_.sim.inject(Fault::StepFails {
            matching: matching.clone(),
        });
        let stopped = make(&box_.app, create("alice")).await.unwrap_err();
        assert_eq!(stopped.code(), "step_failed", "{matching}: {stopped}");
        let is_last = matching.contains("is there") && matching.contains("user");
        assert!(
            is_last || !accounts.lets_in(Database::SYSTEM, "alice", PASSWORD),
            "{matching}"
        );
        make(&box_.app, create("alice")).await.unwrap();
        assert!(accounts.lets_in(Database::Samba, "alice", PASSWORD));
        let seen = account(&box_.app, "alice").await.unwrap();
        assert_eq!(seen.standing(), Standing::Enabled, "{matching}");
    }
}

#[tokio::test]
async fn no_password_is_written_down() {
    let (box_, _) = with_accounts().await;
    let plan = box_.app.plan(&actor(), &create("alice")).await.unwrap();
    assert!(!format!("{plan:?}").contains(PASSWORD));
    make(&box_.app, create("alice")).await.unwrap();
    let records = box_.app.store.audit(0, 1000).await.unwrap();
    assert!(records.len() > 2);
    assert!(!format!("{records:?}").contains(PASSWORD));
}

#[tokio::test]
async fn whoever_is_deleted_is_told_of_where_a_share_names_them() {
    let (box_, _) = with_accounts().await;
    make(&box_.app, create("alice")).await.unwrap();
    make(&box_.app, wishes::pool("data", "tank", Filesystem::Btrfs))
        .await
        .unwrap();
    make(&box_.app, wishes::dataset("data", "photos"))
        .await
        .unwrap();
    let share = FaceCreate::<OfSmb> {
        name: "photos".parse().unwrap(),
        path: Some("/srv/data/photos".parse().unwrap()),
        description: None,
        enabled: None,
        face: Smb {
            valid_users: vec!["alice".parse().unwrap()],
            ..Smb::default()
        },
    };
    make(&box_.app, share).await.unwrap();
    let user = "alice".to_owned();
    let delete = AccountDelete { user };
    let plan = box_.app.plan(&actor(), &delete).await.unwrap();
    assert_eq!(plan.warnings[1], "share photos still names alice");
    make(&box_.app, delete).await.unwrap();
    let gone = account(&box_.app, "alice").await.unwrap_err();
    assert_eq!(gone.code(), "not_found");
    // The number is nobody's for ever.
    make(&box_.app, create("bob")).await.unwrap();
    let bob = account(&box_.app, "bob").await.unwrap();
    assert_eq!(bob.uid, 3001);
}

#[tokio::test]
async fn groups_have_members() {
    let (box_, _) = with_accounts().await;
    make(&box_.app, create("alice")).await.unwrap();
    let name = "family".parse().unwrap();
    make(&box_.app, GroupCreate { name, gid: None })
        .await
        .unwrap();
    let members = |add: &[&str], remove: &[&str]| GroupMembers {
        group: "family".to_owned(),
        add: add.iter().map(ToString::to_string).collect(),
        remove: remove.iter().map(ToString::to_string).collect(),
    };
    make(&box_.app, members(&["alice"], &[])).await.unwrap();
    let seen = account(&box_.app, "alice").await.unwrap();
    assert_eq!(seen.groups, ["family".parse().unwrap()]);
    make(&box_.app, members(&[], &["alice"])).await.unwrap();
    let seen = account(&box_.app, "alice").await.unwrap();
    assert_eq!(seen.groups, []);
    let all = box_.app.call(&actor(), AccountList).await.unwrap();
    assert_eq!(all.asked.said.unwrap().errors, Vec::<String>::new());
}
