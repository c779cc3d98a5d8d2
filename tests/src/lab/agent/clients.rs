//! Clients of the guest's own daemons. What they type as a password comes by their environment or
//! their input, where no list of processes shows it.

use std::{
    fs,
    io::Write as _,
    process::{Child, Command, Output, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use moxnas_shares::sessions::{Session, SessionBackend as _, real::SystemSessions};

use crate::conformance::shares::{By, Doing, Key, TOP, Told, Visit};

/// What is put is here before, and what is got after.
const FOLDER: &str = "/run/lab-clients";
const MOUNT: &str = "/run/lab-clients/mount";

/// Who stays connected, with the protocol and the name.
struct Staying {
    by: By,
    user: Option<String>,
    child: Option<Child>,
}

static STAYING: Mutex<Vec<Staying>> = Mutex::new(Vec::new());

fn staying() -> MutexGuard<'static, Vec<Staying>> {
    STAYING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many have come and not left.
pub(super) fn staying_count() -> usize {
    staying().len()
}

pub(super) fn visit(visit: &Visit) -> Result<Told<String>> {
    fs::create_dir_all(MOUNT)?;
    match &visit.doing {
        Doing::Stay => stay(visit),
        Doing::Leave => {
            leave(visit)?;
            Ok(Ok("done".to_owned()))
        }
        _ => match visit.by {
            By::Smb => smb(visit),
            By::Ftp | By::Sftp => curl(visit),
            By::Nfs => nfs(visit),
        },
    }
}

/// Types `passwd`, or what does the same without asking for it twice.
pub(super) fn passwd(user: &str, key: Key) -> Result<()> {
    let line = format!("{user}:{}\n", key.password().reveal());
    let said = fed(&mut Command::new("chpasswd"), &line)?;
    if !said.status.success() {
        bail!("chpasswd: {}", String::from_utf8_lossy(&said.stderr));
    }
    Ok(())
}

fn fed(command: &mut Command, input: &str) -> Result<Output> {
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context("a client cannot be started")?;
    let mut stdin = child.stdin.take().context("no input")?;
    // One that is refused reads nothing.
    _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    Ok(child.wait_with_output()?)
}

fn no(why: &str) -> Result<Told<String>> {
    Ok(Err(why.to_owned()))
}

fn done() -> Result<Told<String>> {
    Ok(Ok("done".to_owned()))
}

/// What was read.
fn got(bytes: &[u8]) -> Result<Told<String>> {
    Ok(Ok(format!("{:?}", String::from_utf8_lossy(bytes))))
}

fn listed(mut names: Vec<String>) -> Result<Told<String>> {
    names.retain(|it| it != "." && it != "..");
    names.sort_unstable();
    Ok(Ok(match names.is_empty() {
        true => "nothing".to_owned(),
        false => names.join(" "),
    }))
}

fn smbclient(visit: &Visit) -> Command {
    let mut client = Command::new("smbclient");
    client.args(["--configfile=/dev/null", "--max-protocol=SMB3"]);
    match &visit.user {
        Some(user) => {
            client.arg(format!("--user={user}"));
            client.env("PASSWD", visit.key.password().reveal());
        }
        None => _ = client.arg("--user=%"),
    }
    client.arg(format!("//127.0.0.1/{}", visit.share));
    client
}

fn smb(visit: &Visit) -> Result<Told<String>> {
    let (here, there) = (format!("{FOLDER}/put"), format!("{FOLDER}/got"));
    let command = match &visit.doing {
        Doing::List => "ls".to_owned(),
        Doing::Get { file } => format!("get {file} {there}"),
        Doing::Put { file, text } => {
            fs::write(&here, text)?;
            format!("put {here} {file}")
        }
        Doing::Remove { file } => format!("del {file}"),
        Doing::MakeFolder { folder } => format!("mkdir {folder}"),
        Doing::Stay | Doing::Leave => "exit".to_owned(),
    };
    let said = smbclient(visit)
        .arg(format!("--command={command}"))
        .stdin(Stdio::null())
        .output()?;
    let text = String::from_utf8_lossy(&said.stdout) + String::from_utf8_lossy(&said.stderr);
    if let Some(why) = smb_refusal(&text)? {
        return no(why);
    }
    match &visit.doing {
        Doing::Get { .. } => got(&fs::read(&there)?),
        Doing::List => {
            let names = text.lines().filter(|it| it.starts_with("  "));
            let names = names.filter_map(|it| it.split_whitespace().next());
            listed(names.map(str::to_owned).collect())
        }
        _ => done(),
    }
}

/// Why not, in the words of scenarios. What nobody has seen before is an error.
fn smb_refusal(said: &str) -> Result<Option<&'static str>> {
    const WORDS: [(&str, &str); 13] = [
        ("NT_STATUS_CONNECTION_REFUSED", "nobody answers"),
        ("NT_STATUS_LOGON_FAILURE", "not let in"),
        ("NT_STATUS_ACCOUNT_DISABLED", "not let in"),
        ("NT_STATUS_ACCOUNT_EXPIRED", "not let in"),
        ("NT_STATUS_ACCOUNT_LOCKED_OUT", "not let in"),
        ("NT_STATUS_PASSWORD_MUST_CHANGE", "not let in"),
        ("NT_STATUS_PASSWORD_EXPIRED", "not let in"),
        ("NT_STATUS_BAD_NETWORK_NAME", "no such share"),
        ("NT_STATUS_ACCESS_DENIED", "denied"),
        ("NT_STATUS_MEDIA_WRITE_PROTECTED", "denied"),
        ("NT_STATUS_OBJECT_NAME_NOT_FOUND", "denied"),
        ("NT_STATUS_NO_SUCH_FILE", "denied"),
        ("NT_STATUS_OBJECT_NAME_COLLISION", "denied"),
    ];
    let found = WORDS.iter().find(|(word, _)| said.contains(word));
    match found {
        Some((_, why)) => Ok(Some(why)),
        None if said.contains("NT_STATUS_") => bail!("smbclient said: {said}"),
        None => Ok(None),
    }
}

fn curl(visit: &Visit) -> Result<Told<String>> {
    let (here, there) = (format!("{FOLDER}/put"), format!("{FOLDER}/got"));
    let scheme = match visit.by {
        By::Ftp => "ftp",
        _ => "sftp",
    };
    let user = visit.user.as_deref().unwrap_or("anonymous");
    let share = &visit.share;
    let at = format!("{scheme}://127.0.0.1/{share}");
    let mut client = Command::new("curl");
    client.args(["--silent", "--show-error", "--insecure", "--config", "-"]);
    client.args(["--output", &there]);
    _ = fs::remove_file(&there);
    match &visit.doing {
        Doing::List => _ = client.args(["--list-only", &format!("{at}/")]),
        Doing::Get { file } => _ = client.arg(format!("{at}/{file}")),
        Doing::Put { file, text } => {
            fs::write(&here, text)?;
            client.args(["--upload-file", &here, &format!("{at}/{file}")]);
        }
        Doing::Remove { file } => {
            let order = match visit.by {
                By::Ftp => format!("DELE /{share}/{file}"),
                _ => format!("rm /{share}/{file}"),
            };
            client.args(["--quote", &order, &format!("{scheme}://127.0.0.1/")]);
        }
        Doing::MakeFolder { folder } => {
            let order = match visit.by {
                By::Ftp => format!("MKD /{share}/{folder}"),
                _ => format!("mkdir /{share}/{folder}"),
            };
            client.args(["--quote", &order, &format!("{scheme}://127.0.0.1/")]);
        }
        Doing::Stay | Doing::Leave => (),
    }
    let password = visit.key.password();
    let said = fed(
        &mut client,
        &format!("user = \"{user}:{}\"\n", password.reveal()),
    )?;
    let read = || fs::read(&there).unwrap_or_default();
    match said.status.code() {
        Some(0) => match &visit.doing {
            Doing::Get { .. } => got(&read()),
            Doing::List => {
                let text = String::from_utf8_lossy(&read()).into_owned();
                listed(text.lines().map(str::to_owned).collect())
            }
            _ => done(),
        },
        Some(7) => no("nobody answers"),
        Some(67) => no("not let in"),
        // What cannot be come to, written, found or done.
        Some(9 | 19 | 21 | 25 | 78 | 79) => no("denied"),
        other => bail!(
            "curl ended with {other:?}: {}",
            String::from_utf8_lossy(&said.stderr)
        ),
    }
}

/// Mounts an export; what keeps it from that.
fn mount(visit: &Visit) -> Result<Option<&'static str>> {
    let said = Command::new("mount")
        .args([
            "-t",
            "nfs",
            "-o",
            "vers=4.2,soft,timeo=30,retrans=1,retry=0,noac",
        ])
        .arg(format!("127.0.0.1:{TOP}/{}", visit.share))
        .arg(MOUNT)
        .output()?;
    if said.status.success() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&said.stderr).into_owned();
    let any = |words: &[&str]| words.iter().any(|it| text.contains(it));
    if any(&[
        "No such file",
        "access denied",
        "Permission denied",
        "Operation not permitted",
    ]) {
        Ok(Some("no such share"))
    } else if any(&[
        "mount system call failed",
        "Connection refused",
        "timed out",
    ]) {
        Ok(Some("nobody answers"))
    } else {
        bail!("mount said: {text}")
    }
}

