//! smbd is asked for what was explained: random shares, random trees in them, users and addresses.
//!
//! It runs in namespaces of its own, where `/etc/passwd` is another file and where there are
//! addresses to come from. What was done is seen by what became of the files.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    net::IpAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use moxnas_core::{clock::Stopwatch, root::Root};
use moxnas_shares::{
    access::{
        Answer, Explanation, Facts, IdMap, Machine, PathBackend as _, Protocol, Question, Who,
        Wish, explain, real::SystemPaths,
    },
    accounts::model::{Account, Accounts, Group, Password, SambaUser},
    model::{Intent, Principal, Security, Share, Smb},
    render::{Places, render},
};

use super::{
    dice::{Dice, Forester, People, run},
    kernel::is_root,
};

const ROUNDS: u64 = 3;
const SHARES: usize = 5;
const VISITS: usize = 5;
const PASSWORD: &str = "Correct-Horse-9";
const ADDRESSES: &[&str] = &["127.0.0.1", "10.9.0.1", "10.9.1.2"];
const USERS: &[(&str, u32)] = &[("ann", 61001), ("ben", 61002), ("cat", 61003)];
const GROUPS: &[(&str, u32, &[&str])] = &[
    ("red", 62001, &["ann", "cat"]),
    ("blue", 62002, &["ben", "cat"]),
    ("green", 62003, &[]),
];

#[expect(clippy::disallowed_methods, reason = "what tests need besides MoxNAS")]
fn start(program: &str) -> Command {
    Command::new(program)
}

/// As whom somebody asks.
const VISITORS: &[&str] = &["ann", "ben", "cat", "%", "stranger", "dan"];

/// Who there is. `dan` has no password in Samba.
pub(crate) fn accounts() -> Accounts {
    let named = |name: &str| name.parse().unwrap();
    let user = |name: &str, uid: u32, in_samba: bool| Account {
        name: named(name),
        uid,
        gid: uid,
        full_name: String::new(),
        home: "/nonexistent".to_owned(),
        shell: "/usr/sbin/nologin".to_owned(),
        password: Password::Set,
        expires: None,
        must_change: false,
        groups: GROUPS
            .iter()
            .filter(|(_, _, who)| who.contains(&name))
            .map(|(group, ..)| group.parse().unwrap())
            .collect(),
        keys: Vec::new(),
        samba: in_samba.then_some(SambaUser {
            is_disabled: false,
            expires: None,
            must_change: false,
        }),
        given: None,
    };
    let mut users: Vec<Account> = USERS.iter().map(|(it, uid)| user(it, *uid, true)).collect();
    users.push(user("dan", 61004, false));
    users.push(user("nobody", 65534, false));
    let mut groups: Vec<Group> = GROUPS
        .iter()
        .map(|(name, gid, who)| Group {
            name: name.parse().unwrap(),
            gid: *gid,
            members: who.iter().map(|it| named(it)).collect(),
            given: None,
        })
        .collect();
    groups.extend(users.iter().map(|it| Group {
        name: it.name.as_str().parse().unwrap(),
        gid: it.gid,
        members: Vec::new(),
        given: None,
    }));
    Accounts {
        users,
        groups,
        has_samba: true,
        ..Accounts::default()
    }
}

struct World {
    /// Goes away with it.
    _folder: tempfile::TempDir,
    smbd: Child,
}

impl Drop for World {
    fn drop(&mut self) {
        _ = self.smbd.kill();
        _ = self.smbd.wait();
    }
}

const SCRIPT: &str = "mount --bind \"$0/passwd\" /etc/passwd && mount --bind \"$0/group\" /etc/group && \
                      ip link set lo up && ip addr add 10.9.0.1/32 dev lo && \
                      ip addr add 10.9.1.2/32 dev lo && exec \"$@\"";

fn within(folder: &Path, program: &[&str]) -> Command {
    let mut cmd = start("unshare");
    cmd.args(["--mount", "--net", "--", "sh", "-c", SCRIPT]);
    cmd.arg(folder).args(program);
    cmd
}

