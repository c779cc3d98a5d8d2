//! smbd, as Debian brings it, on a port of its own. What systemd does on a machine is done here by the runner.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use moxnas_core::{
    clock::Stopwatch,
    cmd::{Cmd, CmdError, Output, Runner, SystemRunner},
    root::Root,
};
use moxnas_shares::{
    backend::ShareBackend,
    model::{Intent, Share, Smb},
    plan::{Step, plan},
    real::SystemShares,
    render::Places,
    transaction::{NotServed, serve},
};
use tempfile::TempDir;

pub(super) const PASSWORD: &str = "Correct-Horse-9";

/// A folder that stands for `/` and in which paths mean the same as outside: for smbd they are those of this
/// machine.
pub(super) struct World {
    pub(super) folder: TempDir,
    pub(super) port: u16,
    smbd: Arc<Smbd>,
    pub(super) shares: SystemShares,
    pub(super) places: Places,
}

/// What systemd would be asked to do.
struct Smbd {
    config: PathBuf,
    procs: PathBuf,
    child: Mutex<Option<Child>>,
    /// How long testparm(1) took so far.
    checked: Mutex<Duration>,
}

#[expect(clippy::disallowed_methods, reason = "it is systemd here")]
pub(super) fn start(program: &str) -> Command {
    Command::new(program)
}

impl Smbd {
    fn is_asked(&self, cmd: &Cmd) -> bool {
        let words = cmd.words();
        let Some((tool, rest)) = words.split_first() else {
            return false;
        };
        if tool != "systemctl" {
            return false;
        }
        match rest.first().map(String::as_str) {
            Some("enable") => self.start(),
            Some("reload") => self.signal("-HUP"),
            other => panic!("systemctl is not asked for {other:?} here"),
        }
        true
    }

    fn start(&self) {
        let log = fs::File::create(self.config.with_extension("log")).unwrap();
        let child = start("/usr/sbin/smbd")
            .args(["--foreground", "--no-process-group", "--debug-stdout", "-s"])
            .arg(&self.config)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        fs::create_dir_all(self.procs.parent().unwrap()).unwrap();
        fs::write(&self.procs, child.id().to_string()).unwrap();
        *self.child.lock().unwrap() = Some(child);
    }

