//! `cargo xtask lab`: builds the virtual machines that lab tests use, runs the tests, and captures
//! what real arrays look like for fixtures.

mod apt_sources;
mod build;
mod capture;
mod command;
mod cpio;
mod disk_spec;
mod doctor;
mod kernel;
mod packages;
mod run;
mod states;
mod test;

use std::{process::ExitCode, time::Instant};

use anyhow::Result;
use clap::Subcommand;
use moxnas_tests::lab::{Suite, Template};

#[derive(Subcommand)]
pub(crate) enum Lab {
    /// Build the image of a suite: kernel, initial ramdisk, root disk. Does nothing when up to date.
    Build(Which),
    /// Boot the image once and save the running machine, for tests to go on from.
    Template(Which),
    /// Run the lab tests whose names contain FILTER, building what they need.
    Test(test::Test),
    /// Start a machine, run a command in it and print what it says.
    Run(run::Run),
    /// Start a machine and open a shell in it, without a terminal of its own.
    Shell(run::Shell),
    /// Say what this host lacks, and how machines would run on it.
    Doctor(doctor::Doctor),
    /// Bring arrays into the states that matter and write what the system tells of them to
    /// moxnas-raid/fixtures.
    Capture(capture::Capture),
}

#[derive(clap::Args)]
pub(crate) struct Which {
    /// Debian release in the guest: bookworm or trixie.
    #[arg(long, default_value_t = Suite::Bookworm)]
    suite: Suite,
}

impl Lab {
    pub(crate) fn run(self) -> Result<ExitCode> {
        match self {
            Self::Build(which) => {
                println!("{}", build::build(which.suite)?.folder.display());
                Ok(ExitCode::SUCCESS)
            }
            Self::Template(which) => {
                println!("{}", template(which.suite)?.folder.display());
                Ok(ExitCode::SUCCESS)
            }
            Self::Test(test) => test.run(),
            Self::Run(run) => run.run(),
            Self::Shell(shell) => shell.run(),
            Self::Doctor(doctor) => doctor.run(),
            Self::Capture(capture) => capture.run(),
        }
    }
}

/// Image and template of a suite, made where they are not there.
pub(crate) fn template(suite: Suite) -> Result<Template> {
    let image = build::build(suite)?;
    let began = Instant::now();
    let template = Template::ensure(&image, None)?;
    if began.elapsed().as_secs() > 0 {
        eprintln!(
            "lab: saved the {suite} template in {:.1} s",
            began.elapsed().as_secs_f32()
        );
    }
    Ok(template)
}