impl World {
    fn new(folder: tempfile::TempDir, intent: &Intent, accounts: &Accounts) -> World {
        let at = folder.path();
        let write = |name: &str, text: String| fs::write(at.join(name), text).unwrap();
        let mut passwd = "root:x:0:0::/root:/bin/sh\n".to_owned();
        for it in &accounts.users {
            let (name, uid, gid) = (&it.name, it.uid, it.gid);
            passwd.push_str(&format!("{name}:x:{uid}:{gid}::/nonexistent:/bin/false\n"));
        }
        write("passwd", passwd);
        let mut group = "root:x:0:\n".to_owned();
        for it in &accounts.groups {
            let members: Vec<&str> = it.members.iter().map(|it| it.as_str()).collect();
            group.push_str(&format!("{}:x:{}:{}\n", it.name, it.gid, members.join(",")));
        }
        write("group", group);
        for it in ["private", "state"] {
            fs::create_dir(at.join(it)).unwrap();
        }
        let state = at.join("state").display().to_string();
        let private = at.join("private").display().to_string();
        let main = format!(
            "[global]\n\tsmb ports = 445\n\tdisable netbios = yes\n\
             \tpassdb backend = tdbsam:{private}/passdb.tdb\n\tprivate dir = {private}\n\
             \tlock directory = {state}\n\tstate directory = {state}\n\tcache directory = {state}\n\
             \tpid directory = {state}\n\tncalrpc dir = {state}\n\tinclude = {}\n",
            at.join("moxnas.conf").display(),
        );
        write("smb.conf", main);
        let places = Places::default();
        let files = render(intent, &places).unwrap();
        let ours = files.iter().find(|it| it.path == places.samba).unwrap();
        write("moxnas.conf", ours.text.clone());
        let conf = at.join("smb.conf").display().to_string();
        for (name, _) in USERS {
            let mut child = within(at, &["smbpasswd", "-c", &conf, "-s", "-a", name])
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            let mut stdin = child.stdin.take().unwrap();
            write!(stdin, "{PASSWORD}\n{PASSWORD}\n").unwrap();
            drop(stdin);
            assert!(child.wait().unwrap().success());
        }
        let log = fs::File::create(at.join("log")).unwrap();
        let program = [
            "smbd",
            "--foreground",
            "--no-process-group",
            "--debug-stdout",
            "-s",
            &conf,
        ];
        let smbd = within(at, &program)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let world = World {
            _folder: folder,
            smbd,
        };
        let since = Stopwatch::start();
        while world.client("127.0.0.1", "ann", "IPC$", &[]).is_none() {
            assert!(
                since.elapsed() < Duration::from_secs(60),
                "smbd does not start"
            );
            std::thread::yield_now();
        }
        world
    }

