//! smbd, as Debian brings it: real files, real checks, real clients. What systemd does on a machine is done here by
//! the runner of the test.

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
    chain::chain,
    clock::Stopwatch,
    cmd::{Cmd, CmdError, Output, Runner, SystemRunner},
    root::Root,
};
use moxnas_shares::{
    backend::ShareBackend,
    model::{Intent, PreviousVersions, Recycle, Smb},
    plan::{Step, plan},
    real::SystemShares,
    render::{Places, Service},
    transaction::{At, NotServed, serve},
};
use tempfile::TempDir;

use crate::intents::smb;

const PASSWORD: &str = "Correct-Horse-9";

/// A folder that stands for `/` and in which paths mean the same as outside: for smbd they are those of this
/// machine.
struct World {
    folder: TempDir,
    port: u16,
    smbd: Arc<Smbd>,
    shares: SystemShares,
    places: Places,
}

/// What systemd would be asked to do.
struct Smbd {
    config: PathBuf,
    procs: PathBuf,
    child: Mutex<Option<Child>>,
}

#[expect(clippy::disallowed_methods, reason = "it is systemd here")]
fn start(program: &str) -> Command {
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
        match self.0.is_asked(cmd) {
            true => Ok(Output::default()),
            false => SystemRunner.run_while(cmd, is_wanted),
        }
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
    fn new() -> Option<World> {
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
    fn share(&self, name: &str, smb_of: Smb) -> moxnas_shares::model::Share {
        let path = self.folder.path().join("data").join(name);
        fs::create_dir_all(&path).unwrap();
        moxnas_shares::model::Share {
            path: path.to_str().unwrap().parse().unwrap(),
            smb: Some(smb_of),
            ..smb(name)
        }
    }

    fn steps(&self, intent: &Intent) -> Vec<Step> {
        let served = self.shares.observe(&self.places).unwrap();
        plan(&served, intent, &self.places).unwrap().steps
    }

    fn offer(&self, intent: &Intent) -> Result<(), NotServed> {
        let steps = self.steps(intent);
        steps
            .iter()
            .try_for_each(|it| serve(&self.shares, &self.places, it))
    }

    /// root, who is in every machine, gets an account of Samba in this one.
    fn account(&self) {
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
    fn client(&self, share: &str, who: &str, command: &str) -> (bool, String) {
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

    fn by_root(&self, share: &str, command: &str) -> String {
        let (is_done, said) = self.client(share, &format!("root%{PASSWORD}"), command);
        assert!(is_done, "{share}: {command}: {said}");
        said
    }
}

fn two(world: &World) -> Intent {
    let snapshots = world.folder.path().join("data/.snapshots/photos");
    let photos = Smb {
        recycle: Some(Recycle::default()),
        audit: true,
        previous_versions: Some(PreviousVersions {
            snapshots: snapshots.to_str().unwrap().parse().unwrap(),
            of: world
                .folder
                .path()
                .join("data/photos")
                .to_str()
                .unwrap()
                .parse()
                .unwrap(),
        }),
        valid_users: vec!["root".parse().unwrap()],
        ..Smb::default()
    };
    let at = snapshots.join("daily-2026-11-20T02-00-00Z");
    fs::create_dir_all(&at).unwrap();
    fs::write(at.join("then.txt"), "then").unwrap();
    Intent {
        shares: vec![
            world.share("photos", photos),
            world.share("R&D (2)", Smb::default()),
        ],
        ..Intent::default()
    }
}

/// From nothing to a share that is written to and read, by what we write alone.
#[test]
fn what_is_offered_is_served_by_smbd() {
    let Some(world) = World::new() else {
        return;
    };
    let intent = two(&world);
    world.offer(&intent).map_err(|it| chain(&it)).unwrap();
    assert_eq!(world.steps(&intent), []);
    world.account();

    let file = world.folder.path().join("file");
    fs::write(&file, "what is put").unwrap();
    for share in ["photos", "R&D (2)"] {
        world.by_root(share, &format!("put {} there.txt", file.display()));
        let back = world.folder.path().join("back");
        world.by_root(share, &format!("get there.txt {}", back.display()));
        assert_eq!(fs::read_to_string(back).unwrap(), "what is put");
    }
    let (is_in, said) = world.client("photos", "%", "ls");
    assert!(!is_in && said.contains("ACCESS_DENIED"), "{said}");

    // What is deleted is kept, and what was can be seen.
    world.by_root("photos", "rm there.txt");
    let kept = world
        .folder
        .path()
        .join("data/photos/.recycle/root/there.txt");
    assert!(kept.is_file());
    let versions = world.by_root("photos", "ls @GMT-2026.11.20-02.00.00\\*");
    assert!(versions.contains("then.txt"), "{versions}");
}

/// What an administrator has beside ours stays, and what is wrong changes nothing.
#[test]
fn what_testparm_refuses_leaves_everything_as_it_was() {
    let Some(world) = World::new() else {
        return;
    };
    let mut intent = two(&world);
    world.offer(&intent).map_err(|it| chain(&it)).unwrap();
    let before = world.shares.observe(&world.places).unwrap();
    intent.shares.push(world.share("more", Smb::default()));
    let mut steps = world.steps(&intent);
    let text = steps[0].changes[0].after.as_mut().unwrap();
    text.push_str("\tno such option = yes\n");
    let err = serve(&world.shares, &world.places, &steps[0]).unwrap_err();
    assert_eq!(err.at, At::Checking);
    let said = chain(&err);
    assert!(
        said.contains("Unknown parameter encountered: \"no such option\""),
        "{said}"
    );
    assert_eq!(world.shares.observe(&world.places).unwrap(), before);
    let (is_in, said) = world.client("old", "%", "exit");
    assert!(!is_in || said.is_empty(), "{said}");
    let left: Vec<_> = fs::read_dir(&world.places.scratch).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Of a share that asks for a module that is not there smbd would tell nobody why nobody gets in.
#[test]
fn what_smbd_could_not_load_is_refused() {
    let Some(world) = World::new() else {
        return;
    };
    fs::remove_file(world.folder.path().join("usr")).unwrap();
    let err = world.offer(&two(&world)).unwrap_err();
    assert_eq!(
        chain(&err),
        "nothing was changed: smbd has no module full_audit"
    );
    let hint = err.cause.hint().unwrap();
    assert_eq!(hint, "install it: apt-get install samba-vfs-modules");
}

/// A client that has a share open goes on when another share comes.
#[test]
fn who_is_connected_stays_connected() {
    let Some(world) = World::new() else {
        return;
    };
    let mut intent = two(&world);
    world.offer(&intent).map_err(|it| chain(&it)).unwrap();
    world.account();
    let mut client = start("/usr/bin/smbclient")
        .args(["--configfile=/dev/null", "--max-protocol=SMB3"])
        .arg(format!("--port={}", world.port))
        .arg(format!("--user=root%{PASSWORD}"))
        .arg("//127.0.0.1/photos")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = client.stdin.take().unwrap();
    let mut say = |line: &str| std::io::Write::write_all(&mut stdin, line.as_bytes()).unwrap();
    say("mkdir before\n");
    let made = world.folder.path().join("data/photos/before");
    let since = Stopwatch::start();
    while !made.exists() {
        assert!(
            since.elapsed() < Duration::from_secs(60),
            "it does not connect"
        );
        std::thread::yield_now();
    }
    intent.shares.push(world.share("more", Smb::default()));
    world.offer(&intent).map_err(|it| chain(&it)).unwrap();
    say("mkdir after\n");
    drop(stdin);
    let output = client.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        world.folder.path().join("data/photos/after").is_dir(),
        "{said}"
    );

    // And one that goes is gone.
    intent.shares.pop();
    world.offer(&intent).map_err(|it| chain(&it)).unwrap();
    let (_, said) = world.client("more", "%", "exit");
    assert!(said.contains("BAD_NETWORK_NAME"), "{said}");
    assert_eq!(Service::Samba.daemon(), "smbd");
}
