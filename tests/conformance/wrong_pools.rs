//! Simulations of pools that are wrong on purpose.

use std::collections::BTreeMap;

use anyhow::Result;
use moxnas_core::{disk::BlockDevices, units::Bytes};
use moxnas_pool::{
    check::Outcome,
    dataset::Contents,
    model::{Pool, Pools},
    plan::Step,
};
use moxnas_tests::conformance::{
    compare,
    pools::{Deed, PoolWorld, SimPoolWorld, Told, scenario},
};

/// What is falsified.
#[derive(Clone, Copy)]
struct Lies {
    pools: fn(&mut Pools),
    contents: fn(&mut Contents),
    files: fn(&mut BTreeMap<String, usize>),
    told: fn(Told<()>) -> Told<()>,
}

const HONEST: Lies = Lies {
    pools: |_| (),
    contents: |_| (),
    files: |_| (),
    told: |it| it,
};

struct Wrong {
    world: SimPoolWorld,
    lies: Lies,
}

impl PoolWorld for Wrong {
    fn look(&mut self) -> Result<(BlockDevices, Pools)> {
        let (devices, mut pools) = self.world.look()?;
        (self.lies.pools)(&mut pools);
        Ok((devices, pools))
    }
    fn contents(&mut self, pool: &Pool) -> Result<Contents> {
        let mut contents = self.world.contents(pool)?;
        (self.lies.contents)(&mut contents);
        Ok(contents)
    }
    fn apply(&mut self, step: &Step) -> Result<Told<()>> {
        self.world.apply(step)
    }
    fn check(&mut self, step: &Step) -> Result<Told<Outcome>> {
        self.world.check(step)
    }
    fn deed(&mut self, deed: &Deed) -> Result<Told<()>> {
        Ok((self.lies.told)(self.world.deed(deed)?))
    }
    fn files(&mut self, pool: &str, places: &[String]) -> Result<Vec<BTreeMap<String, usize>>> {
        let mut files = self.world.files(pool, places)?;
        files.iter_mut().for_each(self.lies.files);
        Ok(files)
    }
    fn has_option(&mut self, pool: &str, option: &str) -> Result<bool> {
        self.world.has_option(pool, option)
    }
}

const WRONG: [(&str, Lies); 8] = [
    (
        "every pool is wanted at each start",
        Lies {
            pools: |it| it.all.iter_mut().for_each(|it| it.is_wanted = true),
            ..HONEST
        },
    ),
    (
        "nothing has an option",
        Lies {
            pools: |it| it.all.iter_mut().for_each(|it| it.options.clear()),
            ..HONEST
        },
    ),
    (
        "a quota is forgotten",
        Lies {
            contents: |it| it.datasets.iter_mut().for_each(|it| it.quota = None),
            ..HONEST
        },
    ),
    (
        "a snapshot has nothing to itself",
        Lies {
            contents: |it| {
                for usage in it.snapshots.iter_mut().filter_map(|it| it.usage.as_mut()) {
                    usage.exclusive = Bytes(0);
                }
            },
            ..HONEST
        },
    ),
    (
        "snapshots can be written",
        Lies {
            contents: |it| it.snapshots.iter_mut().for_each(|it| it.read_only = false),
            ..HONEST
        },
    ),
    (
        "a clone has no origin",
        Lies {
            contents: |it| it.datasets.iter_mut().for_each(|it| it.origin = None),
            ..HONEST
        },
    ),
    (
        "a file holds what was written first",
        Lies {
            files: |it| it.values_mut().for_each(|it| *it = 1),
            ..HONEST
        },
    ),
    (
        "each write is taken",
        Lies {
            told: |_| Ok(()),
            ..HONEST
        },
    ),
];

#[test]
fn a_wrong_simulation_of_pools_is_found_out() -> Result<()> {
    let names = [
        "a_quota_survives_a_rollback_and_a_start",
        "a_pool_that_is_unmounted_stays_so",
        "a_pool_of_xfs_lives_and_dies",
    ];
    for (what, lies) in WRONG {
        let mut is_found_out = false;
        for scenario in names.map(|it| scenario(it).expect("it is listed")) {
            let right = scenario.journal(&mut SimPoolWorld::new())?;
            let world = SimPoolWorld::new();
            let mut honest = Wrong {
                world,
                lies: HONEST,
            };
            compare(&right, &scenario.journal(&mut honest)?)?;
            let world = SimPoolWorld::new();
            // One that is so wrong that the scenario cannot go on is found out as well.
            let seen = scenario.journal(&mut Wrong { world, lies });
            is_found_out |= seen.map_or(true, |it| compare(&right, &it).is_err());
        }
        assert!(is_found_out, "it was taken for right that {what}");
    }
    Ok(())
}
