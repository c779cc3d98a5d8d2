//! Completions and manual pages, made from the command line itself.

use std::path::Path;

use clap::CommandFactory;

use crate::{cli::Cli, failure::Failure, print::Printer};

pub(super) fn completions(shell: clap_complete::Shell, printer: &Printer) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "moxnas", &mut text);
    printer.line(&String::from_utf8_lossy(&text));
    Ok(())
}

pub(super) fn man(dir: Option<&Path>, printer: &Printer) -> Result<(), Failure> {
    let broken = |err: std::io::Error| Failure::Broken(format!("no pages were written: {err}"));
    match dir {
        Some(dir) => {
            std::fs::create_dir_all(dir).map_err(broken)?;
            clap_mangen::generate_to(Cli::command(), dir).map_err(broken)
        }
        None => {
            let mut text = Vec::new();
            clap_mangen::Man::new(Cli::command())
                .render(&mut text)
                .map_err(broken)?;
            printer.line(&String::from_utf8_lossy(&text));
            Ok(())
        }
    }
}
