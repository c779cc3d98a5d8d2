//! Lists come in pages that neither double nor hide anything.

use std::collections::BTreeSet;

use poem::http::Method;
use serde_json::{Value, json};

use crate::nas::{ARRAYS, Nas, bare, get, post};

fn names(page: &Value, key: &str) -> Vec<String> {
    let items = page["items"].as_array().unwrap();
    items
        .iter()
        .map(|it| it[key].as_str().unwrap().to_owned())
        .collect()
}

/// All pages of a list.
async fn all(nas: &Nas, list: &str, key: &str, limit: usize) -> Vec<String> {
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = nas.ok(get(format!("{list}?limit={limit}{cursor}"))).await;
        let items = names(&page, key);
        assert!(
            items.len() <= limit && !items.is_empty(),
            "{} items",
            items.len()
        );
        found.extend(items);
        assert!(page["as_of"].is_string() && page["errors"] == json!([]));
        match page.get("next").and_then(Value::as_str) {
            // The cursor may hold anything, such as the space between an id and a name.
            Some(next) => {
                cursor = format!("&cursor={}", next.replace('%', "%25").replace(' ', "%20"))
            }
            None => return found,
        }
    }
}

#[tokio::test]
async fn all_items_come_once_and_in_order() {
    let nas = Nas::start("large").await;
    let whole = all(&nas, ARRAYS, "name", 1000).await;
    assert_eq!(whole.len(), 120);
    assert!(whole.is_sorted());
    for limit in [17, 119, 120, 121] {
        assert_eq!(all(&nas, ARRAYS, "name", limit).await, whole, "by {limit}");
    }
    assert_eq!(
        names(&nas.ok(get(ARRAYS)).await, "name").len(),
        100,
        "unless told otherwise"
    );
    let disks = "/api/storage/disks";
    let whole: Vec<String> = all(&nas, disks, "id", 1000).await;
    assert_eq!(whole.len(), 1000);
    assert_eq!(whole.iter().collect::<BTreeSet<_>>().len(), 1000);
    assert_eq!(all(&nas, disks, "id", 333).await, whole);
}

#[tokio::test]
async fn what_comes_and_goes_meanwhile_hides_nothing_else() {
    let nas = Nas::start("large").await;
    let first = nas.ok(get(format!("{ARRAYS}?limit=50"))).await;
    let mut found = names(&first, "name");
    let next = first["next"].as_str().unwrap();
    assert_eq!(next, found.last().unwrap());
    // The array at the cursor goes, and one before and one behind it come.
    let stop = bare(Method::POST, format!("{ARRAYS}/{next}/stop"));
    let stopped = nas
        .change("array_stop", json!({ "array": next }), stop)
        .await;
    assert_eq!(stopped.status, 204, "{}", stopped.text);
    for (name, disks) in [("before", [961, 962]), ("with-us", [963, 964])] {
        let members: Vec<String> = disks.iter().map(|it| format!("LARGE-{it:04}")).collect();
        let wish = json!({ "name": name, "level": "raid1", "members": members });
        let made = nas
            .change("array_create", json!({}), post(ARRAYS, wish))
            .await;
        assert_eq!(made.status, 201, "{}", made.text);
    }
    let rest = nas
        .ok(get(format!("{ARRAYS}?limit=1000&cursor={next}")))
        .await;
    found.extend(names(&rest, "name"));
    assert!(found.is_sorted(), "{found:?}");
    let unique: BTreeSet<&String> = found.iter().collect();
    assert_eq!(unique.len(), found.len(), "nothing twice");
    assert_eq!(
        found.len(),
        121,
        "all that was there all the time, and what came behind the cursor"
    );
    assert!(unique.contains(&"with-us".to_owned()) && !unique.contains(&"before".to_owned()));
    let past = nas.ok(get(format!("{ARRAYS}?cursor=zzz"))).await;
    assert_eq!((&past["items"], past.get("next")), (&json!([]), None));
}

const SNAPSHOTS: &str = "/api/storage/snapshots";

/// What a snapshot is called in full, as in a cursor.
fn full_names(page: &Value) -> Vec<String> {
    let text = |it: &Value, key: &str| it[key].as_str().unwrap().to_owned();
    let items = page["items"].as_array().unwrap().iter();
    let name = |it| {
        let [pool, dataset, name] = ["pool", "dataset", "name"].map(|key| text(it, key));
        format!("{pool}/{dataset}@{name}")
    };
    items.map(name).collect()
}

/// All pages of a list of snapshots; between two of them something is done.
async fn all_snapshots(nas: &Nas, query: &str, mut between: impl AsyncFnMut(usize)) -> Vec<String> {
    let mut found = Vec::new();
    let mut cursor = String::new();
    for number in 0.. {
        let page = nas.ok(get(format!("{SNAPSHOTS}?{query}{cursor}"))).await;
        assert_eq!(page["errors"], json!([]));
        found.extend(full_names(&page));
        let Some(next) = page.get("next").and_then(Value::as_str) else {
            break;
        };
        assert_eq!(next, found.last().unwrap());
        cursor = format!("&cursor={next}");
        between(number).await;
    }
    found
}

