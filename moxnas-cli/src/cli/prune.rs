//! Which snapshots to keep.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use moxnas_api::wire::datasets::KeepRules;

#[derive(Debug, Subcommand)]
pub(crate) enum PruneVerb {
    /// Show which snapshots would stay and which would go; needs no machine and removes nothing
    Simulate(SimulatePrune),
}

#[derive(Debug, Args)]
#[command(
    after_help = RULES,
    group = ArgGroup::new("snapshots").args(["times", "every"]).required(true).multiple(true)
)]
pub(crate) struct SimulatePrune {
    /// The snapshots that there are: a line each with a time such as 2026-03-28T23:00:00+01:00, and
    /// behind it, if so, `protected` and `incomplete`; # begins a comment, - is the standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) times: Option<PathBuf>,
    /// Look ahead: a snapshot whenever this comes, an expression of systemd or cron such as
    /// "daily", and prune after each
    #[arg(long, value_name = "EXPRESSION")]
    pub(crate) every: Option<String>,
    /// How many days to look ahead
    #[arg(long, default_value_t = 400, requires = "every", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) days: u16,
    /// From when to look ahead; from now on if left out
    #[arg(long, value_name = "TIME", requires = "every")]
    pub(crate) from: Option<String>,
    #[command(flatten)]
    pub(crate) keep: KeepRules,
    /// Say of each snapshot why it stays or goes
    #[arg(long)]
    pub(crate) explain: bool,
    /// Whose hours, days, weeks, months and years count, such as Europe/Berlin; those of here if left
    /// out
    #[arg(long, value_name = "ZONE")]
    pub(crate) tz: Option<String>,
}

/// What the options mean together.
const RULES: &str = "\
The rules are those of Proxmox Backup. They are gone through in the order last, hourly, daily, \
weekly, monthly, yearly. Each counts only periods that have snapshots and of which no rule before \
it keeps one; what else there is in a period that it counts goes. Protected snapshots stay and are \
not counted. An incomplete one stays if it is the newest of all. Without any keep option \
everything stays.

With --times and --every the snapshots of the file are there at the start.

Examples:
  moxnas prune simulate --times snapshots.txt --keep-daily 7 --keep-weekly 4 --explain
  moxnas prune simulate --every hourly --keep-last 3 --keep-hourly 24 --keep-daily 7";
