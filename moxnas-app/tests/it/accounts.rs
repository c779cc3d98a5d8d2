//! Users and groups of the machine through the service: one operation changes all databases.

use std::sync::Arc;

use moxnas_app::{
    App, Error,
    ops::{
        accounts::{
            AccountCreate, AccountDelete, AccountGet, AccountList, AccountPasswd, AccountSet,
            GroupCreate, GroupMembers, HomeDataset,
        },
        datasets::DatasetGet,
        shares::{FaceCreate, OfSmb},
    },
};
use moxnas_core::{sim::Fault, units::Bytes};
use moxnas_pool::{dataset::Dataset, model::Filesystem};
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

async fn with_pool() -> (Box_, Arc<SimAccounts>) {
    let (box_, accounts) = with_accounts().await;
    let pool = wishes::pool("data", "tank", Filesystem::Btrfs);
    make(&box_.app, pool).await.unwrap();
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
        home: None,
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
    let (box_, _) = with_pool().await;
    make(&box_.app, create("alice")).await.unwrap();
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

/// As [`create`], with a dataset of the pool `data` as the home.
fn at_home(name: &str, dataset: &str) -> AccountCreate {
    AccountCreate {
        home: Some(HomeDataset {
            pool: "data".to_owned(),
            name: dataset.parse().unwrap(),
            quota: Some(Bytes(1 << 20)),
        }),
        ..create(name)
    }
}

async fn dataset(app: &Arc<App>, name: &str) -> Result<Dataset, Error> {
    let (pool, dataset) = ("data".to_owned(), name.to_owned());
    let view = app.call(&actor(), DatasetGet { pool, dataset }).await?;
    Ok(view.dataset)
}

#[tokio::test]
async fn a_home_is_a_dataset_of_the_user_alone() {
    let (box_, _) = with_pool().await;
    make(&box_.app, at_home("alice", "alice")).await.unwrap();
    let alice = account(&box_.app, "alice").await.unwrap();
    assert_eq!(alice.home, "/srv/data/alice");
    let home = dataset(&box_.app, "alice").await.unwrap();
    assert_eq!(home.quota, Some(Bytes(1 << 20)));
    let folder = home.folder.unwrap();
    assert_eq!(
        (folder.owner.user.id, folder.owner.group.id),
        (alice.uid, alice.gid)
    );
    assert_eq!(folder.access.mode(), 0o700);
    // What is there already is somebody's: nothing is begun, and nothing changes hands.
    let refused = make(&box_.app, at_home("bob", "alice")).await.unwrap_err();
    assert_eq!(refused.code(), "dataset_name_taken", "{refused}");
    assert!(account(&box_.app, "bob").await.is_err());
    let home = dataset(&box_.app, "alice").await.unwrap();
    assert_eq!(home.folder.unwrap().owner.user.id, alice.uid);
    // A home is one thing or the other.
    let mut both = at_home("bob", "bob");
    both.wish.home = Some("/srv/data/other".parse().unwrap());
    let refused = make(&box_.app, both).await.unwrap_err();
    assert_eq!(refused.code(), "bad_home", "{refused}");
}

/// Whatever step fails, the same again ends it, and nobody is let in meanwhile.
#[tokio::test]
async fn a_home_that_stops_half_way_goes_on() {
    let steps = {
        let (box_, _) = with_pool().await;
        let wish = at_home("alice", "alice");
        let plan = box_.app.plan(&actor(), &wish).await.unwrap();
        plan.steps.into_iter().map(|it| it.what).collect::<Vec<_>>()
    };
    let of_home = steps.iter().filter(|it| it.contains("in pool data"));
    assert!(of_home.count() == 5, "{steps:#?}");
    for matching in steps {
        let (box_, accounts) = with_pool().await;
        box_.sim.inject(Fault::StepFails {
            matching: matching.clone(),
        });
        let wish = || at_home("alice", "alice");
        let stopped = make(&box_.app, wish()).await.unwrap_err();
        assert_eq!(stopped.code(), "step_failed", "{matching}: {stopped}");
        let is_last = matching.starts_with("write down that user") && matching.ends_with("there");
        let is_in = accounts.lets_in(Database::SYSTEM, "alice", PASSWORD);
        assert_eq!(is_in, is_last, "{matching}");
        make(&box_.app, wish()).await.unwrap();
        let alice = account(&box_.app, "alice").await.unwrap();
        assert_eq!(alice.standing(), Standing::Enabled, "{matching}");
        let folder = dataset(&box_.app, "alice").await.unwrap().folder.unwrap();
        assert_eq!(
            (folder.owner.user.id, folder.access.mode()),
            (alice.uid, 0o700)
        );
    }
}