#[tokio::test]
async fn fifty_thousand_snapshots_come_once_each_while_some_come_and_go() {
    let nas = Nas::start("large").await;
    // Answers in words until all pools were asked, which a change of each does.
    nas.ok(get(format!("{SNAPSHOTS}?limit=1&fresh=true"))).await;
    let all = all_snapshots(&nas, "limit=1000", async |_| ()).await;
    assert_eq!(all.len(), 50_000);
    // Names of three digits have the order of their text.
    assert!(
        all.windows(2).all(|it| it[0] < it[1]),
        "in order, none twice"
    );
    assert_eq!(
        (all[0].as_str(), all[49_999].as_str()),
        ("tank-001/share-001@auto-001", "tank-200/share-025@auto-010")
    );

    // By pages that end within a dataset, of one pool and of one dataset.
    let of_pool: Vec<String> = all[500..750].to_vec();
    for limit in [7, 10, 249, 250, 251] {
        let query = format!("pool=tank-003&limit={limit}");
        let found = all_snapshots(&nas, &query, async |_| ()).await;
        assert_eq!(found, of_pool, "by {limit}");
    }
    let found = all_snapshots(
        &nas,
        "pool=tank-003&dataset=share-002&limit=3",
        async |_| (),
    )
    .await;
    assert_eq!(found, of_pool[10..20]);
    let found = all_snapshots(&nas, "dataset=share-002&limit=99", async |_| ()).await;
    assert_eq!(found.len(), 2000);
    assert!(found.windows(2).all(|it| it[0] < it[1]));

    // One goes that is behind, one that is at the cursor, one that is ahead; one comes ahead.
    let delete = async |at: &str| {
        let (pool, rest) = at.split_once('/').unwrap();
        let (dataset, snapshot) = rest.split_once('@').unwrap();
        let wish = json!({ "pool": pool, "dataset": dataset, "snapshot": snapshot });
        let path = format!("{SNAPSHOTS}/{pool}/{dataset}/{snapshot}");
        let gone = nas
            .change("snapshot_delete", wish, bare(Method::DELETE, path))
            .await;
        assert_eq!(gone.status, 204, "{}", gone.text);
    };
    let found = all_snapshots(&nas, "limit=1000", async |page| {
        if page == 20 {
            for place in [5, 20_999, 21_000] {
                delete(&all[place]).await;
            }
            let wish = json!({ "pool": "tank-150", "dataset": "share-001", "name": "auto-000" });
            let made = nas
                .change("snapshot_create", json!({}), post(SNAPSHOTS, wish))
                .await;
            assert_eq!(made.status, 201, "{}", made.text);
        }
    })
    .await;
    let mut expected = all;
    expected.remove(21_000);
    expected.push("tank-150/share-001@auto-000".to_owned());
    expected.sort();
    assert!(found == expected, "{} instead of 50,000", found.len());
}

/// The loop looks once a second by itself, so that an old answer is only old for a moment.
#[tokio::test]
async fn an_answer_is_of_the_last_look_unless_somebody_insists() {
    let nas = Nas::start("blank").await;
    let machine = &nas.app.simulation.as_ref().unwrap().machine;
    let disks = async |query: &str| nas.ok(get(format!("/api/storage/disks{query}"))).await;
    let before = disks("?fresh=true").await;
    assert_eq!(before["items"].as_array().unwrap().len(), 12);
    machine.pull("BLANK-0012").unwrap();
    let after = disks("?fresh=true").await;
    assert_eq!(after["items"].as_array().unwrap().len(), 11);
    // RFC 3339 leaves out the zeros at the end of a fraction.
    let time = |it: &Value| {
        let text = it["as_of"].as_str().unwrap().trim_end_matches('Z');
        let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
        format!("{seconds}.{fraction:0<9}")
    };
    assert!(
        time(&after) > time(&before),
        "{} {}",
        time(&after),
        time(&before)
    );
    // What was seen is what everybody gets from then on.
    assert_eq!(disks("").await["items"], after["items"]);
}

#[tokio::test]
async fn a_list_that_did_not_change_is_not_sent_again() {
    let nas = Nas::start("blank").await;
    for _ in 0..5 {
        let first = nas.ask(get(ARRAYS)).await;
        let tag = first.header("etag").unwrap();
        let again = nas.ask(get(ARRAYS).header("If-None-Match", tag)).await;
        // A look in between is news, if only of the time.
        if again.status == 304 {
            return;
        }
    }
    panic!("it was never known");
}

#[tokio::test]
async fn a_disk_is_found_by_each_of_its_names() {
    let nas = Nas::start("small-office").await;
    let disk = nas.ok(get("/api/storage/disks/ZGY1A003")).await;
    for name in ["id", "serial", "kernel_name"] {
        let name = disk[name].as_str().unwrap();
        let found = nas.ok(get(format!("/api/storage/disks/{name}"))).await;
        assert_eq!(found["id"], disk["id"], "{name}");
    }
    let array = nas.ok(get(format!("{ARRAYS}/media"))).await;
    let uuid = array["uuid"].as_str().unwrap();
    let kernel = array["device"]
        .as_str()
        .unwrap()
        .trim_start_matches("/dev/");
    for name in [uuid, kernel] {
        assert_eq!(
            nas.ok(get(format!("{ARRAYS}/{name}"))).await["name"],
            "media"
        );
    }
    let system = nas.ok(get("/api/storage/disks/S6P1NX0T100001")).await;
    assert_eq!(system["usable"], false);
    assert!(
        system["not_usable_because"]
            .as_str()
            .unwrap()
            .contains("running system"),
        "{system:#}"
    );
}
