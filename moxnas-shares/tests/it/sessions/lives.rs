//! A session is opened, seen, ended and gone: simulated and with real daemons, by the same steps.

use std::{
    fs,
    io::Write as _,
    net::TcpListener,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use moxnas_core::{
    clock::Stopwatch,
    cmd::{Cmd, CmdError, Output, Runner, SystemRunner},
    root::Root,
    sim::{Fault, SimMachine},
};
use moxnas_shares::{
    render::{Places, Service},
    sessions::{
        Session, SessionBackend, SessionId, Sessions,
        model::{Connection, OpenFile, Process, Protocol},
        plan,
        plan::is_gone,
        real::SystemSessions,
        sim::SimSessions,
    },
    sim::SimShares,
};
use tempfile::TempDir;

/// Look until it is so, as daemons take a moment.
fn until(sessions: &dyn SessionBackend, is_so: impl Fn(&Sessions) -> bool) -> Sessions {
    let since = Stopwatch::start();
    loop {
        let seen = sessions.observe().unwrap();
        if is_so(&seen) {
            return seen;
        }
        assert!(since.elapsed() < Duration::from_secs(30), "{seen:#?}");
        std::thread::yield_now();
    }
}

fn only(seen: &Sessions, protocol: Protocol) -> Option<&Session> {
    let mut of = seen
        .sessions
        .iter()
        .filter(|it| it.id.protocol() == protocol);
    of.next().filter(|_| of.next().is_none())
}

/// One session of root is there, and is ended.
fn one_life(sessions: &dyn SessionBackend, protocol: Protocol) {
    let is_there = |seen: &Sessions| {
        let found = only(seen, protocol);
        // smbd tells a session before its shares and files.
        found.is_some_and(|it| protocol != Protocol::Smb || !it.files.is_empty())
    };
    let seen = until(sessions, is_there);
    let session = only(&seen, protocol).unwrap();
    assert_eq!(session.user.as_deref(), Some("root"));
    assert_eq!(session.address, Some("127.0.0.1".parse().unwrap()));
    if protocol == Protocol::Smb {
        assert_eq!(seen.of_share("PHOTOS").count(), 1, "whatever its case");
        assert_eq!(seen.of_share("music").count(), 0);
        let file = &session.files[0];
        assert!(
            file.path.ends_with("/photos/held.txt") && file.writes,
            "{file:?}"
        );
        let plan = plan(&seen, session.id).unwrap();
        let warning = "held.txt is open for writing: what the client has not sent is lost";
        assert!(plan.warnings[0].ends_with(warning), "{:?}", plan.warnings);
    }

    // Another process that got the same number is somebody else.
    sessions.disconnect(later(session.id)).unwrap();
    assert!(!is_gone(&sessions.observe().unwrap(), session.id));

    let plan = plan(&seen, session.id).unwrap();
    for step in &plan.steps {
        sessions.disconnect(step.session).unwrap();
    }
    let after = until(sessions, |it| is_gone(it, session.id));
    assert_eq!(only(&after, protocol), None);
    sessions.disconnect(session.id).unwrap();
    let refusal = moxnas_shares::sessions::plan(&after, session.id).unwrap_err();
    assert_eq!(refusal.code(), "session_not_found");
    assert!(refusal.hint().starts_with("look again"));
}

fn later(id: SessionId) -> SessionId {
    let later = |it: Process| Process {
        started: it.started + 1,
        ..it
    };
    match id {
        SessionId::Smb { process, session } => SessionId::Smb {
            process: later(process),
            session,
        },
        SessionId::Nfs { number, client } => SessionId::Nfs {
            number,
            client: client + 1,
        },
        SessionId::Ftp(it) => SessionId::Ftp(later(it)),
        SessionId::Sftp(it) => SessionId::Sftp(later(it)),
    }
}

fn simulated(pid: u32) -> Session {
    let process = Process { pid, started: 77 };
    Session {
        user: Some("root".to_owned()),
        address: Some("127.0.0.1".parse().unwrap()),
        shares: vec![Connection {
            share: "photos".to_owned(),
            since: None,
        }],
        files: vec![OpenFile {
            path: "/srv/tank/photos/held.txt".to_owned(),
            writes: true,
            since: None,
        }],
        ..Session::new(SessionId::Smb {
            process,
            session: 1,
        })
    }
}

fn sim() -> (Arc<SimShares>, SimSessions) {
    let shares = Arc::new(SimShares::new(SimMachine::new(5), Places::default()));
    (Arc::clone(&shares), SimSessions::new(shares))
}

#[test]
fn a_simulated_session() {
    let (shares, sessions) = sim();
    sessions.connect(simulated(12));
    one_life(&sessions, Protocol::Smb);
    sessions.connect(Session {
        id: "sftp-13-1".parse().unwrap(),
        ..simulated(13)
    });
    one_life(&sessions, Protocol::Sftp);

    // They go with their daemon, and one that lies ends nothing.
    sessions.connect(simulated(14));
    let id = simulated(14).id;
    let matching = format!("end session {id}");
    shares.machine().inject(Fault::StepLies { matching });
    sessions.disconnect(id).unwrap();
    assert!(!is_gone(&sessions.observe().unwrap(), id));
    let other = Session {
        user: Some("alice".to_owned()),
        id: "smb-14-77-2".parse().unwrap(),
        ..simulated(14)
    };
    sessions.connect(other);
    let plan = plan(&sessions.observe().unwrap(), id).unwrap();
    let warning = "alice uses the same connection, and is cut off too";
    assert!(plan.warnings.iter().any(|it| it == warning), "{plan:?}");
    shares.crash(Service::Samba);
    assert_eq!(sessions.observe().unwrap(), Sessions::default());
    sessions.connect(simulated(15));
    assert_eq!(
        sessions.observe().unwrap(),
        Sessions::default(),
        "it does not run"
    );
}

#[expect(
    clippy::disallowed_methods,
    reason = "daemons and clients are started here"
)]
fn start(program: &str) -> Command {
    Command::new(program)
}

