//! Other machines that take replicas, and being one.

use clap::Subcommand;
use moxnas_api::wire::targets::AddTarget;
use moxnas_pool::model::PoolName;

#[derive(Debug, Subcommand)]
pub(crate) enum TargetVerb {
    /// List the machines that replicas may be sent to
    List,
    /// Show one, with the line that lets this machine in there
    Show {
        /// What it is called here
        target: String,
    },
    /// Let replicas be sent to a machine
    ///
    /// The first time without --host-key: it says by which key the machine says who it is. Compare that
    /// on the machine itself, and give it.
    Add(AddTarget),
    /// Ask one whether it takes replicas
    Check {
        /// What it is called here
        target: String,
    },
    /// Send no more replicas to one; what is there stays there
    Remove {
        /// What it is called here
        target: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReplicaVerb {
    /// Do what another machine asks for, and nothing else: for authorized_keys
    ///
    /// sshd starts it in place of what is asked for, which it reads from SSH_ORIGINAL_COMMAND. `moxnas
    /// target show` on the other machine shows the line.
    Serve {
        /// A pool that replicas may go to; may be given several times
        #[arg(long = "pool", value_name = "POOL", required = true)]
        pools: Vec<PoolName>,
    },
}
