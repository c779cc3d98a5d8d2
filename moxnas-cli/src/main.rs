//! `moxnas`: the command line and the service of MoxNAS.
//!
//! The command line is a client of the REST interface, over HTTP, over the Unix socket of the
//! service, or of the same interface within its own process. It knows nothing that the interface
//! does not say: it asks, shows, and asks back.

mod cli;
mod commands;
mod confirm;
mod failure;
mod print;
mod session;
mod transport;

use std::process::ExitCode;

use clap::Parser;

use crate::{
    cli::{Cli, Noun, ReplicaVerb},
    failure::Failure,
    print::Printer,
};

fn main() -> ExitCode {
    let cli = match Cli::try_parse_from(cli::with_scenario(std::env::args_os())) {
        Ok(cli) => cli,
        Err(err) => return cli::usage(&err),
    };
    if let Noun::Replica(ReplicaVerb::Serve { pools }) = &cli.noun {
        return commands::remote::serve(pools, &Printer::new(cli.global.output));
    }
    // One ring for TLS, chosen before anything uses it. A second call would find it chosen.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let printer = Printer::new(cli.global.output);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(2)
        .build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(commands::run(cli, &printer)),
        Err(err) => Err(Failure::Broken(format!(
            "the runtime could not be started: {err}"
        ))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            printer.failure(&failure);
            failure.exit_code()
        }
    }
}
