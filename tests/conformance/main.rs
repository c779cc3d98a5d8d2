//! The scenarios on the simulation: what they see is committed, and a simulation that is wrong is
//! found out.

mod wrong;
mod wrong_pools;
mod wrong_shares;

use anyhow::Result;
use moxnas_tests::conformance::{
    SimWorld,
    pools::{self, SimPoolWorld},
    raid,
    shares::{self, SimShareWorld},
};

/// One test for each, so that each shows by name what it saw.
macro_rules! on_the_simulation {
    (smoke { $($smoke:ident)* } more { $($more:ident)* }) => {
        $(#[test] fn $smoke() -> Result<()> { check(stringify!($smoke)) })*
        $(#[test] fn $more() -> Result<()> { check(stringify!($more)) })*
    };
}
moxnas_tests::for_each_scenario!(on_the_simulation);

fn check(name: &str) -> Result<()> {
    let scenario = raid::scenario(name).expect("the macro lists what there is");
    insta::assert_snapshot!(name, scenario.journal(&mut SimWorld::new())?);
    Ok(())
}

mod pool_conformance {
    /// One test for each of those of pools.
    macro_rules! on_the_simulation {
        ($($name:ident)*) => {
            $(#[test] fn $name() -> super::Result<()> { super::check_pools(stringify!($name)) })*
        };
    }
    moxnas_tests::for_each_pool_scenario!(on_the_simulation);
}

fn check_pools(name: &str) -> Result<()> {
    let scenario = pools::scenario(name).expect("the macro lists what there is");
    insta::assert_snapshot!(name, scenario.journal(&mut SimPoolWorld::new())?);
    Ok(())
}

mod share_conformance {
    /// One test for each of those of shares and accounts.
    macro_rules! on_the_simulation {
        ($($name:ident)*) => {
            $(#[test] fn $name() -> super::Result<()> { super::check_shares(stringify!($name)) })*
        };
    }
    moxnas_tests::for_each_share_scenario!(on_the_simulation);
}

fn check_shares(name: &str) -> Result<()> {
    let scenario = shares::scenario(name).expect("the macro lists what there is");
    insta::assert_snapshot!(
        format!("shares_{name}"),
        scenario.journal(&mut SimShareWorld::new())?
    );
    Ok(())
}
