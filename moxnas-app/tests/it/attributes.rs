//! What is said of the folders of datasets, through the one way in.

use std::sync::Arc;

use moxnas_app::{
    App, Error, Kind,
    operation::Terms,
    ops::{
        datasets::{DatasetCreate, DatasetList, DatasetSet, DatasetView},
        system::{HealthDetailed, Status},
    },
};
use moxnas_core::{sim::Fault, units::Bytes};
use moxnas_pool::{
    dataset::{Attributes, Who},
    model::Filesystem,
};

use crate::{
    expected::make,
    jobs::{Box_, actor},
    wishes,
};

const MB: u64 = 1_000_000;

fn said(owner: &str, acl: &[&str]) -> Attributes<Who> {
    Attributes {
        owner: Some(owner.parse().unwrap()),
        group: Some("family".parse().unwrap()),
        mode: Some(0o2750),
        acl: Some(acl.iter().map(|it| it.parse().unwrap()).collect()),
        compression: None,
        soft_quota: Some(Some(Bytes(2 * MB))),
    }
}

async fn set(app: &Arc<App>, attributes: Attributes<Who>) -> Result<DatasetView, Error> {
    let wish = DatasetSet {
        pool: "data".to_owned(),
        dataset: "photos".to_owned(),
        attributes,
    };
    app.change(&actor(), wish, Terms::default()).await
}

/// A pool `data` with a dataset `photos`, of which something was said when it was made.
async fn with_photos() -> Box_ {
    let box_ = Box_::with_arrays(&["tank"]).await;
    let pool = wishes::pool("data", "tank", Filesystem::Xfs);
    make(&box_.app, pool).await.unwrap();
    let dataset = DatasetCreate {
        filesystem: None,
        attributes: said("anna", &["user:ben:r-x"]),
        ..wishes::dataset("data", "photos")
    };
    let made = make(&box_.app, dataset).await.unwrap();
    let folder = made.dataset.folder.unwrap();
    assert_eq!(folder.owner.user.to_string(), "anna (1001)");
    assert_eq!(folder.access.entries(&folder.names), ["user:ben:r-x"]);
    box_
}

#[tokio::test]
async fn what_is_said_of_a_folder_holds() {
    let box_ = with_photos().await;
    let app = &box_.app;
    let view = set(app, said("ben", &["default:group:100:rwx"])).await;
    let folder = view.unwrap().dataset.folder.unwrap();
    assert_eq!(folder.owner.user.id, 1002);
    assert_eq!(folder.access.default.unwrap().named.len(), 1);

    let err = set(app, said("carla", &[])).await.unwrap_err();
    assert_eq!(
        (err.code(), err.kind()),
        ("account_not_found", Kind::Invalid)
    );
    let err = set(app, said("anna", &["group:nobodies:rwx"])).await;
    let err = err.unwrap_err();
    assert!(err.to_string().contains("group nobodies"), "{err}");
    assert!(err.hint().unwrap().contains("getent group"));

    for lied in ["belong to", "hold for", "soft quota"] {
        let matching = lied.to_owned();
        box_.sim.inject(Fault::StepLies { matching });
        let mut other = said("4711", &[]);
        other.soft_quota = Some(None);
        let err = set(app, other.clone()).await.unwrap_err();
        assert!(matches!(err, Error::NotVerified(_)), "{err}");
        set(app, other).await.unwrap();
        set(app, said("anna", &["user:ben:r-x"])).await.unwrap();
    }
}

/// Somebody is told, and nothing is refused.
#[tokio::test]
async fn a_dataset_above_its_soft_quota_is_in_the_health_of_the_machine() {
    let box_ = with_photos().await;
    let (app, by) = (&box_.app, actor());
    let asked = async || {
        let list = DatasetList {
            pool: None,
            fresh: true,
        };
        app.call(&by, list).await.unwrap();
        app.call(&by, HealthDetailed).await.unwrap().storage
    };
    assert_eq!(asked().await.causes, [""; 0]);
    let pool = "data".parse().unwrap();
    let written = box_.pools.write(&pool, "photos", "film", Bytes(3 * MB));
    written.unwrap();
    let storage = asked().await;
    assert_eq!(storage.status, Status::Healthy);
    assert!(storage.causes[0].contains("soft quota"), "{storage:?}");
}
