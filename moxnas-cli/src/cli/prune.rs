//! Which snapshots to keep.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use moxnas_pool::prune::Keep;

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
    pub(crate) keep: KeepOptions,
    /// Say of each snapshot why it stays or goes
    #[arg(long)]
    pub(crate) explain: bool,
    /// Whose hours, days, weeks, months and years count, such as Europe/Berlin; those of here if left
    /// out
    #[arg(long, value_name = "ZONE")]
    pub(crate) tz: Option<String>,
}

/// How many snapshots stay. A count of none would remove everything and is refused.
#[derive(Debug, Args)]
pub(crate) struct KeepOptions {
    /// Keep the newest N snapshots
    #[arg(long, value_name = "N", value_parser = count())]
    pub(crate) keep_last: Option<u32>,
    /// Keep the newest snapshot of each of N hours
    #[arg(long, value_name = "N", value_parser = count())]
    pub(crate) keep_hourly: Option<u32>,
    /// Keep the newest snapshot of each of N days
    #[arg(long, value_name = "N", value_parser = count())]
    pub(crate) keep_daily: Option<u32>,
    /// Keep the newest snapshot of each of N weeks, which begin on Monday
    #[arg(long, value_name = "N", value_parser = count())]
    pub(crate) keep_weekly: Option<u32>,
    /// Keep the newest snapshot of each of N months
    #[arg(long, value_name = "N", value_parser = count())]
    pub(crate) keep_monthly: Option<u32>,
    /// Keep the newest snapshot of each of N years
    #[arg(long, value_name = "N", value_parser = count())]
    pub(crate) keep_yearly: Option<u32>,
}

fn count() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..)
}

impl KeepOptions {
    pub(crate) fn counts(&self) -> Keep {
        Keep {
            last: self.keep_last,
            hourly: self.keep_hourly,
            daily: self.keep_daily,
            weekly: self.keep_weekly,
            monthly: self.keep_monthly,
            yearly: self.keep_yearly,
        }
    }
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