    /// Whether a client can do each of these; `None`: it is not let in.
    fn client(&self, to: &str, who: &str, share: &str, tasks: &[Task]) -> Option<Vec<bool>> {
        let mut child = start("nsenter")
            .arg(format!("--net=/proc/{}/ns/net", self.smbd.id()))
            .args([PYTHON, "-c", CLIENT, to, share, who, PASSWORD])
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // One that is refused reads nothing.
        _ = stdin.write_all(serde_json::to_string(tasks).unwrap().as_bytes());
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// What is to be done, and with what.
type Task = (&'static str, String);

const PYTHON: &str = "/usr/bin/python3";

/// Debian's samba brings a client that asks for one right at a time; smbclient asks for more than
/// it needs.
const CLIENT: &str = r#"
import json, sys
from samba import NTSTATUSError, credentials
from samba.samba3 import libsmb_samba_internal as libsmb, param

host, share, user, password = sys.argv[1:]
tasks = json.load(sys.stdin)
lp = param.get_context()
lp.load("/dev/null")
creds = credentials.Credentials()
creds.guess(lp)
creds.set_kerberos_state(credentials.DONT_USE_KERBEROS)
if user == "%":
    creds.set_anonymous()
else:
    creds.set_username(user)
    creds.set_password(password)
    creds.set_domain("WORKGROUP")
READ, WRITE, CREATE = 1, 2, 2

def do(what, path):
    if what == "list":
        # Of what it cannot look at smbd shows nothing, and complains of nothing.
        return any(it["name"] == "kept" for it in client.list(path))
    elif what == "read":
        client.close(client.create(path, DesiredAccess=READ))
    elif what == "write":
        client.close(client.create(path, DesiredAccess=WRITE))
    elif what == "make":
        client.close(client.create(path, DesiredAccess=WRITE, CreateDisposition=CREATE))
    elif what == "delete":
        client.unlink(path)
    elif what == "rmdir":
        client.rmdir(path)
    else:
        raise ValueError(what)

def can(what, path):
    try:
        return do(what, path) is not False
    except NTSTATUSError as err:
        if err.args[0] not in (0xC0000022, 0xC00000A2, 0xC0000121):
            print(what, path, hex(err.args[0]), file=sys.stderr)
        return False

try:
    client = libsmb.Conn(host, share, lp=lp, creds=creds)
except NTSTATUSError as err:
    print("null")
else:
    print(json.dumps([can(*it) for it in tasks]))
"#;

/// Few lists, or nobody would be let in.
fn shared(dice: &mut Dice) -> Smb {
    let people: Vec<Principal> = ["ann", "ben", "cat", "nobody", "@red", "@blue"]
        .iter()
        .map(|it| it.parse().unwrap())
        .collect();
    let list = |dice: &mut Dice, one_in: usize| match dice.one_in(one_in) {
        true => dice.some(&people, 3),
        false => Vec::new(),
    };
    let hosts = ["127.0.0.1", "10.9.0.0/24", "10.9.1.2", "10.0.0.0/8", "ALL"];
    let hosts: Vec<_> = hosts.iter().map(|it| it.parse().unwrap()).collect();
    let machines = |dice: &mut Dice| match dice.one_in(6) {
        true => dice.some(&hosts, 3),
        false => Vec::new(),
    };
    let (hosts_allow, hosts_deny) = (machines(dice), machines(dice));
    Smb {
        read_only: dice.one_in(3),
        guest: !dice.one_in(3),
        valid_users: list(dice, 3),
        invalid_users: list(dice, 8),
        read_list: list(dice, 3),
        write_list: list(dice, 3),
        hosts_allow,
        hosts_deny,
        force_user: dice.one_in(4).then(|| "ben".parse().unwrap()),
        force_group: dice.one_in(3).then(|| "green".parse().unwrap()),
        ..Smb::default()
    }
}

/// The commands of a visit, and what was explained of each.
struct Visit<'a> {
    facts: Facts,
    question: Question,
    places: &'a [PathBuf],
    root: PathBuf,
}

impl Visit<'_> {
    fn explain(&mut self, path: &Path, wish: Wish) -> Explanation {
        let within = path.strip_prefix(&self.root).unwrap().to_str().unwrap();
        let within: moxnas_shares::access::SharePath = within.parse().unwrap();
        let share = self.root.to_str().unwrap().parse().unwrap();
        let paths = SystemPaths::new(Root::system());
        self.facts.trail = paths.trail(&share, &within, wish.last()).unwrap();
        self.question.path = within;
        self.question.wish = wish;
        explain(&self.question, &self.facts)
    }

    /// What decided it, on one line.
    fn told(&self) -> String {
        let trail = &self.facts.trail;
        let node = |it: &moxnas_shares::access::Node| {
            let acl = it.acl.as_ref().map(|acl| {
                let named = acl
                    .named
                    .iter()
                    .map(|(who, perms)| format!("{who:?}:{perms}"));
                (
                    named.collect::<Vec<_>>(),
                    acl.group.to_string(),
                    acl.mask.map(|it| it.to_string()),
                )
            });
            format!("{}:{} {:o} {acl:?}", it.uid, it.gid, it.mode)
        };
        let nodes = trail.nodes.iter().skip(trail.share).map(node);
        nodes.collect::<Vec<_>>().join(" / ")
    }

    fn windows(&self, path: &Path) -> String {
        let within = path.strip_prefix(&self.root).unwrap().to_str().unwrap();
        within.replace('/', "\\")
    }
}

/// One thing that is tried: what is explained of it.
struct Try {
    task: Task,
    said: Explanation,
    told: String,
    /// What should not be there any more after it.
    goes: Option<PathBuf>,
}

fn tries(visit: &mut Visit<'_>) -> Vec<Try> {
    let mut all = Vec::new();
    let mut ask = |visit: &mut Visit<'_>, what, path: &Path, wish| {
        let said = visit.explain(path, wish);
        all.push(Try {
            task: (what, visit.windows(path)),
            said,
            told: visit.told(),
            goes: (wish == Wish::Delete).then(|| path.to_owned()),
        });
    };
    let places = visit.places;
    let is_void = |it: &Path| it.ends_with("void");
    for path in places {
        match path.is_dir() {
            // What is to be deleted stays empty.
            true if is_void(path) => (),
            true => {
                ask(visit, "list", path, Wish::List);
                ask(visit, "make", &path.join("made"), Wish::Write);
            }
            false => {
                ask(visit, "read", path, Wish::Read);
                ask(visit, "write", path, Wish::Write);
            }
        }
    }
    for path in places {
        match (path.is_dir(), is_void(path)) {
            (true, true) => ask(visit, "rmdir", path, Wish::Delete),
            (true, false) => (),
            (false, _) => ask(visit, "delete", path, Wish::Delete),
        }
    }
    all
}