fn unmount() -> Result<()> {
    let said = Command::new("umount").arg(MOUNT).output()?;
    if !said.status.success() {
        bail!("umount: {}", String::from_utf8_lossy(&said.stderr));
    }
    Ok(())
}

fn nfs(visit: &Visit) -> Result<Told<String>> {
    if let Some(why) = mount(visit)? {
        return no(why);
    }
    let came = in_mount(visit);
    unmount()?;
    came
}

fn in_mount(visit: &Visit) -> Result<Told<String>> {
    let script = match &visit.doing {
        Doing::List => "ls -A .".to_owned(),
        Doing::Get { file } => format!("cat {file}"),
        Doing::Put { file, .. } => format!("umask 022; cat >{file}"),
        Doing::Remove { file } => format!("rm {file}"),
        Doing::MakeFolder { folder } => format!("umask 022; mkdir {folder}"),
        Doing::Stay | Doing::Leave => "true".to_owned(),
    };
    let text = match &visit.doing {
        Doing::Put { text, .. } => text.as_str(),
        _ => "",
    };
    let user = visit.user.as_deref().context("NFS has no guests")?;
    let mut client = Command::new("runuser");
    client.args(["-u", user, "--", "sh", "-c"]);
    client.arg(format!("cd {MOUNT} && {script}"));
    let said = fed(&mut client, text)?;
    let errors = String::from_utf8_lossy(&said.stderr);
    if !said.status.success() {
        let words = [
            "Permission denied",
            "Read-only file system",
            "No such file",
            "cannot open",
        ];
        return match words.iter().any(|it| errors.contains(it)) {
            true => no("denied"),
            false => bail!("in the mount: {errors}"),
        };
    }
    match &visit.doing {
        Doing::Get { .. } => got(&said.stdout),
        Doing::List => {
            let text = String::from_utf8_lossy(&said.stdout).into_owned();
            listed(text.lines().map(str::to_owned).collect())
        }
        _ => done(),
    }
}

