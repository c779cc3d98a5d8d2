//! Pools of a simulated service that are broken by hand: never shown well.

use serde_json::Value;

use crate::product::Served;

fn json(service: &Served, words: &str) -> Value {
    let words: Vec<&str> = words.split(' ').collect();
    let ran = service.moxnas(&[&["--output", "json", "--yes"], &words[..]].concat());
    serde_json::from_str(&ran.run().ok()).unwrap()
}

fn standing(service: &Served) -> String {
    let shown = json(service, "pool show data");
    shown["standing"].as_str().unwrap().to_owned()
}

#[test]
fn what_is_wrong_with_a_filesystem_is_shown() {
    let service = Served::start("blank");
    let disk = crate::nas::blank(1);
    json(
        &service,
        &format!("pool create data --device {disk} --fs ext4"),
    );
    assert_eq!(standing(&service), "mounted");
    json(&service, "sim fault filesystem-full --pool data");
    json(&service, "dataset list --pool data");
    json(&service, "sim fault filesystem-counted --pool data");
    assert_eq!(standing(&service), "damaged");
    json(&service, "sim fault filesystem-error --pool data");
    assert_eq!(standing(&service), "read_only");
    json(&service, "sim fault filesystem-no-superblock --pool data");
    assert_eq!(standing(&service), "read_only", "nobody has noticed");
    json(&service, "sim fault reboot");
    assert_eq!(standing(&service), "missing");
    let health = json(&service, "system health");
    assert_ne!(health["status"], "ok", "{health}");

    let refused = service.moxnas(&["sim", "fault", "filesystem-full"]).run();
    assert!(
        refused.err.contains("this fault needs `pool`"),
        "{refused:?}"
    );
    let none = ["sim", "fault", "filesystem-full", "--pool", "none"];
    let refused = service.moxnas(&none).run();
    assert_eq!(refused.code, 1, "{refused:?}");
}
