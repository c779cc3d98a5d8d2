//! Running a command to its end, in the guest.

use std::{
    io::{Read, Write as _},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, channel},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

use crate::lab::wire::{Exec, Output};

const POLL: Duration = Duration::from_millis(2);
/// A daemon that a command left behind may hold its output open; then what is there is taken.
const LINGER: Duration = Duration::from_millis(500);

pub(super) fn run(exec: &Exec) -> Result<Output> {
    let [program, arguments @ ..] = &exec.argv[..] else {
        bail!("there is no command to run")
    };
    let mut child = Command::new(program)
        .args(arguments)
        .envs(&exec.env)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {program}"))?;
    if let Some(mut pipe) = child.stdin.take() {
        let text = exec.stdin.clone();
        // A command that does not read its input is not at fault.
        thread::spawn(move || drop(pipe.write_all(text.as_bytes())));
    }
    let stdout = Reader::start(child.stdout.take());
    let stderr = Reader::start(child.stderr.take());
    let status = wait(&mut child, Duration::from_secs(exec.timeout_s))?;
    let (stdout, stderr) = (stdout.finish(), stderr.finish());
    let Some(status) = status else {
        bail!(
            "{program} ran for more than {} s; it said:\n{stdout}{stderr}",
            exec.timeout_s
        );
    };
    Ok(Output {
        status: status_number(status),
        stdout,
        stderr,
    })
}

/// As shells count: a signal is 128 and its number.
pub(super) fn status_number(status: ExitStatus) -> i32 {
    status
        .code()
        .or_else(|| status.signal().map(|it| 128 + it))
        .unwrap_or(-1)
}

/// `None` when its time was over; then it and all it started were killed.
fn wait(child: &mut Child, timeout: Duration) -> Result<Option<ExitStatus>> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if began.elapsed() > timeout {
            let group = Pid::from_raw(i32::try_from(child.id())?);
            let _ = killpg(group, Signal::SIGKILL);
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(POLL);
    }
}

/// Collects what comes out of a pipe while the command runs.
struct Reader {
    bytes: Arc<Mutex<Vec<u8>>>,
    ended: Receiver<()>,
}

impl Reader {
    fn start(pipe: Option<impl Read + Send + 'static>) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let (end, ended) = channel();
        if let Some(pipe) = pipe {
            let bytes = Arc::clone(&bytes);
            thread::spawn(move || {
                collect(pipe, &bytes);
                drop(end);
            });
        }
        Self { bytes, ended }
    }

    fn finish(self) -> String {
        // The sender is dropped at the end of the pipe.
        let _ = self.ended.recv_timeout(LINGER);
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

fn collect(mut pipe: impl Read, bytes: &Mutex<Vec<u8>>) {
    let mut part = [0; 16 * 1024];
    while let Ok(length @ 1..) = pipe.read(&mut part) {
        let mut bytes = bytes.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.extend_from_slice(&part[..length]);
    }
}
