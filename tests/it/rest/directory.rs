//! A folder of the host as a pool, over REST and by command.

use serde_json::{Value, json};

use crate::{
    nas::{Nas, get, post},
    product::Served,
};

const POOLS: &str = "/api/storage/pools";

#[tokio::test]
async fn a_folder_becomes_a_pool_and_says_on_what_it_is() {
    let nas = Nas::start("blank").await;
    let wish = json!({ "name": "data", "kind": "directory", "path": "/mnt/host" });
    let plan = json!({ "operation": "pool_create", "body": wish });
    let plan = nas.ok(post("/api/plans", plan)).await;
    assert_eq!(plan["dangers"], json!([]), "{plan:#}");
    let file = &plan["steps"][1]["files"][0];
    assert_eq!(file["path"], "/etc/moxnas/pools/data.directory", "{plan:#}");
    let diff = file["diff"].as_str().unwrap();
    assert!(diff.contains("+Path=/mnt/host"), "{diff}");

    let made = nas.ask(post(POOLS, wish)).await.json();
    assert_eq!(made["kind"], "directory", "{made:#}");
    assert_eq!(
        (&made["path"], &made["path_filesystem"]),
        (&json!("/mnt/host"), &json!("zfs"))
    );
    // No device, and no filesystem of ours: nothing is made up.
    assert_eq!(
        (&made["device"], &made["filesystem"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(made["standing"], "mounted");
    assert_eq!(made["reasons"], json!([]));
    assert_eq!(made["space"]["size_bytes"], 2_000_000_000_000_u64);

    let problem = nas.ask(post(format!("{POOLS}/data/unmount"), json!({})));
    problem.await.problem(409, "host_mounts");
    let again = json!({ "name": "other", "kind": "directory", "path": "/mnt/host" });
    let problem = nas.ask(post(POOLS, again)).await;
    problem.problem(409, "is_pool_already");
    let bad = json!({ "name": "other", "kind": "directory", "path": "/mnt/../etc" });
    let problem = nas.ask(post(POOLS, bad)).await;
    problem.problem(400, "invalid_request");
    assert_eq!(
        nas.ok(get(POOLS)).await["items"].as_array().unwrap().len(),
        1
    );
}

#[test]
fn datasets_of_a_folder_are_folders() {
    let service = Served::start("blank");
    let run = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        service.moxnas(&words).run()
    };
    run("pool create data --kind directory --path /mnt/host").ok();
    let shown = run("pool show data").ok();
    for line in [
        "filesystem  folder on zfs",
        "folder      /mnt/host",
        "mounted at  /srv/data",
    ] {
        assert!(shown.contains(line), "{line} in {shown}");
    }
    run("dataset create data photos --quota 1GiB").fails(1, &["nothing limits", "hint:"]);
    let made = run("dataset create data photos --output json").json();
    assert_eq!(made["path"], "/srv/data/photos", "{made}");
    assert_eq!(made["usage"], Value::Null, "{made}");
    run("snapshot create data photos monday")
        .fails(1, &["which alone can take snapshots", "hint:"]);
    run("--yes dataset delete data photos").ok();
    run("--yes pool delete data").fails(1, &["files are not deleted", "pool export data"]);
    run("--yes pool export data").ok();
    assert!(run("pool list").ok().contains("there are no pools"));
}
