//! The service to compare with: FastAPI, uvicorn and SQLAlchemy on SQLite.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use moxnas_tests::lab::workspace;

use crate::{
    http::{Answer, Connection},
    service::random_hex,
    tools,
};

/// As many as ours has threads for requests on a machine of two cores.
const WORKERS: &str = "2";
pub(super) const PATH: &str = "/items?limit=100";
const START_LIMIT: Duration = Duration::from_secs(30);

/// Ended when dropped.
pub(super) struct FastApi {
    child: Child,
    pub(super) address: SocketAddr,
    pub(super) token: String,
}

impl FastApi {
    /// Fills its database with what is in `answer`, and starts it.
    pub(super) fn start(answer: &Path) -> Result<FastApi> {
        let source = workspace().join("xtask/bench/peer");
        let programs = tools::python("bench-peer/python", &source.join("requirements.txt"))?;
        let folder = workspace().join("target/bench-peer/data");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let secret = random_hex()?;
        let token = seed(&programs, &source, &folder, answer, &secret)?;
        // Free now; whoever takes it in between fails the start.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let log = folder.join("peer.log");
        let child = Command::new(programs.join("uvicorn"))
            .args(["app:app", "--app-dir"])
            .arg(&source)
            .args(["--host", "127.0.0.1", "--port"])
            .arg(address.port().to_string())
            .args(["--workers", WORKERS, "--loop", "uvloop"])
            .args(["--http", "httptools", "--no-access-log"])
            .env("PEER_FOLDER", &folder)
            .env("PEER_SECRET", &secret)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .context("cannot start uvicorn")?;
        let mut service = FastApi {
            child,
            address,
            token,
        };
        service
            .wait_for_answers()
            .with_context(|| fs::read_to_string(&log).unwrap_or_default())?;
        Ok(service)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn ask(&self) -> Result<Answer> {
        Connection::open(self.address)?.get(PATH, &self.token)
    }

    fn wait_for_answers(&mut self) -> Result<()> {
        let began = Instant::now();
        while began.elapsed() < START_LIMIT {
            ensure!(self.child.try_wait()?.is_none(), "the peer ended by itself");
            if self.ask().is_ok_and(|it| it.status == 200) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(100));
        }
        bail!("the peer does not answer")
    }
}

/// Makes the database; a token for it.
fn seed(
    programs: &Path,
    source: &Path,
    folder: &Path,
    answer: &Path,
    secret: &str,
) -> Result<String> {
    let script: PathBuf = source.join("seed.py");
    let output = Command::new(programs.join("python"))
        .args([&script, &folder.to_owned(), &answer.to_owned()])
        .arg(secret)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start Python")?;
    ensure!(
        output.status.success(),
        "the peer's database cannot be made"
    );
    let token = String::from_utf8(output.stdout)?;
    Ok(token.trim().to_owned())
}

impl Drop for FastApi {
    fn drop(&mut self) {
        // Asked to, it ends its workers; killed, it would leave them.
        let asked = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        if asked.is_err() {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}