/// What is started ends with the test.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// A folder that stands for `/`, with the processes of this machine; `None`: whoever runs the tests
/// may not be these daemons.
fn folder() -> Option<TempDir> {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        println!("skipped: daemons run as root");
        return None;
    }
    let folder = tempfile::tempdir_in("/srv").unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("/proc", folder.path().join("proc")).unwrap();
    Some(folder)
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// Has smbstatus look at the smbd of the test.
struct Told(String);

impl Runner for Told {
    fn run_while(&self, cmd: &Cmd, is_wanted: &dyn Fn() -> bool) -> Result<Output, CmdError> {
        let config = format!("--configfile={}", self.0);
        SystemRunner.run_while(&cmd.clone().arg(config), is_wanted)
    }

    fn pipe(
        &self,
        _: &Cmd,
        _: &Cmd,
        _: &dyn Fn() -> bool,
        _: &dyn Fn(u64),
    ) -> Result<Output, CmdError> {
        unreachable!("sessions need one program at a time")
    }

    fn feed(
        &self,
        _: Box<dyn std::io::Read + Send>,
        _: &Cmd,
        _: &dyn Fn() -> bool,
        _: &dyn Fn(u64),
    ) -> Result<Output, CmdError> {
        unreachable!("sessions need one program at a time")
    }
}

#[test]
fn a_session_with_smbd() {
    let Some(folder) = folder() else {
        return;
    };
    let at = folder.path();
    let port = free_port();
    let below = |it: &str| at.join(it).display().to_string();
    for it in ["private", "state", "photos"] {
        fs::create_dir(at.join(it)).unwrap();
    }
    let config = below("smb.conf");
    let state = below("state");
    let text = format!(
        "[global]\n\tsmb ports = {port}\n\tinterfaces = lo\n\tbind interfaces only = yes\n\
         \tdisable netbios = yes\n\tpassdb backend = tdbsam:{}\n\tprivate dir = {}\n\
         \tlock directory = {state}\n\tstate directory = {state}\n\tcache directory = {state}\n\
         \tpid directory = {state}\n\tncalrpc dir = {state}\n\n[photos]\n\tpath = {}\n\
         \tread only = no\n",
        below("private/passdb.tdb"),
        below("private"),
        below("photos"),
    );
    fs::write(&config, text).unwrap();
    fs::write(at.join("photos/held.txt"), "held").unwrap();
    let password = "Correct-Horse-9";
    let mut smbpasswd = start("/usr/bin/smbpasswd")
        .args(["-c", &config, "-s", "-a", "root"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = smbpasswd.stdin.take().unwrap();
    write!(stdin, "{password}\n{password}\n").unwrap();
    drop(stdin);
    assert!(smbpasswd.wait().unwrap().success());
    let log = fs::File::create(at.join("log")).unwrap();
    let smbd = start("/usr/sbin/smbd")
        .args(["--foreground", "--no-process-group", "--debug-stdout", "-s"])
        .arg(&config)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let _smbd = Ends(smbd);
    let since = Stopwatch::start();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(
            since.elapsed() < Duration::from_secs(30),
            "it does not start"
        );
        std::thread::yield_now();
    }
    let runner = Arc::new(Told(config));
    let sessions = SystemSessions::new(Root::fixture(at), runner);
    until(&sessions, |it| {
        it.sessions
            .iter()
            .all(|it| it.id.protocol() != Protocol::Smb)
    });
    let client = start("/usr/bin/smbclient")
        .args(["--configfile=/dev/null", "--max-protocol=SMB3"])
        .arg(format!("--port={port}"))
        .arg(format!("--user=root%{password}"))
        .arg("//127.0.0.1/photos")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut client = Ends(client);
    // smbclient holds open what it opened until it goes.
    let stdin = client.0.stdin.as_mut().unwrap();
    stdin.write_all(b"open held.txt\n").unwrap();
    one_life(&sessions, Protocol::Smb);
}

#[test]
fn a_session_with_sshd() {
    let Some(folder) = folder() else {
        return;
    };
    let at = folder.path();
    let port = free_port();
    let below = |it: &str| at.join(it).display().to_string();
    // sshd looks for it on this machine, whatever stands for / here.
    fs::create_dir_all("/run/sshd").unwrap();
    for key in ["host", "user"] {
        let made = start("/usr/bin/ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f", &below(key)])
            .status()
            .unwrap();
        assert!(made.success());
    }
    let text = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\n\
         PermitRootLogin prohibit-password\nStrictModes no\nUsePAM no\n\
         Subsystem sftp internal-sftp\n",
        below("host"),
        below("user.pub"),
    );
    fs::write(at.join("sshd_config"), text).unwrap();
    let sshd = start("/usr/sbin/sshd")
        .args(["-D", "-e", "-f", &below("sshd_config")])
        .stdin(Stdio::null())
        .stderr(fs::File::create(at.join("log")).unwrap())
        .spawn()
        .unwrap();
    let _sshd = Ends(sshd);
    let since = Stopwatch::start();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(
            since.elapsed() < Duration::from_secs(30),
            "it does not start"
        );
        std::thread::yield_now();
    }
    let client = start("/usr/bin/sftp")
        .args(["-q", "-F", "/dev/null", "-i", &below("user")])
        .args([
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
        ])
        .arg(format!("-P{port}"))
        .arg("root@127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _client = Ends(client);
    let sessions = SystemSessions::new(Root::fixture(at), Arc::new(SystemRunner));
    one_life(&sessions, Protocol::Sftp);
}
