//! What a test does inside the guest.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use serde::de::DeserializeOwned;

use super::{AgentClient, Machine};
use crate::lab::{
    agent_client::Failure,
    image::{PRODUCT_VARIABLE, workspace},
    wire::{Exec, MdSample, Output, Request, Spawned, Tree, WatchMd},
};

/// For commands that say nothing else: long, as the machine may be loaded.
const COMMAND_PATIENCE: Duration = Duration::from_secs(180);
/// For requests the agent answers at once.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);

impl Machine {
    /// Runs a command to its end, however that is.
    pub fn exec<I>(&mut self, argv: I) -> Result<Output>
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.exec_with(Exec::new(argv))
    }

    /// Runs a command with an environment, input and time limit of its own.
    pub fn exec_with(&mut self, exec: Exec) -> Result<Output> {
        let what = shown(&exec.argv);
        let patience = Duration::from_secs(exec.timeout_s);
        self.request(&Request::Exec(exec), patience)
            .with_context(|| format!("in the guest: {what}"))
    }

    /// Runs a command that must succeed. Returns what it printed.
    pub fn run<I>(&mut self, argv: I) -> Result<String>
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let argv: Vec<String> = argv.into_iter().map(Into::into).collect();
        let what = shown(&argv);
        self.exec(argv)?
            .success()
            .with_context(|| format!("in the guest: {what}"))
    }

    /// Runs a script that must succeed, to its last line. Returns what it printed.
    pub fn sh(&mut self, script: &str) -> Result<String> {
        self.run(["bash", "-euo", "pipefail", "-c", script])
    }

    /// Starts a command that goes on running.
    pub fn spawn<I>(&mut self, argv: I) -> Result<Job>
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let argv = argv.into_iter().map(Into::into).collect();
        let Spawned { pid, output } = self.ask(&Request::Spawn {
            argv,
            env: BTreeMap::new(),
        })?;
        Ok(Job { pid, output })
    }

    /// How a job ended; `None` while it runs.
    pub fn status(&mut self, job: &Job) -> Result<Option<i32>> {
        self.ask(&Request::Status { pid: job.pid })
    }

    /// Sends a signal by number: 15 asks a job to end, 9 ends it.
    pub fn kill(&mut self, job: &Job, signal: i32) -> Result<()> {
        self.ask(&Request::Kill {
            pid: job.pid,
            signal,
        })
    }

    pub fn read_file(&mut self, path: &str) -> Result<String> {
        self.ask(&Request::ReadFile {
            path: path.to_owned(),
        })
    }

    /// Writes a text file with mode 0644; big or binary files go over [`Machine::share`].
    pub fn write_file(&mut self, path: &str, content: &str) -> Result<()> {
        let (path, content) = (path.to_owned(), content.to_owned());
        self.ask(&Request::WriteFile {
            path,
            content,
            mode: 0o644,
        })
    }

    /// Puts the product at `/usr/local/bin/moxnas`.
    pub fn install_moxnas(&mut self) -> Result<()> {
        let product = product();
        let shared = self.share().join("moxnas");
        fs::copy(&product, &shared)
            .with_context(|| format!("cannot share the product {}", product.display()))?;
        self.run([
            "install",
            "-m",
            "755",
            "/mnt/lab/moxnas",
            "/usr/local/bin/moxnas",
        ])?;
        fs::remove_file(shared)?;
        Ok(())
    }

    /// Follows an array until its files say what is waited for. Returns what it went through.
    pub fn watch_md(&mut self, watch: &WatchMd) -> Result<Vec<MdSample>> {
        self.request(
            &Request::WatchMd(watch.clone()),
            Duration::from_millis(watch.timeout_ms),
        )
    }

    /// Follows an array while the test does something else.
    pub fn start_watch_md(&mut self, watch: &WatchMd) -> Result<Watch> {
        let (agent, watch) = (self.power()?.agent, watch.clone());
        let patience = Duration::from_millis(watch.timeout_ms);
        let thread = thread::spawn(move || ask(agent, &Request::WatchMd(watch), patience));
        // The first look is taken within a few milliseconds; this is for a loaded machine.
        self.ask::<()>(&Request::Ping)?;
        thread::sleep(Duration::from_millis(50));
        Ok(Watch { thread })
    }

    /// Repeats a check until it holds.
    pub fn wait_until(
        &mut self,
        what: &str,
        mut holds: impl FnMut(&mut Self) -> Result<bool>,
    ) -> Result<()> {
        let began = Instant::now();
        while !holds(self)? {
            ensure!(
                began.elapsed() < COMMAND_PATIENCE,
                "{what}: it did not come to that"
            );
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Reads files of the guest whose paths fit (`*` stands for a part of one name).
    pub fn gather(&mut self, patterns: &[impl AsRef<str>]) -> Result<Tree> {
        let patterns = patterns.iter().map(|it| it.as_ref().to_owned()).collect();
        self.request(&Request::Gather { patterns }, COMMAND_PATIENCE)
    }

    /// Asks the agent for what it answers at once.
    pub fn ask<T: DeserializeOwned>(&mut self, request: &Request) -> Result<T> {
        self.request(request, ANSWER_PATIENCE)
    }

    /// Asks the agent. Where it does not answer at all, the error shows what the guest said last.
    pub fn request<T: DeserializeOwned>(
        &mut self,
        request: &Request,
        patience: Duration,
    ) -> Result<T> {
        let agent = self.power()?.agent;
        agent
            .call(request, patience)
            .map_err(|failure| match failure {
                Failure::Refused(err) => err,
                Failure::Unreachable(err) => {
                    self.with_last_words(err, "the machine does not answer")
                }
            })
    }
}

/// The command for an error; of a long script only its end, where it says what it is about.
fn shown(argv: &[String]) -> String {
    const CHARACTERS_MAX: usize = 400;
    let text = argv.join(" ");
    let surplus = text.chars().count().saturating_sub(CHARACTERS_MAX);
    if surplus == 0 {
        text
    } else {
        format!("… {}", text.chars().skip(surplus).collect::<String>())
    }
}

fn ask<T: DeserializeOwned>(
    agent: AgentClient,
    request: &Request,
    patience: Duration,
) -> Result<T> {
    agent
        .call(request, patience)
        .map_err(|failure| match failure {
            Failure::Refused(err) | Failure::Unreachable(err) => err,
        })
}

/// A command that runs in the guest.
#[derive(Clone, Debug)]
pub struct Job {
    pub pid: u32,
    /// File in the guest with what it says.
    pub output: String,
}

/// A watch that goes on beside the test.
#[derive(Debug)]
pub struct Watch {
    thread: JoinHandle<Result<Vec<MdSample>>>,
}

impl Watch {
    /// Waits for its end. Returns what the array went through.
    pub fn finish(self) -> Result<Vec<MdSample>> {
        self.thread
            .join()
            .map_err(|_| anyhow!("the watch panicked"))?
    }
}

/// The product's executable: named by the environment, else where cargo puts it.
fn product() -> PathBuf {
    let target = || {
        let folder = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        folder
            .unwrap_or_else(|| workspace().join("target"))
            .join("debug/moxnas")
    };
    env::var_os(PRODUCT_VARIABLE).map_or_else(target, |it| Path::new(&it).to_owned())
}
