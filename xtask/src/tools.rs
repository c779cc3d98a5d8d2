//! Programs in Python and JavaScript that chores use, of the versions that are committed.
//!
//! Each set stands in a folder of its own below `target/`, and is made again when its list changes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use moxnas_tests::lab::workspace;

/// Written last, with the list that was installed.
const STAMP: &str = "installed.txt";

/// A virtual environment with what `requirements` lists; its folder of programs.
pub(crate) fn python(name: &str, requirements: &Path) -> Result<PathBuf> {
    let folder = workspace().join("target").join(name);
    let programs = folder.join("bin");
    let list = read(requirements)?;
    if is_installed(&folder, &list) {
        return Ok(programs);
    }
    println!("installing what {} lists", requirements.display());
    run(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&folder),
        "Python with virtual environments: xtask/host-packages.sh installs it",
    )?;
    run(
        Command::new(programs.join("pip"))
            .args(["install", "--quiet", "--no-input", "--requirement"])
            .arg(requirements),
        "a package index that pip can reach",
    )?;
    fs::write(folder.join(STAMP), list)?;
    Ok(programs)
}

/// What the lock file in `from` lists; the folder of programs. No package's install script runs.
pub(crate) fn node(name: &str, from: &Path) -> Result<PathBuf> {
    let folder = workspace().join("target").join(name);
    let programs = folder.join("node_modules/.bin");
    let list = read(&from.join("package-lock.json"))?;
    if is_installed(&folder, &list) {
        return Ok(programs);
    }
    println!("installing what {} lists", from.display());
    fs::create_dir_all(&folder)?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(from.join(file), folder.join(file))?;
    }
    run(
        Command::new("npm").current_dir(&folder).args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--silent",
        ]),
        "Node.js 20 or newer with npm: xtask/host-packages.sh installs it",
    )?;
    fs::write(folder.join(STAMP), list)?;
    Ok(programs)
}

fn is_installed(folder: &Path, list: &str) -> bool {
    fs::read_to_string(folder.join(STAMP)).is_ok_and(|it| it == list)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| path.display().to_string())
}

/// `needed` says what is probably missing if it fails.
fn run(command: &mut Command, needed: &str) -> Result<()> {
    let status = command.stdin(Stdio::null()).status();
    let status = status.with_context(|| format!("this chore needs {needed}"))?;
    ensure!(status.success(), "{command:?} failed; it needs {needed}");
    Ok(())
}
