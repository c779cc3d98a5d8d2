//! Running other programs: commands as data, and the one place that starts a process.

mod scripted;
mod system;

use std::{
    ffi::OsString,
    fmt,
    io::{self, Read},
    path::PathBuf,
    time::Duration,
};

pub use scripted::ScriptedRunner;
pub use system::SystemRunner;

use crate::chain::chain;

/// The folders in which programs are looked for, in this order. `$PATH` is never asked.
pub const TOOL_FOLDERS: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// A program MoxNAS may run. Crates declare theirs: `const MDADM: Tool = Tool::new("mdadm");`
///
/// The name is `'static`, so it can never come from input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tool {
    name: &'static str,
    package: &'static str,
}

/// Erases signatures, see wipefs(8).
pub const WIPEFS: Tool = Tool::new("wipefs").of("util-linux");
/// Asks udev, see udevadm(8).
pub const UDEVADM: Tool = Tool::new("udevadm").of("udev");

impl Tool {
    /// Declare a program by its file name. The Debian package of that name brings it.
    #[must_use]
    pub const fn new(name: &'static str) -> Tool {
        Tool {
            name,
            package: name,
        }
    }

    /// A program that another Debian package brings.
    #[must_use]
    pub const fn of(self, package: &'static str) -> Tool {
        Tool { package, ..self }
    }

    /// The file name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.name
    }

    /// What installs it.
    #[must_use]
    pub fn install(self) -> String {
        format!("apt-get install {}", self.package)
    }

    /// Where it is installed, if it is.
    #[must_use]
    pub fn find(self) -> Option<PathBuf> {
        TOOL_FOLDERS
            .iter()
            .map(|it| PathBuf::from(it).join(self.name))
            .find(|it| it.is_file())
    }
}

/// One command: a program and its arguments, never a shell line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cmd {
    /// The program.
    pub tool: Tool,
    /// Its arguments, without the name of the program.
    pub args: Vec<OsString>,
    /// Fed to the program. Passwords go here, because arguments show in `ps`.
    pub stdin: Vec<u8>,
    /// When the program and all it started are killed.
    pub limit: Duration,
    /// Which exit statuses are good.
    pub accept: Accept,
}

/// Which exit statuses mean that the command did its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accept {
    /// Only 0.
    Zero,
    /// One of these.
    AnyOf(&'static [i32]),
    /// Fine while none of these bits is set. smartctl(8) uses the others to report on the disk.
    BitsClear(i32),
    /// Any: who wants it run knows what each of them means.
    Any,
}

impl Accept {
    /// Whether the status is good.
    #[must_use]
    pub fn takes(self, status: i32) -> bool {
        match self {
            Accept::Zero => status == 0,
            Accept::AnyOf(list) => list.contains(&status),
            Accept::BitsClear(bits) => status & bits == 0,
            Accept::Any => true,
        }
    }
}

impl Cmd {
    /// The program without arguments, with 30 s to finish.
    #[must_use]
    pub fn new(tool: Tool) -> Cmd {
        Cmd {
            tool,
            args: Vec::new(),
            stdin: Vec::new(),
            limit: Duration::from_secs(30),
            accept: Accept::Zero,
        }
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Cmd {
        self.args.push(arg.into());
        self
    }

    /// More arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Cmd {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Another time limit.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Cmd {
        self.limit = limit;
        self
    }

    /// Other good exit statuses.
    #[must_use]
    pub fn accept(mut self, accept: Accept) -> Cmd {
        self.accept = accept;
        self
    }

    /// Text for the program's standard input.
    #[must_use]
    pub fn stdin(mut self, text: impl Into<Vec<u8>>) -> Cmd {
        self.stdin = text.into();
        self
    }

    /// The program and its arguments as text, for plans that are shown.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let args = self.args.iter().map(|it| it.to_string_lossy().into_owned());
        std::iter::once(self.tool.name.to_owned())
            .chain(args)
            .collect()
    }
}

