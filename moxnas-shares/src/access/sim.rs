//! Files that are not there: what somebody put in, and no more.
//!
//! It knows of places what a trail says of them. Nothing goes wrong by itself; what can be arranged
//! is a place that cannot be looked at ([`SimPaths::damage`]). Never arranged: a kernel that says
//! of a place what is not so.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use moxnas_core::folder::FolderPath;

use super::{
    Flags, IdMap, Kind, Last, Node, PathBackend, SharePath, Space, Trail, TrailError,
    walk::{Found, Tree, walk},
};

/// Files that are not there.
#[derive(Clone, Debug, Default)]
pub struct SimPaths {
    places: BTreeMap<String, Node>,
    damaged: BTreeSet<String>,
    space: Option<Space>,
    ids: IdMap,
}

impl SimPaths {
    /// A machine with nothing but `/`, which is root's.
    #[must_use]
    pub fn new() -> SimPaths {
        let mut paths = SimPaths::default();
        paths.put(Node::new("/", Kind::Folder));
        paths
    }

    /// Put something at its path, in place of what is there. The folders above are made as those of
    /// root, if they are not there.
    pub fn put(&mut self, node: Node) {
        let above = node.path.rsplit_once('/').map(|(above, _)| above);
        if let Some(above) = above.filter(|it| !it.is_empty() && !self.places.contains_key(*it)) {
            self.put(Node::new(above, Kind::Folder));
        }
        self.places.insert(node.path.clone(), node);
    }

    /// What is at a path, if anything.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Node> {
        self.places.get(path)
    }

    /// Take away what is at a path.
    pub fn remove(&mut self, path: &str) {
        self.places.remove(path);
    }

    /// Let a place be one that cannot be looked at.
    pub fn damage(&mut self, path: &str) {
        self.damaged.insert(path.to_owned());
    }

    /// Say what room there is, and which numbers.
    pub fn set(&mut self, space: Option<Space>, ids: IdMap) {
        self.space = space;
        self.ids = ids;
    }

    fn find(&self, path: &str) -> Result<Option<Found<String>>, TrailError> {
        if self.damaged.contains(path) {
            return Err(TrailError::Place {
                path: path.to_owned(),
                cause: io::Error::other("arranged"),
            });
        }
        Ok(self.places.get(path).map(|node| Found {
            place: path.to_owned(),
            node: node.clone(),
        }))
    }
}

impl Node {
    /// Something of root's that everybody may read, and nobody else change.
    #[must_use]
    pub fn new(path: &str, kind: Kind) -> Node {
        let mode = match kind {
            Kind::Folder => 0o755,
            Kind::Link(_) => 0o777,
            Kind::File | Kind::Other => 0o644,
        };
        Node {
            path: path.to_owned(),
            keeps_acl: !matches!(kind, Kind::Link(_)),
            kind,
            uid: 0,
            gid: 0,
            mode,
            acl: None,
            flags: Flags::default(),
            mount: 1,
            is_read_only: false,
        }
    }
}

impl PathBackend for SimPaths {
    fn trail(&self, share: &FolderPath, path: &SharePath, last: Last) -> Result<Trail, TrailError> {
        walk(self, share, path, last)
    }

    fn ids(&self) -> Result<IdMap, TrailError> {
        Ok(self.ids.clone())
    }
}

impl Tree for SimPaths {
    type Place = String;

    fn top(&self) -> Result<Found<String>, TrailError> {
        let top = self.find("/")?;
        Ok(top.unwrap_or_else(|| Found {
            place: "/".to_owned(),
            node: Node::new("/", Kind::Folder),
        }))
    }

    fn below(
        &self,
        _: &String,
        _: &str,
        path: String,
    ) -> Result<Option<Found<String>>, TrailError> {
        self.find(&path)
    }

    fn space(&self, _: &String) -> Option<Space> {
        self.space
    }
}
