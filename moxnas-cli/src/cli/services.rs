//! The daemons that serve.

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum ServiceVerb {
    /// List the services
    List,
    /// Show a service
    Show {
        /// Its name: samba, nfs, ftp, ssh, web, discovery
        service: String,
    },
    /// Show what a service said last
    Log {
        /// Its name
        service: String,
        /// How many lines of each of its units at most
        #[arg(long, value_name = "COUNT")]
        lines: Option<u32>,
    },
    /// Have a service run
    Start {
        /// Its name
        service: String,
    },
    /// Have a service not run; whoever is connected is cut off
    Stop {
        /// Its name
        service: String,
    },
    /// End a service and start it anew; whoever is connected is cut off
    Restart {
        /// Its name
        service: String,
    },
    /// Have a service read its files again; what it is at goes on
    Reload {
        /// Its name
        service: String,
    },
    /// Have a service come with the machine
    Enable {
        /// Its name
        service: String,
    },
    /// Have a service not come with the machine; it runs on until it is stopped
    Disable {
        /// Its name
        service: String,
    },
}
