//! `cargo xtask lab run` and `lab shell`: a machine for a person.

use std::{
    io::{BufRead as _, Write as _},
    process::ExitCode,
    time::Instant,
};

use anyhow::Result;
use moxnas_tests::lab::{Disk, Exec, Lab, Machine, Output};

use super::{Which, disk_spec, template};
use crate::binaries::{Agent, build_agent};

/// What kind of machine.
#[derive(clap::Args)]
struct Hardware {
    #[command(flatten)]
    which: Which,
    /// `BUS:SIZE[,serial=S][,rpm=N][,bad=FIRST+COUNT][,file=PATH]` with BUS nvme, scsi, virtio, usb
    /// or sata.
    #[arg(long, value_parser = disk_spec::parse)]
    disk: Vec<Disk>,
    /// Boot with the disks in place, instead of plugging them into a machine that has booted.
    #[arg(long)]
    cold: bool,
}

#[derive(clap::Args)]
pub(crate) struct Run {
    #[command(flatten)]
    hardware: Hardware,
    /// Seconds the command may take.
    #[arg(long, default_value_t = 600)]
    timeout: u64,
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

#[derive(clap::Args)]
pub(crate) struct Shell {
    #[command(flatten)]
    hardware: Hardware,
}

impl Hardware {
    fn start(self) -> Result<Machine> {
        let image = template(self.which.suite)?.image;
        let agent = build_agent(Agent::Plain)?;
        let began = Instant::now();
        let lab = self
            .disk
            .into_iter()
            .fold(Lab::new(image, &agent), Lab::disk);
        let machine = if self.cold { lab.cold() } else { lab }.start()?;
        eprintln!(
            "lab: started a machine in {:.2} s",
            began.elapsed().as_secs_f32()
        );
        Ok(machine)
    }
}

impl Run {
    /// Ends with the command's status.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let mut machine = self.hardware.start()?;
        let exec = Exec {
            timeout_s: self.timeout,
            ..Exec::new(self.command)
        };
        let output = machine.exec_with(exec)?;
        print(&output);
        Ok(ExitCode::from(u8::try_from(output.status).unwrap_or(255)))
    }
}

impl Shell {
    /// Every line is a script of its own; the end of the input ends the machine.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let mut machine = self.hardware.start()?;
        eprintln!("lab: a line is a script for bash; end with ^D");
        for line in std::io::stdin().lock().lines() {
            match machine.exec(["bash", "-c", &line?]) {
                Ok(output) => print(&output),
                Err(err) => eprintln!("lab: {err:#}"),
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print(output: &Output) {
    print!("{}", output.stdout);
    eprint!("{}", output.stderr);
    let _ = std::io::stdout().flush();
}
