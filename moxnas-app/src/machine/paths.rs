//! The files of a simulated machine, as far as there are any: the folders of pools and datasets.

use std::sync::Arc;

use moxnas_core::folder::FolderPath;
use moxnas_pool::{
    backend::PoolBackend,
    dataset::{Folder, dataset_path},
    sim::SimPools,
    unit::mount_point,
};
use moxnas_shares::access::{
    IdMap, Kind, Last, Node, PathBackend, SharePath, Space, Trail, TrailError, sim::SimPaths,
};

/// Says what is on the way to a path of a simulated machine.
pub(super) struct SimFolders {
    pools: Arc<SimPools>,
}

impl SimFolders {
    pub(super) fn new(pools: Arc<SimPools>) -> SimFolders {
        SimFolders { pools }
    }

    fn now(&self, share: &str) -> SimPaths {
        let mut paths = SimPaths::new();
        let devices = self.pools.machine().state().block_devices();
        let pools = self.pools.observe(&devices).unwrap_or_default();
        for (mount, pool) in (2..).zip(pools.all.iter().filter(|it| it.is_mounted)) {
            let folder = |path: &str| Node {
                mount,
                ..Node::new(path, Kind::Folder)
            };
            let top = mount_point(&pool.name);
            paths.put(folder(&top));
            let Ok(contents) = self.pools.contents(pool) else {
                continue;
            };
            for dataset in &contents.datasets {
                let path = dataset_path(&pool.name, &dataset.name);
                let mut node = folder(&path);
                if let Some(Folder { owner, access, .. }) = &dataset.folder {
                    (node.uid, node.gid) = (owner.user.id, owner.group.id);
                    node.mode = access.mode();
                    node.acl = access.acl.mask.is_some().then(|| access.acl.clone());
                }
                node.is_read_only = dataset.read_only;
                paths.put(node);
            }
            if moxnas_core::folder::is_in(share, &top) {
                let space = Space {
                    bytes: contents.space.available.0,
                    files: contents
                        .space
                        .inodes
                        .map(|it| it.total.saturating_sub(it.used)),
                };
                paths.set(Some(space), IdMap::default());
            }
        }
        paths
    }
}

impl PathBackend for SimFolders {
    fn trail(&self, share: &FolderPath, path: &SharePath, last: Last) -> Result<Trail, TrailError> {
        self.now(share.as_str()).trail(share, path, last)
    }

    fn ids(&self) -> Result<IdMap, TrailError> {
        Ok(IdMap::default())
    }
}
