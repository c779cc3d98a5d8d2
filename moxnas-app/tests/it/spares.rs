//! A spare goes to an array of its group that needs it, without anybody asking.

use std::sync::Arc;

use moxnas_app::{
    App,
    ops::arrays::{ArrayCreate, ArraySet, MemberFail},
    scenario::Scenario,
    settings::Settings,
};
use moxnas_core::sim::Fault;
use moxnas_raid::{ArraySettings, Level, plan::GroupWish};

use crate::expected::make;

/// Two mirrors in one group, the second with a spare.
async fn start() -> Arc<App> {
    let settings = Settings::simulated(Scenario::built_in("blank").unwrap());
    let app = App::start(&settings).await.unwrap();
    let disks: Vec<String> = {
        let seen = app.seen();
        let free = seen.raid.devices.disks();
        let free = free.filter(|it| seen.raid.devices.uses(&it.name).is_empty());
        free.filter_map(|it| it.serial().map(str::to_owned))
            .collect()
    };
    let level = Level::Raid1;
    let tank = ArrayCreate::new("tank".parse().unwrap(), level.clone(), disks[..2].to_vec());
    make(&app, tank).await.unwrap();
    let data = ArrayCreate {
        spares: disks[4..5].to_vec(),
        ..ArrayCreate::new("data".parse().unwrap(), level, disks[2..4].to_vec())
    };
    make(&app, data).await.unwrap();
    for array in ["tank", "data"] {
        let settings = ArraySettings {
            spare_group: Some(GroupWish::Join("attic".parse().unwrap())),
            ..ArraySettings::default()
        };
        let array = array.to_owned();
        make(&app, ArraySet { array, settings }).await.unwrap();
    }
    app
}

async fn lose_a_member(app: &Arc<App>) {
    let device = {
        let seen = app.seen();
        let tank = seen.raid.find("tank").unwrap();
        tank.members[0].device.to_string()
    };
    let array = "tank".to_owned();
    make(app, MemberFail { array, device }).await.unwrap();
}

fn spares(app: &App, array: &str) -> usize {
    app.seen().raid.find(array).unwrap().spares().count()
}

#[tokio::test]
async fn a_spare_goes_where_it_is_needed() {
    let app = start().await;
    app.move_spares().await;
    assert_eq!(spares(&app, "data"), 1, "nobody needs it");
    lose_a_member(&app).await;
    app.move_spares().await;
    let seen = app.seen();
    let tank = seen.raid.find("tank").unwrap();
    assert_eq!(spares(&app, "data"), 0);
    assert_eq!(tank.members.len(), 3, "{:?}", tank.members);
    let records = app.store.audit(0, 1000).await.unwrap();
    let moves = records
        .iter()
        .filter(|it| it.entry.operation == "spare_move");
    assert_eq!(moves.count(), 2, "what was meant, and what came of it");
}

#[tokio::test]
async fn a_move_that_fails_is_not_tried_for_ever() {
    let app = start().await;
    lose_a_member(&app).await;
    let machine = &app.simulation.as_ref().unwrap().machine;
    for _ in 0..2 {
        let matching = "remove".to_owned();
        machine.inject(Fault::StepFails { matching });
    }
    app.move_spares().await;
    app.move_spares().await;
    assert_eq!(spares(&app, "data"), 1, "it is still there");
    assert_eq!(machine.state().faults.len(), 1, "it was tried once");
}