/// For people: logs, errors, plans. Nothing parses it and nothing runs it.
impl fmt::Display for Cmd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tool.name)?;
        for arg in &self.args {
            let arg = arg.to_string_lossy();
            let plain = |it: char| it.is_ascii_alphanumeric() || "-_./:=,+@%".contains(it);
            match !arg.is_empty() && arg.chars().all(plain) {
                true => write!(f, " {arg}")?,
                false => write!(f, " {arg:?}")?,
            }
        }
        Ok(())
    }
}

/// What a command wrote. Each stream is cut at [`SystemRunner::OUTPUT_MAX`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// The exit status.
    pub status: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Standard output as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    #[must_use]
    pub fn errors(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

/// A command did not do its work.
#[derive(Debug, thiserror::Error)]
#[error("`{cmd}` failed")]
pub struct CmdError {
    /// Which command.
    pub cmd: Box<Cmd>,
    /// Why.
    #[source]
    pub cause: Cause,
}

impl CmdError {
    /// What would make it work, if that can be told.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let is_denied = || chain(self).contains("Permission denied");
        match self.cause {
            Cause::Missing(tool) => Some(format!("install it: {}", tool.install())),
            _ if is_denied() => Some("run MoxNAS as root".to_owned()),
            _ => None,
        }
    }
}

/// Why a command did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// The program is in none of [`TOOL_FOLDERS`].
    #[error("{} is not installed", .0.name())]
    Missing(Tool),
    /// The system refused to start it.
    #[error("it could not be started")]
    Start(#[source] io::Error),
    /// It was killed, with all it had started.
    #[error("it was stopped after {}s", .0.as_secs())]
    TimedOut(Duration),
    /// It was ended, with all it had started, because nobody waited for it any more.
    #[error("it was ended before its time")]
    Ended,
    /// It was told to stop and did not: it hangs in the kernel, most likely on a disk.
    #[error("it does not answer after {}s and cannot be stopped", .0.as_secs())]
    Stuck(Duration),
    /// An exit status that is not good.
    #[error("exit status {status}: {}", first_line(.stderr, .stdout))]
    Exit {
        /// The status.
        status: i32,
        /// What it wrote.
        stdout: String,
        /// What it complained about.
        stderr: String,
    },
    /// It was killed by somebody else.
    #[error("it was killed by signal {0}")]
    Signal(i32),
}

fn first_line<'a>(stderr: &'a str, stdout: &'a str) -> &'a str {
    let mut lines = stderr.lines().chain(stdout.lines()).map(str::trim);
    lines.find(|it| !it.is_empty()).unwrap_or("no message")
}

/// Runs commands.
pub trait Runner: Send + Sync {
    /// Run to the end and collect what it wrote. An exit status that is not good is an error.
    fn run(&self, cmd: &Cmd) -> Result<Output, CmdError> {
        self.run_while(cmd, &|| true)
    }

    /// The same, for as long as it is wanted, which is asked several times a second. What is not
    /// wanted any more is interrupted as by Ctrl-C, and has a while to leave things in order.
    fn run_while(&self, cmd: &Cmd, is_wanted: &dyn Fn() -> bool) -> Result<Output, CmdError>;

    /// Run two at a time, for as long as it is wanted: what the first writes is what the second reads.
    /// `passed` is told several times a second how many bytes went over. Returns what the second
    /// wrote. Where both fail, the error is that of the one that was the reason.
    fn pipe(
        &self,
        from: &Cmd,
        to: &Cmd,
        is_wanted: &dyn Fn() -> bool,
        passed: &dyn Fn(u64),
    ) -> Result<Output, CmdError>;

    /// Run one that reads what comes from elsewhere, such as over the network, for as long as it is
    /// wanted. `passed` is told as by [`pipe`](Runner::pipe). Whether `from` came to its end or was cut
    /// short cannot be told: what reads it must know.
    fn feed(
        &self,
        from: Box<dyn Read + Send>,
        to: &Cmd,
        is_wanted: &dyn Fn() -> bool,
        passed: &dyn Fn(u64),
    ) -> Result<Output, CmdError>;
}
