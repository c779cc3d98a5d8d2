//! The scenarios on real md: what they see is what the simulation shows.

use anyhow::Result;
use moxnas_tests::{
    conformance::{
        LabWorld, SimWorld, compare, in_dialect,
        pools::{self, LabPoolWorld, SimPoolWorld},
        raid,
        shares::{self, LabShareWorld, SimShareWorld},
    },
    lab::Lab,
};

macro_rules! on_real_md {
    (smoke { $($smoke:ident)* } more { $($more:ident)* }) => {
        mod smoke_conformance {
            $(#[test] fn $smoke() -> super::Result<()> { super::check(stringify!($smoke)) })*
        }
        $(#[test] fn $more() -> Result<()> { check(stringify!($more)) })*
    };
}
moxnas_tests::for_each_scenario!(on_real_md);

fn check(name: &str) -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let suite = lab.suite()?;
    let scenario = raid::scenario(name).expect("the macro lists what there is");
    let simulated = scenario.journal(&mut SimWorld::new())?;
    let real = scenario.journal(&mut LabWorld::start(lab)?)?;
    compare(&in_dialect(suite, name, &simulated)?, &real)
}

/// The scenarios of pools on real filesystems.
mod pool_conformance {
    macro_rules! on_real_filesystems {
        ($($name:ident)*) => {
            $(#[test] fn $name() -> super::Result<()> { super::check_pools(stringify!($name)) })*
        };
    }
    moxnas_tests::for_each_pool_scenario!(on_real_filesystems);
}

fn check_pools(name: &str) -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let suite = lab.suite()?;
    let scenario = pools::scenario(name).expect("the macro lists what there is");
    let simulated = scenario.journal(&mut SimPoolWorld::new())?;
    let real = scenario.journal(&mut LabPoolWorld::start(lab)?)?;
    compare(&in_dialect(suite, name, &simulated)?, &real)
}

/// The scenarios of shares and accounts with real daemons.
mod share_conformance {
    macro_rules! on_real_daemons {
        ($($name:ident)*) => {
            $(#[test] fn $name() -> super::Result<()> { super::check_shares(stringify!($name)) })*
        };
    }
    moxnas_tests::for_each_share_scenario!(on_real_daemons);
}

fn check_shares(name: &str) -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let suite = lab.suite()?;
    let scenario = shares::scenario(name).expect("the macro lists what there is");
    let simulated = scenario.journal(&mut SimShareWorld::new())?;
    let real = scenario.journal(&mut LabShareWorld::start(lab)?)?;
    compare(&in_dialect(suite, name, &simulated)?, &real)
}
