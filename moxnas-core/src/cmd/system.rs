//! The runner of a real machine: the only place in the workspace that starts a process.

use std::{
    io::{self, Read, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{ChildStdin, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

use super::{Cause, Cmd, CmdError, Output, Runner};
use crate::clock::Stopwatch;

/// Starts programs such that they do not die of having nobody to talk to. Where this process is
/// killed they go on, and must come to their end: `mdadm --add`, ended when it says what it did,
/// leaves the array frozen. And they can be interrupted, whatever started this process.
const ENV: &str = "/usr/bin/env";

/// Starts programs with a cleared environment, in a process group of their own, and kills the
/// whole group at the time limit.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRunner;

impl SystemRunner {
    /// More than this of either stream is read and thrown away.
    pub const OUTPUT_MAX: usize = 16 << 20;

    /// How long a killed group may take to go, and a pipe to close after its program ended.
    const PATIENCE: Duration = Duration::from_secs(2);

    /// How often it is asked whether a program is still wanted.
    const ASK_EVERY: Duration = Duration::from_millis(200);

    /// How long an interrupted program may take to leave things in order.
    const LAST_MOMENTS: Duration = Duration::from_secs(30);
}

impl Runner for SystemRunner {
    fn run_while(&self, cmd: &Cmd, is_wanted: &dyn Fn() -> bool) -> Result<Output, CmdError> {
        let fail = |cause| CmdError {
            cmd: Box::new(cmd.clone()),
            cause,
        };
        if cmd.tool.find().is_none() {
            return Err(fail(Cause::Missing(cmd.tool)));
        }
        #[expect(clippy::disallowed_methods, reason = "this is the runner")]
        let mut child = Command::new(ENV)
            .args(["--default-signal=INT", "--ignore-signal=PIPE"])
            .arg(cmd.tool.name())
            .args(&cmd.args)
            .env_clear()
            .env("LC_ALL", "C.UTF-8")
            // What prints a time means UTC.
            .env("TZ", "UTC0")
            .env("PATH", super::TOOL_FOLDERS.join(":"))
            .current_dir("/")
            .process_group(0)
            .stdin(if cmd.stdin.is_empty() {
                Stdio::null()
            } else {
                Stdio::piped()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|err| fail(Cause::Start(err)))?;

        let group = Pid::from_raw(child.id().cast_signed());
        let stdout = Capture::start(child.stdout.take());
        let stderr = Capture::start(child.stderr.take());
        feed(child.stdin.take(), cmd.stdin.clone());
        let (done, ended) = mpsc::channel();
        thread::spawn(move || done.send(child.wait()));

        let status = match wait(&ended, cmd.limit, is_wanted) {
            Waited::Over(status) => status.map_err(|err| fail(Cause::Start(err)))?,
            Waited::Unwanted if is_interrupted(group, &ended) => return Err(fail(Cause::Ended)),
            waited => {
                // The group may be gone by now; then there is nothing to kill.
                let _ = killpg(group, Signal::SIGKILL);
                let killed = ended.recv_timeout(SystemRunner::PATIENCE).is_ok();
                return Err(fail(match (killed, waited) {
                    (false, Waited::Unwanted) => Cause::Stuck(SystemRunner::LAST_MOMENTS),
                    (false, _) => Cause::Stuck(cmd.limit),
                    (true, Waited::Unwanted) => Cause::Ended,
                    (true, _) => Cause::TimedOut(cmd.limit),
                }));
            }
        };
        judge(cmd, status, stdout.finish(), stderr.finish()).map_err(fail)
    }
}

/// How waiting for a program ended.
enum Waited {
    /// It is over.
    Over(io::Result<ExitStatus>),
    /// It goes on beyond its limit.
    TooLong,
    /// It goes on, and nobody wants it any more.
    Unwanted,
}

fn wait(
    ended: &mpsc::Receiver<io::Result<ExitStatus>>,
    limit: Duration,
    is_wanted: &dyn Fn() -> bool,
) -> Waited {
    let since = Stopwatch::start();
    loop {
        let left = limit.saturating_sub(since.elapsed());
        match ended.recv_timeout(left.min(SystemRunner::ASK_EVERY)) {
            Ok(status) => return Waited::Over(status),
            Err(_) if left.is_zero() => return Waited::TooLong,
            Err(_) if !is_wanted() => return Waited::Unwanted,
            Err(_) => (),
        }
    }
}

/// Whether a program comes to its end by being interrupted.
fn is_interrupted(group: Pid, ended: &mpsc::Receiver<io::Result<ExitStatus>>) -> bool {
    let told = killpg(group, Signal::SIGINT);
    told.is_ok() && ended.recv_timeout(SystemRunner::LAST_MOMENTS).is_ok()
}

fn judge(cmd: &Cmd, status: ExitStatus, stdout: Vec<u8>, stderr: Vec<u8>) -> Result<Output, Cause> {
    match status.code() {
        Some(status) if cmd.accept.takes(status) => Ok(Output {
            status,
            stdout,
            stderr,
        }),
        Some(status) => Err(Cause::Exit {
            status,
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        }),
        None => Err(Cause::Signal(status.signal().unwrap_or_default())),
    }
}

/// Write on a thread: a program that never reads must not block the caller.
fn feed(pipe: Option<ChildStdin>, text: Vec<u8>) {
    if let Some(mut pipe) = pipe {
        // A program may end without having read all of it; its exit status tells.
        thread::spawn(move || pipe.write_all(&text));
    }
}

/// Reads one stream on a thread of its own.
struct Capture {
    text: Arc<Mutex<Vec<u8>>>,
    closed: mpsc::Receiver<()>,
}

impl Capture {
    fn start(pipe: Option<impl Read + Send + 'static>) -> Capture {
        let (done, closed) = mpsc::channel();
        let text = Arc::new(Mutex::new(Vec::new()));
        if let Some(mut pipe) = pipe {
            let text = Arc::clone(&text);
            thread::spawn(move || {
                let mut buffer = [0; 8192];
                while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                    let mut text = text.lock().expect("no holder of this lock panics");
                    let room = SystemRunner::OUTPUT_MAX.saturating_sub(text.len());
                    text.extend_from_slice(&buffer[..count.min(room)]);
                }
                drop(done);
            });
        }
        Capture { text, closed }
    }

    /// All that was written, or what there is when a grandchild keeps the pipe open.
    fn finish(self) -> Vec<u8> {
        let _ = self.closed.recv_timeout(SystemRunner::PATIENCE);
        std::mem::take(&mut *self.text.lock().expect("no holder of this lock panics"))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::{
        chain::chain,
        cmd::{Accept, Tool},
    };

    const SH: Tool = Tool::new("sh");

    fn sh(script: &str) -> Cmd {
        Cmd::new(SH).args(["-c", script])
    }

    #[test]
    fn a_failure_carries_the_command_and_what_it_said() {
        let err = SystemRunner
            .run(&Cmd::new(Tool::new("ls")).arg("/no/such file"))
            .unwrap_err();
        assert_eq!(
            chain(&err),
            "`ls \"/no/such file\"` failed: exit status 2: ls: cannot access '/no/such file': No such \
             file or directory"
        );
        let err = SystemRunner
            .run(&Cmd::new(Tool::new("no-such-tool")))
            .unwrap_err();
        assert_eq!(
            chain(&err),
            "`no-such-tool` failed: no-such-tool is not installed"
        );
    }

    #[test]
    fn the_environment_is_cleared_and_stdin_is_fed() {
        let out = SystemRunner.run(&Cmd::new(Tool::new("env"))).unwrap();
        assert_eq!(
            out.text(),
            "LC_ALL=C.UTF-8\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\nTZ=UTC0\n"
        );
        let out = SystemRunner
            .run(&Cmd::new(Tool::new("cat")).stdin("secret"))
            .unwrap();
        assert_eq!(out.text(), "secret");
    }

    #[test]
    fn a_program_does_not_die_of_a_reader_that_was_killed() {
        let cat = Cmd::new(Tool::new("cat")).arg("/proc/self/status");
        let status = SystemRunner.run(&cat).unwrap().text();
        let ignored = status.lines().find_map(|it| it.strip_prefix("SigIgn:"));
        let ignored = u64::from_str_radix(ignored.unwrap().trim(), 16).unwrap();
        assert_ne!(ignored & 1 << (Signal::SIGPIPE as u32 - 1), 0, "{status}");
    }

    #[test]
    fn the_whole_group_is_killed_at_the_limit() {
        let watch = Stopwatch::start();
        let cmd = sh("sleep 60 & echo $!; sleep 60").limit(Duration::from_millis(200));
        let err = SystemRunner.run(&cmd).unwrap_err();
        assert!(matches!(err.cause, Cause::TimedOut(_)), "{err:?}");
        assert!(watch.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn what_is_not_wanted_any_more_is_interrupted_and_then_killed() {
        let asked = Cell::new(0);
        let is_wanted = || asked.replace(asked.get() + 1) < 1;
        let tidy = sh("trap 'echo tidied; exit 3' INT; while :; do sleep 0.05; done");
        let watch = Stopwatch::start();
        let err = SystemRunner.run_while(&tidy, &is_wanted).unwrap_err();
        assert!(matches!(err.cause, Cause::Ended), "{err:?}");
        assert!(watch.elapsed() < Duration::from_secs(25));
        // What comes to its end by itself is as good as ever.
        let done = SystemRunner.run_while(&sh("sleep 0.5; echo done"), &|| true);
        assert_eq!(done.unwrap().text(), "done\n");
    }

    #[test]
    fn output_is_capped_and_statuses_are_chosen() {
        let out = SystemRunner
            .run(&sh("head -c 20000000 /dev/zero; exit 4").accept(Accept::BitsClear(0b11)));
        let out = out.unwrap();
        assert_eq!(
            (out.status, out.stdout.len()),
            (4, SystemRunner::OUTPUT_MAX)
        );
        assert!(
            SystemRunner
                .run(&sh("exit 4").accept(Accept::AnyOf(&[0, 1])))
                .is_err()
        );
        let err = SystemRunner.run(&sh("kill -9 $$")).unwrap_err();
        assert!(matches!(err.cause, Cause::Signal(9)));
    }
}
