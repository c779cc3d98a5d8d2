//! The runner of a real machine: the only place in the workspace that starts a process.

use std::{
    io::{self, Read, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
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

    /// Bytes that go from one program to another at a time.
    const PUMPED_AT_ONCE: usize = 256 << 10;
}

impl Runner for SystemRunner {
    fn run_while(&self, cmd: &Cmd, is_wanted: &dyn Fn() -> bool) -> Result<Output, CmdError> {
        let mut running = Running::start(cmd)?;
        feed(running.stdin.take(), cmd.stdin.clone());
        let stdout = Capture::start(running.stdout.take());
        running.wait(is_wanted)?;
        running.judge(stdout.finish())
    }

    fn pipe(
        &self,
        from: &Cmd,
        to: &Cmd,
        is_wanted: &dyn Fn() -> bool,
        passed: &dyn Fn(u64),
    ) -> Result<Output, CmdError> {
        // The reader first: one that is not installed leaves nothing running.
        let mut to = Running::start_reader(to)?;
        let mut from = match Running::start(from) {
            Ok(from) => from,
            Err(err) => {
                drop(to.stdin.take());
                _ = to.wait(&|| true);
                return Err(err);
            }
        };
        let said = Capture::start(to.stdout.take());
        let pump = Pump::start(from.stdout.take(), to.stdin.take());
        let is_wanted = || {
            passed(pump.passed.load(Ordering::Relaxed));
            is_wanted()
        };
        let [written, read] = [from.wait(&is_wanted), to.wait(&is_wanted)];
        passed(pump.passed.load(Ordering::Relaxed));
        let written = written.and_then(|()| from.judge(Vec::new()));
        let read = read.and_then(|()| to.judge(said.finish()));
        match (written, read) {
            // It ended although there was more to read: what the other complains of came of that.
            (_, Err(read)) if pump.was_refused.load(Ordering::Relaxed) => Err(read),
            (Err(written), _) => Err(written),
            (Ok(_), read) => read,
        }
    }

    fn feed(
        &self,
        from: Box<dyn Read + Send>,
        to: &Cmd,
        is_wanted: &dyn Fn() -> bool,
        passed: &dyn Fn(u64),
    ) -> Result<Output, CmdError> {
        let mut to = Running::start_reader(to)?;
        let said = Capture::start(to.stdout.take());
        let pump = Pump::start(Some(from), to.stdin.take());
        to.wait(&|| {
            passed(pump.passed.load(Ordering::Relaxed));
            is_wanted()
        })?;
        passed(pump.passed.load(Ordering::Relaxed));
        to.judge(said.finish())
    }
}

/// A program that was started.
struct Running {
    cmd: Cmd,
    group: Pid,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Capture,
    ended: mpsc::Receiver<io::Result<ExitStatus>>,
    status: Option<ExitStatus>,
}

impl Running {
    fn start(cmd: &Cmd) -> Result<Running, CmdError> {
        let stdin = if cmd.stdin.is_empty() {
            Stdio::null()
        } else {
            Stdio::piped()
        };
        Running::with(cmd, stdin)
    }

    /// One that reads what another writes.
    fn start_reader(cmd: &Cmd) -> Result<Running, CmdError> {
        Running::with(cmd, Stdio::piped())
    }

    fn with(cmd: &Cmd, stdin: Stdio) -> Result<Running, CmdError> {
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
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|err| fail(Cause::Start(err)))?;
        let group = Pid::from_raw(child.id().cast_signed());
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let stderr = Capture::start(child.stderr.take());
        let (done, ended) = mpsc::channel();
        thread::spawn(move || done.send(child.wait()));
        Ok(Running {
            cmd: cmd.clone(),
            group,
            stdin,
            stdout,
            stderr,
            ended,
            status: None,
        })
    }

    fn fail(&self, cause: Cause) -> CmdError {
        CmdError {
            cmd: Box::new(self.cmd.clone()),
            cause,
        }
    }

    /// Until it is over, or was ended.
    fn wait(&mut self, is_wanted: &dyn Fn() -> bool) -> Result<(), CmdError> {
        let limit = self.cmd.limit;
        match wait(&self.ended, limit, is_wanted) {
            Waited::Over(status) => {
                let status = status.map_err(|err| self.fail(Cause::Start(err)))?;
                self.status = Some(status);
                Ok(())
            }
            Waited::Unwanted if is_interrupted(self.group, &self.ended) => {
                Err(self.fail(Cause::Ended))
            }
            waited => {
                // The group may be gone by now; then there is nothing to kill.
                let _ = killpg(self.group, Signal::SIGKILL);
                let killed = self.ended.recv_timeout(SystemRunner::PATIENCE).is_ok();
                Err(self.fail(match (killed, waited) {
                    (false, Waited::Unwanted) => Cause::Stuck(SystemRunner::LAST_MOMENTS),
                    (false, _) => Cause::Stuck(limit),
                    (true, Waited::Unwanted) => Cause::Ended,
                    (true, _) => Cause::TimedOut(limit),
                }))
            }
        }
    }

    /// What came of it, once it is over.
    fn judge(self, stdout: Vec<u8>) -> Result<Output, CmdError> {
        let fail = |cause| CmdError {
            cmd: Box::new(self.cmd.clone()),
            cause,
        };
        let status = self.status.expect("it was waited for");
        judge(&self.cmd, status, stdout, self.stderr.finish()).map_err(fail)
    }
}

