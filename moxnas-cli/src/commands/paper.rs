//! Completions, manual pages and the unit: what a package brings beside the program, made by it.

use std::{
    env,
    path::{Path, PathBuf},
};

use clap::CommandFactory;
use moxnas_core::{chain::chain, folder::FolderPath};

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

pub(super) fn unit(
    program: Option<PathBuf>,
    settings: Option<PathBuf>,
    printer: &Printer,
) -> Result<(), Failure> {
    let program = match program {
        Some(program) => program,
        None => env::current_exe().map_err(|err| {
            Failure::with_hint(
                format!("nothing says which program this is: {err}"),
                "name it: --program FILE",
            )
        })?,
    };
    let settings = settings.as_deref().map(path).transpose()?;
    let text = moxnas_shares::render::unit(&path(&program)?, settings.as_ref());
    printer.line(
        text.map_err(|err| Failure::refused(chain(&err)))?
            .trim_end(),
    );
    Ok(())
}

/// A path that a unit can say: whole, without `..`, in UTF-8.
fn path(it: &Path) -> Result<FolderPath, Failure> {
    let known = it.to_str().and_then(|it| it.parse().ok());
    known.ok_or_else(|| {
        Failure::with_hint(
            format!("{} cannot stand in a unit", it.display()),
            "name it by a whole path, from / on",
        )
    })
}
