//! What is offered to the network: meant in the database, served by daemons, and both held against each
//! other.

use std::{collections::BTreeMap, marker::PhantomData};

use moxnas_app::{
    Error,
    ops::{
        pools::PoolUnmount,
        shares::{
            FaceCreate, FaceDelete, FaceSet, GenerationList, GenerationRevert, OfNfs, OfSmb,
            Protocol, SettingsSet, ShareDelete, ShareImport, ShareReconcile, SmbSettingsOf,
            previous_versions,
        },
        system::{HealthDetailed, Status},
    },
    sharing::ShareError,
};
use moxnas_core::sim::Fault;
use moxnas_pool::model::Filesystem;
use moxnas_shares::{
    model::{Nfs, NfsRule, Share, Smb, SmbSettings},
    render::Service,
    standing::Standing,
};

use crate::{
    expected::make,
    jobs::{Box_, actor},
    wishes,
};

const SAMBA: &str = "/etc/samba/moxnas.conf";
const EXPORTS: &str = "/etc/exports.d/moxnas.exports";

/// A pool `data` with a dataset `photos`, and one `films`.
async fn with_photos() -> Box_ {
    let box_ = Box_::with_arrays(&["tank"]).await;
    make(&box_.app, wishes::pool("data", "tank", Filesystem::Btrfs))
        .await
        .unwrap();
    for dataset in ["photos", "films"] {
        make(&box_.app, wishes::dataset("data", dataset))
            .await
            .unwrap();
    }
    box_
}

fn smb(name: &str) -> FaceCreate<OfSmb> {
    offer(name, Smb::default())
}

fn offer<P: Protocol>(name: &str, face: P::Face) -> FaceCreate<P> {
    FaceCreate {
        name: name.parse().unwrap(),
        path: Some(format!("/srv/data/{name}").parse().unwrap()),
        description: None,
        enabled: None,
        face,
    }
}

fn nfs(name: &str) -> FaceCreate<OfNfs> {
    let rule = NfsRule {
        client: "192.168.1.0/24".parse().unwrap(),
        options: moxnas_shares::model::ClientOptions::default(),
    };
    let clients = vec![rule];
    offer(
        name,
        Nfs {
            clients,
            fsid: None,
        },
    )
}

impl Box_ {
    fn files(&self) -> BTreeMap<String, String> {
        let files = self.sim.state().files.clone().into_iter();
        let ours = files.filter(|(path, _)| {
            path.starts_with("/etc/samba")
                || path.starts_with("/etc/exports")
                || path.starts_with("/etc/nfs")
        });
        ours.collect()
    }

    fn share(&self, name: &str) -> Option<Share> {
        self.app.seen().sharing.offered.intent.find(name).cloned()
    }

    fn standing(&self, name: &str) -> Vec<(Service, Standing)> {
        let seen = self.app.seen();
        let path = format!("/srv/data/{name}");
        let of = seen.sharing.of(name, &path);
        of.map(|it| (it.service, it.standing)).collect()
    }

    fn by_hand(&self, path: &str, from: &str, to: &str) {
        let mut state = self.sim.state();
        let text = state.files.get_mut(path).unwrap();
        assert!(text.contains(from), "{text}");
        *text = text.replace(from, to);
    }
}

