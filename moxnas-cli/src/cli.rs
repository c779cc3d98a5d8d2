//! The command line: nouns and verbs over the wire types.

mod access;
mod accounts;
mod audit;
mod database;
mod prune;
mod remote;
mod services;
mod shares;
mod storage;
mod work;

use std::{ffi::OsString, net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use moxnas_api::wire::{
    arrays::{
        AddMember, AssembleArray, CreateArray, GrowArray, ReplaceMember, ScrubArray, SetArray,
    },
    disks::{BurnInDisk, WipeDisk},
    simulation::FaultKind,
};

pub(crate) use self::{
    access::{KeyVerb, Login, SessionVerb, TotpVerb, UserTotpVerb, UserVerb},
    accounts::{AccountSambaVerb, AccountVerb, GroupVerb},
    audit::{AuditFilter, AuditVerb, VerifyAudit},
    database::{DatabasePlace, DbVerb},
    prune::{PruneVerb, SimulatePrune},
    remote::{ReplicaVerb, TargetVerb},
    services::ServiceVerb,
    shares::{FaceVerb, ReadShares, RenderShares, SettingsVerb, ShareSessionVerb, ShareVerb},
    storage::{DatasetVerb, PoolDeviceVerb, PoolVerb, SnapshotVerb},
    work::{JobId, JobVerb, NextRuns, Patience, ScheduleName, ScheduleVerb},
};

/// Manage a storage server: disks, md arrays, and what stands on them
///
/// Without --server, --socket, --local or --sim a command goes to the service on this machine, or,
/// if none runs, does its work by itself.
#[derive(Debug, Parser)]
#[command(
    name = "moxnas",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 done, 1 refused or invalid, 2 broken.\n\
                  Try it without a disk: moxnas --sim small-office array list"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) noun: Noun,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// Talk to the service at this URL
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "MOXNAS_SERVER",
        hide_env_values = true
    )]
    pub(crate) server: Option<String>,
    /// Trust this certificate authority, PEM, for --server
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "MOXNAS_CACERT",
        hide_env_values = true
    )]
    pub(crate) cacert: Option<PathBuf>,
    /// The Unix socket of the service
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// Do the work in this process, without a service
    #[arg(long, global = true, conflicts_with_all = ["server", "sim"])]
    pub(crate) local: bool,
    /// Use a simulated machine: small-office, sandbox, raid6-two-failed, raid5-dead, blank, large,
    /// or a file
    #[arg(
        long,
        global = true,
        value_name = "SCENARIO",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = DEFAULT_SCENARIO,
    )]
    pub(crate) sim: Option<String>,
    /// How to show results
    #[arg(long, global = true, value_enum, default_value = "table")]
    pub(crate) output: Output,
    /// Show the plan of a change and stop
    #[arg(long, global = true)]
    pub(crate) dry_run: bool,
    /// Agree to the plan of a change without being asked
    #[arg(long, global = true)]
    pub(crate) yes: bool,
}

/// What `--sim` without a name means.
const DEFAULT_SCENARIO: &str = "small-office";

