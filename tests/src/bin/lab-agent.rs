//! The lab's hand in the guest: does what a test on the host asks, one JSON object a line over TCP.
//!
//! It destroys disks, so it starts only on a machine that is a lab: see `guard`.

use moxnas_tests::lab::agent;

fn main() -> anyhow::Result<()> {
    agent::serve()
}
