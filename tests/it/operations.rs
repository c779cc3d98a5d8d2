//! What an administrator does to arrays and disks: each operation over REST and by the command line,
//! and the table of the tests that show it.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    time::{Duration, Instant},
};

use moxnas_app::ops;
use moxnas_tests::conformance::raid::SCENARIOS;
use serde_json::Value;

use crate::{
    product::{Answer, Served, http},
    source::{golden, sources},
};

/// How an operation is asked for, on a simulated machine: `{1}` is the serial number of the first blank
/// disk.
struct Row {
    operation: &'static str,
    /// Commands that bring the machine to where it makes sense.
    before: &'static [&'static str],
    /// The command.
    command: &'static str,
    /// Method, path and body of the request.
    request: (&'static str, &'static str, &'static str),
    /// A command that shows what came of it, and a part of what it shows.
    shows: (&'static str, &'static str),
}

const TANK: &str = "array create tank --level raid5 --member {1} --member {2} --member {3}";
const POOL: &str = "pool create data --device {1} --fs xfs";
const SEVERAL: &str =
    "pool create data --device {1} --device {2} --device {3} --fs btrfs --profile raid1";
const BTRFS: &str = "pool create data --device {1} --fs btrfs";
const THIN: &str = "pool create data --device {1} --kind thin --fs xfs";
const PHOTOS: &str = "dataset create data photos --quota 1GB";
const MONDAY: &str = "snapshot create data photos monday";
const BACKUP: &str = "pool create backup --device {2} --fs btrfs";
const TARGET: &str = "target add attic neighbour.sim --pool backup --host-key \
                      SHA256:gNSIRW+2Iyiuvsdp/bgjy38bvWHw6wQm3tuoXrl3WjQ";
const SPARE: &str = "array add tank {4} --spare";
const FILLED: &str = "sim advance 30d";
const SHOW: &str = "array show tank";
const AT: &str = "/api/storage/arrays/tank";

