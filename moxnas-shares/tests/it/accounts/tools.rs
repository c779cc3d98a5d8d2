//! The real programs, on a machine of files that is thrown away: `/etc` and what Samba keeps are
//! other folders for whatever is started, by a mount that nobody else sees. The same wishes on the
//! simulation have to end the same.
//!
//! Needs root, unshare(1), passwd and Samba; where one is missing, the lab is where it is seen.

use std::{fs, io::Read, path::Path, sync::Arc};

use moxnas_core::{
    cmd::{Cmd, CmdError, Output, Runner, SystemRunner, Tool},
    root::Root,
    sim::SimMachine,
};
use moxnas_shares::accounts::{
    AccountBackend, BackendError, Change, Day, RECORD_FILE, Secret, Step,
    backend::execute,
    effect::shows,
    model::{Accounts, Standing},
    plan::{ChangeUser, CreateUser, plan},
    real::SystemAccounts,
    sim::SimAccounts,
};

use super::world::{
    KEY, OTHER, PASSWORD, add, add_to_samba, adopt, alice, create, create_group, delete,
    delete_group, disable, enable, expire, force_change, leave_samba, members, of, remove,
    set_password, wish,
};

const UNSHARE: Tool = Tool::new("unshare").of("util-linux");

/// Programs see this folder's `etc`, `var` and `run` in place of the machine's own.
struct Private {
    dir: tempfile::TempDir,
}

const SCRIPT: &str =
    "for it in etc var run; do mount --bind \"$0/$it\" \"/$it\" || exit 99; done; exec \"$@\"";

impl Private {
    fn wrap(&self, cmd: &Cmd) -> Cmd {
        let script = [SCRIPT, self.dir.path().to_str().unwrap()];
        Cmd::new(UNSHARE)
            .args(["--mount", "--", "sh", "-c"])
            .args(script)
            .args(cmd.words())
            .stdin(cmd.stdin.clone())
    }
}

impl Runner for Private {
    fn run_while(&self, cmd: &Cmd, is_wanted: &dyn Fn() -> bool) -> Result<Output, CmdError> {
        SystemRunner.run_while(&self.wrap(cmd), is_wanted)
    }

    fn pipe(
        &self,
        _: &Cmd,
        _: &Cmd,
        _: &dyn Fn() -> bool,
        _: &dyn Fn(u64),
    ) -> Result<Output, CmdError> {
        unreachable!("accounts need one program at a time")
    }

    fn feed(
        &self,
        _: Box<dyn Read + Send>,
        _: &Cmd,
        _: &dyn Fn() -> bool,
        _: &dyn Fn(u64),
    ) -> Result<Output, CmdError> {
        unreachable!("accounts need one program at a time")
    }
}

struct Machine {
    root: Root,
    private: Arc<Private>,
    accounts: SystemAccounts,
}

impl Machine {
    /// With the users that the simulation begins with; `None`: it cannot be made here.
    fn new() -> Option<Machine> {
        // Each program writes to the disk and waits for it; in memory there is none.
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let dir = dir.unwrap();
        let root = Root::fixture(dir.path());
        for it in [
            "etc",
            "var/lib/samba/private",
            "run/samba",
            "var/log",
            "var/cache/samba",
        ] {
            fs::create_dir_all(dir.path().join(it)).unwrap();
        }
        for it in [
            "pam.d",
            "security",
            "login.defs",
            "nsswitch.conf",
            "ld.so.cache",
            "default",
        ] {
            copy(
                &Path::new("/etc").join(it),
                &dir.path().join("etc").join(it),
            );
        }
        let sim = SimMachine::new(1);
        let _ = SimAccounts::new(Arc::clone(&sim));
        for (path, text) in &sim.state().files {
            root.replace(path, text.as_bytes(), 0o600).unwrap();
        }
        for it in ["/etc/subuid", "/etc/subgid"] {
            root.replace(it, b"", 0o644).unwrap();
        }
        let conf = "[global]\n\tnetbios name = BOX\n\tlog file = /var/log/samba\n";
        root.replace("/etc/samba/smb.conf", conf.as_bytes(), 0o644)
            .unwrap();
        let private = Arc::new(Private { dir });
        let tools = ["useradd", "smbpasswd", "pdbedit", "net", "sh"];
        for tool in tools {
            let is_there = Tool::new(tool).find().is_some();
            assert!(is_there, "{tool} is missing: apt-get install passwd samba");
        }
        let can = private.run(&Cmd::new(Tool::new("true"))).is_ok();
        if !can {
            println!("skipped: whoever runs the tests may not mount anything for itself");
        }
        can.then(|| Machine {
            accounts: SystemAccounts::new(root.clone(), Arc::clone(&private) as Arc<dyn Runner>),
            root,
            private,
        })
    }

    fn seen(&self) -> Accounts {
        self.accounts.observe().unwrap()
    }

    fn run(&self, change: &Change) -> Vec<Step> {
        let plan = plan(&self.seen(), change).unwrap();
        execute(&self.accounts, &plan.steps).unwrap_or_else(|err| panic!("{err:?}"));
        plan.steps
    }