/// How results are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Table,
    /// As the REST interface sends it
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Noun {
    /// Run the service
    Serve(Serve),
    /// Disks
    #[command(subcommand)]
    Disk(DiskVerb),
    /// md arrays
    #[command(subcommand)]
    Array(ArrayVerb),
    /// Pools: filesystems, and where they are mounted
    #[command(subcommand)]
    Pool(PoolVerb),
    /// Datasets: places for data in a pool, each with a quota and snapshots of its own
    #[command(subcommand)]
    Dataset(DatasetVerb),
    /// Snapshots: datasets as they were
    #[command(subcommand)]
    Snapshot(SnapshotVerb),
    /// Shares: what is offered to the network, and to whom
    #[command(subcommand)]
    Share(ShareVerb),
    /// Services: the daemons that serve
    #[command(subcommand)]
    Service(ServiceVerb),
    /// Users of the machine, to whom shares are offered
    #[command(subcommand)]
    Account(AccountVerb),
    /// Groups of the machine
    #[command(subcommand)]
    Group(GroupVerb),
    /// Other machines that replicas may be sent to
    #[command(subcommand)]
    Target(TargetVerb),
    /// Being a machine that replicas are sent to
    #[command(subcommand)]
    Replica(ReplicaVerb),
    /// The machine as a whole
    #[command(subcommand)]
    System(SystemVerb),
    /// Work that goes on after its command, and what came of it
    #[command(subcommand)]
    Job(JobVerb),
    /// What runs by itself, and when
    #[command(subcommand)]
    Schedule(ScheduleVerb),
    /// Which snapshots to keep
    #[command(subcommand)]
    Prune(PruneVerb),
    /// Log in to a service, and stay logged in
    Login(Login),
    /// End the session of `moxnas login`
    Logout,
    /// Change the password of one's own login; all its other sessions end
    Password {
        /// Read both from the standard input, a line each: the password so far and the new one
        #[arg(long)]
        password_stdin: bool,
    },
    /// Logins
    #[command(subcommand)]
    User(UserVerb),
    /// Sessions: one's own, or those of a login
    #[command(subcommand)]
    Session(SessionVerb),
    /// API keys: what programs show instead of logging in
    #[command(subcommand)]
    Key(KeyVerb),
    /// The second factor of one's own login
    #[command(subcommand)]
    Totp(TotpVerb),
    /// Read a text of the kernel or of mdadm and show what it says; needs no machine
    #[command(subcommand)]
    Decode(DecodeVerb),
    /// A simulated machine: break things, and let time pass
    #[command(subcommand)]
    Sim(SimVerb),
    /// Who did what
    #[command(subcommand)]
    Audit(AuditVerb),
    /// The database, on the machine itself
    #[command(subcommand)]
    Db(DbVerb),
    /// Check whether this machine has what MoxNAS needs
    Doctor,
    /// Write the completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the unit by which systemd runs the service
    #[command(after_help = UNIT)]
    Unit {
        /// The program; this one if left out
        #[arg(long, value_name = "FILE")]
        program: Option<PathBuf>,
        /// The settings file; /etc/moxnas/moxnas.toml if left out
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Write the manual pages
    Man {
        /// The folder for all pages; the first page to the terminal if left out
        dir: Option<PathBuf>,
    },
}

/// How a unit is put to use.
const UNIT: &str = "\
moxnas unit > /etc/systemd/system/moxnas.service
systemctl daemon-reload
systemctl enable --now moxnas";

/// Run the service
#[derive(Debug, Args)]
#[command(after_help = SETTINGS)]
pub(crate) struct Serve {
    /// Address and port to listen on; 127.0.0.1:8000 if nothing says otherwise
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// Where logins and history are kept; /var/lib/moxnas if nothing says otherwise
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The settings file; /etc/moxnas/moxnas.toml if it is there
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// HTTPS with a certificate that the service makes, and keeps in its data folder
    #[arg(long, value_enum, conflicts_with_all = ["tls_cert", "tls_key"])]
    pub(crate) tls: Option<Tls>,
    /// TLS certificate chain, PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// TLS private key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Listen on other addresses than loopback without TLS
    #[arg(long)]
    pub(crate) insecure_http: bool,
}

/// What only the settings file and the environment say.
const SETTINGS: &str = "\
The settings file also has trusted_proxies, allowed_hosts, cors_origins (in the environment:
TRUSTED_PROXIES, ALLOWED_HOSTS, CORS_ORIGINS, with commas) and the table [limits]: body_bytes,
header_seconds, connections, connections_per_client, requests_per_second and
auth_requests_per_second. moxnas.example.toml explains each.

SIGHUP has the certificate read again; a change of its files is also seen within a minute.";

