//! What the kernels know of arrays while they start: shown, judged, made right.

use moxnas_app::{
    Error,
    operation::Terms,
    ops::{
        arrays::ArrayDelete,
        initramfs::{InitramfsShow, InitramfsUpdate},
    },
    store::{Job, JobState},
};
use moxnas_core::sim::Fault;
use moxnas_raid::{
    conf::CONF_PATH,
    initramfs::{KernelRelease, Standing},
};

use crate::{
    expected::make,
    jobs::{Box_, actor},
};

fn image(release: &str) -> String {
    KernelRelease::new(release).unwrap().image_path()
}

/// A machine with one array, whose two images were made before it.
async fn outdated() -> Box_ {
    let box_ = Box_::with_arrays(&["tank"]).await;
    for release in ["6.1.0-39-amd64", "6.1.0-40-amd64"] {
        let mut state = box_.sim.state();
        state.files.insert(image(release), String::new());
    }
    box_
}

async fn show(box_: &Box_, fresh: bool) -> Result<Vec<Standing>, Error> {
    let view = box_.app.call(&actor(), InitramfsShow { fresh }).await?;
    let conf = &view.seen.raid.conf;
    let images = view.seen.answers.images().map_err(Error::Invalid)?;
    Ok(images.iter().map(|it| it.judge(conf).standing).collect())
}

async fn update(box_: &Box_) -> Result<Job, Error> {
    let terms = Terms::default();
    let job = box_.app.begin(&actor(), InitramfsUpdate, terms).await?;
    Ok(box_.until_over(&job.new.id).await)
}

#[tokio::test]
async fn what_changes_in_mdadm_conf_outdates_the_images_until_they_are_made_again() {
    let box_ = outdated().await;
    assert!(show(&box_, false).await.is_err(), "nobody has asked");
    let both = |it| vec![it, it];
    assert_eq!(show(&box_, true).await.unwrap(), both(Standing::Outdated));

    let job = update(&box_).await.unwrap();
    assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
    {
        let state = box_.sim.state();
        assert_eq!(
            state.files[&image("6.1.0-39-amd64")],
            state.files[CONF_PATH]
        );
    }
    // From memory, and against the mdadm.conf of now.
    assert_eq!(show(&box_, false).await.unwrap(), both(Standing::Current));
    let array = "tank".to_owned();
    make(&box_.app, ArrayDelete { array }).await.unwrap();
    assert_eq!(show(&box_, false).await.unwrap(), both(Standing::Outdated));
}

#[tokio::test]
async fn only_the_image_that_is_outdated_is_made_again() {
    let box_ = outdated().await;
    update(&box_).await.unwrap();
    let old = image("6.1.0-39-amd64");
    box_.sim.state().files.insert(old, String::new());
    let plan = box_.app.plan(&actor(), &InitramfsUpdate).await.unwrap();
    let commands: Vec<String> = plan
        .steps
        .iter()
        .map(|it| it.command.as_ref().unwrap().join(" "))
        .collect();
    assert_eq!(commands, ["update-initramfs -u -k 6.1.0-39-amd64"]);
    assert_eq!(plan.dangers, Vec::<String>::new());
}

#[tokio::test]
async fn a_tool_that_fails_or_lies_is_no_success() {
    for (fault, code) in [
        (
            Fault::StepFails {
                matching: "initramfs".to_owned(),
            },
            "initramfs_not_made",
        ),
        (
            Fault::StepLies {
                matching: "initramfs".to_owned(),
            },
            "not_verified",
        ),
    ] {
        let box_ = outdated().await;
        box_.sim.inject(fault);
        let job = update(&box_).await.unwrap();
        assert_eq!(job.state, JobState::Failed, "{job:#?}");
        assert_eq!(job.error_code.as_deref(), Some(code), "{job:#?}");
        // What failed can be asked for again.
        assert_eq!(update(&box_).await.unwrap().state, JobState::Succeeded);
    }
}

#[tokio::test]
async fn a_machine_without_an_initramfs_is_told_whose_it_is() {
    let box_ = Box_::with_arrays(&["tank"]).await;
    box_.app.look().await.unwrap();
    assert_eq!(show(&box_, true).await.unwrap(), []);
    let err = update(&box_).await.unwrap_err();
    assert_eq!(err.code(), "no_initramfs");
    assert!(err.hint().unwrap().contains("host"));
}