    fn shadow(&self, user: &str) -> String {
        let text = self.root.read("/etc/shadow").unwrap().unwrap();
        let mut lines = text.lines();
        let line = lines.find(|it| it.starts_with(&format!("{user}:")));
        line.unwrap().to_owned()
    }

    /// What Samba keeps in place of the password: a hash that the same password always gives.
    fn hash(&self, user: &str) -> String {
        let cmd = Cmd::new(Tool::new("pdbedit")).args(["--list", "--smbpasswd-style"]);
        let text = self.private.run(&cmd).unwrap().text();
        let line = text.lines().find(|it| it.starts_with(&format!("{user}:")));
        line.unwrap().split(':').nth(3).unwrap().to_owned()
    }
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for it in fs::read_dir(from).unwrap() {
            let it = it.unwrap();
            copy(&it.path(), &to.join(it.file_name()));
        }
    } else if from.is_file() {
        fs::copy(from, to).unwrap();
    }
}

fn everything() -> Vec<Change> {
    vec![
        create_group("family"),
        alice(),
        create(CreateUser {
            full_name: "Bob Ä. Example".parse().unwrap(),
            home: Some("/srv/tank/bob".parse().unwrap()),
            shell: Some("/bin/sh".to_owned()),
            primary_group: Some("users".to_owned()),
            groups: vec!["family".to_owned()],
            expires: Some("2030-06-30".parse().unwrap()),
            ..wish("bob")
        }),
        create(CreateUser {
            password: Some(Secret::new("pass: wörd #1")),
            samba: true,
            expires: Some(Day::LAST),
            must_change: true,
            uid: Some(4711),
            ..wish("carol")
        }),
        set_password("alice", OTHER),
        of("alice", disable),
        set_password("alice", PASSWORD),
        expire("alice", Some("2031-01-01")),
        of("alice", enable),
        expire("alice", None),
        of("alice", force_change),
        set_password("alice", OTHER),
        set_password("bob", PASSWORD),
        add_to_samba("bob"),
        of("bob", disable),
        of("bob", enable),
        of("bob", leave_samba),
        Change::ChangeUser(ChangeUser {
            user: "bob".to_owned(),
            full_name: Some("".parse().unwrap()),
            shell: Some("/bin/bash".to_owned()),
            home: Some("/srv/tank/bo b".parse().unwrap()),
            groups: Some(vec!["users".to_owned()]),
            keys: Some(vec![KEY.parse().unwrap()]),
        }),
        members("family", &["bob", "carol"], add),
        members("family", &["alice", "bob"], remove),
        of("alice", delete),
        of("carol", delete),
        of("family", delete_group),
        alice_again(),
    ]
}

fn alice_again() -> Change {
    create(CreateUser {
        password: Some(Secret::new(OTHER)),
        samba: true,
        ..wish("alice")
    })
}

#[test]
fn the_real_programs_do_what_the_simulated_ones_do() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let sim = SimAccounts::new(SimMachine::new(1));
    assert_eq!(
        machine.seen(),
        sim.observe().unwrap(),
        "before anything was done"
    );
    for change in everything() {
        let steps = plan(&machine.seen(), &change).unwrap().steps;
        assert!(!steps.is_empty(), "{change:?}");
        for step in steps {
            sim.apply(&step).unwrap();
            machine
                .accounts
                .apply(&step)
                .unwrap_or_else(|err| panic!("{step}: {err:?}"));
            let seen = machine.seen();
            assert_eq!(seen, sim.observe().unwrap(), "{change:?}, after: {step}");
            assert!(shows(&seen, &step), "{step}");
        }
        let again = plan(&machine.seen(), &change);
        assert!(
            again.is_err()
                || matches!(change, Change::SetPassword { .. })
                || again.unwrap().steps.len() < 5
        );
    }
    let of_containers = machine.root.read("/etc/subuid").unwrap();
    assert_eq!(of_containers.as_deref(), Some(""));
    let record = machine.root.read(RECORD_FILE).unwrap().unwrap();
    assert_eq!(machine.seen().user("alice").unwrap().uid, 3003, "{record}");
}

/// Programs are replaced by one that fails.
struct Failing(Arc<Private>, &'static [&'static str]);

impl Runner for Failing {
    fn run_while(&self, cmd: &Cmd, is_wanted: &dyn Fn() -> bool) -> Result<Output, CmdError> {
        let line = cmd.to_string();
        let fails = self.1.iter().any(|it| line.starts_with(it));
        let stdin = cmd.stdin.clone();
        match fails {
            true => self
                .0
                .run_while(&Cmd::new(Tool::new("false")).stdin(stdin), is_wanted),
            false => self.0.run_while(cmd, is_wanted),
        }
    }

    fn pipe(
        &self,
        from: &Cmd,
        to: &Cmd,
        is_wanted: &dyn Fn() -> bool,
        passed: &dyn Fn(u64),
    ) -> Result<Output, CmdError> {
        self.0.pipe(from, to, is_wanted, passed)
    }