/// Where the certificate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tls {
    /// The service itself
    SelfSigned,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DiskVerb {
    /// List all disks
    List,
    /// Show a disk
    Show {
        /// Id, serial number or kernel name
        disk: String,
    },
    /// Say what happens if a disk leaves now: what runs on, what is lost, how long the repair takes
    Consequences {
        /// Id, serial number or kernel name
        disk: String,
    },
    /// Wipe a disk; all that is on it is lost
    Wipe {
        /// Id, serial number or kernel name
        disk: String,
        #[command(flatten)]
        body: WipeDisk,
        #[command(flatten)]
        patience: Patience,
    },
    /// Try out a disk: write and read all of it, then have it test itself; all that is on it is lost
    BurnIn {
        /// Id, serial number or kernel name
        disk: String,
        #[command(flatten)]
        body: BurnInDisk,
        #[command(flatten)]
        patience: Patience,
    },
    /// Switch on the light of a disk's slot
    Locate {
        /// Id, serial number or kernel name
        disk: String,
        /// Switch it off
        #[arg(long)]
        off: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ArrayVerb {
    /// List all arrays
    List,
    /// Show an array
    Show(ArrayName),
    /// Create an array from whole disks or partitions
    Create(CreateArray),
    /// Delete an array; its data is lost
    Delete(ArrayName),
    /// Stop an array; its members keep everything
    Stop(ArrayName),
    /// Start an array that is stopped, or was started in part
    Assemble(AssembleArray),
    /// Add a device: for an empty slot at once, or as a spare
    Add {
        #[command(flatten)]
        array: ArrayName,
        #[command(flatten)]
        body: AddMember,
    },
    /// Take a member back that was away: a bitmap makes it a matter of seconds
    ReAdd(MemberName),
    /// Grow it: more members, more of each member, another level, layout or chunk
    Grow {
        #[command(flatten)]
        array: ArrayName,
        #[command(flatten)]
        body: GrowArray,
    },
    /// Set what can be set while it runs: read-only, paused, speed limits, and the like
    Set {
        #[command(flatten)]
        array: ArrayName,
        #[command(flatten)]
        body: SetArray,
    },
    /// Move a spare within its group to an array that needs it, which the service does by itself
    MoveSpare,
    /// Mark a member as faulty
    Fail(MemberName),
    /// Remove a faulty member or a spare
    Remove(MemberName),
    /// Replace a member; redundancy is kept while it runs
    Replace {
        #[command(flatten)]
        member: MemberName,
        #[command(flatten)]
        body: ReplaceMember,
    },
    /// List the arrays that should be there, and what is not as it should be
    Expected,
    /// Agree to what is there: from now on it is expected
    Accept(Accept),
    /// Begin or end a check or a repair
    Scrub {
        #[command(flatten)]
        array: ArrayName,
        #[command(flatten)]
        body: ScrubArray,
        #[command(flatten)]
        patience: Patience,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ArrayName {
    /// Name, UUID or kernel name of the array
    pub(crate) array: String,
}

#[derive(Debug, Args)]
pub(crate) struct Accept {
    /// Name or UUID of the array; one that is not there is then expected no more
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub(crate) array: Option<String>,
    /// All that is there, and nothing else
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct MemberName {
    /// Name, UUID or kernel name of the array
    pub(crate) array: String,
    /// The member, by id, serial number or kernel name
    pub(crate) device: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SystemVerb {
    /// Show whether everything works, and what does not
    Health,
    /// Show what machine this is
    Info,
    /// Show what can work on this machine, and what cannot, as in a container
    Capabilities,
    /// Show what the kernels know of arrays while they start
    Initramfs,
    /// Make every initramfs again that does not name the arrays as they are
    UpdateInitramfs {
        #[command(flatten)]
        patience: Patience,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum DecodeVerb {
    /// The text of /proc/mdstat
    Mdstat(DecodeFile),
    /// The text of `mdadm --detail`, plain or with --export
    Detail(DecodeFile),
    /// The text of `mdadm --examine`, plain or with --export
    Examine(DecodeFile),
}

#[derive(Debug, Args)]
pub(crate) struct DecodeFile {
    /// The file, or - for the standard input
    pub(crate) file: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SimVerb {
    /// Show the simulated machine
    Show,
    /// Let something go wrong
    Fault {
        /// What goes wrong
        #[arg(value_enum)]
        kind: FaultKind,
        /// Serial number of the disk: pull, plug-back, plug-new, failing
        #[arg(long)]
        serial: Option<String>,
        /// The disk: signature
        #[arg(long)]
        device: Option<String>,
        /// Size of the new disk in bytes: plug-new
        #[arg(long, value_name = "BYTES")]
        size: Option<u64>,
        /// What appears, such as ext4: signature
        #[arg(long)]
        signature: Option<String>,
        /// The pool: filesystem-…
        #[arg(long)]
        pool: Option<String>,
        /// Part of the text of the step that is struck: step-…
        #[arg(long)]
        step: Option<String>,
    },
    /// Let time pass
    Advance {
        /// How much: 90s, 15m, 6h, 30d
        #[arg(value_parser = duration)]
        time: u64,
    },
}

/// Seconds in a text like `90s`, `15m`, `6h`, `30d`.
fn duration(text: &str) -> Result<u64, String> {
    let split = text
        .find(|it: char| !it.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = match unit {
        "s" | "" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        _ => return Err(format!("{unit:?} is none of s, m, h and d")),
    };
    let number: u64 = number
        .parse()
        .map_err(|_| "a number is missing".to_owned())?;
    number
        .checked_mul(factor)
        .ok_or_else(|| "that is too long".to_owned())
}

/// `--sim` takes its scenario as the next word, unless that is a command or an option.
///
/// clap cannot tell `--sim blank array` from `--sim array`, so the word is joined to the option.
pub(crate) fn with_scenario(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let is_noun = |word: &str| {
        Cli::command()
            .get_subcommands()
            .any(|it| it.get_name() == word)
            || word == "help"
    };
    let mut args = args.peekable();
    let mut joined = Vec::new();
    while let Some(arg) = args.next() {
        if arg == "--" {
            joined.push(arg);
            joined.extend(args);
            return joined;
        }
        let next = args.peek().and_then(|it| it.to_str());
        match next {
            Some(word) if arg == "--sim" && !word.starts_with('-') && !is_noun(word) => {
                joined.push(format!("--sim={word}").into());
                args.next();
            }
            _ => joined.push(arg),
        }
    }
    joined
}

/// Help and version are no mistakes; everything else about the words of the call is code 1.
pub(crate) fn usage(err: &clap::Error) -> ExitCode {
    // Nobody to tell that nobody reads.
    let _ = err.print();
    if err.use_stderr() {
        ExitCode::from(1)
    } else {
        ExitCode::SUCCESS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sim_of(line: &str) -> Option<String> {
        let args = with_scenario(line.split(' ').map(OsString::from));
        Cli::try_parse_from(args).unwrap().global.sim
    }

    #[test]
    fn the_tree_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_scenario_may_be_left_out() {
        assert_eq!(
            sim_of("moxnas --sim blank array list").as_deref(),
            Some("blank")
        );
        assert_eq!(
            sim_of("moxnas --sim array list").as_deref(),
            Some("small-office")
        );
        assert_eq!(
            sim_of("moxnas serve --sim").as_deref(),
            Some("small-office")
        );
        assert_eq!(
            sim_of("moxnas serve --sim sandbox").as_deref(),
            Some("sandbox")
        );
        assert_eq!(
            sim_of("moxnas --sim=large disk list").as_deref(),
            Some("large")
        );
        assert_eq!(
            sim_of("moxnas array list --sim --yes").as_deref(),
            Some("small-office")
        );
        assert_eq!(sim_of("moxnas array list"), None);
    }

    #[test]
    fn times_have_units() {
        assert_eq!(duration("90"), Ok(90));
        assert_eq!(duration("6h"), Ok(21_600));
        assert_eq!(duration("30d"), Ok(2_592_000));
        assert!(duration("h").is_err() && duration("3w").is_err() && duration("").is_err());
    }
}