#[tokio::test]
async fn a_share_lives_over_restarts_and_dies() {
    let mut box_ = with_photos().await;
    make(&box_.app, smb("photos")).await.unwrap();
    assert_eq!(
        box_.standing("photos"),
        [(Service::Samba, Standing::Managed)]
    );
    make(&box_.app, nfs("photos")).await.unwrap();
    let both = [
        (Service::Samba, Standing::Managed),
        (Service::Nfs, Standing::Managed),
    ];
    assert_eq!(box_.standing("photos"), both);
    let (share, times) = {
        let seen = box_.app.seen();
        let offered = &seen.sharing.offered;
        (box_.share("photos").unwrap(), offered.times.clone())
    };
    assert!(share.smb.is_some() && share.nfs.is_some());
    box_.restart().await;
    assert_eq!(box_.share("photos"), Some(share));
    let millis = |it: std::time::SystemTime| {
        it.duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_millis()
    };
    let kept = box_.app.seen().sharing.offered.times.clone();
    for (name, it) in &times {
        assert_eq!(millis(kept[name].created_at), millis(it.created_at));
        assert_eq!(millis(kept[name].updated_at), millis(it.updated_at));
    }
    assert_eq!(box_.standing("photos"), both);

    let protocol = PhantomData::<OfSmb>;
    let share = "PHOTOS".to_owned();
    make(&box_.app, FaceDelete { share, protocol })
        .await
        .unwrap();
    assert!(box_.share("photos").unwrap().smb.is_none());
    assert!(!box_.files()[SAMBA].contains("[photos]"));
    let protocol = PhantomData::<OfNfs>;
    let share = "photos".to_owned();
    make(&box_.app, FaceDelete { share, protocol })
        .await
        .unwrap();
    assert_eq!(box_.share("photos"), None);
    box_.restart().await;
    assert_eq!(box_.share("photos"), None);
    assert_eq!(box_.standing("photos"), []);
}

/// Nobody's files become others because of a share that they do not have.
#[tokio::test]
async fn a_change_leaves_the_files_of_other_daemons_alone() {
    let box_ = with_photos().await;
    make(&box_.app, smb("photos")).await.unwrap();
    make(&box_.app, smb("films")).await.unwrap();
    let before = box_.files()[SAMBA].clone();
    let place = |name: &str| before.find(name).unwrap();
    assert!(place("[films]") < place("[photos]"), "{before}");
    make(&box_.app, nfs("photos")).await.unwrap();
    assert_eq!(box_.files()[SAMBA], before);
}

#[tokio::test]
async fn what_cannot_be_shared_says_why() {
    let box_ = with_photos().await;
    let refused = async |wish: FaceCreate<OfSmb>| make(&box_.app, wish).await.unwrap_err();
    let none = refused(smb("none")).await;
    assert_eq!(none.code(), "share_folder_missing", "{none}");
    let mut system = smb("etc");
    system.path = Some("/etc".parse().unwrap());
    assert_eq!(refused(system).await.code(), "share_folder_missing");
    let mut nowhere = smb("photos");
    nowhere.path = None;
    assert_eq!(refused(nowhere).await.code(), "share_without_path");

    make(&box_.app, smb("photos")).await.unwrap();
    assert_eq!(refused(smb("photos")).await.code(), "share_name_taken");
    let mut other = nfs("photos");
    other.path = Some("/srv/data/films".parse().unwrap());
    let other = make(&box_.app, other).await.unwrap_err();
    assert_eq!(other.code(), "share_is_another_folder");
    assert!(other.hint().unwrap().contains("leave the path out"));
    // A second protocol needs no path.
    let mut second = nfs("photos");
    second.path = None;
    make(&box_.app, second).await.unwrap();
}

/// Somebody who read it before somebody else changed it changes nothing.
#[tokio::test]
async fn a_change_of_what_was_changed_meanwhile_is_refused() {
    let box_ = with_photos().await;
    make(&box_.app, smb("photos")).await.unwrap();
    let was = box_.share("photos").unwrap();
    let with = |change: fn(&mut Smb)| {
        let mut now = was.clone();
        change(now.smb.as_mut().unwrap());
        FaceSet::<OfSmb>::new(was.clone(), now)
    };
    make(&box_.app, with(|it| it.read_only = true))
        .await
        .unwrap();
    let late = make(&box_.app, with(|it| it.audit = true))
        .await
        .unwrap_err();
    assert!(
        matches!(late, Error::Share(ShareError::Changed(_))),
        "{late}"
    );
    // What is so already is no change, and no refusal.
    make(&box_.app, with(|it| it.read_only = true))
        .await
        .unwrap();
    assert!(box_.files()[SAMBA].contains("read only = yes"));
}