#[test]
fn smbd_does_what_is_explained() {
    if !is_root() {
        return;
    }
    let has_client = start(PYTHON).args(["-c", "import samba.samba3"]).status();
    if !has_client.is_ok_and(|it| it.success()) {
        println!("skipped: no python3-samba");
        return;
    }
    let accounts = accounts();
    let people = People {
        uids: vec![0, 61001, 61002, 61003, 65534],
        gids: vec![0, 62001, 62002, 62003],
    };
    let (mut asked, mut allowed, mut unknown) = (0, 0, 0);
    let mut by_rule: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for seed in 0..ROUNDS {
        let mut dice = Dice(seed + 1000);
        let folder = tempfile::tempdir_in("/srv").unwrap();
        let at = folder.path().to_owned();
        fs::set_permissions(&at, fs::Permissions::from_mode(0o755)).unwrap();
        let mut intent = Intent::default();
        let mut planted = Vec::new();
        for number in 0..SHARES {
            let path = at.join(format!("share{number}"));
            let mut forester = Forester {
                dice: &mut dice,
                people: &people,
                is_wild: false,
                planted: Vec::new(),
            };
            forester.plant(&path, 2);
            planted.push(forester.planted);
            let name = format!("share{number}").parse().unwrap();
            intent.shares.push(Share {
                smb: Some(shared(&mut dice)),
                ..Share::new(name, path.to_str().unwrap().parse().unwrap())
            });
        }
        let world = World::new(folder, &intent, &accounts);
        for (share, places) in intent.shares.iter().zip(&planted) {
            let root = PathBuf::from(share.path.as_str());
            let backup = at.join("backup");
            for _ in 0..VISITS {
                let (who, address) = (*dice.pick(VISITORS), *dice.pick(ADDRESSES));
                run(
                    "cp",
                    &["-a", root.to_str().unwrap(), backup.to_str().unwrap()],
                );
                let mut visit = Visit {
                    facts: Facts {
                        intent: intent.clone(),
                        accounts: accounts.clone(),
                        ids: IdMap::default(),
                        ..Facts::default()
                    },
                    question: Question {
                        who: match who {
                            "%" => Who::Guest,
                            name => Who::User(name.parse().unwrap()),
                        },
                        by: Protocol::Smb,
                        from: Some(Machine {
                            address: address.parse::<IpAddr>().unwrap(),
                            name: None,
                        }),
                        security: Security::Sys,
                        share: share.name.clone(),
                        path: Default::default(),
                        wish: Wish::List,
                    },
                    places,
                    root: root.clone(),
                };
                let all = tries(&mut visit);
                let tasks: Vec<Task> = all.iter().map(|it| it.task.clone()).collect();
                let done = world.client(address, who, share.name.as_str(), &tasks);
                let done = done.unwrap_or_else(|| vec![false; tasks.len()]);
                for (it, is_done) in all.into_iter().zip(done) {
                    let is_gone = it.goes.as_ref().map(|it| !it.exists());
                    assert_eq!(is_gone.unwrap_or(is_done), is_done, "{:?}", it.task);
                    let is_allowed = it.said.is_allowed();
                    if it.said.answer == Answer::Unknown {
                        unknown += 1;
                        continue;
                    }
                    asked += 1;
                    allowed += usize::from(is_done);
                    let denied = it.said.denied_by();
                    if let Some(link) = denied {
                        *by_rule.entry(link.rule.code()).or_default() += 1;
                    }
                    if is_done != is_allowed {
                        wrong.push(format!(
                            "round {seed}, {}, {who} from {address}: {:?}: done {is_done}, {:?} {}",
                            share.name,
                            it.task,
                            denied.map(|it| (it.rule, &it.because, &it.at)),
                            it.told
                        ));
                    }
                }
                fs::remove_dir_all(&root).unwrap();
                fs::rename(&backup, &root).unwrap();
            }
        }
        drop(world);
    }
    println!("{asked} questions, {allowed} allowed, {unknown} not known, denied by {by_rule:?}");
    for it in &wrong {
        println!("{it}");
    }
    assert!(wrong.is_empty(), "{} wrong", wrong.len());
    assert!(asked > 2000 && allowed > asked / 10, "{asked} {allowed}");
}
