//! The graph of the crates is as it was meant.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::Value;

/// What each crate may use of ours. A crate without a row may not be there.
const MAY_USE: &[(&str, &[&str])] = &[
    ("moxnas-core", &[]),
    ("moxnas-raid", &["moxnas-core"]),
    ("moxnas-pool", &["moxnas-core"]),
    ("moxnas-shares", &["moxnas-core"]),
    ("moxnas-smart", &["moxnas-core"]),
    ("moxnas-telemetry", &["moxnas-core"]),
    ("moxnas-app", LEAVES),
    (
        "moxnas-api",
        &[
            "moxnas-core",
            "moxnas-raid",
            "moxnas-pool",
            "moxnas-shares",
            "moxnas-smart",
            "moxnas-telemetry",
            "moxnas-app",
        ],
    ),
    (
        "moxnas-cli",
        &[
            "moxnas-core",
            "moxnas-raid",
            "moxnas-pool",
            "moxnas-shares",
            "moxnas-smart",
            "moxnas-telemetry",
            "moxnas-app",
            "moxnas-api",
        ],
    ),
    // The lab's library alone: chores build when the product does not.
    ("xtask", &["moxnas-tests"]),
    (
        "moxnas-tests",
        &[
            "moxnas-core",
            "moxnas-raid",
            "moxnas-pool",
            "moxnas-shares",
            "moxnas-smart",
            "moxnas-telemetry",
            "moxnas-app",
            "moxnas-api",
        ],
    ),
];

const LEAVES: &[&str] = &[
    "moxnas-core",
    "moxnas-raid",
    "moxnas-pool",
    "moxnas-shares",
    "moxnas-smart",
    "moxnas-telemetry",
];

const OF_THE_SERVICE: &[&str] = &[
    "tokio",
    "sqlx",
    "sqlx-core",
    "sqlx-sqlite",
    "poem",
    "poem-openapi",
    "hyper",
    "clap",
    "reqwest",
    "rustls",
];

/// What must not come with a crate, by whatever way, with default features.
const NEVER: &[(&str, &[&str])] = &[
    ("moxnas-core", OF_THE_SERVICE),
    ("moxnas-raid", OF_THE_SERVICE),
    ("moxnas-pool", OF_THE_SERVICE),
    ("moxnas-shares", OF_THE_SERVICE),
    ("moxnas-smart", OF_THE_SERVICE),
    ("moxnas-telemetry", OF_THE_SERVICE),
    (
        "moxnas-app",
        &["poem", "poem-openapi", "clap", "hyper", "reqwest"],
    ),
    // One TLS provider in the whole product, and no C library for it.
    (
        "moxnas-cli",
        &[
            "aws-lc-rs",
            "aws-lc-sys",
            "openssl",
            "openssl-sys",
            "native-tls",
        ],
    ),
    (
        "xtask",
        &["tokio", "sqlx", "poem", "moxnas-app", "moxnas-core"],
    ),
];

/// What a crate must not name itself, although it comes with another one.
const NEVER_DIRECTLY: &[(&str, &[&str])] = &[
    ("moxnas-api", &["sqlx", "argon2", "jsonwebtoken"]),
    ("moxnas-cli", &["sqlx", "argon2", "jsonwebtoken"]),
];

struct Graph {
    /// Names by id.
    names: BTreeMap<String, String>,
    /// What is built into each, by id.
    uses: BTreeMap<String, Vec<String>>,
    /// Ids of our crates by name.
    ours: BTreeMap<String, String>,
}

fn cargo(words: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let run = Command::new(cargo)
        .args(words)
        .args(["--locked", "--offline"])
        .current_dir(crate::source::root())
        .output()
        .unwrap();
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    String::from_utf8(run.stdout).unwrap()
}

fn graph() -> Graph {
    let platform = "x86_64-unknown-linux-gnu";
    let output = cargo(&[
        "metadata",
        "--format-version",
        "1",
        "--filter-platform",
        platform,
    ]);
    let metadata: Value = serde_json::from_str(&output).unwrap();
    let text = |it: &Value| it.as_str().unwrap().to_owned();
    let packages = metadata["packages"].as_array().unwrap();
    let names: BTreeMap<String, String> = packages
        .iter()
        .map(|it| (text(&it["id"]), text(&it["name"])))
        .collect();
    let ours = metadata["workspace_members"].as_array().unwrap();
    let ours = ours
        .iter()
        .map(|id| (names[&text(id)].clone(), text(id)))
        .collect();
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    let used = |node: &Value| -> Vec<String> {
        let built_in = |it: &&Value| {
            let kinds = it["dep_kinds"].as_array().unwrap();
            kinds.iter().any(|it| it["kind"].is_null())
        };
        let edges = node["deps"].as_array().unwrap().iter().filter(built_in);
        edges.map(|it| text(&it["pkg"])).collect()
    };
    let uses = nodes
        .iter()
        .map(|node| (text(&node["id"]), used(node)))
        .collect();
    Graph { names, uses, ours }
}

impl Graph {
    fn directly(&self, id: &str) -> BTreeSet<&str> {
        self.uses[id]
            .iter()
            .map(|it| self.names[it].as_str())
            .collect()
    }
}

/// The names of all that comes with one of our packages, resolved for it alone: a feature that
/// another package of the workspace turns on does not count.
fn all_below(name: &str) -> BTreeSet<String> {
    let text = cargo(&[
        "tree",
        "--package",
        name,
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]);
    let names = text
        .lines()
        .filter_map(|it| it.split(' ').next())
        .map(str::to_owned);
    names.filter(|it| it != name && !it.is_empty()).collect()
}

#[test]
fn our_crates_use_each_other_in_one_direction() {
    let graph = graph();
    for (name, id) in &graph.ours {
        let row = MAY_USE.iter().find(|(it, _)| it == name);
        let (_, may) = row.unwrap_or_else(|| panic!("{name} is new: say here what it may use"));
        for used in graph
            .directly(id)
            .into_iter()
            .filter(|it| graph.ours.contains_key(*it))
        {
            assert!(may.contains(&used), "{name} must not use {used}");
        }
    }
}

#[test]
fn no_crate_brings_what_its_users_must_not_have() {
    let graph = graph();
    for (name, never) in NEVER {
        // Some are still to come.
        if !graph.ours.contains_key(*name) {
            continue;
        }
        let all = all_below(name);
        assert!(all.len() > 2, "{name}: the graph was read");
        for forbidden in *never {
            assert!(!all.contains(*forbidden), "{name} brings {forbidden}");
        }
    }
    for (name, never) in NEVER_DIRECTLY {
        let all = graph.directly(&graph.ours[*name]);
        for forbidden in *never {
            assert!(!all.contains(forbidden), "{name} names {forbidden}");
        }
    }
}

/// The test above would pass as well if it read nothing.
#[test]
fn the_graph_knows_what_is_allowed() {
    let app = all_below("moxnas-app");
    assert!(app.contains("tokio") && app.contains("sqlx") && app.contains("moxnas-core"));
    let cli = all_below("moxnas-cli");
    assert!(cli.contains("poem") && cli.contains("clap") && cli.contains("ring"));
}
