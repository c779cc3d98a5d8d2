//! The same ways on the machine and on the simulated one.

use std::{fs, os::unix::fs::symlink, path::Path};

use moxnas_core::{folder::FolderPath, root::Root};
use moxnas_shares::access::{
    End, Last, Node, PathBackend, SharePath, Trail, TrailError, real::SystemPaths, sim::SimPaths,
};

/// Folders end with a slash, links have an arrow.
const TREE: &[&str] = &[
    "tank/",
    "tank/photos/",
    "tank/photos/2026/",
    "tank/photos/2026/one.jpg",
    "tank/photos/by-name -> 2026",
    "tank/photos/one -> 2026/one.jpg",
    "tank/photos/deep -> by-name/../2026/./one.jpg",
    "tank/photos/top -> 2026/..",
    "tank/photos/whole -> /tank/photos/2026",
    "tank/photos/out -> ../secret",
    "tank/photos/far -> /etc",
    "tank/photos/same -> same",
    "tank/photos/nothing -> no-such",
    "tank/secret/",
    "tank/secret/key",
    "pictures -> tank/photos",
    "alias -> /pictures",
];

struct Both {
    folder: tempfile::TempDir,
    sim: SimPaths,
}

impl Both {
    fn new() -> Both {
        let folder = tempfile::tempdir().unwrap();
        let mut sim = SimPaths::new();
        for line in TREE {
            let at = |path: &str| folder.path().join(path);
            match (line.split_once(" -> "), line.strip_suffix('/')) {
                (Some((path, target)), _) => symlink(target, at(path)).unwrap(),
                (None, Some(path)) => fs::create_dir(at(path)).unwrap(),
                (None, None) => fs::write(at(line), "").unwrap(),
            }
        }
        let root = Root::fixture(folder.path());
        let real = SystemPaths::new(root);
        // What is in the one is put into the other, place by place.
        for line in TREE {
            let path = line.split(" -> ").next().unwrap().trim_end_matches('/');
            let trail = real
                .trail(&share("/"), &path.parse().unwrap(), Last::Keep)
                .unwrap();
            assert_eq!(trail.end, End::Reached, "{line}");
            trail.nodes.into_iter().for_each(|it: Node| sim.put(it));
        }
        Both { folder, sim }
    }

    /// What both say.
    fn trail(&self, of: &str, path: &str, last: Last) -> Trail {
        let path: SharePath = path.parse().unwrap();
        let real = SystemPaths::new(Root::fixture(self.folder.path()));
        let ask = |backend: &dyn PathBackend| {
            let trail = backend.trail(&share(of), &path, last).unwrap();
            Trail {
                space: None,
                ..trail
            }
        };
        let trail = ask(&real);
        assert_eq!(trail, ask(&self.sim), "{of} {path}");
        trail
    }
}

fn share(path: &str) -> FolderPath {
    path.parse().unwrap()
}

fn last(trail: &Trail) -> &str {
    &trail.nodes.last().unwrap().path
}

#[test]
fn a_way_ends_where_it_leads_and_never_leaves_the_share() {
    let both = Both::new();
    let missing = |name: &str, is_last| End::Missing {
        name: name.to_owned(),
        is_last,
    };
    for of in ["/tank/photos", "/pictures", "/alias"] {
        for (path, last_of, end) in [
            ("", "/tank/photos", End::Reached),
            ("2026/one.jpg", "/tank/photos/2026/one.jpg", End::Reached),
            ("by-name/one.jpg", "/tank/photos/2026/one.jpg", End::Reached),
            ("one", "/tank/photos/2026/one.jpg", End::Reached),
            ("deep", "/tank/photos/2026/one.jpg", End::Reached),
            ("top", "/tank/photos", End::Reached),
            ("top/top/2026", "/tank/photos/2026", End::Reached),
            ("out", "/tank/photos/out", End::LeavesShare),
            ("out/key", "/tank/photos/out", End::LeavesShare),
            ("far", "/tank/photos/far", End::LeavesShare),
            ("same", "/tank/photos/same", End::Circle),
            ("nothing", "/tank/photos", missing("no-such", false)),
            ("2026/new", "/tank/photos/2026", missing("new", true)),
            ("2026/new/x", "/tank/photos/2026", missing("new", false)),
            ("top/new", "/tank/photos", missing("new", true)),
            ("one/x", "/tank/photos/2026/one.jpg", End::NotAFolder),
        ] {
            let trail = both.trail(of, path, Last::Follow);
            assert_eq!((last(&trail), &trail.end), (last_of, &end), "{of} {path}");
            let start = &trail.nodes[trail.share];
            assert_eq!(start.path, "/tank/photos", "{of} {path}");
            let is_within = |it: &Node| Path::new(&it.path).starts_with("/tank/photos");
            assert!(trail.nodes[trail.share..].iter().all(is_within));
        }
    }
    // A link from the top on is within the share by the name that the share is known by.
    let whole = both.trail("/tank/photos", "whole", Last::Follow);
    assert_eq!(last(&whole), "/tank/photos/2026");
    let foreign = both.trail("/pictures", "whole", Last::Follow);
    assert_eq!(foreign.end, End::LeavesShare);
}

#[test]
fn a_link_that_is_meant_is_not_followed() {
    let both = Both::new();
    for name in ["out", "same", "nothing", "top", "by-name"] {
        let trail = both.trail("/tank/photos", name, Last::Keep);
        let path = format!("/tank/photos/{name}");
        assert_eq!((last(&trail), &trail.end), (path.as_str(), &End::Reached));
    }
    // Those before it are.
    let trail = both.trail("/tank/photos", "by-name/one.jpg", Last::Keep);
    assert_eq!(last(&trail), "/tank/photos/2026/one.jpg");
}

#[test]
fn a_share_that_is_no_folder_is_said() {
    let both = Both::new();
    for of in [
        "/none",
        "/tank/none/x",
        "/tank/secret/key",
        "/tank/photos/same",
    ] {
        let end = both.trail(of, "", Last::Follow).end;
        assert!(matches!(end, End::NoShare | End::Circle), "{of}: {end:?}");
    }
}

#[test]
fn what_cannot_be_looked_at_is_an_error() {
    let mut both = Both::new();
    both.sim.damage("/tank/photos/2026");
    let path = "2026/one.jpg".parse().unwrap();
    let err = both.sim.trail(&share("/tank/photos"), &path, Last::Follow);
    let err: TrailError = err.unwrap_err();
    assert_eq!(err.to_string(), "/tank/photos/2026 could not be looked at");
    assert_eq!(err.code(), "path_not_looked_at");
    assert!(err.hint().is_some());
}