/// One test over REST and one by the command line for each row, named after its operation.
macro_rules! operations {
    ($($operation:ident: $before:expr, $command:expr, $method:literal $path:expr, $body:literal => $show:expr, $part:literal;)*) => {
        const ROWS: &[Row] = &[$(Row {
            operation: stringify!($operation),
            before: $before,
            command: $command,
            request: ($method, $path, $body),
            shows: ($show, $part),
        },)*];

        mod over_rest {
            $(#[test] fn $operation() { super::over_rest(stringify!($operation)); })*
        }

        mod by_command {
            $(#[test] fn $operation() { super::by_command(stringify!($operation)); })*
        }
    };
}

operations! {
    array_assemble: &[TANK, FILLED, "array stop tank"], "array assemble tank",
        "POST" "/api/storage/arrays/assemble", r#"{"array":"tank"}"# => SHOW, "optimal";
    array_create: &[], "array create tank --level raid1 --member {1} --member {2}",
        "POST" "/api/storage/arrays", r#"{"name":"tank","level":"raid1","members":["{1}","{2}"]}"# => SHOW, "raid1";
    array_delete: &[TANK], "array delete tank", "DELETE" AT, "" => "array list", r#""items":[]"#;
    array_get: &[TANK], "array show tank", "GET" AT, "" => SHOW, "raid5";
    array_grow: &[TANK, SPARE, FILLED], "array grow tank --members 4",
        "POST" "/api/storage/arrays/tank/grow", r#"{"members":4}"# => SHOW, r#""slots":4"#;
    array_list: &[TANK], "array list", "GET" "/api/storage/arrays", "" => "array list", "tank";
    array_scrub: &[TANK, FILLED], "array scrub tank --detach",
        "POST" "/api/storage/arrays/tank/scrub", r#"{"action":"check"}"# => SHOW, r#""action":"check""#;
    array_set: &[TANK, FILLED], "array set tank --read-only true",
        "PATCH" AT, r#"{"read_only":true}"# => SHOW, r#""state":"readonly""#;
    array_stop: &[TANK], "array stop tank", "POST" "/api/storage/arrays/tank/stop", "" => "array list", r#""items":[]"#;
    disk_burn_in: &[], "disk burn-in {1} --detach",
        "POST" "/api/storage/disks/{1}/burn-in", "{}" => "job list", "disk_burn_in";
    disk_consequences: &[TANK], "disk consequences {1}",
        "GET" "/api/storage/disks/{1}/consequences", "" => "disk consequences {1}", "tank";
    disk_get: &[], "disk show {1}", "GET" "/api/storage/disks/{1}", "" => "disk show {1}", "{1}";
    disk_list: &[], "disk list", "GET" "/api/storage/disks", "" => "disk list", "{1}";
    disk_locate: &[], "disk locate LARGE-0100",
        "POST" "/api/storage/disks/LARGE-0100/locate", r#"{"on":true}"# => "disk show LARGE-0100", r#""locating":true"#;
    disk_wipe: &[], "disk wipe {1} --level signatures --detach",
        "POST" "/api/storage/disks/{1}/wipe", r#"{"level":"signatures"}"# => "job list", "disk_wipe";
    expected_accept: &[TANK, "array stop tank"], "array accept tank",
        "POST" "/api/storage/arrays/expected/accept", r#"{"array":"tank"}"# => "array expected", r#""differences":[]"#;
    expected_list: &[TANK], "array expected", "GET" "/api/storage/arrays/expected", "" => "array expected", "tank";
    initramfs_show: &[], "system initramfs",
        "GET" "/api/system/initramfs?fresh=true", "" => "system initramfs", "current";
    initramfs_update: &[TANK], "system update-initramfs --detach",
        "POST" "/api/system/initramfs/update", "" => "job list", "initramfs_update";
    member_add: &[TANK], "array add tank {4}",
        "POST" "/api/storage/arrays/tank/members", r#"{"device":"{4}"}"# => SHOW, "{4}";
    member_fail: &[TANK, FILLED], "array fail tank {2}",
        "POST" "/api/storage/arrays/tank/members/{2}/fail", "" => SHOW, "faulty";
    member_re_add: &[TANK, FILLED, "array fail tank {2}"], "array re-add tank {2}",
        "POST" "/api/storage/arrays/tank/members/{2}/re-add", "" => SHOW, "optimal";
    member_remove: &[TANK, SPARE], "array remove tank {4}",
        "DELETE" "/api/storage/arrays/tank/members/{4}", "" => SHOW, "tank";
    member_replace: &[TANK, FILLED], "array replace tank {2} --with {4}",
        "POST" "/api/storage/arrays/tank/members/{2}/replace", r#"{"with":"{4}"}"# => SHOW, "replacement";
    pool_check: &[POOL, "pool unmount data"], "pool check data --detach",
        "POST" "/api/storage/pools/data/check", "{}" => "job list", "pool_check";
    pool_balance: &[SEVERAL], "pool balance data --detach",
        "POST" "/api/storage/pools/data/balance", "{}" => "job list", "pool_balance";
    pool_device_add: &[BTRFS], "pool device add data {2}",
        "POST" "/api/storage/pools/data/devices", r#"{"device":"{2}"}"# => "pool show data", r#""kind":"devices""#;
    pool_device_remove: &[SEVERAL], "pool device remove data {3} --detach",
        "POST" "/api/storage/pools/data/devices/remove", r#"{"device":"{3}"}"# => "job list", "pool_device_remove";
    pool_device_replace: &[SEVERAL], "pool device replace data {3} {4} --detach",
        "POST" "/api/storage/pools/data/devices/replace", r#"{"old":"{3}","new":"{4}"}"# => "job list", "pool_device_replace";
    pool_create: &[TANK, FILLED], "pool create data --device tank --fs btrfs",
        "POST" "/api/storage/pools", r#"{"name":"data","device":"tank","filesystem":"btrfs"}"# => "pool show data", "mounted";
    pool_delete: &[POOL], "pool delete data", "DELETE" "/api/storage/pools/data", "" => "pool list", r#""items":[]"#;
    pool_export: &[POOL], "pool export data", "POST" "/api/storage/pools/data/export", "" => "disk show {1}", "xfs";
    pool_get: &[POOL], "pool show data", "GET" "/api/storage/pools/data", "" => "pool show data", "/srv/data";
    pool_grow: &[POOL], "pool grow data", "POST" "/api/storage/pools/data/grow", "" => "pool show data", "mounted";
    dataset_create: &[BTRFS], "dataset create data photos --quota 1GB",
        "POST" "/api/storage/datasets", r#"{"pool":"data","name":"photos","quota_bytes":1000000000}"# => "dataset show data photos", r#""quota_bytes":1000000000"#;
    dataset_delete: &[BTRFS, PHOTOS], "dataset delete data photos", "DELETE" "/api/storage/datasets/data/photos", "" => "dataset list", r#""items":[]"#;
    dataset_get: &[BTRFS, PHOTOS], "dataset show data photos", "GET" "/api/storage/datasets/data/photos", "" => "dataset show data photos", "/srv/data/photos";
    dataset_list: &[BTRFS, PHOTOS], "dataset list --pool data", "GET" "/api/storage/datasets?pool=data", "" => "dataset list", "photos";
    dataset_quota: &[BTRFS, PHOTOS], "dataset quota data photos 5MB",
        "PUT" "/api/storage/datasets/data/photos/quota", r#"{"quota_bytes":5000000}"# => "dataset show data photos", r#""quota_bytes":5000000"#;
    dataset_set: &[BTRFS, PHOTOS], "dataset set data photos --owner anna --preset group --acl user:ben:rwx",
        "PATCH" "/api/storage/datasets/data/photos", r#"{"owner":"anna","preset":"group","acl":["user:ben:rwx"]}"# => "dataset show data photos", r#""acl":["user:ben:rwx"]"#;
    dataset_rename: &[BTRFS, PHOTOS, MONDAY], "dataset rename data photos films",
        "POST" "/api/storage/datasets/data/photos/rename", r#"{"to":"films"}"# => "snapshot list", "/srv/data/.snapshots/films/monday";
    dataset_replicate: &[BTRFS, PHOTOS, MONDAY, BACKUP], "dataset replicate data photos --to backup --detach",
        "POST" "/api/storage/datasets/data/photos/replicate", r#"{"to_pool":"backup"}"# => "job list", "dataset_replicate";
    target_add: &[], TARGET,
        "POST" "/api/storage/targets", r#"{"name":"attic","host":"neighbour.sim","pools":["backup"],"host_key":"SHA256:gNSIRW+2Iyiuvsdp/bgjy38bvWHw6wQm3tuoXrl3WjQ"}"# => "target list", "restrict,command=";
    target_check: &[TARGET], "target check attic", "POST" "/api/storage/targets/attic/check", "" => "target check attic", "available_bytes";
    target_get: &[TARGET], "target show attic", "GET" "/api/storage/targets/attic", "" => "target show attic", "neighbour.sim";
    target_list: &[TARGET], "target list", "GET" "/api/storage/targets", "" => "target list", "attic";
    target_remove: &[TARGET], "target remove attic", "DELETE" "/api/storage/targets/attic", "" => "target list", r#""items":[]"#;
    snapshot_hold: &[BTRFS, PHOTOS, MONDAY], "snapshot hold data photos monday",
        "POST" "/api/storage/snapshots/data/photos/monday/hold", "{}" => "snapshot list", r#""held":["keep"]"#;
    snapshot_release: &[BTRFS, PHOTOS, MONDAY, "snapshot hold data photos monday"], "snapshot release data photos monday",
        "POST" "/api/storage/snapshots/data/photos/monday/release", "{}" => "snapshot list", r#""held":[]"#;
    snapshot_clone: &[BTRFS, PHOTOS, MONDAY], "snapshot clone data photos monday copy",
        "POST" "/api/storage/snapshots/data/photos/monday/clone", r#"{"to":"copy"}"# => "dataset list", "/srv/data/copy";
    snapshot_create: &[BTRFS, PHOTOS], "snapshot create data photos monday",
        "POST" "/api/storage/snapshots", r#"{"pool":"data","dataset":"photos","name":"monday"}"# => "snapshot list", "monday";
    snapshot_delete: &[BTRFS, PHOTOS, MONDAY], "snapshot delete data photos monday",
        "DELETE" "/api/storage/snapshots/data/photos/monday", "" => "snapshot list", r#""items":[]"#;
    snapshot_list: &[BTRFS, PHOTOS, MONDAY], "snapshot list --pool data --dataset photos",
        "GET" "/api/storage/snapshots?pool=data&dataset=photos", "" => "snapshot list", "monday";
    snapshot_mount: &[THIN, PHOTOS, MONDAY], "snapshot mount data photos monday",
        "POST" "/api/storage/snapshots/data/photos/monday/mount", "" => "snapshot list", "/srv/data/.snapshots/photos/monday";
    snapshot_unmount: &[THIN, PHOTOS, MONDAY, "snapshot mount data photos monday"], "snapshot unmount data photos monday",
        "POST" "/api/storage/snapshots/data/photos/monday/unmount", "" => "snapshot list", "moxnas snapshot mount data photos monday";
    snapshot_prune: &[BTRFS, PHOTOS, MONDAY, "sim advance 30d", "snapshot create data photos later"],
        "snapshot prune data photos --keep-last 1",
        "POST" "/api/storage/snapshots/prune", r#"{"pool":"data","dataset":"photos","keep":{"last":1}}"# => "snapshot list", "later";
    snapshot_rollback: &[BTRFS, PHOTOS, MONDAY], "snapshot rollback data photos monday",
        "POST" "/api/storage/snapshots/data/photos/monday/rollback", "" => "snapshot list", "before-monday";
    pool_import: &[POOL, "pool export data"], "pool import old --device {1} --read-only",
        "POST" "/api/storage/pools/import", r#"{"name":"old","device":"{1}","read_only":true}"# => "pool show old", r#""ro","noatime""#;
    pool_list: &[POOL], "pool list", "GET" "/api/storage/pools", "" => "pool list", "data";
    pool_mount: &[POOL, "pool unmount data"], "pool mount data",
        "POST" "/api/storage/pools/data/mount", "" => "pool show data", r#""standing":"mounted""#;
    pool_unmount: &[POOL], "pool unmount data",
        "POST" "/api/storage/pools/data/unmount", "" => "pool show data", r#""standing":"unmounted""#;
    spare_move: &[
            TANK, FILLED, "array create data --level raid1 --member {5} --member {6} --spare {7}", FILLED,
            "array set tank --spare-group attic", "array fail tank {1}",
            "sim fault step-fails --step remove", "array set data --spare-group attic",
        ], "array move-spare", "POST" "/api/storage/arrays/move-spare", "" => SHOW, "{7}";
}

/// What a library does, what the simulation shows and what real md and disks show, of operations that
/// no scenario carries out: names of tests, or why there is none.
const SHOWN: &[(&str, [&str; 3])] = &[
    ("array_get", READ),
    ("array_list", READ),
    (
        "disk_burn_in",
        [
            "writing_takes_time_and_is_read_back",
            "a_burn_in_finds_what_does_not_work",
            "a_burn_in_tells_a_good_disk_from_a_bad_one",
        ],
    ),
    (
        "disk_consequences",
        [
            "a_disk_that_leaves_leaves_what_was_said",
            "what_follows_is_shown_as_committed",
            "(compared in the conformance scenarios by what is pulled)",
        ],
    ),
    ("disk_get", DISKS),
    ("disk_list", DISKS),
    (
        "disk_locate",
        [
            "these_are_all_commands_that_are_run",
            "a_light_is_switched_on_and_off",
            "(the refusal alone: no enclosure in the lab)",
        ],
    ),
    (
        "disk_wipe",
        [
            "writing_takes_time_and_is_read_back",
            "an_overwrite_goes_to_the_end_and_is_read_back",
            "disks_are_wiped_to_each_level",
        ],
    ),
    ("expected_accept", EXPECTED),
    ("expected_list", EXPECTED),
    ("initramfs_show", INITRAMFS),
    ("initramfs_update", INITRAMFS),
    ("dataset_create", DATASETS),
    ("dataset_delete", DATASETS),
    ("dataset_get", DATASETS),
    ("dataset_list", DATASETS),
    ("dataset_quota", DATASETS),
    ("dataset_set", ATTRIBUTES),
    ("dataset_rename", DATASETS),
    ("dataset_replicate", REPLICAS),
    ("target_add", REMOTE),
    ("target_check", REMOTE),
    ("target_get", REMOTE),
    ("target_list", REMOTE),
    ("target_remove", REMOTE),
    ("snapshot_hold", REPLICAS),
    ("snapshot_release", REPLICAS),
    ("snapshot_clone", DATASETS),
    ("snapshot_create", DATASETS),
    ("snapshot_delete", DATASETS),
    ("snapshot_list", DATASETS),
    ("snapshot_mount", LOOKS),
    ("snapshot_unmount", LOOKS),
    ("snapshot_prune", DATASETS),
    ("snapshot_rollback", DATASETS),
    ("pool_grow", DATASETS),
    (
        "pool_check",
        [
            "a_damaged_filesystem_is_found_out_and_repaired",
            "a_pool_is_checked_and_repaired",
            "damaged_filesystems_are_found_out_and_repaired",
        ],
    ),
    ("pool_balance", DEVICES),
    ("pool_device_add", DEVICES),
    ("pool_device_remove", DEVICES),
    ("pool_device_replace", DEVICES),
    ("pool_create", POOLS),
    ("pool_delete", POOLS),
    ("pool_export", POOLS),
    ("pool_get", POOLS),
    ("pool_import", POOLS),
    ("pool_list", POOLS),
    ("pool_mount", POOLS),
    ("pool_unmount", POOLS),
];
const ATTRIBUTES: [&str; 3] = [
    "a_plan_says_what_is_and_what_is_to_be",
    "what_is_said_of_a_folder_holds",
    "folders_say_whose_they_are",
];
const LOOKS: [&str; 3] = [
    "every_command_is_shown_as_it_is_run",
    "a_snapshot_is_looked_into_until_the_machine_starts_anew",
    "snapshots_of_thin_volumes_are_looked_into",
];
const READ: [&str; 3] = [
    "every_captured_machine_is_read",
    "whatever_the_simulation_shows_is_read_back",
    "an_array_is_followed_through_its_states_and_survives_a_reboot",
];
const DISKS: [&str; 3] = [
    "whatever_the_simulation_shows_is_read_back",
    "whatever_the_simulation_shows_is_read_back",
    "disks_are_there_by_serial_and_can_be_pulled_and_plugged",
];
const EXPECTED: [&str; 3] = [
    "each_loss_is_told_and_what_is_agreed_to_is_not",
    "a_member_that_leaves_is_told_when_it_leaves_and_when_it_is_agreed_to",
    "smoke_raid5_through_the_service",
];
const INITRAMFS: [&str; 3] = [
    "an_image_is_read_wherever_its_files_are",
    "what_changes_in_mdadm_conf_outdates_the_images_until_they_are_made_again",
    "an_initramfs_is_read_and_made_again",
];
const POOLS: [&str; 3] = [
    "every_change_can_be_tried_again_after_a_failure_at_any_step",
    "a_pool_lives_and_dies",
    "a_pool_of_each_filesystem_lives_and_dies",
];
const DEVICES: [&str; 3] = [
    "devices_come_go_and_change_places",
    "devices_of_a_pool_are_replaced_removed_and_balanced_by_command",
    "a_mirror_that_lost_a_disk_is_whole_again_by_one_command",
];
const DATASETS: [&str; 3] = [
    "a_plan_can_be_carried_out_and_destroys_what_it_says",
    "a_dataset_lives_and_dies",
    "a_raid6_with_btrfs_is_filled_rolled_back_and_grown",
];
const REPLICAS: [&str; 3] = [
    "whatever_step_stops_the_next_try_ends_it",
    "a_dataset_is_replicated_and_what_lies_is_found",
    "datasets_are_replicated_and_compared",
];
const REMOTE: [&str; 3] = [
    "each_thing_that_can_be_wrong_with_the_other_machine_has_its_word",
    "a_target_is_told_by_its_host_key_and_stays_known",
    "a_dataset_is_replicated_to_another_machine_and_its_key_does_nothing_else",
];
/// Every change of arrays, by the library alone; a change without a case does not compile there.
const LIBRARY: &str = "every_change_can_be_tried_again_or_says_why_not";

fn named(text: &str) -> String {
    (1..=9).fold(text.to_owned(), |text, it| {
        text.replace(&format!("{{{it}}}"), &crate::nas::blank(it))
    })
}

fn row(operation: &str) -> &'static Row {
    let found = ROWS.iter().find(|it| it.operation == operation);
    found.expect("the macro makes a row and its tests")
}

fn command(served: &Served, text: &str) -> String {
    let text = named(text);
    let mut words: Vec<&str> = text.split(' ').collect();
    words.extend(["--yes", "--output", "json"]);
    served.moxnas(&words).run().ok()
}

fn prepared(row: &Row) -> Served {
    // Only the large machine has slots with lights.
    let scenario = match row.operation {
        "disk_locate" => "large",
        _ => "blank",
    };
    let served = Served::start(scenario);
    for step in row.before {
        command(&served, step);
    }
    if row.operation == "spare_move" {
        // The service moves it by itself: only after it failed is there something to ask for.
        let began = Instant::now();
        while command(&served, "audit list").matches("spare_move").count() < 2 {
            assert!(began.elapsed() < Duration::from_secs(30));
        }
    }
    served
}

fn shown(served: &Served, row: &Row) {
    let (what, part) = row.shows;
    let text = command(served, what);
    let text: Value = serde_json::from_str(&text).unwrap();
    let text = text.to_string();
    assert!(text.contains(&named(part)), "{} in {text}", named(part));
}

fn by_command(operation: &str) {
    let row = row(operation);
    let served = prepared(row);
    command(&served, row.command);
    shown(&served, row);
}

fn over_rest(operation: &str) {
    let row = row(operation);
    let served = prepared(row);
    let (method, path, body) = row.request;
    let (path, body) = (named(path), named(body));
    let body = (!body.is_empty()).then_some(body.as_str());
    let ask = |confirm: Option<&str>| -> Answer {
        let mut headers = vec![("Authorization", format!("Bearer {}", served.token))];
        headers.extend(confirm.map(|it| ("X-Confirm-Plan", it.to_owned())));
        http(&served.url, method, &path, &headers, body)
    };
    let mut answer = ask(None);
    if answer.status == 428 {
        let plan = answer.json();
        let fingerprint = plan["plan"]["fingerprint"].as_str().unwrap().to_owned();
        answer = ask(Some(&fingerprint));
    }
    assert!((200..300).contains(&answer.status), "{answer:?}");
    shown(&served, row);
}

/// A cell: the test, which has to be there.
fn cell(sources: &[(String, String)], test: &str) -> String {
    if test.starts_with('(') {
        return test.to_owned();
    }
    let wanted = format!("fn {test}(");
    let is_there = sources.iter().any(|(_, text)| text.contains(&wanted));
    assert!(is_there, "there is no test {test}");
    format!("`{test}`")
}

#[test]
fn each_operation_is_shown_by_a_test_everywhere() {
    let sources = sources();
    let mut scenarios: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for scenario in SCENARIOS {
        for operation in scenario.operations().unwrap() {
            scenarios.entry(operation).or_default().push(scenario.name);
        }
    }
    let mut table = String::from(
        "# The tests that show each operation\n\n\
         Of arrays and disks, on each way to it. Made from the names of the tests by \
         `tests/it/operations.rs`; an operation that is not in it fails that test. A scenario of the \
         columns simulation and lab is the same text on both.\n\n\
         | operation | REST | command line | library | simulation | lab |\n\
         |---|---|---|---|---|---|\n",
    );
    let of_storage = [
        "array_",
        "disk_",
        "member_",
        "spare_",
        "expected_",
        "initramfs_",
        "pool_",
        "dataset_",
        "snapshot_",
        "target_",
    ];
    for operation in ops::all().iter().map(|it| it.name) {
        if !of_storage.iter().any(|it| operation.starts_with(it)) {
            continue;
        }
        assert!(
            ROWS.iter().any(|it| it.operation == operation),
            "{operation}"
        );
        let (library, simulation, lab) = match scenarios.get(operation) {
            Some(names) => {
                let more = match names.len() - 1 {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                let scenario = format!("`{}`{more}", names[0]);
                (cell(&sources, LIBRARY), scenario.clone(), scenario)
            }
            None => {
                let found = SHOWN.iter().find(|(name, _)| *name == operation);
                let (_, [library, simulation, lab]) =
                    found.unwrap_or_else(|| panic!("nothing shows {operation}"));
                let cell = |test| cell(&sources, test);
                (cell(library), cell(simulation), cell(lab))
            }
        };
        writeln!(
            table,
            "| {operation} | `over_rest::{operation}` | `by_command::{operation}` | {library} | \
             {simulation} | {lab} |"
        )
        .unwrap();
    }
    golden("docs/operations.md", &table);
}