/// Hands what one program writes to another.
struct Pump {
    passed: Arc<AtomicU64>,
    /// The reader ended although there was more for it.
    was_refused: Arc<AtomicBool>,
}

impl Pump {
    fn start(from: Option<impl Read + Send + 'static>, to: Option<ChildStdin>) -> Pump {
        let pump = Pump {
            passed: Arc::default(),
            was_refused: Arc::default(),
        };
        let (passed, was_refused) = (Arc::clone(&pump.passed), Arc::clone(&pump.was_refused));
        if let (Some(mut from), Some(mut to)) = (from, to) {
            thread::spawn(move || {
                let mut buffer = vec![0; SystemRunner::PUMPED_AT_ONCE];
                while let Ok(count @ 1..) = from.read(&mut buffer) {
                    if to.write_all(&buffer[..count]).is_err() {
                        was_refused.store(true, Ordering::Relaxed);
                        // Both ends are closed with this: the writer is told, too.
                        break;
                    }
                    passed.fetch_add(count as u64, Ordering::Relaxed);
                }
            });
        }
        pump
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
    fn what_one_writes_another_reads() {
        let pipe = |from: &str, to: &str| SystemRunner.pipe(&sh(from), &sh(to), &|| true, &|_| ());
        let most = Cell::new(0);
        let out = SystemRunner.pipe(
            &sh("head -c 3000000 /dev/zero"),
            &sh("wc -c"),
            &|| true,
            &|it| most.set(it),
        );
        assert_eq!(out.unwrap().text(), "3000000\n");
        assert_eq!(most.get(), 3_000_000);
        // Whose fault it is.
        let of = |err: CmdError| err.cmd.words().pop().unwrap();
        assert_eq!(
            of(pipe("echo one; exit 3", "cat").unwrap_err()),
            "echo one; exit 3"
        );
        assert_eq!(
            of(pipe("echo one", "cat; exit 3").unwrap_err()),
            "cat; exit 3"
        );
        // One that fails as nobody reads it is not the reason.
        assert_eq!(of(pipe("cat /dev/zero", "exit 3").unwrap_err()), "exit 3");
        // Nor is one that had nothing to read.
        assert_eq!(of(pipe("exit 4", "grep -q x").unwrap_err()), "exit 4");
        let missing = Cmd::new(Tool::new("no-such-tool"));
        for (from, to) in [(&missing, &sh("cat")), (&sh("cat /dev/zero"), &missing)] {
            let err = SystemRunner.pipe(from, to, &|| true, &|_| ()).unwrap_err();
            assert!(matches!(err.cause, Cause::Missing(_)), "{err:?}");
        }
    }

    #[test]
    fn what_comes_from_elsewhere_is_read() {
        let feed = |from: &'static [u8], to: &str, is_wanted: bool| {
            let (most, from) = (Cell::new(0), Box::new(from));
            let passed = |it| most.set(it);
            let said = SystemRunner.feed(from, &sh(to), &|| is_wanted, &passed);
            said.map(|it| (it.text(), most.get()))
        };
        assert_eq!(feed(b"one", "cat", true).unwrap(), ("one".to_owned(), 3));
        // It need not read all of it.
        assert_eq!(feed(&[0; 3_000_000], "echo two", true).unwrap().0, "two\n");
        let err = feed(b"", "sleep 60", false).unwrap_err();
        assert!(matches!(err.cause, Cause::Ended), "{err:?}");
    }

    #[test]
    fn a_pipe_that_is_not_wanted_any_more_ends_on_both_sides() {
        let asked = Cell::new(0);
        let is_wanted = || asked.replace(asked.get() + 1) < 2;
        let watch = Stopwatch::start();
        let (from, to) = (sh("cat /dev/zero"), sh("cat > /dev/null"));
        let err = SystemRunner
            .pipe(&from, &to, &is_wanted, &|_| ())
            .unwrap_err();
        assert!(matches!(err.cause, Cause::Ended), "{err:?}");
        assert!(watch.elapsed() < Duration::from_secs(25));
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