    fn signal(&self, signal: &str) {
        let child = self.child.lock().unwrap();
        let pid = child.as_ref().unwrap().id().to_string();
        let sent = start("/bin/kill").args([signal, &pid]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Smbd {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.lock().unwrap().take() {
            _ = child.kill();
            _ = child.wait();
        }
    }
}

/// Runs what is asked for, but for systemd.
struct Here(Arc<Smbd>);

impl Runner for Here {
    fn run_while(&self, cmd: &Cmd, is_wanted: &dyn Fn() -> bool) -> Result<Output, CmdError> {
        if self.0.is_asked(cmd) {
            return Ok(Output::default());
        }
        let since = Stopwatch::start();
        let done = SystemRunner.run_while(cmd, is_wanted);
        if cmd.words().first().is_some_and(|it| it == "testparm") {
            *self.0.checked.lock().unwrap() += since.elapsed();
        }
        done
    }

    fn pipe(
        &self,
        from: &Cmd,
        to: &Cmd,
        is_wanted: &dyn Fn() -> bool,
        passed: &dyn Fn(u64),
    ) -> Result<Output, CmdError> {
        SystemRunner.pipe(from, to, is_wanted, passed)
    }

    fn feed(
        &self,
        from: Box<dyn std::io::Read + Send>,
        to: &Cmd,
        is_wanted: &dyn Fn() -> bool,
        passed: &dyn Fn(u64),
    ) -> Result<Output, CmdError> {
        SystemRunner.feed(from, to, is_wanted, passed)
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

impl World {
    /// `None`: whoever runs the tests may not be smbd.
    pub(super) fn new() -> Option<World> {
        if fs::metadata("/proc/self").unwrap().uid() != 0 {
            println!("skipped: smbd runs as root");
            return None;
        }
        // Nothing is shared from /tmp.
        let folder = tempfile::tempdir_in("/srv").unwrap();
        let at = folder.path();
        fs::set_permissions(at, fs::Permissions::from_mode(0o755)).unwrap();
        // Below the folder its own path leads to itself.
        let top = at.components().nth(1).unwrap();
        symlink(Path::new("/").join(top), at.join(top)).unwrap();
        symlink("/usr", at.join("usr")).unwrap();
        let port = free_port();
        for it in ["private", "state", "samba"] {
            fs::create_dir(at.join(it)).unwrap();
        }
        let below = |it: &str| at.join(it).display().to_string();
        let main = format!(
            "[global]\n\tsmb ports = {port}\n\tinterfaces = lo\n\tbind interfaces only = yes\n\
             \tdisable netbios = yes\n\tpassdb backend = tdbsam:{}\n\tprivate dir = {}\n\
             \tlock directory = {state}\n\tstate directory = {state}\n\tcache directory = {state}\n\
             \tpid directory = {state}\n\tncalrpc dir = {state}\n\n[old]\n\tpath = {}\n\tguest ok = yes\n",
            below("private/passdb.tdb"),
            below("private"),
            below("state"),
            state = below("state"),
        );
        fs::write(at.join("samba/smb.conf"), main).unwrap();
        let places = Places {
            samba: below("samba/moxnas.conf"),
            samba_main: Some(below("samba/smb.conf")),
            generations: below("generations"),
            scratch: below("scratch"),
            ..Places::default()
        };
        let smbd = Arc::new(Smbd {
            config: at.join("samba/smb.conf"),
            procs: at.join("sys/fs/cgroup/system.slice/smbd.service/cgroup.procs"),
            child: Mutex::new(None),
            checked: Mutex::default(),
        });
        let shares = SystemShares::new(
            Root::fixture(at),
            Arc::new(Here(Arc::clone(&smbd))),
            places.clone(),
            port,
        );
        Some(World {
            folder,
            port,
            smbd,
            shares,
            places,
        })
    }

    /// A share whose folder is there.
    pub(super) fn share(&self, name: &str, smb: Smb) -> Share {
        let path = self.folder.path().join("data").join(name);
        fs::create_dir_all(&path).unwrap();
        let path = path.to_str().unwrap();
        Share {
            smb: Some(smb),
            ..Share::new(name.parse().unwrap(), path.parse().unwrap())
        }
    }

    /// How long testparm(1) took so far.
    pub(super) fn checked(&self) -> Duration {
        *self.smbd.checked.lock().unwrap()
    }

    pub(super) fn steps(&self, intent: &Intent) -> Vec<Step> {
        let served = self.shares.observe(&self.places).unwrap();
        plan(&served, intent, &self.places).unwrap().steps
    }

    pub(super) fn offer(&self, intent: &Intent) -> Result<(), NotServed> {
        let steps = self.steps(intent);
        steps
            .iter()
            .try_for_each(|it| serve(&self.shares, &self.places, it))
    }

    /// root, who is in every machine, gets an account of Samba in this one.
    pub(super) fn account(&self) {
        let mut smbpasswd = start("/usr/bin/smbpasswd")
            .args(["-c".as_ref(), self.smbd.config.as_os_str()])
            .args(["-s", "-a", "root"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdin = smbpasswd.stdin.take().unwrap();
        std::io::Write::write_all(&mut stdin, format!("{PASSWORD}\n{PASSWORD}\n").as_bytes())
            .unwrap();
        drop(stdin);
        assert!(smbpasswd.wait().unwrap().success());
    }

    /// What a client says, logged in or not.
    pub(super) fn client(&self, share: &str, who: &str, command: &str) -> (bool, String) {
        let output = start("/usr/bin/smbclient")
            .args(["--configfile=/dev/null", "--max-protocol=SMB3"])
            .arg(format!("--port={}", self.port))
            .arg(format!("--user={who}"))
            .arg(format!("--command={command}"))
            .arg(format!("//127.0.0.1/{share}"))
            .output()
            .unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        (output.status.success(), said.into_owned())
    }

    pub(super) fn by_root(&self, share: &str, command: &str) -> String {
        let (is_done, said) = self.client(share, &format!("root%{PASSWORD}"), command);
        assert!(is_done, "{share}: {command}: {said}");
        said
    }
}