    fn feed(
        &self,
        from: Box<dyn Read + Send>,
        to: &Cmd,
        is_wanted: &dyn Fn() -> bool,
        passed: &dyn Fn(u64),
    ) -> Result<Output, CmdError> {
        self.0.feed(from, to, is_wanted, passed)
    }
}

/// The hash of Samba is the same for the same password, and that of the system is not.
#[test]
fn a_password_that_samba_does_not_take_is_set_nowhere() {
    let Some(machine) = Machine::new() else {
        return;
    };
    machine.run(&create_group("family"));
    machine.run(&alice());
    for (prepare, standing) in [
        (force_change as fn(_) -> _, Standing::Enabled),
        (disable, Standing::Disabled),
    ] {
        machine.run(&of("alice", prepare));
        let before = (machine.shadow("alice"), machine.hash("alice"));
        let steps = plan(&machine.seen(), &set_password("alice", OTHER))
            .unwrap()
            .steps;
        let failing = Failing(Arc::clone(&machine.private), &["smbpasswd"]);
        let accounts = SystemAccounts::new(machine.root.clone(), Arc::new(failing));
        let stopped = execute(&accounts, &steps).unwrap_err();
        match &stopped.cause {
            // It was fed the password.
            BackendError::Command(err) => assert!(err.cmd.stdin.is_empty(), "{stopped:?}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(before, (machine.shadow("alice"), machine.hash("alice")));
        let alice = machine.seen().user("alice").unwrap().clone();
        assert_eq!(alice.standing(), standing);
        assert!(alice.given.unwrap().in_doubt);
    }
    let before = (machine.shadow("alice"), machine.hash("alice"));
    machine.run(&set_password("alice", OTHER));
    assert!(before.0 != machine.shadow("alice") && before.1 != machine.hash("alice"));
    assert!(
        machine.shadow("alice").starts_with("alice:!$"),
        "it stays locked"
    );
    machine.run(&of("alice", enable));
    assert!(machine.shadow("alice").starts_with("alice:$"));
}

/// Nothing can be put back any more either.
#[test]
fn a_password_that_is_set_by_half_is_told_as_that() {
    let Some(machine) = Machine::new() else {
        return;
    };
    machine.run(&create_group("family"));
    machine.run(&alice());
    let steps = plan(&machine.seen(), &set_password("alice", OTHER))
        .unwrap()
        .steps;
    let programs = &["smbpasswd", "chpasswd --encrypted"];
    let failing = Failing(Arc::clone(&machine.private), programs);
    let accounts = SystemAccounts::new(machine.root.clone(), Arc::new(failing));
    let stopped = execute(&accounts, &steps).unwrap_err();
    assert!(
        matches!(stopped.cause, BackendError::HalfChanged { .. }),
        "{stopped:?}"
    );
    assert!(stopped.cause.hint().unwrap().contains("again"));
    machine.run(&set_password("alice", OTHER));
    assert!(
        !machine
            .seen()
            .user("alice")
            .unwrap()
            .given
            .as_ref()
            .unwrap()
            .in_doubt
    );
}

/// Nothing was changed then, and there is nothing to put back.
#[test]
fn a_password_that_the_system_does_not_take_is_set_nowhere() {
    let Some(machine) = Machine::new() else {
        return;
    };
    machine.run(&create_group("family"));
    machine.run(&alice());
    let before = (machine.shadow("alice"), machine.hash("alice"));
    let steps = plan(&machine.seen(), &set_password("alice", OTHER)).unwrap();
    let failing = Failing(Arc::clone(&machine.private), &["chpasswd"]);
    let accounts = SystemAccounts::new(machine.root.clone(), Arc::new(failing));
    let stopped = execute(&accounts, &steps.steps).unwrap_err();
    let is_command = matches!(stopped.cause, BackendError::Command(_));
    assert!(is_command, "{stopped:?}");
    assert_eq!(before, (machine.shadow("alice"), machine.hash("alice")));
}

/// What is there before MoxNAS comes.
#[test]
fn users_made_by_hand_are_taken_in() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let by_hand = Cmd::new(Tool::new("useradd")).args(["--password", "$y$x", "dave"]);
    machine.private.run(&by_hand).unwrap();
    let refused = plan(&machine.seen(), &of("dave", disable)).unwrap_err();
    assert_eq!(refused.code(), "account_not_managed");
    machine.run(&of("dave", adopt));
    machine.run(&of("dave", disable));
    assert!(
        machine.shadow("dave").starts_with("dave:!$y$x:"),
        "{}",
        machine.shadow("dave")
    );
    machine.run(&of("dave", enable));
    assert!(
        machine.shadow("dave").starts_with("dave:$y$x:"),
        "{}",
        machine.shadow("dave")
    );
    machine.run(&add_to_samba("dave"));
    assert_eq!(
        machine.seen().user("dave").unwrap().standing(),
        Standing::Enabled
    );
    machine.run(&of("dave", delete));
    assert!(machine.seen().group("dave").is_none());
}