/// Whatever call of a change of two daemons fails: all files are what they were, and so is what is meant.
#[tokio::test]
async fn a_change_that_fails_leaves_everything_as_it_was() {
    for matching in [
        "check smbd",
        "write /etc/samba/moxnas.conf",
        "reload smbd",
        "ask smbd",
        "check nfsd",
        "write /etc/exports.d/moxnas.exports",
        "reload nfsd",
        "ask nfsd",
    ] {
        let mut box_ = with_photos().await;
        make(&box_.app, smb("photos")).await.unwrap();
        make(&box_.app, nfs("photos")).await.unwrap();
        let (files, was) = (box_.files(), box_.share("photos").unwrap());
        let mut now = was.clone();
        now.path = "/srv/data/films".parse().unwrap();
        box_.sim.inject(Fault::StepFails {
            matching: matching.to_owned(),
        });
        let change = FaceSet::<OfSmb>::new(was.clone(), now.clone());
        let failed = make(&box_.app, change.clone()).await.unwrap_err();
        assert_eq!(failed.code(), "change_undone", "{matching}: {failed}");
        assert_eq!(box_.files(), files, "{matching}");
        assert_eq!(box_.share("photos"), Some(was), "{matching}");
        box_.restart().await;
        assert_eq!(
            box_.app.seen().sharing.faults,
            Vec::<String>::new(),
            "{matching}"
        );
        make(&box_.app, change).await.unwrap();
        assert_eq!(box_.share("photos"), Some(now), "{matching}");
        assert_ne!(box_.files(), files, "{matching}");
    }
}

#[tokio::test]
async fn what_somebody_changed_is_told_and_put_right() {
    let box_ = with_photos().await;
    make(&box_.app, smb("photos")).await.unwrap();
    let health = async || box_.app.call(&actor(), HealthDetailed).await.unwrap();
    assert_eq!(health().await.services.status, Status::Healthy);
    box_.by_hand(SAMBA, "guest ok = no", "guest ok = yes");
    box_.app.look().await.unwrap();
    assert_eq!(
        box_.standing("photos"),
        [(Service::Samba, Standing::Drifted)]
    );
    let seen = health().await;
    assert_eq!(seen.services.status, Status::Degraded);
    assert_eq!(
        seen.services.causes,
        ["share photos is not served as it is meant"]
    );
    assert_eq!(seen.status, Status::Degraded);
    let plan = box_.app.plan(&actor(), &ShareReconcile).await.unwrap();
    let diff = &plan.steps[0].files[0].diff;
    assert!(
        diff.contains("-\tguest ok = yes") && diff.contains("+\tguest ok = no"),
        "{diff}"
    );
    make(&box_.app, ShareReconcile).await.unwrap();
    assert_eq!(
        box_.standing("photos"),
        [(Service::Samba, Standing::Managed)]
    );
    assert_eq!(health().await.services.status, Status::Healthy);
    // Nothing is left to be done.
    let plan = box_.app.plan(&actor(), &ShareReconcile).await.unwrap();
    assert_eq!(plan.steps, []);
}

#[tokio::test]
async fn one_can_go_back_to_what_was_meant_before_any_change() {
    let box_ = with_photos().await;
    let list = async || {
        let all = box_.app.call(&actor(), GenerationList).await.unwrap();
        all.into_iter()
            .map(|it| (it.number, it.operation))
            .collect::<Vec<_>>()
    };
    make(&box_.app, smb("photos")).await.unwrap();
    let first = box_.files();
    let was = SmbSettings::default();
    let now = SmbSettings {
        workgroup: "OFFICE".parse().unwrap(),
        ..was.clone()
    };
    make(&box_.app, SettingsSet::<SmbSettingsOf> { was, now })
        .await
        .unwrap();
    make(&box_.app, smb("films")).await.unwrap();
    let share = "photos".to_owned();
    make(&box_.app, ShareDelete { share }).await.unwrap();
    let all = list().await;
    let operations: Vec<&str> = all.iter().map(|(_, it)| it.as_str()).collect();
    assert_eq!(
        operations,
        [
            "share_delete",
            "smb_share_create",
            "smb_settings_set",
            "smb_share_create"
        ]
    );
    // Back to where only photos was, and nobody had said a workgroup.
    let settings = all[2].0;
    let revert = GenerationRevert::to(&box_.app, settings).await.unwrap();
    make(&box_.app, revert).await.unwrap();
    assert_eq!(box_.files(), first);
    assert_eq!(box_.app.seen().sharing.offered.intent.shares.len(), 1);
    assert_eq!(box_.app.seen().sharing.faults, Vec::<String>::new());
    // And back again: also that was a change.
    let last = list().await[0].0;
    let revert = GenerationRevert::to(&box_.app, last).await.unwrap();
    make(&box_.app, revert).await.unwrap();
    let names: Vec<String> = {
        let seen = box_.app.seen();
        let shares = &seen.sharing.offered.intent.shares;
        shares.iter().map(|it| it.name.to_string()).collect()
    };
    assert_eq!(names, ["films"]);
    let none = GenerationRevert::to(&box_.app, 0).await.unwrap_err();
    assert_eq!(none.code(), "generation_not_found");
}