/// Connects and reads its input, which does not end, until it is told to go.
fn stay(visit: &Visit) -> Result<Told<String>> {
    if visit.by == By::Nfs {
        if let Some(why) = mount(visit)? {
            return no(why);
        }
        staying().push(Staying {
            by: visit.by,
            user: visit.user.clone(),
            child: None,
        });
        return done();
    }
    // Whether it gets in at all is asked as by anybody else.
    let first = Visit {
        doing: Doing::List,
        ..visit.clone()
    };
    let came = match visit.by {
        By::Smb => smb(&first)?,
        _ => curl(&first)?,
    };
    if let Err(why) = came {
        return no(&why);
    }
    let output = format!("{FOLDER}/staying-{}", staying().len());
    let mut client = match visit.by {
        By::Smb => smbclient(visit),
        _ => sftp(visit)?,
    };
    let file = fs::File::create(&output)?;
    client
        .stdin(Stdio::piped())
        .stdout(file.try_clone()?)
        .stderr(file);
    let mut child = client.spawn()?;
    // It has connected by the time its daemon knows of it.
    let others = staying().len();
    let began = Instant::now();
    loop {
        let now = SystemSessions::system().observe()?.sessions;
        let is_in = |it: &Session| visit.by != By::Smb || !it.shares.is_empty();
        if now.len() > others && now.iter().all(is_in) {
            break;
        }
        if began.elapsed() > Duration::from_secs(60) || child.try_wait()?.is_some() {
            bail!("it does not connect: {}", fs::read_to_string(&output)?);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    staying().push(Staying {
        by: visit.by,
        user: visit.user.clone(),
        child: Some(child),
    });
    done()
}

/// What asks for a password is told by a program that knows it from its environment.
fn sftp(visit: &Visit) -> Result<Command> {
    let ask = format!("{FOLDER}/ask");
    fs::write(&ask, "#!/bin/sh\nprintf '%s\\n' \"$LAB_PASSWORD\"\n")?;
    fs::set_permissions(&ask, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    let mut client = Command::new("sftp");
    client.env("SSH_ASKPASS", &ask);
    client.env("SSH_ASKPASS_REQUIRE", "force");
    client.env("LAB_PASSWORD", visit.key.password().reveal());
    client.args([
        "-q",
        "-oStrictHostKeyChecking=no",
        "-oUserKnownHostsFile=/dev/null",
    ]);
    let user = visit.user.as_deref().context("SFTP has no guests")?;
    client.arg(format!("{user}@127.0.0.1"));
    Ok(client)
}

fn leave(visit: &Visit) -> Result<()> {
    let mut all = staying();
    let (gone, stay): (Vec<_>, Vec<_>) = std::mem::take(&mut *all)
        .into_iter()
        .partition(|it| it.by == visit.by && it.user == visit.user);
    *all = stay;
    for it in gone {
        match it.child {
            None => unmount()?,
            Some(mut child) => {
                drop(child.stdin.take());
                child.wait()?;
            }
        }
    }
    Ok(())
}