#[tokio::test]
async fn what_others_offer_is_taken_over_and_offered_once() {
    let box_ = with_photos().await;
    let nothing = ShareImport { shares: Vec::new() };
    let refused = make(&box_.app, nothing.clone()).await.unwrap_err();
    assert_eq!(refused.code(), "nothing_to_import", "{refused}");
    let before = {
        let mut state = box_.sim.state();
        let theirs = "[global]\n\tworkgroup = OFFICE\n\n[old photos]\n\tpath = /srv/data/photos\n\tvalid users = alice\n";
        state
            .files
            .insert("/etc/samba/smb.conf".to_owned(), theirs.to_owned());
        state.files.insert(
            "/etc/exports".to_owned(),
            "/srv/data/films *(ro,no_subtree_check)\n".to_owned(),
        );
        theirs.to_owned()
    };
    box_.app.look().await.unwrap();
    let foreign = box_.app.seen().sharing.standings.clone();
    assert!(
        foreign.iter().all(|it| it.standing == Standing::Foreign),
        "{foreign:?}"
    );
    assert_eq!(foreign.len(), 2);
    make(&box_.app, nothing).await.unwrap();
    let seen = box_.app.seen();
    let intent = &seen.sharing.offered.intent;
    assert_eq!(intent.settings.smb.workgroup.as_str(), "OFFICE");
    let names: Vec<&str> = intent.shares.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["films", "old photos"]);
    assert!(
        seen.sharing
            .standings
            .iter()
            .all(|it| it.standing == Standing::Managed)
    );
    let files = box_.files();
    let main = &files["/etc/samba/smb.conf"];
    assert!(
        main.contains("# taken over by MoxNAS: [old photos]"),
        "{main}"
    );
    assert_ne!(*main, before);
    assert!(files[SAMBA].contains("valid users = \"alice\""));
    assert!(files[EXPORTS].contains("/srv/data/films *("));
}

/// A pool is not taken away under a share: whoever writes would write to the disk of the system.
#[tokio::test]
async fn a_pool_that_is_shared_is_not_unmounted() {
    let box_ = with_photos().await;
    make(&box_.app, smb("photos")).await.unwrap();
    let pool = "data".to_owned();
    let refused = make(&box_.app, PoolUnmount { pool: pool.clone() })
        .await
        .unwrap_err();
    assert_eq!(refused.code(), "path_is_shared", "{refused}");
    let share = "photos".to_owned();
    make(&box_.app, ShareDelete { share }).await.unwrap();
    make(&box_.app, PoolUnmount { pool }).await.unwrap();
}

#[tokio::test]
async fn previous_versions_are_those_of_the_dataset() {
    let box_ = with_photos().await;
    let seen = box_.app.seen();
    let found = previous_versions(&seen, "/srv/data/photos").unwrap();
    assert_eq!(found.snapshots.as_str(), "/srv/data/.snapshots/photos");
    assert_eq!(found.of.as_str(), "/srv/data/photos");
    let none = previous_versions(&seen, "/srv/elsewhere").unwrap_err();
    assert_eq!(none.code(), "share_without_snapshots");
}
